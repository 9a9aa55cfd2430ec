// SPDX-License-Identifier: GPL-2.0-only
/*
 * connect() returned with TCP's connection, and the handshake fails, never begins, or finds
 * the socket shut down: each call returns the reason, and no plaintext is sent.
 */
#include <sched.h>

#include "lib/late.h"

/* The first call returns the error and clears SO_ERROR; all later calls fail, too */
static void test_fails(void **state)
{
	int listener, fds[2];
	char c;

	(void)state;
	own_start(&own, rules);
	listener = server_on(UNTRUSTED);
	for (int i = 0; i < 4; i++) {
		fds[0] = connect_now(UNTRUSTED);
		assert_connected(fds[0]);
		fds[1] = t_accept(listener);
		if (i >= 2)
			t_wait(fds[0], i == 2 ? POLLOUT : POLLIN);
		if (i == 2) {
			/* POLLERR may come a moment before the rest */
			while (polled(fds[0], POLLOUT) == POLLERR)
				sched_yield();
			/* and once the server has got the alert, it hangs up */
			assert_int_equal(polled(fds[0], POLLIN | POLLOUT) & ~POLLHUP,
					 POLLIN | POLLOUT | POLLERR);
		}
		if (i == 3)
			assert_int_equal(t_so_error(fds[0]), EKEYREJECTED);
		if (i == 1)
			FAILS(recv(fds[0], &c, 1, 0), EKEYREJECTED);
		else
			FAILS(send(fds[0], SECRET, sizeof(SECRET), MSG_NOSIGNAL), EKEYREJECTED);
		assert_int_equal(t_so_error(fds[0]), 0);
		FAILS(recv(fds[0], &c, 1, 0), EKEYREJECTED);
		FAILS(send(fds[0], SECRET, sizeof(SECRET), MSG_NOSIGNAL), EKEYREJECTED);
		t_expect_error(fds[0], KSC_STATUS_PEER_REJECTED, EKEYREJECTED);
		FAILS(recv(fds[1], &c, 1, 0), EPROTO);
		close_pair(fds);
	}
	close(listener);
}

static void test_times_out(void **state)
{
	/* connect() has returned by then */
	const struct t_opts soon = { .timeout = 5000 };
	int listener, fd;
	char c;

	(void)state;
	own_start(&own, rules);
	listener = server_on(GOES_ON);
	fd = policy_socket(AF_INET, &soon);
	SYS(try_connect_to(fd, "127.0.0.1", GOES_ON));
	FAILS(recv(fd, &c, 1, 0), ETIMEDOUT);
	assert_int_equal(t_so_error(fd), 0);
	FAILS(send(fd, SECRET, sizeof(SECRET), MSG_NOSIGNAL), ETIMEDOUT);
	close(fd);
	/* what is known at once is connect()'s */
	close(listener);
	fd = policy_socket(AF_INET, &policy_nothing);
	FAILS(try_connect_to(fd, "127.0.0.1", GOES_ON), ECONNREFUSED);
	close(fd);
	fd = begin_to(GOES_ON);
	t_wait(fd, POLLOUT);
	assert_int_equal(t_so_error(fd), ECONNREFUSED);
	close(fd);
}

static void test_no_policy(void **state)
{
	const int tcp = KSC_CONNECT_TCP;
	int listener, fd;

	(void)state;
	listener = server_on(GOES_ON);
	fd = t_socket(AF_INET, &t_client);
	SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_CONNECT, &tcp, sizeof(tcp)));
	FAILS(try_connect_to(fd, "127.0.0.1", GOES_ON), EHOSTDOWN);
	close(fd);
	close(listener);
}

/* A client that prefers TLS has not got it, when it is connected already */
static void test_falls_back(void **state)
{
	int listener, fds[2];

	(void)state;
	own_start(&own, rules);
	listener = listen_on(t_plain(AF_INET), NOT_OURS);
	for (int i = 0; i < 2; i++) {
		if (i) {
			fds[0] = begin_to(NOT_OURS);
			t_wait(fds[0], POLLOUT);
			assert_int_equal(t_so_error(fds[0]), 0);
			t_nonblock(fds[0], false);
		} else {
			fds[0] = connect_now(NOT_OURS);
		}
		t_send(fds[0], "plain", 5);
		fds[1] = t_accept(listener);
		t_expect(fds[1], "plain");
		assert_plain_pair(fds[0], fds[1]);
		close_pair(fds);
	}
	close(listener);
}

/* What was shut before the handshake's end is shut by close_notify after it */
static void test_shut(void **state)
{
	int listener, fds[2];

	(void)state;
	own_start(&own, rules);
	listener = server_on(GOES_ON);
	fds[0] = connect_now(GOES_ON);
	SYS(shutdown(fds[0], SHUT_WR));
	fds[1] = t_accept(listener);
	t_expect_eof(fds[1]);
	t_send(fds[1], "answer", 6);
	t_expect(fds[0], "answer");
	FAILS(send(fds[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	close_pair(fds);
	close(listener);
}

/* Any end before there was an answer: only TLS was sent */
static void test_no_plaintext(void **state)
{
	const struct sockaddr unspec = { .sa_family = AF_UNSPEC };
	enum { CLOSED, SHUT, RESET, DISCONNECTED, ENDS };
	static char got[65536];
	int listener, fds[2];
	size_t len;
	ssize_t n;

	(void)state;
	own_start(&own, rules);
	listener = listen_on(t_plain(AF_INET), GOES_ON);
	for (int end = 0; end < ENDS; end++) {
		fds[0] = connect_now(GOES_ON);
		FAILS(send(fds[0], SECRET, sizeof(SECRET), MSG_DONTWAIT | MSG_NOSIGNAL), EAGAIN);
		FAILS(sendto(fds[0], SECRET, sizeof(SECRET), MSG_DONTWAIT | MSG_FASTOPEN, NULL, 0),
		      EOPNOTSUPP);
		tnl_await_counter(KSC_A_STATS_STEPS, (uint64_t)end + 1);
		if (end == DISCONNECTED)
			FAILS(connect(fds[0], &unspec, sizeof(unspec)), EOPNOTSUPP);
		if (end == SHUT || end == DISCONNECTED)
			SYS(shutdown(fds[0], SHUT_RDWR));
		fds[1] = t_accept(listener);
		if (end == RESET)
			t_reset(fds[0]);
		else
			close(fds[0]);
		for (len = 0; len < sizeof(got); len += (size_t)n) {
			n = recv(fds[1], got + len, sizeof(got) - len, 0);
			if (n <= 0)
				break;
		}
		assert_true(len > 5);
		assert_int_equal(got[0], 0x16);
		assert_null(memmem(got, len, SECRET, sizeof(SECRET) - 1));
		close(fds[1]);
	}
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		POLICY_TEST(test_fails),
		POLICY_TEST(test_times_out),
		POLICY_TEST(test_no_policy),
		POLICY_TEST(test_falls_back),
		POLICY_TEST(test_shut),
		POLICY_TEST(test_no_plaintext),
	};

	return T_RUN(tests);
}
