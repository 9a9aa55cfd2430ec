// SPDX-License-Identifier: GPL-2.0-only
/* Parses values of settings. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/value.h"
#include "engine/credential.h"
#include "engine/name.h"

/* How a peer's certificate is verified */
const struct ksc_word ksc_verifications[] = {
	{ "none", KSC_VERIFY_NONE }, { "request", KSC_VERIFY_REQUEST },
	{ "require", KSC_VERIFY_REQUIRE }, { NULL, 0 },
};

/* Protocol versions */
const struct ksc_word ksc_versions[] = {
	{ "1.2", GNUTLS_TLS1_2 }, { "1.3", GNUTLS_TLS1_3 }, { NULL, 0 },
};

/**
 * ksc_take_word() - parse a setting that is one of several words
 * @file: gets complaints
 * @s: the setting
 * @words: the words, terminated by one without text
 * @value: set to the word's value
 *
 * Return: 0, or -1 after a complaint
 */
int ksc_take_word(struct ksc_settings *file, const struct ksc_setting *s,
		  const struct ksc_word *words, int *value)
{
	const struct ksc_word *w;
	char known[128] = "";
	size_t at = 0;

	for (w = words; w->text; w++) {
		if (!strcmp(w->text, s->value)) {
			*value = w->value;
			return 0;
		}
		at += (size_t)snprintf(known + at, sizeof(known) - at, "%s%s",
				       w == words ? "" : ", ", w->text);
	}
	ksc_complain(file, s->line, "%s: \"%s\" is not one of: %s", s->name, s->value, known);
	return -1;
}

/**
 * ksc_take_number() - parse a setting that is a number
 * @file: gets complaints
 * @s: the setting
 * @min: minimum
 * @max: maximum
 * @value: set, unless there is a complaint
 */
void ksc_take_number(struct ksc_settings *file, const struct ksc_setting *s,
		     unsigned int min, unsigned int max, unsigned int *value)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(s->value, &end, 10);
	if (!isdigit((unsigned char)s->value[0]) || *end || errno || n < min || n > max)
		ksc_complain(file, s->line, "%s: \"%s\" is not a number from %u to %u", s->name,
			     s->value, min, max);
	else
		*value = (unsigned int)n;
}

/**
 * ksc_take_list() - split "a, b,c" in place
 * @file: gets complaints
 * @s: the setting, whose value is modified
 * @items: set to the items, at most KSC_MAX_LIST
 *
 * Return: the number of items, or -1 after a complaint
 */
int ksc_take_list(struct ksc_settings *file, const struct ksc_setting *s, char **items)
{
	char *rest = s->value, *item;
	int n = 0;

	while ((item = strsep(&rest, ","))) {
		char *end;

		while (isspace((unsigned char)*item))
			item++;
		end = item + strlen(item);
		while (end > item && isspace((unsigned char)end[-1]))
			*--end = '\0';
		if (!*item) {
			ksc_complain(file, s->line, "%s: empty item in the list",
				     s->name);
			return -1;
		}
		if (n == KSC_MAX_LIST) {
			ksc_complain(file, s->line, "%s: the list is too long", s->name);
			return -1;
		}
		items[n++] = item;
	}
	return n;
}

/**
 * ksc_take_alpn() - parse a setting that is a list of application protocols
 * @file: gets complaints
 * @s: the setting
 * @list: ProtocolNameList that they are appended to
 * @len: its size in bytes
 */
void ksc_take_alpn(struct ksc_settings *file, const struct ksc_setting *s, uint8_t **list,
		   size_t *len)
{
	char *items[KSC_MAX_LIST];
	int i, n = ksc_take_list(file, s, items);

	for (i = 0; i < n; i++) {
		int rc = ksc_alpn_add(list, len, items[i]);

		ksc_check_memory(file, rc);
		if (rc == -EINVAL) {
			ksc_complain(file, s->line,
				     "alpn: \"%s\": at most %d protocols of at most %d bytes",
				     items[i], KSC_MAX_ALPN_NAMES, KSC_MAX_ALPN_NAME);
			return;
		}
	}
}

/**
 * ksc_check_memory() - complain if memory was short
 * @file: gets the complaint
 * @rc: result of a function that can return -ENOMEM
 */
void ksc_check_memory(struct ksc_settings *file, int rc)
{
	if (rc == -ENOMEM)
		ksc_complain(file, 0, "out of memory");
}

/**
 * ksc_is_id() - parse a user or group ID
 * @text: the number; 0xffffffff is not an ID
 * @id: set to it
 *
 * Return: whether @text is an ID
 */
bool ksc_is_id(const char *text, uint32_t *id)
{
	unsigned long number;

	if (!*text || strspn(text, "0123456789") != strlen(text))
		return false;
	errno = 0;
	number = strtoul(text, NULL, 10);
	*id = (uint32_t)number;
	return !errno && number < UINT32_MAX;
}

/**
 * ksc_is_title() - check the name of a section
 * @file: gets complaints
 * @line: line number
 * @what: type of the section
 * @name: the name
 * @max: maximum length of the name in bytes
 *
 * Return: true, or false after a complaint
 */
bool ksc_is_title(struct ksc_settings *file, unsigned int line, const char *what,
		  const char *name, int max)
{
	size_t len = strlen(name), i;

	if (!len || len > (size_t)max) {
		ksc_complain(file, line, "a %s's name has 1 to %d bytes", what, max);
		return false;
	}
	for (i = 0; name[i]; i++)
		if (iscntrl((unsigned char)name[i])) {
			ksc_complain(file, line, "a %s's name has no control characters", what);
			return false;
		}
	return true;
}
