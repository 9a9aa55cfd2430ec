/* SPDX-License-Identifier: GPL-2.0-only */
/* fields.c: the fields after the event's name in a log line. */
#ifndef KSC_FIELDS_H
#define KSC_FIELDS_H

#include <stddef.h>

/**
 * struct ksc_fields - " key=value" for each field
 * @text: NUL-terminated
 * @len: its length in bytes
 */
struct ksc_fields {
	char text[900];
	size_t len;
};

void ksc_fields_add(struct ksc_fields *fields, const char *key, const char *value);
void ksc_fields_number(struct ksc_fields *fields, const char *key, unsigned long value);

#endif
