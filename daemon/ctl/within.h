/* SPDX-License-Identifier: GPL-2.0-only */
/* within.c: runs a program in a cgroup of its own, whose TCP sockets get the ULP. */
#ifndef KSC_CTL_WITHIN_H
#define KSC_CTL_WITHIN_H

#include <stdbool.h>
#include <stdint.h>

/* Shells' exit statuses for a command that cannot be run, and for one that is not found */
#define EXIT_CANNOT_RUN 126
#define EXIT_NOT_FOUND 127

int ctl_run_within(const char *path, char **command, uint32_t protocol, bool guard);

#endif /* KSC_CTL_WITHIN_H */
