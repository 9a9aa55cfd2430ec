// SPDX-License-Identifier: GPL-2.0-only
/* A peer marks bytes as urgent, and the application asks TCP to take these out of the stream. */
#include <netinet/tcp.h>
#include <stdlib.h>

#include "lib/wire.h"

/* Each byte of a record is urgent, and in a segment of its own: none is left out. */
static void test_bytes(void **state)
{
	uint8_t *record = malloc(WIRE_MAX_RECORD);
	int off = 0, on = 1;
	struct wire w;

	assert_non_null(record);
	wire_start(&w, *state, 7);
	SYS(setsockopt(w.peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
	for (int round = 0; round < 3; round++) {
		size_t len;

		SYS(setsockopt(w.fd, SOL_SOCKET, SO_OOBINLINE, &off, sizeof(off)));
		len = wire_seal(&w.rx, record, WIRE_DATA, "urgent", 6, 0);
		for (size_t i = 0; i < len; i++)
			assert_int_equal(SYS(send(w.peer, record + i, 1, MSG_OOB)), 1);
		t_expect(w.fd, "urgent");
		t_send(w.fd, "answer", 6);
		wire_expect(&w, WIRE_DATA, "answer", 6);
		wire_send(&w, WIRE_DATA, "not so", 6, 0);
		t_expect(w.fd, "not so");
	}
	wire_close(&w);
	free(record);
}

/* How many of a hundred records take TCP's fast path */
static uint64_t fast(struct wire *w)
{
	uint64_t hits = t_net_counter("netstat", "TcpExt", "TCPHPHits");

	for (int i = 0; i < 100; i++) {
		wire_send(w, WIRE_DATA, "x", 1, 0);
		t_expect(w->fd, "x");
	}
	return t_net_counter("netstat", "TcpExt", "TCPHPHits") - hits;
}

/* An urgent byte costs TCP its fast path until it is read, and no longer. */
static void test_fast(void **state)
{
	uint8_t *record = malloc(WIRE_MAX_RECORD);
	uint64_t before;
	struct wire w;
	size_t len;
	int on = 1;

	assert_non_null(record);
	wire_start(&w, *state, 8);
	SYS(setsockopt(w.peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
	before = fast(&w);
	len = wire_seal(&w.rx, record, WIRE_DATA, "urgent", 6, 0);
	assert_int_equal(SYS(send(w.peer, record, 8, MSG_OOB)), 8);
	t_send(w.peer, record + 8, len - 8);
	t_expect(w.fd, "urgent");
	/* what else there may be is for TCP to say */
	print_message("# %llu of 100 before\n", (unsigned long long)before);
	assert_true(2 * fast(&w) >= before);
	wire_close(&w);
	free(record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T_CASE("TLS 1.3", test_bytes, wire_suite(WIRE_13, 0x1301)),
		T_CASE("TLS 1.2", test_bytes, wire_suite(WIRE_12, 0xc02b)),
		T_CASE("fast path", test_fast, wire_suite(WIRE_13, 0x1301)),
	};
	int ret;

	if (wire_begin())
		return 1;
	ret = T_RUN(tests);
	return wire_end() ? 1 : ret;
}
