// SPDX-License-Identifier: GPL-2.0-only
/*
 * The directories above a file: certificates' tools have left keys that all may read in a
 * directory that only root may enter.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "way.h"

/* Where it is not known whether there is one, it counts. */
static bool acl_counts(ssize_t len, int error)
{
	return len >= 0 || (error != ENODATA && error != EOPNOTSUPP);
}

static int add_door(struct ksc_way *way, const char *path)
{
	struct ksc_door *bigger;
	struct stat st;
	ssize_t len;

	if (stat(path, &st))
		return -errno;
	len = getxattr(path, KSC_FILE_ACL, NULL, 0);
	bigger = reallocarray(way->doors, way->n + 1, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	way->doors = bigger;
	bigger[way->n++] = (struct ksc_door) {
		.uid = st.st_uid, .gid = st.st_gid, .mode = st.st_mode,
		.has_acl = acl_counts(len, errno),
	};
	return 0;
}

/**
 * ksc_way_find() - find the way into a file
 * @way: zeroed; filled in, and to be freed whatever comes of it
 * @fd: the file
 * @path: its name
 * @st: what it is; if something else has the name by now, the directories are not known
 *
 * Return: 0, also when they are not known, or -ENOMEM
 */
int ksc_way_find(struct ksc_way *way, int fd, const char *path, const struct stat *st)
{
	const ssize_t len = fgetxattr(fd, KSC_FILE_ACL, NULL, 0);
	char real[PATH_MAX], *slash;
	struct stat now;
	int rc = 0;

	way->file = (struct ksc_door) { .uid = st->st_uid, .gid = st->st_gid, .mode = st->st_mode,
					.has_acl = acl_counts(len, errno) };
	/* Who gets to it by its real name has got to it; links need not be asked. */
	if (!realpath(path, real) || stat(real, &now) || now.st_dev != st->st_dev ||
	    now.st_ino != st->st_ino)
		return 0;
	while (!rc && (slash = strrchr(real, '/'))) {
		*slash = '\0';
		rc = add_door(way, *real ? real : "/");
	}
	way->known = !rc;
	return rc == -ENOMEM ? rc : 0;
}

/**
 * ksc_way_free() - forget a way
 * @way: the way
 */
void ksc_way_free(struct ksc_way *way)
{
	free(way->doors);
	memset(way, 0, sizeof(*way));
}
