/* SPDX-License-Identifier: GPL-2.0-only */
/* answer.c: what is said to what the step before has asked. */
#ifndef KSC_ANSWER_H
#define KSC_ANSWER_H

#include "engine/engine.h"

/**
 * struct ksc_answer - what comes with a token
 * @verdict: on the peer's certificate, if one was asked for
 * @alert: to reject, or to give up: which to send, or 0
 * @credential: the one whose certificate is shown, if one was asked for, or ""
 * @status: KSC_STATUS_OK, or why the kernel gives the handshake up
 * @text: with @status: one line, or ""
 */
struct ksc_answer {
	enum ksc_verdict verdict;
	uint8_t alert;
	char credential[KSC_MAX_NAME + 1];
	enum ksc_status status;
	char text[KSC_MAX_TEXT + 1];
};

void ksc_answer_give(const struct ksc_answer *answer, struct ksc_engine *engine);

#endif
