// SPDX-License-Identifier: GPL-2.0-only
/* How the engine identifies peers: certificates, ALPN, choice by name. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "outcome.h"

static void case_23_24_bad_certificates(void **state)
{
	static const struct {
		const char *cert;
		uint8_t alert;
		const char *words;
	} bad[] = {
		{ "expired", GNUTLS_A_CERTIFICATE_EXPIRED, "expired" },
		{ "future", GNUTLS_A_CERTIFICATE_EXPIRED, "not yet" },
		{ "unknown", GNUTLS_A_UNKNOWN_CA, "issuer is unknown" },
		{ "purpose", GNUTLS_A_UNSUPPORTED_CERTIFICATE, "purpose" },
		{ "second", GNUTLS_A_BAD_CERTIFICATE, "name" },
	};
	size_t i;
	int tls12;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (tls12 = 0; tls12 < 2; tls12++) {
			struct outcome o = connect_to(bad[i].cert, "server.test", NULL,
						      KSC_VERIFY_DEFAULT, tls12);

			assert_int_equal(o.status, KSC_STATUS_PEER_REJECTED);
			assert_int_equal(o.alert, bad[i].alert);
			assert_int_equal(o.direction, KSC_DIRECTION_SENT);
			if (!strstr(o.text, bad[i].words) || !strstr(o.text, bad[i].cert))
				fail_msg("%s: %s", bad[i].cert, o.text);
			/* Without verification it succeeds, and reports the certificate. */
			o = connect_to(bad[i].cert, "server.test", NULL, KSC_VERIFY_NONE, tls12);
			assert_int_equal(o.status, KSC_STATUS_OK);
			assert_true(o.info.peer.present);
			assert_non_null(strstr(o.info.peer.subject, bad[i].cert));
		}
}

static void rsa_certificate(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		struct outcome o = meet(i & 1 ? &peer_openssl : &peer_gnutls, &trusting, 1,
			(struct ksc_engine_params) {
				.role = KSC_ROLE_CLIENT, .server_name = "server.test",
			}, (struct peer_options) { .server = true, .cert = "rsa", .tls12 = i & 2 });

		assert_int_equal(o.status, KSC_STATUS_OK);
	}
}

/* Each kind of client, asked for a certificate in each way. */
static void case_26_client_certificates(void **state)
{
	static const struct cred_options server = { .cert = "server", .ca = "ca" };
	static const char *const certs[] = { NULL, "client", "client-unknown", "client-expired" };
	unsigned int bits, i;

	(void)state;
	for (bits = 0; bits < 8; bits++)
		for (i = 0; i < 4; i++) {
			bool require = bits & 1, tls12 = bits & 2;
			struct outcome o = meet(bits & 4 ? &peer_openssl : &peer_gnutls, &server, 1,
				(struct ksc_engine_params) {
					.role = KSC_ROLE_SERVER,
					.verify = require ? KSC_VERIFY_REQUIRE : KSC_VERIFY_REQUEST,
				},
				(struct peer_options) {
					.cert = certs[i], .ca = "ca", .tls12 = tls12,
					.server_name = "server.test",
				});

			if (i == 1 || (i == 0 && !require)) {
				if (o.status != KSC_STATUS_OK)
					fail_msg("%s, %u: %s", certs[i] ? certs[i] : "none", bits,
						 o.text);
				assert_int_equal(o.info.peer.present, i == 1);
				assert_int_equal(!strstr(o.info.peer.subject, "CN=client"), i != 1);
				assert_false(o.info.resumed);
				continue;
			}
			assert_int_equal(o.status, KSC_STATUS_PEER_REJECTED);
			assert_int_equal(o.direction, KSC_DIRECTION_SENT);
			assert_int_equal(o.alert, i == 2 ? GNUTLS_A_UNKNOWN_CA :
					 i == 3 ? GNUTLS_A_CERTIFICATE_EXPIRED :
					 tls12 ? GNUTLS_A_HANDSHAKE_FAILURE :
						 GNUTLS_A_CERTIFICATE_REQUIRED);
		}
}

/* A socket can't talk a credential out of its demands. */
static void verification_is_never_weakened(void **state)
{
	static const struct cred_options strict = {
		.cert = "server", .ca = "ca", .verify = KSC_VERIFY_REQUIRE,
	};
	struct outcome o;

	(void)state;
	o = meet(&peer_gnutls, &strict, 1,
		 (struct ksc_engine_params) { .role = KSC_ROLE_SERVER, .verify = KSC_VERIFY_NONE },
		 (struct peer_options) { .ca = "ca", .server_name = "server.test" });
	assert_int_equal(o.status, KSC_STATUS_PEER_REJECTED);
	o = meet(&peer_gnutls, &strict, 1,
		 (struct ksc_engine_params) { .role = KSC_ROLE_CLIENT, .verify = KSC_VERIFY_NONE,
					      .server_name = "server.test" },
		 (struct peer_options) { .server = true, .cert = "unknown" });
	assert_int_equal(o.status, KSC_STATUS_PEER_REJECTED);
}

/* Our client sends its certificate to a server that asks for it. */
static void client_certificate_of_ours(void **state)
{
	static const struct cred_options with = { .cert = "client", .ca = "ca" };
	unsigned int bits;

	(void)state;
	for (bits = 0; bits < 8; bits++) {
		struct outcome o = meet(bits & 1 ? &peer_openssl : &peer_gnutls,
			bits & 4 ? &with : &trusting, 1,
			(struct ksc_engine_params) {
				.role = KSC_ROLE_CLIENT, .server_name = "server.test",
			},
			(struct peer_options) {
				.server = true, .cert = "server", .ca = "ca", .ask_cert = true,
				.tls12 = bits & 2,
			});

		if (bits & 4)
			assert_int_equal(o.status, KSC_STATUS_OK);
		else if (bits & 2)
			assert_int_equal(o.status, KSC_STATUS_ALERT_RECEIVED);
		/* In TLS 1.3 the alert comes after our end: the record layer's to tell. */
	}
}

/* The authorities that a server names are a hint: it gets to see what it then refuses. */
static void other_issuers(void **state)
{
	static const struct cred_options with = { .cert = "client", .ca = "ca" };
	struct outcome o;
	unsigned int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		o = meet(i ? &peer_openssl : &peer_gnutls, &with, 1,
			 (struct ksc_engine_params) {
				.role = KSC_ROLE_CLIENT, .server_name = "server.test",
			 },
			 (struct peer_options) {
				.server = true, .cert = "server", .ca = "otherca",
				.ask_cert = true, .tls12 = true,
			 });
		assert_int_equal(o.status, KSC_STATUS_ALERT_RECEIVED);
		/* It is the certificate, not that there is none. */
		assert_int_equal(o.alert, i ? GNUTLS_A_UNKNOWN_CA : GNUTLS_A_BAD_CERTIFICATE);
	}
}

static struct outcome serve_alpn(const char *cred_alpn, const char *socket_alpn,
				 const char *peer_alpn, bool tls12)
{
	const struct cred_options cred = { .cert = "server", .ca = "ca", .alpn = cred_alpn };
	struct ksc_engine_params params = { .role = KSC_ROLE_SERVER };
	uint8_t list[32];

	if (socket_alpn) {
		params.alpn_len = strlen(socket_alpn) + 1;
		list[0] = (uint8_t)strlen(socket_alpn);
		memcpy(list + 1, socket_alpn, list[0]);
		params.alpn = list;
	}
	return meet(&peer_openssl, &cred, 1, params, (struct peer_options) {
			.alpn = peer_alpn, .server_name = "server.test", .tls12 = tls12 });
}

static void case_28_alpn(void **state)
{
	struct outcome o;
	int tls12;

	(void)state;
	for (tls12 = 0; tls12 < 2; tls12++) {
		o = serve_alpn("h2", NULL, "h2", tls12);
		assert_int_equal(o.status, KSC_STATUS_OK);
		assert_string_equal(o.info.alpn, "h2");
		o = serve_alpn("h2", NULL, NULL, tls12);
		assert_int_equal(o.status, KSC_STATUS_OK);
		assert_string_equal(o.info.alpn, "");
		o = serve_alpn(NULL, NULL, "h2", tls12);
		assert_int_equal(o.status, KSC_STATUS_OK);
		assert_string_equal(o.info.alpn, "");
		o = serve_alpn("h2", NULL, "smtp", tls12);
		assert_int_equal(o.status, KSC_STATUS_PROTOCOL_ERROR);
		assert_int_equal(o.alert, GNUTLS_A_NO_APPLICATION_PROTOCOL);
		/* The socket's list goes before the credential's. */
		o = serve_alpn("h2", "smtp", "smtp", tls12);
		assert_int_equal(o.status, KSC_STATUS_OK);
		assert_string_equal(o.info.alpn, "smtp");
		o = serve_alpn("h2", "smtp", "h2", tls12);
		assert_int_equal(o.status, KSC_STATUS_PROTOCOL_ERROR);
	}
}

static void case_28_alpn_of_client(void **state)
{
	static const struct cred_options cred = { .ca = "ca", .alpn = "h2" };
	static const struct ksc_engine_params params = {
		.role = KSC_ROLE_CLIENT, .server_name = "server.test",
	};
	struct peer_options opt = { .server = true, .cert = "server", .alpn = "h2" };
	struct outcome o;

	(void)state;
	do {
		opt.alpn = "h2";
		o = meet(&peer_openssl, &cred, 1, params, opt);
		assert_int_equal(o.status, KSC_STATUS_OK);
		assert_string_equal(o.info.alpn, "h2");
		opt.alpn = NULL;
		o = meet(&peer_openssl, &cred, 1, params, opt);
		assert_int_equal(o.status, KSC_STATUS_OK);
		assert_string_equal(o.info.alpn, "");
		opt.alpn = "smtp";
		o = meet(&peer_openssl, &cred, 1, params, opt);
		assert_int_equal(o.status, KSC_STATUS_ALERT_RECEIVED);
		assert_int_equal(o.alert, GNUTLS_A_NO_APPLICATION_PROTOCOL);
		opt.tls12 = !opt.tls12;
	} while (opt.tls12);
}

static void alpn_malformed(void **state)
{
	static const struct {
		uint8_t bytes[4];
		size_t len;
	} lists[] = { { { 0 }, 1 }, { { 3, 'a', 'b' }, 3 }, { { 1, 'a', 1 }, 3 }, { { 40 }, 1 } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct ksc_engine_params params = {
			.credentials = creds_new(&trusting, 1), .role = KSC_ROLE_CLIENT,
			.server_name = "server.test", .alpn = lists[i].bytes,
			.alpn_len = lists[i].len,
		};
		struct side *side = side_new(&params);

		assert_int_equal(side_step(side, 0), KSC_STATUS_INTERNAL_ERROR);
		assert_non_null(strstr(side->step.text, "protocols"));
		assert_int_equal(side->step.direction, KSC_DIRECTION_NONE);
		assert_int_equal(side->out.len, 0);
		side_free(side);
		ksc_credentials_put(params.credentials);
	}
}

/* The client's name picks the certificate: its library checks that it fits. */
static void case_28_sni(void **state)
{
	static const struct cred_options list[] = {
		{ .name = "one", .cert = "server" },
		{ .name = "two", .cert = "second", .not_default = true },
	};
	static const struct {
		const char *name;
		enum ksc_status status;
	} cases[] = {
		{ "server.test", KSC_STATUS_OK },
		{ "second.test", KSC_STATUS_OK },
		{ "x.wild.test", KSC_STATUS_OK },
		/* A miss gets the default, which is not what this client wants. */
		{ "miss.test", KSC_STATUS_ALERT_RECEIVED },
		{ NULL, KSC_STATUS_OK },
	};
	unsigned int bits;
	size_t i;

	(void)state;
	for (bits = 0; bits < 4; bits++)
		for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			const char *asked = cases[i].name;
			struct outcome o = meet(bits & 1 ? &peer_openssl : &peer_gnutls, list, 2,
				(struct ksc_engine_params) { .role = KSC_ROLE_SERVER },
				(struct peer_options) {
					.ca = "ca", .server_name = asked, .tls12 = bits & 2,
				});

			assert_int_equal(o.status, cases[i].status);
			if (o.status == KSC_STATUS_OK)
				assert_string_equal(o.info.server_name, asked ? asked : "");
		}
}

static void no_credential(void **state)
{
	static const struct cred_options mine = {
		.cert = "server", .restricted = true, .uid = 1000,
	};
	struct outcome o;

	(void)state;
	o = meet(&peer_gnutls, &mine, 1,
		 (struct ksc_engine_params) { .role = KSC_ROLE_SERVER, .who.uid = 1001 },
		 (struct peer_options) { .server_name = "server.test" });
	assert_int_equal(o.status, KSC_STATUS_ACCESS_DENIED);
	assert_int_equal(o.direction, KSC_DIRECTION_SENT);
	assert_int_equal(o.alert, GNUTLS_A_HANDSHAKE_FAILURE);
	o = meet(&peer_gnutls, &mine, 1,
		 (struct ksc_engine_params) { .role = KSC_ROLE_SERVER, .who.uid = 1000,
					      .credential = "other" },
		 (struct peer_options) { .server_name = "server.test" });
	assert_int_equal(o.status, KSC_STATUS_NO_CREDENTIALS);
	assert_non_null(strstr(o.text, "other"));
	o = meet(&peer_gnutls, NULL, 0, (struct ksc_engine_params) { .role = KSC_ROLE_SERVER },
		 (struct peer_options) { .server_name = "server.test" });
	assert_int_equal(o.status, KSC_STATUS_NO_CREDENTIALS);
	/* A client that has not said a word sends no alert. */
	o = meet(&peer_gnutls, NULL, 0, (struct ksc_engine_params) { .role = KSC_ROLE_CLIENT },
		 (struct peer_options) { .server = true, .cert = "server" });
	assert_int_equal(o.status, KSC_STATUS_NO_CREDENTIALS);
	assert_int_equal(o.direction, KSC_DIRECTION_NONE);
}

static void version_bounds(void **state)
{
	static const struct cred_options only13 = { .cert = "server", .tls13 = true };
	static const struct cred_options only12 = { .cert = "server", .tls12 = true };
	static const struct ksc_engine_params params = { .role = KSC_ROLE_SERVER };
	struct outcome o;

	(void)state;
	o = meet(&peer_openssl, &only13, 1, params,
		 (struct peer_options) { .tls12 = true, .server_name = "server.test" });
	assert_int_equal(o.status, KSC_STATUS_PROTOCOL_ERROR);
	/* GnuTLS calls it a lack of suites. */
	assert_int_equal(o.alert, GNUTLS_A_HANDSHAKE_FAILURE);
	o = meet(&peer_openssl, &only12, 1, params,
		 (struct peer_options) { .tls13 = true, .server_name = "server.test" });
	assert_int_equal(o.status, KSC_STATUS_PROTOCOL_ERROR);
	o = meet(&peer_openssl, &only12, 1, params,
		 (struct peer_options) { .server_name = "server.test" });
	assert_int_equal(o.status, KSC_STATUS_OK);
}

/* A CBC suite is nothing that the kernel could take over. */
static void suites_out_of_bounds(void **state)
{
	static const struct cred_options cred = { .cert = "server" };
	struct outcome o;

	(void)state;
	o = meet(&peer_openssl, &cred, 1, (struct ksc_engine_params) { .role = KSC_ROLE_SERVER },
		 (struct peer_options) { .tls12 = true, .cipher = "AES-128-CBC",
					 .server_name = "server.test" });
	assert_int_equal(o.status, KSC_STATUS_PROTOCOL_ERROR);
	assert_int_equal(o.alert, GNUTLS_A_HANDSHAKE_FAILURE);
}

/* A certificate whose subject is empty is one: its name is in the SAN, RFC 5280 4.2.1.6. */
static void empty_subject(void **state)
{
	static const struct cred_options asking = {
		.cert = "server", .ca = "ca", .verify = KSC_VERIFY_REQUIRE,
	};
	int tls12;

	(void)state;
	for (tls12 = 0; tls12 < 2; tls12++) {
		struct outcome o = connect_to("nosubject", "server.test", NULL, KSC_VERIFY_DEFAULT,
					      tls12);

		assert_int_equal(o.status, KSC_STATUS_OK);
		assert_true(o.info.peer.present);
		assert_string_equal(o.info.peer.subject, "dns:server.test");
		o = connect_to("nosubject", "other.test", NULL, KSC_VERIFY_DEFAULT, tls12);
		assert_int_equal(o.status, KSC_STATUS_PEER_REJECTED);
		assert_non_null(strstr(o.text, "(\"dns:server.test\", wanted: other.test)"));
		o = meet(&peer_openssl, &asking, 1,
			 (struct ksc_engine_params) { .role = KSC_ROLE_SERVER },
			 (struct peer_options) { .cert = "nosubject", .tls12 = tls12,
						 .server_name = "server.test" });
		assert_int_equal(o.status, KSC_STATUS_OK);
		assert_true(o.info.peer.present);
	}
}

/* The placeholder of an empty subject is printable, and can't be a subject. */
static void other_names(void **state)
{
	static const struct {
		const char *cert;
		const char *subject;
	} cases[] = {
		{ "other-ipv4", "ip:192.0.2.1" }, { "other-ipv6", "ip:2001:db8::1" },
		{ "other-email", "email:who@server.test" }, { "other-none", "" },
		{ "other-odd", "uri:a:?b?c???" },
	};
	struct outcome o;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		o = connect_to(cases[i].cert, "server.test", NULL, KSC_VERIFY_NONE, i & 1);
		assert_int_equal(o.status, KSC_STATUS_OK);
		assert_true(o.info.peer.present);
		assert_string_equal(o.info.peer.subject, cases[i].subject);
	}
	o = connect_to("other-uri", "server.test", NULL, KSC_VERIFY_NONE, false);
	assert_int_equal(strlen(o.info.peer.subject), KSC_MAX_NAME);
	assert_string_equal(o.info.peer.subject + KSC_MAX_NAME - 5, "00...");
}

/* Two subjects that differ late are not one. */
static void long_subject(void **state)
{
	struct outcome o = connect_to("longname", "server.test", NULL, KSC_VERIFY_DEFAULT, false);
	size_t len = strlen(o.info.peer.subject);

	(void)state;
	assert_int_equal(o.status, KSC_STATUS_OK);
	assert_int_equal(len, KSC_MAX_NAME);
	assert_string_equal(o.info.peer.subject + len - 3, "...");
}

/*
 * RFC 5746 is about renegotiation, which is always refused here: clients that leave its
 * extension out are served. A client of ours insists on it with TLS 1.2.
 */
static void renegotiation_info(void **state)
{
	static const struct cred_options cred = { .cert = "server" };
	struct outcome o;
	int tls12;

	(void)state;
	for (tls12 = 0; tls12 < 2; tls12++) {
		o = meet(&peer_gnutls, &cred, 1,
			 (struct ksc_engine_params) { .role = KSC_ROLE_SERVER },
			 (struct peer_options) { .tls12 = tls12, .tls13 = !tls12,
						 .server_name = "server.test",
						 .priority = ":%DISABLE_SAFE_RENEGOTIATION" });
		if (o.status != KSC_STATUS_OK)
			fail_msg("%s", o.text);
		o = meet(&peer_gnutls, &trusting, 1,
			 (struct ksc_engine_params) { .role = KSC_ROLE_CLIENT,
						      .server_name = "server.test" },
			 (struct peer_options) { .server = true, .cert = "server", .tls12 = tls12,
						 .priority = ":%DISABLE_SAFE_RENEGOTIATION" });
		assert_int_equal(o.status == KSC_STATUS_OK, !tls12);
	}
}

/* A key that only root can read serves another user's socket where a rule names it. */
static void key_granted_by_a_rule(void **state)
{
	static const struct cred_options server = {
		.name = "web", .roles = KSC_ROLE_BIT(KSC_ROLE_SERVER), .cert = "server",
	};
	struct ksc_rules *rules = ksc_rules_new();
	struct ksc_rule *rule = ksc_rules_add(rules);
	struct ksc_engine_params params = {
		.role = KSC_ROLE_SERVER, .who = { .uid = 1000, .gid = 1000 }, .rules = rules,
		.rule = rule,
	};
	const struct peer_options opt = { .ca = "ca", .server_name = "server.test" };
	struct outcome o;

	(void)state;
	if (geteuid())
		skip();
	assert_non_null(rule);
	o = meet(&peer_gnutls, &server, 1, params, opt);
	assert_int_equal(o.status, KSC_STATUS_ACCESS_DENIED);
	assert_string_equal(o.text, "The caller may not use this credential: (default).");
	params.credential = "web";
	o = meet(&peer_gnutls, &server, 1, params, opt);
	assert_int_equal(o.status, KSC_STATUS_ACCESS_DENIED);
	rule->credential = strdup("web");
	o = meet(&peer_gnutls, &server, 1, params, opt);
	assert_int_equal(o.status, KSC_STATUS_OK);
	ksc_rules_put(rules);
}

/* A list that credentials share judges as one of their own does, in both roles. */
static void shared_trust(void **state)
{
	static const struct cred_options creds[] = {
		{ .name = "server", .roles = KSC_ROLE_BIT(KSC_ROLE_SERVER), .cert = "server",
		  .verify = KSC_VERIFY_REQUIRE },
		{ .name = "client", .roles = KSC_ROLE_BIT(KSC_ROLE_CLIENT), .cert = "client",
		  .ca = "ca" },
	};
	static const struct {
		const char *cert;
		bool tls12;
		enum ksc_status wanted;
	} cases[] = {
		{ "client", true, KSC_STATUS_OK }, { "client", false, KSC_STATUS_OK },
		{ "client-unknown", true, KSC_STATUS_PEER_REJECTED },
		{ "client-unknown", false, KSC_STATUS_PEER_REJECTED },
	};
	struct ksc_credentials *set = creds_new(creds, 2);
	struct ksc_engine_params params = { .credentials = set, .role = KSC_ROLE_SERVER };
	size_t i;

	(void)state;
	assert_non_null(set->list[1]->validation.trust);
	ksc_credential_share_trust(set->list[0], set->list[1]->validation.trust);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct peer_options opt = {
			.server_name = "server.test", .cert = cases[i].cert, .ca = "ca",
			.tls12 = cases[i].tls12,
		};
		struct side *side = side_new(&params);
		struct peer *peer = peer_new(&peer_openssl, &opt);

		assert_int_equal(shake(side, peer, WHOLE), cases[i].wanted);
		side_free(side);
		peer_free(peer);
	}
	/* A client, which shows a certificate of its own after it has judged the server's. */
	params.role = KSC_ROLE_CLIENT;
	params.server_name = "server.test";
	for (i = 0; i < 4; i++) {
		const struct peer_options opt = {
			.server = true, .cert = i < 2 ? "server" : "unknown", .ca = "ca",
			.ask_cert = true,
			.tls12 = i % 2,
		};
		struct side *side = side_new(&params);
		struct peer *peer = peer_new(&peer_openssl, &opt);

		assert_int_equal(shake(side, peer, WHOLE),
				 i < 2 ? KSC_STATUS_OK : KSC_STATUS_PEER_REJECTED);
		side_free(side);
		peer_free(peer);
	}
	ksc_credentials_put(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_23_24_bad_certificates),
		cmocka_unit_test(rsa_certificate),
		cmocka_unit_test(case_26_client_certificates),
		cmocka_unit_test(verification_is_never_weakened),
		cmocka_unit_test(client_certificate_of_ours),
		cmocka_unit_test(other_issuers),
		cmocka_unit_test(case_28_alpn),
		cmocka_unit_test(case_28_alpn_of_client),
		cmocka_unit_test(alpn_malformed),
		cmocka_unit_test(case_28_sni),
		cmocka_unit_test(no_credential),
		cmocka_unit_test(version_bounds),
		cmocka_unit_test(suites_out_of_bounds),
		cmocka_unit_test(empty_subject),
		cmocka_unit_test(other_names),
		cmocka_unit_test(long_subject),
		cmocka_unit_test(renegotiation_info),
		cmocka_unit_test(key_granted_by_a_rule),
		cmocka_unit_test(shared_trust),
	};

	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
