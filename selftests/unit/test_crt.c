// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is seen of a certificate that is not imported is what GnuTLS sees of it, whatever it
 * looks like.
 */
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crt.h"
#include "side.h"
#include "verify.h"

static gnutls_datum_t read_der(const char *name)
{
	gnutls_datum_t pem, der;

	assert_int_equal(gnutls_load_file(cert_path(name, "pem"), &pem), 0);
	assert_int_equal(gnutls_pem_base64_decode2("CERTIFICATE", &pem, &der), 0);
	gnutls_free(pem.data);
	return der;
}

static void same(const gnutls_datum_t *a, const gnutls_datum_t *b)
{
	assert_int_equal(a->size, b->size);
	assert_memory_equal(a->data, b->data, a->size);
}

/* GnuTLS has a zero in front where it would be negative otherwise. */
static void same_number(gnutls_datum_t a, gnutls_datum_t b)
{
	for (; a.size && !*a.data; a.size--)
		a.data++;
	for (; b.size && !*b.data; b.size--)
		b.data++;
	same(&a, &b);
}

static void same_rsa(gnutls_x509_crt_t crt, const struct ksc_crt_parts *parts)
{
	gnutls_datum_t n, e;

	if (gnutls_x509_crt_get_pk_rsa_raw(crt, &n, &e) < 0)
		return;
	same_number(n, parts->modulus);
	same_number(e, parts->exponent);
	gnutls_free(n.data);
	gnutls_free(e.data);
}

static void same_subject(gnutls_x509_crt_t crt, const struct ksc_crt_parts *parts)
{
	gnutls_datum_t raw, text, mine;
	int rc = gnutls_x509_crt_get_dn3(crt, &text, 0);

	assert_int_equal(gnutls_x509_crt_get_raw_dn(crt, &raw), 0);
	same(&raw, &parts->subject);
	gnutls_free(raw.data);
	assert_int_equal(gnutls_x509_rdn_get2(&parts->subject, &mine, 0), rc);
	if (rc < 0)
		return;
	same(&text, &mine);
	gnutls_free(text.data);
	gnutls_free(mine.data);
}

/* Whether it was split; if GnuTLS takes it, too, both have to agree. */
static bool compare(const gnutls_datum_t *der)
{
	struct ksc_crt_parts parts;
	gnutls_x509_crt_t crt;
	int pk;

	if (!ksc_crt_split(der, &parts))
		return false;
	if (ksc_crt_import(der, &crt) < 0)
		return true;
	pk = gnutls_x509_crt_get_pk_algorithm(crt, NULL);
	/* it looks into the key, too, and has names of its own for what it knows nothing of */
	if (pk > 0 || parts.pk != GNUTLS_PK_UNKNOWN)
		assert_true(pk < 0 || pk == (int)parts.pk);
	if (parts.pk == GNUTLS_PK_RSA)
		same_rsa(crt, &parts);
	if (parts.sign != GNUTLS_SIGN_UNKNOWN)
		assert_int_equal(gnutls_x509_crt_get_signature_algorithm(crt), parts.sign);
	same_subject(crt, &parts);
	gnutls_x509_crt_deinit(crt);
	return true;
}

static const struct {
	const char *name;
	gnutls_pk_algorithm_t pk;
	gnutls_sign_algorithm_t sign;
} known[] = {
	{ "server", GNUTLS_PK_ECDSA, GNUTLS_SIGN_ECDSA_SHA256 },
	{ "rsa", GNUTLS_PK_RSA, GNUTLS_SIGN_ECDSA_SHA256 },
	{ "ca", GNUTLS_PK_ECDSA, GNUTLS_SIGN_ECDSA_SHA256 },
	{ "sha1", GNUTLS_PK_ECDSA, GNUTLS_SIGN_ECDSA_SHA1 },
	{ "nosubject", GNUTLS_PK_ECDSA, GNUTLS_SIGN_ECDSA_SHA256 },
	{ "long", GNUTLS_PK_ECDSA, GNUTLS_SIGN_ECDSA_SHA256 },
	{ "pss", GNUTLS_PK_RSA, GNUTLS_SIGN_UNKNOWN },
	{ "ed25519", GNUTLS_PK_EDDSA_ED25519, GNUTLS_SIGN_EDDSA_ED25519 },
};

#define N_KNOWN (sizeof(known) / sizeof(known[0]))

static void parts(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_KNOWN; i++) {
		gnutls_datum_t der = read_der(known[i].name);
		struct ksc_crt_parts found;

		assert_true(ksc_crt_split(&der, &found));
		assert_int_equal(found.pk, known[i].pk);
		assert_int_equal(found.sign, known[i].sign);
		assert_true(compare(&der));
		gnutls_free(der.data);
	}
}

/* RFC 5929 4.1: the signature's hash, which may be in its parameters */
static void end_point(void **state)
{
	static const struct {
		const char *name;
		gnutls_digest_algorithm_t hash;
	} ends[] = {
		{ "server", GNUTLS_DIG_SHA256 }, { "sha1", GNUTLS_DIG_SHA256 },
		{ "pss", GNUTLS_DIG_SHA384 }, { "ed25519", GNUTLS_DIG_SHA512 },
	};
	uint8_t hash[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		gnutls_datum_t der = read_der(ends[i].name);
		struct ksc_end_point end = { .len = 0 };

		assert_int_equal(ksc_end_point_make(&der, &end), 0);
		assert_int_equal(end.len, gnutls_hash_get_len(ends[i].hash));
		assert_int_equal(gnutls_hash_fast(ends[i].hash, der.data, der.size, hash), 0);
		assert_memory_equal(end.hash, hash, end.len);
		gnutls_free(der.data);
	}
}

/* Every octet: one bit, the highest, none, all, one more, one less. */
static void changed(void **state)
{
	static const char *const names[] = { "server", "rsa", "ed25519" };
	size_t n, i, split = 0, all = 0;
	unsigned int way;

	(void)state;
	for (n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
		gnutls_datum_t der = read_der(names[n]);

		for (i = 0; i < der.size; i++) {
			const uint8_t was = der.data[i];
			const uint8_t ways[] = {
				was ^ 1, was ^ 0x80, 0, 0xff, (uint8_t)(was + 1), (uint8_t)(was - 1),
			};

			for (way = 0; way < sizeof(ways); way++) {
				der.data[i] = ways[way];
				split += compare(&der);
				all++;
			}
			der.data[i] = was;
		}
		gnutls_free(der.data);
	}
	/* most are inside of something, and a few are headers */
	assert_in_range(split, all / 2, all - 100);
}

/* Nothing behind its end is read, which the sanitizer sees. */
static void cut(void **state)
{
	gnutls_datum_t der = read_der("rsa");
	struct ksc_crt_parts found;
	unsigned int len;

	(void)state;
	for (len = 0; len <= der.size + 1; len++) {
		gnutls_datum_t part = { malloc(len ? len : 1), len };

		assert_non_null(part.data);
		part.data[len ? len - 1 : 0] = 0;
		memcpy(part.data, der.data, len < der.size ? len : der.size);
		assert_int_equal(ksc_crt_split(&part, &found), len == der.size);
		free(part.data);
	}
	gnutls_free(der.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts),
		cmocka_unit_test(end_point),
		cmocka_unit_test(changed),
		cmocka_unit_test(cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
