/* SPDX-License-Identifier: GPL-2.0 */
/* Cgroups whose TCP sockets have to be ours, by BPF programs. */
#ifndef KSC_CTL_GUARD_H
#define KSC_CTL_GUARD_H

const char *ctl_cannot_guard(void);
int ctl_guard_add(const char *cgroup);
int ctl_guard_remove(const char *cgroup);

#endif /* KSC_CTL_GUARD_H */
