// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ULP: attaches a struct ksc_sock to a socket.
 */
#include <linux/kschannel.h>
#include <linux/kschannel_netlink.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/sockios.h>
#include <net/inet_common.h>
#include <net/ipv6.h>
#include <net/protocol.h>
#include <net/tcp.h>
#include <net/transp_v6.h>
#include <asm/ioctls.h>

#include "compat/rps.h"
#include "handshake/admit.h"
#include "handshake/options.h"
#include "memcg.h"
#include "policy/policy.h"
#include "socket/callbacks.h"
#include "socket/phase.h"
#include "socket/pump.h"
#include "socket/state.h"
#include "socket/tables.h"
#include "socket/ulp.h"
#include "stream/noio.h"

/**
 * ksc_attach() - allocate a socket's state and attach it
 * @sk: socket, locked and owned or not yet visible
 * @kind: managed or raw
 *
 * The caller installs the operations.
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_attach(struct sock *sk, const struct ksc_kind *kind)
{
	unsigned int noio = ksc_noio_begin(sk);
	struct ksc_sock *ks = ksc_sock_new(sk, kind, GFP_KERNEL_ACCOUNT);

	ksc_noio_end(noio);
	if (!ks)
		return -ENOMEM;
	ks->uid = sk->sk_uid;
	ks->gid = current_egid();
	if (kind->managed)
		ksc_take_rcvlowat(sk, ks);
	/* published before the operations that use it */
	rcu_assign_pointer(inet_csk(sk)->icsk_ulp_data, ks);
	return 0;
}

/**
 * ksc_child_new() - allocate the state of a listener's child
 * @sk: child, locked and owned
 * @parent: the listener's state
 * @ruling: the policy's
 *
 * The caller attaches it to the child.
 *
 * Context: process. Return: the state, or NULL.
 */
struct ksc_sock *ksc_child_new(struct sock *sk, struct ksc_sock *parent,
			       const struct ksc_ruling *ruling)
{
	struct ksc_sock *ks = ksc_sock_new(sk, &ksc_managed, GFP_KERNEL_ACCOUNT);

	if (!ks)
		return NULL;
	ks->role = KSC_ROLE_SERVER;
	ks->uid = sk->sk_uid;
	ks->gid = current_egid();
	ks->listener = ksc_admit_listener(parent->sk);
	/* ksc_connect_ops(): accepted sockets are connected */
	ks->connect_told = true;
	ks->rcvlowat = parent->rcvlowat;
	ks->ruling = *ruling;
	spin_lock_bh(&parent->lock);
	ksc_options_copy(&ks->opt, &parent->opt);
	spin_unlock_bh(&parent->lock);
	return ks;
}

/*
 * Softirq; the listener is not locked. A child gets its state and begins the handshake when it is
 * accepted. Until then every operation on it fails. It does not depend on the listener's current
 * operations and callbacks.
 */
static void ksc_ulp_clone(const struct request_sock *req, struct sock *newsk,
			  const gfp_t priority)
{
	/* the core drops it when the child's ULP is released */
	__module_get(THIS_MODULE);
	rcu_assign_pointer(inet_csk(newsk)->icsk_ulp_data, NULL);
	ksc_child_reset(newsk);
	ksc_take_over(newsk);
}

/**
 * ksc_has_ulp() - does a socket have our ULP?
 * @sk: socket, locked and owned
 */
bool ksc_has_ulp(const struct sock *sk)
{
	return inet_csk(sk)->icsk_ulp_ops == &ksc_ulp_ops;
}

/**
 * ksc_ulp_attach() - ULP init: setsockopt(TCP_ULP)
 * @sk: socket, locked and owned
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_ulp_attach(struct sock *sk)
{
	struct ksc_sock *ks;
	int err;

	if (!ksc_pristine(sk))
		return -EOPNOTSUPP;
	/* a listener may already have children, which would stay unprotected */
	if (!((1 << sk->sk_state) &
	      (TCPF_CLOSE | TCPF_SYN_SENT | TCPF_ESTABLISHED | TCPF_CLOSE_WAIT)))
		return -ENOTCONN;

	err = ksc_attach(sk, &ksc_managed);
	if (err)
		return err;

	ks = ksc_sk(sk);
	if (sk->sk_state == TCP_SYN_SENT) {
		/* after a non-blocking connect() */
		ks->role = KSC_ROLE_CLIENT;
		ksc_arm(sk, ks);
		ksc_move(sk, ks, KSC_EVENT_CONNECT);
	}
	ksc_take_over(sk);
	return 0;
}

struct tcp_ulp_ops ksc_ulp_ops = {
	.name		= KSC_ULP_NAME,
	.owner		= THIS_MODULE,
	.init		= ksc_ulp_attach,
	.clone		= ksc_ulp_clone,
	.release	= ksc_ulp_release,
};

/**
 * ksc_ulp_init() - register the ULP
 *
 * Return: 0 or an errno.
 */
int ksc_ulp_init(void)
{
	int err;

	/* kmalloc() would round 0.8 KiB up to 1 KiB */
	ksc_managed.cache = KMEM_CACHE(ksc_sock, SLAB_ACCOUNT);
	if (!ksc_managed.cache)
		return -ENOMEM;
	err = tcp_register_ulp(&ksc_ulp_ops);
	if (err)
		ksc_ulp_free();
	return err;
}

/**
 * ksc_ulp_exit() - unregister the ULP
 */
void ksc_ulp_exit(void)
{
	tcp_unregister_ulp(&ksc_ulp_ops);
}

/**
 * ksc_ulp_free() - undo ksc_ulp_init(), after the last socket's state was freed
 */
void ksc_ulp_free(void)
{
	kmem_cache_destroy(ksc_managed.cache);
}
