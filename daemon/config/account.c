// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looks up accounts and groups by name: by the C library, or among those that the reader has handed
 * over.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>

#include "config/account.h"
#include "config/handed.h"

/*
 * Why nothing was found: usually because it does not exist, with any errno. An account service that
 * does not answer is different: treating its accounts as missing would lock out their owners.
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
 * @uid: set to its user ID
 * @gid: set to its primary group
 *
 * Return: 0, -ENOENT if it does not exist, or another negative errno
 */
int ksc_account_find(const char *name, uid_t *uid, gid_t *gid)
{
	const struct ksc_handed *handed = ksc_handed_used();

	return handed ? ksc_handed_account(handed, name, uid, gid) : find_account(name, uid, gid);
}

/**
 * ksc_group_find() - look up a group
 * @name: its name
 * @gid: set to its group ID
 *
 * Return: 0, -ENOENT if it does not exist, or another negative errno
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

/* Members without an account are ignored. */
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
 * ksc_group_members() - look up the members of a group, except those whose primary group it is
 * @gid: the group
 * @uids: set to an array of user IDs, or NULL; the caller frees it, also after an error
 * @n: set to their number
 *
 * Return: 0, also if the group does not exist; -E2BIG for more than KSC_MAX_MEMBERS, or another
 * negative errno, after which some may be missing
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
