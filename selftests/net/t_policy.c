// SPDX-License-Identifier: GPL-2.0-only
/* The policy's rules, applied to connections. */
#include <arpa/inet.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/net.h"
#include "lib/nl.h"
#include "lib/own.h"
#include "lib/policy.h"

static void test_actions(void **state)
{
	uint64_t plain, updates;
	int fds[2];

	(void)state;
	own_start(&own, policy_basic);
	plain = tnl_counter(KSC_A_STATS_POLICY_PLAIN);
	pair_on(1000, fds);
	assert_protected_pair(fds[0], fds[1]);
	assert_string_equal(t_info(fds[0]).server_name, "server.test");
	close_pair(fds);
	pair_on(3000, fds);
	assert_protected_pair(fds[0], fds[1]);
	close_pair(fds);
	assert_int_equal(tnl_counter(KSC_A_STATS_POLICY_PLAIN), plain);
	updates = tnl_counter(KSC_A_STATS_HANDSHAKES_OK);
	/* by a rule, and by none */
	for (uint16_t port = 2999; port <= 4000; port += 1001) {
		pair_on(port, fds);
		assert_int_equal(what_is(fds[0]), LEFT);
		assert_int_equal(what_is(fds[1]), LEFT);
		assert_plain_pair(fds[0], fds[1]);
		close_pair(fds);
	}
	assert_int_equal(tnl_counter(KSC_A_STATS_POLICY_PLAIN), plain + 4);
	assert_int_equal(tnl_counter(KSC_A_STATS_HANDSHAKES_OK), updates);
}

/* By IPPROTO_KSCHANNEL_POLICY there is nothing to set. */
static void test_protocol(void **state)
{
	int listener, fds[2];

	(void)state;
	own_start(&own, policy_basic);
	for (uint16_t port = 1001; port <= 2001; port += 1000) {
		for (int family = AF_INET; family; family = family == AF_INET ? AF_INET6 : 0) {
			struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
						    .sin6_port = htons(port),
						    .sin6_addr = IN6ADDR_LOOPBACK_INIT };

			listener = (int)SYS(socket(family, SOCK_STREAM, IPPROTO_KSCHANNEL_POLICY));
			fds[0] = (int)SYS(socket(family, SOCK_STREAM, IPPROTO_KSCHANNEL_POLICY));
			if (family == AF_INET) {
				listen_on(listener, port);
				connect_to(fds[0], port);
			} else {
				SYS(bind(listener, (struct sockaddr *)&in6, sizeof(in6)));
				SYS(listen(listener, 1));
				t_begin_on(fds[0], &in6, sizeof(in6));
			}
			fds[1] = t_accept(listener);
			if (port < 2000)
				assert_protected_pair(fds[0], fds[1]);
			else
				assert_plain_pair(fds[0], fds[1]);
			close_pair(fds);
			close(listener);
		}
	}
}

/* IPv4 in an IPv6 socket falls under IPv4's rules, as client and as child. */
static void test_mapped(void **state)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT };
	int listener, fds[2];

	(void)state;
	own_start(&own, "[rule four]\naction = require\nremote = 127.0.0.0/8\n"
			"server-name = server.test\n"
			"[rule six]\naction = never\nremote = ::/0\n");
	in6.sin6_port = htons(1000);
	listener = policy_socket(AF_INET6, &policy_nothing);
	SYS(bind(listener, (struct sockaddr *)&in6, sizeof(in6)));
	SYS(listen(listener, 2));
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &in6.sin6_addr);
	fds[0] = policy_socket(AF_INET6, &policy_nothing);
	t_begin_on(fds[0], &in6, sizeof(in6));
	fds[1] = t_accept(listener);
	assert_protected_pair(fds[0], fds[1]);
	close_pair(fds);
	in6.sin6_addr = in6addr_loopback;
	fds[0] = policy_socket(AF_INET6, &policy_nothing);
	t_begin_on(fds[0], &in6, sizeof(in6));
	fds[1] = t_accept(listener);
	assert_plain_pair(fds[0], fds[1]);
	close_pair(fds);
	close(listener);
}

/* One listener, and its children as different as their clients' addresses. */
static void test_addresses(void **state)
{
	int listener, fds[2];

	(void)state;
	own_start(&own, "[rule in]\naction = require\ndirection = accept\nremote = 127.0.1.0/24\n"
			"local = 127.0.0.1\n"
			"[rule out]\naction = require\ndirection = connect\nlocal = 127.0.1.0/24\n"
			"server-name = server.test\n");
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), 1000);
	for (int i = 0; i < 4; i++) {
		fds[0] = policy_socket(AF_INET, &policy_nothing);
		bind_to(fds[0], i % 2 ? "127.0.1.77" : "127.0.2.77", 0);
		connect_to(fds[0], 1000);
		fds[1] = t_accept(listener);
		if (i % 2)
			assert_protected_pair(fds[0], fds[1]);
		else
			assert_plain_pair(fds[0], fds[1]);
		close_pair(fds);
	}
	close(listener);
}

/* Without waiting in connect(): another thread may be in one of our operations. */
static void test_nonblocking(void **state)
{
	const struct t_opts nonblock = { .nonblock = true };
	struct epoll_event event = { .events = EPOLLOUT };
	int listener, fds[2], epoll = (int)SYS(epoll_create1(0));

	(void)state;
	own_start(&own, policy_basic);
	for (uint16_t port = 1002; port <= 2002; port += 1000) {
		listener = listen_on(policy_socket(AF_INET, &policy_nothing), port);
		fds[0] = policy_socket(AF_INET, &nonblock);
		SYS(epoll_ctl(epoll, EPOLL_CTL_ADD, fds[0], &event));
		FAILS(try_connect_to(fds[0], "127.0.0.1", port), EINPROGRESS);
		fds[1] = t_accept(listener);
		do {
			assert_int_equal(SYS(epoll_wait(epoll, &event, 1, PATIENCE_S * 1000)), 1);
		} while (!(event.events & EPOLLOUT));
		assert_int_equal(t_so_error(fds[0]), 0);
		t_nonblock(fds[0], false);
		if (port < 2000) {
			assert_protected_pair(fds[0], fds[1]);
		} else {
			assert_int_equal(what_is(fds[0]), LEFT);
			assert_plain_pair(fds[0], fds[1]);
		}
		close_pair(fds);
		close(listener);
	}
	close(epoll);
}

/* The same socket tries one address after another, of which the last is to be protected. */
static void test_again(void **state)
{
	const struct sockaddr unspec = { .sa_family = AF_UNSPEC };
	int listener, fds[2];

	(void)state;
	own_start(&own, policy_basic);
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), 1003);
	for (int i = 0; i < 2; i++) {
		fds[0] = policy_socket(AF_INET, &policy_nothing);
		t_nonblock(fds[0], i);
		for (int k = 0; k < 3; k++) {
			int ret = try_connect_to(fds[0], "127.0.0.1", 2003);

			if (i) {
				assert_true(ret < 0);
				if (errno == EINPROGRESS) {
					t_wait(fds[0], POLLOUT);
					assert_int_equal(t_so_error(fds[0]), ECONNREFUSED);
				} else {
					/* TCP's own, to the first call after a failure */
					assert_int_equal(errno, ECONNABORTED);
				}
			} else {
				FAILS(ret, ECONNREFUSED);
			}
		}
		if (i)
			SYS(connect(fds[0], &unspec, sizeof(unspec)));
		t_nonblock(fds[0], false);
		connect_to(fds[0], 1003);
		fds[1] = t_accept(listener);
		assert_protected_pair(fds[0], fds[1]);
		close_pair(fds);
	}
	close(listener);
	/* or it listens, and what comes is to be protected */
	fds[0] = policy_socket(AF_INET, &policy_nothing);
	bind_to(fds[0], "127.0.0.1", 1004);
	FAILS(try_connect_to(fds[0], "127.0.0.1", 2003), ECONNREFUSED);
	SYS(listen(fds[0], 1));
	fds[1] = connect_to(policy_socket(AF_INET, &policy_nothing), 1004);
	listener = t_accept(fds[0]);
	assert_protected_pair(fds[1], listener);
	close(listener);
	close_pair(fds);
}

/* What an application has asked for by itself stays protected, whatever the policy says. */
static void test_own_wish(void **state)
{
	int listener, fds[2];

	(void)state;
	own_start(&own, policy_basic);
	listener = listen_on(t_socket(AF_INET, &t_server), 2004);
	fds[0] = connect_to(t_socket(AF_INET, &t_client), 2004);
	fds[1] = t_accept(listener);
	assert_protected_pair(fds[0], fds[1]);
	close_pair(fds);
	close(listener);
}

/* ---- no daemon, no policy, no credential ---- */

static void test_no_policy(void **state)
{
	uint64_t refusals;
	int fd, child, listener;
	char c;

	(void)state;
	refusals = tnl_counter(KSC_A_STATS_POLICY_REFUSED);
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), 1000);
	fd = policy_socket(AF_INET, &policy_nothing);
	FAILS(try_connect_to(fd, "127.0.0.1", 1000), EHOSTDOWN);
	t_expect_error(fd, KSC_STATUS_NO_DAEMON, EHOSTDOWN);
	child = t_accept(listener);
	FAILS(recv(child, &c, 1, 0), EHOSTDOWN);
	close(child);
	close(fd);
	close(listener);
	assert_int_equal(tnl_counter(KSC_A_STATS_POLICY_REFUSED), refusals + 2);
}

/* A connect() that can't be judged fails, and the socket is unchanged: it can try again. */
static void test_no_policy_yet(void **state)
{
	const int one = 1, client = KSC_ROLE_CLIENT;
	int listener, fd, value;
	socklen_t len = sizeof(value);

	(void)state;
	listener = listen_on(t_plain(AF_INET), 1007);
	fd = connect_to(t_plain(AF_INET), 1007);
	t_attach(fd);
	SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_ROLE, &client, sizeof(client)));
	for (int i = 0; i < 2; i++) {
		FAILS(setsockopt(fd, SOL_KSCHANNEL, KSC_POLICY, &one, sizeof(one)), EHOSTDOWN);
		SYS(getsockopt(fd, SOL_KSCHANNEL, KSC_POLICY, &value, &len));
		assert_int_equal(value, 0);
	}
	own_start(&own, policy_basic);
	by_policy(fd);
	assert_int_equal(what_is(fd), PROTECTED);
	close(fd);
	close(listener);
}

static void test_daemon_gone(void **state)
{
	const struct t_opts soon = { .timeout = 300 };
	uint64_t fallbacks;
	int fds[2], fd, listener;

	(void)state;
	own_start(&own, policy_basic);
	own_kill(&own);
	tnl_await_counter(KSC_A_STATS_DAEMON, 0);
	fallbacks = tnl_counter(KSC_A_STATS_POLICY_FALLBACKS);
	/* the policy is still there */
	listener = listen_on(policy_socket(AF_INET, &soon), 1000);
	fd = policy_socket(AF_INET, &soon);
	FAILS(try_connect_to(fd, "127.0.0.1", 1000), EHOSTDOWN);
	close(fd);
	close(listener);
	pair_on(2000, fds);
	assert_plain_pair(fds[0], fds[1]);
	close_pair(fds);
	assert_int_equal(tnl_counter(KSC_A_STATS_POLICY_FALLBACKS), fallbacks);
	pair_on(3000, fds);
	assert_plain_pair(fds[0], fds[1]);
	close_pair(fds);
	assert_int_equal(tnl_counter(KSC_A_STATS_POLICY_FALLBACKS), fallbacks + 2);
}

/*
 * What begins between two daemons goes by the rules of the first, which may be others in the
 * second's file, elsewhere in it: those of the same names, as they are now.
 */
static void test_edited_between(void **state)
{
	const struct t_opts nonblock = { .nonblock = true };
	int listener, fds[2];

	(void)state;
	own_start(&own, "[rule out]\naction = require\nremote-port = 1000\ndirection = connect\n"
			"server-name = server.test\nalpn = one\n"
			"[rule in]\naction = require\nlocal-port = 1000\ndirection = accept\n"
			"alpn = one\n");
	own_stop(&own);
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), 1000);
	fds[0] = policy_socket(AF_INET, &nonblock);
	FAILS(try_connect_to(fds[0], "127.0.0.1", 1000), EINPROGRESS);
	fds[1] = t_accept(listener);
	tnl_await_at_least(KSC_A_STATS_CONTEXTS, 1);
	own_start(&own, "[rule new]\naction = never\nremote-port = 1-999\n"
			"[rule other]\naction = require\nlocal-port = 2000\nalpn = three\n"
			"[rule in]\naction = prefer\nlocal-port = 1000\ndirection = accept\n"
			"alpn = two\n"
			"[rule out]\naction = require\nremote-port = 1000\n"
			"direction = connect\nserver-name = server.test\nalpn = two\n");
	t_wait(fds[0], POLLOUT);
	assert_int_equal(t_so_error(fds[0]), 0);
	t_nonblock(fds[0], false);
	assert_protected_pair(fds[0], fds[1]);
	assert_string_equal(t_info(fds[0]).alpn, "two");
	assert_string_equal(t_info(fds[1]).alpn, "two");
	close_pair(fds);
	close(listener);
}

static void test_no_credential(void **state)
{
	static const uint8_t record[] = { 0x16, 3, 1, 0, 4, 1, 0, 0, 0 };
	uint8_t got[sizeof(record)];
	uint64_t fallbacks;
	int fds[2], fd, listener;

	(void)state;
	own_start(&own, "[rule must]\naction = require\nlocal-port = 1000\ndirection = accept\n"
			"credential = restricted\n"
			"[rule may]\naction = prefer\nlocal-port = 3000\ndirection = accept\n"
			"credential = restricted\n"
			"[rule must-too]\naction = require\nremote-port = 4000\ndirection = connect\n"
			"credential = restricted\n"
			"[rule may-too]\naction = prefer\nremote-port = 5000\ndirection = connect\n"
			"credential = restricted\n");
	fallbacks = tnl_counter(KSC_A_STATS_POLICY_FALLBACKS);
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), 1000);
	fd = connect_to(t_plain(AF_INET), 1000);
	fds[1] = t_accept(listener);
	t_send(fd, record, sizeof(record));
	FAILS(recv(fds[1], got, 1, 0), EACCES);
	close(fd);
	close(fds[1]);
	close(listener);
	/* the server's first step says so, which needs a whole record */
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), 3000);
	fds[0] = connect_to(t_plain(AF_INET), 3000);
	fds[1] = t_accept(listener);
	t_send(fds[0], record, sizeof(record));
	t_recv(fds[1], got, sizeof(got));
	assert_memory_equal(got, record, sizeof(got));
	assert_plain_pair(fds[0], fds[1]);
	close_pair(fds);
	close(listener);
	assert_int_equal(tnl_counter(KSC_A_STATS_POLICY_FALLBACKS), fallbacks + 1);

	listener = listen_on(t_plain(AF_INET), 4000);
	fd = policy_socket(AF_INET, &policy_nothing);
	FAILS(try_connect_to(fd, "127.0.0.1", 4000), EACCES);
	close(fd);
	close(listener);
	listener = listen_on(t_plain(AF_INET), 5000);
	fds[0] = policy_socket(AF_INET, &policy_nothing);
	SYS(try_connect_to(fds[0], "127.0.0.1", 5000));
	fds[1] = t_accept(listener);
	assert_plain_pair(fds[0], fds[1]);
	close_pair(fds);
	close(listener);
	assert_int_equal(tnl_counter(KSC_A_STATS_POLICY_FALLBACKS), fallbacks + 2);
}

/* A server that prefers TLS has clients of both kinds. */
static void *say_hello(void *arg)
{
	t_send(*(int *)arg, "hello", 5);
	return NULL;
}

static void test_plain_client(void **state)
{
	int listener, fds[2];
	pthread_t thread;

	(void)state;
	own_start(&own, policy_basic);
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), 3000);
	fds[0] = connect_to(t_plain(AF_INET), 3000);
	fds[1] = t_accept(listener);
	/* the reader is in our operation when it turns out */
	t_thread(&thread, say_hello, &fds[0]);
	t_expect(fds[1], "hello");
	t_join(thread);
	assert_int_equal(what_is(fds[1]), LEFT);
	assert_plain_pair(fds[0], fds[1]);
	close_pair(fds);
	fds[0] = connect_to(policy_socket(AF_INET, &policy_nothing), 3000);
	fds[1] = t_accept(listener);
	assert_protected_pair(fds[0], fds[1]);
	close_pair(fds);
	close(listener);
	/* not so where it is required */
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), 1005);
	fds[0] = connect_to(t_plain(AF_INET), 1005);
	fds[1] = t_accept(listener);
	t_send(fds[0], "hello", 5);
	FAILS(recv(fds[1], &thread, 1, 0), EPROTO);
	close_pair(fds);
	close(listener);
}

/* Once a handshake has begun there is no way back: what follows it is not data. */
static void test_begun(void **state)
{
	static const uint8_t half[] = { 0x16, 3, 1, 0, 6, 1, 0, 1, 0xfc, 3, 3 };
	uint64_t fallbacks, steps;
	uint8_t alert[7];
	int listener, fds[2];

	(void)state;
	own_start(&own, policy_basic);
	fallbacks = tnl_counter(KSC_A_STATS_POLICY_FALLBACKS);
	steps = tnl_counter(KSC_A_STATS_STEPS);
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), 3000);
	fds[0] = connect_to(t_plain(AF_INET), 3000);
	fds[1] = t_accept(listener);
	t_send(fds[0], half, sizeof(half));
	tnl_await_counter(KSC_A_STATS_STEPS, steps + 1);
	t_send(fds[0], "hello", 5);
	FAILS(recv(fds[1], alert, 1, 0), EPROTO);
	assert_int_equal(what_is(fds[1]), PROTECTED);
	t_recv(fds[0], alert, sizeof(alert));
	assert_memory_equal(alert, "\x15\x03\x03\x00\x02\x02\x0a", sizeof(alert));
	assert_int_equal(tnl_counter(KSC_A_STATS_POLICY_FALLBACKS), fallbacks);
	close_pair(fds);
	close(listener);
}

/* ---- the option ---- */

static void test_option(void **state)
{
	const int zero = 0, one = 1, client = KSC_ROLE_CLIENT;
	int listener, fd, child, value;
	socklen_t len = sizeof(value);

	(void)state;
	own_start(&own, policy_basic);
	fd = t_socket(AF_INET, &policy_nothing);
	SYS(getsockopt(fd, SOL_KSCHANNEL, KSC_POLICY, &value, &len));
	assert_int_equal(value, 0);
	FAILS(setsockopt(fd, SOL_KSCHANNEL, KSC_POLICY, &zero, sizeof(zero)), EINVAL);
	FAILS(setsockopt(fd, SOL_KSCHANNEL, KSC_POLICY, &one, 1), EINVAL);
	by_policy(fd);
	by_policy(fd);
	SYS(getsockopt(fd, SOL_KSCHANNEL, KSC_POLICY, &value, &len));
	assert_int_equal(value, 1);
	close(fd);
	/* a socket that is connected already */
	for (uint16_t port = 1007; port <= 2007; port += 1000) {
		listener = listen_on(t_plain(AF_INET), port);
		fd = connect_to(t_plain(AF_INET), port);
		t_attach(fd);
		FAILS(setsockopt(fd, SOL_KSCHANNEL, KSC_POLICY, &one, sizeof(one)), EDESTADDRREQ);
		SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_ROLE, &client, sizeof(client)));
		by_policy(fd);
		assert_int_equal(what_is(fd), port < 2000 ? PROTECTED : LEFT);
		close(fd);
		close(listener);
	}
	/* when it has begun it is too late */
	listener = listen_on(t_socket(AF_INET, &t_server), 1008);
	fd = connect_to(t_socket(AF_INET, &t_client), 1008);
	child = t_accept(listener);
	t_finish(fd);
	FAILS(setsockopt(fd, SOL_KSCHANNEL, KSC_POLICY, &one, sizeof(one)), EBUSY);
	close(child);
	close(fd);
	close(listener);
}

/* The rule of a connection that came to no handshake is not the next one's. */
static void test_disconnected(void **state)
{
	const struct sockaddr unspec = { .sa_family = AF_UNSPEC };
	const int client = KSC_ROLE_CLIENT;
	int secret, open_to_all, fd, child;

	(void)state;
	own_start(&own, policy_basic);
	secret = listen_on(t_plain(AF_INET), 1009);
	open_to_all = listen_on(t_plain(AF_INET), 2009);
	fd = connect_to(t_plain(AF_INET), 1009);
	t_attach(fd);
	SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_ROLE, &client, sizeof(client)));
	by_policy(fd);
	assert_int_equal(what_is(fd), PROTECTED);
	SYS(connect(fd, &unspec, sizeof(unspec)));
	t_nonblock(fd, true);
	FAILS(try_connect_to(fd, "127.0.0.1", 2009), EINPROGRESS);
	assert_int_equal(what_is(fd), LEFT);
	child = t_accept(open_to_all);
	t_wait(fd, POLLOUT);
	t_nonblock(fd, false);
	assert_plain_pair(fd, child);
	close(child);
	close(fd);
	close(open_to_all);
	close(secret);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		POLICY_TEST(test_actions),
		POLICY_TEST(test_protocol),
		POLICY_TEST(test_mapped),
		POLICY_TEST(test_addresses),
		POLICY_TEST(test_nonblocking),
		POLICY_TEST(test_again),
		POLICY_TEST(test_own_wish),
		POLICY_TEST(test_no_policy),
		POLICY_TEST(test_no_policy_yet),
		POLICY_TEST(test_daemon_gone),
		POLICY_TEST(test_edited_between),
		POLICY_TEST(test_no_credential),
		POLICY_TEST(test_plain_client),
		POLICY_TEST(test_begun),
		POLICY_TEST(test_option),
		POLICY_TEST(test_disconnected),
	};

	return T_RUN(tests);
}
