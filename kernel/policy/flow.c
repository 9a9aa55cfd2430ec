// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flows: the properties of a connection that rules match: addresses, owner, cgroup.
 */
#include <linux/cgroup.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/kschannel_netlink.h>
#include <linux/nsproxy.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>

#include "compat/compat.h"
#include "policy/flow.h"
#include "policy/rules.h"

/**
 * ksc_policy_cgroup_root() - get the root of the current process's cgroup namespace
 *
 * Context: process. Return: that cgroup's id.
 */
u64 ksc_policy_cgroup_root(void)
{
#ifdef CONFIG_CGROUPS
	return cgroup_id(current->nsproxy->cgroup_ns->root_cset->dfl_cgrp);
#else
	return 0;
#endif
}

#ifdef CONFIG_SOCK_CGROUP_DATA
/* Is @path that of @at or of an ancestor below @level? */
static bool ksc_policy_on_path(struct cgroup *at, int level, const char *path)
{
	while (path[1]) {
		const char *end = strchrnul(++path, '/'), *name;

		if (++level > at->level)
			return false;
		name = ksc_compat_cgroup_name(cgroup_ancestor(at, level));
		if (strncmp(name, path, end - path) || name[end - path])
			return false;
		if (!*end)
			break;
		path = end;
	}
	return true;
}
#endif

/* Compares names: a service gets a new cgroup each time it is started. Context: RCU. */
static bool ksc_policy_in_cgroup(const void *ptr, const struct ksc_rule *rule)
{
#ifdef CONFIG_SOCK_CGROUP_DATA
	const struct sock *sk = ptr;
	struct cgroup *at = sock_cgroup_ptr((struct sock_cgroup_data *)&sk->sk_cgrp_data);
	int level;

	for (level = 0; level <= at->level; level++)
		if (cgroup_id(cgroup_ancestor(at, level)) == rule->root)
			return ksc_policy_on_path(at, level, rule->cgroup);
#endif
	return false;
}

static void ksc_flow_v4(struct ksc_flow *f, __be32 local, __be32 remote)
{
	f->family = KSC_RULE_V4;
	memcpy(f->local, &local, sizeof(local));
	memcpy(f->remote, &remote, sizeof(remote));
}

static void ksc_flow_v6(struct ksc_flow *f, const struct in6_addr *local,
			const struct in6_addr *remote)
{
	if (ipv6_addr_v4mapped(remote)) {
		ksc_flow_v4(f, local->s6_addr32[3], remote->s6_addr32[3]);
		return;
	}
	f->family = KSC_RULE_V6;
	memcpy(f->local, local, sizeof(f->local));
	memcpy(f->remote, remote, sizeof(f->remote));
}

static void ksc_flow_owner(struct ksc_flow *f, const struct sock *sk, kuid_t uid, kgid_t gid)
{
	struct user_namespace *ns = sock_net(sk)->user_ns;

	/* rules use the ids of the network namespace's user namespace; -1 is unmapped */
	f->uid = from_kuid(ns, uid);
	f->gid = from_kgid(ns, gid);
	f->in_cgroup = ksc_policy_in_cgroup;
	f->ptr = sk;
}

/**
 * ksc_flow_of_sock() - get a connection's flow
 * @f: filled in
 * @sk: socket with both addresses set
 * @role: enum ksc_role
 * @uid: owner
 * @gid: its group
 *
 * Context: any; @f refers to @sk.
 */
void ksc_flow_of_sock(struct ksc_flow *f, const struct sock *sk, u8 role, kuid_t uid, kgid_t gid)
{
	const struct inet_sock *inet = inet_sk(sk);

	memset(f, 0, sizeof(*f));
	f->direction = role == KSC_ROLE_SERVER ? KSC_RULE_DIRECTION_ACCEPT :
						 KSC_RULE_DIRECTION_CONNECT;
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6)
		ksc_flow_v6(f, &sk->sk_v6_rcv_saddr, &sk->sk_v6_daddr);
	else
#endif
		ksc_flow_v4(f, inet->inet_rcv_saddr, inet->inet_daddr);
	f->local_port = ntohs(inet->inet_sport);
	f->remote_port = ntohs(inet->inet_dport);
	ksc_flow_owner(f, sk, uid, gid);
}

/**
 * ksc_flow_of_asked() - get the flow of the connection that a program asked for
 * @to: filled in
 * @flow: the connection that it got
 * @asked: the address that it asked for, with a family
 *
 * The local address is taken from @flow if it is of the same family.
 */
void ksc_flow_of_asked(struct ksc_flow *to, const struct ksc_flow *flow,
		       const struct ksc_asked *asked)
{
	*to = *flow;
	if (to->family != asked->family)
		memset(to->local, 0, sizeof(to->local));
	to->family = asked->family;
	to->remote_port = asked->port;
	memcpy(to->remote, asked->addr, sizeof(to->remote));
}

/**
 * ksc_asked_parse() - parse a socket address
 * @asked: filled in; with family KSC_RULE_ANY if it is invalid for TCP
 * @addr: the address
 * @len: length of @addr in bytes
 *
 * Context: any.
 */
void ksc_asked_parse(struct ksc_asked *asked, const struct ksc_sockaddr *addr, int len)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;

	memset(asked, 0, sizeof(*asked));
	if (len >= (int)sizeof(*in) && in->sin_family == AF_INET) {
		asked->family = KSC_RULE_V4;
		asked->port = ntohs(in->sin_port);
		memcpy(asked->addr, &in->sin_addr, sizeof(in->sin_addr));
	} else if (len >= SIN6_LEN_RFC2133 && in6->sin6_family == AF_INET6) {
		bool v4 = ipv6_addr_v4mapped(&in6->sin6_addr);

		asked->family = v4 ? KSC_RULE_V4 : KSC_RULE_V6;
		asked->port = ntohs(in6->sin6_port);
		if (v4)
			memcpy(asked->addr, &in6->sin6_addr.s6_addr32[3], 4);
		else
			memcpy(asked->addr, &in6->sin6_addr, sizeof(in6->sin6_addr));
	}
	/* TCP itself rejects others */
}
