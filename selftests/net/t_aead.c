// SPDX-License-Identifier: GPL-2.0-only
/*
 * The limits of a record: lengths, padding, nonces, tags, and the header's fields, each under
 * keys that the test knows.
 */
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/wire.h"

#define BAD_RECORD_MAC 20
#define UNEXPECTED_MESSAGE 10
#define RECORD_OVERFLOW 22
#define DECODE_ERROR 50
#define PROTOCOL_VERSION 70

static uint8_t record[WIRE_MAX_RECORD], data[2 * WIRE_MAX_PAYLOAD];

static void put_header(size_t len)
{
	record[0] = WIRE_DATA;
	record[1] = 3;
	record[2] = 3;
	record[3] = (uint8_t)(len >> 8);
	record[4] = (uint8_t)len;
}

static bool is_13(const struct wire *w)
{
	return w->tx.suite->version == WIRE_13;
}

/* What came before a record that is refused is there to be read. */
static void begin(struct wire *w, const struct wire_suite *suite, uint64_t seed)
{
	wire_start(w, suite, seed);
	wire_send(w, WIRE_DATA, "before", 6, 0);
}

static void expect_bad_mac(struct wire *w)
{
	t_expect(w->fd, "before");
	wire_expect_refused(w, KSC_STATUS_BAD_RECORD, EBADMSG, BAD_RECORD_MAC);
	wire_close(w);
}

/* ---- what is right, at its edges ---- */

static void both_ways(struct wire *w, const void *what, size_t len)
{
	static uint8_t got[WIRE_MAX_RECORD];

	wire_send(w, WIRE_DATA, what, len, 0);
	t_recv(w->fd, got, len);
	assert_memory_equal(got, what, len);
	t_send(w->fd, what, len);
	for (size_t at = 0; at < len;) {
		uint8_t type;
		size_t n = wire_recv(w, &type, got);

		assert_int_equal(type, WIRE_DATA);
		assert_in_range(n, 1, len - at);
		assert_memory_equal(got, (const uint8_t *)what + at, n);
		at += n;
	}
}

/* Keys, ivs and data of zeros and of ones. */
static void test_constant_keys(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0xff };

	for (size_t i = 0; i < 4; i++) {
		uint8_t tx[WIRE_MATERIAL], rx[WIRE_MATERIAL];
		struct wire w = { .role = KSC_ROLE_CLIENT };

		memset(tx, bytes[i & 1], sizeof(tx));
		memset(rx, bytes[i >> 1], sizeof(rx));
		wire_keys(&w.tx, *state, tx);
		wire_keys(&w.rx, *state, rx);
		wire_connect(&w);
		memset(data, bytes[i & 1], WIRE_MAX_PAYLOAD);
		both_ways(&w, data, 1);
		both_ways(&w, data, 16);
		both_ways(&w, data, WIRE_MAX_PAYLOAD);
		wire_close(&w);
	}
}

/* The number whose record has a nonce that ends with eight bytes of @byte. */
static uint64_t seq_for_nonce(const struct wire_dir *dir, uint8_t byte)
{
	uint64_t seq = 0;

	for (size_t i = 4; i < 12; i++)
		seq = seq << 8 | (uint8_t)(dir->iv[i] ^ byte);
	return seq;
}

/*
 * Nonces of zeros and of ones. TLS 1.2's implicit part is the daemon's to give; of
 * TLS 1.3's, which comes from the secret, the last eight bytes are what can be
 * chosen, by the record's number.
 */
static void test_constant_nonces(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0xff };
	const struct wire_suite *suite = *state;

	for (size_t i = 0; i < 2; i++) {
		uint8_t material[WIRE_MATERIAL];
		struct wire w = { .role = KSC_ROLE_CLIENT };

		t_fill(material, sizeof(material), 7);
		if (suite->version == WIRE_12)
			memset(material + suite->key_len, bytes[i], suite->iv_len);
		wire_keys(&w.tx, suite, material);
		wire_keys(&w.rx, suite, material);
		if (suite->explicit_len)
			w.rx.explicit_xor = bytes[i] ? UINT64_MAX : 0;
		else
			w.rx.seq = seq_for_nonce(&w.rx, bytes[i]);
		if (suite->version == WIRE_12 && !suite->explicit_len)
			assert_true(w.rx.seq == 0);
		wire_connect(&w);
		if (suite->version == WIRE_12) {
			both_ways(&w, "one and only", 12);
		} else {
			/* so far that the peer is to change its keys: that is another test's */
			wire_send(&w, WIRE_DATA, "one and only", 12, 0);
			t_expect(w.fd, "one and only");
		}
		wire_close(&w);
	}
}

/* RFC 5288 3: the nonce that is sent need not be the record's number. */
static void test_explicit_nonce(void **state)
{
	static const uint64_t differences[] = { 0, 1, UINT64_MAX, 1ULL << 63, 0x123456789abcdef };
	struct wire w;

	wire_start(&w, *state, 1);
	for (size_t i = 0; i < ARRAY_SIZE(differences); i++) {
		w.rx.explicit_xor = differences[i];
		wire_send(&w, WIRE_DATA, "nonce", 5, 0);
		t_expect(w.fd, "nonce");
	}
	/* not even a new one each time can be insisted on */
	for (int i = 0; i < 2; i++) {
		w.rx.explicit_xor = 5 ^ w.rx.seq;
		wire_send(&w, WIRE_DATA, "again", 5, 0);
		t_expect(w.fd, "again");
	}
	wire_close(&w);
}

/* RFC 8446 5.1 and RFC 5246 6.2.1: application data may be empty; it is no end of file. */
static void test_empty(void **state)
{
	struct pollfd pfd = { .events = POLLIN };
	struct wire w;
	char c;

	wire_start(&w, *state, 2);
	pfd.fd = w.fd;
	for (int i = 0; i < 3; i++)
		wire_send(&w, WIRE_DATA, NULL, 0, 0);
	assert_int_equal(SYS(poll(&pfd, 1, 0)), 0);
	FAILS(recv(w.fd, &c, 1, MSG_DONTWAIT), EAGAIN);
	FAILS(recv(w.fd, &c, 1, MSG_DONTWAIT | MSG_PEEK), EAGAIN);
	wire_send(&w, WIRE_DATA, "full", 4, 0);
	wire_send(&w, WIRE_DATA, NULL, 0, is_13(&w) ? WIRE_MAX_PAYLOAD : 0);
	wire_send(&w, WIRE_DATA, "end", 3, 0);
	t_expect(w.fd, "fullend");
	wire_close(&w);
}

/* RFC 8446 5.4: any amount of padding, of anything that may be sent. */
static void test_padding(void **state)
{
	static const size_t lens[] = { 1, 16, 1000 };
	struct wire w;

	alarm(PATIENCE_LONG_S);
	wire_start(&w, *state, 3);
	t_fill(data, sizeof(data), 3);
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		/* all of them once */
		for (size_t padding = 0; padding <= 300; padding += i ? 37 : 1) {
			uint8_t got[1000];

			wire_send(&w, WIRE_DATA, data, lens[i], padding);
			t_recv(w.fd, got, lens[i]);
			assert_memory_equal(got, data, lens[i]);
		}
		for (size_t padding = 512; padding + lens[i] < WIRE_MAX_PAYLOAD;
		     padding += 1533) {
			wire_send(&w, WIRE_DATA, "!", 1, padding);
			t_expect(w.fd, "!");
		}
		/* as much as makes the largest record there may be */
		wire_send(&w, WIRE_DATA, "!", 1, WIRE_MAX_PAYLOAD - 1);
		t_expect(w.fd, "!");
	}
	/* zeros at the content's end are content */
	memset(data, 0, 100);
	wire_send(&w, WIRE_DATA, data, 100, 100);
	assert_int_equal(SYS(recv(w.fd, data + 200, 200, 0)), 100);
	assert_memory_equal(data + 200, data, 100);
	wire_send(&w, WIRE_ALERT, "\1", 2, 100);
	t_expect_eof(w.fd);
	wire_close(&w);
}

static void test_largest(void **state)
{
	static uint8_t got[WIRE_MAX_PAYLOAD];
	struct wire w;

	wire_start(&w, *state, 4);
	t_fill(data, sizeof(data), 4);
	for (size_t len = WIRE_MAX_PAYLOAD - 2; len <= WIRE_MAX_PAYLOAD; len++) {
		wire_send(&w, WIRE_DATA, data, len, 0);
		t_recv(w.fd, got, len);
		assert_memory_equal(got, data, len);
	}
	wire_close(&w);
}

/* ---- what is not ---- */

/*
 * Every bit of the tag, and of all that the tag protects; one of each byte where the code
 * has shown already what it does of each bit.
 */
static void test_every_bit(void **state)
{
	static const uint8_t text[] = "flip";
	const struct wire_suite *suite = *state;
	size_t step = suite->suite == 0x1301 || suite->suite == 0xc02b ? 1 : 9;
	size_t len = 0, from = WIRE_HEADER;

	alarm(PATIENCE_LONG_S);
	for (size_t bit = 0; !bit || bit < (len - from) * 8; bit += step) {
		struct wire w;

		begin(&w, *state, bit);
		len = wire_seal(&w.rx, record, WIRE_DATA, text, 1, 0);
		record[from + bit / 8] ^= (uint8_t)(1 << bit % 8);
		t_send(w.peer, record, len);
		expect_bad_mac(&w);
	}
}

/* A truncated tag, with a header that has that length; and a longer one. */
static void test_tag_length(void **state)
{
	static const ssize_t differences[] = { -16, -15, -12, -8, -4, -1, 1, 2, 16, 100 };

	for (size_t i = 0; i < ARRAY_SIZE(differences); i++) {
		struct wire w;
		size_t len;

		begin(&w, *state, i);
		len = wire_seal(&w.rx, record, WIRE_DATA, data, 100, 0);
		memset(record + len, 0, 100);
		len += (size_t)differences[i];
		put_header(len - WIRE_HEADER);
		t_send(w.peer, record, len);
		expect_bad_mac(&w);
	}
}

/* Records too short to be any, and those just long enough to have only a tag. */
static void test_short(void **state)
{
	const struct wire_suite *suite = *state;

	for (size_t len = 0; len <= (size_t)suite->explicit_len + 17; len++) {
		struct wire w;

		begin(&w, suite, len);
		memset(record, 0, sizeof(record));
		put_header(len);
		t_send(w.peer, record, WIRE_HEADER + len);
		expect_bad_mac(&w);
	}
}

/* RFC 8446 5.2 and 5.4: content of 2^14 + 1 bytes, in a record that might still hold it. */
static void test_overflow(void **state)
{
	struct wire w;

	begin(&w, *state, 5);
	wire_send(&w, WIRE_DATA, data, WIRE_MAX_PAYLOAD + 1, 0);
	t_expect(w.fd, "before");
	wire_expect_refused(&w, KSC_STATUS_RECORD_OVERFLOW, EMSGSIZE, RECORD_OVERFLOW);
	wire_close(&w);
}

/* What the header may say at most, and a byte more; the latter is refused unread. */
static void test_ciphertext_limit(void **state)
{
	const struct wire_suite *suite = *state;
	size_t overhead = suite->explicit_len + WIRE_TAG;
	/* RFC 8446 5.4 and a tag; of TLS 1.2's 2^14 + 2048 an AEAD needs little */
	size_t most = WIRE_MAX_PAYLOAD + overhead + (suite->version == WIRE_13);
	struct wire w;
	size_t len;

	begin(&w, suite, 6);
	len = wire_seal(&w.rx, record, WIRE_DATA, data, WIRE_MAX_PAYLOAD, 0);
	assert_int_equal(len, WIRE_HEADER + most);
	record[len - 1] ^= 1;
	t_send(w.peer, record, len);
	expect_bad_mac(&w);

	begin(&w, suite, 7);
	most++;
	put_header(most);
	/* nothing but the header: there is nothing to wait for */
	t_send(w.peer, record, WIRE_HEADER);
	t_expect(w.fd, "before");
	wire_expect_refused(&w, KSC_STATUS_RECORD_OVERFLOW, EMSGSIZE, RECORD_OVERFLOW);
	wire_close(&w);
}

/*
 * RFC 8446 5.4: content, type and padding are of 2^14 + 1 bytes at most, whatever of that is
 * padding, and whatever type it is.
 */
static void test_most_padding(void **state)
{
	static const uint8_t types[] = { WIRE_DATA, WIRE_ALERT, WIRE_HANDSHAKE };
	static const size_t lens[] = { 10, 0, WIRE_MAX_PAYLOAD };
	/* within what a header may say at most, RFC 8446 5.2 */
	static const size_t over[] = { 1, 256 - WIRE_TAG - 1 };
	struct wire w;

	begin(&w, *state, 8);
	t_fill(data, WIRE_MAX_PAYLOAD, 8);
	t_expect(w.fd, "before");
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		wire_send(&w, WIRE_DATA, data, lens[i], WIRE_MAX_PAYLOAD - lens[i]);
		t_recv(w.fd, record, lens[i]);
		assert_memory_equal(record, data, lens[i]);
	}
	wire_close(&w);
	for (size_t i = 0; i < ARRAY_SIZE(over) * ARRAY_SIZE(types); i++) {
		begin(&w, *state, 9 + i);
		wire_send(&w, types[i % ARRAY_SIZE(types)], data, 10,
			  WIRE_MAX_PAYLOAD - 10 + over[i / ARRAY_SIZE(types)]);
		t_expect(w.fd, "before");
		wire_expect_refused(&w, KSC_STATUS_RECORD_OVERFLOW, EMSGSIZE, RECORD_OVERFLOW);
		wire_close(&w);
	}
}

/* RFC 8446 5.4: an inner plaintext of nothing but zeros has no type. */
static void test_no_type(void **state)
{
	static const size_t lens[] = { 0, 1, 15, 16, 255, 256, 4096, WIRE_MAX_PAYLOAD };

	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		struct wire w;

		begin(&w, *state, i);
		wire_send(&w, 0, NULL, 0, lens[i]);
		t_expect(w.fd, "before");
		wire_expect_refused(&w, KSC_STATUS_PROTOCOL_ERROR, EPROTO, UNEXPECTED_MESSAGE);
		wire_close(&w);
	}
}

/* Every content type there is not. */
static void test_types(void **state)
{
	const struct wire_suite *suite = *state;

	for (int type = 1; type < 256; type++) {
		struct wire w;

		if (type == WIRE_ALERT || type == WIRE_HANDSHAKE || type == WIRE_DATA)
			continue;
		/* of those far away, a sample */
		if (type > 32 && type % 31)
			continue;
		begin(&w, suite, (uint64_t)type);
		wire_send(&w, (uint8_t)type, "what?", 5, 0);
		t_expect(w.fd, "before");
		wire_expect_refused(&w, KSC_STATUS_PROTOCOL_ERROR, EPROTO, UNEXPECTED_MESSAGE);
		wire_close(&w);
	}
}

/* The additional data: another type, another version, another length. */
static void test_header(void **state)
{
	const struct wire_suite *suite = *state;
	struct wire w;
	size_t len;

	/* TLS 1.2's types are all plausible; the tag tells that it was another one */
	for (int type = WIRE_ALERT; type <= WIRE_HANDSHAKE; type++) {
		begin(&w, suite, (uint64_t)type);
		len = wire_seal(&w.rx, record, WIRE_DATA, "\1", 2, 0);
		record[0] = (uint8_t)type;
		t_send(w.peer, record, len);
		t_expect(w.fd, "before");
		if (is_13(&w))
			wire_expect_refused(&w, KSC_STATUS_PROTOCOL_ERROR, EPROTO,
					    UNEXPECTED_MESSAGE);
		else
			wire_expect_refused(&w, KSC_STATUS_BAD_RECORD, EBADMSG, BAD_RECORD_MAC);
		wire_close(&w);
	}
	for (int version = 0x0300; version <= 0x0400; version++) {
		if (version == WIRE_12 || (version > 0x0305 && version < 0x0400))
			continue;
		begin(&w, suite, (uint64_t)version);
		len = wire_seal(&w.rx, record, WIRE_DATA, "version", 7, 0);
		record[1] = (uint8_t)(version >> 8);
		record[2] = (uint8_t)version;
		t_send(w.peer, record, len);
		t_expect(w.fd, "before");
		wire_expect_refused(&w, KSC_STATUS_PROTOCOL_ERROR, EPROTO, PROTOCOL_VERSION);
		wire_close(&w);
	}
	/* longer than it was: what is missing is taken from the next record */
	begin(&w, suite, 8);
	len = wire_seal(&w.rx, record, WIRE_DATA, "length", 6, 0);
	record[4]++;
	t_send(w.peer, record, len);
	t_expect(w.fd, "before");
	FAILS(recv(w.fd, record, 1, MSG_DONTWAIT), EAGAIN);
	wire_send(&w, WIRE_DATA, "next", 4, 0);
	wire_expect_refused(&w, KSC_STATUS_BAD_RECORD, EBADMSG, BAD_RECORD_MAC);
	wire_close(&w);
}

/* A record twice, one left out, and two in the wrong order. */
static void test_order(void **state)
{
	for (int which = 0; which < 3; which++) {
		struct wire w;
		uint8_t *second = record + 1000;
		size_t len, len2;

		begin(&w, *state, (uint64_t)which);
		len = wire_seal(&w.rx, record, WIRE_DATA, "first", 5, 0);
		len2 = wire_seal(&w.rx, second, WIRE_DATA, "second", 6, 0);
		if (!which) {
			t_send(w.peer, record, len);
			t_send(w.peer, record, len);
			t_expect(w.fd, "beforefirst");
			wire_expect_refused(&w, KSC_STATUS_BAD_RECORD, EBADMSG, BAD_RECORD_MAC);
			wire_close(&w);
			continue;
		}
		t_send(w.peer, second, len2);
		if (which == 2)
			t_send(w.peer, record, len);
		expect_bad_mac(&w);
	}
}

/* Alerts of the wrong length; RFC 8446 6: and in a record of their own, whole. */
static void test_alert_length(void **state)
{
	static const size_t lens[] = { 0, 1, 3, 4, 100 };

	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		struct wire w;

		begin(&w, *state, i);
		memset(data, 1, 100);
		wire_send(&w, WIRE_ALERT, data, lens[i], 0);
		t_expect(w.fd, "before");
		/* RFC 8446 5.4 names the alert for an empty one */
		wire_expect_refused(&w, KSC_STATUS_PROTOCOL_ERROR, EPROTO,
				    is_13(&w) && !lens[i] ? UNEXPECTED_MESSAGE : DECODE_ERROR);
		wire_close(&w);
	}
}

#define FOR_13 1
#define FOR_12 2
#define FOR_EXPLICIT 4
#define FOR_ALL (FOR_13 | FOR_12)

/**
 * struct aead_test - a test, and the suites it is for
 * @name: of the test
 * @test: the test
 * @which: FOR_*
 */
struct aead_test {
	const char *name;
	CMUnitTestFunction test;
	int which;
};

static const struct aead_test aead_tests[] = {
	{ "constant keys", test_constant_keys, FOR_ALL },
	{ "constant nonces", test_constant_nonces, FOR_ALL },
	{ "explicit nonce", test_explicit_nonce, FOR_EXPLICIT },
	{ "empty records", test_empty, FOR_ALL },
	{ "padding", test_padding, FOR_13 },
	{ "largest records", test_largest, FOR_ALL },
	{ "every bit", test_every_bit, FOR_ALL },
	{ "length of the tag", test_tag_length, FOR_ALL },
	{ "short records", test_short, FOR_ALL },
	{ "content too long", test_overflow, FOR_ALL },
	{ "ciphertext too long", test_ciphertext_limit, FOR_ALL },
	{ "most padding", test_most_padding, FOR_13 },
	{ "no type", test_no_type, FOR_13 },
	{ "unknown types", test_types, FOR_ALL },
	{ "header", test_header, FOR_ALL },
	{ "order", test_order, FOR_ALL },
	{ "length of alerts", test_alert_length, FOR_ALL },
};

/* One suite for each AEAD and version; the others have the same code. */
static const uint16_t suites[][2] = {
	{ WIRE_13, 0x1301 }, { WIRE_13, 0x1302 }, { WIRE_13, 0x1303 }, { WIRE_13, 0x1304 },
	{ WIRE_12, 0xc02b }, { WIRE_12, 0xc02c }, { WIRE_12, 0xcca9 }, { WIRE_12, 0xc0ac },
};

int main(void)
{
	static struct CMUnitTest tests[ARRAY_SIZE(suites) * ARRAY_SIZE(aead_tests)];
	static char names[ARRAY_SIZE(tests)][100];
	size_t count = 0;
	int ret;

	for (size_t i = 0; i < ARRAY_SIZE(suites); i++) {
		const struct wire_suite *suite = wire_suite(suites[i][0], suites[i][1]);
		int which = suite->version == WIRE_13 ? FOR_13 : FOR_12;

		if (suite->explicit_len)
			which |= FOR_EXPLICIT;
		for (size_t j = 0; j < ARRAY_SIZE(aead_tests); j++) {
			if (!(aead_tests[j].which & which))
				continue;
			snprintf(names[count], sizeof(names[count]), "%s, %s", aead_tests[j].name,
				 suite->name);
			tests[count].name = names[count];
			tests[count].test_func = aead_tests[j].test;
			tests[count++].initial_state = (void *)suite;
		}
	}
	if (wire_begin())
		return 1;
	ret = t_run(__FILE__, tests, count);
	return wire_end() ? 1 : ret;
}
