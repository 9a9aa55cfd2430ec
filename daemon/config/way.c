// SPDX-License-Identifier: GPL-2.0-only
/*
 * The directories above a file: some tools leave keys with mode 0644 in a directory that only root
 * may search.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "config/way.h"

/* If it is unknown whether a file has an ACL, it is assumed to have one. */
static bool acl_counts(ssize_t len, int error)
{
	return len >= 0 || (error != ENODATA && error != EOPNOTSUPP);
}

/* The path of a directory is not reliable: directories can be renamed meanwhile. */
static bool dir_has_acl(int dir)
{
	char name[32];
	ssize_t len;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", dir);
	len = getxattr(name, KSC_FILE_ACL, NULL, 0);
	return acl_counts(len, errno);
}

static int look_at(int dir, struct statx *st)
{
	if (statx(dir, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, st))
		return -errno;
	return st->stx_mask & STATX_MNT_ID ? 0 : -EOPNOTSUPP;
}

static int add_door(struct ksc_way *way, int dir, const struct statx *st)
{
	struct ksc_door *bigger;

	if (way->n == KSC_MAX_WAY)
		return -E2BIG;
	bigger = reallocarray(way->doors, way->n + 1, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	way->doors = bigger;
	bigger[way->n++] = (struct ksc_door) {
		.uid = st->stx_uid, .gid = st->stx_gid, .mode = st->stx_mode,
		.has_acl = dir_has_acl(dir),
	};
	return 0;
}

/* Only the root is its own parent; the same directory may also be mounted elsewhere. */
static bool is_same(const struct statx *a, const struct statx *b)
{
	return a->stx_ino == b->stx_ino && a->stx_dev_major == b->stx_dev_major &&
	       a->stx_dev_minor == b->stx_dev_minor && a->stx_mnt_id == b->stx_mnt_id;
}

/* Returns a directory's parent, or a negative errno; @st is set to the parent's status. */
static int find_above(int dir, struct statx *st)
{
	const int above = openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (above < 0)
		return -errno;
	rc = look_at(above, st);
	if (!rc)
		return above;
	close(above);
	return rc;
}

/* Walks from a directory up to the root; consumes @dir. */
static int climb(struct ksc_way *way, int dir)
{
	struct statx here, above = { 0 };
	bool is_root = false;
	int rc = look_at(dir, &here), up;

	while (!rc && !is_root) {
		rc = add_door(way, dir, &here);
		if (rc)
			break;
		up = find_above(dir, &above);
		close(dir);
		dir = up;
		rc = up < 0 ? up : 0;
		is_root = !rc && is_same(&here, &above);
		here = above;
	}
	if (dir >= 0)
		close(dir);
	return rc;
}

/* Opens the directory of the file; returns a negative errno on failure. */
static int find_dir(const char *path, const struct stat *st)
{
	char real[PATH_MAX], *name;
	struct stat now;
	int dir;

	/* The real path decides about access; symlinks on the path need not be checked. */
	if (!realpath(path, real))
		return -errno;
	name = strrchr(real, '/');
	*name++ = '\0';
	dir = open(*real ? real : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	if (!fstatat(dir, name, &now, AT_SYMLINK_NOFOLLOW) && now.st_dev == st->st_dev &&
	    now.st_ino == st->st_ino)
		return dir;
	close(dir);
	return -ENOENT;
}

/**
 * ksc_way_find() - find the directories above a file
 * @way: zeroed; filled in; the caller frees it, also after an error
 * @fd: the file
 * @path: its path
 * @st: its status; if another file has the path by now, the directories are unknown
 *
 * They are found upwards from the file's own directory: each is in the next, whatever the owner of
 * one of them renames or links meanwhile.
 *
 * Return: 0, also if they are unknown, or -ENOMEM
 */
int ksc_way_find(struct ksc_way *way, int fd, const char *path, const struct stat *st)
{
	const ssize_t len = fgetxattr(fd, KSC_FILE_ACL, NULL, 0);
	int dir, rc;

	way->file = (struct ksc_door) { .uid = st->st_uid, .gid = st->st_gid, .mode = st->st_mode,
					.has_acl = acl_counts(len, errno) };
	dir = find_dir(path, st);
	rc = dir < 0 ? dir : climb(way, dir);
	way->known = !rc;
	return rc == -ENOMEM ? rc : 0;
}
