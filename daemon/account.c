// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accounts and groups by their names: wherever the C library finds them, or among those that
 * were handed over.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>

#include "account.h"
#include "handed.h"

static int find_account(const char *name, uid_t *uid, gid_t *gid)
{
	const struct passwd *pw = getpwnam(name);

	if (!pw)
		return -ENOENT;
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return 0;
}

/**
 * ksc_account_find() - look up an account
 * @name: its name
 * @uid: set to its number
 * @gid: set to its own group
 *
 * Return: 0, -ENOENT if there is none, or another negative errno
 */
int ksc_account_find(const char *name, uid_t *uid, gid_t *gid)
{
	const struct ksc_handed *handed = ksc_handed_used();

	return handed ? ksc_handed_account(handed, name, uid, gid) : find_account(name, uid, gid);
}

/**
 * ksc_group_find() - look up a group
 * @name: its name
 * @gid: set to its number
 *
 * Return: 0, -ENOENT if there is none, or another negative errno
 */
int ksc_group_find(const char *name, gid_t *gid)
{
	const struct ksc_handed *handed = ksc_handed_used();
	const struct group *gr;

	if (handed)
		return ksc_handed_group(handed, name, gid);
	gr = getgrnam(name);
	if (!gr)
		return -ENOENT;
	*gid = gr->gr_gid;
	return 0;
}

/* Members that are no accounts are nobody's. */
static int find_members(gid_t gid, uid_t **uids, size_t *n)
{
	const struct group *gr = getgrgid(gid);
	size_t count = 0, i;
	gid_t own;

	while (gr && gr->gr_mem[count])
		count++;
	if (count > KSC_MAX_MEMBERS)
		return -E2BIG;
	if (!count)
		return 0;
	*uids = calloc(count, sizeof(**uids));
	if (!*uids)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		if (!find_account(gr->gr_mem[i], &(*uids)[*n], &own))
			(*n)++;
	return 0;
}

/**
 * ksc_group_members() - who is in a group beside those whose own it is
 * @gid: the group
 * @uids: set to an array of accounts, or NULL, to be freed whatever comes of it
 * @n: set to how many
 *
 * Return: 0, also if there is no such group; -E2BIG if they are more than KSC_MAX_MEMBERS, or
 * another negative errno
 */
int ksc_group_members(gid_t gid, uid_t **uids, size_t *n)
{
	const struct ksc_handed *handed = ksc_handed_used();

	*uids = NULL;
	*n = 0;
	return handed ? ksc_handed_members(handed, gid, uids, n) : find_members(gid, uids, n);
}
