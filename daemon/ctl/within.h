/* SPDX-License-Identifier: GPL-2.0-only */
/* A program in a cgroup of its own, whose TCP sockets are ours. */
#ifndef KSC_CTL_WITHIN_H
#define KSC_CTL_WITHIN_H

#include <stdbool.h>
#include <stdint.h>

/* What shells return when a command cannot be run, and when there is none. */
#define EXIT_CANNOT_RUN 126
#define EXIT_NOT_FOUND 127

int ctl_run_within(const char *path, char **command, uint32_t protocol, bool guard);

#endif /* KSC_CTL_WITHIN_H */
