/* SPDX-License-Identifier: GPL-2.0-only */
/* pick.c: the client's certificate, if the caller chooses it or the credential has several. */
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
 * struct ksc_pick - state of the choice of a client's certificate
 * @wanted: the caller chooses the certificate
 * @asked: the server has requested it, and the caller's answer is pending
 * @fresh: the answer was given after the last step
 * @cancelled: the session ends without an answer
 * @fiber: runs GnuTLS's handshake, and is paused while the answer is pending
 * @cred: the answer, or the session's credential if that has certificates; NULL for no certificate
 * @issuers: issuers that the server accepts, in the format of KSC_M_ISSUERS
 * @issuers_len: its size in bytes
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
