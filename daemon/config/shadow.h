/* SPDX-License-Identifier: GPL-2.0-only */
/* shadow.c: finds the rules of a policy that never match. */
#ifndef KSC_SHADOW_H
#define KSC_SHADOW_H

#include "engine/rule.h"

int ksc_shadow_find(const struct ksc_rules *rules, size_t *by);

#endif
