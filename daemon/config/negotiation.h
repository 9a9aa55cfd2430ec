/* SPDX-License-Identifier: GPL-2.0-only */
/* negotiation.c: a credential's settings for negotiation. */
#ifndef KSC_NEGOTIATION_H
#define KSC_NEGOTIATION_H

#include <stdbool.h>

#include "config/settings.h"
#include "engine/priority.h"

bool ksc_negotiation_take(struct ksc_settings *file, const struct ksc_setting *s,
			  struct ksc_priority *priority);

#endif
