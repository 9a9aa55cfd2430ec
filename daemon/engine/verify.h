/* SPDX-License-Identifier: GPL-2.0-only */
/* verify.c: verify a peer's certificate, and describe the peer. */
#ifndef KSC_VERIFY_H
#define KSC_VERIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <gnutls/gnutls.h>
#include <linux/kschannel.h>

#include "engine/crl.h"
#include "engine/known.h"
#include "engine/trust.h"

/**
 * enum ksc_purpose - extended key usage that a peer's certificate must allow
 * @KSC_PURPOSE_ROLE: that of its role
 * @KSC_PURPOSE_SERVER: serverAuth
 * @KSC_PURPOSE_CLIENT: clientAuth
 * @KSC_PURPOSE_ANY: any
 */
enum ksc_purpose {
	KSC_PURPOSE_ROLE,
	KSC_PURPOSE_SERVER,
	KSC_PURPOSE_CLIENT,
	KSC_PURPOSE_ANY,
};

/**
 * enum ksc_revocation - what the status of a certificate decides
 * @KSC_REVOCATION_SOFT: one that was revoked is refused
 * @KSC_REVOCATION_HARD: so is one whose status is unknown
 * @KSC_REVOCATION_OFF: lists are ignored
 */
enum ksc_revocation {
	KSC_REVOCATION_SOFT,
	KSC_REVOCATION_HARD,
	KSC_REVOCATION_OFF,
};

/**
 * struct ksc_validation - how a peer's certificate is verified
 * @trust: the trusted authorities, or NULL for none
 * @purpose: what it must allow
 * @revocation: what its status decides
 * @crls: revocation lists
 * @n_crls: number of these
 */
struct ksc_validation {
	struct ksc_trust *trust;
	enum ksc_purpose purpose;
	enum ksc_revocation revocation;
	struct ksc_crls **crls;
	size_t n_crls;
};

/**
 * struct ksc_judgement - result of the verification of a certificate
 * @faults: set of enum ksc_fault, 0 if the certificate is valid
 * @alert: with faults: the alert to send
 * @text: with faults: their description
 */
struct ksc_judgement {
	uint32_t faults;
	uint8_t alert;
	char text[KSC_MAX_TEXT + 1];
};

enum ksc_verify ksc_verify_effective(enum ksc_role role, enum ksc_verify asked,
				     enum ksc_verify least);
bool ksc_verify_tolerates(enum ksc_role role, enum ksc_verify verify, uint32_t faults);
int ksc_verify_peer(gnutls_session_t session, const struct ksc_validation *validation,
		    enum ksc_role role, const char *name, struct ksc_judgement *judgement);
int ksc_end_point_make(const gnutls_datum_t *der, struct ksc_end_point *end_point);
int ksc_describe(const gnutls_datum_t *der, struct ksc_known *known, struct ksc_peer *peer);
int ksc_describe_peer(gnutls_session_t session, struct ksc_known *known, struct ksc_peer *peer);

#endif
