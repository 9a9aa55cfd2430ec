/* SPDX-License-Identifier: GPL-2.0-only */
/* file.c: what was read of a file that the configuration names, and who gets to it. */
#ifndef KSC_FILE_H
#define KSC_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <gnutls/gnutls.h>

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

/**
 * struct ksc_file - a file
 * @path: its name
 * @data: what is in it, and a NUL behind that
 * @way: the way into what was read, whatever has the name by now
 * @borrowed: @data and @way belong to another, who is there for longer
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
