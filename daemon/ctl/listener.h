/* SPDX-License-Identifier: GPL-2.0-only */
/* listener.c: which rules the connections of a listener can match. */
#ifndef KSC_CTL_LISTENER_H
#define KSC_CTL_LISTENER_H

#include <stdbool.h>

#include <netlink/attr.h>

#include "ctl/policy.h"

/**
 * enum ctl_share - how many of a listener's connections a rule matches
 * @CTL_SHARE_NONE: none
 * @CTL_SHARE_SOME: some, depending on their addresses
 * @CTL_SHARE_ALL: all, so that later rules never match
 */
enum ctl_share { CTL_SHARE_NONE, CTL_SHARE_SOME, CTL_SHARE_ALL };

enum ctl_share ctl_listener_share(struct nlattr **rule, const struct ctl_flow *listener,
				  bool v6only);

#endif /* KSC_CTL_LISTENER_H */
