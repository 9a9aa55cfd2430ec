/* SPDX-License-Identifier: GPL-2.0-only */
/* trust.c: lists of certificate authorities, which credentials can share. */
#ifndef KSC_TRUST_H
#define KSC_TRUST_H

#include "engine/file.h"

struct ksc_trust;

struct ksc_trust *ksc_trust_file(const struct ksc_file *file, int *rc);
struct ksc_trust *ksc_trust_take(gnutls_certificate_credentials_t x509, int n);
struct ksc_trust *ksc_trust_get(struct ksc_trust *trust);
void ksc_trust_put(struct ksc_trust *trust);
int ksc_trust_size(const struct ksc_trust *trust);
gnutls_certificate_credentials_t ksc_trust_x509(const struct ksc_trust *trust);

#endif
