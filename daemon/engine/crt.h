/* SPDX-License-Identifier: GPL-2.0-only */
/* crt.c: certificates of peers, read as far as is needed. */
#ifndef KSC_CRT_H
#define KSC_CRT_H

#include <stdbool.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

/**
 * struct ksc_crt_parts - where parts of a certificate are; all of them are the certificate's
 * @subject: the Name, whole
 * @pk: what kind of public key it has, GNUTLS_PK_UNKNOWN for one that GnuTLS does not know
 * @modulus: of an RSA key: the number, big-endian
 * @exponent: of an RSA key: the public one
 * @sign: what it is signed by, GNUTLS_SIGN_UNKNOWN where that is not said by the name alone
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
