/* SPDX-License-Identifier: GPL-2.0-only */
/* key_size.c: limits for the sizes of a peer's public keys. */
#ifndef KSC_KEY_SIZE_H
#define KSC_KEY_SIZE_H

#include <stddef.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

/* For a public key, and the prime of a Diffie-Hellman group, in bits. */
#define KSC_MAX_KEY_BITS	8192
/* For an RSA key's public exponent. */
#define KSC_MAX_EXPONENT_BITS	32

/*
 * For a DSA key, and for its subgroup, whose size is that of two exponents; from FIPS 186-4. TLS
 * does not use DSA, but an OCSP response can be signed by it.
 */
#define KSC_MAX_DSA_BITS	3072
#define KSC_MAX_DSA_GROUP_BITS	256

size_t ksc_key_bits(const gnutls_datum_t *number);
int ksc_key_check(gnutls_x509_crt_t crt, const char **why);

#endif
