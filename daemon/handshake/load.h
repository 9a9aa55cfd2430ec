/* SPDX-License-Identifier: GPL-2.0-only */
/* load.c: loads the policy and limits into the kernel. */
#ifndef KSC_LOAD_H
#define KSC_LOAD_H

#include "config/quota.h"
#include "engine/rule.h"
#include "handshake/netlink.h"

int ksc_load_policy(struct ksc_netlink *nl, uint64_t generation, const struct ksc_rules *rules);
int ksc_load_limits(struct ksc_netlink *nl, const struct ksc_limits *limits);

#endif
