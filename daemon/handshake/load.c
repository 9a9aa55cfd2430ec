// SPDX-License-Identifier: GPL-2.0-only
/* Loads the policy into the kernel, which takes all of it or nothing, and the limits. */
#include <errno.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include "handshake/load.h"

/* Size at which a message takes no more rules, and the maximum size of a rule. */
#define MESSAGE_FULL	32768
#define RULE_SIZE	2048
/* Maximum size of a message with all limits. */
#define LIMITS_SIZE	1024
/* Each attempt fails only if the socket overruns before the reply arrives. */
#define TRIES		8

static int put_prefix(struct nl_msg *msg, int addr, int len, const struct ksc_prefix *p)
{
	if (p->family == AF_UNSPEC)
		return 0;
	return nla_put(msg, addr, p->family == AF_INET ? 4 : 16, p->addr) ||
	       nla_put_u8(msg, len, p->len);
}

static int put_rule(struct nl_msg *msg, const struct ksc_rule *rule)
{
	struct nlattr *nest = nla_nest_start(msg, KSC_A_POLICY_RULE | NLA_F_NESTED);

	if (!nest || nla_put_string(msg, KSC_A_RULE_NAME, rule->name) ||
	    nla_put_u32(msg, KSC_A_RULE_ACTION, rule->action) ||
	    nla_put_u32(msg, KSC_A_RULE_DIRECTIONS, rule->directions) ||
	    put_prefix(msg, KSC_A_RULE_LOCAL, KSC_A_RULE_LOCAL_LEN, &rule->local) ||
	    put_prefix(msg, KSC_A_RULE_REMOTE, KSC_A_RULE_REMOTE_LEN, &rule->remote) ||
	    nla_put_u16(msg, KSC_A_RULE_LOCAL_PORT_MIN, (uint16_t)rule->local_port.min) ||
	    nla_put_u16(msg, KSC_A_RULE_LOCAL_PORT_MAX, (uint16_t)rule->local_port.max) ||
	    nla_put_u16(msg, KSC_A_RULE_REMOTE_PORT_MIN, (uint16_t)rule->remote_port.min) ||
	    nla_put_u16(msg, KSC_A_RULE_REMOTE_PORT_MAX, (uint16_t)rule->remote_port.max) ||
	    nla_put_u32(msg, KSC_A_RULE_UID_MIN, rule->uid.min) ||
	    nla_put_u32(msg, KSC_A_RULE_UID_MAX, rule->uid.max) ||
	    nla_put_u32(msg, KSC_A_RULE_GID_MIN, rule->gid.min) ||
	    nla_put_u32(msg, KSC_A_RULE_GID_MAX, rule->gid.max) ||
	    (rule->cgroup && nla_put_string(msg, KSC_A_RULE_CGROUP, rule->cgroup)) ||
	    (rule->connect && nla_put_u32(msg, KSC_A_RULE_CONNECT, rule->connect)))
		return -ENOMEM;
	nla_nest_end(msg, nest);
	return 0;
}

static int begin(struct ksc_netlink *nl, uint64_t generation, const struct ksc_rules *rules)
{
	struct nl_msg *msg = ksc_netlink_message(nl, KSC_CMD_POLICY_BEGIN, MESSAGE_FULL);

	if (!msg || nla_put_u64(msg, KSC_A_POLICY_GENERATION, generation) ||
	    nla_put_u32(msg, KSC_A_POLICY_COUNT, (uint32_t)rules->n)) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	return ksc_netlink_ask(nl, msg);
}

/* Adds as many rules as fit into a message. */
static int add(struct ksc_netlink *nl, const struct ksc_rules *rules, size_t *at)
{
	struct nl_msg *msg = ksc_netlink_message(nl, KSC_CMD_POLICY_ADD, MESSAGE_FULL + RULE_SIZE);

	if (!msg)
		return -ENOMEM;
	for (; *at < rules->n && nlmsg_hdr(msg)->nlmsg_len < MESSAGE_FULL; (*at)++)
		if (put_rule(msg, &rules->list[*at])) {
			nlmsg_free(msg);
			return -ENOMEM;
		}
	return ksc_netlink_ask(nl, msg);
}

static int load(struct ksc_netlink *nl, uint64_t generation, const struct ksc_rules *rules)
{
	int rc = begin(nl, generation, rules);
	struct nl_msg *msg;
	size_t at = 0;

	while (!rc && at < rules->n)
		rc = add(nl, rules, &at);
	if (rc)
		return rc;
	msg = ksc_netlink_message(nl, KSC_CMD_POLICY_COMMIT, NLMSG_HDRLEN + GENL_HDRLEN);
	return msg ? ksc_netlink_ask(nl, msg) : -ENOMEM;
}

/**
 * ksc_load_policy() - load a policy into the kernel
 * @nl: the registered socket
 * @generation: its generation
 * @rules: the rules
 *
 * Offers are handled meanwhile; some can refer to the new policy before this returns. If a reply is
 * lost, it is unknown which policy the kernel has: the policy is loaded again, which changes
 * nothing if it is there.
 *
 * Return: 0, or a negative errno if the kernel has kept its policy; with -ENOBUFS, if every reply
 * was lost, it may have the new one
 */
int ksc_load_policy(struct ksc_netlink *nl, uint64_t generation, const struct ksc_rules *rules)
{
	int rc = -ENOBUFS, i;

	for (i = 0; rc == -ENOBUFS && i < TRIES; i++)
		rc = load(nl, generation, rules);
	return rc;
}

static int set_limits(struct ksc_netlink *nl, const struct ksc_limits *limits)
{
	struct nl_msg *msg = ksc_netlink_message(nl, KSC_CMD_LIMITS_SET, LIMITS_SIZE);
	int i;

	if (!msg)
		return -ENOMEM;
	for (i = 0; i <= KSC_A_LIMITS_MAX; i++)
		if (limits->set[i] && nla_put_u32(msg, i, limits->values[i]))
			goto full;
	if (limits->n_trusted && nla_put(msg, KSC_A_LIMITS_TRUSTED, (int)(17 * limits->n_trusted),
					 limits->trusted))
		goto full;
	return ksc_netlink_ask(nl, msg);
full:
	nlmsg_free(msg);
	return -ENOMEM;
}

/**
 * ksc_load_limits() - load limits into the kernel
 * @nl: the registered socket
 * @limits: the limits; those that are not set get their defaults
 *
 * Return: 0 or a negative errno
 */
int ksc_load_limits(struct ksc_netlink *nl, const struct ksc_limits *limits)
{
	int rc = -ENOBUFS, i;

	for (i = 0; rc == -ENOBUFS && i < TRIES; i++)
		rc = set_limits(nl, limits);
	return rc;
}
