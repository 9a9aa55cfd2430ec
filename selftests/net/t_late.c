// SPDX-License-Identifier: GPL-2.0-only
/*
 * Servers that accept late. A handshake begins at accept(), so that a client whose connect()
 * waits for it waits for accept(), too; with KSC_CONNECT_TCP, or "connect = tcp" of a rule,
 * connect() is done with TCP's connection, and what is sent or received first waits. Those that
 * end before or without a handshake are in t_late_end.c.
 */
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/late.h"

/* ---- connect() that waits for the handshake ---- */

/**
 * struct connecting - a thread that connects
 * @fd: its socket
 * @port: where to
 * @ret: what connect() returned, an errno
 * @done: it has
 */
struct connecting {
	int fd;
	uint16_t port;
	int ret;
	atomic_bool done;
};

static void *do_connect(void *arg)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct connecting *c = arg;

	in.sin_port = htons(c->port);
	c->ret = connect(c->fd, (struct sockaddr *)&in, sizeof(in)) ? errno : 0;
	atomic_store(&c->done, true);
	return NULL;
}

static void test_waits(void **state)
{
	struct connecting c = { .port = WAITS };
	pthread_t thread;
	int listener, fds[2];

	(void)state;
	own_start(&own, rules);
	listener = server_on(WAITS);
	c.fd = policy_socket(AF_INET, &policy_nothing);
	fds[0] = c.fd;
	t_thread(&thread, do_connect, &c);
	/* it has sent its first flight, and there is no answer */
	tnl_await_counter(KSC_A_STATS_STEPS, 1);
	assert_false(atomic_load(&c.done));
	assert_int_equal(polled(c.fd, POLLIN | POLLOUT), 0);
	fds[1] = t_accept(listener);
	t_join(thread);
	assert_int_equal(c.ret, 0);
	assert_protected_pair(fds[0], fds[1]);
	close_pair(fds);
	close(listener);
}

/* It is not accepted in time, or too late */
static void test_waits_in_vain(void **state)
{
	const struct t_opts soon = { .timeout = 300 };
	int listener, fd, child;
	uint64_t steps;
	char c;

	(void)state;
	own_start(&own, rules);
	listener = server_on(WAITS);
	fd = policy_socket(AF_INET, &soon);
	FAILS(try_connect_to(fd, "127.0.0.1", WAITS), ETIMEDOUT);
	t_expect_error(fd, KSC_STATUS_TIMED_OUT, ETIMEDOUT);
	close(fd);
	child = t_accept(listener);
	FAILS(recv(child, &c, 1, 0), ECONNRESET);
	close(child);
	/* so does one thread that would accept afterwards; without blocking it can */
	steps = tnl_counter(KSC_A_STATS_STEPS);
	fd = begin_to(WAITS);
	tnl_await_at_least(KSC_A_STATS_STEPS, steps + 1);
	assert_int_equal(polled(fd, POLLIN | POLLOUT), 0);
	child = t_accept(listener);
	t_wait(fd, POLLOUT);
	assert_int_equal(t_so_error(fd), 0);
	t_nonblock(fd, false);
	assert_protected_pair(fd, child);
	close(child);
	close(fd);
	close(listener);
}

/* ---- connect() that is done with TCP's connection ---- */

/* One thread, which accepts what it has connected itself */
static void test_goes_on(void **state)
{
	int listener, fds[2];

	(void)state;
	own_start(&own, rules);
	listener = server_on(GOES_ON);
	fds[0] = connect_now(GOES_ON);
	assert_connected(fds[0]);
	FAILS(try_connect_to(fds[0], "127.0.0.1", GOES_ON), EISCONN);
	/* that it is connected was returned: POLLOUT means room for data now */
	assert_int_equal(polled(fds[0], POLLIN | POLLOUT | POLLRDHUP), 0);
	FAILS(send(fds[0], SECRET, sizeof(SECRET), MSG_DONTWAIT), EAGAIN);
	fds[1] = t_accept(listener);
	t_wait(fds[0], POLLOUT);
	assert_protected_pair(fds[0], fds[1]);
	close_pair(fds);
	/* what is called first waits */
	for (int i = 0; i < 3; i++) {
		fds[0] = connect_now(GOES_ON);
		fds[1] = t_accept(listener);
		if (i == 0)
			t_send(fds[0], "first", 5);
		else if (i == 1)
			t_send(fds[1], "first", 5);
		else
			t_finish(fds[0]);
		if (i < 2)
			t_expect(fds[!i], "first");
		assert_protected_pair(fds[0], fds[1]);
		close_pair(fds);
	}
	close(listener);
}

static void test_goes_on_nonblocking(void **state)
{
	int listener, fds[2];
	char c;

	(void)state;
	own_start(&own, rules);
	listener = server_on(GOES_ON);
	for (int i = 0; i < 3; i++) {
		fds[0] = begin_to(GOES_ON);
		t_wait(fds[0], POLLOUT);
		assert_connected(fds[0]);
		FAILS(recv(fds[0], &c, 1, 0), EAGAIN);
		/* until the first call that needs the handshake */
		assert_int_equal(polled(fds[0], POLLIN | POLLOUT), POLLOUT);
		if (i == 0) {
			SYS(try_connect_to(fds[0], "127.0.0.1", GOES_ON));
			FAILS(try_connect_to(fds[0], "127.0.0.1", GOES_ON), EISCONN);
		} else if (i == 1) {
			FAILS(setsockopt(fds[0], SOL_KSCHANNEL, KSC_HANDSHAKE, &i, sizeof(i)),
			      EINPROGRESS);
		} else {
			FAILS(send(fds[0], SECRET, sizeof(SECRET), 0), EAGAIN);
		}
		assert_int_equal(polled(fds[0], POLLIN | POLLOUT), 0);
		fds[1] = t_accept(listener);
		t_wait(fds[0], POLLOUT);
		assert_int_equal(SYS(send(fds[0], "first", 5, 0)), 5);
		t_expect(fds[1], "first");
		t_nonblock(fds[0], false);
		assert_protected_pair(fds[0], fds[1]);
		close_pair(fds);
	}
	close(listener);
}

static uint32_t next_event(int ep, int ms)
{
	struct epoll_event event;

	return SYS(epoll_wait(ep, &event, 1, ms)) ? event.events : 0;
}

/* One edge for connect()'s end, none before a writer can go on, one then */
static void test_edges(void **state)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
	int ep = (int)SYS(epoll_create1(EPOLL_CLOEXEC)), listener, fds[2];

	(void)state;
	own_start(&own, rules);
	listener = server_on(GOES_ON);
	fds[0] = policy_socket(AF_INET, &nonblock);
	SYS(epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &event));
	/* TCP's of a socket that is not connected */
	next_event(ep, 0);
	FAILS(try_connect_to(fds[0], "127.0.0.1", GOES_ON), EINPROGRESS);
	while (!(next_event(ep, PATIENCE_S * 1000) & EPOLLOUT))
		;
	assert_int_equal(t_so_error(fds[0]), 0);
	FAILS(send(fds[0], SECRET, sizeof(SECRET), 0), EAGAIN);
	tnl_await_counter(KSC_A_STATS_STEPS, 1);
	assert_int_equal(next_event(ep, 20), 0);
	fds[1] = t_accept(listener);
	assert_int_equal(next_event(ep, PATIENCE_S * 1000), EPOLLOUT);
	assert_int_equal(SYS(send(fds[0], "first", 5, 0)), 5);
	t_expect(fds[1], "first");
	t_send(fds[1], "second", 6);
	while (!(next_event(ep, PATIENCE_S * 1000) & EPOLLIN))
		;
	t_expect(fds[0], "second");
	close_pair(fds);
	close(listener);
	close(ep);
}

/* An application's option on its own socket overrides the rule, either way */
static void test_option(void **state)
{
	const int tcp = KSC_CONNECT_TCP, wait = KSC_CONNECT_HANDSHAKE;
	int listener, fds[2], value;
	socklen_t len = sizeof(value);
	uint64_t steps;

	(void)state;
	own_start(&own, rules);
	listener = server_on(GOES_ON);
	/* of which the policy is not asked whether it is protected, and so not when */
	fds[0] = t_socket(AF_INET, &t_client);
	t_nonblock(fds[0], true);
	SYS(getsockopt(fds[0], SOL_KSCHANNEL, KSC_CONNECT, &value, &len));
	assert_int_equal(value, KSC_CONNECT_DEFAULT);
	FAILS(setsockopt(fds[0], SOL_KSCHANNEL, KSC_CONNECT, &(int){ 3 }, sizeof(int)), EINVAL);
	FAILS(try_connect_to(fds[0], "127.0.0.1", GOES_ON), EINPROGRESS);
	tnl_await_counter(KSC_A_STATS_STEPS, 1);
	assert_int_equal(polled(fds[0], POLLOUT), 0);
	FAILS(setsockopt(fds[0], SOL_KSCHANNEL, KSC_CONNECT, &tcp, sizeof(tcp)), EBUSY);
	fds[1] = t_accept(listener);
	t_wait(fds[0], POLLOUT);
	t_finish(fds[1]);
	close_pair(fds);

	steps = tnl_counter(KSC_A_STATS_STEPS);
	fds[0] = policy_socket(AF_INET, &nonblock);
	SYS(setsockopt(fds[0], SOL_KSCHANNEL, KSC_CONNECT, &wait, sizeof(wait)));
	FAILS(try_connect_to(fds[0], "127.0.0.1", GOES_ON), EINPROGRESS);
	tnl_await_counter(KSC_A_STATS_STEPS, steps + 1);
	assert_int_equal(polled(fds[0], POLLOUT), 0);
	fds[1] = t_accept(listener);
	t_wait(fds[0], POLLOUT);
	close_pair(fds);
	close(listener);

	listener = server_on(WAITS);
	for (int i = 0; i < 2; i++) {
		fds[0] = t_socket(AF_INET, &t_client);
		if (i)
			by_policy(fds[0]);
		SYS(setsockopt(fds[0], SOL_KSCHANNEL, KSC_CONNECT, &tcp, sizeof(tcp)));
		SYS(getsockopt(fds[0], SOL_KSCHANNEL, KSC_CONNECT, &value, &len));
		assert_int_equal(value, KSC_CONNECT_TCP);
		SYS(try_connect_to(fds[0], "127.0.0.1", WAITS));
		fds[1] = t_accept(listener);
		assert_protected_pair(fds[0], fds[1]);
		close_pair(fds);
	}
	close(listener);
}

/* A client that judges the peer by hand may use a blocking connect() */
static void test_judges(void **state)
{
	const int tcp = KSC_CONNECT_TCP, manual = KSC_VERIFY_MANUAL, accept = KSC_VERDICT_ACCEPT;
	int listener, fds[2];

	(void)state;
	own_start(&own, rules);
	listener = server_on(WAITS);
	fds[0] = t_socket(AF_INET, &policy_nothing);
	SYS(setsockopt(fds[0], SOL_KSCHANNEL, KSC_VERIFY, &manual, sizeof(manual)));
	SYS(setsockopt(fds[0], SOL_KSCHANNEL, KSC_CONNECT, &tcp, sizeof(tcp)));
	SYS(try_connect_to(fds[0], "127.0.0.1", WAITS));
	fds[1] = t_accept(listener);
	t_wait(fds[0], POLLPRI);
	assert_int_equal(polled(fds[0], POLLIN | POLLOUT | POLLPRI), POLLPRI);
	FAILS(send(fds[0], SECRET, sizeof(SECRET), MSG_DONTWAIT), EAGAIN);
	SYS(setsockopt(fds[0], SOL_KSCHANNEL, KSC_VERDICT, &accept, sizeof(accept)));
	assert_protected_pair(fds[0], fds[1]);
	close_pair(fds);
	close(listener);
}

/* ---- others on the same descriptor ---- */

/**
 * struct user - a thread that uses a socket
 * @fd: the socket
 * @what: which call
 * @ret: what it returned, or an errno
 */
struct user {
	int fd;
	enum { SENDS, RECEIVES, POLLS, FINISHES } what;
	long ret;
};

static void *use(void *arg)
{
	struct user *u = arg;
	struct pollfd pfd = { .fd = u->fd, .events = POLLOUT };
	char got[8];

	switch (u->what) {
	case SENDS:
		u->ret = send(u->fd, "first", 5, 0);
		break;
	case RECEIVES:
		u->ret = recv(u->fd, got, sizeof(got), 0);
		break;
	case POLLS:
		u->ret = poll(&pfd, 1, PATIENCE_S * 1000);
		break;
	case FINISHES:
		u->ret = setsockopt(u->fd, SOL_KSCHANNEL, KSC_HANDSHAKE, &(int){ 1 }, sizeof(int));
		break;
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct user users[4];
	pthread_t threads[4];
	int listener, fds[2];

	(void)state;
	own_start(&own, rules);
	listener = server_on(GOES_ON);
	for (int round = 0; round < 20; round++) {
		fds[0] = connect_now(GOES_ON);
		for (int i = 0; i < 4; i++) {
			users[i] = (struct user){ .fd = fds[0], .what = i };
			t_thread(&threads[i], use, &users[i]);
		}
		fds[1] = t_accept(listener);
		t_expect(fds[1], "first");
		t_send(fds[1], "second", 6);
		for (int i = 0; i < 4; i++)
			t_join(threads[i]);
		assert_int_equal(users[SENDS].ret, 5);
		assert_int_equal(users[RECEIVES].ret, 6);
		assert_int_equal(users[POLLS].ret, 1);
		assert_int_equal(users[FINISHES].ret, 0);
		assert_protected_pair(fds[0], fds[1]);
		close_pair(fds);
	}
	close(listener);
}

/* ---- servers ---- */

/* TCP has the connection wait for its first bytes: a client's handshake begins with them */
static void test_defer_accept(void **state)
{
	const int seconds = 30;
	int listener, fds[2];

	(void)state;
	own_start(&own, rules);
	for (int i = 0; i < 3; i++) {
		static const uint16_t ports[] = { WAITS, GOES_ON, PERHAPS };

		listener = policy_socket(AF_INET, &policy_nothing);
		SYS(setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds,
			       sizeof(seconds)));
		listen_on(listener, ports[i]);
		t_nonblock(listener, true);
		/* one that sends nothing is not seen */
		fds[0] = connect_to(t_plain(AF_INET), ports[i]);
		FAILS(accept(listener, NULL, NULL), EAGAIN);
		if (ports[i] == PERHAPS) {
			t_send(fds[0], "hello", 5);
			t_wait(listener, POLLIN);
			fds[1] = t_accept(listener);
			t_expect(fds[1], "hello");
			assert_plain_pair(fds[0], fds[1]);
			close(fds[1]);
		}
		/* a FIN would have it seen */
		t_reset(fds[0]);
		fds[0] = connect_to(policy_socket(AF_INET, &policy_nothing), ports[i]);
		t_wait(listener, POLLIN);
		fds[1] = t_accept(listener);
		assert_protected_pair(fds[0], fds[1]);
		close_pair(fds);
		close(listener);
	}
}

/* A server that prefers TLS accepts a plain client when all of it has come and gone */
static void test_prefers_late(void **state)
{
	enum { BYTES, FEW_BYTES, FEW_AND_FIN, FIN, NOTHING, RST, ENDS };
	int listener, fds[2];
	char c;

	(void)state;
	own_start(&own, rules);
	listener = server_on(PERHAPS);
	for (int end = 0; end < ENDS; end++) {
		bool few = end == FEW_BYTES || end == FEW_AND_FIN;
		bool fin = end == FEW_AND_FIN || end == FIN || end == NOTHING;

		fds[0] = connect_to(t_plain(AF_INET), PERHAPS);
		/* less than a record's header is */
		if (end != NOTHING)
			t_send(fds[0], "hello", few ? 2 : 5);
		if (fin)
			SYS(shutdown(fds[0], SHUT_WR));
		if (end == RST)
			t_reset(fds[0]);
		fds[1] = t_accept(listener);
		if (end == RST) {
			FAILS(recv(fds[1], &c, 1, 0), ECONNRESET);
			close(fds[1]);
			continue;
		}
		if (end != NOTHING)
			t_expect(fds[1], few ? "he" : "hello");
		if (fin)
			t_expect_eof(fds[1]);
		t_send(fds[1], "answer", 6);
		t_expect(fds[0], "answer");
		assert_int_equal(what_is(fds[1]), LEFT);
		close_pair(fds);
	}
	/* one that has begun with TLS has ended in the middle of it */
	fds[0] = connect_to(t_plain(AF_INET), PERHAPS);
	t_send(fds[0], "\x16\x03\x01", 3);
	SYS(shutdown(fds[0], SHUT_WR));
	fds[1] = t_accept(listener);
	FAILS(recv(fds[1], &c, 1, 0), ECONNRESET);
	assert_int_equal(what_is(fds[1]), PROTECTED);
	close_pair(fds);
	close(listener);
}

/* ---- what it costs ---- */

static void cost(const char *what, uint16_t port, bool late, uint64_t spent[2])
{
	uint64_t steps = tnl_counter(KSC_A_STATS_STEPS), offers = tnl_counter(KSC_A_STATS_OFFERS);
	int listener = server_on(port), fds[2];
	int64_t start;

	fds[0] = connect_to(policy_socket(AF_INET, &policy_nothing), port);
	if (late)
		tnl_await_counter(KSC_A_STATS_STEPS, steps + 1);
	start = t_now_ms();
	fds[1] = t_accept(listener);
	t_finish(fds[0]);
	t_finish(fds[1]);
	spent[0] = tnl_counter(KSC_A_STATS_STEPS) - steps;
	spent[1] = tnl_counter(KSC_A_STATS_OFFERS) - offers;
	print_message("# %s: %ld ms from accept() to its end, %lu steps, %lu offers\n", what,
		      (long)(t_now_ms() - start), (unsigned long)spent[0],
		      (unsigned long)spent[1]);
	close_pair(fds);
	close(listener);
}

/* No work that a prompt one does not cost: the same steps, of which the client's first is done */
static void test_cost(void **state)
{
	uint64_t prompt[2], late[2];

	(void)state;
	own_start(&own, rules);
	cost("the first of all", WAITS, false, prompt);
	for (uint16_t port = WAITS; port <= GOES_ON; port += GOES_ON - WAITS) {
		cost("accepted at once", port, false, prompt);
		cost("accepted late", port, true, late);
		assert_int_equal(late[0], prompt[0]);
		assert_int_equal(late[1], prompt[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		POLICY_TEST(test_waits),
		POLICY_TEST(test_waits_in_vain),
		POLICY_TEST(test_goes_on),
		POLICY_TEST(test_goes_on_nonblocking),
		POLICY_TEST(test_edges),
		POLICY_TEST(test_option),
		POLICY_TEST(test_judges),
		POLICY_TEST(test_threads),
		POLICY_TEST(test_defer_accept),
		POLICY_TEST(test_prefers_late),
		POLICY_TEST(test_cost),
	};

	return T_RUN(tests);
}
