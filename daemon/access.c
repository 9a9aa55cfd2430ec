// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who can read a file, by owner, group and mode of it and of the directories above it, which
 * keep people out as well: certificates' tools have left keys that all may read in a
 * directory that only root may enter.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "access.h"
#include "account.h"

static int add_gate(struct ksc_access *access, const struct stat *st, bool has_acl, mode_t bit)
{
	struct ksc_gate *bigger, *gate;
	/* An ACL may shut out whom the mode lets in; where there is one, only the owner passes. */
	const bool group = st->st_mode & (bit << 3) && !has_acl;
	const bool others = st->st_mode & bit && !has_acl;

	if (group && others && st->st_mode & (bit << 6))
		return 0;
	bigger = reallocarray(access->gates, access->n + 1, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	access->gates = bigger;
	gate = &bigger[access->n++];
	*gate = (struct ksc_gate) { .uid = st->st_uid, .gid = st->st_gid, .group = group,
				    .owner = st->st_mode & (bit << 6), .others = others };
	/* No matter who is in a group that passes, or does not, as all others do. */
	if (group == others)
		return 0;
	return ksc_group_members(st->st_gid, &gate->members, &gate->n_members);
}

static bool directory_acl(const char *path)
{
	const ssize_t len = getxattr(path, KSC_FILE_ACL, NULL, 0);

	return ksc_file_acl_counts(len, errno);
}

/* From the file's own directory up to the root, which cuts @path down. */
static int add_directories(struct ksc_access *access, char *path)
{
	struct stat st;
	char *slash;
	int rc = 0;

	while (!rc && (slash = strrchr(path, '/'))) {
		*slash = '\0';
		if (stat(*path ? path : "/", &st))
			return -errno;
		rc = add_gate(access, &st, directory_acl(*path ? path : "/"), 0001);
	}
	return rc;
}

/**
 * ksc_access_note() - find out who can read a file
 * @access: zeroed; filled in
 * @file: the file, which has been read
 *
 * Return: 0, also when that is not known, or -ENOMEM
 */
int ksc_access_note(struct ksc_access *access, const struct ksc_file *file)
{
	char path[PATH_MAX];
	struct stat st;
	int rc;

	/* Who gets to it by its real name has got to it; links need not be asked. */
	if (!realpath(file->path, path) || stat(path, &st) || st.st_dev != file->st.st_dev ||
	    st.st_ino != file->st.st_ino)
		return 0;
	rc = add_gate(access, &file->st, file->has_acl, 0004);
	if (!rc)
		rc = add_directories(access, path);
	access->known = !rc;
	return rc == -ENOMEM ? rc : 0;
}

static bool passes(const struct ksc_gate *gate, uid_t uid, gid_t gid)
{
	bool in_group = gid == gate->gid;
	size_t i;

	/* As the kernel does: the first class that one belongs to decides. */
	if (uid == gate->uid)
		return gate->owner;
	for (i = 0; i < gate->n_members; i++)
		in_group |= gate->members[i] == uid;
	return in_group ? gate->group : gate->others;
}

/**
 * ksc_access_allows() - whether somebody can read the file
 * @access: who can
 * @uid: who asks
 * @gid: and of which group
 *
 * Return: true for root, and for those who can without privileges
 */
bool ksc_access_allows(const struct ksc_access *access, uid_t uid, gid_t gid)
{
	size_t i;

	if (!uid)
		return true;
	for (i = 0; i < access->n; i++)
		if (!passes(&access->gates[i], uid, gid))
			return false;
	return access->known;
}

/**
 * ksc_access_free() - forget who can read a file
 * @access: who can
 */
void ksc_access_free(struct ksc_access *access)
{
	size_t i;

	for (i = 0; i < access->n; i++)
		free(access->gates[i].members);
	free(access->gates);
	memset(access, 0, sizeof(*access));
}
