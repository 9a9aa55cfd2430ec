/* SPDX-License-Identifier: GPL-2.0-only */
/* names.c: the names of the interface's numbers, as its specification has them. */
#ifndef KSC_NAMES_H
#define KSC_NAMES_H

#include <stdint.h>

#include "common/word.h"

/* What a rule is about: connections that are made, accepted, or both. */
extern const struct ksc_word ksc_directions[];

const char *ksc_word_text(const struct ksc_word *words, uint32_t value);
const char *ksc_role_name(uint32_t role);
const char *ksc_phase_name(uint32_t phase);
const char *ksc_status_name(uint32_t status);
const char *ksc_direction_name(uint32_t direction);
const char *ksc_action_name(uint32_t action);

#endif
