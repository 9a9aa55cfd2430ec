/* SPDX-License-Identifier: GPL-2.0-only */
/* wants.c: the files, accounts and groups that a configuration names. */
#ifndef KSC_WANTS_H
#define KSC_WANTS_H

#include <stdbool.h>

#include "config/handed.h"
#include "config/settings.h"

/**
 * struct ksc_want - one of them
 * @kind: what it is; of members, the group's number is wanted as its name
 * @members: and of a group that has a name, who is in it
 * @name: its name, in the settings
 */
struct ksc_want {
	enum ksc_kind kind;
	bool members;
	const char *name;
};

/**
 * struct ksc_wants - all of them
 * @list: each once
 * @n: how many
 * @room: for how many there is room
 * @unwatched: changes of files are of no interest
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
