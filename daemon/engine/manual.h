/* SPDX-License-Identifier: GPL-2.0-only */
/* manual.c: a caller that verifies the peer's certificate itself. */
#ifndef KSC_MANUAL_H
#define KSC_MANUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <gnutls/gnutls.h>
#include <linux/kschannel.h>

#include "engine/verify.h"

struct ksc_step;

/**
 * struct ksc_manual - state of verification by the caller
 * @wanted: the caller verifies the certificate
 * @asked: the handshake has reached that point
 * @fresh: the verdict was given after the last step
 * @verdict: the caller's verdict
 * @alert: with KSC_VERDICT_REJECT: the alert to send
 * @judgement: result of our own verification
 * @chain: the peer's certificates, in the format of KSC_A_CONTEXT_CHAIN
 * @chain_len: its size in bytes
 */
struct ksc_manual {
	bool wanted;
	bool asked;
	bool fresh;
	enum ksc_verdict verdict;
	uint8_t alert;
	struct ksc_judgement judgement;
	uint8_t *chain;
	size_t chain_len;
};

int ksc_manual_ask(struct ksc_manual *manual, gnutls_session_t tls,
		   const struct ksc_judgement *judgement);
void ksc_manual_decide(struct ksc_manual *manual, enum ksc_verdict verdict, uint8_t alert);
void ksc_manual_tell(const struct ksc_manual *manual, struct ksc_step *step);
bool ksc_manual_answered(struct ksc_manual *manual);

/**
 * ksc_manual_waits() - check whether a verdict is pending
 * @manual: state of verification by the caller
 *
 * Return: true from ksc_manual_ask() until ksc_manual_decide()
 */
static inline bool ksc_manual_waits(const struct ksc_manual *manual)
{
	return manual->asked && manual->verdict == KSC_VERDICT_NONE;
}

#endif
