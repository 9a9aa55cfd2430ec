// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's record framing, kernel/record/frame.c, compiled as a program. Numbers
 * in names are those of the behaviours that a record layer has to show.
 *
 * Inputs are in heap blocks of exactly their size, so that the sanitizer sees
 * a byte too many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "record/frame.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define NO_MESSAGE UINT32_MAX

/* What the suites put around a payload: explicit nonce and tag. */
#define OVERHEAD_GCM_12 (8 + KSC_TAG_LEN)
#define OVERHEAD_OTHER KSC_TAG_LEN

static void *copy_of(const void *data, size_t len)
{
	void *p = malloc(len ? len : 1);

	assert_non_null(p);
	memcpy(p, data, len);
	return p;
}

/* ---- headers ---- */

static void header_parse(void **state)
{
	u8 *p = copy_of("\x17\x03\x03\x12\x34", KSC_HEADER_LEN);
	struct ksc_header h;

	(void)state;
	ksc_header_parse(p, &h);
	assert_int_equal(h.type, KSC_CT_APPLICATION_DATA);
	assert_int_equal(h.version, KSC_VERSION_1_2);
	assert_int_equal(h.len, 0x1234);
	memset(p, 0xff, KSC_HEADER_LEN);
	ksc_header_parse(p, &h);
	assert_int_equal(h.type, 0xff);
	assert_int_equal(h.version, 0xffff);
	assert_int_equal(h.len, 0xffff);
	free(p);
}

static void header_make(void **state)
{
	u8 *p = malloc(KSC_HEADER_LEN);

	(void)state;
	assert_non_null(p);
	ksc_header_make(p, KSC_CT_ALERT, 2);
	assert_memory_equal(p, "\x15\x03\x03\x00\x02", KSC_HEADER_LEN);
	ksc_header_make(p, KSC_CT_APPLICATION_DATA, 0x4111);
	assert_memory_equal(p, "\x17\x03\x03\x41\x11", KSC_HEADER_LEN);
	free(p);
}

/* Every possible length, of each type, is parsed as it was written. */
static void case_36_header_of_every_length(void **state)
{
	struct ksc_header h;
	u8 p[KSC_HEADER_LEN];
	unsigned int type, len;

	(void)state;
	for (type = KSC_CT_CHANGE_CIPHER_SPEC; type <= KSC_CT_APPLICATION_DATA; type++)
		for (len = 0; len <= UINT16_MAX; len++) {
			ksc_header_make(p, (u8)type, (u16)len);
			ksc_header_parse(p, &h);
			assert_int_equal(h.type, type);
			assert_int_equal(h.version, KSC_VERSION_1_2);
			assert_int_equal(h.len, len);
		}
}

static int check_handshake(unsigned int type, unsigned int version, unsigned int len)
{
	const struct ksc_header h = { (u8)type, (u16)version, (u16)len };

	return ksc_header_check_handshake(&h);
}

static int check_protected(unsigned int type, unsigned int len, u16 version, unsigned int overhead)
{
	const struct ksc_header h = { (u8)type, KSC_VERSION_1_2, (u16)len };

	return ksc_header_check_protected(&h, version, overhead);
}

static void handshake_types(void **state)
{
	unsigned int type;

	(void)state;
	for (type = 0; type <= UINT8_MAX; type++)
		assert_int_equal(check_handshake(type, 0x0303, 1),
				 type >= 20 && type <= 23 ? 0 : KSC_ALERT_UNEXPECTED_MESSAGE);
}

/* RFC 5246 E.1: whatever the minor number, it may be a ClientHello. */
static void handshake_versions(void **state)
{
	unsigned int version;

	(void)state;
	for (version = 0; version <= UINT16_MAX; version++)
		assert_int_equal(check_handshake(22, version, 1),
				 version >> 8 == 3 ? 0 : KSC_ALERT_PROTOCOL_VERSION);
}

static void case_14_change_cipher_spec(void **state)
{
	struct ksc_header h;

	(void)state;
	ksc_header_parse((const u8 *)"\x14\x03\x03\x00\x01", &h);
	assert_int_equal(ksc_header_check_handshake(&h), 0);
	/* it has no place behind the handshake */
	assert_int_equal(ksc_header_check_protected(&h, KSC_VERSION_1_3, OVERHEAD_OTHER),
			 KSC_ALERT_UNEXPECTED_MESSAGE);
	assert_int_equal(ksc_header_check_protected(&h, KSC_VERSION_1_2, OVERHEAD_GCM_12),
			 KSC_ALERT_UNEXPECTED_MESSAGE);
}

static void case_16_not_tls(void **state)
{
	static const char *const first[] = {
		"GET / HTTP/1.1", "HTTP/1.1 400", "SSH-2.0-", "EHLO a", "\r\n\r\n\r\n",
		/* SSLv2's ClientHello */
		"\x80\x2e\x01\x03\x01",
	};
	struct ksc_header h;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(first); i++) {
		ksc_header_parse((const u8 *)first[i], &h);
		assert_int_equal(ksc_header_check_handshake(&h), KSC_ALERT_UNEXPECTED_MESSAGE);
		assert_int_equal(ksc_header_check_protected(&h, KSC_VERSION_1_3, OVERHEAD_OTHER),
				 KSC_ALERT_UNEXPECTED_MESSAGE);
	}
}

/* RFC 5246 6.2.3: 2^14 + 2048, which is more than TLS 1.3 allows */
static void case_18_handshake_lengths(void **state)
{
	unsigned int len;

	(void)state;
	for (len = 1; len <= UINT16_MAX; len++)
		assert_int_equal(check_handshake(22, 0x0303, len),
				 len <= 16384 + 2048 ? 0 : KSC_ALERT_RECORD_OVERFLOW);
}

static void case_37_empty_handshake_record(void **state)
{
	unsigned int type;

	(void)state;
	for (type = 20; type <= 23; type++)
		assert_int_equal(check_handshake(type, 0x0301, 0), KSC_ALERT_UNEXPECTED_MESSAGE);
}

static void protected_types(void **state)
{
	unsigned int type;

	(void)state;
	for (type = 0; type <= UINT8_MAX; type++) {
		assert_int_equal(check_protected(type, 100, KSC_VERSION_1_2, OVERHEAD_GCM_12),
				 type >= 21 && type <= 23 ? 0 : KSC_ALERT_UNEXPECTED_MESSAGE);
		assert_int_equal(check_protected(type, 100, KSC_VERSION_1_3, OVERHEAD_OTHER),
				 type == 23 ? 0 : KSC_ALERT_UNEXPECTED_MESSAGE);
	}
}

/* In plaintext it is not authentic: any host on the path can have sent it. */
static void case_20_plain_alert(void **state)
{
	struct ksc_header h;

	(void)state;
	ksc_header_parse((const u8 *)"\x15\x03\x03\x00\x02\x02\x28", &h);
	assert_int_equal(ksc_header_check_protected(&h, KSC_VERSION_1_3, OVERHEAD_OTHER),
			 KSC_ALERT_UNEXPECTED_MESSAGE);
	/* TLS 1.2 shows the type; but there is no room for a tag */
	assert_int_equal(ksc_header_check_protected(&h, KSC_VERSION_1_2, OVERHEAD_GCM_12),
			 KSC_ALERT_BAD_RECORD_MAC);
	assert_int_equal(ksc_header_check_protected(&h, KSC_VERSION_1_2, OVERHEAD_OTHER),
			 KSC_ALERT_BAD_RECORD_MAC);
}

static void protected_versions(void **state)
{
	static const u16 negotiated[] = { KSC_VERSION_1_2, KSC_VERSION_1_3 };
	unsigned int version;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(negotiated); i++)
		for (version = 0; version <= UINT16_MAX; version++) {
			const struct ksc_header h = { 23, (u16)version, 100 };

			assert_int_equal(ksc_header_check_protected(&h, negotiated[i], 16),
					 version == 0x0303 ? 0 : KSC_ALERT_PROTOCOL_VERSION);
		}
}

static void lengths(u16 version, unsigned int overhead, unsigned int min, unsigned int max)
{
	unsigned int len;

	for (len = 0; len <= UINT16_MAX; len++)
		assert_int_equal(check_protected(23, len, version, overhead),
				 len < min ? KSC_ALERT_BAD_RECORD_MAC :
				 len > max ? KSC_ALERT_RECORD_OVERFLOW : 0);
}

/*
 * RFC 8446 5.2: up to 2^14 + 256; an AEAD of no expansion but the tag, and the
 * type's byte. TLS 1.2's suites expand by a known length, so 2^14 and no byte
 * more of content.
 */
static void case_18_protected_lengths(void **state)
{
	(void)state;
	lengths(KSC_VERSION_1_3, OVERHEAD_OTHER, 16 + 1, 16384 + 1 + 16);
	lengths(KSC_VERSION_1_2, OVERHEAD_GCM_12, 8 + 16, 16384 + 8 + 16);
	lengths(KSC_VERSION_1_2, OVERHEAD_OTHER, 16, 16384 + 16);
}

/* No content is content enough: RFC 8446 5.4, RFC 5246 6.2.1 */
static void case_37_empty_protected_record(void **state)
{
	(void)state;
	assert_int_equal(check_protected(23, 17, KSC_VERSION_1_3, OVERHEAD_OTHER), 0);
	assert_int_equal(check_protected(23, 24, KSC_VERSION_1_2, OVERHEAD_GCM_12), 0);
	assert_int_equal(check_protected(23, 16, KSC_VERSION_1_2, OVERHEAD_OTHER), 0);
}

/* ---- handshake messages ---- */

/**
 * struct message - what the parser found
 * @type: handshake type
 * @body: length of the body
 * @at: offset of the body in the stream
 */
struct message {
	u8 type;
	u32 body;
	size_t at;
};

/**
 * struct found - what the parser found in a stream
 * @msg: the messages
 * @n: number of messages
 */
struct found {
	struct message msg[16];
	size_t n;
};

/* Feed one record's content; @at is its place in the stream. */
static void feed(struct ksc_hs_parser *p, const u8 *content, size_t len, size_t at,
		 struct found *found)
{
	u8 *in = copy_of(content, len);
	size_t done = 0;

	while (done < len) {
		u8 type = 0xee;
		u32 body = 0;
		size_t used = ksc_hs_parse(p, in + done, len - done, &type, &body);

		/* else the caller would not end */
		assert_in_range(used, 1, len - done);
		done += used;
		if (body == NO_MESSAGE)
			continue;
		assert_true(found->n < ARRAY_SIZE(found->msg));
		found->msg[found->n++] = (struct message){ type, body, at + done };
	}
	free(in);
}

static bool between_messages(const struct ksc_hs_parser *p)
{
	return !p->have && !p->left;
}

/* Messages as TLS 1.3 and 1.2 peers send them behind a handshake, and worse. */
static const u8 stream[] = {
	KSC_HT_NEW_SESSION_TICKET, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9,
	KSC_HT_KEY_UPDATE, 0, 0, 1, 1,
	KSC_HT_HELLO_REQUEST, 0, 0, 0,
	KSC_HT_HELLO_REQUEST, 0, 0, 0,
	/* a body that looks like headers */
	KSC_HT_NEW_SESSION_TICKET, 0, 0, 12, 24, 0, 0, 1, 24, 0, 0, 1, 24, 0, 0, 1,
	KSC_HT_CLIENT_HELLO, 0, 0, 3, 3, 3, 0,
	KSC_HT_KEY_UPDATE, 0, 0, 1, 0,
};

static const struct message messages[] = {
	{ KSC_HT_NEW_SESSION_TICKET, 9, 4 },
	{ KSC_HT_KEY_UPDATE, 1, 17 },
	{ KSC_HT_HELLO_REQUEST, 0, 22 },
	{ KSC_HT_HELLO_REQUEST, 0, 26 },
	{ KSC_HT_NEW_SESSION_TICKET, 12, 30 },
	{ KSC_HT_CLIENT_HELLO, 3, 46 },
	{ KSC_HT_KEY_UPDATE, 1, 53 },
};

static void assert_messages(const struct ksc_hs_parser *p, const struct found *found)
{
	size_t i;

	assert_int_equal(found->n, ARRAY_SIZE(messages));
	for (i = 0; i < found->n; i++) {
		assert_int_equal(found->msg[i].type, messages[i].type);
		assert_int_equal(found->msg[i].body, messages[i].body);
		/* KeyUpdate's one byte is taken from right behind its header */
		assert_int_equal(found->msg[i].at, messages[i].at);
	}
	assert_true(between_messages(p));
}

static void case_06_messages_in_one_record(void **state)
{
	struct ksc_hs_parser p = { 0 };
	struct found found = { 0 };

	(void)state;
	feed(&p, stream, sizeof(stream), 0, &found);
	assert_messages(&p, &found);
}

static void case_06_split_every_byte(void **state)
{
	struct ksc_hs_parser p = { 0 };
	struct found found = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(stream); i++)
		feed(&p, stream + i, 1, i, &found);
	assert_messages(&p, &found);
}

/* Every choice of two borders, one of them perhaps none: an empty record is skipped. */
static void case_06_split_at_every_border(void **state)
{
	size_t a, b;

	(void)state;
	for (a = 0; a <= sizeof(stream); a++)
		for (b = a; b <= sizeof(stream); b++) {
			struct ksc_hs_parser p = { 0 };
			struct found found = { 0 };

			feed(&p, stream, a, 0, &found);
			feed(&p, stream + a, b - a, a, &found);
			feed(&p, stream + b, sizeof(stream) - b, b, &found);
			assert_messages(&p, &found);
		}
}

/* After each record the parser knows whether a message is incomplete. */
static void case_06_between_messages(void **state)
{
	struct ksc_hs_parser p = { 0 };
	struct found found = { 0 };
	size_t i, m, end;
	bool between;

	(void)state;
	for (i = 0; i < sizeof(stream); i++) {
		feed(&p, stream + i, 1, i, &found);
		between = false;
		for (m = 0; m < ARRAY_SIZE(messages); m++) {
			end = messages[m].at + messages[m].body;
			between |= end == i + 1;
		}
		assert_int_equal(between_messages(&p), between);
	}
}

static void case_35_hello_request(void **state)
{
	struct ksc_hs_parser p = { 0 };
	u8 *in = copy_of("\0\0\0\0", 4), type = 0xee;
	u32 body = NO_MESSAGE;

	(void)state;
	assert_int_equal(ksc_hs_parse(&p, in, 4, &type, &body), 4);
	assert_int_equal(type, KSC_HT_HELLO_REQUEST);
	assert_int_equal(body, 0);
	assert_true(between_messages(&p));
	free(in);
}

static void parse_nothing(void **state)
{
	struct ksc_hs_parser p = { 0 }, before;
	u8 *in = copy_of("", 0), type = 0xee;
	u32 body = 0;

	(void)state;
	assert_int_equal(ksc_hs_parse(&p, in, 0, &type, &body), 0);
	assert_int_equal(body, NO_MESSAGE);
	assert_int_equal(type, 0xee);
	/* nor inside a header, nor inside a body */
	ksc_hs_parse(&p, (const u8 *)"\4\0", 2, &type, &body);
	before = p;
	assert_int_equal(ksc_hs_parse(&p, in, 0, &type, &body), 0);
	assert_memory_equal(&p, &before, sizeof(p));
	ksc_hs_parse(&p, (const u8 *)"\0\5", 2, &type, &body);
	before = p;
	assert_int_equal(ksc_hs_parse(&p, in, 0, &type, &body), 0);
	assert_memory_equal(&p, &before, sizeof(p));
	free(in);
}

/* The longest body there can be: 2^24 - 1, over full records. */
static void case_18_longest_message(void **state)
{
	u8 *in = calloc(1, KSC_MAX_PAYLOAD);
	struct ksc_hs_parser p = { 0 };
	struct found found = { 0 };
	size_t left = 4 + 0xffffff, at = 0;

	(void)state;
	assert_non_null(in);
	memset(in, 0xff, 4);
	in[0] = KSC_HT_CLIENT_HELLO;
	while (left) {
		size_t n = left < KSC_MAX_PAYLOAD ? left : KSC_MAX_PAYLOAD;

		assert_true(!at || !between_messages(&p));
		feed(&p, in, n, at, &found);
		memset(in, 0, 4);
		left -= n;
		at += n;
	}
	assert_true(between_messages(&p));
	assert_int_equal(found.n, 1);
	assert_int_equal(found.msg[0].type, KSC_HT_CLIENT_HELLO);
	assert_int_equal(found.msg[0].body, 0xffffff);
	free(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_parse),
		cmocka_unit_test(header_make),
		cmocka_unit_test(case_36_header_of_every_length),
		cmocka_unit_test(handshake_types),
		cmocka_unit_test(handshake_versions),
		cmocka_unit_test(case_14_change_cipher_spec),
		cmocka_unit_test(case_16_not_tls),
		cmocka_unit_test(case_18_handshake_lengths),
		cmocka_unit_test(case_37_empty_handshake_record),
		cmocka_unit_test(protected_types),
		cmocka_unit_test(case_20_plain_alert),
		cmocka_unit_test(protected_versions),
		cmocka_unit_test(case_18_protected_lengths),
		cmocka_unit_test(case_37_empty_protected_record),
		cmocka_unit_test(case_06_messages_in_one_record),
		cmocka_unit_test(case_06_split_every_byte),
		cmocka_unit_test(case_06_split_at_every_border),
		cmocka_unit_test(case_06_between_messages),
		cmocka_unit_test(case_35_hello_request),
		cmocka_unit_test(parse_nothing),
		cmocka_unit_test(case_18_longest_message),
	};

	return cmocka_run_group_tests_name("kernel/record", tests, NULL, NULL);
}
