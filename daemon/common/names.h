/* SPDX-License-Identifier: GPL-2.0-only */
/* names.c: names of the interface's numbers, as in its specification. */
#ifndef KSC_NAMES_H
#define KSC_NAMES_H

#include <stdint.h>

#include "common/word.h"

/* Connections that a rule applies to: outgoing, accepted, or both. */
extern const struct ksc_word ksc_directions[];

const char *ksc_word_text(const struct ksc_word *words, uint32_t value);
const char *ksc_role_name(uint32_t role);
const char *ksc_phase_name(uint32_t phase);
const char *ksc_status_name(uint32_t status);
const char *ksc_direction_name(uint32_t direction);
const char *ksc_action_name(uint32_t action);

#endif
