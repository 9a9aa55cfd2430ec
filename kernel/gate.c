// SPDX-License-Identifier: GPL-2.0
/*
 * The gate between a listener and the handshakes of children that were not
 * accepted yet, see struct ksc_gate.
 */
#include <linux/slab.h>

#include "ksc.h"

/**
 * ksc_gate_new() - a socket is going to listen
 * @sk: socket, locked and owned
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_gate_new(struct sock *sk)
{
	struct ksc_sock *ks = ksc_sk(sk);
	struct ksc_gate *gate;

	if (!ks)
		return -ENOMEM;
	/* one that is being closed stays closed for as long as it listens */
	if (ks->gate && (!ks->gate->closed || sk->sk_state == TCP_LISTEN))
		return 0;
	gate = kzalloc(sizeof(*gate), GFP_KERNEL_ACCOUNT);
	if (!gate)
		return -ENOMEM;
	refcount_set(&gate->ref, 1);
	init_rwsem(&gate->sem);
	/* it listened before: that gate's children have their own reference */
	if (ks->gate)
		ksc_gate_put(ks->gate);
	/* pairs with the dependency in ksc_ulp_clone() */
	smp_store_release(&ks->gate, gate);
	return 0;
}

/**
 * ksc_gate_get() - take a reference
 * @gate: may be NULL, or on its way out; found in RCU
 *
 * Return: @gate, or NULL.
 */
struct ksc_gate *ksc_gate_get(struct ksc_gate *gate)
{
	return gate && refcount_inc_not_zero(&gate->ref) ? gate : NULL;
}

/**
 * ksc_gate_put() - drop a reference
 * @gate: may be NULL
 *
 * Context: any.
 */
void ksc_gate_put(struct ksc_gate *gate)
{
	if (gate && refcount_dec_and_test(&gate->ref))
		kfree_rcu(gate, rcu);
}

/**
 * ksc_gate_close() - the listener stops: wait for those at work, admit no more
 * @gate: may be NULL
 *
 * Context: process, no socket's lock.
 */
void ksc_gate_close(struct ksc_gate *gate)
{
	if (!gate)
		return;
	down_write(&gate->sem);
	gate->closed = true;
	up_write(&gate->sem);
}

/**
 * ksc_gate_closed() - is nobody at work on the children?
 * @gate: may be NULL
 *
 * Context: the listener's lock, which keeps it from being opened.
 */
bool ksc_gate_closed(const struct ksc_gate *gate)
{
	return !gate || gate->closed;
}

/**
 * ksc_gate_enter() - may the socket be locked by anyone but its application?
 * @sk: socket
 * @gate: its gate; set to NULL if that need not be held
 *
 * Any socket that an application has may be; a listener's child for as long
 * as the listener is open.
 *
 * Context: process. Return: true; then ksc_gate_leave() must follow.
 */
bool ksc_gate_enter(const struct sock *sk, struct ksc_gate **gate)
{
	struct ksc_gate *g = *gate;

	if (READ_ONCE(sk->sk_socket) || !g) {
		*gate = NULL;
		return READ_ONCE(sk->sk_socket);
	}
	down_read(&g->sem);
	if (!g->closed || READ_ONCE(sk->sk_socket))
		return true;
	up_read(&g->sem);
	return false;
}

/**
 * ksc_gate_leave() - after ksc_gate_enter(), the socket's lock released
 * @gate: what it left
 */
void ksc_gate_leave(struct ksc_gate *gate)
{
	if (gate)
		up_read(&gate->sem);
}
