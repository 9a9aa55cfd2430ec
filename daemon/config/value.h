/* SPDX-License-Identifier: GPL-2.0-only */
/* value.c: parses values of settings: words, numbers, lists, IDs. */
#ifndef KSC_VALUE_H
#define KSC_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/word.h"
#include "config/settings.h"

#define KSC_MAX_LIST	64

extern const struct ksc_word ksc_verifications[];
extern const struct ksc_word ksc_versions[];

int ksc_take_word(struct ksc_settings *file, const struct ksc_setting *s,
		  const struct ksc_word *words, int *value);
void ksc_take_number(struct ksc_settings *file, const struct ksc_setting *s,
		     unsigned int min, unsigned int max, unsigned int *value);
int ksc_take_list(struct ksc_settings *file, const struct ksc_setting *s, char **items);
void ksc_take_alpn(struct ksc_settings *file, const struct ksc_setting *s, uint8_t **list,
		   size_t *len);
void ksc_check_memory(struct ksc_settings *file, int rc);
bool ksc_is_title(struct ksc_settings *file, unsigned int line, const char *what,
		  const char *name, int max);
bool ksc_is_id(const char *text, uint32_t *id);

#endif
