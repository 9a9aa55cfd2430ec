/* SPDX-License-Identifier: GPL-2.0-only */
/* reader.c: a process that opens files for the confined daemon. */
#ifndef KSC_READER_H
#define KSC_READER_H

#include <sys/types.h>

/* Time limit for looking up owners of subordinate IDs, in milliseconds */
extern int ksc_reader_owners_ms;

int ksc_reader_start(const char *path, pid_t *pid);

#endif
