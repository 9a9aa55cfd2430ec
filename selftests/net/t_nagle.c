// SPDX-License-Identifier: GPL-2.0
/*
 * Small writes while a small segment is unacknowledged (RFC 896): they share a record, and
 * nothing waits that TCP would have sent.
 */
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "net.h"
#include "wire.h"

/* An acknowledgment takes twice that long: time enough for some writes, on any machine. */
#define SLOW_NETWORK "tc qdisc add dev lo root netem delay 1000ms"
#define MTU 1500

static int restore(void **state)
{
	(void)state;
	return system("tc qdisc del dev lo root 2>/dev/null; ip link set lo mtu 65536");
}

static void set_tcp(const struct wire *w, int option, int value)
{
	SYS(setsockopt(w->fd, IPPROTO_TCP, option, &value, sizeof(value)));
}

/* What TCP has not sent, and what is not yet TCP's. */
static int unsent(const struct wire *w)
{
	int n = -1;

	SYS(ioctl(w->fd, SIOCOUTQNSD, &n));
	return n;
}

/* Connected, with nothing unacknowledged and Nagle's algorithm in use. */
static void start(struct wire *w, const struct wire_suite *suite)
{
	char c;

	wire_start(w, suite, 1);
	wire_send(w, WIRE_DATA, "!", 1, 0);
	assert_int_equal(SYS(recv(w->fd, &c, 1, 0)), 1);
	set_tcp(w, TCP_NODELAY, 0);
	assert_int_equal(system(SLOW_NETWORK), 0);
}

/* What the peer sends acknowledges what it has. */
static void acknowledge(struct wire *w)
{
	char c;

	wire_send(w, WIRE_DATA, "!", 1, 0);
	assert_int_equal(SYS(recv(w->fd, &c, 1, 0)), 1);
}

static void test_share(void **state)
{
	struct wire w;

	start(&w, *state);
	for (int i = 0; i < 2; i++) {
		/* the first one after an acknowledgment goes at once */
		t_send(w.fd, "first", 5);
		assert_int_equal(unsent(&w), 0);
		t_send(w.fd, "sec", 3);
		assert_in_range(unsent(&w), 3, 3 + WIRE_HEADER + 8);
		t_send(w.fd, "ond", 3);
		t_send(w.fd, " third", 6);
		assert_in_range(unsent(&w), 12, 12 + WIRE_HEADER + 8);
		wire_expect(&w, WIRE_DATA, "first", 5);
		/* nothing but the acknowledgment makes it go */
		wire_expect(&w, WIRE_DATA, "second third", 12);
		acknowledge(&w);
	}
	wire_close(&w);
}

/* A full segment does not wait. */
static void test_full(void **state)
{
	char in[WIRE_MAX_PAYLOAD], chunk[100];
	size_t sent = 0, got = 0, records = 0;
	uint8_t type;
	struct wire w;

	assert_int_equal(system("ip link set lo mtu 1500"), 0);
	start(&w, *state);
	t_send(w.fd, "first", 5);
	memset(chunk, 'c', sizeof(chunk));
	do {
		t_send(w.fd, chunk, sizeof(chunk));
		sent += sizeof(chunk);
		assert_true(unsent(&w) < MTU);
	} while (sent < 2 * MTU);
	wire_expect(&w, WIRE_DATA, "first", 5);
	while (got < sent) {
		size_t n = wire_recv(&w, &type, (uint8_t *)in);

		assert_int_equal(type, WIRE_DATA);
		got += n;
		records++;
	}
	assert_int_equal(got, sent);
	assert_in_range(records, 2, 4);
	wire_close(&w);
}

/* Switched off, what waits goes at once. */
static void test_no_delay(void **state)
{
	struct wire w;

	start(&w, *state);
	t_send(w.fd, "first", 5);
	t_send(w.fd, "second", 6);
	assert_true(unsent(&w) > 0);
	set_tcp(&w, TCP_NODELAY, 1);
	assert_int_equal(unsent(&w), 0);
	t_send(w.fd, "third", 5);
	t_send(w.fd, "fourth", 6);
	assert_int_equal(unsent(&w), 0);
	wire_expect(&w, WIRE_DATA, "first", 5);
	wire_expect(&w, WIRE_DATA, "second", 6);
	wire_expect(&w, WIRE_DATA, "third", 5);
	wire_expect(&w, WIRE_DATA, "fourth", 6);
	wire_close(&w);
}

/* A record ends where the application says so, and what is larger is one of its own. */
static void test_ends(void **state)
{
	struct wire w;

	start(&w, *state);
	t_send(w.fd, "first", 5);
	t_send(w.fd, "sec", 3);
	assert_int_equal(SYS(send(w.fd, "ond", 3, MSG_EOR)), 3);
	t_send(w.fd, "third", 5);
	assert_int_equal(SYS(send(w.fd, " and more", 9, MSG_MORE)), 9);
	t_send(w.fd, ".", 1);
	wire_expect(&w, WIRE_DATA, "first", 5);
	wire_expect(&w, WIRE_DATA, "second", 6);
	wire_expect(&w, WIRE_DATA, "third and more.", 15);
	wire_close(&w);
}

/* What waits goes out before the alert. */
static void test_shutdown(void **state)
{
	struct wire w;

	start(&w, *state);
	t_send(w.fd, "first", 5);
	t_send(w.fd, "second", 6);
	SYS(shutdown(w.fd, SHUT_WR));
	wire_expect(&w, WIRE_DATA, "first", 5);
	wire_expect(&w, WIRE_DATA, "second", 6);
	wire_expect_alert(&w, 1, 0);
	wire_close(&w);
}

#define NAGLE(test, version, suite)                                                                \
	{                                                                                          \
		#test ", " #suite, test, t_setup, restore, (void *)wire_suite(version, suite)      \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NAGLE(test_share, WIRE_13, 0x1301),
		NAGLE(test_share, WIRE_12, 0xc02b),
		NAGLE(test_full, WIRE_13, 0x1301),
		NAGLE(test_no_delay, WIRE_13, 0x1303),
		NAGLE(test_ends, WIRE_13, 0x1301),
		NAGLE(test_shutdown, WIRE_12, 0xcca9),
	};
	int ret;

	if (wire_begin())
		return 1;
	ret = T_RUN(tests);
	return wire_end() ? 1 : ret;
}
