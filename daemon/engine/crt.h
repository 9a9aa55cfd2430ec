/* SPDX-License-Identifier: GPL-2.0-only */
/* crt.c: certificates of peers, parsed as far as needed. */
#ifndef KSC_CRT_H
#define KSC_CRT_H

#include <stdbool.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

/**
 * struct ksc_crt_parts - parts of a certificate; they point into it
 * @subject: the complete Name
 * @pk: type of the public key, GNUTLS_PK_UNKNOWN if GnuTLS does not know it
 * @modulus: of an RSA key: the modulus, big-endian
 * @exponent: of an RSA key: the public exponent
 * @sign: signature algorithm, GNUTLS_SIGN_UNKNOWN if the OID alone does not determine it
 */
struct ksc_crt_parts {
	gnutls_datum_t subject;
	gnutls_pk_algorithm_t pk;
	gnutls_datum_t modulus;
	gnutls_datum_t exponent;
	gnutls_sign_algorithm_t sign;
};

bool ksc_crt_split(const gnutls_datum_t *der, struct ksc_crt_parts *parts);
int ksc_crt_import(const gnutls_datum_t *der, gnutls_x509_crt_t *crt);

#endif
