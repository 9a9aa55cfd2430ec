/* SPDX-License-Identifier: GPL-2.0-only */
/* chain.c: what a peer's public keys may cost us, looked at before they are used. */
#ifndef KSC_CHAIN_H
#define KSC_CHAIN_H

#include <stdbool.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

/* Of a public key, and of the prime of a Diffie-Hellman group, in bits. */
#define KSC_MAX_KEY_BITS	8192
/* Of an RSA key's public exponent. */
#define KSC_MAX_EXPONENT_BITS	32

/*
 * Of a DSA key, and of its subgroup, whose size is that of two exponents: as FIPS 186-4 has
 * them. TLS has no use for one, but a response may be signed by it.
 */
#define KSC_MAX_DSA_BITS	3072
#define KSC_MAX_DSA_GROUP_BITS	256

int ksc_chain_check_key(gnutls_x509_crt_t crt, const char **why);
int ksc_chain_check(const gnutls_datum_t *msg, bool tls13, const char **why);
int ksc_group_check(const gnutls_datum_t *msg, const char **why);
int ksc_chain_look(gnutls_session_t tls, unsigned int type, const gnutls_datum_t *msg,
		   const char **why);

#endif
