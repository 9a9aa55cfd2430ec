/* SPDX-License-Identifier: GPL-2.0-only */
/* trust.c: lists of certificate authorities, which credentials can share. */
#ifndef KSC_TRUST_H
#define KSC_TRUST_H

#include <stdbool.h>

#include "engine/file.h"

struct ksc_trust;

/**
 * struct ksc_skipped - entries of a file that are not certificates
 * @n: number of such entries
 * @first: the first one, counted from 1
 * @error: what is wrong with it, as a negative GnuTLS error
 */
struct ksc_skipped {
	unsigned int n;
	unsigned int first;
	int error;
};

struct ksc_trust *ksc_trust_file(const struct ksc_file *file, int *rc);
struct ksc_skipped ksc_trust_skipped(const struct ksc_trust *trust);
int ksc_trust_name(const struct ksc_trust *trust, gnutls_certificate_credentials_t x509, bool cut);
struct ksc_trust *ksc_trust_take(gnutls_certificate_credentials_t x509, int n);
struct ksc_trust *ksc_trust_get(struct ksc_trust *trust);
void ksc_trust_put(struct ksc_trust *trust);
int ksc_trust_size(const struct ksc_trust *trust);
gnutls_certificate_credentials_t ksc_trust_x509(const struct ksc_trust *trust);

#endif
