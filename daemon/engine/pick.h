/* SPDX-License-Identifier: GPL-2.0-only */
/* pick.c: a client that is told when the server asks for its certificate, and picks one. */
#ifndef KSC_PICK_H
#define KSC_PICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

#include "engine/fiber.h"

struct ksc_credential;
struct ksc_step;

/**
 * struct ksc_pick - the caller's part in the choice of our certificate
 * @wanted: there is one
 * @asked: the server has asked, and no answer has come
 * @fresh: the answer has come since the last step
 * @cancelled: there will be none
 * @fiber: GnuTLS's handshake, which waits in it
 * @cred: the answer; NULL for none
 * @issuers: what the server accepts, as KSC_M_ISSUERS has it
 * @issuers_len: its bytes
 */
struct ksc_pick {
	bool wanted;
	bool asked;
	bool fresh;
	bool cancelled;
	struct ksc_fiber *fiber;
	const struct ksc_credential *cred;
	uint8_t *issuers;
	size_t issuers_len;
};

int ksc_pick_begin(struct ksc_pick *pick);
void ksc_pick_end(struct ksc_pick *pick);
int ksc_pick_handshake(struct ksc_pick *pick, gnutls_session_t tls);
void ksc_pick_answer(struct ksc_pick *pick, const struct ksc_credential *cred);
void ksc_pick_tell(const struct ksc_pick *pick, struct ksc_step *step);
bool ksc_pick_answered(struct ksc_pick *pick);
int ksc_pick_retrieve(gnutls_session_t tls, const struct gnutls_cert_retr_st *info,
		      gnutls_pcert_st **certs, unsigned int *n, gnutls_ocsp_data_st **ocsp,
		      unsigned int *n_ocsp, gnutls_privkey_t *key, unsigned int *flags);

#endif
