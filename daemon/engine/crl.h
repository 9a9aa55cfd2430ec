/* SPDX-License-Identifier: GPL-2.0-only */
/* crl.c: certificate revocation lists, which credentials can share. */
#ifndef KSC_CRL_H
#define KSC_CRL_H

#include <time.h>
#include <gnutls/x509.h>

#include "engine/file.h"

/* Size of a file of lists in bytes: parsing takes GnuTLS about 40 times as much memory. */
#define KSC_MAX_CRL_FILE	(4 * 1024 * 1024)

/**
 * enum ksc_crl_state - what lists say about a certificate
 * @KSC_CRL_GOOD: a current list of its issuer does not have it
 * @KSC_CRL_REVOKED: a list of its issuer has it, perhaps an old one
 * @KSC_CRL_UNKNOWN: there is no current list that its issuer has signed
 */
enum ksc_crl_state {
	KSC_CRL_GOOD,
	KSC_CRL_REVOKED,
	KSC_CRL_UNKNOWN,
};

struct ksc_crls;

struct ksc_crls *ksc_crls_file(const struct ksc_file *file, int *rc);
void ksc_crls_put(struct ksc_crls *crls);
unsigned int ksc_crls_forged(struct ksc_crls *crls, gnutls_x509_trust_list_t authorities);
enum ksc_crl_state ksc_crls_look(struct ksc_crls *crls, gnutls_x509_crt_t crt,
				 gnutls_x509_crt_t issuer, time_t now);
time_t ksc_crls_next(const struct ksc_crls *crls);

#endif
