// SPDX-License-Identifier: GPL-2.0-only
/*
 * Public keys that would take minutes: they are rejected before anything is computed with
 * them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/chain.h"
#include "powers.h"
#include "side.h"

/* A certificate of the tests, as it goes over the wire. */
static size_t der_of(const char *name, uint8_t *der, size_t size)
{
	FILE *file = fopen(cert_path(name, "crt.der"), "re");
	size_t len;

	assert_non_null(file);
	len = fread(der, 1, size, file);
	(void)fclose(file);
	assert_in_range(len, 100, size - 1);
	return len;
}

static void put(uint8_t **at, unsigned int width, size_t n)
{
	while (width--)
		*(*at)++ = (uint8_t)(n >> 8 * width);
}

/* A Certificate message with one certificate; @lie is added to the length of its list */
static gnutls_datum_t message(uint8_t *msg, const char *name, bool tls13, int lie)
{
	static uint8_t der[1 << 14];
	size_t len = der_of(name, der, sizeof(der));
	uint8_t *at = msg;

	if (tls13)
		put(&at, 1, 0);
	put(&at, 3, 3 + len + (tls13 ? 2 : 0) + (size_t)lie);
	put(&at, 3, len);
	memcpy(at, der, len);
	at += len;
	if (tls13)
		put(&at, 2, 0);
	return (gnutls_datum_t) { msg, (unsigned int)(at - msg) };
}

/* The leaf, or any other: the message has them all alike */
static void messages(void **state)
{
	static const struct {
		const char *name;
		int rc;
		const char *word;
	} keys[] = {
		{ "huge-modulus", GNUTLS_E_CERTIFICATE_ERROR, "8192 bits" },
		{ "huge-exponent", GNUTLS_E_CERTIFICATE_ERROR, "32 bits" },
		{ "modulus-8193", GNUTLS_E_CERTIFICATE_ERROR, "8192 bits" },
		{ "exponent-33", GNUTLS_E_CERTIFICATE_ERROR, "32 bits" },
		{ "large-enough", 0, NULL },
		{ "dsa-huge-group", GNUTLS_E_CERTIFICATE_ERROR, "256 bits" },
		{ "dsa-group-257", GNUTLS_E_CERTIFICATE_ERROR, "256 bits" },
		{ "dsa-3073", GNUTLS_E_CERTIFICATE_ERROR, "3072 bits" },
		{ "dsa-3072-256", 0, NULL },
	};
	static uint8_t msg[1 << 15];
	const char *why;

	(void)state;
	for (int tls13 = 0; tls13 < 2; tls13++) {
		gnutls_datum_t body;

		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
			body = message(msg, keys[i].name, tls13, 0);
			assert_int_equal(ksc_chain_check(&body, tls13, NULL, &why), keys[i].rc);
			assert_int_equal(!why, !keys[i].word);
			if (why)
				assert_non_null(strstr(why, keys[i].word));
		}
		/* two readers must not take it for different things */
		body = message(msg, "large-enough", tls13, -1);
		assert_int_equal(ksc_chain_check(&body, tls13, NULL, &why),
				 GNUTLS_E_UNEXPECTED_PACKET_LENGTH);
		body = message(msg, "large-enough", tls13, 1);
		assert_int_equal(ksc_chain_check(&body, tls13, NULL, &why),
				 GNUTLS_E_UNEXPECTED_PACKET_LENGTH);
		body = message(msg, "large-enough", tls13, 0);
		for (unsigned int cut = 0; cut < body.size; cut++) {
			gnutls_datum_t part = { msg, cut };

			assert_true(ksc_chain_check(&part, tls13, NULL, &why) < 0);
		}
		/* no certificate is one, too */
		memset(msg, 0, 4);
		body = (gnutls_datum_t) { msg, tls13 ? 4 : 3 };
		assert_int_equal(ksc_chain_check(&body, tls13, NULL, &why), 0);
	}
	assert_int_equal(powers, 0);
}

static void groups(void **state)
{
	static uint8_t msg[2 + 2048];
	gnutls_datum_t body = { msg, sizeof(msg) };
	uint8_t *at = msg;
	const char *why;

	(void)state;
	put(&at, 2, 1024);
	assert_int_equal(ksc_group_check(&body, &why), 0);
	at = msg;
	put(&at, 2, 1025);
	assert_true(ksc_group_check(&body, &why) < 0);
	assert_non_null(why);
	at = msg;
	put(&at, 2, sizeof(msg));
	assert_true(ksc_group_check(&body, &why) < 0);
	body.size = 1;
	assert_true(ksc_group_check(&body, &why) < 0);
}

static struct ksc_step shown(const struct peer_type *type, enum ksc_role role,
			     struct peer_options opt)
{
	const struct cred_options cred = {
		.cert = role == KSC_ROLE_SERVER ? "server" : NULL, .ca = "ca",
		.verify = KSC_VERIFY_REQUIRE,
	};
	struct ksc_engine_params params = {
		.credentials = creds_new(&cred, 1), .role = role, .server_name = "server.test",
	};
	struct side *side = side_new(&params);
	struct ksc_step step;
	struct peer *peer;

	opt.server = role == KSC_ROLE_CLIENT;
	peer = peer_new(type, &opt);
	powers = 0;
	shake(side, peer, WHOLE);
	step = side->step;
	side_free(side);
	peer_free(peer);
	ksc_credentials_put(params.credentials);
	return step;
}

/*
 * Certificates that are there as libtasn1 has them, which is 58 times as much as they take, and
 * how many there were at once in a step.
 */
static unsigned int read_ones, most;
static bool stepping;

int __real_gnutls_x509_crt_init(gnutls_x509_crt_t *crt);
int __wrap_gnutls_x509_crt_init(gnutls_x509_crt_t *crt);
void __real_gnutls_x509_crt_deinit(gnutls_x509_crt_t crt);
void __wrap_gnutls_x509_crt_deinit(gnutls_x509_crt_t crt);
enum ksc_status __real_ksc_engine_step(struct ksc_engine *engine, const uint8_t *in, size_t len,
				       struct ksc_step *step);
enum ksc_status __wrap_ksc_engine_step(struct ksc_engine *engine, const uint8_t *in, size_t len,
				       struct ksc_step *step);

int __wrap_gnutls_x509_crt_init(gnutls_x509_crt_t *crt)
{
	if (++read_ones > most && stepping)
		most = read_ones;
	return __real_gnutls_x509_crt_init(crt);
}

void __wrap_gnutls_x509_crt_deinit(gnutls_x509_crt_t crt)
{
	read_ones--;
	__real_gnutls_x509_crt_deinit(crt);
}

/* None of them is kept between steps, where there may be thousands of engines. */
enum ksc_status __wrap_ksc_engine_step(struct ksc_engine *engine, const uint8_t *in, size_t len,
				       struct ksc_step *step)
{
	enum ksc_status status;

	/* GnuTLS frees some of those that a credential is made of, and makes some that we free */
	read_ones = 0;
	stepping = true;
	status = __real_ksc_engine_step(engine, in, len, step);
	stepping = false;
	assert_int_equal(read_ones, 0);
	return status;
}

/* However long it is, the peer is known in the end; and it is read for its names alone. */
static void long_leaf(void **state)
{
	unsigned int bits;

	(void)state;
	for (bits = 0; bits < 4; bits++) {
		const bool tls12 = bits & 1, server = bits & 2;
		struct ksc_step step;

		most = 0;
		step = shown(&peer_gnutls, server ? KSC_ROLE_SERVER : KSC_ROLE_CLIENT,
			     (struct peer_options) { .cert = server ? "client" : "long",
						     .tls12 = tls12, .tls13 = !tls12 });
		assert_int_equal(step.status, KSC_STATUS_OK);
		assert_string_equal(step.info.peer.subject, server ?
				    "CN=client,O=kschannel test" : "CN=long,O=kschannel test");
		assert_int_equal(most, server ? 0 : 1);
	}
}

/* Sizes are what decides, just above and not below; the leaf's peer need not have its key */
static void handshake(enum ksc_role role, bool tls12, const char *name, bool leaf)
{
	const bool fits = !strcmp(name, "large-enough");
	char cert[64];
	struct ksc_step step;

	snprintf(cert, sizeof(cert), "%s%s", leaf ? "leaf-" : "", name);
	step = shown(&peer_gnutls, role, (struct peer_options) {
			.cert = cert, .key = leaf ? "rsa" : NULL, .tls12 = tls12,
			.tls13 = !tls12,
		     });
	if (fits ? step.status == KSC_STATUS_OK || strstr(step.text, " bits") :
		   step.status != KSC_STATUS_PEER_REJECTED || !strstr(step.text, " bits"))
		fail_msg("%d, TLS 1.%d, %s: %s", role, 3 - tls12, cert, step.text);
	if (fits)
		return;
	assert_int_equal(step.alert, GNUTLS_A_BAD_CERTIFICATE);
	assert_int_equal(step.direction, KSC_DIRECTION_SENT);
	assert_int_equal(powers, 0);
}

/* Behind a good leaf, or as one; in both versions, from each library that can send them */
static void handshakes(void **state)
{
	static const char *const keys[] = {
		"huge-modulus", "huge-exponent", "modulus-8193", "exponent-33", "large-enough",
	};
	unsigned int bits;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		for (bits = 0; bits < 8; bits++)
			handshake(bits & 1 ? KSC_ROLE_SERVER : KSC_ROLE_CLIENT, bits & 2, keys[i],
				  bits & 4);
	/* the counter counts */
	assert_int_equal(shown(&peer_gnutls, KSC_ROLE_CLIENT,
			       (struct peer_options) { .cert = "rsa", .tls12 = true }).status,
			 KSC_STATUS_OK);
	assert_int_not_equal(powers, 0);
}

/* A server's own group, which TLS 1.2 has it choose */
static void group_of_a_server(void **state)
{
	struct peer_options opt = {
		.cert = "rsa", .tls12 = true, .cipher = "DHE-RSA-AES128-GCM-SHA256",
	};
	struct ksc_step step;

	(void)state;
	opt.dh_bits = 8192;
	step = shown(&peer_openssl, KSC_ROLE_CLIENT, opt);
	if (step.status != KSC_STATUS_OK)
		fail_msg("8192 bits: %s", step.text);
	opt.dh_bits = 8193;
	step = shown(&peer_openssl, KSC_ROLE_CLIENT, opt);
	if (step.status != KSC_STATUS_PEER_REJECTED || !strstr(step.text, "8192 bits"))
		fail_msg("8193 bits: %s", step.text);
	assert_int_equal(step.alert, GNUTLS_A_ILLEGAL_PARAMETER);
	assert_int_equal(powers, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test(groups),
		cmocka_unit_test(long_leaf),
		cmocka_unit_test(handshakes),
		cmocka_unit_test(group_of_a_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
