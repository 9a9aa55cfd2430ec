/* SPDX-License-Identifier: GPL-2.0-only */
/* offer.c: what an offer says of the step before. */
#ifndef KSC_OFFER_H
#define KSC_OFFER_H

#include "netlink.h"

void ksc_offer_answer(const struct ksc_offer *offer, struct ksc_engine *engine);

#endif
