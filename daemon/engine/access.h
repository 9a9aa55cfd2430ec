/* SPDX-License-Identifier: GPL-2.0-only */
/* access.c: who can read a file. */
#ifndef KSC_ACCESS_H
#define KSC_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "engine/file.h"
#include "engine/groups.h"

/* Of a mode, as it is for others: what is asked of a file, and of a directory above it. */
#define KSC_ACCESS_READ		0004
#define KSC_ACCESS_ENTER	0001

/**
 * typedef ksc_members_fn - tells who is in a group beside those whose own it is
 * @gid: the group
 * @uids: set to an array of accounts, or NULL, to be freed whatever comes of it
 * @n: set to how many
 *
 * Return: 0, or a negative errno, with which not all of them are known
 */
typedef int ksc_members_fn(gid_t gid, uid_t **uids, size_t *n);

/**
 * struct ksc_gate - what has to be passed on the way into a file: a directory, or itself
 * @uid: its owner
 * @gid: its group
 * @owner: the owner passes
 * @group: the group does
 * @others: the others do
 * @members: accounts that have @gid beside their own group
 * @n_members: how many
 */
struct ksc_gate {
	uid_t uid;
	gid_t gid;
	bool owner;
	bool group;
	bool others;
	uid_t *members;
	size_t n_members;
};

/**
 * struct ksc_access - who can read a file
 * @known: there is an answer; without one, only root can
 * @error: why it is not known who is in a group, as a negative errno, or 0
 * @gates: those that are not open to everybody
 * @n: how many
 */
struct ksc_access {
	bool known;
	int error;
	struct ksc_gate *gates;
	size_t n;
};

bool ksc_access_asks_group(const struct ksc_door *door, mode_t bit);
int ksc_access_note(struct ksc_access *access, const struct ksc_file *file,
		    ksc_members_fn *members);
bool ksc_access_allows(const struct ksc_access *access, const struct ksc_who *who);
void ksc_access_free(struct ksc_access *access);

#endif
