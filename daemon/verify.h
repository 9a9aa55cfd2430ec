/* SPDX-License-Identifier: GPL-2.0-only */
/* verify.c: the judgement of a peer's certificate, and a description of it. */
#ifndef KSC_VERIFY_H
#define KSC_VERIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <gnutls/gnutls.h>
#include <linux/kschannel.h>

#include "trust.h"

#define KSC_FINGERPRINT_LEN 32

/**
 * struct ksc_judgement - what came of judging a certificate
 * @faults: enum ksc_fault, 0 for a good one
 * @alert: with faults, the alert to send
 * @text: with faults, what they are, in words
 */
struct ksc_judgement {
	uint32_t faults;
	uint8_t alert;
	char text[KSC_MAX_TEXT + 1];
};

/**
 * struct ksc_end_point - a certificate as the channel binding tls-server-end-point has it
 * @hash: RFC 5929 4
 * @len: its bytes, 0 if it is not defined for the certificate's signature
 */
struct ksc_end_point {
	uint8_t hash[64];
	size_t len;
};

/**
 * struct ksc_peer - who the peer is
 * @present: it showed a certificate
 * @subject: RFC 4514 form, cut to fit; of an empty one the first subjectAltName: "dns:name"
 * @fingerprint: SHA-256 of the certificate
 * @end_point: what a server's certificate binds to
 */
struct ksc_peer {
	bool present;
	char subject[KSC_MAX_NAME + 1];
	uint8_t fingerprint[KSC_FINGERPRINT_LEN];
	struct ksc_end_point end_point;
};

enum ksc_verify ksc_verify_effective(enum ksc_role role, enum ksc_verify asked,
				     enum ksc_verify least);
bool ksc_verify_tolerates(enum ksc_role role, enum ksc_verify verify, uint32_t faults);
int ksc_verify_peer(gnutls_session_t session, const struct ksc_trust *trust, enum ksc_role role,
		    const char *name, struct ksc_judgement *judgement);
int ksc_end_point_make(const gnutls_datum_t *der, struct ksc_end_point *end_point);
int ksc_describe_peer(gnutls_session_t session, struct ksc_peer *peer);

#endif
