// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds the files, accounts and groups that a configuration names. Errors are reported by the load.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/material.h"
#include "config/policy.h"
#include "config/value.h"
#include "config/wants.h"

static int add(struct ksc_wants *wants, enum ksc_kind kind, const char *name, bool members)
{
	struct ksc_want *bigger;

	if (wants->n == wants->room) {
		wants->room = wants->room ? 2 * wants->room : 16;
		bigger = reallocarray(wants->list, wants->room, sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		wants->list = bigger;
	}
	wants->list[wants->n++] = (struct ksc_want) { .kind = kind, .members = members,
						      .name = name };
	return 0;
}

static int add_file(struct ksc_wants *wants, const char *path)
{
	/* "system" is not a file */
	return *path == '/' ? add(wants, KSC_KIND_FILE, path, false) : 0;
}

static int add_files(struct ksc_wants *wants, struct ksc_settings *file,
		     const struct ksc_setting *s)
{
	char *items[KSC_MAX_LIST];
	int i, n, rc = 0;

	if (!ksc_is_material_list(s))
		return add_file(wants, s->value);
	n = ksc_take_list(file, s, items);
	for (i = 0; !rc && i < n; i++)
		rc = add_file(wants, items[i]);
	return rc;
}

static int add_id(struct ksc_wants *wants, enum ksc_kind kind, const char *name, bool members)
{
	uint32_t id;

	if (!ksc_is_id(name, &id))
		return add(wants, kind, name, members);
	return members ? add(wants, KSC_KIND_MEMBERS, name, false) : 0;
}

static int add_list(struct ksc_wants *wants, struct ksc_settings *file,
		    const struct ksc_setting *s, enum ksc_kind kind)
{
	char *items[KSC_MAX_LIST];
	int i, n = ksc_take_list(file, s, items), rc = 0;

	for (i = 0; !rc && i < n; i++)
		rc = add_id(wants, kind, items[i], kind == KSC_KIND_GROUP);
	return rc;
}

static int take(struct ksc_wants *wants, struct ksc_settings *file,
		const struct ksc_section *section, const struct ksc_setting *s)
{
	const bool daemon = !strcmp(section->name, "daemon");

	if (ksc_config_credential_name(section)) {
		if (ksc_is_material(s))
			return add_files(wants, file, s);
		if (!strcmp(s->name, "users"))
			return add_list(wants, file, s, KSC_KIND_ACCOUNT);
		if (!strcmp(s->name, "groups"))
			return add_list(wants, file, s, KSC_KIND_GROUP);
	} else if (daemon || ksc_policy_rule_name(section)) {
		if (!strcmp(s->name, "user"))
			return daemon ? add(wants, KSC_KIND_ACCOUNT, s->value, false) :
					add_id(wants, KSC_KIND_ACCOUNT, s->value, false);
		if (!strcmp(s->name, "group"))
			return add_id(wants, KSC_KIND_GROUP, s->value, false);
		if (daemon && !strcmp(s->name, "watch"))
			wants->unwatched = !strcmp(s->value, "no");
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct ksc_want *x = a, *y = b;
	int rc = 0;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	rc = strcmp(x->name, y->name);
	/* of two equal items, the one with members is sorted first, and kept */
	return rc ? rc : (int)y->members - (int)x->members;
}

/**
 * ksc_wants_collect() - find what a configuration names
 * @wants: zeroed; filled in; the caller frees it, also after an error
 * @file: the configuration, whose lists are modified
 *
 * Return: 0 or -ENOMEM
 */
int ksc_wants_collect(struct ksc_wants *wants, struct ksc_settings *file)
{
	size_t i, k, n = 0;
	int rc = 0;

	for (i = 0; !rc && i < file->n; i++) {
		const struct ksc_section *section = &file->sections[i];

		for (k = 0; !rc && k < section->n; k++)
			rc = take(wants, file, section, &section->settings[k]);
	}
	if (rc || !wants->n)
		return rc;
	qsort(wants->list, wants->n, sizeof(*wants->list), compare);
	for (i = 0; i < wants->n; i++)
		if (!n || wants->list[n - 1].kind != wants->list[i].kind ||
		    strcmp(wants->list[n - 1].name, wants->list[i].name))
			wants->list[n++] = wants->list[i];
	wants->n = n;
	return 0;
}

/**
 * ksc_wants_free() - free the items
 * @wants: the items
 */
void ksc_wants_free(struct ksc_wants *wants)
{
	free(wants->list);
	*wants = (struct ksc_wants) { 0 };
}
