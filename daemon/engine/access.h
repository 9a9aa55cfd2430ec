/* SPDX-License-Identifier: GPL-2.0-only */
/* access.c: who can read a file. */
#ifndef KSC_ACCESS_H
#define KSC_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "engine/file.h"
#include "engine/groups.h"

/* The bits of a mode, for others: permission for a file, and for a directory above it. */
#define KSC_ACCESS_READ		0004
#define KSC_ACCESS_ENTER	0001

/**
 * typedef ksc_members_fn - look up the members of a group, except those whose primary group it is
 * @gid: the group
 * @uids: set to an array of user IDs, or NULL; the caller frees it, also after an error
 * @n: set to their number
 *
 * Return: 0, or a negative errno, after which some may be missing
 */
typedef int ksc_members_fn(gid_t gid, uid_t **uids, size_t *n);

/**
 * struct ksc_gate - a directory above a file, or the file itself
 * @uid: its owner
 * @gid: its group
 * @owner: the owner has access
 * @group: the group has access
 * @others: others have access
 * @members: users with @gid as a supplementary group
 * @n_members: number of members
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
 * struct ksc_access - who can read one or more files
 * @noted: there is a file
 * @known: the answer is known; otherwise only root can
 * @error: why a group's members are unknown, as a negative errno, or 0
 * @gates: files and directories that some users have no access to
 * @n: number of these
 */
struct ksc_access {
	bool noted;
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
