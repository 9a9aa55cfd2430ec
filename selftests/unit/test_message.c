// SPDX-License-Identifier: GPL-2.0-only
/* message.c, result.c: valid and invalid messages on the context socket. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netlink/attr.h>

#include "common/message.h"
#include "context/result.h"
#include "side.h"

#define NUMBER	77

static const uint8_t zeros[KSC_MAX_TOKEN + 4];

/**
 * struct parsed - what was made of a datagram
 * @rc: what ksc_message_parse() returned
 * @tb: the attributes, while @copy is there
 * @why: what is wrong
 * @copy: the datagram, of just its size
 */
struct parsed {
	int rc;
	struct nlattr *tb[KSC_M_MAX + 1];
	const char *why;
	void *copy;
};

/* Of just its size, so that reading past it is found out. */
static void parse(struct parsed *p, const void *data, size_t len, bool daemon)
{
	memset(p, 0, sizeof(*p));
	p->copy = malloc(len ? len : 1);
	assert_non_null(p->copy);
	if (len)
		memcpy(p->copy, data, len);
	p->rc = ksc_message_parse(p->copy, len, daemon, p->tb, &p->why);
	assert_non_null(p->why);
}

static int verdict_of(const void *data, size_t len, bool daemon)
{
	struct parsed p;

	parse(&p, data, len, daemon);
	free(p.copy);
	return p.rc;
}

static int verdict(struct nl_msg *msg, bool daemon)
{
	const int rc = verdict_of(nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len, daemon);

	nlmsg_free(msg);
	return rc;
}

static struct nl_msg *new_message(enum ksc_message kind)
{
	struct nl_msg *msg = ksc_message_new(kind, NUMBER, KSC_MAX_TOKEN);

	assert_non_null(msg);
	return msg;
}

static void put(struct nl_msg *msg, int type, const void *data, size_t len)
{
	assert_int_equal(nla_put(msg, type, (int)len, data), 0);
}

static void put_u32(struct nl_msg *msg, int type, uint32_t value)
{
	put(msg, type, &value, sizeof(value));
}

static struct nl_msg *new_step(void)
{
	struct nl_msg *msg = new_message(KSC_MESSAGE_STEP);

	put_u32(msg, KSC_M_CONTEXT, 1);
	return msg;
}

/* A client's first step, with everything in it that there is. */
static struct nl_msg *full_step(void)
{
	struct nl_msg *msg = new_step();
	struct nlattr *nest = nla_nest_start(msg, KSC_M_BEGIN);

	assert_non_null(nest);
	put_u32(msg, KSC_M_BEGIN_ROLE, KSC_ROLE_CLIENT);
	put(msg, KSC_M_BEGIN_SERVER_NAME, "server.test", 12);
	put(msg, KSC_M_BEGIN_CREDENTIAL, "c", 2);
	put(msg, KSC_M_BEGIN_ALPN, "\2h2", 3);
	put_u32(msg, KSC_M_BEGIN_VERIFY, KSC_VERIFY_MANUAL);
	put_u32(msg, KSC_M_BEGIN_DEADLINE, 600000);
	put(msg, KSC_M_BEGIN_PICK, NULL, 0);
	nla_nest_end(msg, nest);
	put(msg, KSC_M_TOKEN, "token", 5);
	put_u32(msg, KSC_M_VERDICT, KSC_VERDICT_ACCEPT);
	put(msg, KSC_M_ALERT, "*", 1);
	put(msg, KSC_M_CREDENTIAL, "cc", 3);
	return msg;
}

/* ---- what may be ---- */

static void whole(void **state)
{
	struct nl_msg *msg = full_step();
	struct nlattr *tb[KSC_M_BEGIN_MAX + 1];
	struct parsed p;

	(void)state;
	parse(&p, nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len, false);
	assert_int_equal(p.rc, KSC_MESSAGE_STEP);
	assert_int_equal(((struct nlmsghdr *)p.copy)->nlmsg_seq, NUMBER);
	assert_int_equal(nla_get_u32(p.tb[KSC_M_CONTEXT]), 1);
	assert_int_equal(nla_len(p.tb[KSC_M_TOKEN]), 5);
	assert_string_equal(nla_data(p.tb[KSC_M_CREDENTIAL]), "cc");
	assert_null(p.tb[KSC_M_STATUS]);
	assert_int_equal(nla_parse_nested(tb, KSC_M_BEGIN_MAX, p.tb[KSC_M_BEGIN], NULL), 0);
	assert_string_equal(nla_data(tb[KSC_M_BEGIN_SERVER_NAME]), "server.test");
	assert_non_null(tb[KSC_M_BEGIN_PICK]);
	free(p.copy);
	/* it is no message of the daemon's */
	assert_int_equal(verdict(msg, true), -EBADMSG);
	assert_int_equal(verdict(new_step(), false), KSC_MESSAGE_STEP);
	msg = new_message(KSC_MESSAGE_CLOSE);
	put_u32(msg, KSC_M_CONTEXT, UINT32_MAX);
	assert_int_equal(verdict(msg, false), KSC_MESSAGE_CLOSE);
}

/* ---- what is none ---- */

static void heads(void **state)
{
	struct nl_msg *msg = new_step();
	struct nlmsghdr *head = nlmsg_hdr(msg), bad;
	size_t len = head->nlmsg_len, i;
	char buf[128];

	(void)state;
	assert_true(len < sizeof(buf));
	memcpy(buf, head, len);
	for (i = 0; i < sizeof(*head); i++)
		assert_int_equal(verdict_of(buf, i, false), -EBADMSG);
	bad = *head;
	bad.nlmsg_len++;
	memcpy(buf, &bad, sizeof(bad));
	assert_int_equal(verdict_of(buf, len, false), -EBADMSG);
	bad.nlmsg_len -= 2;
	memcpy(buf, &bad, sizeof(bad));
	assert_int_equal(verdict_of(buf, len, false), -EBADMSG);
	bad = *head;
	bad.nlmsg_flags = NLM_F_REQUEST;
	memcpy(buf, &bad, sizeof(bad));
	assert_int_equal(verdict_of(buf, len, false), -EBADMSG);
	bad = *head;
	bad.nlmsg_pid = 1;
	memcpy(buf, &bad, sizeof(bad));
	assert_int_equal(verdict_of(buf, len, false), -EBADMSG);
	for (i = 0; i <= UINT16_MAX; i++) {
		bad = *head;
		bad.nlmsg_type = (uint16_t)i;
		memcpy(buf, &bad, sizeof(bad));
		if (i < KSC_MESSAGE_STEP || i > KSC_MESSAGE_MAX || i == KSC_MESSAGE_RESULT ||
		    i == KSC_MESSAGE_ERROR)
			assert_int_equal(verdict_of(buf, len, false), -EBADMSG);
	}
	nlmsg_free(msg);
}

/* Whether an attribute ends there, or what pads it. */
static bool ends(const struct nlmsghdr *head, uint32_t len)
{
	const uint32_t at = len - NLMSG_HDRLEN;
	const struct nlattr *attr = nlmsg_attrdata(head, 0);
	uint32_t end = 0;

	while (end < at) {
		const uint32_t begin = end;

		end = begin + NLA_ALIGN(attr->nla_len);
		if (at >= begin + attr->nla_len && at <= end)
			return true;
		attr = (const void *)((const char *)attr + NLA_ALIGN(attr->nla_len));
	}
	return false;
}

/* Cut anywhere, with or without the right length in its head. */
static void truncated(void **state)
{
	struct nl_msg *msg = full_step();
	const struct nlmsghdr *head = nlmsg_hdr(msg);
	uint32_t len;
	int rc;

	(void)state;
	for (len = 0; len < head->nlmsg_len; len++) {
		char *copy = malloc(len + 1);

		assert_non_null(copy);
		memcpy(copy, head, len);
		assert_int_equal(verdict_of(copy, len, false), -EBADMSG);
		if (len < sizeof(*head)) {
			free(copy);
			continue;
		}
		memcpy(copy, &len, sizeof(len));
		rc = verdict_of(copy, len, false);
		/* cut behind an attribute, the message is complete */
		assert_true(rc == -EINVAL || (rc == KSC_MESSAGE_STEP && ends(head, len)));
		free(copy);
	}
	nlmsg_free(msg);
}

static void unknown(void **state)
{
	static const int types[] = { 0, KSC_M_MAX + 1, 63, 64, 200, NLA_TYPE_MASK };
	struct nl_msg *msg;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		msg = new_step();
		put_u32(msg, types[i], 1);
		assert_int_equal(verdict(msg, false), -EINVAL);
	}
	/* of another message */
	msg = new_step();
	put_u32(msg, KSC_M_STATUS, 0);
	assert_int_equal(verdict(msg, false), -EINVAL);
	msg = new_message(KSC_MESSAGE_CLOSE);
	put_u32(msg, KSC_M_CONTEXT, 1);
	put(msg, KSC_M_TOKEN, "x", 1);
	assert_int_equal(verdict(msg, false), -EINVAL);
	/* or missing */
	assert_int_equal(verdict(new_message(KSC_MESSAGE_STEP), false), -EINVAL);
	assert_int_equal(verdict(new_message(KSC_MESSAGE_CLOSE), false), -EINVAL);
	assert_int_equal(verdict(new_message(KSC_MESSAGE_ERROR), true), -EINVAL);
}

static void repeated(void **state)
{
	struct nl_msg *msg = new_step();
	struct nlattr *nest;

	(void)state;
	put_u32(msg, KSC_M_CONTEXT, 1);
	assert_int_equal(verdict(msg, false), -EINVAL);
	msg = new_step();
	nest = nla_nest_start(msg, KSC_M_BEGIN);
	put_u32(msg, KSC_M_BEGIN_ROLE, 1);
	put_u32(msg, KSC_M_BEGIN_ROLE, 1);
	nla_nest_end(msg, nest);
	assert_int_equal(verdict(msg, false), -EINVAL);
	msg = new_step();
	nest = nla_nest_start(msg, KSC_M_BEGIN);
	put_u32(msg, KSC_M_BEGIN_ROLE, 1);
	put_u32(msg, KSC_M_BEGIN_MAX + 1, 1);
	nla_nest_end(msg, nest);
	assert_int_equal(verdict(msg, false), -EINVAL);
}

/* ---- values ---- */

/**
 * struct value - a number, and how much it may be
 * @message: of which message
 * @type: attribute, or of a nest
 * @nest: that, or 0
 * @min: the least
 * @max: the most
 */
struct value {
	enum ksc_message message;
	int type;
	int nest;
	uint32_t min;
	uint32_t max;
};

static int verdict_with(const struct value *v, const void *data, size_t len)
{
	const bool daemon = v->message == KSC_MESSAGE_RESULT || v->message == KSC_MESSAGE_ERROR;
	struct nl_msg *msg = new_message(v->message);
	struct nlattr *nest = NULL;

	if (v->message != KSC_MESSAGE_ERROR)
		put_u32(msg, KSC_M_CONTEXT, 1);
	if (v->message == KSC_MESSAGE_RESULT && v->type != KSC_M_STATUS)
		put_u32(msg, KSC_M_STATUS, 0);
	if (v->message == KSC_MESSAGE_RESULT)
		put_u32(msg, KSC_M_CONSUMED, 0);
	if (v->nest)
		nest = nla_nest_start(msg, v->nest);
	put(msg, v->type, data, len);
	if (nest)
		nla_nest_end(msg, nest);
	return verdict(msg, daemon);
}

static void numbers(void **state)
{
	static const struct value values[] = {
		{ KSC_MESSAGE_STEP, KSC_M_VERDICT, 0, 0, 2 },
		{ KSC_MESSAGE_STEP, KSC_M_BEGIN_ROLE, KSC_M_BEGIN, 1, 2 },
		{ KSC_MESSAGE_STEP, KSC_M_BEGIN_VERIFY, KSC_M_BEGIN, 0, 4 },
		{ KSC_MESSAGE_STEP, KSC_M_BEGIN_DEADLINE, KSC_M_BEGIN, 1, 600000 },
		{ KSC_MESSAGE_RESULT, KSC_M_STATUS, 0, 0, 19 },
		{ KSC_MESSAGE_RESULT, KSC_M_DIRECTION, 0, 0, 2 },
		{ KSC_MESSAGE_ERROR, KSC_M_ERROR, 0, 1, 4095 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		const struct value *v = &values[i];
		const uint32_t bad[] = { v->max + 1, UINT32_MAX, v->min - 1 };
		size_t k;

		assert_int_equal(verdict_with(v, &v->min, 4), v->message);
		assert_int_equal(verdict_with(v, &v->max, 4), v->message);
		for (k = 0; k < sizeof(bad) / sizeof(bad[0]); k++)
			assert_int_equal(verdict_with(v, &bad[k], 4), -EINVAL);
		assert_int_equal(verdict_with(v, &v->max, 3), -EINVAL);
		assert_int_equal(verdict_with(v, zeros, 8), -EINVAL);
		assert_int_equal(verdict_with(v, zeros, 0), -EINVAL);
	}
}

static void lengths(void **state)
{
	static const struct value token = { .message = KSC_MESSAGE_STEP, .type = KSC_M_TOKEN };
	static const struct value alert = { .message = KSC_MESSAGE_STEP, .type = KSC_M_ALERT };
	static const struct value alpn = { .message = KSC_MESSAGE_STEP, .type = KSC_M_BEGIN_ALPN,
					   .nest = KSC_M_BEGIN };
	static const struct value pick = { .message = KSC_MESSAGE_STEP, .type = KSC_M_BEGIN_PICK,
					   .nest = KSC_M_BEGIN };
	static const struct value print = { .message = KSC_MESSAGE_RESULT,
					    .type = KSC_M_SESSION_PEER_FINGERPRINT,
					    .nest = KSC_M_SESSION };

	(void)state;
	assert_int_equal(verdict_with(&token, zeros, KSC_MAX_TOKEN), KSC_MESSAGE_STEP);
	assert_int_equal(verdict_with(&token, zeros, 0), KSC_MESSAGE_STEP);
	assert_int_equal(verdict_with(&token, zeros, KSC_MAX_TOKEN + 1), -EINVAL);
	assert_int_equal(verdict_with(&alert, zeros, 1), KSC_MESSAGE_STEP);
	assert_int_equal(verdict_with(&alert, zeros, 2), -EINVAL);
	assert_int_equal(verdict_with(&alpn, zeros, KSC_MAX_ALPN), KSC_MESSAGE_STEP);
	assert_int_equal(verdict_with(&alpn, zeros, KSC_MAX_ALPN + 1), -EINVAL);
	assert_int_equal(verdict_with(&pick, zeros, 0), KSC_MESSAGE_STEP);
	assert_int_equal(verdict_with(&print, zeros, 32), KSC_MESSAGE_RESULT);
	assert_int_equal(verdict_with(&print, zeros, 31), -EINVAL);
	assert_int_equal(verdict_with(&print, zeros, 33), -EINVAL);
}

static void strings(void **state)
{
	static const struct value values[] = {
		{ .message = KSC_MESSAGE_STEP, .type = KSC_M_CREDENTIAL },
		{ .message = KSC_MESSAGE_STEP, .type = KSC_M_BEGIN_SERVER_NAME,
		  .nest = KSC_M_BEGIN },
	};
	char name[KSC_MAX_NAME + 2];
	size_t i;

	(void)state;
	memset(name, 'x', sizeof(name));
	name[KSC_MAX_NAME] = '\0';
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		assert_int_equal(verdict_with(&values[i], "", 1), KSC_MESSAGE_STEP);
		assert_int_equal(verdict_with(&values[i], name, KSC_MAX_NAME + 1),
				 KSC_MESSAGE_STEP);
		/* its end is missing */
		assert_int_equal(verdict_with(&values[i], name, KSC_MAX_NAME), -EINVAL);
		assert_int_equal(verdict_with(&values[i], name, 0), -EINVAL);
		/* there are more of it */
		assert_int_equal(verdict_with(&values[i], zeros, KSC_MAX_NAME + 2), -EINVAL);
	}
}

/* A nest that is none, or longer than what it is in. */
static void nests(void **state)
{
	static const struct value begin = { .message = KSC_MESSAGE_STEP, .type = KSC_M_BEGIN };
	uint8_t bytes[64] = { 0 };
	size_t len, i;

	(void)state;
	for (len = 0; len < sizeof(bytes); len++)
		for (i = 0; i < 256; i++) {
			memset(bytes, (int)i, sizeof(bytes));
			assert_true(verdict_with(&begin, bytes, len) < 0 || !len);
		}
	for (i = 0; i < 64; i++) {
		const struct nlattr attr = { .nla_len = (uint16_t)i,
					     .nla_type = KSC_M_BEGIN_PICK };

		memset(bytes, 0, sizeof(bytes));
		memcpy(bytes, &attr, sizeof(attr));
		assert_int_equal(verdict_with(&begin, bytes, sizeof(attr)),
				 i == sizeof(attr) ? KSC_MESSAGE_STEP : -EINVAL);
	}
}

/* Any byte of it may be another. */
static void mangled(void **state)
{
	struct nl_msg *msg = full_step();
	const struct nlmsghdr *head = nlmsg_hdr(msg);
	uint8_t *copy = malloc(head->nlmsg_len);
	unsigned int bit;
	size_t i;

	(void)state;
	assert_non_null(copy);
	memcpy(copy, head, head->nlmsg_len);
	for (i = 0; i < head->nlmsg_len; i++)
		for (bit = 0; bit < 8; bit++) {
			copy[i] ^= (uint8_t)(1U << bit);
			verdict_of(copy, head->nlmsg_len, false);
			copy[i] ^= (uint8_t)(1U << bit);
		}
	assert_int_equal(verdict_of(copy, head->nlmsg_len, false), KSC_MESSAGE_STEP);
	free(copy);
	nlmsg_free(msg);
}

/* ---- what the daemon says ---- */

/* All that a step may come to is a message of the specification, the largest too. */
static void results(void **state)
{
	static uint8_t bytes[KSC_MAX_TOKEN];
	struct ksc_details details = {
		.group = 29, .signature = 0x0804, .traits = 3, .session_id_len = 32,
		.end_point.len = 64, .chain = bytes, .chain_len = KSC_MAX_CHAIN,
		.local_chain = bytes, .local_chain_len = KSC_MAX_CHAIN,
	};
	struct ksc_step step = { .token = bytes, .token_len = KSC_MAX_TOKEN };
	enum ksc_status status;
	struct parsed p;

	(void)state;
	memset(step.text, 'x', sizeof(step.text) - 1);
	memset(step.info.alpn, 'x', sizeof(step.info.alpn) - 1);
	memset(step.info.server_name, 'x', sizeof(step.info.server_name) - 1);
	memset(step.info.peer.subject, 'x', sizeof(step.info.peer.subject) - 1);
	step.info.peer.present = true;
	step.info.resumed = true;
	step.alert = 42;
	step.direction = KSC_DIRECTION_SENT;
	step.need = 5;
	step.consumed = 7;
	step.chain = bytes;
	step.issuers = bytes;
	for (status = KSC_STATUS_OK; status <= KSC_STATUS_OVERLOADED; status++) {
		struct nl_msg *msg;

		step.status = status;
		step.details = status == KSC_STATUS_OK ? &details : NULL;
		step.chain_len = status == KSC_STATUS_VERIFY_NEEDED ? KSC_MAX_CHAIN : 0;
		step.issuers_len = status == KSC_STATUS_INCOMPLETE_CREDENTIALS ? KSC_MAX_CHAIN : 0;
		msg = ksc_result_new(NUMBER, 9, &step);
		assert_non_null(msg);
		assert_true(nlmsg_hdr(msg)->nlmsg_len <= KSC_MAX_MESSAGE);
		parse(&p, nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len, true);
		assert_int_equal(p.rc, KSC_MESSAGE_RESULT);
		assert_int_equal(nla_get_u32(p.tb[KSC_M_STATUS]), status);
		assert_int_equal(nla_get_u32(p.tb[KSC_M_CONTEXT]), 9);
		assert_int_equal(nla_len(p.tb[KSC_M_TOKEN]), KSC_MAX_TOKEN);
		assert_int_equal(!!p.tb[KSC_M_SESSION], status == KSC_STATUS_OK);
		assert_int_equal(!!p.tb[KSC_M_LOCAL_CHAIN], status == KSC_STATUS_OK);
		assert_int_equal(!!p.tb[KSC_M_ISSUERS],
				 status == KSC_STATUS_INCOMPLETE_CREDENTIALS);
		free(p.copy);
		nlmsg_free(msg);
	}
}

/* The least that there is to say. */
static void least(void **state)
{
	const uint32_t context = 3;
	struct ksc_step step = { .status = KSC_STATUS_OK };
	struct nl_msg *msg = ksc_result_new(NUMBER, 1, &step);
	struct parsed p;

	(void)state;
	parse(&p, nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len, true);
	assert_int_equal(p.rc, KSC_MESSAGE_RESULT);
	assert_non_null(p.tb[KSC_M_SESSION]);
	assert_null(p.tb[KSC_M_TOKEN]);
	free(p.copy);
	nlmsg_free(msg);
	msg = ksc_result_error(0, &context, ETIMEDOUT, "");
	assert_int_equal(nlmsg_hdr(msg)->nlmsg_seq, 0);
	assert_int_equal(verdict(msg, true), KSC_MESSAGE_ERROR);
	assert_int_equal(verdict(ksc_result_error(NUMBER, NULL, EDQUOT, "why"), true),
			 KSC_MESSAGE_ERROR);
}

/* The longest of everything fits around a token, and little is cleared for nothing. */
static void longest(void **state)
{
	static const enum ksc_status failures[] = {
		KSC_STATUS_OK, KSC_STATUS_VERIFY_NEEDED, KSC_STATUS_PEER_REJECTED,
	};
	struct nl_msg *msg = ksc_message_new(KSC_MESSAGE_STEP, NUMBER, 0);
	char name[KSC_MAX_NAME + 1];
	struct nlattr *nest;
	size_t i;

	(void)state;
	memset(name, 'x', KSC_MAX_NAME);
	name[KSC_MAX_NAME] = '\0';
	assert_non_null(msg);
	put_u32(msg, KSC_M_CONTEXT, 1);
	nest = nla_nest_start(msg, KSC_M_BEGIN);
	assert_non_null(nest);
	put_u32(msg, KSC_M_BEGIN_ROLE, KSC_ROLE_CLIENT);
	put(msg, KSC_M_BEGIN_SERVER_NAME, name, sizeof(name));
	put(msg, KSC_M_BEGIN_CREDENTIAL, name, sizeof(name));
	put(msg, KSC_M_BEGIN_ALPN, zeros, KSC_MAX_ALPN);
	put_u32(msg, KSC_M_BEGIN_VERIFY, KSC_VERIFY_MANUAL);
	put_u32(msg, KSC_M_BEGIN_DEADLINE, KSC_MAX_HANDSHAKE_TIMEOUT);
	put(msg, KSC_M_BEGIN_PICK, NULL, 0);
	nla_nest_end(msg, nest);
	put(msg, KSC_M_TOKEN, zeros, 0);
	put_u32(msg, KSC_M_VERDICT, KSC_VERDICT_ACCEPT);
	put(msg, KSC_M_ALERT, zeros, 1);
	put(msg, KSC_M_CREDENTIAL, name, sizeof(name));
	assert_true(nlmsg_get_max_size(msg) < 2048);
	nlmsg_free(msg);

	for (i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		struct ksc_details details = {
			.group = 1, .signature = 1, .traits = 1, .end_point.len = 64,
			.session_id_len = sizeof(details.session_id),
		};
		struct ksc_step step = {
			.status = failures[i], .need = 1, .direction = KSC_DIRECTION_SENT,
			.faults = 1, .keys = { .version = 0x0303, .suite = 1 },
			.info = { .peer.present = true, .resumed = true }, .details = &details,
		};

		memcpy(step.text, name, sizeof(name));
		memcpy(step.info.alpn, name, sizeof(name));
		memcpy(step.info.server_name, name, sizeof(name));
		memcpy(step.info.peer.subject, name, sizeof(name));
		msg = ksc_result_new(NUMBER, 1, &step);
		assert_non_null(msg);
		nlmsg_free(msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(heads),
		cmocka_unit_test(truncated),
		cmocka_unit_test(unknown),
		cmocka_unit_test(repeated),
		cmocka_unit_test(numbers),
		cmocka_unit_test(lengths),
		cmocka_unit_test(strings),
		cmocka_unit_test(nests),
		cmocka_unit_test(mangled),
		cmocka_unit_test(results),
		cmocka_unit_test(least),
		cmocka_unit_test(longest),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
