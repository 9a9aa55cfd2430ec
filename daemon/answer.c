// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel says to what a handshake has asked, or that it is given up. */
#include <stdio.h>

#include "offer.h"

/* The kernel has found a fault, or else the application has had enough. */
static void give_up(const struct ksc_offer *offer, struct ksc_engine *engine)
{
	char text[KSC_MAX_TEXT + 1];

	if (ksc_status_is_failure(offer->status)) {
		ksc_engine_give_up(engine, offer->status, offer->alert, offer->text);
		return;
	}
	snprintf(text, sizeof(text), "The application gave the handshake up: %s (%u).",
		 ksc_alert_name(offer->alert), offer->alert);
	ksc_engine_give_up(engine, KSC_STATUS_CANCELLED, offer->alert, text);
}

/**
 * ksc_offer_answer() - tell the engine what was answered, if there was a question
 * @offer: what came
 * @engine: whose step is next
 */
void ksc_offer_answer(const struct ksc_offer *offer, struct ksc_engine *engine)
{
	ksc_engine_pick(engine, offer->credential);
	if (offer->verdict != KSC_VERDICT_NONE)
		ksc_engine_decide(engine, offer->verdict, offer->alert);
	else if (offer->alert)
		give_up(offer, engine);
}
