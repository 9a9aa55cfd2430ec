// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a public key costs who uses it grows with its size, and of a key that comes from a peer
 * the size is the peer's to choose. Keys that are too large are used for nothing.
 */
#include <gnutls/abstract.h>

#include "engine/key_size.h"

/**
 * ksc_key_bits() - count the bits of a number
 * @number: the number, big-endian
 *
 * Return: how many there are, in whole bytes
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
	*why = "The exponent of a public key that the peer has shown has more than 32 bits.";
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
		*why = "A DSA key that the peer has shown has more than 3072 bits.";
	else if (group > KSC_MAX_DSA_GROUP_BITS)
		*why = "The subgroup of a DSA key that the peer has shown has more than 256 bits.";
	return *why ? GNUTLS_E_CERTIFICATE_ERROR : 0;
}

/**
 * ksc_key_check() - is a certificate's key small enough to be used?
 * @crt: the certificate
 * @why: NULL; set to a sentence when it is not
 *
 * Return: 0; GNUTLS_E_CERTIFICATE_ERROR with @why set; or another negative GnuTLS error
 */
int ksc_key_check(gnutls_x509_crt_t crt, const char **why)
{
	unsigned int bits = 0;
	gnutls_pubkey_t key;
	int algorithm, rc;

	algorithm = gnutls_x509_crt_get_pk_algorithm(crt, &bits);
	/* GnuTLS can do nothing with it, or says what is wrong with it. */
	if (algorithm < 0)
		return 0;
	if (bits > KSC_MAX_KEY_BITS) {
		*why = "A public key that the peer has shown has more than 8192 bits.";
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
	/* Nor can it use what it can't import. */
	return *why || rc == GNUTLS_E_MEMORY_ERROR ? rc : 0;
}
