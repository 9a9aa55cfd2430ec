// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sequence numbers and the limits of keys: connections that begin with records as they come
 * after a day, or after centuries.
 */
#include <stdlib.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/wire.h"

#define INTERNAL_ERROR 80

/* The data of a record tell its place. */
static void number(char text[9], unsigned int n)
{
	snprintf(text, 9, "%08u", n % 100000000);
}

static void start_at(struct wire *w, const struct wire_suite *suite, uint64_t tx, uint64_t rx)
{
	uint8_t material[2][WIRE_MATERIAL];

	t_fill(material, sizeof(material), tx + rx + suite->suite);
	memset(w, 0, sizeof(*w));
	w->role = KSC_ROLE_CLIENT;
	wire_keys(&w->tx, suite, material[0]);
	wire_keys(&w->rx, suite, material[1]);
	w->tx.seq = tx;
	w->rx.seq = rx;
	wire_connect(w);
}

/* Records the AEAD may protect, RFC 8446 5.5: with GCM 2^24.5, RFC 9147 4.5.3: CCM 2^23. */
static uint64_t limit_of(const struct wire_suite *suite)
{
	if (strstr(suite->name, "CHACHA"))
		return 1ULL << 62;
	return suite->ccm ? 1ULL << 23 : 1ULL << 24;
}

/*
 * Takes @count data records; the keys change whenever that is announced. Returns how
 * often they did, none of them protecting more than @most records besides the KeyUpdate.
 */
static unsigned int take_data(struct wire *w, unsigned int count, uint64_t most)
{
	static uint8_t plain[WIRE_MAX_RECORD];
	unsigned int updates = 0;
	char want[9];

	for (unsigned int n = 0; n < count;) {
		uint64_t seq = w->tx.seq;
		uint8_t type;
		size_t len = wire_recv(w, &type, plain);

		if (type == WIRE_HANDSHAKE) {
			assert_int_equal(len, 5);
			assert_memory_equal(plain, "\x18\0\0\1\0", 5);
			wire_update(&w->tx);
			updates++;
			continue;
		}
		if (seq >= most)
			fail_msg("record %lu with keys for %lu", (unsigned long)seq,
				 (unsigned long)most);
		number(want, n++);
		assert_int_equal(type, WIRE_DATA);
		assert_int_equal(len, 8);
		assert_memory_equal(plain, want, 8);
	}
	return updates;
}

static void send_numbers(int fd, unsigned int count)
{
	char text[9];

	for (unsigned int n = 0; n < count; n++) {
		number(text, n);
		t_send(fd, text, 8);
	}
}

/* Receiving what the peer sends goes on, whatever the other direction's keys do. */
static void goes_on(struct wire *w)
{
	char text[9];

	number(text, 0);
	wire_send(w, WIRE_DATA, text, 8, 0);
	t_expect(w->fd, text);
	t_send(w->fd, text, 8);
	wire_expect(w, WIRE_DATA, text, 8);
}

/* Case 34: TLS 1.3: the sender gets new keys by itself. */
static void test_limit_13(void **state)
{
	uint64_t updates = tnl_counter(KSC_A_STATS_KEY_UPDATES_SENT);
	const struct wire_suite *suite = *state;
	uint64_t limit = limit_of(suite);
	struct wire w;

	start_at(&w, suite, limit - 3, 0);
	send_numbers(w.fd, 10);
	assert_int_equal(take_data(&w, 10, limit), 1);
	/* three with the old keys and seven with the new */
	assert_int_equal(w.tx.seq, 7);
	goes_on(&w);
	assert_int_equal(tnl_counter(KSC_A_STATS_KEY_UPDATES_SENT), updates + 1);
	wire_close(&w);
	/* keys that are beyond their limit seal nothing */
	start_at(&w, suite, limit + 5, 0);
	send_numbers(w.fd, 2);
	assert_int_equal(take_data(&w, 2, limit), 1);
	assert_int_equal(w.tx.seq, 2);
	wire_close(&w);
}

/* Case 34: the limit comes in the middle of a large send. */
static void test_limit_large(void **state)
{
	static uint8_t data[200000], plain[WIRE_MAX_RECORD];
	const struct wire_suite *suite = *state;
	uint64_t limit = limit_of(suite);
	unsigned int updates = 0;
	struct wire w;

	start_at(&w, suite, limit - 2, 0);
	t_fill(data, sizeof(data), 1);
	t_send(w.fd, data, sizeof(data));
	for (size_t at = 0; at < sizeof(data);) {
		uint64_t seq = w.tx.seq;
		uint8_t type;
		size_t len = wire_recv(&w, &type, plain);

		if (type == WIRE_HANDSHAKE) {
			assert_int_equal(seq, limit);
			wire_update(&w.tx);
			updates++;
			continue;
		}
		assert_true(seq < limit && len <= sizeof(data) - at);
		assert_memory_equal(plain, data + at, len);
		at += len;
	}
	assert_int_equal(updates, 1);
	wire_close(&w);
}

/* Case 34: TLS 1.2 has no new keys: it fails closed, with an explanation. */
static void test_limit_12(void **state)
{
	const struct wire_suite *suite = *state;
	uint64_t limit = limit_of(suite);
	struct wire w;

	for (uint64_t beyond = 0; beyond < 2; beyond++) {
		start_at(&w, suite, limit - 3 + 100 * beyond, 0);
		if (!beyond) {
			send_numbers(w.fd, 3);
			take_data(&w, 3, limit);
		}
		FAILS(send(w.fd, "more", 4, MSG_NOSIGNAL), EKEYEXPIRED);
		t_expect_error(w.fd, KSC_STATUS_KEY_LIMIT, EKEYEXPIRED);
		assert_int_equal(t_error(w.fd).alert, INTERNAL_ERROR);
		assert_int_equal(t_error(w.fd).direction, KSC_DIRECTION_SENT);
		FAILS(send(w.fd, "more", 4, MSG_NOSIGNAL), EKEYEXPIRED);
		wire_expect_alert(&w, 2, INTERNAL_ERROR);
		t_expect_eof(w.peer);
		wire_close(&w);
	}
}

/* No border inside the number matters. */
static void test_borders(void **state)
{
	static const int bits[] = { 8, 16, 24, 31, 32, 33, 40, 48, 56, 61, 63 };
	const struct wire_suite *suite = *state;
	uint64_t limit = limit_of(suite);

	for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
		uint64_t border = 1ULL << bits[i], tx = border - 3;
		struct wire w;

		/* that is another test's */
		if (border == limit)
			continue;
		start_at(&w, suite, tx + 6 < limit ? tx : 0, tx);
		for (int n = 0; n < 6; n++) {
			wire_send(&w, WIRE_DATA, "in", 2, 0);
			t_expect(w.fd, "in");
			t_send(w.fd, "out", 3);
			/* beyond its limit the peer is asked for new keys */
			if (!n && suite->version == WIRE_13 && tx > limit) {
				wire_expect(&w, WIRE_HANDSHAKE, "\x18\0\0\1\1", 5);
				wire_update(&w.tx);
			}
			wire_expect(&w, WIRE_DATA, "out", 3);
		}
		wire_close(&w);
	}
}

/* RFC 8446 5.3: the number does not wrap, neither does the peer's. */
static void test_no_wrap(void **state)
{
	const struct wire_suite *suite = *state;
	struct wire w;
	char c;

	start_at(&w, suite, 0, UINT64_MAX - 2);
	wire_send(&w, WIRE_DATA, "last", 4, 0);
	wire_send(&w, WIRE_DATA, "ones", 4, 0);
	t_expect(w.fd, "lastones");
	/* number 2^64 - 1, behind which only 0 could come */
	wire_send(&w, WIRE_DATA, "over", 4, 0);
	FAILS(recv(w.fd, &c, 1, 0), EKEYEXPIRED);
	t_expect_error(w.fd, KSC_STATUS_KEY_LIMIT, EKEYEXPIRED);
	wire_close(&w);

	/* what is sent, if the daemon should give such numbers: the last one... */
	start_at(&w, suite, UINT64_MAX - 1, 0);
	if (suite->version == WIRE_13) {
		t_send(w.fd, "over", 4);
		wire_expect(&w, WIRE_HANDSHAKE, "\x18\0\0\1\0", 5);
		wire_update(&w.tx);
		wire_expect(&w, WIRE_DATA, "over", 4);
	} else {
		FAILS(send(w.fd, "over", 4, MSG_NOSIGNAL), EKEYEXPIRED);
		wire_expect_alert(&w, 2, INTERNAL_ERROR);
		t_expect_eof(w.peer);
	}
	wire_close(&w);
	/* and none, not even an alert */
	start_at(&w, suite, UINT64_MAX, 0);
	FAILS(send(w.fd, "over", 4, MSG_NOSIGNAL), suite->version == WIRE_13 ? EIO : EKEYEXPIRED);
	t_expect_eof(w.peer);
	wire_close(&w);
	start_at(&w, suite, UINT64_MAX, 0);
	/* without close_notify there is no FIN either */
	FAILS(shutdown(w.fd, SHUT_WR), EIO);
	close(w.fd);
	FAILS(recv(w.peer, &c, 1, 0), ECONNRESET);
	close(w.peer);
}

/* A KeyUpdate in time, and the peer's numbers begin anew. */
static void test_update_in_time(void **state)
{
	struct wire w;

	start_at(&w, *state, 0, UINT64_MAX - 2);
	wire_send(&w, WIRE_DATA, "old", 3, 0);
	wire_send(&w, WIRE_HANDSHAKE, "\x18\0\0\1\0", 5, 0);
	wire_update(&w.rx);
	wire_send(&w, WIRE_DATA, "new", 3, 0);
	t_expect(w.fd, "oldnew");
	wire_close(&w);
}

/*
 * RFC 8446 5.5 is the sender's to mind. One that does not is asked for new keys by a
 * KeyUpdate, once, and is understood whether it follows or not.
 */
static void test_peer_at_limit(void **state)
{
	const struct wire_suite *suite = *state;
	uint64_t limit = limit_of(suite);
	struct wire w;

	start_at(&w, suite, 0, limit - 2);
	for (unsigned int n = 0; n < 6; n++) {
		char text[9];

		number(text, n);
		wire_send(&w, WIRE_DATA, text, 8, 0);
		t_expect(w.fd, text);
	}
	t_send(w.fd, "mine", 4);
	if (suite->version == WIRE_13) {
		wire_expect(&w, WIRE_HANDSHAKE, "\x18\0\0\1\1", 5);
		wire_update(&w.tx);
	}
	wire_expect(&w, WIRE_DATA, "mine", 4);
	if (suite->version == WIRE_13) {
		wire_send(&w, WIRE_HANDSHAKE, "\x18\0\0\1\0", 5, 0);
		wire_update(&w.rx);
	}
	goes_on(&w);
	wire_close(&w);
}

/* KSC_REKEY_AFTER: the application's own limit. */
static void test_own_limit(void **state)
{
	static const unsigned int limits[] = { 1, 2, 7, 100 };
	const struct wire_suite *suite = *state;

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		unsigned int limit = limits[i], got = 0;
		socklen_t len = sizeof(got);
		struct wire w;

		start_at(&w, suite, 0, 0);
		SYS(setsockopt(w.fd, SOL_KSCHANNEL, KSC_REKEY_AFTER, &limit, sizeof(limit)));
		SYS(getsockopt(w.fd, SOL_KSCHANNEL, KSC_REKEY_AFTER, &got, &len));
		assert_int_equal(got, limit);
		send_numbers(w.fd, limit);
		if (suite->version == WIRE_13) {
			assert_int_equal(take_data(&w, limit, limit), 0);
			send_numbers(w.fd, 5 * limit);
			assert_int_equal(take_data(&w, 5 * limit, limit), 5);
			/* back to the default limit */
			limit = 0;
			SYS(setsockopt(w.fd, SOL_KSCHANNEL, KSC_REKEY_AFTER, &limit,
				       sizeof(limit)));
			send_numbers(w.fd, 20);
			assert_int_equal(take_data(&w, 20, UINT64_MAX), 0);
		} else {
			take_data(&w, limit, limit);
			FAILS(send(w.fd, "more", 4, MSG_NOSIGNAL), EKEYEXPIRED);
			t_expect_error(w.fd, KSC_STATUS_KEY_LIMIT, EKEYEXPIRED);
			wire_expect_alert(&w, 2, INTERNAL_ERROR);
		}
		wire_close(&w);
	}
}

/**
 * struct sequence_test - a test, and what it is for
 * @name: of the test
 * @test: the test
 * @version: TLS version; 0: both
 */
struct sequence_test {
	const char *name;
	CMUnitTestFunction test;
	uint16_t version;
};

static const struct sequence_test sequence_tests[] = {
	{ "limit", test_limit_13, WIRE_13 },
	{ "limit in a large send", test_limit_large, WIRE_13 },
	{ "limit", test_limit_12, WIRE_12 },
	{ "borders", test_borders, 0 },
	{ "no wrap", test_no_wrap, 0 },
	{ "update in time", test_update_in_time, WIRE_13 },
	{ "peer at the limit", test_peer_at_limit, 0 },
	{ "own limit", test_own_limit, 0 },
};

static const uint16_t suites[][2] = {
	{ WIRE_13, 0x1301 }, { WIRE_13, 0x1302 }, { WIRE_13, 0x1303 }, { WIRE_13, 0x1304 },
	{ WIRE_12, 0xc02b }, { WIRE_12, 0xcca9 }, { WIRE_12, 0xc0ac },
};

int main(void)
{
	static struct CMUnitTest tests[ARRAY_SIZE(suites) * ARRAY_SIZE(sequence_tests)];
	static char names[ARRAY_SIZE(tests)][100];
	size_t count = 0;
	int ret;

	for (size_t i = 0; i < ARRAY_SIZE(suites); i++) {
		const struct wire_suite *suite = wire_suite(suites[i][0], suites[i][1]);

		for (size_t j = 0; j < ARRAY_SIZE(sequence_tests); j++) {
			const struct sequence_test *test = &sequence_tests[j];

			if (test->version && test->version != suite->version)
				continue;
			snprintf(names[count], sizeof(names[count]), "%s, %s", test->name,
				 suite->name);
			tests[count].name = names[count];
			tests[count].test_func = test->test;
			tests[count++].initial_state = (void *)suite;
		}
	}
	if (wire_begin())
		return 1;
	ret = t_run(__FILE__, tests, count);
	return wire_end() ? 1 : ret;
}
