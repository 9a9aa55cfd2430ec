/* SPDX-License-Identifier: GPL-2.0-only */
/* file.c: a file that the configuration names, read as a whole. */
#ifndef KSC_FILE_H
#define KSC_FILE_H

#include <stdbool.h>
#include <sys/stat.h>
#include <gnutls/gnutls.h>

#include "way.h"

/* More than the authorities of the world take, and rules for each port. */
#define KSC_MAX_FILE	(16U << 20)

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

int ksc_file_open(const char *path, struct stat *st);
int ksc_file_take(struct ksc_file *file, int fd);
int ksc_file_find(struct ksc_file *file, const char *path);
int ksc_file_read(struct ksc_file *file, const char *path, const char **why);
const char *ksc_file_fault(int error);
void ksc_file_free(struct ksc_file *file);

#endif
