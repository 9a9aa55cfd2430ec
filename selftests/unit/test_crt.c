// SPDX-License-Identifier: GPL-2.0-only
/*
 * What our parser finds in a certificate that is not imported is the same as GnuTLS's result,
 * for any certificate.
 */
#include <stdlib.h>
#include <string.h>
#include <gnutls/crypto.h>

#include "agree.h"
#include "der.h"
#include "engine/crt.h"
#include "engine/verify.h"
#include "side.h"

#define ROUNDS	6000

static gnutls_datum_t read_der(const char *name)
{
	gnutls_datum_t pem, der;

	assert_int_equal(gnutls_load_file(cert_path(name, "pem"), &pem), 0);
	assert_int_equal(gnutls_pem_base64_decode2("CERTIFICATE", &pem, &der), 0);
	gnutls_free(pem.data);
	return der;
}

/* Whether it was split */
static bool compare(const gnutls_datum_t *der)
{
	bool split;
	const char *what = agree_not(der, &split);

	if (what)
		fail_msg("GnuTLS sees it otherwise: %s", what);
	return split;
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
		assert_false(gnutls_hash_fast(ends[i].hash, der.data, der.size, hash));
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
				was ^ 1, was ^ 0x80, 0, 0xff,
				(uint8_t)(was + 1), (uint8_t)(was - 1),
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

static struct der *field(struct der *of, unsigned int n)
{
	while (n--)
		of = of->next;
	return of;
}

static gnutls_datum_t write_der(const struct der *der)
{
	gnutls_datum_t out = { NULL, (unsigned int)der_size(der) };

	out.data = malloc(out.size);
	assert_non_null(out.data);
	assert_int_equal(der_write(der, out.data), out.size);
	return out;
}

/*
 * libtasn1 goes on behind what an explicit tag contains, whatever length the tag has. So one
 * whose length leads to the end of the certificate has other fields there for those who go by
 * it: here "server"'s, with its small key, behind those of a key that is too large.
 */
static struct der *hide(void)
{
	static const uint8_t private_oid[] = { 0x2b, 6, 1, 4, 1, 0x82, 0x37, 10, 99 };
	gnutls_datum_t large = read_der("leaf-modulus-8193"), small = read_der("server");
	struct der *crt = der_read(large.data, large.size);
	struct der *other = der_read(small.data, small.size);
	struct der *version = der_new(0xa0, NULL, 0), *extension = der_new(0x30, NULL, 0);
	struct der *list = der_new(0xa3, NULL, 0), *fields = field(other->inside->inside, 1);

	/* the third, for extensions; some make it where there are none, too */
	if (crt->inside->inside->tag == 0xa0) {
		struct der *old = crt->inside->inside;

		crt->inside->inside = old->next;
		old->next = NULL;
		der_free(old);
	}
	version->inside = der_new(2, "\2", 1);
	version->next = crt->inside->inside;
	crt->inside->inside = version;
	/* from the serial number to the key */
	other->inside->inside->next = NULL;
	der_free(field(fields, 5)->next);
	field(fields, 5)->next = NULL;
	extension->inside = der_new(6, private_oid, sizeof(private_oid));
	extension->inside->next = der_new(4, NULL, 0);
	extension->inside->next->inside = fields;
	list->inside = der_new(0x30, NULL, 0);
	list->inside->inside = extension;
	der_free(field(version, 6)->next);
	field(version, 6)->next = list;
	version->lie = (int)(der_size(version->next) - der_size(fields));
	der_free(other);
	gnutls_free(large.data);
	gnutls_free(small.data);
	return crt;
}

static void hidden(void **state)
{
	struct der *crt = hide();
	gnutls_datum_t der = write_der(crt);
	struct ksc_crt_parts parts;
	gnutls_x509_crt_t imported;
	unsigned int bits;

	(void)state;
	assert_int_equal(ksc_crt_import(&der, &imported), 0);
	assert_int_equal(gnutls_x509_crt_get_pk_algorithm(imported, &bits), GNUTLS_PK_RSA);
	assert_int_equal(bits, 8193);
	gnutls_x509_crt_deinit(imported);
	assert_false(ksc_crt_split(&der, &parts));
	assert_int_equal(agree_check(&der), GNUTLS_E_CERTIFICATE_ERROR);
	free(der.data);
	der_free(crt);
}

static struct der *tree_of(const char *name)
{
	gnutls_datum_t der = read_der(name);
	struct der *tree = der_read(der.data, der.size);

	assert_non_null(tree);
	gnutls_free(der.data);
	return tree;
}

/* Changes that fit, up to three at once */
static void rearranged(void **state)
{
	static const char *const names[] = { "server", "rsa", "ed25519", "leaf-modulus-8193" };
	unsigned int round, i, split = 0;
	uint32_t seed = 1;

	(void)state;
	for (round = 0; round < ROUNDS; round++) {
		struct der *tree = round % 5 < 4 ? tree_of(names[round % 5]) : hide();
		gnutls_datum_t der;

		for (i = 0; i <= round % 3; i++)
			der_change(tree, &seed);
		der = write_der(tree);
		split += compare(&der);
		free(der.data);
		der_free(tree);
	}
	assert_in_range(split, ROUNDS / 10, ROUNDS - ROUNDS / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts),
		cmocka_unit_test(end_point),
		cmocka_unit_test(changed),
		cmocka_unit_test(cut),
		cmocka_unit_test(hidden),
		cmocka_unit_test(rearranged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
