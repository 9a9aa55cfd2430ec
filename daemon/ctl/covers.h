/* SPDX-License-Identifier: GPL-2.0-only */
/* covers.c: compares cgroups and addresses with those of rules. */
#ifndef KSC_CTL_COVERS_H
#define KSC_CTL_COVERS_H

#include <stdbool.h>
#include <stdint.h>

#include <netlink/attr.h>

bool ctl_covers_cgroup(const char *cgroup, struct nlattr *wanted);
bool ctl_has_prefix(const uint8_t *addr, const uint8_t *prefix, unsigned int bits);

#endif /* KSC_CTL_COVERS_H */
