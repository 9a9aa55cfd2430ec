// SPDX-License-Identifier: GPL-2.0-only
/* Accounts and groups by their names. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>

#include "account.h"

/**
 * ksc_account_find() - look up an account
 * @name: its name
 * @uid: set to its number
 * @gid: set to its own group
 *
 * Return: 0, or -1 if there is none
 */
int ksc_account_find(const char *name, uid_t *uid, gid_t *gid)
{
	const struct passwd *pw = getpwnam(name);

	if (!pw)
		return -1;
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return 0;
}

/**
 * ksc_group_find() - look up a group
 * @name: its name
 * @gid: set to its number
 *
 * Return: 0, or -1 if there is none
 */
int ksc_group_find(const char *name, gid_t *gid)
{
	const struct group *gr = getgrnam(name);

	if (!gr)
		return -1;
	*gid = gr->gr_gid;
	return 0;
}

/**
 * ksc_group_members() - who is in a group beside those whose own it is
 * @gid: the group
 * @uids: set to an array of accounts, or NULL, to be freed whatever comes of it
 * @n: set to how many
 *
 * Return: 0, also if there is no such group, or -ENOMEM
 */
int ksc_group_members(gid_t gid, uid_t **uids, size_t *n)
{
	const struct group *gr = getgrgid(gid);
	size_t all = 0, i;
	gid_t own;

	*uids = NULL;
	*n = 0;
	while (gr && gr->gr_mem[all])
		all++;
	if (!all)
		return 0;
	*uids = calloc(all, sizeof(**uids));
	if (!*uids)
		return -ENOMEM;
	for (i = 0; i < all; i++)
		if (!ksc_account_find(gr->gr_mem[i], &(*uids)[*n], &own))
			(*n)++;
	return 0;
}
