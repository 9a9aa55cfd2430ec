/* SPDX-License-Identifier: GPL-2.0-only */
/* guard.c: cgroups whose TCP sockets need the ULP, by BPF programs. */
#ifndef KSC_CTL_GUARD_H
#define KSC_CTL_GUARD_H

#include <stdbool.h>

const char *ctl_cannot_guard(void);
bool ctl_guards_by_default(void);
int ctl_guard_add(const char *cgroup);
int ctl_guard_remove(const char *cgroup);

#endif /* KSC_CTL_GUARD_H */
