/* SPDX-License-Identifier: GPL-2.0-only */
/* verify.c: verify a peer's certificate, and describe the peer. */
#ifndef KSC_VERIFY_H
#define KSC_VERIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <gnutls/gnutls.h>
#include <linux/kschannel.h>

#include "engine/known.h"
#include "engine/trust.h"

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
int ksc_verify_peer(gnutls_session_t session, const struct ksc_trust *trust, enum ksc_role role,
		    const char *name, struct ksc_judgement *judgement);
int ksc_end_point_make(const gnutls_datum_t *der, struct ksc_end_point *end_point);
int ksc_describe(const gnutls_datum_t *der, struct ksc_known *known, struct ksc_peer *peer);
int ksc_describe_peer(gnutls_session_t session, struct ksc_known *known, struct ksc_peer *peer);

#endif
