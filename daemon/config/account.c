// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accounts and groups by their names: wherever the C library finds them, or among those that
 * were handed over.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>

#include "config/account.h"
#include "config/handed.h"

/*
 * Why nothing was found: mostly since there is nothing, whatever errno is then. A service that
 * does not answer has not said so; who took it for that would shut out those who are there.
 */
static int why_not(int error)
{
	switch (error) {
	case EINTR:
	case EIO:
	case EAGAIN:
	case ENOMEM:
	case ENFILE:
	case EMFILE:
	case ERANGE:
	case ETIMEDOUT:
	case ECONNREFUSED:
	case ECONNRESET:
	case ECONNABORTED:
	case ENOTCONN:
	case EPIPE:
	case EPROTO:
	case ENOBUFS:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
		return -error;
	}
	return -ENOENT;
}

static int find_account(const char *name, uid_t *uid, gid_t *gid)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwnam(name);
	if (!pw)
		return why_not(errno);
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
	errno = 0;
	gr = getgrnam(name);
	if (!gr)
		return why_not(errno);
	*gid = gr->gr_gid;
	return 0;
}

/* Members that are no accounts are nobody's. */
static int find_members(gid_t gid, uid_t **uids, size_t *n)
{
	const struct group *gr;
	size_t count = 0, i;
	gid_t own;
	int rc = 0;

	errno = 0;
	gr = getgrgid(gid);
	if (!gr)
		return why_not(errno);
	while (gr->gr_mem[count])
		count++;
	if (count > KSC_MAX_MEMBERS)
		return -E2BIG;
	if (!count)
		return 0;
	*uids = calloc(count, sizeof(**uids));
	if (!*uids)
		return -ENOMEM;
	for (i = 0; i < count && (!rc || rc == -ENOENT); i++) {
		rc = find_account(gr->gr_mem[i], &(*uids)[*n], &own);
		*n += !rc;
	}
	return rc;
}

/**
 * ksc_group_members() - who is in a group beside those whose own it is
 * @gid: the group
 * @uids: set to an array of accounts, or NULL, to be freed whatever comes of it
 * @n: set to how many
 *
 * Return: 0, also if there is no such group; -E2BIG if they are more than KSC_MAX_MEMBERS, or
 * another negative errno, with which not all of them are known
 */
int ksc_group_members(gid_t gid, uid_t **uids, size_t *n)
{
	const struct ksc_handed *handed = ksc_handed_used();
	int rc;

	*uids = NULL;
	*n = 0;
	if (handed)
		return ksc_handed_members(handed, gid, uids, n);
	rc = find_members(gid, uids, n);
	return rc == -ENOENT ? 0 : rc;
}
