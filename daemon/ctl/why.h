/* SPDX-License-Identifier: GPL-2.0-only */
/* why.c: why a rule does not match a connection. */
#ifndef KSC_CTL_WHY_H
#define KSC_CTL_WHY_H

#include <netlink/attr.h>

#include "ctl/policy.h"

char *ctl_why_not(struct nlattr **rule, const struct ctl_flow *flow);

#endif /* KSC_CTL_WHY_H */
