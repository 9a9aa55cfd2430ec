/* SPDX-License-Identifier: GPL-2.0-only */
/* details.c: details of an established session. */
#ifndef KSC_DETAILS_H
#define KSC_DETAILS_H

#include <stddef.h>
#include <stdint.h>
#include <gnutls/gnutls.h>
#include <linux/kschannel.h>

#include "engine/credential.h"
#include "engine/verify.h"

/**
 * struct ksc_details - what an application can query about a session
 * @group: IANA number of the key exchange's group, or 0
 * @signature: IANA number of the server's signature scheme, or 0
 * @traits: enum ksc_trait
 * @session_id: session ID of TLS 1.2
 * @session_id_len: its size in bytes
 * @end_point: the channel binding tls-server-end-point
 * @chain: the peer's certificates, in the format of KSC_M_CHAIN
 * @chain_len: their size in bytes, 0 if there are none or they do not fit
 * @local_chain: our certificates
 * @local_chain_len: likewise
 */
struct ksc_details {
	uint16_t group;
	uint16_t signature;
	uint32_t traits;
	uint8_t session_id[32];
	size_t session_id_len;
	struct ksc_end_point end_point;
	uint8_t *chain;
	size_t chain_len;
	uint8_t *local_chain;
	size_t local_chain_len;
};

int ksc_details_collect(gnutls_session_t tls, enum ksc_role role,
			const struct ksc_credential *ours, const struct ksc_peer *peer,
			struct ksc_details *details);
void ksc_details_free(struct ksc_details *details);
int ksc_chain_join(const gnutls_datum_t *certs, size_t n, uint8_t **chain, size_t *len);

#endif
