// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP accepts a part of a small record, whose page it was given: the rest is sent when there
 * is room, and before later writes.
 */
#include <linux/tcp.h>
#include <unistd.h>

#include "lib/held.h"
#include "lib/net.h"
#include "lib/wire.h"

/* A segment is at most half of the smallest window there is, and a record several of them. */
#define NARROW "cat /proc/sys/net/ipv4/tcp_rmem >/tmp/tcp_rmem && " \
	       "echo 4096 4096 4096 >/proc/sys/net/ipv4/tcp_rmem"
#define WIDE "tc qdisc del dev lo root 2>/dev/null; " \
	     "cat /tmp/tcp_rmem >/proc/sys/net/ipv4/tcp_rmem"
/* While nothing is acknowledged there is room for three segments or so. */
#define SLOW "tc qdisc add dev lo root netem delay 500ms"

static int narrow(void **state)
{
	t_setup(state);
	return t_shell(NARROW);
}

static int widen(void **state)
{
	(void)state;
	return t_shell(WIDE);
}

static int tcp_unsent(const struct wire *w)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	SYS(getsockopt(w->fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	return (int)info.tcpi_notsent_bytes;
}

/* How much TCP does not have yet, in a moment in which it sends nothing. */
static int not_taken(const struct wire *w)
{
	int unsent, all;

	do {
		unsent = tcp_unsent(w);
		all = held_unsent(w);
	} while (tcp_unsent(w) != unsent);
	return all - unsent;
}

/* How often each is tried: the guest may be paused until all is acknowledged. */
#define TRIES 5

static void test_part(void **state)
{
	const struct wire_suite *suite = *state;
	const int smallest = 1, full = KSC_SIZING_FULL;
	uint8_t data[2048];
	unsigned int parts = 0;

	t_fill(data, sizeof(data), 1);
	for (size_t i = 0; i < 4 || (!parts && i < 4 * TRIES); i++) {
		const size_t before = i % 4;
		struct wire w;
		int pending;

		wire_start(&w, suite, before);
		SYS(setsockopt(w.fd, SOL_SOCKET, SO_SNDBUF, &smallest, sizeof(smallest)));
		/* not in records of one segment each, as it is after a pause */
		SYS(setsockopt(w.fd, SOL_KSCHANNEL, KSC_RECORD_SIZING, &full, sizeof(full)));
		held_set_tcp(&w, TCP_NODELAY, 1);
		assert_int_equal(t_shell(SLOW), 0);
		for (size_t k = 0; k < before; k++)
			t_send(w.fd, data, 10);
		assert_int_equal(SYS(send(w.fd, data, sizeof(data), 0)), sizeof(data));
		pending = not_taken(&w);
		parts += pending > 0 && pending < (int)sizeof(data);
		assert_int_equal(t_shell("tc qdisc del dev lo root"), 0);
		t_send(w.fd, "!", 1);
		for (size_t k = 0; k < before; k++)
			wire_expect(&w, WIRE_DATA, data, 10);
		wire_expect(&w, WIRE_DATA, data, sizeof(data));
		wire_expect(&w, WIRE_DATA, "!", 1);
		wire_close(&w);
	}
	print_message("# a part was taken %u times\n", parts);
	assert_true(parts);
}

#define PART(version, suite)                                                                       \
	{                                                                                          \
		#suite, test_part, narrow, widen, (void *)wire_suite(version, suite)               \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PART(WIRE_13, 0x1301),
		PART(WIRE_13, 0x1304),
		PART(WIRE_12, 0xcca9),
	};
	int ret;

	if (wire_begin())
		return 1;
	ret = T_RUN(tests);
	return wire_end() ? 1 : ret;
}
