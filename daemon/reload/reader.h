/* SPDX-License-Identifier: GPL-2.0-only */
/* reader.c: a process that opens what the configuration names, for a daemon that may not. */
#ifndef KSC_READER_H
#define KSC_READER_H

#include <sys/types.h>

/* How long owners of subordinate ids are looked for, in milliseconds */
extern int ksc_reader_owners_ms;

int ksc_reader_start(const char *path, pid_t *pid);

#endif
