/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Steps: the daemon's answers to offers, with keys or a certificate to verify.
 */
#ifndef _KSC_HANDSHAKE_STEP_H
#define _KSC_HANDSHAKE_STEP_H

#include <linux/kschannel.h>
#include <linux/types.h>

#include "handshake/keys.h"

struct genl_info;
struct ksc_question;
struct nlattr;

/**
 * struct ksc_step - a step's result
 * @status: enum ksc_status
 * @consumed: bytes of the offered token that were consumed
 * @need: with incomplete-message, the minimum number of further bytes
 * @token: bytes for the peer
 * @token_len: bytes in @token
 * @alert: the alert's number
 * @direction: enum ksc_direction
 * @text: explanation, may be empty
 * @tickets: the daemon wants tickets, with ok
 * @keys: with ok
 * @question: with verify-needed; taken and cleared when the step is applied
 *
 * Allocated by ksc_step_parse(), zeroised and freed by ksc_step_free().
 */
struct ksc_step {
	u32 status;
	u32 consumed;
	u32 need;
	u8 *token;
	u32 token_len;
	u8 alert;
	u8 direction;
	char text[KSC_MAX_TEXT + 1];
	bool tickets;
	struct ksc_keys keys;
	struct ksc_question *question;
};

/**
 * struct ksc_question - a certificate that an application is to verify
 * @faults: enum ksc_fault
 * @len: bytes in @chain
 * @text: one line
 * @chain: the peer's certificates, in the format of KSC_A_CONTEXT_CHAIN
 *
 * Immutable once visible; owned by the step, then by the context.
 */
struct ksc_question {
	u32 faults;
	u32 len;
	char text[KSC_MAX_TEXT + 1];
	u8 chain[];
};

struct ksc_step *ksc_step_parse(struct genl_info *info);
void ksc_step_wipe(const struct genl_info *info);
void ksc_step_free(struct ksc_step *step);
int ksc_question_parse(struct ksc_step *step, struct nlattr **a);
void ksc_question_free(struct ksc_question *q);

#endif /* _KSC_HANDSHAKE_STEP_H */
