// SPDX-License-Identifier: GPL-2.0-only
/* Peers that speak no TLS where it is required: the daemon logs them. */
#include <arpa/inet.h>
#include <unistd.h>

#include "lib/net.h"
#include "lib/nl.h"
#include "lib/own.h"
#include "lib/policy.h"

/* Of the kernel's, within a second */
#define MOST	10

#define NO_TLS	"reason=\"the peer does not speak TLS\""
#define SERVER	"rule=secret-server local=127.0.0.1:1000 uid=0"

static const char no_tls[] = "alert-sent=10 " NO_TLS;

static uint16_t port_of(int fd)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);

	SYS(getsockname(fd, (struct sockaddr *)&in, &len));
	return ntohs(in.sin_port);
}

/* One line, and all of it. */
static void expect_line(const char *fmt, unsigned int port, const char *rest)
{
	char line[256];

	snprintf(line, sizeof(line), fmt, port, rest);
	own_await_log(&own, line);
	assert_int_equal(own_logged(&own, line), 1);
}

static void test_client(void **state)
{
	uint64_t before = tnl_counter(KSC_A_STATS_NOT_TLS);
	int listener, fds[2];
	char c;

	(void)state;
	own_start(&own, policy_basic);
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), 1000);
	fds[0] = connect_to(t_plain(AF_INET), 1000);
	fds[1] = t_accept(listener);
	t_send(fds[0], "hello", 5);
	FAILS(recv(fds[1], &c, 1, 0), EPROTO);
	expect_line("role=server peer=127.0.0.1:%u status=protocol-error rule=secret-server "
		    "local=127.0.0.1:1000 uid=0 %s", port_of(fds[0]), no_tls);
	close_pair(fds);
	close(listener);
	/* a program's own wish, under no rule */
	listener = listen_on(t_socket(AF_INET, &t_server), 4000);
	fds[0] = connect_to(t_plain(AF_INET), 4000);
	fds[1] = t_accept(listener);
	t_send(fds[0], "GET / HTTP/1.0\r\n", 16);
	FAILS(recv(fds[1], &c, 1, 0), EPROTO);
	expect_line("role=server peer=127.0.0.1:%u status=protocol-error local=127.0.0.1:4000 "
		    "uid=0 %s", port_of(fds[0]), no_tls);
	close_pair(fds);
	close(listener);
	assert_int_equal(tnl_counter(KSC_A_STATS_NOT_TLS), before + 2);
	/* where it may be plain that is no failure */
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), 3000);
	fds[0] = connect_to(t_plain(AF_INET), 3000);
	fds[1] = t_accept(listener);
	t_send(fds[0], "hello", 5);
	t_recv(fds[1], &c, 1);
	close_pair(fds);
	close(listener);
	assert_int_equal(tnl_counter(KSC_A_STATS_NOT_TLS), before + 2);
}

/* With protocols whose servers speak first, a plain client sends nothing. */
static void test_silent(void **state)
{
	const struct t_opts soon = { .timeout = 300 }, later = { .timeout = 5000 };
	uint64_t before = tnl_counter(KSC_A_STATS_NOT_TLS);
	int listener, fds[2];
	char c;

	(void)state;
	own_start(&own, policy_basic);
	listener = listen_on(policy_socket(AF_INET, &soon), 1000);
	fds[0] = connect_to(t_plain(AF_INET), 1000);
	fds[1] = t_accept(listener);
	FAILS(recv(fds[1], &c, 1, 0), ETIMEDOUT);
	expect_line("role=server peer=127.0.0.1:%u status=timed-out rule=secret-server "
		    "local=127.0.0.1:1000 uid=0 reason=\"%s\"", port_of(fds[0]),
		    "client sent no data (plaintext client?)");
	close_pair(fds);
	close(listener);
	/* a peer that has begun with TLS is not counted; it times out as well */
	listener = listen_on(policy_socket(AF_INET, &later), 1000);
	fds[0] = connect_to(t_plain(AF_INET), 1000);
	fds[1] = t_accept(listener);
	t_send(fds[0], "\x16\x03\x01", 3);
	FAILS(recv(fds[1], &c, 1, 0), ETIMEDOUT);
	close_pair(fds);
	close(listener);
	assert_int_equal(tnl_counter(KSC_A_STATS_NOT_TLS), before + 1);
}

static void test_server(void **state)
{
	int listener, fds[2];

	(void)state;
	own_start(&own, policy_basic);
	listener = listen_on(t_plain(AF_INET), 1000);
	fds[0] = policy_socket(AF_INET, &policy_nothing);
	t_nonblock(fds[0], true);
	FAILS(try_connect_to(fds[0], "127.0.0.1", 1000), EINPROGRESS);
	fds[1] = t_accept(listener);
	t_send(fds[1], "220 hello", 9);
	t_wait(fds[0], POLLIN);
	assert_int_equal(t_so_error(fds[0]), EPROTO);
	expect_line("role=client peer=127.0.0.1:1000 status=protocol-error rule=secret "
		    "local=127.0.0.1:%u uid=0 %s", port_of(fds[0]), no_tls);
	close_pair(fds);
	close(listener);
}

/* However many there are, they are no more lines than that, nor in the daemon's way. */
static void test_many(void **state)
{
	uint64_t before = tnl_counter(KSC_A_STATS_NOT_TLS);
	int listener, client, child, fds[2];
	int64_t start, seconds;
	char c;

	(void)state;
	own_start(&own, policy_basic);
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), 1000);
	start = t_now_ms();
	for (int i = 0; i < 300; i++) {
		client = connect_to(t_plain(AF_INET), 1000);
		child = t_accept(listener);
		t_send(client, "hello", 5);
		FAILS(recv(child, &c, 1, 0), EPROTO);
		close(client);
		close(child);
	}
	seconds = (t_now_ms() - start) / 1000;
	/* all earlier messages are in the log by then */
	fds[0] = connect_to(policy_socket(AF_INET, &policy_nothing), 1000);
	fds[1] = t_accept(listener);
	assert_protected_pair(fds[0], fds[1]);
	close_pair(fds);
	close(listener);
	assert_int_equal(tnl_counter(KSC_A_STATS_NOT_TLS), before + 300);
	assert_in_range(own_logged(&own, no_tls), 1, MOST * (seconds + 2));
}

static const char half_hello[] = "\x16\x03\x01\x00\x06\x01\x00\x01\xfc\x03\x03";

/* Half a ClientHello, which the daemon takes, and then what the kernel alone sees */
static void midway(int listener, const void *rest, size_t len, int error, const char *why)
{
	uint64_t steps = tnl_counter(KSC_A_STATS_STEPS);
	unsigned int port;
	int fds[2];
	char c;

	fds[0] = connect_to(t_plain(AF_INET), 1000);
	fds[1] = t_accept(listener);
	port = port_of(fds[0]);
	t_send(fds[0], half_hello, sizeof(half_hello) - 1);
	tnl_await_counter(KSC_A_STATS_STEPS, steps + 1);
	if (len)
		t_send(fds[0], rest, len);
	else if (error == ECONNRESET)
		t_reset(fds[0]);
	FAILS(recv(fds[1], &c, 1, 0), error);
	expect_line("role=server peer=127.0.0.1:%u status=%s", port, why);
	if (len || error != ECONNRESET)
		close(fds[0]);
	close(fds[1]);
}

/* The end of a handshake that the daemon began is in its log, whichever end aborts it. */
static void test_midway(void **state)
{
	static const uint8_t unknown[] = { 0x63, 3, 3, 0, 2, 'h', 'm' };
	/* time enough for the daemon's step */
	const struct t_opts soon = { .timeout = 5000 };
	int listener;

	(void)state;
	own_start(&own, policy_basic);
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), 1000);
	midway(listener, unknown, sizeof(unknown), EPROTO,
	       "protocol-error " SERVER " alert-sent=10 " NO_TLS);
	midway(listener, NULL, 0, ECONNRESET,
	       "truncated " SERVER " reason=\"the connection was reset during the handshake\"");
	close(listener);
	listener = listen_on(policy_socket(AF_INET, &soon), 1000);
	midway(listener, NULL, 0, ETIMEDOUT, "timed-out");
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		POLICY_TEST(test_client),
		POLICY_TEST(test_silent),
		POLICY_TEST(test_server),
		POLICY_TEST(test_midway),
		POLICY_TEST(test_many),
	};

	return T_RUN(tests);
}
