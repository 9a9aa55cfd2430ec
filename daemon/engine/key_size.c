// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cost of using a public key grows with its size, and the peer chooses the size of its keys.
 * Keys that are too large are never used.
 */
#include <gnutls/abstract.h>

#include "engine/key_size.h"

/**
 * ksc_key_bits() - count the bits of a number
 * @number: the number, big-endian
 *
 * Return: number of bits, rounded up to bytes
 */
size_t ksc_key_bits(const gnutls_datum_t *number)
{
	size_t zeros = 0;

	while (zeros < number->size && !number->data[zeros])
		zeros++;
	return (number->size - zeros) * 8;
}

static int check_rsa(gnutls_pubkey_t key, const char **why)
{
	gnutls_datum_t e;
	size_t exponent;
	int rc = gnutls_pubkey_export_rsa_raw2(key, NULL, &e, GNUTLS_EXPORT_FLAG_NO_LZ);

	if (rc < 0)
		return rc;
	exponent = ksc_key_bits(&e);
	gnutls_free(e.data);
	if (exponent <= KSC_MAX_EXPONENT_BITS)
		return 0;
	*why = "A public key that the peer sent has an exponent of more than 32 bits.";
	return GNUTLS_E_CERTIFICATE_ERROR;
}

static int check_dsa(gnutls_pubkey_t key, const char **why)
{
	gnutls_datum_t p, q;
	size_t bits, group;
	int rc = gnutls_pubkey_export_dsa_raw2(key, &p, &q, NULL, NULL, GNUTLS_EXPORT_FLAG_NO_LZ);

	if (rc < 0)
		return rc;
	bits = ksc_key_bits(&p);
	group = ksc_key_bits(&q);
	gnutls_free(p.data);
	gnutls_free(q.data);
	if (bits > KSC_MAX_DSA_BITS)
		*why = "A DSA key that the peer sent has more than 3072 bits.";
	else if (group > KSC_MAX_DSA_GROUP_BITS)
		*why = "A DSA key that the peer sent has a subgroup of more than 256 bits.";
	return *why ? GNUTLS_E_CERTIFICATE_ERROR : 0;
}

/**
 * ksc_key_check() - check the size of a certificate's key
 * @crt: the certificate
 * @why: NULL; set to a sentence if the key is too large
 *
 * Return: 0; GNUTLS_E_CERTIFICATE_ERROR with @why set; or another negative GnuTLS error
 */
int ksc_key_check(gnutls_x509_crt_t crt, const char **why)
{
	unsigned int bits = 0;
	gnutls_pubkey_t key;
	int algorithm, rc;

	algorithm = gnutls_x509_crt_get_pk_algorithm(crt, &bits);
	/* GnuTLS never uses such a key, or reports the error. */
	if (algorithm < 0)
		return 0;
	if (bits > KSC_MAX_KEY_BITS) {
		*why = "A public key that the peer sent has more than 8192 bits.";
		return GNUTLS_E_CERTIFICATE_ERROR;
	}
	if (algorithm != GNUTLS_PK_RSA && algorithm != GNUTLS_PK_RSA_PSS &&
	    algorithm != GNUTLS_PK_DSA)
		return 0;
	rc = gnutls_pubkey_init(&key);
	if (rc < 0)
		return rc;
	rc = gnutls_pubkey_import_x509(key, crt, 0);
	if (rc >= 0)
		rc = algorithm == GNUTLS_PK_DSA ? check_dsa(key, why) : check_rsa(key, why);
	gnutls_pubkey_deinit(key);
	/* GnuTLS cannot use a key that it cannot import. */
	return *why || rc == GNUTLS_E_MEMORY_ERROR ? rc : 0;
}
