/* SPDX-License-Identifier: GPL-2.0-only */
/* Constants that the BPF programs and their loader share. */
#ifndef KSC_BPF_SCOPE_H
#define KSC_BPF_SCOPE_H

/* Maximum number of cgroups in scope, including deleted ones that are not removed yet */
#define KSC_SCOPES_MAX 4096

/* Maximum depth of a cgroup that is checked, counted from the root */
#define KSC_SCOPE_DEPTH 32

#endif /* KSC_BPF_SCOPE_H */
