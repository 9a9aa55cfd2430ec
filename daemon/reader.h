/* SPDX-License-Identifier: GPL-2.0-only */
/* reader.c: a process that opens what the configuration names, for a daemon that may not. */
#ifndef KSC_READER_H
#define KSC_READER_H

#include <sys/types.h>

int ksc_reader_start(const char *path, pid_t *pid);

#endif
