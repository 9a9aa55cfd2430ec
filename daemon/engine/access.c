// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who can read a file, by owner, group and mode of the file and of the directories above it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/access.h"

/* An ACL can deny what the mode allows; with an ACL, only the owner has access. */
static bool lets(const struct ksc_door *door, mode_t bit)
{
	return door->mode & bit && !door->has_acl;
}

/**
 * ksc_access_asks_group() - check whether the members of a file's group matter
 * @door: the file or directory
 * @bit: KSC_ACCESS_READ or KSC_ACCESS_ENTER
 *
 * Return: false if all others have the same access as members
 */
bool ksc_access_asks_group(const struct ksc_door *door, mode_t bit)
{
	return lets(door, bit << 3) != lets(door, bit);
}

static int add_gate(struct ksc_access *access, const struct ksc_door *door, mode_t bit,
		    ksc_members_fn *members)
{
	struct ksc_gate *bigger, *gate;
	const bool group = lets(door, bit << 3);
	const bool others = lets(door, bit);

	if (group && others && door->mode & (bit << 6))
		return 0;
	bigger = reallocarray(access->gates, access->n + 1, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	access->gates = bigger;
	gate = &bigger[access->n++];
	*gate = (struct ksc_gate) { .uid = door->uid, .gid = door->gid, .group = group,
				    .owner = door->mode & (bit << 6), .others = others };
	if (!ksc_access_asks_group(door, bit))
		return 0;
	return members(door->gid, &gate->members, &gate->n_members);
}

/**
 * ksc_access_note() - find out who can read a file
 * @access: zeroed; filled in, or narrowed to those who can read this file, too
 * @file: the file, which has been read
 * @members: looks up the members of a group
 *
 * Return: 0, also if the answer is unknown, or -ENOMEM
 */
int ksc_access_note(struct ksc_access *access, const struct ksc_file *file,
		    ksc_members_fn *members)
{
	const bool first = !access->noted;
	size_t i;
	int rc;

	access->noted = true;
	if (!file->way.known || !(first || access->known)) {
		access->known = false;
		return 0;
	}
	rc = add_gate(access, &file->way.file, KSC_ACCESS_READ, members);
	for (i = 0; !rc && i < file->way.n; i++)
		rc = add_gate(access, &file->way.doors[i], KSC_ACCESS_ENTER, members);
	access->known = !rc;
	access->error = rc;
	return rc == -ENOMEM ? rc : 0;
}

/*
 * Root of another network namespace may be that of a container without a user namespace, which is
 * confined to its own files in ways that are not visible here.
 */
static bool is_nobody(const struct ksc_who *who)
{
	return !who->uid && who->elsewhere;
}

static bool passes(const struct ksc_gate *gate, const struct ksc_who *who)
{
	bool in_group = who->gid == gate->gid || ksc_groups_have(who->groups, gate->gid);
	size_t i;

	if (is_nobody(who))
		return gate->others;
	/* As in the kernel, the first class that the caller belongs to decides. */
	if (who->uid == gate->uid)
		return gate->owner;
	for (i = 0; i < gate->n_members; i++)
		in_group |= gate->members[i] == who->uid;
	return in_group ? gate->group : gate->others;
}

/**
 * ksc_access_allows() - check whether a caller can read the file
 * @access: who can read it
 * @who: the caller
 *
 * Return: true for root, except of another network namespace, and for those who can without
 * privileges
 */
bool ksc_access_allows(const struct ksc_access *access, const struct ksc_who *who)
{
	size_t i;

	if (!who->uid && !is_nobody(who))
		return true;
	for (i = 0; i < access->n; i++)
		if (!passes(&access->gates[i], who))
			return false;
	return access->known;
}

/**
 * ksc_access_free() - free the members
 * @access: who can read a file
 */
void ksc_access_free(struct ksc_access *access)
{
	size_t i;

	for (i = 0; i < access->n; i++)
		free(access->gates[i].members);
	free(access->gates);
	memset(access, 0, sizeof(*access));
}
