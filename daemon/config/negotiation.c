// SPDX-License-Identifier: GPL-2.0-only
/* A credential's settings for negotiation: versions, suites, groups, signature algorithms. */
#include <errno.h>
#include <string.h>

#include "common/util.h"
#include "config/negotiation.h"
#include "config/value.h"

static void take_names(struct ksc_settings *file, const struct ksc_setting *s,
		       struct ksc_priority *priority,
		       int (*add)(struct ksc_priority *priority, const char *name))
{
	char *items[KSC_MAX_LIST];
	int i, n = ksc_take_list(file, s, items);

	for (i = 0; i < n; i++) {
		switch (add(priority, items[i])) {
		case 0:
			break;
		case -EEXIST:
			ksc_complain(file, s->line, "%s: \"%s\" is already listed", s->name,
				     items[i]);
			break;
		case -ENOENT:
			ksc_complain(file, s->line, "%s: unknown name \"%s\"", s->name, items[i]);
			break;
		default:
			ksc_complain(file, s->line, "%s: the list is too long at \"%s\"", s->name,
				     items[i]);
			return;
		}
	}
}

static void take_base(struct ksc_settings *file, const struct ksc_setting *s,
		      struct ksc_priority *priority)
{
	size_t at;
	int rc = ksc_priority_set_base(priority, s->value, &at);

	if (rc == GNUTLS_E_MEMORY_ERROR)
		ksc_check_memory(file, -ENOMEM);
	else if (rc < 0)
		ksc_complain(file, s->line, "priority: GnuTLS does not understand \"%s\"",
			     s->value + at);
}

static void take_version(struct ksc_settings *file, const struct ksc_setting *s,
			 gnutls_protocol_t *version)
{
	int value = 0;

	if (!ksc_take_word(file, s, ksc_versions, &value))
		*version = (gnutls_protocol_t)value;
}

/**
 * ksc_negotiation_take() - parse a credential's setting, if it is for negotiation
 * @file: gets complaints
 * @s: the setting
 * @priority: updated
 *
 * Return: true if it is for negotiation
 */
bool ksc_negotiation_take(struct ksc_settings *file, const struct ksc_setting *s,
			  struct ksc_priority *priority)
{
	if (!strcmp(s->name, "min-version"))
		take_version(file, s, &priority->min_version);
	else if (!strcmp(s->name, "max-version"))
		take_version(file, s, &priority->max_version);
	else if (!strcmp(s->name, "suites"))
		take_names(file, s, priority, ksc_priority_add_cipher);
	else if (!strcmp(s->name, "supported-groups"))
		take_names(file, s, priority, ksc_priority_add_group);
	else if (!strcmp(s->name, "signatures"))
		take_names(file, s, priority, ksc_priority_add_sign);
	else if (!strcmp(s->name, "priority"))
		take_base(file, s, priority);
	else
		return false;
	return true;
}
