/* SPDX-License-Identifier: GPL-2.0-only */
/* policy.c: requests about the kernel's policy. */
#ifndef KSC_CTL_POLICY_H
#define KSC_CTL_POLICY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netlink/attr.h>

#include <linux/kschannel.h>

/**
 * union ctl_address - an address and a port
 * @sa: for the family
 * @in: IPv4
 * @in6: IPv6
 */
union ctl_address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/**
 * struct ctl_flow - a connection, as rules see it
 * @direction: enum ksc_rule_direction, 0 if not given
 * @peer: the peer
 * @local: our end
 * @uid: owner
 * @gid: owner's group
 * @cgroup: path of its cgroup, NULL if unknown
 * @via: the address that its program asked for, AF_UNSPEC if that is @peer
 */
struct ctl_flow {
	uint32_t direction;
	union ctl_address peer;
	union ctl_address local;
	uint32_t uid;
	uint32_t gid;
	char *cgroup;
	union ctl_address via;
};

/**
 * struct ctl_match - the rule that matches a connection
 * @loaded: a policy is loaded
 * @found: a rule matches
 * @number: its index in the policy
 * @action: its action
 * @name: its name
 */
struct ctl_match {
	bool loaded;
	bool found;
	uint32_t number;
	enum ksc_rule_action action;
	char name[KSC_MAX_RULE_NAME + 1];
};

/**
 * struct ctl_rules - receiver of the rules
 * @restart: forgets the rules so far, because the dump is repeated
 * @rule: called for each rule, in order, with its attributes, enum ksc_a_rule
 * @arg: passed to these functions
 */
struct ctl_rules {
	void (*restart)(void *arg);
	void (*rule)(struct nlattr **rule, void *arg);
	void *arg;
};

int ctl_policy_rules(const struct ctl_rules *rules);
int ctl_policy_match(const struct ctl_flow *flow, struct ctl_match *match);

#endif /* KSC_CTL_POLICY_H */
