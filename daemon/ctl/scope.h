/* SPDX-License-Identifier: GPL-2.0-only */
/* scope.c: cgroups whose TCP sockets get the ULP, by a BPF program. */
#ifndef KSC_CTL_SCOPE_H
#define KSC_CTL_SCOPE_H

#include <limits.h>
#include <stdint.h>

struct argp_state;

const char *ctl_cannot_scope(void);
int ctl_scope_add(const char *cgroup, uint32_t protocol, uint64_t *id);
void ctl_scope_remove(uint64_t id);
void ctl_parse_cgroup(const char *arg, char path[PATH_MAX], struct argp_state *state);
int ctl_own_cgroup(char path[PATH_MAX]);
int ctl_service_cgroup(char path[PATH_MAX]);

#endif /* KSC_CTL_SCOPE_H */
