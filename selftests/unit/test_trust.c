// SPDX-License-Identifier: GPL-2.0-only
/* trust.c: files of authorities with entries that are none, and many authorities. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "conf.h"
#include "variant.h"

#define BEGIN	"-----BEGIN CERTIFICATE-----\n"
#define END	"-----END CERTIFICATE-----\n"

static char bundle[CONF_PATH + 8];

static void put(FILE *to, const char *name)
{
	gnutls_datum_t pem;

	assert_int_equal(gnutls_load_file(cert_path(name, "pem"), &pem), 0);
	assert_int_equal(fwrite(pem.data, 1, pem.size, to), pem.size);
	gnutls_free(pem.data);
}

/* The bundle between what is put before and after the authority. */
static void make_bundle(const char *before, const char *after)
{
	FILE *to;

	snprintf(bundle, sizeof(bundle), "%s.pem", path);
	to = fopen(bundle, "w");
	assert_non_null(to);
	fputs(before, to);
	put(to, "ca");
	fputs(after, to);
	fclose(to);
}

static void load_it(const char *name)
{
	struct ksc_config *config = ksc_config_load(name, stderr);

	assert_non_null(config);
	ksc_config_free(config);
}

#define FIRST	": 1 of its entries are skipped, the first is number 1: "

static void bad_entries(void **state)
{
	static const struct {
		const char *before;
		const char *after;
		const char *said;
	} cases[] = {
		{ "", "", "" },
		{ "text, and 0 more\n", "0 text\n", "" },
		{ BEGIN "AAAA\n" END, "", FIRST },
		{ "", BEGIN "AAAA\n" END,
		  ": 1 of its entries are skipped, the first is number 2: " },
		{ BEGIN "#\n" END BEGIN END, BEGIN "AAAA\n",
		  ": 3 of its entries are skipped, the first is number 1: " },
		/* an entry without its end does not take the next */
		{ BEGIN "AAAA\n", "", FIRST },
		/* what is none of the entries is not counted */
		{ "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "", "" },
		{ "-----BEGIN\n-----BEGIN ", "-----BEGIN ", "" },
	};
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *said;
		struct ksc_config *config;

		make_bundle(cases[i].before, cases[i].after);
		snprintf(text, sizeof(text),
			 "[credential c]\nrole = client\ndefault = yes\ntrust = %s\n", bundle);
		said = said_of(load_it, text);
		if (!*cases[i].said)
			assert_string_equal(said, "");
		else if (!strstr(said, cases[i].said) || !strstr(said, ":4: trust: "))
			fail_msg("wanted: %s\ngot: %s", cases[i].said, said);
		/* and the good one is trusted */
		good(text, &config);
		assert_int_equal(ksc_trust_size(find(config, "c")->validation.trust), 1);
		ksc_config_free(config);
	}
	remove(bundle);
}

static void no_good_entry(void **state)
{
	FILE *to = fopen(bundle, "w");
	char text[256];

	(void)state;
	assert_non_null(to);
	fputs(BEGIN "AAAA\n" END BEGIN "AAAA\n" END, to);
	fclose(to);
	snprintf(text, sizeof(text), "[credential c]\nrole = client\ntrust = %s\n", bundle);
	bad(text, "3: trust: ");
	remove(bundle);
}

/* ---- many ---- */

#define MANY	700

static void make_many(void)
{
	const unsigned int bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1);
	gnutls_x509_privkey_t key;
	FILE *to;
	int i;

	make_bundle("", "");
	to = fopen(bundle, "a");
	assert_non_null(to);
	assert_int_equal(gnutls_x509_privkey_init(&key), 0);
	assert_int_equal(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, bits, 0), 0);
	for (i = 0; i < MANY - 1; i++) {
		gnutls_x509_crt_t crt;
		gnutls_datum_t pem;
		char dn[128];

		snprintf(dn, sizeof(dn), "CN=Certification Authority number %d,"
			 "O=An organisation with a name that takes a line,C=DE", i);
		assert_int_equal(gnutls_x509_crt_init(&crt), 0);
		assert_int_equal(gnutls_x509_crt_set_dn(crt, dn, NULL), 0);
		assert_int_equal(gnutls_x509_crt_set_version(crt, 3), 0);
		assert_int_equal(gnutls_x509_crt_set_serial(crt, "\1", 1), 0);
		gnutls_x509_crt_set_activation_time(crt, time(NULL) - 3600);
		gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 86400);
		gnutls_x509_crt_set_basic_constraints(crt, 1, -1);
		assert_int_equal(gnutls_x509_crt_set_key(crt, key), 0);
		assert_int_equal(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
		assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), 0);
		assert_int_equal(fwrite(pem.data, 1, pem.size, to), pem.size);
		gnutls_free(pem.data);
		gnutls_x509_crt_deinit(crt);
	}
	gnutls_x509_privkey_deinit(key);
	fclose(to);
}

/* A client's handshake with a server that has the bundle; the size of the names that it is sent. */
static size_t names_sent(const struct ksc_config *config, bool tls12)
{
	struct cred_options list[] = {
		{ .roles = KSC_ROLE_BIT(KSC_ROLE_CLIENT), .ca = "ca", .tls12 = tls12 },
		{ .name = "mine", .roles = KSC_ROLE_BIT(KSC_ROLE_CLIENT), .ca = "ca",
		  .cert = "client", .not_default = true },
	};
	struct ksc_credentials *creds = creds_new(list, 2);
	struct side *client = side_new(&(struct ksc_engine_params) {
		.role = KSC_ROLE_CLIENT, .credentials = creds, .server_name = "server.test",
		.pick = true,
	});
	struct side *server = side_new(&(struct ksc_engine_params) {
		.role = KSC_ROLE_SERVER, .credentials = config->credentials,
	});
	size_t len;

	assert_int_equal(shake_sides(client, server), KSC_STATUS_INCOMPLETE_CREDENTIALS);
	len = client->step.issuers_len;
	ksc_engine_pick(client->engine, "mine");
	side_step(client, client->in.len);
	assert_int_equal(shake_sides_on(client, server), KSC_STATUS_OK);
	if (server->step.status != KSC_STATUS_OK)
		fail_msg("%s", server->step.text);
	/* the client's certificate is verified by an authority that is not named, too */
	assert_true(server->step.info.peer.present);
	side_free(client);
	side_free(server);
	ksc_credentials_put(creds);
	return len;
}

static void many(void **state)
{
	static const struct {
		const char *issuers;
		size_t least, most;	/* of names */
		const char *said;
	} cases[] = {
		{ "", 0, 0, "the names of 0 of its 700 authorities" },
		{ "issuers = yes\n", 0, 0, "the names of 0 of its 700 authorities" },
		{ "issuers = cut\n", 8000, 16384, " of its 700 authorities" },
		{ "issuers = no\n", 0, 0, NULL },
	};
	struct ksc_config *config;
	char text[512];
	size_t i;

	(void)state;
	make_many();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *said;

		snprintf(text, sizeof(text), SERVER "verify = require\ntrust = %s\n%s", bundle,
			 cases[i].issuers);
		said = said_of(load_it, text);
		if (cases[i].said && !strstr(said, cases[i].said))
			fail_msg("%s: %s", cases[i].issuers, said);
		if (!cases[i].said)
			assert_null(strstr(said, "authorities"));
		good(text, &config);
		assert_in_range(names_sent(config, false), cases[i].least, cases[i].most);
		assert_in_range(names_sent(config, true), cases[i].least, cases[i].most);
		ksc_config_free(config);
	}
	remove(bundle);
	/* few are named */
	good(SERVER "verify = require\ntrust = " CERTS "/ca.pem\n", &config);
	assert_in_range(names_sent(config, false), 20, 100);
	ksc_config_free(config);
	bad(SERVER "issuers = some\n", "5: issuers: ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_entries), cmocka_unit_test(no_good_entry),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests_name("trust", tests, make_path, remove_path);
}
