/* SPDX-License-Identifier: GPL-2.0-only */
/* run.c: ways to give the ULP to a program's sockets. */
#ifndef KSC_CTL_RUN_H
#define KSC_CTL_RUN_H

#include <limits.h>
#include <stdbool.h>

enum ctl_way { CTL_WAY_AUTO, CTL_WAY_PRELOAD, CTL_WAY_BPF };

struct argp_state;

enum ctl_way ctl_parse_way(const char *arg, struct argp_state *state);
void ctl_find_library(char path[PATH_MAX]);

#endif /* KSC_CTL_RUN_H */
