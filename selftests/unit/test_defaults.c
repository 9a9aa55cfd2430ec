// SPDX-License-Identifier: GPL-2.0-only
/*
 * The libraries' defaults, one thing at a time as the only one offered: each group and each
 * cipher suite of their own ClientHellos is accepted, or is one of those that the manual says
 * are rejected. Likewise a server that has only one.
 */
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#include "outcome.h"

#define EXT_SUPPORTED_GROUPS	10
#define MAX_OFFERS		128

/**
 * struct offers - what a ClientHello has
 * @suites: their numbers
 * @n_suites: number of suites
 * @groups: their numbers
 * @n_groups: number of groups
 */
struct offers {
	uint16_t suites[MAX_OFFERS];
	size_t n_suites;
	uint16_t groups[MAX_OFFERS];
	size_t n_groups;
};

/**
 * struct group - a group that a library may offer by default
 * @number: IANA's
 * @openssl: OpenSSL's name
 * @gnutls: GnuTLS's
 * @taken: whether we have it
 */
struct group {
	uint16_t number;
	const char *openssl;
	const char *gnutls;
	bool taken;
};

static const struct group groups[] = {
	{ 0x0017, "P-256", "SECP256R1", true },
	{ 0x0018, "P-384", "SECP384R1", true },
	{ 0x0019, "P-521", "SECP521R1", true },
	{ 0x001d, "X25519", "X25519", true },
	{ 0x001e, "X448", "X448", true },
	{ 0x0100, "ffdhe2048", "FFDHE2048", true },
	{ 0x0101, "ffdhe3072", "FFDHE3072", true },
	{ 0x0102, "ffdhe4096", "FFDHE4096", true },
	/* a ClientHello would cost a server a good part of a second */
	{ 0x0103, "ffdhe6144", "FFDHE6144", false },
	{ 0x0104, "ffdhe8192", "FFDHE8192", false },
	/* which later versions of OpenSSL have, and GnuTLS only where it is built so */
	{ 0x11eb, "SecP256r1MLKEM768", "SECP256R1-MLKEM768", false },
	{ 0x11ec, "X25519MLKEM768", "X25519-MLKEM768", false },
	{ 0x11ed, "SecP384r1MLKEM1024", "SECP384R1-MLKEM1024", false },
};

static const struct peer_type *const types[] = { &peer_gnutls, &peer_openssl };

/* The vector at @at, whose length is in @width bytes; @at is behind it then. */
static const uint8_t *take(const uint8_t **at, const uint8_t *end, unsigned int width, size_t *len)
{
	const uint8_t *vector;

	assert_true((size_t)(end - *at) >= width);
	for (*len = 0; width; width--)
		*len = *len << 8 | *(*at)++;
	assert_true((size_t)(end - *at) >= *len);
	vector = *at;
	*at += *len;
	return vector;
}

static size_t numbers(const uint8_t *at, size_t len, uint16_t *list)
{
	size_t n;

	assert_in_range(len, 0, 2 * MAX_OFFERS);
	for (n = 0; n < len / 2; n++)
		list[n] = (uint16_t)(at[2 * n] << 8 | at[2 * n + 1]);
	return n;
}

/* What a client of @type has in its ClientHello, RFC 8446 4.1.2 */
static void read_offers(const struct peer_type *type, bool tls12, struct offers *offers)
{
	const struct peer_options opt = { .server_name = "server.test", .tls12 = tls12,
					  .tls13 = !tls12 };
	struct peer *peer = peer_new(type, &opt);
	const uint8_t *at, *end, *part, *more;
	size_t len, size;

	memset(offers, 0, sizeof(*offers));
	assert_int_equal(type->handshake(peer), PEER_WANTS_MORE);
	assert_true(peer->out.len > 5 + 4 + 34);
	/* one record, one message */
	assert_int_equal(peer->out.data[3] << 8 | peer->out.data[4], peer->out.len - 5);
	at = peer->out.data + 5 + 4 + 34;
	end = peer->out.data + peer->out.len;
	take(&at, end, 1, &len);
	part = take(&at, end, 2, &len);
	offers->n_suites = numbers(part, len, offers->suites);
	take(&at, end, 1, &len);
	part = take(&at, end, 2, &len);
	assert_ptr_equal(at, end);
	for (at = part; at < end; ) {
		unsigned int id = (unsigned int)at[0] << 8 | at[1];

		at += 2;
		part = take(&at, end, 2, &len);
		if (id != EXT_SUPPORTED_GROUPS)
			continue;
		more = take(&part, part + len, 2, &size);
		offers->n_groups = numbers(more, size, offers->groups);
	}
	assert_int_not_equal(offers->n_suites, 0);
	assert_int_not_equal(offers->n_groups, 0);
	peer_free(peer);
}

/* We and a peer that has what @opt says and no more: is it a session, or refused as it should? */
static void expect(const struct peer_type *type, bool we_serve, const char *cert,
		   struct peer_options opt, const char *what, bool taken)
{
	const struct cred_options cred = { .cert = we_serve ? cert : NULL, .ca = "ca" };
	struct outcome o;
	bool done;

	opt.server = !we_serve;
	opt.cert = we_serve ? NULL : cert;
	opt.ca = we_serve ? "ca" : NULL;
	opt.server_name = we_serve ? "server.test" : NULL;
	o = meet(type, &cred, 1, (struct ksc_engine_params) {
			.role = we_serve ? KSC_ROLE_SERVER : KSC_ROLE_CLIENT,
			.server_name = we_serve ? NULL : "server.test",
		 }, opt);
	done = o.status == KSC_STATUS_OK;
	if (done != taken)
		fail_msg("%s, we %s, TLS 1.%d, %s: %s", type->name, we_serve ? "serve" : "connect",
			 opt.tls12 ? 2 : 3, what, o.text);
	if (taken)
		return;
	if (o.status != (we_serve ? KSC_STATUS_PROTOCOL_ERROR : KSC_STATUS_ALERT_RECEIVED) ||
	    o.alert != GNUTLS_A_HANDSHAKE_FAILURE)
		fail_msg("%s, we %s, TLS 1.%d, %s: alert %d, %s", type->name,
			 we_serve ? "serve" : "connect", opt.tls12 ? 2 : 3, what, o.alert, o.text);
}

static const struct group *group_of(uint16_t number)
{
	size_t i;

	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (groups[i].number == number)
			return &groups[i];
	fail_msg("The libraries offer group 0x%04x, which this test does not know.", number);
	return NULL;
}

static void walk_groups(const struct peer_type *type, bool tls12)
{
	struct offers offers;
	size_t i;

	read_offers(type, tls12, &offers);
	for (i = 0; i < offers.n_groups; i++) {
		const struct group *group = group_of(offers.groups[i]);
		char priority[64];
		struct peer_options opt = { .tls12 = tls12, .tls13 = !tls12 };

		snprintf(priority, sizeof(priority), ":-GROUP-ALL:+GROUP-%s", group->gnutls);
		opt.priority = priority;
		opt.groups = group->openssl;
		/* what TLS 1.2 has with groups of finite fields is for RSA */
		expect(type, true, "rsa", opt, group->openssl, group->taken);
		expect(type, false, "rsa", opt, group->openssl, group->taken);
	}
}

static void each_group(void **state)
{
	unsigned int bits;

	(void)state;
	for (bits = 0; bits < 4; bits++)
		walk_groups(types[bits & 1], bits & 2);
}

/* By IANA's name: ephemeral keys, and an AEAD that the kernel has */
static bool is_taken(const char *suite)
{
	static const char *const aeads[] = {
		"AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256",
	};
	const char *aead = strstr(suite, "_WITH_");
	size_t i;

	if (aead && strncmp(suite, "TLS_ECDHE_", 10) && strncmp(suite, "TLS_DHE_", 8))
		return false;
	aead = aead ? aead + 6 : suite + 4;
	for (i = 0; i < sizeof(aeads) / sizeof(aeads[0]); i++)
		if (!strcmp(aead, aeads[i]))
			return true;
	/* whose names differ by version */
	return !strcmp(aead, "AES_128_CCM") || !strcmp(aead, "AES_128_CCM_SHA256");
}

static const SSL_CIPHER *cipher_of(SSL *ssl, uint16_t number)
{
	const uint8_t bytes[] = { (uint8_t)(number >> 8), (uint8_t)number };

	return SSL_CIPHER_find(ssl, bytes);
}

/* GnuTLS's words for a suite, whose parts it has turned on one by one */
static void suite_priority(uint16_t number, char *text, size_t size)
{
	gnutls_protocol_t version;
	gnutls_kx_algorithm_t kx;
	gnutls_cipher_algorithm_t cipher;
	gnutls_mac_algorithm_t mac;
	unsigned char id[2];
	size_t i;

	for (i = 0; gnutls_cipher_suite_info(i, id, &kx, &cipher, &mac, &version); i++)
		if ((id[0] << 8 | id[1]) == number) {
			snprintf(text, size, ":-CIPHER-ALL:+%s:-MAC-ALL:+%s%s%s",
				 gnutls_cipher_get_name(cipher), gnutls_mac_get_name(mac),
				 version == GNUTLS_TLS1_3 ? "" : ":-KX-ALL:+",
				 version == GNUTLS_TLS1_3 ? "" : gnutls_kx_get_name(kx));
			return;
		}
	fail_msg("GnuTLS does not know suite 0x%04x, which it offers.", number);
}

static unsigned int walk_suites(const struct peer_type *type, bool tls12, SSL *ssl)
{
	struct offers offers;
	unsigned int taken = 0;
	size_t i;

	read_offers(type, tls12, &offers);
	for (i = 0; i < offers.n_suites; i++) {
		const SSL_CIPHER *cipher = cipher_of(ssl, offers.suites[i]);
		struct peer_options opt = { .tls12 = tls12, .tls13 = !tls12 };
		char priority[128];
		const char *name, *cert;

		/* TLS_EMPTY_RENEGOTIATION_INFO_SCSV is none */
		if (offers.suites[i] == 0x00ff)
			continue;
		assert_non_null(cipher);
		name = SSL_CIPHER_standard_name(cipher);
		if (type == &peer_gnutls) {
			suite_priority(offers.suites[i], priority, sizeof(priority));
			opt.priority = priority;
		} else {
			opt.cipher = SSL_CIPHER_get_name(cipher);
		}
		cert = strstr(name, "_RSA_") ? "rsa" : "server";
		expect(type, true, cert, opt, name, is_taken(name));
		expect(type, false, cert, opt, name, is_taken(name));
		taken += is_taken(name);
	}
	return taken;
}

/*
 * What is refused: CBC and AES-256-CCM, which the kernel could not take over, and keys that
 * are not ephemeral. So many must be left, or nothing was walked through.
 */
static void each_suite(void **state)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	SSL *ssl = SSL_new(ctx);

	(void)state;
	assert_non_null(ssl);
	assert_in_range(walk_suites(&peer_gnutls, false, ssl), 4, MAX_OFFERS);
	assert_in_range(walk_suites(&peer_gnutls, true, ssl), 11, MAX_OFFERS);
	assert_in_range(walk_suites(&peer_openssl, false, ssl), 3, MAX_OFFERS);
	assert_in_range(walk_suites(&peer_openssl, true, ssl), 9, MAX_OFFERS);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_group),
		cmocka_unit_test(each_suite),
	};

	return cmocka_run_group_tests_name("defaults", tests, NULL, NULL);
}
