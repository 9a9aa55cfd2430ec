/* SPDX-License-Identifier: GPL-2.0-only */
/* revocation.c: checks whether the certificates of a peer have been revoked. */
#ifndef KSC_REVOCATION_H
#define KSC_REVOCATION_H

#include <stdbool.h>
#include <gnutls/x509.h>

#include "engine/verify.h"

/* Size of a subject that is printed */
#define KSC_MAX_SUBJECT	81

/**
 * struct ksc_lookup - what is found out while GnuTLS verifies a chain
 * @tls: the session
 * @validation: how it is verified
 * @revoked: a certificate has been revoked
 * @unknown: the status of one that was verified is unknown
 * @subject: the first of the former, else the first of the latter
 */
struct ksc_lookup {
	gnutls_session_t tls;
	const struct ksc_validation *validation;
	bool revoked;
	bool unknown;
	char subject[KSC_MAX_SUBJECT];
};

void ksc_revocation_begin(struct ksc_lookup *revocation, gnutls_session_t tls,
			  const struct ksc_validation *validation);
void ksc_revocation_end(struct ksc_lookup *revocation);
void ksc_revocation_judge(const struct ksc_lookup *revocation,
			  struct ksc_judgement *judgement);

#endif
