/* SPDX-License-Identifier: GPL-2.0-only */
/* load.c: loading the policy into the kernel. */
#ifndef KSC_LOAD_H
#define KSC_LOAD_H

#include "netlink.h"
#include "rule.h"

int ksc_load_policy(struct ksc_netlink *nl, uint64_t generation, const struct ksc_rules *rules);

#endif
