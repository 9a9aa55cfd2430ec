// SPDX-License-Identifier: GPL-2.0-only
/* Answers to what a handshake has asked, and requests to abort it. */
#include <stdio.h>

#include "handshake/answer.h"

/* On behalf of the kernel, which found a fault, or else of the application. */
static void give_up(const struct ksc_answer *answer, struct ksc_engine *engine)
{
	char text[KSC_MAX_TEXT + 1];

	if (ksc_status_is_failure(answer->status)) {
		ksc_engine_give_up(engine, answer->status, answer->alert, answer->text);
		return;
	}
	snprintf(text, sizeof(text), "The application aborted the handshake: %s (%u).",
		 ksc_alert_name(answer->alert), answer->alert);
	ksc_engine_give_up(engine, KSC_STATUS_CANCELLED, answer->alert, text);
}

/**
 * ksc_answer_give() - pass an answer to the engine, if it has asked
 * @answer: the answer
 * @engine: the engine, before its next step
 */
void ksc_answer_give(const struct ksc_answer *answer, struct ksc_engine *engine)
{
	ksc_engine_pick(engine, answer->credential);
	if (answer->verdict != KSC_VERDICT_NONE)
		ksc_engine_decide(engine, answer->verdict, answer->alert);
	else if (answer->alert)
		give_up(answer, engine);
}
