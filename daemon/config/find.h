/* SPDX-License-Identifier: GPL-2.0-only */
/* find.c: finds files that the configuration names, wherever they are. */
#ifndef KSC_FIND_H
#define KSC_FIND_H

#include "engine/file.h"

int ksc_file_find(struct ksc_file *file, const char *path);
int ksc_file_read(struct ksc_file *file, const char *path, const char **why);
const char *ksc_file_fault(int error);

#endif
