// SPDX-License-Identifier: GPL-2.0
/*
 * Memory runs out: of each operation, every allocation that the module has done for it
 * fails once. The operation fails cleanly or copes, and can be done again. Whether
 * something was lost or broken is for the debug kernel to say, which alone can do this.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <time.h>
#include <unistd.h>

#include "fault.h"
#include "lib/kschannel.h"
#include "nl.h"
#include "own.h"
#include "wire.h"

#define BULK 20000

/* ---- sockets, with the daemon ---- */

static int fd = -1, fds[2];

static void make_plain(void)
{
	fd = t_plain(AF_INET);
}

static int act_attach(void)
{
	return setsockopt(fd, IPPROTO_TCP, TCP_ULP, KSC_ULP_NAME, strlen(KSC_ULP_NAME));
}

static void after_attach(int error)
{
	if (error)
		SYS(act_attach());
	SYS(close(fd));
}

static int act_socket(void)
{
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_KSCHANNEL);
	return fd < 0 ? -1 : 0;
}

static void after_socket(int error)
{
	if (error)
		SYS(act_socket());
	t_set_opts(fd, &t_client);
	SYS(close(fd));
}

static void make_socket(void)
{
	fd = t_socket(AF_INET, &t_server);
}

static int act_options(void)
{
	return setsockopt(fd, SOL_KSCHANNEL, KSC_SERVER_NAME, "server.test", 11) ||
	       setsockopt(fd, SOL_KSCHANNEL, KSC_CREDENTIAL, "server", 6) ||
	       setsockopt(fd, SOL_KSCHANNEL, KSC_ALPN, "\2h2\10http/1.1", 12) ?
		       -1 :
		       0;
}

static void after_options(int error)
{
	char name[KSC_MAX_NAME + 1] = "";
	socklen_t len = sizeof(name);

	if (error)
		SYS(act_options());
	SYS(getsockopt(fd, SOL_KSCHANNEL, KSC_CREDENTIAL, name, &len));
	assert_memory_equal(name, "server", 6);
	SYS(close(fd));
}

static int act_listen(void)
{
	return listen(fd, 8);
}

static void after_listen(int error)
{
	if (error)
		SYS(act_listen());
	SYS(close(fd));
}

/* Servers that go on to the end of what they get, until one is told to be the last */
static int listener = -1;
static struct t_addr addr;
static pthread_t thread;

static void *serve(void *arg)
{
	bool more = true;

	(void)arg;
	while (more) {
		int child = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		char buf[64];
		ssize_t n;

		if (child < 0)
			continue;
		while ((n = recv(child, buf, sizeof(buf), 0)) > 0) {
			more = buf[0] != 'q';
			if (send(child, buf, (size_t)n, MSG_NOSIGNAL) != n)
				break;
		}
		close(child);
	}
	return NULL;
}

static void make_client(void)
{
	fd = t_socket(AF_INET, &t_client);
}

static int act_connect(void)
{
	return connect(fd, (struct sockaddr *)&addr.ss, addr.len);
}

static void talk(int with, char what)
{
	char got;

	t_send(with, &what, 1);
	t_recv(with, &got, 1);
	assert_int_equal(got, what);
}

static void after_connect(int error)
{
	if (!error)
		talk(fd, 'c');
	SYS(close(fd));
	/* the next one is not the worse for it */
	if (error) {
		fd = t_connect(&addr, &t_client);
		talk(fd, 'd');
		SYS(close(fd));
	}
}

static void test_connect(void **state)
{
	static const struct fault_walk walk = {
		.name = "connect", .before = make_client, .act = act_connect,
		/* the handshake's own */
		.after = after_connect, .error = EIO,
	};

	(void)state;
	listener = t_listen(AF_INET, &t_server, &addr);
	t_thread(&thread, serve, NULL);
	fault_walk(&walk);
	fd = t_connect(&addr, &t_client);
	talk(fd, 'q');
	SYS(close(fd));
	t_join(thread);
	SYS(close(listener));
}

/* The other way round: who accepts is the one that lacks memory. */
static void *connect_once(void *arg)
{
	int client = t_try_connect(&addr, &t_client);
	char c = 'a';

	(void)arg;
	/* as far as it goes */
	if (send(client, &c, 1, MSG_NOSIGNAL) == 1)
		(void)!recv(client, &c, 1, 0);
	close(client);
	return NULL;
}

static void make_listener(void)
{
	listener = t_listen(AF_INET, &t_server, &addr);
	t_thread(&thread, connect_once, NULL);
	t_wait(listener, POLLIN);
}

static int act_accept(void)
{
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	return fd < 0 ? -1 : 0;
}

static void after_accept(int error)
{
	char c;

	/* its handshake may have failed for the same reason */
	if (!error) {
		if (recv(fd, &c, 1, 0) == 1)
			t_send(fd, &c, 1);
		else
			assert_int_equal(t_error(fd).status, KSC_STATUS_INTERNAL_ERROR);
		SYS(close(fd));
	}
	/* whom it has not accepted is reset */
	SYS(close(listener));
	t_join(thread);
}

static void make_pair(void)
{
	t_pair(AF_INET, fds);
}

static int act_export(void)
{
	uint8_t out[100];
	int error = kschannel_export(fds[0], "EXPORTER-kschannel-test", "context", 7, out,
				     sizeof(out));

	errno = -error;
	return error ? -1 : 0;
}

static void after_export(int error)
{
	(void)error;
	t_exchange(fds[0], fds[1]);
	for (int i = 0; i < 2; i++)
		SYS(close(fds[i]));
}

/* ---- established, with keys of the test's ---- */

static struct wire w;
static uint8_t data[BULK], got[BULK], plain[WIRE_MAX_RECORD];
static size_t done;

static void make_wire_of(const struct wire_suite *suite)
{
	t_fill(data, sizeof(data), 1);
	memset(got, 0, sizeof(got));
	done = 0;
	wire_start(&w, suite, 7);
}

static void make_wire(void)
{
	make_wire_of(wire_suite(WIRE_13, 0x1301));
}

static void make_wire_12(void)
{
	make_wire_of(wire_suite(WIRE_12, 0xc02b));
}

/* Takes data until it is all there; a KeyUpdate may come between. */
static void expect_data(size_t len)
{
	size_t at = 0;

	while (at < len) {
		uint8_t type;
		size_t n = wire_recv(&w, &type, plain);

		if (type == WIRE_HANDSHAKE) {
			assert_memory_equal(plain, "\x18\0\0\1", 4);
			wire_update(&w.tx);
			continue;
		}
		assert_int_equal(type, WIRE_DATA);
		assert_true(n <= len - at);
		assert_memory_equal(plain, data + at, n);
		at += n;
	}
}

static int did(ssize_t n)
{
	if (n < 0)
		return -1;
	done += (size_t)n;
	return 0;
}

static int act_send(void)
{
	return did(send(w.fd, data + done, BULK - done, MSG_NOSIGNAL));
}

static int act_send_little(void)
{
	return did(send(w.fd, data, 3, MSG_NOSIGNAL));
}

/* It arrives without anything else being sent. */
static void after_send_little(int error)
{
	if (error)
		SYS(act_send_little());
	expect_data(3);
	wire_close(&w);
}

static int act_more(void)
{
	return did(send(w.fd, data + done, 100 - done % 100, MSG_NOSIGNAL | MSG_MORE));
}

static int file = -1;

static int act_sendfile(void)
{
	off_t at = (off_t)done;

	return did(sendfile(w.fd, file, &at, BULK - done));
}

/* What was not taken can be sent still, and nothing comes twice or is lost. */
static void after_send(int error)
{
	(void)error;
	while (done < BULK)
		SYS(act_send());
	expect_data(BULK);
	wire_close(&w);
}

static int act_rekey(void)
{
	return setsockopt(w.fd, SOL_KSCHANNEL, KSC_REKEY, &(int){ 0 }, sizeof(int));
}

static void after_rekey(int error)
{
	if (error)
		SYS(act_rekey());
	after_send(0);
}

static void await_received(void)
{
	wire_send(&w, WIRE_DATA, data, 16384, 0);
	wire_send(&w, WIRE_DATA, data + 16384, BULK - 16384, 0);
	t_wait(w.fd, POLLIN);
}

static void make_received(void)
{
	make_wire();
	await_received();
}

static void make_received_12(void)
{
	make_wire_12();
	await_received();
}

static int act_recv(void)
{
	return did(recv(w.fd, got + done, BULK - done, 0));
}

static int act_peek(void)
{
	return recv(w.fd, got, BULK, MSG_PEEK) < 0 ? -1 : 0;
}

static void after_recv(int error)
{
	(void)error;
	while (done < BULK)
		SYS(act_recv());
	assert_memory_equal(got, data, BULK);
	wire_close(&w);
}

static int ends[2], ep;

static void make_spliced(void)
{
	make_received();
	SYS(pipe2(ends, O_CLOEXEC));
}

static int act_splice(void)
{
	return splice(w.fd, NULL, ends[1], NULL, BULK - done, 0) < 0 ? -1 : 0;
}

/* What has come into the pipe is what was sent; the rest is still there. */
static void after_splice(int error)
{
	if (error)
		SYS(act_splice());
	SYS(close(ends[1]));
	while (1) {
		ssize_t n = SYS(read(ends[0], got + done, BULK - done));

		if (!n)
			break;
		done += (size_t)n;
	}
	SYS(close(ends[0]));
	assert_true(done > 0);
	after_recv(0);
}

#define PEEK_MS 3000
/* A guest that stands still counts that as work of whoever is at it, but not each time */
#define PEEK_TRIES 3

static int64_t spent_ms(void)
{
	struct timespec t;

	SYS(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t));
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

static void on_signal(int sig)
{
	(void)sig;
}

/* Has a call that waits end, with EINTR, if not at the first signal then at the next. */
static timer_t interrupt_calls(void)
{
	const struct itimerspec each = { .it_value.tv_sec = PEEK_MS / 1000,
					 .it_interval.tv_sec = PEEK_MS / 1000 };
	const struct sigaction action = { .sa_handler = on_signal };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	timer_t timer;

	SYS(sigaction(SIGUSR1, &action, NULL));
	SYS(timer_create(CLOCK_MONOTONIC, &event, &timer));
	SYS(timer_settime(timer, 0, &each, NULL));
	return timer;
}

/* A look at a record that there is no room for tells of it, or waits, but not at work. */
static void peek_in_vain(size_t had, int flags)
{
	size_t len = had ? BULK : 16384;
	int64_t spent = PEEK_MS, since = 0;
	timer_t timer;
	ssize_t n = -1;
	int error = 0;

	make_wire();
	if (had) {
		wire_send(&w, WIRE_DATA, data, had, 0);
		assert_int_equal(SYS(recv(w.fd, got, BULK, MSG_PEEK)), had);
	}
	wire_send(&w, WIRE_DATA, data + had, len - had, 0);
	for (int i = 0; i < PEEK_TRIES && spent >= PEEK_MS / 4; i++) {
		timer = interrupt_calls();
		fault_always(true);
		spent = spent_ms();
		since = t_now_ms();
		n = recv(w.fd, got, len, MSG_PEEK | flags);
		error = errno;
		spent = spent_ms() - spent;
		since = t_now_ms() - since;
		fault_always(false);
		SYS(timer_delete(timer));
		if (n < 0)
			assert_true(!had && (error == ENOMEM || error == EINTR));
		else
			assert_int_equal(n, had);
	}
	if (spent >= PEEK_MS / 4)
		fail_msg("it was at work for %lld ms of %lld", (long long)spent, (long long)since);
	/* nothing is lost by it */
	assert_int_equal(SYS(recv(w.fd, got, len, MSG_PEEK | MSG_WAITALL)), len);
	assert_memory_equal(got, data, len);
	t_recv(w.fd, got, len);
	assert_memory_equal(got, data, len);
	wire_close(&w);
}

static struct wire holders[4];
static cpu_set_t cpus;

/* Records that are decrypted and not read leave none of this CPU's room for another. */
static void take_room(void)
{
	cpu_set_t one = { 0 };

	SYS(sched_getaffinity(0, sizeof(cpus), &cpus));
	CPU_SET(sched_getcpu(), &one);
	SYS(sched_setaffinity(0, sizeof(one), &one));
	for (size_t i = 0; i < ARRAY_SIZE(holders); i++) {
		wire_start(&holders[i], wire_suite(WIRE_13, 0x1301), 7);
		wire_send(&holders[i], WIRE_DATA, data, 16384, 0);
		assert_int_equal(SYS(recv(holders[i].fd, got, 1, MSG_PEEK)), 1);
	}
}

static void give_room(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(holders); i++)
		wire_close(&holders[i]);
	SYS(sched_setaffinity(0, sizeof(cpus), &cpus));
}

static void test_peek(void **state)
{
	(void)state;
	take_room();
	peek_in_vain(0, 0);
	/* what was read has given its room back */
	wire_send(&holders[0], WIRE_DATA, data, 16384, 0);
	assert_int_equal(SYS(recv(holders[0].fd, got, BULK, MSG_PEEK | MSG_WAITALL)), BULK);
	/* too long to be moved to memory of its size */
	peek_in_vain(5000, MSG_WAITALL);
	give_room();
}

/* One with edges has been told of two records, of which the second is not opened. */
static void make_edges(void)
{
	make_wire();
	ep = t_watch(w.fd, EPOLLIN | EPOLLET);
	for (size_t i = 0; i < 2; i++) {
		wire_send(&w, WIRE_DATA, data + 100 * i, 100, 0);
		t_await_event(ep);
	}
	take_room();
}

/* Without a copy: of one that fails nobody is told but by what is missing. */
static int act_edges(void)
{
	return did(recv(w.fd, NULL, BULK, MSG_TRUNC));
}

/* He takes less than he asked for to be all, and comes when he is told of the rest. */
static void after_edges(int error)
{
	if (error || done < 200) {
		t_await_event(ep);
		SYS(act_edges());
	}
	assert_int_equal(done, 200);
	close(ep);
	wire_close(&w);
	give_room();
}

/* Not even what is opened for him when the call has read all that it could. */
static void test_edges(void **state)
{
	(void)state;
	make_edges();
	fault_always(true);
	SYS(act_edges());
	fault_always(false);
	assert_int_equal(done, 100);
	after_edges(0);
}

/* Its keys are the peer's next. */
static void make_updated(void)
{
	make_wire();
	wire_send(&w, WIRE_HANDSHAKE, "\x18\0\0\1\1", 5, 0);
	wire_update(&w.rx);
	await_received();
}

static int act_shutdown(void)
{
	return shutdown(w.fd, SHUT_WR);
}

static int act_close(void)
{
	int ret = close(w.fd);

	w.fd = -1;
	return ret;
}

/* The peer's end comes, with a close_notify or without. */
static void after_close(int error)
{
	struct pollfd pfd = { .fd = w.peer, .events = POLLIN };
	ssize_t n;

	(void)error;
	if (w.fd >= 0)
		SYS(close(w.fd));
	do {
		assert_int_equal(poll(&pfd, 1, PATIENCE_S * 1000), 1);
		n = recv(w.peer, plain, sizeof(plain), 0);
	} while (n > 0);
	assert_true(!n || errno == ECONNRESET);
	SYS(close(w.peer));
}

static int setup_wire(void **state)
{
	char name[] = "/tmp/failnth-XXXXXX";

	if (wire_begin())
		return -1;
	t_fill(data, sizeof(data), 1);
	file = mkstemp(name);
	unlink(name);
	if (file < 0 || write(file, data, sizeof(data)) != sizeof(data))
		return -1;
	return fault_setup(state);
}

static int teardown_wire(void **state)
{
	fault_teardown(state);
	close(file);
	return wire_end();
}

/* ---- the daemon's requests ---- */

static struct tnl_event event;

static void make_offer(void)
{
	listener = t_listen(AF_INET, NULL, &addr);
	fd = t_try_connect(&addr,
			   &(struct t_opts){ .server_name = "server.test", .nonblock = true });
	assert_int_equal(errno, EINPROGRESS);
	while (tnl_next_event(&fault_nl, &event) && event.cmd != KSC_CMD_CONTEXT_NEW)
		tnl_free_event(&event);
}

static int act_step(void)
{
	struct nl_msg *msg = tnl_step(&fault_nl, &event, KSC_STATUS_OK);
	struct nlattr *nest = nla_nest_start(msg, KSC_A_CONTEXT_KEYS), *dir;

	nla_put_u16(msg, KSC_A_KEYS_VERSION, WIRE_13);
	nla_put_u16(msg, KSC_A_KEYS_SUITE, 0x1301);
	nla_put(msg, KSC_A_KEYS_EXPORTER, 32, data);
	for (int i = 0; i < 2; i++) {
		dir = nla_nest_start(msg, i ? KSC_A_KEYS_RX : KSC_A_KEYS_TX);
		nla_put(msg, KSC_A_KEY_SECRET, 32, data);
		nla_nest_end(msg, dir);
	}
	nla_nest_end(msg, nest);
	nla_put(msg, KSC_A_CONTEXT_TOKEN, 5, "token");
	return fault_request(msg);
}

static void after_step(int error)
{
	if (error && act_step()) {
		fault_refused(fd);
	} else {
		t_finish(fd);
		assert_int_equal(t_info(fd).version, WIRE_13);
	}
	tnl_free_event(&event);
	SYS(close(fd));
	SYS(close(listener));
}

static int act_policy(void)
{
	struct nl_msg *msg = tnl_request(&fault_nl, KSC_CMD_POLICY_BEGIN);
	static uint64_t generation;

	nla_put_u64(msg, KSC_A_POLICY_GENERATION, ++generation);
	nla_put_u32(msg, KSC_A_POLICY_COUNT, 3);
	if (fault_request(msg))
		return -1;
	for (int i = 0; i < 3; i++) {
		struct nlattr *nest;

		msg = tnl_request(&fault_nl, KSC_CMD_POLICY_ADD);
		nest = nla_nest_start(msg, KSC_A_POLICY_RULE);
		nla_put_string(msg, KSC_A_RULE_NAME, "a rule");
		nla_put_u32(msg, KSC_A_RULE_ACTION, KSC_RULE_ACTION_NEVER);
		nla_nest_end(msg, nest);
		if (fault_request(msg))
			return -1;
	}
	return fault_request(tnl_request(&fault_nl, KSC_CMD_POLICY_COMMIT));
}

static void after_policy(int error)
{
	if (error)
		SYS(act_policy());
}

/* ---- at random, in the module's own threads too ---- */

#define ROUNDS 40
#define PERCENT 5

/* A client and a server, as far as they come: nothing of it may hang. */
static void try_pair(void)
{
	const struct t_opts client = { .server_name = "server.test", .timeout = 4000 };
	int a = t_plain(AF_INET);
	char buf[256] = "";

	if (setsockopt(a, IPPROTO_TCP, TCP_ULP, KSC_ULP_NAME, strlen(KSC_ULP_NAME)) == 0 &&
	    setsockopt(a, SOL_KSCHANNEL, KSC_SERVER_NAME, client.server_name, 11) == 0 &&
	    setsockopt(a, SOL_KSCHANNEL, KSC_HANDSHAKE_TIMEOUT, &client.timeout,
		       sizeof(client.timeout)) == 0 &&
	    connect(a, (struct sockaddr *)&addr.ss, addr.len) == 0) {
		for (int i = 0; i < 8; i++) {
			if (send(a, buf, sizeof(buf), MSG_NOSIGNAL) <= 0 ||
			    recv(a, buf, sizeof(buf), 0) <= 0)
				break;
			setsockopt(a, SOL_KSCHANNEL, KSC_REKEY, &(int){ i & 1 }, sizeof(int));
		}
		shutdown(a, SHUT_WR);
	}
	close(a);
}

static void test_random(void **state)
{
	const struct t_opts server = { .timeout = 4000 };
	/* it waits for all that were given up before: the server takes one by one */
	const struct t_opts patient = { .server_name = "server.test", .timeout = 600000 };
	uint64_t contexts = tnl_counter(KSC_A_STATS_CONTEXTS);
	unsigned int references = fault_references();

	(void)state;
	listener = t_listen(AF_INET, &server, &addr);
	t_thread(&thread, serve, NULL);
	fault_random(PERCENT);
	for (int i = 0; i < ROUNDS; i++)
		try_pair();
	fault_random(0);
	fd = t_connect(&addr, &patient);
	talk(fd, 'q');
	SYS(close(fd));
	t_join(thread);
	SYS(close(listener));
	tnl_await_counter(KSC_A_STATS_CONTEXTS, contexts);
	fault_await_references("at random", references);
}

#define WALK(...) FAULT_CASE(fault_setup, fault_teardown, __VA_ARGS__)
#define WIRE(...) FAULT_CASE(setup_wire, teardown_wire, __VA_ARGS__)
#define OWN(...) FAULT_CASE(fault_own_setup, fault_own_teardown, __VA_ARGS__)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WALK("attach", make_plain, act_attach, after_attach),
		WALK("socket", NULL, act_socket, after_socket),
		WALK("options", make_socket, act_options, after_options),
		/* TCP's own, for the port that it has no memory for */
		WALK("listen", make_socket, act_listen, after_listen, .error = EADDRINUSE),
		cmocka_unit_test_setup_teardown(test_connect, fault_setup, fault_teardown),
		WALK("accept", make_listener, act_accept, after_accept),
		WALK("export", make_pair, act_export, after_export),
		WIRE("send", make_wire, act_send, after_send),
		WIRE("send a little", make_wire, act_send_little, after_send_little),
		WIRE("MSG_MORE", make_wire, act_more, after_send),
		WIRE("sendfile", make_wire, act_sendfile, after_send),
		WIRE("send, TLS 1.2", make_wire_12, act_send, after_send),
		WIRE("rekey", make_wire, act_rekey, after_rekey),
		WIRE("receive", make_received, act_recv, after_recv),
		WIRE("receive, TLS 1.2", make_received_12, act_recv, after_recv),
		WIRE("splice", make_spliced, act_splice, after_splice),
		WIRE("MSG_PEEK", make_received, act_peek, after_recv),
		cmocka_unit_test_setup_teardown(test_peek, setup_wire, teardown_wire),
		WIRE("edges", make_edges, act_edges, after_edges),
		cmocka_unit_test_setup_teardown(test_edges, setup_wire, teardown_wire),
		WIRE("receive a KeyUpdate", make_updated, act_recv, after_recv),
		WIRE("shutdown", make_wire, act_shutdown, after_close),
		WIRE("close", make_wire, act_close, after_close),
		cmocka_unit_test_setup_teardown(test_random, fault_setup, fault_teardown),
		/* these leave the namespace */
		OWN("a step", make_offer, act_step, after_step),
		OWN("a policy", NULL, act_policy, after_policy),
	};

	if (!fault_possible())
		return T_SKIP(tests, "the kernel has no fault injection");
	return T_RUN(tests);
}
