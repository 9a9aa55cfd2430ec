// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two threads on one descriptor: every pair of calls that begin or end a connection, at
 * the same time. Whatever comes of it is a state that a socket may be in: if it listens,
 * its children are protected, and no thread hangs. And an administrator who ends sockets in
 * every state that they may be in (ss -K).
 *
 * RACE_ROUNDS says how often each pair is tried, RACE_CALLS that only the first so many of
 * the calls below are, and RACE_PART=1/2 that only every other pair is. What the kernel has
 * to say of it is for the rig to judge.
 */
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/policy.h"
#include "lib/stall.h"

#define ROUNDS 60

static struct t_addr nobody, somebody;
static int somewhere;
static struct tnl_conn nl;

/* One that answers nothing: handshakes begin, and cost nothing */
static void silent_daemon(void)
{
	assert_true(tnl_open(&nl));
	assert_int_equal(tnl_register(&nl), 0);
}

/* ---- every pair ---- */

static void do_connect(int fd)
{
	(void)connect(fd, (struct sockaddr *)&nobody.ss, nobody.len);
}

static void do_connect_there(int fd)
{
	(void)connect(fd, (struct sockaddr *)&somebody.ss, somebody.len);
}

static void do_disconnect(int fd)
{
	struct sockaddr unspec = { .sa_family = AF_UNSPEC };

	(void)connect(fd, &unspec, sizeof(unspec));
}

static void do_listen(int fd)
{
	(void)listen(fd, 4);
}

static void do_shutdown(int fd)
{
	(void)shutdown(fd, SHUT_RD);
}

static void do_shutdown_both(int fd)
{
	(void)shutdown(fd, SHUT_RDWR);
}

static void do_accept(int fd)
{
	int child = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (child >= 0)
		close(child);
}

static void do_setsockopt(int fd)
{
	int timeout = 1000;

	(void)setsockopt(fd, SOL_KSCHANNEL, KSC_HANDSHAKE_TIMEOUT, &timeout, sizeof(timeout));
}

static void do_send(int fd)
{
	(void)send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void do_fastopen(int fd)
{
	(void)sendto(fd, "plaintext", 9, MSG_FASTOPEN | MSG_NOSIGNAL | MSG_DONTWAIT,
		     (struct sockaddr *)&somebody.ss, somebody.len);
}

static void do_close(int fd)
{
	(void)close(fd);
}

/* A socket that gets the ULP while something else is done with it */
static void do_attach(int fd)
{
	(void)setsockopt(fd, IPPROTO_TCP, TCP_ULP, KSC_ULP_NAME, strlen(KSC_ULP_NAME));
}

/* Where the pair's listener is, which may be closed by now; or 0 */
static in_port_t listened_at;

static in_port_t port_of(int fd, int (*name)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_in in = { 0 };
	socklen_t len = sizeof(in);

	return name(fd, (struct sockaddr *)&in, &len) ? 0 : in.sin_port;
}

/* As "ss -K" does it, but at once */
static void do_destroy(int fd)
{
	struct inet_diag_req_v2 req = { .sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP };
	in_port_t port = port_of(fd, getsockname);
	struct nl_sock *diag;

	req.id.idiag_sport = port ? port : listened_at;
	req.id.idiag_dport = port_of(fd, getpeername);
	req.id.idiag_src[0] = htonl(INADDR_LOOPBACK);
	req.id.idiag_dst[0] = req.id.idiag_dport ? htonl(INADDR_LOOPBACK) : 0;
	req.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
	req.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	if (!req.id.idiag_sport)
		return;
	diag = nl_socket_alloc();
	assert_non_null(diag);
	assert_int_equal(nl_connect(diag, NETLINK_SOCK_DIAG), 0);
	assert_true(nl_send_simple(diag, SOCK_DESTROY, NLM_F_ACK, &req, sizeof(req)) >= 0);
	/* or there is none, or no more */
	(void)nl_wait_for_ack(diag);
	nl_socket_free(diag);
}

typedef void (*call_fn)(int fd);

/* one of each kind first, for RACE_CALLS=6 */
static const call_fn calls[] = {
	do_connect_there, do_listen,	 do_shutdown_both, do_accept, do_close,	   do_setsockopt,
	do_connect,	  do_disconnect, do_shutdown,	   do_send,   do_fastopen, do_destroy,
};

/**
 * struct pair - two calls at the same time
 * @fd: on this socket
 * @calls: one for each thread
 * @barrier: they begin together
 * @rounds: how often; the main thread makes the sockets
 */
struct pair {
	int fd;
	call_fn calls[2];
	pthread_barrier_t barrier;
	unsigned int rounds;
};

static void *second(void *arg)
{
	struct pair *pair = arg;

	for (unsigned int i = 0; i < pair->rounds; i++) {
		pthread_barrier_wait(&pair->barrier);
		pair->calls[1](pair->fd);
		pthread_barrier_wait(&pair->barrier);
	}
	return NULL;
}

/* A client of what may be a listener now: what it reads is no plaintext */
static void try_client(int fd)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	char ulp[16] = "";
	int listens = 0, client, child;
	char got[16];
	ssize_t n;

	if (getsockname(fd, (struct sockaddr *)&in, &len) || !in.sin_port)
		return;
	len = sizeof(listens);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) || !listens)
		return;
	/* it listened before it could get the ULP */
	len = sizeof(ulp);
	if (getsockopt(fd, IPPROTO_TCP, TCP_ULP, ulp, &len) || !len)
		return;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	client = t_plain(AF_INET);
	if (!connect(client, (struct sockaddr *)&in, sizeof(in))) {
		child = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (child >= 0) {
			assert_true(send(child, "plaintext", 9, MSG_NOSIGNAL) < 0);
			n = recv(client, got, sizeof(got), MSG_DONTWAIT);
			assert_true(n <= 0 || got[0] == 0x15);
			close(child);
		}
	}
	close(client);
}

/* A client of @somewhere, if it had the ULP by then, has sent no plaintext */
static void hear_nothing(bool ulp)
{
	int child;

	while ((child = accept4(somewhere, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		char got[16];
		ssize_t n = recv(child, got, sizeof(got), MSG_DONTWAIT);

		assert_true(!ulp || n <= 0 || got[0] == 0x16);
		t_reset(child);
	}
}

/* Sockets that calls meet on: new ones of ours, our listeners, and new ones of TCP's */
enum kind { FRESH, LISTENING, PLAIN };

static int make_kind(enum kind kind)
{
	/* not of t_socket(): no call waits here */
	int fd = (int)SYS(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
				 kind == PLAIN ? IPPROTO_TCP : IPPROTO_KSCHANNEL));

	if (kind == LISTENING)
		SYS(listen(fd, 4));
	listened_at = port_of(fd, getsockname);
	return fd;
}

static void run_pair(call_fn one, call_fn other, unsigned int rounds, enum kind kind)
{
	struct pair pair = { .calls = { one, other }, .rounds = rounds };
	pthread_t thread;

	pthread_barrier_init(&pair.barrier, NULL, 2);
	t_thread(&thread, second, &pair);
	for (unsigned int i = 0; i < rounds; i++) {
		bool closes = one == do_close || other == do_close;
		int fd = make_kind(kind);

		pair.fd = fd;
		pthread_barrier_wait(&pair.barrier);
		one(fd);
		pthread_barrier_wait(&pair.barrier);
		if (!closes) {
			try_client(fd);
			close(fd);
		}
		hear_nothing(kind != PLAIN);
	}
	t_join(thread);
	pthread_barrier_destroy(&pair.barrier);
}

static unsigned int wanted(const char *variable, unsigned int otherwise)
{
	const char *text = getenv(variable);

	return text ? (unsigned int)strtoul(text, NULL, 10) : otherwise;
}

static void test_pairs(void **state)
{
	const unsigned int count = wanted("RACE_CALLS", ARRAY_SIZE(calls));
	const unsigned int rounds = wanted("RACE_ROUNDS", ROUNDS);
	const char *part_text = getenv("RACE_PART");
	unsigned int part = 1, parts = 1, pairs = 0, run = 0;
	const enum kind kind = (enum kind)(uintptr_t)*state;

	assert_in_range(count, 1, ARRAY_SIZE(calls));
	if (part_text)
		assert_int_equal(sscanf(part_text, "%u/%u", &part, &parts), 2);
	silent_daemon();
	for (unsigned int i = 0; i < count; i++)
		for (unsigned int k = i; k < count; k++) {
			if ((calls[i] == do_close && calls[k] == do_close) ||
			    pairs++ % parts + 1 != part)
				continue;
			/* each has its time */
			alarm(PATIENCE_LONG_S + rounds);
			run_pair(calls[i], calls[k], rounds, kind);
			run++;
		}
	print_message("# %u rounds of %u pairs\n", rounds, run);
}

/* A socket of TCP's that gets the ULP meanwhile: what it is then is protected, or nothing */
static void test_attach_pairs(void **state)
{
	const unsigned int rounds = wanted("RACE_ROUNDS", ROUNDS);

	(void)state;
	silent_daemon();
	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		alarm(PATIENCE_LONG_S + rounds);
		run_pair(do_attach, calls[i], rounds, PLAIN);
	}
	run_pair(do_attach, do_attach, rounds, PLAIN);
}

/* The same with the windows open, one after the other */
static void test_windows(void **state)
{
	silent_daemon();
	for (int at = 0; at < T_FAILPOINTS; at++) {
		t_setup(state);
		if (!t_failpoint((enum t_failpoint)at, 10))
			skip();
		for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
			run_pair(do_connect, calls[i], 2, FRESH);
			run_pair(do_listen, calls[i], 2, FRESH);
			run_pair(do_shutdown, calls[i], 2, LISTENING);
		}
	}
	t_failpoint(T_CONNECT, 0);
}

/* ---- one call held, others meanwhile ---- */

/* How long: the other threads have to be done by then, though the guest may be paused */
#define HELD_MS 3000

#define HEARD_NOTHING (-1)

/**
 * struct held - a connect() in a thread of its own, held at a failpoint
 * @fd: the socket
 * @to: where to
 * @tid: the thread
 * @sent: what a write gave as soon as it was connected, or HEARD_NOTHING
 * @thread: the thread
 */
struct held {
	int fd;
	const struct t_addr *to;
	atomic_int tid;
	ssize_t sent;
	pthread_t thread;
};

static void *connect_held(void *arg)
{
	struct held *held = arg;

	held->sent = HEARD_NOTHING;
	atomic_store(&held->tid, gettid());
	if (!connect(held->fd, (const struct sockaddr *)&held->to->ss, held->to->len))
		held->sent = send(held->fd, "plaintext", 9, MSG_NOSIGNAL | MSG_DONTWAIT);
	return NULL;
}

/* Begin to connect, and come as far as a failpoint, which others pass then */
static void begin_held(struct held *held, enum t_failpoint at)
{
	assert_true(t_failpoint(at, HELD_MS));
	t_thread(&held->thread, connect_held, held);
	t_await_held(&held->tid, true);
	t_failpoint(at, 0);
}

/* Clients of @somewhere send only TLS until they close, or nothing */
static void hear_only_tls(void)
{
	int child;

	while ((child = accept4(somewhere, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		const struct timeval tv = { .tv_sec = PATIENCE_S };
		char got[512] = "";
		ssize_t n;

		SYS(setsockopt(child, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
		n = recv(child, got, sizeof(got) - 1, 0);
		if (n > 0 && got[0] != 0x16)
			fail_msg("the peer received %zd bytes of plaintext: %s", n, got);
		assert_true(n >= 0 || errno == ECONNRESET);
		t_reset(child);
	}
	assert_int_equal(errno, EAGAIN);
}

/*
 * A connect() that had begun meets a listener: the socket was disconnected meanwhile, and
 * listen() is in progress. It does not connect unprotected by the operations of listeners.
 */
static void test_connect_meets_listen(void **state)
{
	const struct t_opts opts = { .by_proto = true, .timeout = 1000 };
	struct held held = { .to = &somebody };
	ssize_t sent;

	(void)state;
	if (!t_failpoint(T_CONNECT, 0))
		skip();
	silent_daemon();
	held.fd = t_socket(AF_INET, &opts);
	begin_held(&held, T_CONNECT);
	do_disconnect(held.fd);
	/* it is still in listen() when the other one is in TCP's connect() */
	t_failpoint(T_LISTEN, 2 * HELD_MS);
	do_listen(held.fd);
	t_join(held.thread);
	sent = send(held.fd, "plaintext", 9, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(held.fd);
	if (held.sent > 0 || sent > 0)
		t_wait(somewhere, POLLIN);
	hear_only_tls();
	assert_true(held.sent < 0);
	assert_true(sent < 0);
}

/*
 * A connect() that TCP was to refuse, since the socket is a plain connection: when TCP
 * comes to it the socket was disconnected, and has listened. Nor does that one connect
 * unprotected.
 */
static void test_plain_connect_meets_listen(void **state)
{
	(void)state;
	if (!t_failpoint(T_CONNECT, 0))
		skip();
	own_start(&own, policy_basic);
	/* the one that connected, and the one that was accepted */
	for (int end = 0; end < 2; end++) {
		struct held held = { .to = &somebody };
		int fds[2];

		pair_on(2000, fds);
		held.fd = fds[end];
		begin_held(&held, T_CONNECT);
		do_disconnect(held.fd);
		/* a listener would have TCP's own operations until its end is looked at */
		FAILS(listen(held.fd, 4), EINVAL);
		t_join(held.thread);
		assert_int_equal(held.sent, HEARD_NOTHING);
		SYS(listen(held.fd, 4));
		close_pair(fds);
	}
	hear_only_tls();
}

/*
 * A connect() of which TCP has done its part meets another connection, which is not
 * connected yet: that is none of the first one's business.
 */
static void test_connected_meets_another(void **state)
{
	struct held held = { 0 };
	int plain, deaf, filler, child, fds[2];
	struct t_addr to, addr;

	(void)state;
	if (!t_failpoint(T_CONNECTED, 0))
		skip();
	own_start(&own, policy_basic);
	/* where no handshake begins by itself: that could no longer be disconnected */
	to = somebody;
	((struct sockaddr_in *)&to.ss)->sin_port = htons(2000);
	plain = listen_on(t_plain(AF_INET), 2000);
	addr = to;
	((struct sockaddr_in *)&addr.ss)->sin_port = htons(1000);
	deaf = listen_on(t_socket(AF_INET, &t_server), 1000);
	filler = t_deafen(deaf, &addr);
	held.to = &to;
	held.fd = policy_socket(AF_INET, &policy_nothing);
	begin_held(&held, T_CONNECTED);
	do_disconnect(held.fd);
	t_begin_on(held.fd, &addr.ss, addr.len);
	/* back from where it was; whether it waits for this connection then is its own affair */
	t_await_held(&held.tid, false);
	/* had it begun a handshake, the daemon would have answered it by the end of this one */
	t_pair(AF_INET, fds);
	t_exchange(fds[0], fds[1]);
	close_pair(fds);
	t_expect_error(held.fd, KSC_STATUS_OK, 0);
	t_hear(deaf, filler);
	child = t_accept(deaf);
	t_finish(held.fd);
	t_finish(child);
	t_join(held.thread);
	assert_int_equal(what_is(held.fd), PROTECTED);
	if (held.sent > 0)
		t_expect(child, "plaintext");
	t_exchange(held.fd, child);
	close(child);
	close(held.fd);
	close(deaf);
	close(plain);
}

/* ---- ended by an administrator ---- */

static void end_all(const char *what)
{
	char command[128];

	snprintf(command, sizeof(command), "ss -K -t -a -H %s >/dev/null", what);
	t_shell(command);
}

/* In each state, and the state itself is gone then */
static void test_ended(void **state)
{
	struct t_addr addr;
	int listener, fds[2], silent, fd, child;
	char filter[64], c;

	(void)state;
	own_start(&own, policy_basic);
	listener = t_listen(AF_INET, &t_server, &addr);
	snprintf(filter, sizeof(filter), "dport = :%u or sport = :%u",
		 ntohs(((struct sockaddr_in *)&addr.ss)->sin_port),
		 ntohs(((struct sockaddr_in *)&addr.ss)->sin_port));
	/* established */
	fds[0] = t_begin(&addr, &t_client);
	fds[1] = t_accept(listener);
	t_finish(fds[0]);
	t_exchange(fds[0], fds[1]);
	/* in its handshake; and a child that was not accepted */
	fd = t_begin(&addr, &t_client);
	silent = t_connect(&addr, NULL);
	end_all(filter);
	assert_true(recv(fds[0], &c, 1, 0) < 0);
	assert_true(recv(fds[1], &c, 1, 0) < 0);
	assert_true(recv(fd, &c, 1, 0) < 0);
	assert_true(recv(silent, &c, 1, 0) <= 0);
	/* the listener, too: it no longer listens, and its sendto() is not TCP's */
	assert_int_equal(accept4(listener, NULL, NULL, SOCK_NONBLOCK), -1);
	assert_int_equal(errno, EINVAL);
	FAILS(sendto(listener, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&somebody.ss,
		     somebody.len), EOPNOTSUPP);
	assert_true(send(listener, "x", 1, MSG_NOSIGNAL) < 0);
	/* but may listen again, when TCP has forgotten that it was shut */
	do_disconnect(listener);
	SYS(listen(listener, 4));
	SYS(getsockname(listener, (struct sockaddr *)&addr.ss, &addr.len));
	((struct sockaddr_in *)&addr.ss)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	close(silent);
	close(fd);
	fd = t_begin(&addr, &t_client);
	child = t_accept(listener);
	t_finish(child);
	t_finish(fd);
	t_exchange(fd, child);
	close(child);
	close(fd);
	close(fds[0]);
	close(fds[1]);
	close(listener);
}

/* Half-open connections: what TCP has of them is no socket */
static void test_half_open(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(7102) };
	int listener = t_socket(AF_INET, &t_server);
	const char *const command = "h_syn 10.98.0.2 10.98.0.1 7102";

	(void)state;
	SYS(bind(listener, (struct sockaddr *)&in, sizeof(in)));
	SYS(listen(listener, 4));
	t_shell("ip link add hole0 type dummy; ip addr add 10.98.0.1/24 dev hole0; "
		"ip link set hole0 up; ip neigh replace 10.98.0.2 lladdr 02:00:00:00:00:01 dev hole0");
	for (int i = 0; i < 3; i++)
		assert_int_equal(t_shell(command), 0);
	assert_int_equal(t_shell("ss -t -n -H state syn-recv | grep -q 10.98.0.2"), 0);
	end_all("state syn-recv");
	assert_int_not_equal(t_shell("ss -t -n -H state syn-recv | grep -q 10.98.0.2"), 0);
	/* one that outlives its listener */
	assert_int_equal(t_shell(command), 0);
	close(listener);
	t_shell("ip link del hole0");
}

/* ---- a thread that holds the socket's lock for long ---- */

/* The daemon's answer comes meanwhile, and is applied when the lock is free */
static void test_lock_held(void **state)
{
	struct tnl_event event;
	struct nl_msg *msg;
	struct t_addr addr;
	struct stall stall;
	int listener, fd, peer, other;

	(void)state;
	stall_needed();
	silent_daemon();
	listener = t_listen(AF_INET, NULL, &addr);
	fd = t_begin(&addr, &t_client);
	peer = t_accept(listener);
	tnl_expect_event(&nl, &event, KSC_CMD_CONTEXT_NEW);
	stall_begin(&stall, fd);
	msg = tnl_step(&nl, &event, KSC_STATUS_CONTINUE_NEEDED);
	nla_put(msg, KSC_A_CONTEXT_TOKEN, 5, "token");
	assert_int_equal(tnl_do(&nl, msg), 0);
	tnl_free_event(&event);
	/* others are not held up */
	other = t_begin(&addr, &t_client);
	tnl_expect_event(&nl, &event, KSC_CMD_CONTEXT_NEW);
	tnl_free_event(&event);
	close(other);
	stall_end(&stall);
	t_expect(peer, "token");
	close(fd);
	close(peer);
	close(listener);
}

static int setup(void **state)
{
	struct t_addr gone;
	int fd;

	t_setup(state);
	policy_setup(state);
	/* a port without a listener */
	fd = t_listen(AF_INET, NULL, &gone);
	close(fd);
	nobody = gone;
	somewhere = t_listen(AF_INET, NULL, &somebody);
	t_nonblock(somewhere, true);
	return 0;
}

static int teardown(void **state)
{
	t_failpoint(T_CONNECT, 0);
	close(somewhere);
	tnl_close(&nl);
	memset(&nl, 0, sizeof(nl));
	return policy_teardown(state);
}

#define TEST(name, test, arg)                                                                      \
	{                                                                                          \
		name, test, setup, teardown, (void *)(uintptr_t)(arg)                              \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("pairs", test_pairs, FRESH),
		TEST("pairs, on a listener", test_pairs, LISTENING),
		TEST("attach pairs", test_attach_pairs, false),
		TEST("windows", test_windows, false),
		TEST("connect meets listen", test_connect_meets_listen, false),
		TEST("plain connect meets listen", test_plain_connect_meets_listen, false),
		TEST("connected meets another", test_connected_meets_another, false),
		TEST("ended", test_ended, false),
		TEST("half-open", test_half_open, false),
		TEST("lock held", test_lock_held, false),
	};

	return T_RUN(tests);
}
