// SPDX-License-Identifier: GPL-2.0-only
/*
 * An administrator ends sockets (ss -K), in every state that they may be in: threads in a
 * call return, nothing is sent any longer, least of all plaintext, and the state is freed with
 * the descriptor. Listeners and their requests are in t_race.c, and so is what happens at the
 * same time as other calls.
 */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "lib/cut.h"
#include "lib/fault.h"
#include "lib/nl.h"
#include "lib/policy.h"
#include "lib/raw.h"

#define LEFT_PLAIN 2000

/* A connection that is not to be ended */
static int others[2];

/* The scene's sockets, and where its server is */
static int fds[3];
static size_t nfds;
static int family;
static struct t_addr addr;
static uint8_t data[65536];

static void add(int fd)
{
	assert_true(nfds < ARRAY_SIZE(fds));
	fds[nfds++] = fd;
}

static void make_pair(void)
{
	int listener = t_listen(family, &t_server, &addr);
	int fd = t_begin(&addr, &t_client);

	add(fd);
	add(t_accept(listener));
	close(listener);
	t_finish(fd);
	t_exchange(fds[0], fds[1]);
}

/* More than the other end takes */
static void fill(int fd)
{
	while (send(fd, data, sizeof(data), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		;
	assert_int_equal(errno, EAGAIN);
}

/* ---- while it begins ---- */

static void scene_syn_sent(void)
{
	int listener = t_listen(family, NULL, &addr);

	int filler = t_deafen(listener, &addr);

	add(t_begin(&addr, &t_client));
	add(filler);
	add(listener);
}

static void silent_server(void)
{
	int listener = t_listen(family, NULL, &addr);

	add(t_begin(&addr, &t_client));
	add(t_accept(listener));
	close(listener);
	/* it has begun */
	t_wait(fds[1], POLLIN);
}

static void scene_verify(void)
{
	const struct t_opts manual = { .server_name = "server.test",
				       .verify = KSC_VERIFY_MANUAL };
	int listener = t_listen(family, &t_server, &addr);

	add(t_begin(&addr, &manual));
	add(t_accept(listener));
	close(listener);
	t_wait(fds[0], POLLPRI);
}

static void scene_failed(void)
{
	silent_server();
	t_send(fds[1], "this is no TLS\r\n", 16);
	t_wait(fds[0], POLLERR);
	assert_int_not_equal(t_error(fds[0]).status, KSC_STATUS_OK);
}

/* It has the ULP, and nothing was done with it yet. */
static void scene_attached(void)
{
	int listener = t_listen(family, NULL, &addr);

	add(t_connect(&addr, NULL));
	add(t_accept(listener));
	close(listener);
	t_attach(fds[0]);
	t_attach(fds[1]);
}

static void scene_unaccepted(void)
{
	add(t_listen(family, &t_server, &addr));
	add(t_begin(&addr, &t_client));
	t_wait(fds[0], POLLIN);
}

/* ---- established ---- */

static void scene_open(void)
{
	make_pair();
	assert_int_equal(SYS(send(fds[0], data, 100, MSG_MORE)), 100);
}

static void scene_full(void)
{
	make_pair();
	fill(fds[0]);
	fill(fds[1]);
}

static void scene_unread(void)
{
	make_pair();
	t_send(fds[0], data, 20000);
	t_wait(fds[1], POLLIN);
}

static void scene_half_closed(void)
{
	make_pair();
	SYS(shutdown(fds[0], SHUT_WR));
	t_expect_eof(fds[1]);
}

static void scene_fin_wait_1(void)
{
	make_pair();
	fill(fds[0]);
	SYS(shutdown(fds[0], SHUT_WR));
}

static void scene_last_ack(void)
{
	make_pair();
	SYS(shutdown(fds[1], SHUT_WR));
	t_expect_eof(fds[0]);
	fill(fds[0]);
	SYS(shutdown(fds[0], SHUT_WR));
}

/* Both ends at the same time; one does not get the other's acknowledgment */
static void scene_closing(void)
{
	make_pair();
	cut_off(fds[1]);
	SYS(shutdown(fds[0], SHUT_WR));
	SYS(shutdown(fds[1], SHUT_WR));
	t_expect_eof(fds[0]);
}

static void scene_closing_orphan(void)
{
	scene_closing();
	SYS(close(fds[0]));
	fds[0] = fds[--nfds];
}

static void scene_orphan(void)
{
	make_pair();
	fill(fds[0]);
	SYS(close(fds[0]));
	fds[0] = fds[--nfds];
}

static void scene_time_wait(void)
{
	make_pair();
	SYS(shutdown(fds[0], SHUT_WR));
	t_expect_eof(fds[1]);
	SYS(close(fds[1]));
	t_expect_eof(fds[0]);
	SYS(close(fds[0]));
	nfds = 0;
}

/* ---- what is not protected, or by an application ---- */

static void find_server(void)
{
	addr.len = sizeof(addr.ss);
	SYS(getpeername(fds[0], (struct sockaddr *)&addr.ss, &addr.len));
}

static void scene_plain(void)
{
	pair_on(LEFT_PLAIN, fds);
	nfds = 2;
	find_server();
}

static void scene_fallen_back(void)
{
	int listener = listen_on(policy_socket(AF_INET, &policy_nothing), 3000);

	add(connect_to(t_plain(AF_INET), 3000));
	add(t_accept(listener));
	close(listener);
	t_send(fds[0], "hello", 5);
	t_expect(fds[1], "hello");
	find_server();
}

static void scene_raw(void)
{
	raw_pair(raw_13, KSC_RAW_ULP_NAME, KSC_RAW_ULP_NAME, fds);
	nfds = 2;
	find_server();
	assert_int_equal(SYS(send(fds[0], data, 100, MSG_MORE)), 100);
	fill(fds[1]);
}

/* ---- with a thread in a call ---- */

static ssize_t call_recv(void)
{
	return recv(fds[0], data, sizeof(data), 0);
}

static ssize_t call_send(void)
{
	/* there may be some room still */
	while (send(fds[0], data, sizeof(data), MSG_NOSIGNAL) > 0)
		;
	return -1;
}

static ssize_t call_handshake(void)
{
	return t_handshake(fds[0]);
}

static ssize_t call_connect(void)
{
	return connect(fds[0], (struct sockaddr *)&addr.ss, addr.len);
}

static ssize_t call_accept(void)
{
	return accept4(fds[0], NULL, NULL, SOCK_CLOEXEC);
}

static void scene_listener(void)
{
	add(t_listen(family, &t_server, &addr));
}

/**
 * struct scene - a state to be ended in
 * @name: for people
 * @begin: makes its sockets
 * @tcp: what ss calls it that one of them is in
 * @call: a call that waits meanwhile on the first, or NULL
 * @v4: of IPv4 only
 * @lasts: TCP itself may leave it alone, depending on the kernel
 */
static const struct scene {
	const char *name;
	void (*begin)(void);
	const char *tcp;
	ssize_t (*call)(void);
	bool v4;
	bool lasts;
} scenes[] = {
	{ .name = "connecting", .begin = scene_syn_sent, .tcp = "syn-sent" },
	{ .name = "in its handshake",
	  .begin = silent_server,
	  .tcp = "established" },
	{ .name = "waiting for a verdict",
	  .begin = scene_verify,
	  .tcp = "established" },
	{ .name = "failed", .begin = scene_failed, .tcp = "fin-wait-2" },
	{ .name = "attached", .begin = scene_attached, .tcp = "established" },
	{ .name = "not accepted",
	  .begin = scene_unaccepted,
	  .tcp = "listening" },
	{ .name = "established", .begin = make_pair, .tcp = "established" },
	{ .name = "with an open record",
	  .begin = scene_open,
	  .tcp = "established" },
	{ .name = "with a record that waits",
	  .begin = scene_full,
	  .tcp = "established" },
	{ .name = "with data unread",
	  .begin = scene_unread,
	  .tcp = "established" },
	{ .name = "half closed",
	  .begin = scene_half_closed,
	  .tcp = "fin-wait-2" },
	{ .name = "half closed by the other",
	  .begin = scene_half_closed,
	  .tcp = "close-wait" },
	{ .name = "closing first",
	  .begin = scene_fin_wait_1,
	  .tcp = "fin-wait-1" },
	{ .name = "closing last", .begin = scene_last_ack, .tcp = "last-ack" },
	{ .name = "closing both", .begin = scene_closing, .tcp = "closing" },
	{ .name = "closing both, and closed",
	  .begin = scene_closing_orphan,
	  .tcp = "closing",
	  .lasts = true },
	{ .name = "closed",
	  .begin = scene_orphan,
	  .tcp = "fin-wait-1",
	  .lasts = true },
	{ .name = "gone",
	  .begin = scene_time_wait,
	  .tcp = "time-wait",
	  .lasts = true },
	{ .name = "plain",
	  .begin = scene_plain,
	  .tcp = "established",
	  .v4 = true },
	{ .name = "fallen back",
	  .begin = scene_fallen_back,
	  .tcp = "established",
	  .v4 = true },
	{ .name = "raw", .begin = scene_raw, .tcp = "established", .v4 = true },
	{ .name = "in recv()",
	  .begin = make_pair,
	  .tcp = "established",
	  .call = call_recv },
	{ .name = "in send()",
	  .begin = scene_full,
	  .tcp = "established",
	  .call = call_send },
	{ .name = "in its handshake, which is waited for",
	  .begin = silent_server,
	  .tcp = "established",
	  .call = call_handshake },
	{ .name = "in connect()",
	  .begin = silent_server,
	  .tcp = "established",
	  .call = call_connect },
	{ .name = "in connect(), with no answer",
	  .begin = scene_syn_sent,
	  .tcp = "syn-sent",
	  .call = call_connect },
	{ .name = "in accept()",
	  .begin = scene_listener,
	  .tcp = "listening",
	  .call = call_accept },
};

static atomic_int caller;
static ssize_t (*call)(void);

static void *run_call(void *arg)
{
	(void)arg;
	atomic_store(&caller, gettid());
	assert_true(call() < 0);
	return NULL;
}

static uint8_t tcp_state(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	SYS(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	return info.tcpi_state;
}

/* Its sockets have no connection, send nothing, and no thread waits for them. */
static void expect_ended(int fd)
{
	struct pollfd pfd = { .fd = fd };
	size_t left = 1 << 26;
	ssize_t n;

	assert_true(send(fd, "plaintext", 9, MSG_NOSIGNAL) < 0);
	/* data that was queued already may still be read */
	while ((n = recv(fd, data, sizeof(data), 0)) > 0) {
		assert_true(left > (size_t)n);
		left -= (size_t)n;
	}
	/* the end, or why; but not that there is nothing yet */
	assert_true(!n || errno != EAGAIN);
	assert_int_equal(SYS(poll(&pfd, 1, 0)), 1);
	assert_int_equal(pfd.revents & POLLHUP, POLLHUP);
	FAILS(accept4(fd, NULL, NULL, SOCK_CLOEXEC), EINVAL);
	assert_true(shutdown(fd, SHUT_RDWR) < 0);
	assert_int_equal(tcp_state(fd), TCP_CLOSE);
}

/* Is it so, or before long? An event may come a moment before TCP's state changes. */
static bool await_shell(const char *command)
{
	int64_t end = t_now_ms() + 20000;

	while (t_shell(command)) {
		if (t_now_ms() > end)
			return false;
		usleep(10000);
	}
	return true;
}

static void end_scene(const struct scene *scene)
{
	char command[160], filter[64];
	pthread_t thread;

	nfds = 0;
	scene->begin();
	snprintf(filter, sizeof(filter), "'( sport = :%u or dport = :%u )'",
		 ntohs(((struct sockaddr_in *)&addr.ss)->sin_port),
		 ntohs(((struct sockaddr_in *)&addr.ss)->sin_port));
	if (scene->call) {
		call = scene->call;
		atomic_store(&caller, 0);
		t_thread(&thread, run_call, NULL);
		t_await_asleep(&caller);
	}
	snprintf(command, sizeof(command),
		 "ss -t -n -H state %s %s | grep -q .", scene->tcp, filter);
	if (!await_shell(command))
		fail_msg("%s: none is in state %s", scene->name, scene->tcp);
	snprintf(command, sizeof(command), "ss -K -t -a -n -H %s >/dev/null",
		 filter);
	t_shell(command);
	if (scene->call)
		t_join(thread);
	if (!scene->lasts) {
		snprintf(command, sizeof(command), "! ss -t -a -n -H %s | grep .",
			 filter);
		if (!await_shell(command))
			fail_msg("%s: some are left", scene->name);
	}
	for (size_t i = 0; i < nfds; i++) {
		expect_ended(fds[i]);
		SYS(close(fds[i]));
	}
}

/* Nothing is left of those that were ended, and the others go on */
static void expect_others(const char *what, unsigned int references)
{
	fault_await_references(what, references);
	tnl_await_counter(KSC_A_STATS_SOCKETS, ARRAY_SIZE(others));
	t_exchange(others[0], others[1]);
}

static void test_all(void **state)
{
	unsigned int references;

	own_start(&own, policy_basic);
	family = (int)(intptr_t)*state;
	t_pair(family, others);
	references = fault_references();
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		if (scenes[i].v4 && family != AF_INET)
			continue;
		t_setup(state);
		print_message("# %s\n", scenes[i].name);
		end_scene(&scenes[i]);
		expect_others(scenes[i].name, references);
	}
	close_pair(others);
	/* handshakes that had begun have ended with their sockets */
	tnl_await_counter(KSC_A_STATS_CONTEXTS, 0);
}

/*
 * A child that TCP Fast Open has made of a SYN, before the peer has answered: the only one in
 * SYN_RECV that is a socket. It may have been accepted by then. Its listener goes on.
 */
static void fast_open(bool accepted)
{
	int listener, client, child = -1;
	pthread_t thread = 0;
	char command[96];

	listener = t_listen(family, &t_server, &addr);
	cut_fast_open_allow(listener);
	client = cut_fast_open(&addr);
	t_wait(listener, POLLIN);
	if (accepted) {
		child = t_accept(listener);
		assert_int_equal(tcp_state(child), TCP_SYN_RECV);
		FAILS(send(child, "plaintext", 9, MSG_NOSIGNAL | MSG_DONTWAIT), EAGAIN);
		fds[0] = child;
		call = call_recv;
		atomic_store(&caller, 0);
		t_thread(&thread, run_call, NULL);
		t_await_asleep(&caller);
	}
	/* ss shows what it has ended */
	snprintf(command, sizeof(command), "ss -K -t -n -H state syn-recv sport = :%u | grep -q .",
		 ntohs(((struct sockaddr_in *)&addr.ss)->sin_port));
	assert_int_equal(t_shell(command), 0);
	if (accepted)
		t_join(thread);
	else
		child = t_accept(listener);
	expect_ended(child);
	close(child);
	close(client);
	/* there is room for others */
	for (int i = 0; i < 2; i++) {
		client = t_begin(&addr, &t_client);
		child = t_accept(listener);
		t_finish(client);
		t_exchange(client, child);
		close(client);
		close(child);
	}
	close(listener);
}

static void test_fast_open(void **state)
{
	unsigned int references;

	own_start(&own, policy_basic);
	family = (int)(intptr_t)*state;
	t_pair(family, others);
	references = fault_references();
	for (int i = 0; i < 4; i++) {
		fast_open(i & 1);
		expect_others("Fast Open", references);
	}
	close_pair(others);
	tnl_await_counter(KSC_A_STATS_CONTEXTS, 0);
}

static int setup(void **state)
{
	t_setup(state);
	return policy_setup(state);
}

#define FAMILY(name, test, arg)                     \
	{                                           \
		name, test, setup, policy_teardown, \
			(void *)(intptr_t)(arg)     \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAMILY("IPv4", test_all, AF_INET),
		FAMILY("IPv6", test_all, AF_INET6),
		FAMILY("Fast Open, IPv4", test_fast_open, AF_INET),
		FAMILY("Fast Open, IPv6", test_fast_open, AF_INET6),
	};

	return T_RUN(tests);
}
