/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The policy of a network namespace; see rules.h for the rules themselves, load.c for how they are
 * loaded.
 */
#ifndef _KSC_POLICY_POLICY_H
#define _KSC_POLICY_POLICY_H

#include <linux/kschannel_netlink.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct ksc_flow;
struct ksc_net;
struct ksc_policy_load;
struct ksc_rules;
struct sk_buff;

/**
 * struct ksc_policy - the policy of a network namespace, immutable
 * @generation: the daemon's number for it
 * @count: number of rules
 * @rules: the rules
 */
struct ksc_policy {
	u64 generation;
	u32 count;
	struct ksc_rules *rules;
};

/**
 * struct ksc_policies - a network namespace's policy
 * @policy: NULL until a daemon has loaded one; RCU, replaced under @load_lock
 * @policy_seq: counts the policies
 * @load_lock: protects @load and replacing @policy
 * @load: the policy that the daemon is loading, or NULL
 */
struct ksc_policies {
	struct ksc_policy __rcu *policy;
	u32 policy_seq;
	struct mutex load_lock;	/* load, replacing policy */
	struct ksc_policy_load *load;
};

/**
 * struct ksc_ruling - the policy's decision on a connection
 * @generation: which policy; 0 when none was loaded
 * @rule: number of its rule, or KSC_NO_RULE
 * @action: enum ksc_rule_action of that rule
 * @connect: enum ksc_connect of that rule
 * @by_policy: the policy decides whether it is protected (KSC_POLICY), not just how
 * @made: the rest is valid
 */
struct ksc_ruling {
	u64 generation;
	u32 rule;
	u8 action;
	u8 connect;
	bool by_policy;
	bool made;
};

int ksc_policies_init(struct ksc_net *kn);
void ksc_policies_exit(struct ksc_net *kn);
bool ksc_policy_rule_name(struct ksc_net *kn, const struct ksc_ruling *ruling,
			  char name[KSC_MAX_RULE_NAME + 1]);
void ksc_policy_lookup(struct ksc_net *kn, const struct ksc_flow *flow,
		       const struct ksc_flow *asked, struct ksc_ruling *ruling);
u32 ksc_policy_find(struct ksc_net *kn, const struct ksc_policy *policy,
		    const struct ksc_flow *flow, const struct ksc_flow *asked);
int ksc_policy_describe(struct sk_buff *msg, const struct ksc_ruling *r);
int ksc_policy_put_name(struct sk_buff *msg, int attr, struct ksc_net *kn,
			const struct ksc_ruling *ruling);
void ksc_policy_free(struct ksc_policy *policy);

#endif /* _KSC_POLICY_POLICY_H */
