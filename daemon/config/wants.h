/* SPDX-License-Identifier: GPL-2.0-only */
/* wants.c: the files, accounts and groups that a configuration names. */
#ifndef KSC_WANTS_H
#define KSC_WANTS_H

#include <stdbool.h>

#include "config/handed.h"
#include "config/settings.h"

/**
 * struct ksc_want - an item that a configuration names
 * @kind: its kind; for members, the name is the group's ID
 * @members: the members of this group are needed, too
 * @name: its name, in the settings
 */
struct ksc_want {
	enum ksc_kind kind;
	bool members;
	const char *name;
};

/**
 * struct ksc_wants - all items
 * @list: the items, each once
 * @n: number of items
 * @room: capacity of @list
 * @unwatched: files are not watched
 */
struct ksc_wants {
	struct ksc_want *list;
	size_t n;
	size_t room;
	bool unwatched;
};

int ksc_wants_collect(struct ksc_wants *wants, struct ksc_settings *file);
void ksc_wants_free(struct ksc_wants *wants);

#endif
