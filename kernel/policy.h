/* SPDX-License-Identifier: GPL-2.0 */
/*
 * policy.c: what the policy of a network namespace makes of connections; see rules.h for
 * the rules themselves, load.c for how they get here.
 */
#ifndef _KSC_POLICY_H
#define _KSC_POLICY_H

#include <linux/list.h>
#include <linux/types.h>

#include "rules.h"

struct ksc_net;
struct ksc_sock;
struct sk_buff;
struct sock;
struct sockaddr;
struct socket;

/**
 * struct ksc_policy - the policy of a network namespace, never changed
 * @generation: the daemon's number for it
 * @count: how many rules
 * @rules: the rules
 */
struct ksc_policy {
	u64 generation;
	u32 count;
	struct ksc_rules *rules;
};

/**
 * struct ksc_ruling - what the policy says of a connection
 * @generation: which policy; 0 when none was loaded
 * @rule: number of its rule, or KSC_NO_RULE
 * @action: enum ksc_rule_action of that rule
 * @connect: enum ksc_connect of that rule
 * @by_policy: whether it is protected is up to the policy (KSC_POLICY), not just how
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

/**
 * struct ksc_asked - where a program asked to be connected to, and was not
 * @addr: in network order; of IPv4 the first 4 bytes
 * @port: port
 * @family: enum ksc_rule_family; KSC_RULE_ANY if it got what it asked for
 */
struct ksc_asked {
	u8 addr[16];
	u16 port;
	u16 family;
};

/**
 * struct ksc_asking - a call of connect() under way, on its caller's stack
 * @node: in ksc_sock.asking
 * @addr: where the address is, which is not what it was when somebody has changed it
 * @len: its bytes
 * @asked: what it was
 */
struct ksc_asking {
	struct hlist_node node;
	const struct ksc_sockaddr *addr;
	int len;
	struct ksc_asked asked;
};

/* asking.c */
void ksc_asked_parse(struct ksc_asked *asked, const struct ksc_sockaddr *addr, int len);
void ksc_asking_init(struct ksc_asking *asking, const struct ksc_sockaddr *addr, int len);
void ksc_asking_begin(struct ksc_sock *ks, struct ksc_asking *asking);
void ksc_asking_end(struct ksc_asking *asking);
bool ksc_asked_take(struct ksc_sock *ks, const struct ksc_sockaddr *addr);
void ksc_asked_forget(struct ksc_sock *ks);

u64 ksc_policy_cgroup_root(void);
bool ksc_policy_rule_name(struct ksc_net *kn, const struct ksc_ruling *ruling,
			  char name[KSC_MAX_RULE_NAME + 1]);
void ksc_policy_lookup(struct ksc_net *kn, const struct ksc_flow *flow,
		       const struct ksc_flow *asked, struct ksc_ruling *ruling);
u32 ksc_policy_find(struct ksc_net *kn, const struct ksc_policy *policy,
		    const struct ksc_flow *flow, const struct ksc_flow *asked);
void ksc_flow_of_asked(struct ksc_flow *to, const struct ksc_flow *flow,
		       const struct ksc_asked *asked);
bool ksc_policy_child(const struct ksc_sock *listener, const struct sock *child,
		      struct ksc_ruling *ruling);
bool ksc_policy_connecting(struct sock *sk, struct ksc_sock *ks);
void ksc_policy_judge(struct sock *sk, struct ksc_sock *ks);
bool ksc_policy_allows(struct sock *sk, struct ksc_sock *ks);
bool ksc_policy_prefers(const struct ksc_sock *ks);
bool ksc_policy_demands(const struct ksc_sock *ks);
int ksc_set_policy(struct sock *sk);
int ksc_policy_describe(struct sk_buff *msg, const struct ksc_ruling *r);
int ksc_policy_put_name(struct sk_buff *msg, int attr, struct ksc_net *kn,
			const struct ksc_ruling *ruling);
void ksc_policy_free(struct ksc_policy *policy);

/* load.c */
void ksc_policy_gone(struct ksc_net *kn, u32 daemon);

/* plain.c */
void ksc_leave(struct sock *sk, struct ksc_sock *ks);
int ksc_plain_connect(struct socket *sock, struct ksc_sockaddr *addr, int len, int flags);
int ksc_plain_listen(struct socket *sock, int backlog);
int ksc_plain_disconnect(struct sock *sk, int flags);
int ksc_plain_refuse(struct sock *sk, struct ksc_sockaddr *addr, int len);
void ksc_plain_close(struct sock *sk, long timeout);
int ksc_plain_sendmsg(struct sock *sk, struct msghdr *msg, size_t size);

#endif /* _KSC_POLICY_H */
