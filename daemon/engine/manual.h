/* SPDX-License-Identifier: GPL-2.0-only */
/* manual.c: a caller that judges the peer's certificate itself. */
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
 * struct ksc_manual - the caller's part in the judgement of a certificate
 * @wanted: there is one
 * @asked: the handshake has come to that
 * @fresh: the verdict has come since the last step
 * @verdict: the caller's
 * @alert: to reject: the alert to send
 * @judgement: ours
 * @chain: what the peer has shown, as KSC_A_CONTEXT_CHAIN has it
 * @chain_len: its bytes
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
 * ksc_manual_waits() - whether a verdict is awaited
 * @manual: the caller's part
 *
 * Return: true from the question to the answer
 */
static inline bool ksc_manual_waits(const struct ksc_manual *manual)
{
	return manual->asked && manual->verdict == KSC_VERDICT_NONE;
}

#endif
