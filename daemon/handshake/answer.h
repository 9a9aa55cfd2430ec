/* SPDX-License-Identifier: GPL-2.0-only */
/* answer.c: answers to what a handshake has asked. */
#ifndef KSC_ANSWER_H
#define KSC_ANSWER_H

#include "engine/engine.h"

/**
 * struct ksc_answer - answer of the application, or the kernel's reason to abort; with a token
 * @verdict: verdict on the peer's certificate, if one was asked for
 * @alert: the alert to reject the peer or abort the handshake with, or 0
 * @credential: the credential whose certificate is sent, if one was asked for, or ""
 * @status: KSC_STATUS_OK, or why the kernel aborts the handshake
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
