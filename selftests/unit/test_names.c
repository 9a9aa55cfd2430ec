// SPDX-License-Identifier: GPL-2.0-only
/* Which names a certificate is for, and which names select it. */
#include <string.h>

#include "outcome.h"

static void case_24_names(void **state)
{
	static const struct {
		const char *name;
		const char *address;
		bool good;
	} names[] = {
		{ "server.test", NULL, true },
		{ "SERVER.test", NULL, true },
		{ "server.test.", NULL, true },
		{ "server.test", "203.0.113.9", true },
		{ "a.wild.test", NULL, true },
		{ "a.b.wild.test", NULL, false },
		{ "wild.test", NULL, false },
		{ "server.test.evil", NULL, false },
		{ "192.0.2.1", NULL, true },
		{ "192.0.2.2", NULL, false },
		/* Without a name, the address is what counts. */
		{ NULL, "192.0.2.1", true },
		{ "", "192.0.2.1", true },
		{ NULL, "192.0.2.2", false },
		{ "wrong.test", "192.0.2.1", false },
		/* Names of other alphabets, in either form. */
		{ "xn--srver-kva.test", NULL, false },
		{ "s\303\251rver.test", NULL, false },
		{ "xn--bcher-kva.wild.test", NULL, true },
		/* Without either, peers can't be distinguished. */
		{ NULL, NULL, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct outcome o = connect_to("server", names[i].name, names[i].address,
					      KSC_VERIFY_DEFAULT, false);
		const bool accepted = o.status == KSC_STATUS_OK;

		if (accepted != names[i].good)
			fail_msg("%s, %s: %s", names[i].name ? names[i].name : "-",
				 names[i].address ? names[i].address : "-", o.text);
		if (!names[i].good)
			assert_int_equal(o.status, KSC_STATUS_PEER_REJECTED);
	}
}

/* Underscores, other alphabets, zones: each is checked. */
static void odd_names(void **state)
{
	static const struct {
		const char *name;
		const char *address;
		bool good;
	} names[] = {
		{ "my_host.test", NULL, true },
		{ "my_host.test.", NULL, true },
		{ "b\303\274cher.test", NULL, true },
		{ "B\303\234CHER.test.", NULL, true },
		{ "xn--bcher-kva.test", NULL, true },
		{ "b\303\266cher.test", NULL, false },
		{ "fe80::1%eth0", NULL, true },
		{ "fe80::1%2", NULL, true },
		{ "FE80:0::1", NULL, true },
		{ "fe80::2%eth0", NULL, false },
		{ NULL, "fe80::1", true },
		/* Without a known name all of them have to fit. */
		{ "my_host.test,other.test", NULL, true },
		{ "other.test,b\303\274cher.test,my_host.test", NULL, true },
		{ "other.test,server.test", NULL, false },
		{ "server.test,other.test", NULL, false },
		{ "other.test,fe80::1", NULL, true },
		{ "other.test,*", NULL, false },
		{ "*", "fe80::1", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct outcome o = connect_to("names", names[i].name, names[i].address,
					      KSC_VERIFY_DEFAULT, i & 1);
		const bool accepted = o.status == KSC_STATUS_OK;

		if (accepted != names[i].good)
			fail_msg("%s: %s", names[i].name ? names[i].name : "-", o.text);
		if (!names[i].good)
			assert_int_equal(o.status, KSC_STATUS_PEER_REJECTED);
		if (!names[i].good && names[i].name && strchr(names[i].name, ',') &&
		    !strstr(o.text, names[i].name))
			fail_msg("%s: %s", names[i].name, o.text);
		if (names[i].name && strchr(names[i].name, '*') &&
		    !strstr(o.text, "no longer known"))
			fail_msg("%s: %s", names[i].name, o.text);
	}
}

/* RFC 9525, 6.3: only a subjectAltName is a name, not the CN. */
static void common_names(void **state)
{
	static const struct {
		const char *cert;
		const char *name;
		bool good;
		bool common;
	} names[] = {
		{ "common", "server.test", false, true },
		{ "common", "other.test", false, false },
		{ "common-email", "server.test", false, true },
		{ "common-address", "server.test", false, false },
		{ "common-address", "192.0.2.1", true, false },
		{ "common-address", "192.0.2.1,server.test", false, false },
		{ "common-address", "server.test,192.0.2.1", false, false },
		{ "nosubject", "server.test", true, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct outcome o = connect_to(names[i].cert, names[i].name, NULL,
					      KSC_VERIFY_DEFAULT, i & 1);
		const bool accepted = o.status == KSC_STATUS_OK;

		if (accepted != names[i].good)
			fail_msg("%s, %s: %s", names[i].cert, names[i].name, o.text);
		if (!!strstr(o.text, "the common name is ignored") != names[i].common)
			fail_msg("%s, %s: %s", names[i].cert, names[i].name, o.text);
		if (!names[i].good)
			assert_int_equal(o.status, KSC_STATUS_PEER_REJECTED);
	}
}

/* An invalid name is refused before anything is sent, with the reason. */
static void no_names(void **state)
{
	static const struct {
		const char *name;
		const char *words;
	} names[] = {
		{ "foo bar", "blank" }, { "a..test", "empty label" }, { ".test", "empty label" },
		{ "a.test..", "empty label" }, { "-x.test", "hyphen" }, { "x-.test", "hyphen" },
		{ "*.test", "wildcard" }, { "a,,b", "empty" }, { "a.test,", "empty" },
		{ "b\374cher.test", "RFC 5891" }, { "my_b\303\274cher.test", "underscore" },
		{ "[::1]", "character" }, { "a/b", "character" }, { "127.1", "number" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct outcome o = connect_to("names", names[i].name, NULL, KSC_VERIFY_NONE, false);

		if (o.status != KSC_STATUS_INTERNAL_ERROR || !strstr(o.text, names[i].words) ||
		    o.direction != KSC_DIRECTION_NONE)
			fail_msg("%s: %d, %s", names[i].name, o.status, o.text);
	}
}

/* Our server finds its certificate by each name that our client sends, or gets the default. */
static void with_ourselves(void **state)
{
	static const struct cred_options server_creds[] = {
		{ .name = "names", .cert = "names", .roles = KSC_ROLE_BIT(KSC_ROLE_SERVER) },
		{ .name = "server", .cert = "server", .not_default = true,
		  .roles = KSC_ROLE_BIT(KSC_ROLE_SERVER) },
	};
	static const struct {
		const char *name;
		const char *asked;
	} names[] = {
		{ "server.test", "server.test" }, { "server.test.", "server.test" },
		{ "other.test", "other.test" }, { "my_host.test", "" }, { "fe80::1%eth0", "" },
		{ "b\303\274cher.test", "xn--bcher-kva.test" },
		{ "other.test,my_host.test", "other.test" }, { "my_host.test,other.test", "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct ksc_engine_params ours = {
			.role = KSC_ROLE_CLIENT, .server_name = names[i].name,
			.credentials = creds_new(&trusting, 1),
		}, theirs = {
			.role = KSC_ROLE_SERVER, .credentials = creds_new(server_creds, 2),
		};
		struct side *client = side_new(&ours), *server = side_new(&theirs);

		if (shake_sides(client, server) != KSC_STATUS_OK)
			fail_msg("%s: %s, %s", names[i].name, client->step.text, server->step.text);
		assert_string_equal(server->step.info.server_name, names[i].asked);
		side_free(client);
		side_free(server);
		ksc_credentials_put(ours.credentials);
		ksc_credentials_put(theirs.credentials);
	}
}

/* RFC 6066, 3: without the dot; but there are clients that send it. */
static void asked_with_dot(void **state)
{
	static const struct cred_options list[] = {
		{ .name = "one", .cert = "server" },
		{ .name = "two", .cert = "second", .not_default = true },
	};
	struct outcome o = meet(&peer_gnutls, list, 2,
				(struct ksc_engine_params) { .role = KSC_ROLE_SERVER },
				(struct peer_options) { .server_name = "second.test." });

	(void)state;
	assert_int_equal(o.status, KSC_STATUS_OK);
	assert_string_equal(o.info.server_name, "second.test");
}

/* As documented: RFC 6066 does not allow such names, and GnuTLS is strict. */
static void asked_with_underscore(void **state)
{
	static const struct cred_options cred = { .cert = "names" };
	int tls12;

	(void)state;
	for (tls12 = 0; tls12 < 2; tls12++) {
		struct outcome o = meet(&peer_openssl, &cred, 1,
					(struct ksc_engine_params) { .role = KSC_ROLE_SERVER },
					(struct peer_options) { .server_name = "my_host.test",
								.tls12 = tls12, .ca = "ca" });

		assert_int_equal(o.status, KSC_STATUS_PROTOCOL_ERROR);
		assert_int_equal(o.alert, GNUTLS_A_ILLEGAL_PARAMETER);
		assert_int_equal(o.direction, KSC_DIRECTION_SENT);
		if (!strstr(o.text, "disallowed"))
			fail_msg("%s", o.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_24_names),
		cmocka_unit_test(odd_names),
		cmocka_unit_test(common_names),
		cmocka_unit_test(no_names),
		cmocka_unit_test(with_ourselves),
		cmocka_unit_test(asked_with_dot),
		cmocka_unit_test(asked_with_underscore),
	};

	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
