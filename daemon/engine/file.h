/* SPDX-License-Identifier: GPL-2.0-only */
/* file.c: contents of a file that the configuration names, and who has access to it. */
#ifndef KSC_FILE_H
#define KSC_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <gnutls/gnutls.h>

/* Maximum number of directories above a file, limited by the length of a path. */
#define KSC_MAX_WAY	2048

/**
 * struct ksc_door - access to a directory above a file, or to the file itself
 * @uid: its owner
 * @gid: its group
 * @mode: its mode
 * @has_acl: it has an access control list
 */
struct ksc_door {
	uid_t uid;
	gid_t gid;
	mode_t mode;
	bool has_acl;
};

/**
 * struct ksc_way - access to a file
 * @known: the directories above it are known
 * @file: the file itself
 * @doors: the directories, from the file's own up to the root
 * @n: number of directories
 */
struct ksc_way {
	bool known;
	struct ksc_door file;
	struct ksc_door *doors;
	size_t n;
};

/**
 * struct ksc_file - a file
 * @path: its path
 * @data: its contents, followed by a NUL
 * @way: access to the file that was read, whatever has the path now
 * @borrowed: @data and @way belong to another owner, who outlives this
 */
struct ksc_file {
	const char *path;
	gnutls_datum_t data;
	struct ksc_way way;
	bool borrowed;
};

void ksc_way_free(struct ksc_way *way);
void ksc_file_free(struct ksc_file *file);

#endif
