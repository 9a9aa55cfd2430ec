// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of a connection by the policy of its network namespace.
 *
 * A socket that an application has asked us to protect is protected, and the policy
 * only says how: the daemon takes care of that, by the rule's number. A socket that
 * somebody has given us in its program's stead (KSC_POLICY) is protected or left
 * plain as the first rule says that matches; plain, if none does. The rule is looked
 * for once, when both addresses are known and before the first byte: a connection
 * falls under one rule of one policy from its beginning to its end.
 */
#include <linux/cgroup.h>
#include <linux/nsproxy.h>
#include <linux/net.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>
#include <net/netlink.h>
#include <net/tcp.h>

#include "compat/compat.h"
#include "ksc.h"
#include "policy.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* ---- a connection as rules see it ---- */

/**
 * ksc_policy_cgroup_root() - where the paths of cgroups begin for the current process
 *
 * Context: process. Return: id of that cgroup.
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
/* Are the cgroups above @at, from below @level on, and @at itself, those of a path's begin? */
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

/*
 * By name: a service's cgroup is another one each time it is started. Context: RCU.
 */
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

	/* rules name owners as the namespace's administrator does; -1 is nobody's */
	f->uid = from_kuid(ns, uid);
	f->gid = from_kgid(ns, gid);
	f->in_cgroup = ksc_policy_in_cgroup;
	f->ptr = sk;
}

static void ksc_flow_of_sock(struct ksc_flow *f, const struct sock *sk, u8 role, kuid_t uid,
			     kgid_t gid)
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
 * ksc_flow_of_asked() - the connection that a program asked for
 * @to: filled in
 * @flow: the one that it got
 * @asked: the address, of a family
 *
 * Our own address is that of the other, unless it is of no use to this family.
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

/* ---- decisions ---- */

/**
 * ksc_policy_find() - find the rule of a connection
 * @kn: namespace, or NULL if it is none that there is
 * @policy: its policy
 * @flow: the connection
 * @asked: the one that was asked for, if that is another; or NULL
 *
 * An operator may know a service by either address: what protects one protects both.
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
 * Context: any. Return: false if there is no rule, or its policy was replaced.
 */
bool ksc_policy_rule_name(struct ksc_net *kn, const struct ksc_ruling *ruling,
			  char name[KSC_MAX_RULE_NAME + 1])
{
	const struct ksc_rule *rule = NULL;
	const struct ksc_policy *policy;

	rcu_read_lock();
	policy = rcu_dereference(kn->policy);
	if (policy && READ_ONCE(ruling->generation) == policy->generation)
		rule = ksc_rules_get(policy->rules, READ_ONCE(ruling->rule));
	strscpy(name, rule ? rule->name : "", KSC_MAX_RULE_NAME + 1);
	rcu_read_unlock();
	return rule;
}

/**
 * ksc_policy_lookup() - which rule does a connection fall under?
 * @kn: namespace
 * @flow: the connection
 * @asked: the one that was asked for, if that is another; or NULL
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
	policy = rcu_dereference(kn->policy);
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

/*
 * Does the policy leave the connection plain? Where there is a policy, that is also what it
 * says of one that no rule matches.
 */
static bool ksc_ruling_plain(struct ksc_net *kn, const struct ksc_ruling *ruling)
{
	char name[KSC_MAX_RULE_NAME + 1];

	if (!ruling->by_policy || !ruling->generation)
		return false;
	if (ruling->action == KSC_RULE_ACTION_PREFER && !ksc_daemon_present(kn)) {
		ksc_count(kn, KSC_CNT_POLICY_FALLBACKS);
		ksc_policy_rule_name(kn, ruling, name);
		net_info_ratelimited("kschannel: rule %s: a connection is plain, there being no daemon\n",
				     name);
	} else if (ruling->action != KSC_RULE_ACTION_NEVER) {
		return false;
	}
	ksc_count(kn, KSC_CNT_POLICY_PLAIN);
	return true;
}

/**
 * ksc_policy_child() - what does the policy say of a listener's child?
 * @listener: its state
 * @child: the child, locked and owned
 * @ruling: set
 *
 * The owner that rules know is the listener's.
 *
 * Context: process. Return: true if it is to be plain.
 */
bool ksc_policy_child(const struct ksc_sock *listener, const struct sock *child,
		      struct ksc_ruling *ruling)
{
	struct ksc_flow flow;

	ruling->by_policy = READ_ONCE(listener->ruling.by_policy);
	ksc_flow_of_sock(&flow, child, KSC_ROLE_SERVER, listener->uid, listener->gid);
	ksc_policy_lookup(listener->kn, &flow, NULL, ruling);
	return ksc_ruling_plain(listener->kn, ruling);
}

static bool ksc_policy_plain(struct sock *sk, struct ksc_sock *ks)
{
	bool differs = ks->role == KSC_ROLE_CLIENT && ks->asked.family != KSC_RULE_ANY;
	struct ksc_flow flow, asked;

	ksc_flow_of_sock(&flow, sk, ks->role, ks->uid, ks->gid);
	if (differs)
		ksc_flow_of_asked(&asked, &flow, &ks->asked);
	ksc_policy_lookup(ks->kn, &flow, differs ? &asked : NULL, &ks->ruling);
	return ksc_ruling_plain(ks->kn, &ks->ruling);
}

/**
 * ksc_policy_connecting() - TCP has chosen a connection's addresses
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * Context: process. Return: true if the policy leaves it plain; ksc_leave() has to follow.
 */
bool ksc_policy_connecting(struct sock *sk, struct ksc_sock *ks)
{
	/* in state CLOSE another thread's connect() has yet to choose them */
	if (!ks->ruling.by_policy || ks->ruling.made || ks->phase != KSC_PHASE_CONNECTING ||
	    sk->sk_state == TCP_CLOSE)
		return false;
	if (ksc_policy_plain(sk, ks))
		return true;
	/* which leaves it alone before there is a ruling */
	ksc_pump_kick(ks, 0);
	return false;
}

/**
 * ksc_policy_judge() - find the rule of a socket that was given to us by its own program
 * @sk: socket, locked and owned, connected
 * @ks: its state, with its role
 *
 * Context: process.
 */
void ksc_policy_judge(struct sock *sk, struct ksc_sock *ks)
{
	if (!ks->ruling.made)
		ksc_policy_plain(sk, ks);
}

/**
 * ksc_policy_allows() - may a handshake begin?
 * @sk: socket, locked and owned, connected
 * @ks: its state
 *
 * Context: process. Return: false; then the connection has failed.
 */
bool ksc_policy_allows(struct sock *sk, struct ksc_sock *ks)
{
	ksc_policy_judge(sk, ks);
	if (!ks->ruling.by_policy || ks->ruling.generation)
		return true;
	ksc_count(ks->kn, KSC_CNT_POLICY_REFUSED);
	ksc_fail(sk, ks, KSC_STATUS_NO_DAEMON, 0, KSC_DIRECTION_NONE,
		 "no policy is loaded to say whether the connection is to be protected");
	return false;
}

/**
 * ksc_policy_prefers() - may a connection still be plain?
 * @ks: its state, with a context
 *
 * Only while the peer has seen nothing of us: then nobody but ourselves, or a client
 * that does not begin with TLS, can bring it about.
 *
 * Context: the socket's lock.
 */
bool ksc_policy_prefers(const struct ksc_sock *ks)
{
	return ks->ruling.by_policy && ks->ruling.rule != KSC_NO_RULE &&
	       ks->ruling.action == KSC_RULE_ACTION_PREFER && !ks->context->seq;
}

/**
 * ksc_policy_demands() - may the connection never be plain?
 * @ks: its state
 *
 * Context: the socket's lock.
 */
bool ksc_policy_demands(const struct ksc_sock *ks)
{
	return ks->ruling.made && ks->ruling.rule != KSC_NO_RULE &&
	       ks->ruling.action == KSC_RULE_ACTION_REQUIRE;
}

/* Context: the socket's lock */
static int ksc_policy_take(struct sock *sk, struct ksc_sock *ks)
{
	bool connected = (1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT);

	if (!ks)
		return -ENOMEM;
	if (ks->ruling.by_policy)
		return 0;
	/* connecting: the ULP came after a connect() that did not wait */
	if (ks->phase != KSC_PHASE_INIT && ks->phase != KSC_PHASE_CONNECTING &&
	    ks->phase != KSC_PHASE_LISTEN)
		return -EBUSY;
	if (connected && ks->role == KSC_ROLE_UNSPEC)
		return -EDESTADDRREQ;
	WRITE_ONCE(ks->ruling.by_policy, true);
	if (sk->sk_state == TCP_CLOSE || ks->phase == KSC_PHASE_LISTEN)
		return 0;
	if (ksc_policy_plain(sk, ks)) {
		ksc_leave(sk, ks);
	} else if (connected && !ks->ruling.generation) {
		/* as if it had not been asked for: a policy may be loaded yet */
		ks->ruling.made = false;
		WRITE_ONCE(ks->ruling.by_policy, false);
		return -ksc_status_errno(KSC_STATUS_NO_DAEMON);
	}
	return 0;
}

/**
 * ksc_set_policy() - setsockopt(KSC_POLICY)
 * @sk: socket
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_set_policy(struct sock *sk)
{
	int err;

	lock_sock(sk);
	err = ksc_policy_take(sk, ksc_sk(sk));
	release_sock(sk);
	return err;
}

/* ---- telling of it ---- */

/**
 * ksc_policy_describe() - tell the daemon what a connection falls under
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
 * ksc_policy_put_name() - name the rule that a connection falls under
 * @msg: message
 * @attr: attribute for it
 * @kn: namespace
 * @ruling: the policy's ruling
 *
 * Context: process. Return: 0, also if there is none or its policy is not there any
 * more, or -EMSGSIZE.
 */
int ksc_policy_put_name(struct sk_buff *msg, int attr, struct ksc_net *kn,
			const struct ksc_ruling *ruling)
{
	char name[KSC_MAX_RULE_NAME + 1];

	return ksc_policy_rule_name(kn, ruling, name) ? nla_put_string(msg, attr, name) : 0;
}

/**
 * ksc_policy_free() - free a policy
 * @policy: that nobody uses any more, or NULL
 *
 * Context: process.
 */
void ksc_policy_free(struct ksc_policy *policy)
{
	if (policy)
		ksc_rules_free(policy->rules);
	kfree(policy);
}
