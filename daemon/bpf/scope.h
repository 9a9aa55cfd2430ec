/* SPDX-License-Identifier: GPL-2.0-only */
/* What the BPF program and its loader have in common. */
#ifndef KSC_BPF_SCOPE_H
#define KSC_BPF_SCOPE_H

/* Most cgroups in scope, those that are gone but not yet forgotten among them */
#define KSC_SCOPES_MAX 4096

/* Deepest cgroup that is looked at, counted from the root */
#define KSC_SCOPE_DEPTH 32

#endif /* KSC_BPF_SCOPE_H */
