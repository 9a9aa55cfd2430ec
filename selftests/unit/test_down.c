// SPDX-License-Identifier: GPL-2.0-only
/* down.c: the messages to the kernel. */
#include <string.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>

#include "handshake/down.h"
#include "side.h"

#define ROOM	4096

static struct nlattr *tb[KSC_A_CONTEXT_MAX + 1], *session[KSC_A_SESSION_MAX + 1],
		     *keys[KSC_A_KEYS_MAX + 1], *key[KSC_A_KEY_MAX + 1];

/* Returns what the kernel gets; the caller frees it. */
static struct nl_msg *tell(const struct ksc_key_request *request)
{
	struct nl_msg *msg = nlmsg_alloc_size(ROOM);

	assert_non_null(genlmsg_put(msg, 1, 1, 0x100, 0, 0, KSC_CMD_KEY_NEW, 1));
	assert_int_equal(ksc_down_key(msg, request), 0);
	assert_int_equal(genlmsg_parse(nlmsg_hdr(msg), 0, tb, KSC_A_CONTEXT_MAX, NULL), 0);
	assert_int_equal(nla_parse_nested(session, KSC_A_SESSION_MAX, tb[KSC_A_CONTEXT_SESSION],
					  NULL), 0);
	assert_int_equal(nla_parse_nested(keys, KSC_A_KEYS_MAX, tb[KSC_A_CONTEXT_KEYS], NULL), 0);
	assert_int_equal(nla_parse_nested(key, KSC_A_KEY_MAX, keys[KSC_A_KEYS_TX], NULL), 0);
	return msg;
}

static struct ksc_step step_of(uint16_t version)
{
	struct ksc_step step = { .status = KSC_STATUS_OK, .tickets = true };

	step.keys.version = version;
	step.keys.suite = 0x1301;
	step.info.peer.present = true;
	strcpy(step.info.peer.subject, "CN=x");
	strcpy(step.info.alpn, "h2");
	strcpy(step.info.server_name, "server.test");
	if (version == 0x0304) {
		step.keys.tx.secret_len = 32;
		step.keys.rx.secret_len = 32;
	} else {
		step.keys.tx.key_len = 16;
		step.keys.tx.iv_len = 4;
		step.keys.rx.key_len = 16;
		step.keys.rx.iv_len = 4;
	}
	return step;
}

static void whole(void **state)
{
	struct ksc_step step = step_of(0x0304);
	const struct ksc_key_request request = {
		.id = UINT64_C(1) << 63 | 5, .role = KSC_ROLE_CLIENT, .step = &step,
		.credential = "c", .verify = KSC_VERIFY_REQUIRE, .uid = 1000, .netns = 77,
	};
	struct nl_msg *msg = tell(&request);

	(void)state;
	assert_true(nla_get_u64(tb[KSC_A_CONTEXT_ID]) == request.id);
	assert_int_equal(nla_get_u32(tb[KSC_A_CONTEXT_ROLE]), KSC_ROLE_CLIENT);
	assert_int_equal(nla_get_u32(tb[KSC_A_CONTEXT_VERIFY]), KSC_VERIFY_REQUIRE);
	assert_int_equal(nla_get_u32(tb[KSC_A_CONTEXT_UID]), 1000);
	assert_int_equal(nla_get_u64(tb[KSC_A_CONTEXT_NETNS]), 77);
	assert_non_null(tb[KSC_A_CONTEXT_TICKETS]);
	assert_null(tb[KSC_A_CONTEXT_TOKEN]);
	assert_string_equal(nla_data(tb[KSC_A_CONTEXT_CREDENTIAL]), "c");
	assert_string_equal(nla_data(session[KSC_A_SESSION_ALPN]), "h2");
	assert_string_equal(nla_data(session[KSC_A_SESSION_SERVER_NAME]), "server.test");
	assert_string_equal(nla_data(session[KSC_A_SESSION_PEER_SUBJECT]), "CN=x");
	assert_int_equal(nla_get_u16(keys[KSC_A_KEYS_SUITE]), 0x1301);
	assert_int_equal(nla_len(key[KSC_A_KEY_SECRET]), 32);
	assert_null(key[KSC_A_KEY_KEY]);
	nlmsg_free(msg);
	step = step_of(0x0303);
	step.tickets = false;
	msg = tell(&request);
	assert_null(tb[KSC_A_CONTEXT_TICKETS]);
	assert_null(key[KSC_A_KEY_SECRET]);
	assert_int_equal(nla_len(key[KSC_A_KEY_KEY]), 16);
	assert_int_equal(nla_len(key[KSC_A_KEY_IV]), 4);
	nlmsg_free(msg);
}

static size_t text_of(const struct nlattr *attr)
{
	return attr ? strlen(nla_data(attr)) : 0;
}

/* Whatever names there are, a key has room for so much. */
static void fits(void **state)
{
	static const size_t lens[] = { 0, 1, 100, 224, 225, 226, 254, 255 };
	const size_t n = sizeof(lens) / sizeof(lens[0]);
	struct ksc_step step = step_of(0x0304);
	char credential[KSC_MAX_NAME + 1];
	const struct ksc_key_request request = {
		.role = KSC_ROLE_CLIENT, .step = &step, .credential = credential,
	};
	size_t a, s, p, c, all;

	(void)state;
	for (all = 0; all < n * n * n * n; all++) {
		struct nl_msg *msg;

		a = lens[all % n];
		s = lens[all / n % n];
		p = lens[all / n / n % n];
		c = lens[all / n / n / n];
		memset(&step.info, 0, sizeof(step.info));
		memset(credential, 0, sizeof(credential));
		step.info.peer.present = true;
		memset(step.info.alpn, 'a', a);
		memset(step.info.server_name, 's', s);
		memset(step.info.peer.subject, 'p', p);
		memset(credential, 'c', c);
		msg = tell(&request);
		assert_int_equal(text_of(session[KSC_A_SESSION_ALPN]), a);
		assert_true(text_of(session[KSC_A_SESSION_SERVER_NAME]) == (a + s > 480 ? 0 : s));
		assert_true(text_of(tb[KSC_A_CONTEXT_CREDENTIAL]) == c ||
			    !tb[KSC_A_CONTEXT_CREDENTIAL]);
		assert_true(text_of(session[KSC_A_SESSION_ALPN]) +
			    text_of(session[KSC_A_SESSION_SERVER_NAME]) +
			    text_of(session[KSC_A_SESSION_PEER_SUBJECT]) +
			    text_of(tb[KSC_A_CONTEXT_CREDENTIAL]) <= KSC_MAX_KEY_TEXT);
		if (a + s + p + c <= KSC_MAX_KEY_TEXT) {
			assert_int_equal(text_of(session[KSC_A_SESSION_PEER_SUBJECT]), p);
			assert_int_equal(text_of(tb[KSC_A_CONTEXT_CREDENTIAL]), c);
		}
		nlmsg_free(msg);
	}
}

/* Of characters of several bytes none is cut apart. */
static void characters(void **state)
{
	struct ksc_step step = step_of(0x0304);
	const struct ksc_key_request request = {
		.role = KSC_ROLE_CLIENT, .step = &step, .credential = "",
	};
	size_t i, len;

	(void)state;
	for (i = 0; i < 4; i++) {
		struct nl_msg *msg;

		memset(&step.info, 0, sizeof(step.info));
		step.info.peer.present = true;
		memset(step.info.alpn, 'a', 240);
		memset(step.info.server_name, 's', 200 - i);
		for (len = 0; len + 3 < sizeof(step.info.peer.subject); len += 3)
			memcpy(step.info.peer.subject + len, "\xe2\x82\xac", 3);
		msg = tell(&request);
		len = text_of(session[KSC_A_SESSION_PEER_SUBJECT]);
		assert_int_equal(len % 3, 0);
		assert_true(len <= 40 + i && len + 3 > 40 + i);
		nlmsg_free(msg);
	}
}

/* A message that has no room for it is none. */
static void no_room(void **state)
{
	struct ksc_step step = step_of(0x0304);
	const struct ksc_key_request request = {
		.role = KSC_ROLE_CLIENT, .step = &step, .credential = "c",
	};
	size_t size;
	int rc = -1;

	(void)state;
	for (size = NLMSG_HDRLEN + GENL_HDRLEN; rc; size += 4) {
		struct nl_msg *msg = nlmsg_alloc_size(size);

		assert_true(size < ROOM);
		assert_non_null(genlmsg_put(msg, 1, 1, 0x100, 0, 0, KSC_CMD_KEY_NEW, 1));
		rc = ksc_down_key(msg, &request);
		nlmsg_free(msg);
	}
	assert_true(size > 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(fits),
		cmocka_unit_test(characters),
		cmocka_unit_test(no_room),
	};

	return cmocka_run_group_tests_name("down", tests, NULL, NULL);
}
