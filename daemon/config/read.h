/* SPDX-License-Identifier: GPL-2.0-only */
/* read.c: opens and reads whole files. */
#ifndef KSC_READ_H
#define KSC_READ_H

#include <sys/stat.h>

#include "engine/file.h"

/* More than all public authorities need, or a rule for each port. */
#define KSC_MAX_FILE	(16U << 20)

int ksc_file_open(const char *path, struct stat *st);
int ksc_file_take(struct ksc_file *file, int fd);

#endif
