// SPDX-License-Identifier: GPL-2.0-only
/* peers.c: which clients and servers a rule allows, by what is in their certificates. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "conf.h"
#include "peer.h"

/* A handshake of a server, whose rule has these peers, with a client that shows a certificate. */
static enum ksc_status try(const char *peers, const char *cert, char why[KSC_MAX_TEXT + 1])
{
	const struct peer_options options = { .cert = cert };
	struct ksc_config *config;
	struct ksc_engine_params params = { .role = KSC_ROLE_SERVER };
	struct side *side;
	struct peer *peer;
	enum ksc_status status;
	char text[1024];

	snprintf(text, sizeof(text), SERVER "trust = " CERTS "/ca.pem\npeer-purpose = any\n"
		 "[rule r]\naction = require\ndirection = accept\nverify = require\npeers = %s\n",
		 peers);
	good(text, &config);
	params.credentials = config->credentials;
	params.rules = config->rules;
	params.rule = &config->rules->list[0];
	params.verify = KSC_VERIFY_REQUIRE;
	side = side_new(&params);
	peer = peer_new(&peer_openssl, &options);
	status = shake(side, peer, WHOLE);
	strcpy(why, side->step.text);
	if (status != KSC_STATUS_OK) {
		assert_int_equal(status, KSC_STATUS_PEER_REJECTED);
		assert_int_equal(side->step.alert, GNUTLS_A_ACCESS_DENIED);
	}
	side_free(side);
	peer_free(peer);
	ksc_config_free(config);
	return status;
}

#define YES	KSC_STATUS_OK
#define NO	KSC_STATUS_PEER_REJECTED

static void names(void **state)
{
	static const struct {
		const char *peers;
		const char *cert;
		enum ksc_status wanted;
	} cases[] = {
		{ "ip:192.0.2.1", "other-ipv4", YES }, { "ip:192.0.2.2", "other-ipv4", NO },
		{ "ip:2001:db8:0::1", "other-ipv6", YES }, { "ip:192.0.2.1", "other-ipv6", NO },
		{ "upn:user@corp.test", "other-upn", YES },
		{ "upn:*@corp.test", "other-upn", YES },
		{ "upn:user@other.test", "other-upn", NO },
		{ "email:user@corp.test", "other-upn", NO },
		/* one of several; what denies is stronger, in any order */
		{ "dns:x.test, ip:192.0.2.1", "other-ipv4", YES },
		{ "dns:server.test, !ip:192.0.2.1", "other-ipv4", NO },
		{ "!ip:192.0.2.1, dns:server.test", "other-ipv4", NO },
		{ "dns:server.test, !ip:192.0.2.2", "other-ipv4", YES },
		/* what only denies allows the others, also those without a name */
		{ "!dns:server.test", "other-ipv4", NO },
		{ "!dns:server.test", "other-ipv6", YES },
		{ "!dns:server.test, !ip:2001:db8::1", "other-ipv6", NO },
		{ "!dns:server.test", "other-none", YES },
		{ "dns:server.test", "other-none", NO },
	};
	char why[KSC_MAX_TEXT + 1];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (try(cases[i].peers, cases[i].cert, why) != cases[i].wanted)
			fail_msg("%s, %s: %s", cases[i].peers, cases[i].cert, why);
	try("dns:server.test, !ip:192.0.2.1", "other-ipv4", why);
	assert_string_equal(why, "The rule \"r\" denies this peer: !ip:192.0.2.1.");
	try("dns:x.test", "other-ipv4", why);
	assert_string_equal(why, "The rule \"r\" does not allow this peer.");
}

static void hex(const void *data, size_t len, char *text, size_t size)
{
	const gnutls_datum_t bytes = { (unsigned char *)data, (unsigned int)len };

	assert_int_equal(gnutls_hex_encode(&bytes, text, &size), 0);
}

/* By the key, in small and in capital digits. */
static void keys(void **state)
{
	char why[KSC_MAX_TEXT + 1], digits[129], pattern[256];
	unsigned char id[64];
	size_t size, i;
	gnutls_datum_t pem;
	gnutls_x509_crt_t crt;

	(void)state;
	assert_int_equal(gnutls_load_file(cert_path("other-ipv4", "pem"), &pem), 0);
	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	assert_int_equal(gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM), 0);
	size = sizeof(id);
	assert_int_equal(gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, id, &size), 0);
	hex(id, size, digits, sizeof(digits));
	snprintf(pattern, sizeof(pattern), "spki:%s", digits);
	assert_int_equal(try(pattern, "other-ipv4", why), KSC_STATUS_OK);
	assert_int_equal(try(pattern, "other-ipv6", why), KSC_STATUS_PEER_REJECTED);
	for (i = 5; pattern[i]; i++)
		if (pattern[i] >= 'a')
			pattern[i] -= 'a' - 'A';
	assert_int_equal(try(pattern, "other-ipv4", why), KSC_STATUS_OK);
	snprintf(pattern, sizeof(pattern), "!spki:%s", digits);
	assert_int_equal(try(pattern, "other-ipv4", why), KSC_STATUS_PEER_REJECTED);
	assert_int_equal(try(pattern, "other-ipv6", why), KSC_STATUS_OK);
	size = sizeof(id);
	if (!gnutls_x509_crt_get_subject_key_id(crt, id, &size, NULL)) {
		hex(id, size, digits, sizeof(digits));
		snprintf(pattern, sizeof(pattern), "ski:%s", digits);
		assert_int_equal(try(pattern, "other-ipv4", why), KSC_STATUS_OK);
		assert_int_equal(try(pattern, "other-ipv6", why), KSC_STATUS_PEER_REJECTED);
	}
	gnutls_x509_crt_deinit(crt);
	gnutls_free(pem.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names), cmocka_unit_test(keys) };

	return cmocka_run_group_tests_name("peers", tests, make_path, remove_path);
}
