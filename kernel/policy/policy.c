// SPDX-License-Identifier: GPL-2.0-only
/*
 * The policy of a network namespace: look-ups of a connection's rule.
 *
 * If the application itself requested TLS, the connection is protected, and the policy only says
 * how: the daemon handles that by the rule's number. If TLS was requested on behalf of the
 * application (KSC_POLICY), the first matching rule decides whether the connection is protected or
 * stays plaintext; without a match it stays plaintext. A connection that was redirected has a rule
 * for each address, and the stronger one decides. The rule is looked up once, when both
 * addresses are known and before the first byte: it applies for the connection's lifetime.
 */
#include <linux/cgroup.h>
#include <linux/kschannel_netlink.h>
#include <linux/net.h>
#include <linux/nsproxy.h>
#include <linux/slab.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>
#include <net/netlink.h>
#include <net/tcp.h>

#include "net.h"
#include "policy/policy.h"
#include "policy/rules.h"

#define CREATE_TRACE_POINTS
#include "policy/trace.h"

/* ---- decisions ---- */

/**
 * ksc_policy_find() - find the rule of a connection
 * @kn: namespace, or NULL for a query about a hypothetical connection
 * @policy: its policy
 * @flow: the connection
 * @asked: the connection that was asked for, if redirected; or NULL
 *
 * Rules may name a service by either address: a rule that protects one of them protects both.
 *
 * Context: RCU. Return: the rule's number, or KSC_NO_RULE.
 */
u32 ksc_policy_find(struct ksc_net *kn, const struct ksc_policy *policy,
		    const struct ksc_flow *flow, const struct ksc_flow *asked)
{
	u32 rule = ksc_rules_find(policy->rules, flow), asked_rule, chosen;

	if (!asked)
		return rule;
	asked_rule = ksc_rules_find(policy->rules, asked);
	if (asked_rule == rule)
		return rule;
	chosen = ksc_rules_stronger(policy->rules, asked_rule, rule);
	if (kn) {
		ksc_count(kn, KSC_CNT_POLICY_DIFFERS);
		trace_ksc_policy_differs(kn->net->ns.inum, policy->generation, asked, asked_rule,
					 flow, rule, chosen);
	}
	return chosen;
}

/**
 * ksc_policy_rule_name() - the name of a ruling's rule
 * @kn: namespace
 * @ruling: the policy's ruling; may change meanwhile
 * @name: set; empty without a rule
 *
 * Context: any. Return: false without a rule, or if its policy was replaced.
 */
bool ksc_policy_rule_name(struct ksc_net *kn, const struct ksc_ruling *ruling,
			  char name[KSC_MAX_RULE_NAME + 1])
{
	const struct ksc_rule *rule = NULL;
	const struct ksc_policy *policy;

	rcu_read_lock();
	policy = rcu_dereference(kn->policies->policy);
	if (policy && READ_ONCE(ruling->generation) == policy->generation)
		rule = ksc_rules_get(policy->rules, READ_ONCE(ruling->rule));
	strscpy(name, rule ? rule->name : "", KSC_MAX_RULE_NAME + 1);
	rcu_read_unlock();
	return rule;
}

/**
 * ksc_policy_lookup() - look up a connection's rule
 * @kn: namespace
 * @flow: the connection
 * @asked: the connection that was asked for, if redirected; or NULL
 * @ruling: by_policy is kept, the rest is set
 *
 * Context: any.
 */
void ksc_policy_lookup(struct ksc_net *kn, const struct ksc_flow *flow,
		       const struct ksc_flow *asked, struct ksc_ruling *ruling)
{
	const struct ksc_rule *rule = NULL;
	const struct ksc_policy *policy;

	ruling->generation = 0;
	ruling->rule = KSC_NO_RULE;
	ruling->action = KSC_RULE_ACTION_NEVER;
	ruling->connect = KSC_CONNECT_DEFAULT;
	ruling->made = true;
	rcu_read_lock();
	policy = rcu_dereference(kn->policies->policy);
	if (policy) {
		ruling->generation = policy->generation;
		ruling->rule = ksc_policy_find(kn, policy, flow, asked);
		rule = ksc_rules_get(policy->rules, ruling->rule);
	}
	if (rule) {
		ruling->action = rule->action;
		ruling->connect = rule->connect;
	}
	rcu_read_unlock();
}

/* ---- messages ---- */

/**
 * ksc_policy_describe() - put a connection's ruling into a message to the daemon
 * @msg: context-new
 * @r: the policy's ruling
 *
 * Context: the socket's lock. Return: 0 or -EMSGSIZE.
 */
int ksc_policy_describe(struct sk_buff *msg, const struct ksc_ruling *r)
{
	if (r->by_policy && nla_put_flag(msg, KSC_A_CONTEXT_BY_POLICY))
		return -EMSGSIZE;
	if (!r->made || !r->generation)
		return 0;
	if (nla_put_u64_64bit(msg, KSC_A_CONTEXT_GENERATION, r->generation, 0))
		return -EMSGSIZE;
	return r->rule == KSC_NO_RULE ? 0 : nla_put_u32(msg, KSC_A_CONTEXT_RULE, r->rule);
}

/**
 * ksc_policy_put_name() - put the name of a connection's rule into a message
 * @msg: message
 * @attr: attribute for it
 * @kn: namespace
 * @ruling: the policy's ruling
 *
 * Context: process. Return: 0, also without a rule or if its policy was replaced; or -EMSGSIZE.
 */
int ksc_policy_put_name(struct sk_buff *msg, int attr, struct ksc_net *kn,
			const struct ksc_ruling *ruling)
{
	char name[KSC_MAX_RULE_NAME + 1];

	return ksc_policy_rule_name(kn, ruling, name) ? nla_put_string(msg, attr, name) : 0;
}

/**
 * ksc_policy_free() - free a policy
 * @policy: without users, or NULL
 *
 * Context: process.
 */
void ksc_policy_free(struct ksc_policy *policy)
{
	if (policy)
		ksc_rules_free(policy->rules);
	kfree(policy);
}

/**
 * ksc_policies_init() - set up a namespace's policy
 * @kn: namespace
 *
 * Context: process. Return: 0 or -ENOMEM.
 */
int ksc_policies_init(struct ksc_net *kn)
{
	kn->policies = kzalloc(sizeof(*kn->policies), GFP_KERNEL_ACCOUNT);
	if (!kn->policies)
		return -ENOMEM;
	mutex_init(&kn->policies->load_lock);
	return 0;
}

/**
 * ksc_policies_exit() - undo ksc_policies_init()
 * @kn: namespace without sockets and daemon, or one that is not set up
 *
 * Context: process.
 */
void ksc_policies_exit(struct ksc_net *kn)
{
	if (kn->policies)
		ksc_policy_free(rcu_dereference_protected(kn->policies->policy, true));
	kfree(kn->policies);
}
