// SPDX-License-Identifier: GPL-2.0-only
/*
 * The address that a program asked to connect to, if connect() was redirected.
 *
 * BPF programs of a cgroup (BPF_CGROUP_INET4_CONNECT and INET6) rewrite connect()'s address in
 * place, below our proto_ops.connect: a service's address becomes that of a backend. So each call
 * records its address, and proto.connect, under the socket's lock, finds the call that TCP begins
 * a connection for by the pointer to that memory. Other calls may be in progress on the same
 * socket.
 *
 * TCP's own changes, as of the unspecified address to loopback, do not count as redirections.
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <net/ipv6.h>

#include "compat/compat.h"
#include "policy/flow.h"
#include "policy/rules.h"
#include "socket/asking.h"
#include "socket/state.h"

/**
 * ksc_asking_init() - connect() was called
 * @asking: the call
 * @addr: destination, in kernel memory
 * @len: of @addr
 *
 * Context: any.
 */
void ksc_asking_init(struct ksc_asking *asking, const struct ksc_sockaddr *addr, int len)
{
	asking->addr = addr;
	asking->len = len;
	ksc_asked_parse(&asking->asked, addr, len);
}

/**
 * ksc_asking_begin() - a call may get to proto.connect from now on
 * @ks: the socket's state
 * @asking: the call; ksc_asking_end() has to follow
 *
 * Context: the socket's lock.
 */
void ksc_asking_begin(struct ksc_sock *ks, struct ksc_asking *asking)
{
	hlist_add_head(&asking->node, &ks->asking);
}

/**
 * ksc_asking_end() - undo ksc_asking_begin()
 * @asking: the call
 *
 * Context: the socket's lock.
 */
void ksc_asking_end(struct ksc_asking *asking)
{
	hlist_del(&asking->node);
}

/**
 * ksc_asked_take() - TCP is about to begin the connection that a call asked for
 * @ks: the socket's state
 * @addr: proto.connect's argument
 *
 * Context: the socket's lock. Return: false if there is no such call.
 */
bool ksc_asked_take(struct ksc_sock *ks, const struct ksc_sockaddr *addr)
{
	const struct ksc_asking *asking;
	struct ksc_asked now;

	hlist_for_each_entry(asking, &ks->asking, node) {
		if (asking->addr != addr)
			continue;
		ksc_asked_parse(&now, addr, asking->len);
		ksc_asked_forget(ks);
		if (memcmp(&now, &asking->asked, sizeof(now)))
			ks->asked = asking->asked;
		return true;
	}
	return false;
}

/**
 * ksc_asked_forget() - drop the address: there is no redirected connection
 * @ks: the socket's state
 *
 * Context: the socket's lock.
 */
void ksc_asked_forget(struct ksc_sock *ks)
{
	ks->asked.family = KSC_RULE_ANY;
}
