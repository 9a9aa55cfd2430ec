/* SPDX-License-Identifier: GPL-2.0-only */
/* read.c: opens and reads files, whole. */
#ifndef KSC_READ_H
#define KSC_READ_H

#include <sys/stat.h>

#include "engine/file.h"

/* More than the authorities of the world take, and rules for each port. */
#define KSC_MAX_FILE	(16U << 20)

int ksc_file_open(const char *path, struct stat *st);
int ksc_file_take(struct ksc_file *file, int fd);

#endif
