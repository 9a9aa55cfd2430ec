// SPDX-License-Identifier: GPL-2.0
/*
 * Where a program asked to be connected to, if that is not where it got to.
 *
 * BPF programs of a cgroup (BPF_CGROUP_INET4_CONNECT and INET6) put another address in the
 * place of connect()'s, in the memory that it lies in and below our proto_ops.connect: the
 * address of a service becomes that of one who serves it. So each call notes what it was
 * given, and proto.connect, with the socket's lock, finds by the address of that memory
 * which of the calls it is that TCP begins a connection for. Others may be on their way on
 * the same descriptor.
 *
 * What TCP itself makes of an address, loopback of none at all, nobody has changed.
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
 * @addr: where to, in the kernel's memory
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
 * ksc_asking_begin() - a call may come to proto.connect from now on
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
 * ksc_asking_end() - and not any more
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
 * @addr: what proto.connect was given
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
 * ksc_asked_forget() - there is no such connection, or there is one no more
 * @ks: the socket's state
 *
 * Context: the socket's lock.
 */
void ksc_asked_forget(struct ksc_sock *ks)
{
	ks->asked.family = KSC_RULE_ANY;
}
