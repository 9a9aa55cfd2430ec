// SPDX-License-Identifier: GPL-2.0-only
/* material.c: certificates and keys in each format, and several of them in a credential. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "config/account.h"
#include "config/find.h"
#include "conf.h"
#include "issue.h"
#include "variant.h"

#define PASSWORD	"key-password-file = " CERTS "/password\n"
#define BEGIN		"[credential s]\nrole = server\n"

/* ---- formats ---- */

static void make_long(unsigned int n)
{
	gnutls_datum_t pem;
	FILE *to = fopen(CERTS "/bundle.pem", "w");
	unsigned int i;

	assert_non_null(to);
	for (i = 0; i < n; i++) {
		assert_int_equal(gnutls_load_file(i ? CERTS "/otherca.pem" : CERTS "/server.pem",
						  &pem), 0);
		assert_int_equal(fwrite(pem.data, 1, pem.size, to), pem.size);
		gnutls_free(pem.data);
	}
	fclose(to);
}

static void formats(void **state)
{
	static const char *const forms[] = {
		"cert = " CERTS "/server.pem\nkey = " CERTS "/server.key\n",
		"cert = " CERTS "/server.der\nkey = " CERTS "/server.key\n",
		"cert = " CERTS "/server.pem\nkey = " CERTS "/server-key.der\n",
		"cert = " CERTS "/server.pem\nkey = " CERTS "/server-pkcs8.key\n" PASSWORD,
		"cert = " CERTS "/server.der\nkey = " CERTS "/server-pkcs8.der\n" PASSWORD,
		"cert = " CERTS "/server.pem\nkey = " CERTS "/server-header.key\n" PASSWORD,
		/* not encrypted, and so no password is needed */
		"cert = " CERTS "/server.pem\nkey = " CERTS "/server.key\n" PASSWORD,
		"cert = " CERTS "/server.pem\nkey = " CERTS "/server-key.der\n" PASSWORD,
		"pkcs12 = " CERTS "/server.p12\n" PASSWORD,
		"pkcs12 = " CERTS "/server-nomac.p12\n" PASSWORD,
		"pkcs12 = " CERTS "/server-empty.p12\n",
	};
	struct ksc_config *config;
	char text[1024];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const struct ksc_credential *cred;

		snprintf(text, sizeof(text), BEGIN "%s", forms[i]);
		good(text, &config);
		cred = find(config, "s");
		assert_int_equal(cred->n_certs, 1);
		assert_int_equal(cred->pks, KSC_PK_ECDSA);
		assert_int_equal(cred->certs[0].end_point.len, 32);
		assert_true(ksc_credential_serves(cred, "server.test"));
		ksc_config_free(config);
	}
	good("[credential c]\nrole = client\ntrust = " CERTS "/ca.der\n", &config);
	ksc_config_free(config);
	/* of a bundle behind it, GnuTLS takes what belongs to the chain */
	make_long(30);
	good(BEGIN "cert = " CERTS "/bundle.pem\nkey = " CERTS "/server.key\n", &config);
	assert_int_equal(find(config, "s")->certs[0].given, 30);
	ksc_config_free(config);
	unlink(CERTS "/bundle.pem");
	good(BEGIN "cert = " CERTS "/server.pem, " CERTS "/rsa.pem\nkey = " CERTS "/server.key, "
	     CERTS "/rsa.key\npkcs12 = " CERTS "/server.p12\n" PASSWORD, &config);
	assert_int_equal(find(config, "s")->n_certs, 3);
	assert_int_equal(find(config, "s")->pks, KSC_PK_ECDSA | KSC_PK_RSA);
	ksc_config_free(config);
}

static void faults(void **state)
{
	(void)state;
#define PEM BEGIN "cert = " CERTS "/server.pem\nkey = " CERTS
	bad(PEM "/server-pkcs8.key\n",
	    "4: key: " CERTS "/server-pkcs8.key: it is encrypted: key-password-file is missing");
	bad(PEM "/server-pkcs8.der\n",
	    "4: key: " CERTS "/server-pkcs8.der: it is encrypted: key-password-file is missing");
	bad(PEM "/server-header.key\n",
	    "4: key: " CERTS "/server-header.key: it is encrypted: key-password-file is missing");
	bad(PEM "/server-pkcs8.key\nkey-password-file = " CERTS "/password-wrong\n",
	    "4: key: " CERTS "/server-pkcs8.key: the password in key-password-file is wrong");
	bad(PEM "/server-pkcs8.der\nkey-password-file = " CERTS "/password-wrong\n",
	    "4: key: " CERTS "/server-pkcs8.der: the password in key-password-file is wrong");
	bad(PEM "/server-header.key\nkey-password-file = " CERTS "/password-wrong\n",
	    "4: key: " CERTS "/server-header.key: the password in key-password-file is wrong");
	bad(PEM "/server-pkcs8.key\nkey-password-file = " CERTS "/password-empty\n",
	    "5: key-password-file: " CERTS "/password-empty: it has no password");
	bad(PEM "/server-pkcs8.key\nkey-password-file = " CERTS "/password-long\n",
	    "5: key-password-file: " CERTS "/password-long: a password has at most 255 bytes");
	bad(PEM "/server-pkcs8.key\nkey-password-file = " CERTS "/password-nul\n",
	    "5: key-password-file: " CERTS "/password-nul: a password has at most 255 bytes");
	bad(PEM "/server-pkcs8.key\nkey-password-file = password\n",
	    "5: key-password-file: \"password\" is not an absolute path");
	bad(PEM "/client.key\n", "4: key: " CERTS "/client.key is not the key of " CERTS "/server");
	bad(PEM "/server.key, " CERTS "/rsa.key\n", "4: there are 1 files in cert and 2 in key");
	bad(PEM "/server.key,\n", "4: key: empty item");
	bad(PEM "/server.key\npkcs12 = " CERTS "/server.pem\n",
	    "5: pkcs12: " CERTS "/server.pem: it is not PKCS #12");
#undef PEM
	bad(BEGIN "pkcs12 = " CERTS "/server.p12\n",
	    "3: pkcs12: " CERTS "/server.p12: it is encrypted: key-password-file is missing");
	bad(BEGIN "pkcs12 = " CERTS "/server.p12\nkey-password-file = " CERTS "/password-wrong\n",
	    "3: pkcs12: " CERTS "/server.p12: the password in key-password-file is wrong");
	bad(BEGIN "pkcs12 = " CERTS "/server-nokey.p12\n" PASSWORD,
	    "3: pkcs12: " CERTS "/server-nokey.p12: it lacks a certificate or a key");
	bad(BEGIN "pkcs12 = " CERTS "/server.der\n", "3: pkcs12: " CERTS "/server.der: ");
	bad(BEGIN "cert = " CERTS "/server.p12\nkey = " CERTS "/server.key\n",
	    "3: cert: " CERTS "/server.p12: it is not a certificate in DER");
	bad(BEGIN PASSWORD, "1: a server needs a certificate");
}

/* ---- what the peer can use ---- */

#define RSA	"-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-SHA256"
#define EC	"-SIGN-ALL:+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SHA256"
#define ED	"-SIGN-ALL:+SIGN-EDDSA-ED25519"

/* In TLS 1.2 the suite is chosen first, and the server prefers ECDSA's. */
static const struct {
	const char *priority;	/* the peer's */
	const char *tls13;	/* what it gets of "rsa, server, ed" in TLS 1.3 */
	const char *tls12;
	const char *both;	/* what it gets of "server, rsa" */
	const char *name;	/* of the credentials "rsa", "server" and "ed" */
} peers[] = {
	{ "", "rsa", "server", "server", "rsa" },
	{ ":" RSA, "rsa", "rsa", "rsa", "rsa" },
	{ ":" EC, "server", "server", "server", "server" },
	{ ":" ED, "ed", "ed", NULL, "ed" },
};

/* We have shown that certificate, and as a server the session is bound to it. */
static void check_shown(const struct setup *s, const char *name, bool bound)
{
	gnutls_datum_t der = load_der(name);
	struct ksc_details details = { 0 };
	uint8_t hash[32];

	assert_int_equal(ksc_engine_details(s->side->engine, &s->side->step.info, &details), 0);
	assert_true(details.local_chain_len >= 3 + der.size);
	assert_memory_equal(details.local_chain + 3, der.data, der.size);
	assert_int_equal(gnutls_hash_fast(GNUTLS_DIG_SHA256, der.data, der.size, hash), 0);
	/* of a certificate that Ed25519 or ECDSA with SHA-256 has signed */
	if (bound) {
		assert_int_equal(details.end_point.len, sizeof(hash));
		assert_memory_equal(details.end_point.hash, hash, sizeof(hash));
	}
	ksc_details_free(&details);
	gnutls_free(der.data);
}

/* A handshake of a server with these credentials; what it is called that was used. */
static void serve(const struct ksc_config *config, const char *priority, bool tls12,
		  const char *cert, const char *name)
{
	const struct ksc_engine_params params = {
		.role = KSC_ROLE_SERVER, .credentials = config->credentials,
	};
	const struct peer_options options = {
		.tls12 = tls12, .tls13 = !tls12, .ca = "ca", .server_name = "server.test",
		.priority = priority,
	};
	struct setup s = { .side = side_new(&params), .peer = peer_new(&peer_gnutls, &options) };
	const enum ksc_status status = shake(s.side, s.peer, WHOLE);

	if (cert) {
		if (status != KSC_STATUS_OK)
			fail_msg("%s: %s", priority, s.side->step.text);
		check_shown(&s, cert, true);
		if (name)
			assert_string_equal(ksc_engine_credential(s.side->engine)->name, name);
		prove_keys(s.side, s.peer);
	} else {
		assert_int_not_equal(status, KSC_STATUS_OK);
	}
	side_free(s.side);
	peer_free(s.peer);
}

static void one_credential(void **state)
{
	struct ksc_config *config;
	size_t i;

	(void)state;
	good(BEGIN "cert = " CERTS "/rsa.pem, " CERTS "/server.pem, " CERTS "/ed.pem\nkey = " CERTS
	     "/rsa.key, " CERTS "/server.key, " CERTS "/ed.key\n", &config);
	for (i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		serve(config, peers[i].priority, false, peers[i].tls13, NULL);
		serve(config, peers[i].priority, true, peers[i].tls12, NULL);
	}
	ksc_config_free(config);
	good(BEGIN "cert = " CERTS "/server.pem, " CERTS "/rsa.pem\nkey = " CERTS "/server.key, "
	     CERTS "/rsa.key\n", &config);
	for (i = 0; i < 2 * sizeof(peers) / sizeof(peers[0]); i++)
		serve(config, peers[i / 2].priority, i & 1, peers[i / 2].both, NULL);
	ksc_config_free(config);
}

#define NAMED(name)	"[credential " name "]\nrole = server\ncert = " CERTS "/" name ".pem\n" \
			"key = " CERTS "/" name ".key\n"

static void several_credentials(void **state)
{
	struct ksc_config *config;
	size_t i;

	(void)state;
	good(NAMED("rsa") NAMED("server") NAMED("ed"), &config);
	for (i = 0; i < 2 * sizeof(peers) / sizeof(peers[0]); i++)
		serve(config, peers[i / 2].priority, i & 1, peers[i / 2].name, peers[i / 2].name);
	/* Without TLS 1.3 the suites matter, too. */
	serve(config, ":-ECDHE-RSA:-DHE-RSA", true, "server", "server");
	serve(config, ":-ECDHE-ECDSA", true, "rsa", "rsa");
	ksc_config_free(config);
}

/* A wildcard with a key that the client can use is better than the name with another. */
static void usable_first(void **state)
{
	static const char text[] =
		"[credential exact]\nrole = server\nnames = a.wild.test\ncert = " CERTS
		"/rsa.pem\nkey = " CERTS "/rsa.key\n[credential wild]\nrole = server\n"
		"names = *.wild.test\ncert = " CERTS "/server.pem\nkey = " CERTS "/server.key\n";
	static const struct {
		unsigned int pks;
		const char *wanted;
	} cases[] = {
		{ KSC_PK_ANY, "exact" }, { KSC_PK_RSA, "exact" }, { KSC_PK_ECDSA, "wild" },
		{ KSC_PK_ED448, "exact" }, { 0, "exact" },
	};
	struct ksc_config *config;
	size_t i;

	(void)state;
	good(text, &config);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct ksc_choice choice = { .role = KSC_ROLE_SERVER, .pks = cases[i].pks,
						   .server_name = "a.wild.test" };
		const struct ksc_credential *cred;

		assert_int_equal(ksc_credentials_choose(config->credentials, &choice, &cred),
				 KSC_STATUS_OK);
		assert_string_equal(cred->name, cases[i].wanted);
	}
	ksc_config_free(config);
}

/* The server gets a client's certificate that it can verify, whatever authorities it names. */
static void clients(void **state)
{
	static const char text[] =
		"[credential c]\nrole = both\ntrust = " CERTS "/ca.pem\ndefault = yes\n"
		"cert = " CERTS "/rsa.pem, " CERTS "/nosubject.pem, " CERTS "/ed.pem\nkey = " CERTS
		"/rsa.key, " CERTS "/nosubject.key, " CERTS "/ed.key\n";
	static const struct {
		const char *priority;
		const char *cert;
	} servers[] = {
		{ "", "rsa" }, { ":" EC ":+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-SHA256", "rsa" },
		{ ":" EC, "nosubject" },
	};
	struct ksc_config *config;
	size_t i;

	(void)state;
	good(text, &config);
	for (i = 0; i < 2 * sizeof(servers) / sizeof(servers[0]); i++) {
		const struct ksc_engine_params params = {
			.role = KSC_ROLE_CLIENT, .server_name = "server.test",
			.credentials = config->credentials,
		};
		const struct peer_options options = {
			.server = true, .tls12 = i & 1, .tls13 = !(i & 1), .cert = "server",
			.ask_cert = true, .priority = servers[i / 2].priority,
		};
		struct setup s = { .side = side_new(&params),
				   .peer = peer_new(&peer_gnutls, &options) };

		assert_int_equal(shake(s.side, s.peer, WHOLE), KSC_STATUS_OK);
		check_shown(&s, servers[i / 2].cert, false);
		side_free(s.side);
		peer_free(s.peer);
	}
	ksc_config_free(config);
}

/* ---- server names ---- */

static void strict_sni(void **state)
{
	static const struct {
		const char *name;
		bool served;
	} cases[] = {
		{ "server.test", true }, { "a.wild.test", true }, { "SERVER.test", true },
		{ "other.test", false }, { "wild.test", false }, { NULL, false },
	};
	struct ksc_config *config;
	size_t i;

	(void)state;
	good(SERVER "strict-sni = yes\n", &config);
	for (i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		const bool named = i & 1;
		const struct ksc_engine_params params = {
			.role = KSC_ROLE_SERVER, .credentials = config->credentials,
			/* also if the application or a rule selects it */
			.credential = named ? "s" : NULL,
		};
		const struct peer_options options = { .server_name = cases[i / 2].name };
		struct setup s = { .side = side_new(&params),
				   .peer = peer_new(&peer_openssl, &options) };
		const enum ksc_status status = shake(s.side, s.peer, WHOLE);

		if (cases[i / 2].served) {
			assert_int_equal(status, KSC_STATUS_OK);
		} else {
			assert_int_equal(status, KSC_STATUS_NO_CREDENTIALS);
			assert_int_equal(s.side->step.alert, GNUTLS_A_UNRECOGNIZED_NAME);
			assert_int_equal(s.side->step.direction, KSC_DIRECTION_SENT);
			assert_non_null(strstr(s.side->step.text, "does not serve the name"));
		}
		side_free(s.side);
		peer_free(s.peer);
	}
	ksc_config_free(config);
	bad(SERVER "strict-sni = maybe\n", "5: strict-sni: ");
}

/* ---- who may use it ---- */

static char dir[32];

static const char *in_dir(const char *name)
{
	static char text[2][64];
	static unsigned int turn;
	char *to = text[turn++ % 2];

	snprintf(to, sizeof(text[0]), "%s/%s", dir, name);
	return to;
}

static void copy(const char *from, const char *to, mode_t mode)
{
	struct ksc_file file;
	const char *why;
	int fd;

	assert_int_equal(ksc_file_read(&file, from, &why), 0);
	fd = open(in_dir(to), O_CREAT | O_WRONLY | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, file.data.data, file.data.size), file.data.size);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	ksc_file_free(&file);
}

static bool may_use(const char *settings)
{
	const struct ksc_choice choice = { .role = KSC_ROLE_SERVER, .name = "s",
					   .who.uid = 1000, .who.gid = 1000 };
	const struct ksc_credential *cred;
	struct ksc_config *config;
	enum ksc_status status;
	char text[1024];

	snprintf(text, sizeof(text), BEGIN "cert = %s, %s\nkey = %s/a, %s/b\n%s",
		 CERTS "/server.pem", CERTS "/rsa.pem", dir, dir, settings);
	good(text, &config);
	status = ksc_credentials_choose(config->credentials, &choice, &cred);
	ksc_config_free(config);
	return status == KSC_STATUS_OK;
}

/* A user has to be able to read all of the secrets. */
static void readers(void **state)
{
	char password[128];

	(void)state;
	if (geteuid())
		skip();
	strcpy(dir, "/tmp/ksc-keys-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0755), 0);
	snprintf(password, sizeof(password), "key-password-file = %s/password\n", dir);
	copy(CERTS "/server.key", "a", 0644);
	copy(CERTS "/rsa.key", "b", 0644);
	copy(CERTS "/password", "password", 0644);
	assert_true(may_use(""));
	assert_true(may_use(password));
	assert_int_equal(chmod(in_dir("password"), 0600), 0);
	assert_false(may_use(password));
	assert_true(may_use(""));
	assert_int_equal(chmod(in_dir("b"), 0600), 0);
	assert_false(may_use(""));
	assert_int_equal(chmod(in_dir("b"), 0644), 0);
	assert_int_equal(chmod(in_dir("a"), 0600), 0);
	assert_false(may_use(""));
	unlink(in_dir("a"));
	unlink(in_dir("b"));
	unlink(in_dir("password"));
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats), cmocka_unit_test(faults),
		cmocka_unit_test(one_credential), cmocka_unit_test(several_credentials),
		cmocka_unit_test(usable_first), cmocka_unit_test(clients),
		cmocka_unit_test(strict_sni), cmocka_unit_test(readers),
	};

	return cmocka_run_group_tests_name("material", tests, make_path, remove_path);
}
