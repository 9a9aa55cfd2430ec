/* SPDX-License-Identifier: GPL-2.0-only */
/* Flows: the properties of connections that rules match. */
#ifndef _KSC_POLICY_FLOW_H
#define _KSC_POLICY_FLOW_H

#include <linux/types.h>
#include <linux/uidgid.h>

#include "compat/compat.h"

struct ksc_flow;
struct sock;

/**
 * struct ksc_asked - the address that a program asked to connect to, if redirected
 * @addr: in network order; of IPv4 the first 4 bytes
 * @port: port
 * @family: enum ksc_rule_family; KSC_RULE_ANY if it got what it asked for
 */
struct ksc_asked {
	u8 addr[16];
	u16 port;
	u16 family;
};

void ksc_flow_of_sock(struct ksc_flow *f, const struct sock *sk, u8 role, kuid_t uid, kgid_t gid);
void ksc_asked_parse(struct ksc_asked *asked, const struct ksc_sockaddr *addr, int len);
u64 ksc_policy_cgroup_root(void);
void ksc_flow_of_asked(struct ksc_flow *to, const struct ksc_flow *flow,
		       const struct ksc_asked *asked);

#endif /* _KSC_POLICY_FLOW_H */
