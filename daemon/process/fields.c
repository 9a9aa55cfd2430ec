// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fields of a log line. A value that a peer has chosen cannot look like another field: it is quoted
 * unless it is a plain word.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "process/fields.h"

/* The end of a truncated value */
#define CUT	"...\""
/* Minimum size of a field besides its name: a space, "=", a quote, and an end */
#define LEAST	(3 + sizeof(CUT))

static bool is_plain(const char *value)
{
	for (; *value; value++)
		if (!isalnum((unsigned char)*value) && !strchr("._-:/@+%[]*", *value))
			return false;
	return true;
}

static void put(struct ksc_fields *fields, const char *bytes, size_t len)
{
	memcpy(fields->text + fields->len, bytes, len);
	fields->len += len;
	fields->text[fields->len] = '\0';
}

/* Truncates what does not fit. There is always room for the quotes and the dots. */
static void put_quoted(struct ksc_fields *fields, const char *value)
{
	put(fields, "\"", 1);
	for (; *value; value++) {
		const char escaped[] = { '\\', *value };
		const bool escape = *value == '"' || *value == '\\';

		if (fields->len + 2 + strlen(CUT) >= sizeof(fields->text)) {
			put(fields, CUT, strlen(CUT));
			return;
		}
		put(fields, escape ? escaped : value, escape ? 2 : 1);
	}
	put(fields, "\"", 1);
}

/**
 * ksc_fields_add() - add a field
 * @fields: zeroed before the first call
 * @key: its name, a plain word
 * @value: its value; NULL or "" omits the field, and so does lack of room for its name
 */
void ksc_fields_add(struct ksc_fields *fields, const char *key, const char *value)
{
	const size_t room = sizeof(fields->text) - fields->len, len = strlen(key);

	if (!value || !*value || len + LEAST > room)
		return;
	put(fields, " ", 1);
	put(fields, key, len);
	put(fields, "=", 1);
	if (is_plain(value) && len + 2 + strlen(value) < room)
		put(fields, value, strlen(value));
	else
		put_quoted(fields, value);
}

/**
 * ksc_fields_number() - add a number
 * @fields: zeroed before the first call
 * @key: its name, a plain word
 * @value: its value
 */
void ksc_fields_number(struct ksc_fields *fields, const char *key, unsigned long value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lu", value);
	ksc_fields_add(fields, key, text);
}
