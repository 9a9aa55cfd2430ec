// SPDX-License-Identifier: GPL-2.0-only
/* Which handshakes share a limit: those with one service, and those of one user. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/ctx.h"
#include "lib/half.h"
#include "lib/own.h"

/* ---- services ---- */

#define POOL 32
#define FLOOD 60
#define HONEST 8

static struct own own;

static int setup_services(void **state)
{
	const char *const limits = *state;

	t_setup(state);
	own_namespace();
	half_addresses();
	own_start(&own, limits);
	ctx_dial(&ctx_sock, own.context);
	return 0;
}

static int teardown_services(void **state)
{
	(void)state;
	ctx_hang_up(&ctx_sock);
	own_end(&own);
	return 0;
}

/**
 * struct honest - a handshake that takes its time
 * @ctx: the client's
 * @half: the server's socket, and the client's
 */
struct honest {
	struct ctx ctx;
	struct half half;
};

/* The server has the ClientHello, but for the last byte. */
static void honest_begin(struct honest *honest, int listener, const struct t_addr *addr,
			 const char *from)
{
	honest->half.peer = half_connect(addr, from);
	ctx_open(&honest->ctx, &ctx_sock, KSC_ROLE_CLIENT, &t_client);
	ctx_step(&honest->ctx, NULL, 0);
	assert_int_equal(honest->ctx.last.status, KSC_STATUS_CONTINUE_NEEDED);
	t_send(honest->half.peer, honest->ctx.last.token, honest->ctx.last.token_len - 1);
	honest->half.fd = t_accept(listener);
}

/* Comes to its end, and data moves. */
static void honest_finish(struct honest *honest)
{
	struct ctx *ctx = &honest->ctx;
	uint8_t buf[KSC_MAX_TOKEN];
	size_t len;

	t_send(honest->half.peer, ctx->last.token + ctx->last.token_len - 1, 1);
	do {
		len = (size_t)SYS(recv(honest->half.peer, buf, sizeof(buf), 0));
		assert_int_not_equal(len, 0);
		ctx_feed(ctx, buf, len);
		t_send(honest->half.peer, ctx->last.token, ctx->last.token_len);
	} while (ctx->last.status == KSC_STATUS_CONTINUE_NEEDED ||
		 ctx->last.status == KSC_STATUS_INCOMPLETE_MESSAGE);
	assert_int_equal(ctx->last.status, KSC_STATUS_OK);
	ctx_attach(ctx, honest->half.peer);
	t_exchange(honest->half.peer, honest->half.fd);
}

/* A worker of a service that listens at all addresses. */
static int listen_worker(in_port_t port, struct t_addr *addr)
{
	const struct t_opts server = { .timeout = KSC_MAX_HANDSHAKE_TIMEOUT };
	int fd = t_socket(AF_INET, &server), one = 1;

	half_address(addr, "0.0.0.0", port);
	SYS(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)));
	SYS(bind(fd, (struct sockaddr *)&addr->ss, addr->len));
	SYS(listen(fd, 256));
	SYS(getsockname(fd, (struct sockaddr *)&addr->ss, &addr->len));
	return fd;
}

/**
 * struct service - what is flooded: two processes, at all addresses of ours
 * @workers: listeners
 * @port: in the network's order
 */
struct service {
	int workers[2];
	in_port_t port;
};

static void service_open(struct service *service)
{
	struct t_addr addr;

	service->workers[0] = listen_worker(0, &addr);
	service->port = ((struct sockaddr_in *)&addr.ss)->sin_port;
	service->workers[1] = listen_worker(service->port, &addr);
}

/* Whichever of them it comes to. */
static int service_accept(const struct service *service)
{
	struct pollfd ready[2] = { { .fd = service->workers[0], .events = POLLIN },
				   { .fd = service->workers[1], .events = POLLIN } };

	assert_int_equal(SYS(poll(ready, 2, PATIENCE_S * 1000)), 1);
	return t_accept(service->workers[ready[0].revents ? 0 : 1]);
}

/* Each from a prefix of its own, to one of our addresses after the other. */
static struct half service_flood(const struct service *service, unsigned int i)
{
	char to[INET_ADDRSTRLEN], from[INET_ADDRSTRLEN];
	struct t_addr addr;
	struct half half;

	snprintf(to, sizeof(to), "10.1.0.%u", i % 3 + 1);
	snprintf(from, sizeof(from), "10.2.1.%u", i + 1);
	half_address(&addr, to, service->port);
	half.peer = half_connect(&addr, from);
	half_hello(half.peer);
	half.fd = service_accept(service);
	return half;
}

static const char unlimited[] = "[limits]\nhandshakes = 32\nclient-reserve = 0\n"
				"handshakes-per-listener = 32\n";
static const char limited[] = "[limits]\nhandshakes = 32\nclient-reserve = 0\n";

/*
 * A service that the whole world floods; another's clients had begun before, and take their
 * time. They finish, unless the first one may have all that there is.
 */
static void test_services(void **state)
{
	static struct honest honest[HONEST];
	const bool whole = *state == unlimited;
	const unsigned int most = whole ? POOL : POOL / 2;
	struct half halves[FLOOD];
	struct service flooded;
	struct t_addr addr;
	int quiet = half_listen("10.1.0.1", &addr);

	service_open(&flooded);
	assert_int_equal(tnl_counter(KSC_A_STATS_LIMIT_PER_LISTENER), most);
	memset(honest, 0, sizeof(honest));
	for (unsigned int i = 0; i < HONEST; i++) {
		char from[INET_ADDRSTRLEN];

		snprintf(from, sizeof(from), "10.2.2.%u", i + 1);
		honest_begin(&honest[i], quiet, &addr, from);
	}
	half_await(HONEST);
	for (unsigned int i = 0; i < FLOOD; i++) {
		halves[i] = service_flood(&flooded, i);
		/* in this order: they begin in workers */
		half_await_begun(HONEST + i + 1);
	}
	/* the oldest, each for one that was new */
	tnl_await_counter(KSC_A_STATS_EVICTED_LISTENER, FLOOD - most);
	tnl_await_counter(KSC_A_STATS_EVICTED_ALL, whole ? HONEST : 0);
	half_await(whole ? POOL : POOL / 2 + HONEST);
	/* they are notified a moment later */
	tnl_await_counter(KSC_A_STATS_HANDSHAKES_FAILED, FLOOD - most + (whole ? HONEST : 0));
	half_await_evicted(halves, FLOOD - most, FLOOD - most);
	if (whole) {
		for (unsigned int i = 0; i < HONEST; i++)
			half_await_evicted(&honest[i].half, 1, 1);
	} else {
		for (unsigned int i = 0; i < HONEST; i++)
			honest_finish(&honest[i]);
		/* the other ends are contexts, not sockets of the module */
		assert_int_equal(tnl_counter(KSC_A_STATS_HANDSHAKES_OK), HONEST);
	}
	assert_int_equal(half_count_evicted(halves + FLOOD - most, most), 0);
	assert_int_equal(tnl_counter(KSC_A_STATS_EVICTED_PREFIX), 0);
	assert_int_equal(tnl_counter(KSC_A_STATS_REFUSED_LISTENER), 0);
	for (unsigned int i = 0; i < HONEST; i++)
		half_end(&honest[i].half);
	for (unsigned int i = 0; i < FLOOD; i++)
		half_end(&halves[i]);
	for (int i = 0; i < 2; i++)
		close(flooded.workers[i]);
	close(quiet);
	half_await(0);
}

/* Where all clients of a service have answered, it is its newest that goes. */
static void test_service_proven(void **state)
{
	static const struct half_limit limits[] = { { KSC_A_LIMITS_HANDSHAKES, 8 },
						    { KSC_A_LIMITS_CLIENT_RESERVE, 0 },
						    { KSC_A_LIMITS_PER_LISTENER, 2 }, { 0 } };
	struct half halves[8];
	struct t_addr addr[3];
	int listeners[3];

	(void)state;
	half_limits(limits, NULL, 0);
	for (int i = 0; i < 3; i++)
		listeners[i] = half_listen("10.1.0.1", &addr[i]);
	/* up to a half of everything, with as many as it wants */
	for (int i = 0; i < 7; i++) {
		const int at = i < 4 ? 0 : i / 2 - 1;

		halves[i] = half_from(listeners[at], &addr[at], "10.1.0.2");
		half_answer(KSC_STATUS_CONTINUE_NEEDED, "hello", true);
		t_expect(halves[i].peer, "hello");
		t_send(halves[i].peer, "\x16\x03\x03\x00\x01\x02", 6);
		half_answer(KSC_STATUS_CONTINUE_NEEDED, NULL, true);
	}
	halves[7] = half_from(listeners[0], &addr[0], "10.1.0.2");
	t_wait(halves[7].fd, POLLERR);
	t_expect_error(halves[7].fd, KSC_STATUS_OVERLOADED, EBUSY);
	assert_int_equal(tnl_counter(KSC_A_STATS_REFUSED_LISTENER), 1);
	assert_int_equal(tnl_counter(KSC_A_STATS_EVICTED_LISTENER), 0);
	assert_int_equal(half_count_evicted(halves, 7), 0);
	for (int i = 0; i < 8; i++)
		half_end(&halves[i]);
	for (int i = 0; i < 3; i++)
		close(listeners[i]);
	half_await(0);
}

/* ---- users ---- */

#define PER_USER 8
#define OWNER 1000
#define OTHER 1001

/**
 * struct place - a network namespace, of which the test is the daemon
 * @ns: a descriptor of it
 * @nl: the daemon's
 * @listener: the server, which sends nothing
 * @addr: its address
 * @pid: a process of the user namespace that owns it
 * @fd: a socket that this one has opened, which is in the first network namespace
 * @halves: handshakes, the oldest first
 * @n: number of handshakes
 */
struct place {
	int ns;
	struct tnl_conn nl;
	int listener;
	struct t_addr addr;
	pid_t pid;
	int fd;
	struct half halves[3 * PER_USER];
	unsigned int n;
};

/* That of the machine, where the test begins */
static int first;

static void enter(int ns)
{
	SYS(setns(ns, CLONE_NEWNET));
}

/* A process with namespaces of its own, made by a user. */
static int hold(unsigned int uid, int flags, int via)
{
	int fd;

	if (setresgid(uid, uid, uid) || setresuid(uid, uid, uid) || unshare(flags))
		return 1;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || write(via, &fd, sizeof(fd)) != sizeof(fd))
		return 2;
	pause();
	return 3;
}

static void place_make(struct place *place, unsigned int uid, int flags)
{
	char path[64];
	int via[2], pidfd, fd;

	memset(place, 0, sizeof(*place));
	SYS(pipe2(via, O_CLOEXEC));
	place->pid = (pid_t)SYS(fork());
	if (!place->pid)
		_exit(hold(uid, flags, via[1]));
	close(via[1]);
	assert_int_equal(SYS(read(via[0], &fd, sizeof(fd))), sizeof(fd));
	close(via[0]);
	pidfd = (int)SYS(syscall(SYS_pidfd_open, place->pid, 0));
	place->fd = (int)SYS(syscall(SYS_pidfd_getfd, pidfd, fd, 0));
	close(pidfd);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", place->pid);
	place->ns = (int)SYS(open(path, O_RDONLY | O_CLOEXEC));
	enter(place->ns);
	if (flags & CLONE_NEWNET) {
		/* its owner may raise the limits of the namespace */
		const struct half_limit much = { KSC_A_LIMITS_PER_USER, 10 * PER_USER };
		struct nl_msg *msg;

		assert_int_equal(t_shell("ip link set lo up"), 0);
		assert_true(tnl_open(&place->nl));
		assert_int_equal(tnl_register(&place->nl), 0);
		msg = tnl_request(&place->nl, KSC_CMD_LIMITS_SET);
		nla_put_u32(msg, much.attr, much.value);
		assert_int_equal(tnl_do(&place->nl, msg), 0);
	}
	place->listener = t_listen(AF_INET, NULL, &place->addr);
	enter(first);
}

/* A handshake more; each of them has another uid. */
static void place_begin(struct place *place)
{
	assert_in_range(place->n, 0, ARRAY_SIZE(place->halves) - 1);
	enter(place->ns);
	place->halves[place->n] = half_client(place->listener, &place->addr,
					      place->n % 4 ? 100000 + place->n % 4 : OWNER);
	place->n++;
	/* it is younger than those before: they begin in workers */
	tnl_await_at_least(KSC_A_STATS_OFFERS, place->n);
	enter(first);
}

static void place_expect(const struct place *place, unsigned int gone)
{
	for (unsigned int i = 0; i < place->n; i++) {
		const int fd = place->halves[i].fd;

		if (i < gone) {
			t_wait(fd, POLLERR);
			t_expect_error(fd, KSC_STATUS_OVERLOADED, EBUSY);
		} else {
			t_expect_error(fd, KSC_STATUS_OK, 0);
		}
	}
}

static uint64_t counter_in(const struct place *place, int attr)
{
	uint64_t value;

	enter(place->ns);
	value = tnl_counter(attr);
	enter(first);
	return value;
}

static void place_end(struct place *place)
{
	int status;

	for (unsigned int i = 0; i < place->n; i++)
		half_end(&place->halves[i]);
	if (place->nl.sk)
		tnl_close(&place->nl);
	close(place->listener);
	close(place->fd);
	close(place->ns);
	SYS(kill(place->pid, SIGKILL));
	SYS(waitpid(place->pid, &status, 0));
}

/* Of the machine, by its first network namespace */
static void limit_users(uint32_t most)
{
	const struct half_limit limits[] = { { most ? KSC_A_LIMITS_PER_USER : 0, most }, { 0 } };

	assert_true(tnl_open(&half_nl));
	half_limits(limits, NULL, 0);
	tnl_close(&half_nl);
}

static int setup_users(void **state)
{
	t_setup(state);
	enter(first);
	limit_users(PER_USER);
	return 0;
}

static int teardown_users(void **state)
{
	(void)state;
	enter(first);
	limit_users(0);
	return 0;
}

/* Namespaces and uids that a user makes are all the same user. */
static void test_owner(void **state)
{
	struct place a, b, other;

	(void)state;
	place_make(&other, OTHER, CLONE_NEWUSER | CLONE_NEWNET);
	place_make(&a, OWNER, CLONE_NEWUSER | CLONE_NEWNET);
	place_make(&b, OWNER, CLONE_NEWUSER | CLONE_NEWNET);
	for (int i = 0; i < PER_USER; i++)
		place_begin(&other);
	for (int i = 0; i < PER_USER; i++)
		place_begin(i % 2 ? &b : &a);
	place_expect(&a, 0);
	place_expect(&b, 0);
	/* the oldest, in any namespace; the eviction counts in that of the new one */
	for (int i = 0; i < 3; i++)
		place_begin(&b);
	place_expect(&a, 2);
	place_expect(&b, 1);
	place_expect(&other, 0);
	assert_int_equal(counter_in(&b, KSC_A_STATS_EVICTED_USER), 3);
	assert_int_equal(counter_in(&a, KSC_A_STATS_EVICTED_USER), 0);
	assert_int_equal(counter_in(&a, KSC_A_STATS_HANDSHAKES), 2);
	place_begin(&other);
	place_expect(&other, 1);
	place_end(&a);
	place_end(&b);
	place_end(&other);
}

/* So is a socket of a user namespace that has no network of its own. */
static void test_owner_of_file(void **state)
{
	const uint64_t before = tnl_counter(KSC_A_STATS_EVICTED_USER);
	struct place a, b;
	struct half half;

	(void)state;
	place_make(&a, OWNER, CLONE_NEWUSER | CLONE_NEWNET);
	place_make(&b, OWNER, CLONE_NEWUSER);
	for (int i = 0; i < PER_USER; i++)
		place_begin(&a);
	half.fd = b.fd;
	SYS(fchown(half.fd, OTHER, OTHER));
	t_nonblock(half.fd, true);
	t_attach(half.fd);
	FAILS(connect(half.fd, (struct sockaddr *)&b.addr.ss, b.addr.len), EINPROGRESS);
	half.peer = t_accept(b.listener);
	place_expect(&a, 1);
	assert_false(half_evicted(&half));
	assert_int_equal(tnl_counter(KSC_A_STATS_EVICTED_USER), before + 1);
	close(half.peer);
	place_end(&a);
	place_end(&b);
}

/* Those that root has made are containers: each is one user. */
static void test_containers(void **state)
{
	struct place a, b;

	(void)state;
	place_make(&a, 0, CLONE_NEWUSER | CLONE_NEWNET);
	place_make(&b, 0, CLONE_NEWUSER | CLONE_NEWNET);
	for (int i = 0; i < PER_USER; i++) {
		place_begin(&a);
		place_begin(&b);
	}
	place_expect(&a, 0);
	place_expect(&b, 0);
	place_begin(&b);
	place_expect(&a, 0);
	place_expect(&b, 1);
	place_end(&a);
	place_end(&b);
}

#define SERVICES(name, limits)                                                                     \
	{                                                                                          \
		name, test_services, setup_services, teardown_services, (void *)(limits)           \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVICES("two services, without a limit", unlimited),
		SERVICES("two services, with a limit", limited),
		cmocka_unit_test_setup_teardown(test_service_proven, half_setup, half_teardown),
		cmocka_unit_test_setup_teardown(test_owner, setup_users, teardown_users),
		cmocka_unit_test_setup_teardown(test_owner_of_file, setup_users, teardown_users),
		cmocka_unit_test_setup_teardown(test_containers, setup_users, teardown_users),
	};

	first = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return T_RUN(tests);
}
