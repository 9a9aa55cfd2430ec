/* SPDX-License-Identifier: GPL-2.0-only */
/* way.c: a file's mode, and the directories above it, which keep people out of it as well. */
#ifndef KSC_WAY_H
#define KSC_WAY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* The extended attribute that an access ACL is. */
#define KSC_FILE_ACL	"system.posix_acl_access"

/* Most directories above a file: of no more can a name be. */
#define KSC_MAX_WAY	2048

/**
 * struct ksc_door - what is to be passed on the way to a file's content: a directory, or itself
 * @uid: its owner
 * @gid: its group
 * @mode: who passes
 * @has_acl: its mode is not all that says so
 */
struct ksc_door {
	uid_t uid;
	gid_t gid;
	mode_t mode;
	bool has_acl;
};

/**
 * struct ksc_way - the way into a file
 * @known: the directories above it were found
 * @file: the file itself
 * @doors: the directories, from the file's own up to the root
 * @n: how many
 */
struct ksc_way {
	bool known;
	struct ksc_door file;
	struct ksc_door *doors;
	size_t n;
};

int ksc_way_find(struct ksc_way *way, int fd, const char *path, const struct stat *st);
void ksc_way_free(struct ksc_way *way);

#endif
