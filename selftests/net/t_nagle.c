// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small writes while a small segment is unacknowledged (RFC 896): they share a record, and
 * nothing waits that TCP would have sent.
 */
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/held.h"
#include "lib/net.h"
#include "lib/wire.h"

/* An acknowledgment takes twice that long: time enough for some writes, or else held_late() */
#define SLOW_NETWORK "tc qdisc replace dev lo root netem delay 1000ms"

static int restore(void **state)
{
	(void)state;
	return t_shell("tc qdisc del dev lo root 2>/dev/null; ip link set lo mtu 65536");
}

/* What a record may add */
#define OVERHEAD (WIRE_HEADER + 8 + 1 + WIRE_TAG)

/* Connected, with nothing unacknowledged and Nagle's algorithm in use. */
static void start(struct wire *w, const struct wire_suite *suite)
{
	char c;

	/* what is done again finds it slow */
	t_shell("tc qdisc del dev lo root 2>/dev/null");
	wire_start(w, suite, 1);
	wire_send(w, WIRE_DATA, "!", 1, 0);
	assert_int_equal(SYS(recv(w->fd, &c, 1, 0)), 1);
	held_set_tcp(w, TCP_NODELAY, 0);
	assert_int_equal(t_shell(SLOW_NETWORK), 0);
}

/* What the peer sends acknowledges what it has. */
static void acknowledge(struct wire *w)
{
	char c;

	wire_send(w, WIRE_DATA, "!", 1, 0);
	assert_int_equal(SYS(recv(w->fd, &c, 1, 0)), 1);
}

static bool share(struct wire *w)
{
	int64_t since = t_ticks_ms();
	int first, second, third;

	t_send(w->fd, "first", 5);
	first = held_unsent(w);
	t_send(w->fd, "sec", 3);
	second = held_unsent(w);
	t_send(w->fd, "ond", 3);
	t_send(w->fd, " third", 6);
	third = held_unsent(w);
	if (held_late(since))
		return false;
	/* the first one after an acknowledgment goes at once */
	assert_int_equal(first, 0);
	assert_in_range(second, 3, 3 + OVERHEAD);
	assert_in_range(third, 12, 12 + OVERHEAD);
	wire_expect(w, WIRE_DATA, "first", 5);
	/* nothing but the acknowledgment makes it go */
	wire_expect(w, WIRE_DATA, "second third", 12);
	acknowledge(w);
	return true;
}

static void test_share(void **state)
{
	struct wire w;
	bool done;

	do {
		start(&w, *state);
		done = share(&w);
		if (done)
			done = share(&w);
		wire_close(&w);
	} while (!done);
}

/* A full segment does not wait. */
static void test_full(void **state)
{
	struct wire w;
	size_t sent;

	assert_int_equal(t_shell("ip link set lo mtu 1500"), 0);
	for (;;) {
		start(&w, *state);
		t_send(w.fd, "first", 5);
		sent = held_fill(&w);
		if (sent)
			break;
		wire_close(&w);
	}
	wire_expect(&w, WIRE_DATA, "first", 5);
	held_expect(&w, sent);
	wire_close(&w);
}

/* Switched off, what waits goes at once. */
static void test_no_delay(void **state)
{
	int before, after, later;
	struct wire w;

	for (;;) {
		int64_t since;

		start(&w, *state);
		since = t_ticks_ms();
		t_send(w.fd, "first", 5);
		t_send(w.fd, "second", 6);
		before = held_unsent(&w);
		held_set_tcp(&w, TCP_NODELAY, 1);
		after = held_unsent(&w);
		t_send(w.fd, "third", 5);
		t_send(w.fd, "fourth", 6);
		later = held_unsent(&w);
		if (!held_late(since))
			break;
		wire_close(&w);
	}
	assert_true(before > 0);
	assert_int_equal(after, 0);
	assert_int_equal(later, 0);
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

	for (;;) {
		int64_t since;

		start(&w, *state);
		since = t_ticks_ms();
		t_send(w.fd, "first", 5);
		t_send(w.fd, "sec", 3);
		assert_int_equal(SYS(send(w.fd, "ond", 3, MSG_EOR)), 3);
		t_send(w.fd, "third", 5);
		assert_int_equal(SYS(send(w.fd, " and more", 9, MSG_MORE)), 9);
		t_send(w.fd, ".", 1);
		if (!held_late(since))
			break;
		wire_close(&w);
	}
	wire_expect(&w, WIRE_DATA, "first", 5);
	wire_expect(&w, WIRE_DATA, "second", 6);
	wire_expect(&w, WIRE_DATA, "third and more.", 15);
	wire_close(&w);
}

/* Pending data is sent before the alert. */
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
