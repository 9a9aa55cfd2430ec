// SPDX-License-Identifier: GPL-2.0-only
/* crl.c, revocation.c: certificates of peers that were revoked, and what they are for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <gnutls/x509.h>

#include "conf.h"
#include "issue.h"

#define HOUR	3600

static char crl_path[CONF_PATH + 8];

/**
 * struct crl - a revocation list
 * @issuer: in whose name it is
 * @key: whose key has signed it
 * @serials_of: whose certificates it has
 * @filling: number of other entries
 * @age: seconds since it should have been replaced
 */
struct crl {
	const char *issuer;
	const char *key;
	const char *serials_of[2];
	unsigned int filling;
	time_t age;
};

static void add_serials(gnutls_x509_crl_t crl, const struct crl *from)
{
	const time_t now = time(NULL);
	unsigned int i;

	for (i = 0; i < from->filling; i++) {
		const unsigned char serial[] = { 0x77, (unsigned char)(i >> 16),
						 (unsigned char)(i >> 8), (unsigned char)i };

		assert_int_equal(gnutls_x509_crl_set_crt_serial(crl, serial, sizeof(serial), now),
				 0);
	}
	for (i = 0; i < 2 && from->serials_of[i]; i++) {
		gnutls_x509_crt_t crt = load_crt(from->serials_of[i]);

		assert_int_equal(gnutls_x509_crl_set_crt(crl, crt, now), 0);
		gnutls_x509_crt_deinit(crt);
	}
}

/* Appends a list to the file. */
static void put_crl(const struct crl *from, gnutls_x509_crt_fmt_t format)
{
	const time_t now = time(NULL);
	gnutls_x509_privkey_t key = load_key(from->key ? from->key : from->issuer);
	gnutls_x509_crt_t issuer = load_crt(from->issuer);
	gnutls_x509_crl_t crl;
	gnutls_datum_t out;
	FILE *to = fopen(crl_path, "a");

	assert_non_null(to);
	assert_int_equal(gnutls_x509_crl_init(&crl), 0);
	assert_int_equal(gnutls_x509_crl_set_version(crl, 2), 0);
	assert_int_equal(gnutls_x509_crl_set_this_update(crl, now - from->age - HOUR), 0);
	assert_int_equal(gnutls_x509_crl_set_next_update(crl, now - from->age +
							 (from->age ? 0 : HOUR)), 0);
	add_serials(crl, from);
	assert_int_equal(gnutls_x509_crl_sign2(crl, issuer, key, GNUTLS_DIG_SHA256, 0), 0);
	assert_int_equal(gnutls_x509_crl_export2(crl, format, &out), 0);
	assert_int_equal(fwrite(out.data, 1, out.size, to), out.size);
	gnutls_free(out.data);
	gnutls_x509_crl_deinit(crl);
	gnutls_x509_crt_deinit(issuer);
	gnutls_x509_privkey_deinit(key);
	fclose(to);
}

static int make_paths(void **state)
{
	if (make_path(state))
		return -1;
	snprintf(crl_path, sizeof(crl_path), "%s.crl", path);
	return 0;
}

static int remove_paths(void **state)
{
	unlink(crl_path);
	return remove_path(state);
}

/* Our client meets a server with that certificate. */
static void meets(const struct ksc_config *config, const char *cert, enum ksc_status wanted,
		  uint8_t alert, const char *text)
{
	struct ksc_engine_params params = {
		.role = KSC_ROLE_CLIENT, .server_name = "server.test",
		.credentials = config->credentials,
	};
	struct peer_options options = { .server = true, .cert = cert };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct side *side = side_new(&params);
		struct peer *peer;
		enum ksc_status status;

		options.tls12 = i;
		peer = peer_new(&peer_openssl, &options);
		status = shake(side, peer, WHOLE);
		if (status != wanted || (wanted != KSC_STATUS_OK &&
					 (side->step.alert != alert ||
					  !strstr(side->step.text, text))))
			fail_msg("%s: %d, alert %u, %s", cert, status, side->step.alert,
				 side->step.text);
		side_free(side);
		peer_free(peer);
	}
}

static void load_client(struct ksc_config **config, const char *ca, const char *settings)
{
	char text[512];

	snprintf(text, sizeof(text), "[credential c]\nrole = client\ndefault = yes\n"
		 "trust = " CERTS "/%s.pem\ncrl = %s\n%s", ca, crl_path, settings);
	good(text, config);
}

#define REVOKED	KSC_STATUS_PEER_REJECTED, GNUTLS_A_CERTIFICATE_REVOKED, "has been revoked"
#define UNKNOWN	KSC_STATUS_PEER_REJECTED, GNUTLS_A_CERTIFICATE_UNKNOWN, "No current revocation list"
#define FINE	KSC_STATUS_OK, 0, ""

/* Case 23 */
static void leaves(void **state)
{
	static const gnutls_x509_crt_fmt_t formats[] = { GNUTLS_X509_FMT_PEM,
							 GNUTLS_X509_FMT_DER };
	static const struct {
		struct crl crl;
		const char *settings;
		enum ksc_status status;
		uint8_t alert;
		const char *text;
	} cases[] = {
		{ { "ca", .serials_of = { "second" } }, "", FINE },
		{ { "ca", .serials_of = { "second" } }, "revocation = hard\n", FINE },
		{ { "ca", .serials_of = { "server" } }, "", REVOKED },
		{ { "ca", .serials_of = { "server" } }, "revocation = hard\n", REVOKED },
		{ { "ca", .serials_of = { "second", "server" }, .filling = 300 }, "", REVOKED },
		{ { "ca", .serials_of = { "server" } }, "revocation = off\n", FINE },
		/* an empty list is one */
		{ { .issuer = "ca" }, "revocation = hard\n", FINE },
		/* an old list shuts out what it has, and is no good news */
		{ { "ca", .serials_of = { "server" }, .age = 10 }, "", REVOKED },
		{ { "ca", .age = 10 }, "", FINE },
		{ { "ca", .age = 10 }, "revocation = hard\n", UNKNOWN },
		/* of another issuer, or signed by another key */
		{ { "otherca", .serials_of = { "server" } }, "", FINE },
		{ { .issuer = "otherca" }, "revocation = hard\n", UNKNOWN },
		{ { "ca", "otherca", .serials_of = { "server" } }, "", FINE },
		{ { .issuer = "ca", .key = "otherca" }, "revocation = hard\n", UNKNOWN },
	};
	struct ksc_config *config;
	size_t i;

	(void)state;
	for (i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		unlink(crl_path);
		put_crl(&cases[i / 2].crl, formats[i % 2]);
		load_client(&config, "ca", cases[i / 2].settings);
		meets(config, "server", cases[i / 2].status, cases[i / 2].alert,
		      cases[i / 2].text);
		ksc_config_free(config);
	}
}

/* Case 23: each certificate of the chain counts, and each needs its list. */
static void chains(void **state)
{
	static const struct crl good_root = { .issuer = "middle-root" };
	static const struct crl good_middle = { .issuer = "middle" };
	static const struct crl bad_root = { "middle-root", .serials_of = { "middle" } };
	static const struct crl bad_middle = { "middle", .serials_of = { "found" } };
	static const struct {
		const struct crl *crls[2];
		const char *settings;
		enum ksc_status status;
		uint8_t alert;
		const char *text;
	} cases[] = {
		{ { &good_root, &good_middle }, "revocation = hard\n", FINE },
		{ { &good_middle, &good_root }, "revocation = hard\n", FINE },
		{ { &good_root }, "revocation = hard\n", UNKNOWN },
		{ { &good_middle }, "revocation = hard\n", UNKNOWN },
		{ { &good_middle }, "", FINE },
		{ { &bad_middle }, "", REVOKED },
		{ { &bad_root }, "", REVOKED },
		{ { &good_root, &bad_middle }, "revocation = hard\n", REVOKED },
		{ { &bad_root, &good_middle }, "revocation = hard\n", REVOKED },
	};
	struct ksc_config *config;
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unlink(crl_path);
		for (k = 0; k < 2 && cases[i].crls[k]; k++)
			put_crl(cases[i].crls[k], GNUTLS_X509_FMT_PEM);
		load_client(&config, "middle-root", cases[i].settings);
		meets(config, "found-whole", cases[i].status, cases[i].alert, cases[i].text);
		/* what does not belong to the chain changes nothing */
		meets(config, "found-more", cases[i].status, cases[i].alert, cases[i].text);
		ksc_config_free(config);
	}
}

#define MOST_IMPOSTORS	13

static const char *const impostor_names[MOST_IMPOSTORS] = {
	"impostor-1", "impostor-2", "impostor-3", "impostor-4", "impostor-5", "impostor-6",
	"impostor-7", "impostor-8", "impostor-9", "impostor-10", "impostor-11", "impostor-12",
	"impostor-13",
};

/* Certificates in the name of an issuer by other keys. */
static void issue_impostors(void)
{
	unsigned int i;

	for (i = 0; i < MOST_IMPOSTORS; i++)
		issue(&(struct issue) {
			.name = impostor_names[i], .id = "middle", .ca = true,
			.subject = "CN=middle,O=kschannel test",
		});
}

/* A chain with some of them, before or behind the right one. */
static void make_impostors(unsigned int n, bool before)
{
	const char *certs[MOST_IMPOSTORS + 3] = { "found" };
	unsigned int i, at = 1;

	if (!before)
		certs[at++] = "middle";
	for (i = 0; i < n; i++)
		certs[at++] = impostor_names[i];
	if (before)
		certs[at++] = "middle";
	chain("impostors", certs);
}

/* Never accepted, whatever GnuTLS makes of the chain. */
static void refuses(const struct ksc_config *config, const char *cert)
{
	const struct ksc_engine_params params = {
		.role = KSC_ROLE_CLIENT, .server_name = "server.test",
		.credentials = config->credentials,
	};
	const struct peer_options options = { .server = true, .cert = cert };
	struct side *side = side_new(&params);
	struct peer *peer = peer_new(&peer_openssl, &options);

	assert_int_equal(shake(side, peer, WHOLE), KSC_STATUS_PEER_REJECTED);
	side_free(side);
	peer_free(peer);
}

/* They neither hide that a certificate was revoked, nor that it was not. */
static void impostors(void **state)
{
	static const struct crl revoked = { "middle", .serials_of = { "found" } };
	static const struct crl good_middle = { .issuer = "middle" };
	static const struct crl good_root = { .issuer = "middle-root" };
	struct ksc_config *config;
	unsigned int n;

	(void)state;
	issue_impostors();
	for (n = 1; n <= MOST_IMPOSTORS; n += 4) {
		unlink(crl_path);
		put_crl(&revoked, GNUTLS_X509_FMT_PEM);
		load_client(&config, "middle-root", "");
		make_impostors(n, true);
		refuses(config, "impostors");
		make_impostors(n, false);
		meets(config, "impostors", REVOKED);
		meets(config, "found-whole", REVOKED);
		ksc_config_free(config);
		unlink(crl_path);
		put_crl(&good_middle, GNUTLS_X509_FMT_PEM);
		put_crl(&good_root, GNUTLS_X509_FMT_PEM);
		load_client(&config, "middle-root", "revocation = hard\n");
		meets(config, "impostors", FINE);
		ksc_config_free(config);
	}
	for (n = 0; n < MOST_IMPOSTORS; n++)
		withdraw(impostor_names[n]);
	withdraw("impostors");
}

/* Lists are shared, and a reload takes the new one. */
static void shared(void **state)
{
	static const struct crl good_list = { "ca", .filling = 10000 };
	static const struct crl bad_list = { "ca", .filling = 10000, .serials_of = { "server" } };
	struct ksc_config *config, *again;

	(void)state;
	unlink(crl_path);
	put_crl(&good_list, GNUTLS_X509_FMT_PEM);
	load_client(&config, "ca", "");
	load_client(&again, "ca", "");
	assert_ptr_equal(find(config, "c")->validation.crls[0],
			 find(again, "c")->validation.crls[0]);
	meets(config, "server", FINE);
	ksc_config_free(again);
	unlink(crl_path);
	put_crl(&bad_list, GNUTLS_X509_FMT_DER);
	load_client(&again, "ca", "");
	meets(again, "server", REVOKED);
	/* what is still in use keeps the old one */
	meets(config, "server", FINE);
	ksc_config_free(config);
	ksc_config_free(again);
}

static void faults(void **state)
{
	static const struct crl stale = { "ca", .age = 10 };
	char text[512];
	FILE *to;

	(void)state;
#define CLIENT	"[credential c]\nrole = client\ndefault = yes\ntrust = " CERTS "/ca.pem\n"
	bad(CLIENT "crl = " CERTS "/ca.pem\n",
	    "5: crl: " CERTS "/ca.pem: it has no revocation list");
	bad(CLIENT "crl = " CERTS "/nowhere\n", "5: crl: " CERTS "/nowhere: No such file");
	bad(CLIENT "crl = " CERTS "/server.der\n", "5: crl: " CERTS "/server.der: ");
	bad(CLIENT "revocation = maybe\n", "5: revocation: ");
	bad(CLIENT "peer-purpose = email\n", "5: peer-purpose: ");
	snprintf(text, sizeof(text), CLIENT "crl = %s\n", crl_path);
	to = fopen(crl_path, "w");
	assert_non_null(to);
	assert_int_equal(ftruncate(fileno(to), KSC_MAX_CRL_FILE + 1), 0);
	fclose(to);
	snprintf(text, sizeof(text), CLIENT "crl = %s\n", crl_path);
	bad(text, "5: crl: ");
	unlink(crl_path);
	put_crl(&stale, GNUTLS_X509_FMT_PEM);
#undef CLIENT
}

/* ---- what a peer could try ---- */

static const struct issue hierarchy[] = {
	{ .name = "r", .subject = "CN=r", .ca = true },
	{ .name = "i", .subject = "CN=i", .issuer = "r", .ca = true },
	{ .name = "leaf", .subject = "CN=leaf", .issuer = "i" },
	/* by the key of the intermediate, which was revoked for that */
	{ .name = "alike", .subject = "CN=i", .issuer = "i" },
	{ .name = "again", .subject = "CN=i", .issuer = "i", .ca = true },
	{ .name = "below", .subject = "CN=leaf", .issuer = "again" },
	/* of the same name as the root, which it is not */
	{ .name = "r2", .subject = "CN=r", .ca = true },
	{ .name = "leaf2", .subject = "CN=leaf2", .issuer = "r" },
};

static const char *const chains_of[][6] = {
	{ "shown-leaf", "leaf", "i" }, { "shown-alike", "alike", "i" },
	{ "shown-below", "below", "again", "i" }, { "shown-loop", "below", "again", "again", "i" },
};

static void make_hierarchy(void)
{
	size_t i;

	for (i = 0; i < sizeof(hierarchy) / sizeof(hierarchy[0]); i++)
		issue(&hierarchy[i]);
	for (i = 0; i < sizeof(chains_of) / sizeof(chains_of[0]); i++)
		chain(chains_of[i][0], &chains_of[i][1]);
}

static void remove_hierarchy(void)
{
	size_t i;

	for (i = 0; i < sizeof(hierarchy) / sizeof(hierarchy[0]); i++)
		withdraw(hierarchy[i].name);
	for (i = 0; i < sizeof(chains_of) / sizeof(chains_of[0]); i++)
		withdraw(chains_of[i][0]);
	withdraw("both");
}

/* Certificates that an intermediate signs in its own name do not hide that it was revoked. */
static void own_names(void **state)
{
	static const struct crl revoked = { "r", .serials_of = { "i" } };
	static const struct crl good_root = { .issuer = "r" }, good_middle = { .issuer = "i" };
	static const struct crl leaf = { "i", .serials_of = { "alike" } };
	static const char *const settings[] = { "", "revocation = hard\n" };
	struct ksc_config *config;
	size_t i, k;

	(void)state;
	make_hierarchy();
	for (k = 0; k < 2; k++) {
		unlink(crl_path);
		put_crl(&revoked, GNUTLS_X509_FMT_PEM);
		put_crl(&good_middle, GNUTLS_X509_FMT_PEM);
		load_client(&config, "r", settings[k]);
		for (i = 0; i < sizeof(chains_of) / sizeof(chains_of[0]); i++)
			meets(config, chains_of[i][0], REVOKED);
		ksc_config_free(config);
		unlink(crl_path);
		put_crl(&good_root, GNUTLS_X509_FMT_PEM);
		put_crl(&leaf, GNUTLS_X509_FMT_PEM);
		load_client(&config, "r", settings[k]);
		meets(config, "shown-alike", REVOKED);
		meets(config, "shown-leaf", FINE);
		ksc_config_free(config);
	}
	remove_hierarchy();
}

/* Which of several authorities of a name has signed decides, and those below a trusted one, too. */
static void same_names(void **state)
{
	static const struct crl leaf = { "r", .serials_of = { "leaf2" } };
	static const struct crl middle = { "r", .serials_of = { "i" } };
	static const char *const orders[][3] = { { "r", "r2" }, { "r2", "r" }, { "r", "i" } };
	struct ksc_config *config;
	size_t i;

	(void)state;
	make_hierarchy();
	for (i = 0; i < 2; i++) {
		chain("both", orders[i]);
		unlink(crl_path);
		put_crl(&leaf, GNUTLS_X509_FMT_PEM);
		load_client(&config, "both", "");
		/* GnuTLS tries one of them, perhaps the wrong one */
		refuses(config, "leaf2");
		ksc_config_free(config);
	}
	chain("both", orders[2]);
	unlink(crl_path);
	put_crl(&middle, GNUTLS_X509_FMT_PEM);
	load_client(&config, "r", "");
	meets(config, "shown-leaf", REVOKED);
	ksc_config_free(config);
	remove_hierarchy();
}

/* A status that a staple has is what an authority says, of the leaf, and now. */
static void staples(void **state)
{
	static const struct crl others = { .issuer = "otherca" };
	static const char later[] = "\x30\3\n\1\3";
	static const struct {
		const char *file;
		enum ksc_status wanted;
	} cases[] = {
		{ "good", KSC_STATUS_OK }, { "delegated", KSC_STATUS_OK },
		{ "bare", KSC_STATUS_PEER_REJECTED }, { NULL, KSC_STATUS_PEER_REJECTED },
	};
	struct ksc_config *config;
	size_t i;

	(void)state;
	unlink(crl_path);
	put_crl(&others, GNUTLS_X509_FMT_PEM);
	load_client(&config, "ca", "revocation = hard\n");
	meets(config, "server", UNKNOWN);
	/* what signs one of them is shown as an authority */
	chain("junk", (const char *const[]){ "server", "bare", NULL });
	for (i = 0; i < 4 * sizeof(cases) / sizeof(cases[0]); i++) {
		const char *file = cases[i / 4].file;
		gnutls_datum_t response = { (unsigned char *)later, sizeof(later) - 1 };
		const struct ksc_engine_params params = {
			.role = KSC_ROLE_CLIENT, .server_name = "server.test",
			.credentials = config->credentials,
		};
		struct peer_options options = {
			.server = true, .cert = i & 2 ? "junk" : "server", .tls12 = i & 1,
		};
		struct side *side = side_new(&params);
		struct peer *peer;
		enum ksc_status status;

		if (file)
			assert_int_equal(gnutls_load_file(cert_path(file, "ocsp"), &response), 0);
		options.staple = response.data;
		options.staple_len = response.size;
		peer = peer_new(&peer_gnutls, &options);
		status = shake(side, peer, WHOLE);
		if (status != cases[i / 4].wanted)
			fail_msg("%s: %d, %s", file, status, side->step.text);
		side_free(side);
		peer_free(peer);
		if (file)
			gnutls_free(response.data);
	}
	withdraw("junk");
	ksc_config_free(config);
}

/* Who judges by itself is told, whatever else is wrong. */
static void told(void **state)
{
	static const struct crl revoked = { "ca", .serials_of = { "server", "expired" } };
	static const char *const names[] = { "server.test", "other.test", NULL };
	struct ksc_config *config;
	size_t i;

	(void)state;
	unlink(crl_path);
	put_crl(&revoked, GNUTLS_X509_FMT_PEM);
	load_client(&config, "ca", "");
	for (i = 0; i < 6; i++) {
		const struct ksc_engine_params params = {
			.role = KSC_ROLE_CLIENT, .server_name = names[i / 2],
			.verify = KSC_VERIFY_MANUAL, .credentials = config->credentials,
		};
		const struct peer_options options = {
			.server = true, .cert = i & 1 ? "expired" : "server",
		};
		struct side *side = side_new(&params);
		struct peer *peer = peer_new(&peer_openssl, &options);
		uint32_t wanted = KSC_FAULT_REVOKED;

		wanted |= i & 1 ? KSC_FAULT_EXPIRED : 0;
		wanted |= i / 2 ? KSC_FAULT_WRONG_NAME : 0;
		assert_int_equal(shake(side, peer, WHOLE), KSC_STATUS_VERIFY_NEEDED);
		assert_int_equal(side->question.faults, wanted);
		assert_non_null(strstr(side->question.text, "has been revoked"));
		side_free(side);
		peer_free(peer);
	}
	ksc_config_free(config);
}

/* ---- purposes ---- */

#define YES	KSC_STATUS_OK
#define NO	KSC_STATUS_PEER_REJECTED

static void purposes(void **state)
{
	static const struct {
		const char *setting;
		const char *cert;
		enum ksc_status wanted;
	} cases[] = {
		{ "", "client", YES }, { "", "server", NO },
		{ "peer-purpose = client\n", "client", YES },
		{ "peer-purpose = client\n", "server", NO },
		{ "peer-purpose = server\n", "client", NO },
		{ "peer-purpose = server\n", "server", YES },
		{ "peer-purpose = any\n", "client", YES },
		{ "peer-purpose = any\n", "server", YES },
		{ "peer-purpose = any\n", "client-expired", NO },
		{ "peer-purpose = any\n", "client-unknown", NO },
	};
	struct ksc_config *config;
	char text[512];
	size_t i;

	(void)state;
	for (i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		const struct peer_options options = { .cert = cases[i / 2].cert, .tls12 = i & 1 };
		struct side *side;
		struct peer *peer;
		enum ksc_status status;

		snprintf(text, sizeof(text),
			 SERVER "verify = require\ntrust = " CERTS "/ca.pem\n%s",
			 cases[i / 2].setting);
		good(text, &config);
		side = side_new(&(struct ksc_engine_params) {
			.role = KSC_ROLE_SERVER, .credentials = config->credentials,
		});
		peer = peer_new(&peer_openssl, &options);
		status = shake(side, peer, WHOLE);
		if (status != cases[i / 2].wanted)
			fail_msg("%s%s: %s", cases[i / 2].setting, cases[i / 2].cert,
				 side->step.text);
		side_free(side);
		peer_free(peer);
		ksc_config_free(config);
	}
}

/* ---- what GnuTLS would report as an error of ours ---- */

static void write_many(unsigned int n)
{
	const char *certs[18] = { "server" };

	while (--n)
		certs[n] = "ca";
	chain("many", certs);
}

static void unusable(void **state)
{
	struct ksc_config *config;
	int alert;

	(void)state;
	good("[credential c]\nrole = client\ndefault = yes\ntrust = " CERTS "/ca.pem\n", &config);
	write_many(16);
	meets(config, "many", FINE);
	write_many(17);
	meets(config, "many", KSC_STATUS_PEER_REJECTED, GNUTLS_A_BAD_CERTIFICATE,
	      "more than 16 certificates");
	ksc_config_free(config);
	/* no library shows a certificate whose key usage forbids it: it would be ours */
	assert_int_equal(ksc_status_of(NULL, GNUTLS_E_KEY_USAGE_VIOLATION, &alert),
			 KSC_STATUS_INTERNAL_ERROR);
	withdraw("many");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves), cmocka_unit_test(chains), cmocka_unit_test(impostors),
		cmocka_unit_test(shared), cmocka_unit_test(faults), cmocka_unit_test(purposes),
		cmocka_unit_test(unusable), cmocka_unit_test(own_names),
		cmocka_unit_test(same_names), cmocka_unit_test(staples), cmocka_unit_test(told),
	};

	return cmocka_run_group_tests_name("revocation", tests, make_paths, remove_paths);
}
