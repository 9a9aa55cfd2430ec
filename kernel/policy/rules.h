/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rule sets, and their matching against connections. Pure code: no sockets, no locks, no memory
 * but a rule set's own.
 */
#ifndef _KSC_POLICY_RULES_H
#define _KSC_POLICY_RULES_H

#include <linux/types.h>

#include <linux/kschannel_netlink.h>

#define KSC_RULE_DIRECTIONS	(KSC_RULE_DIRECTION_CONNECT | KSC_RULE_DIRECTION_ACCEPT)

/* ksc_rules_find(): no match */
#define KSC_NO_RULE		(~0U)

/* enum ksc_rule_family - family of an address or prefix */
enum ksc_rule_family {
	KSC_RULE_ANY,		/* a prefix: matches any address */
	KSC_RULE_V4,		/* also IPv4 in an IPv6 socket */
	KSC_RULE_V6,
};

/**
 * struct ksc_prefix - a range of addresses
 * @family: enum ksc_rule_family
 * @len: number of leading bits of @addr that count, the others are 0
 * @addr: in network order; of IPv4 the first 4 bytes
 */
struct ksc_prefix {
	u8 family;
	u8 len;
	u8 addr[16];
};

/**
 * struct ksc_port_range - a range of ports
 * @min: the first
 * @max: the last
 */
struct ksc_port_range {
	u16 min;
	u16 max;
};

/**
 * struct ksc_id_range - a range of uids or gids, in the network namespace's user namespace
 * @min: the first
 * @max: the last
 */
struct ksc_id_range {
	u32 min;
	u32 max;
};

/**
 * struct ksc_rule - one rule
 * @name: NUL-terminated, for messages
 * @cgroup: path of the socket's cgroup or of an ancestor; NULL for any
 * @root: id of the cgroup that @cgroup is relative to
 * @local: local addresses
 * @remote: remote addresses
 * @local_port: local ports
 * @remote_port: remote ports
 * @uid: the socket's owner
 * @gid: its group
 * @directions: KSC_RULE_DIRECTION_CONNECT, KSC_RULE_DIRECTION_ACCEPT or both
 * @action: enum ksc_rule_action
 * @connect: enum ksc_connect
 */
struct ksc_rule {
	char name[KSC_MAX_RULE_NAME + 1];
	char *cgroup;
	u64 root;
	struct ksc_prefix local;
	struct ksc_prefix remote;
	struct ksc_port_range local_port;
	struct ksc_port_range remote_port;
	struct ksc_id_range uid;
	struct ksc_id_range gid;
	u8 directions;
	u8 action;
	u8 connect;
};

/**
 * struct ksc_flow - a connection
 * @direction: KSC_RULE_DIRECTION_CONNECT or KSC_RULE_DIRECTION_ACCEPT
 * @family: KSC_RULE_V4 or KSC_RULE_V6, of both addresses
 * @local: local address
 * @remote: remote address
 * @local_port: local port
 * @remote_port: remote port
 * @uid: the socket's owner
 * @gid: its group
 * @in_cgroup: is the socket in a rule's cgroup, or below it? Called for rules with a cgroup only
 * @ptr: passed to @in_cgroup
 */
struct ksc_flow {
	u8 direction;
	u8 family;
	u8 local[16];
	u8 remote[16];
	u16 local_port;
	u16 remote_port;
	u32 uid;
	u32 gid;
	bool (*in_cgroup)(const void *ptr, const struct ksc_rule *rule);
	const void *ptr;
};

struct ksc_rules;

bool ksc_rule_covers(const struct ksc_rule *rule, const char *cgroup);
const char *ksc_rule_fault(const struct ksc_rule *rule);
struct ksc_rules *ksc_rules_build(struct ksc_rule *rules, u32 n);
void ksc_rules_drop(struct ksc_rule *rules, u32 n);
void ksc_rules_free(struct ksc_rules *set);
const struct ksc_rule *ksc_rules_get(const struct ksc_rules *set, u32 number);
u32 ksc_rules_stronger(const struct ksc_rules *set, u32 a, u32 b);
u32 ksc_rules_find(const struct ksc_rules *set, const struct ksc_flow *flow);

#endif /* _KSC_POLICY_RULES_H */
