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
	if (ks->gate && !ks->gate->closed)
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
 * @gate: may be NULL
 */
void ksc_gate_get(struct ksc_gate *gate)
{
	if (gate)
		refcount_inc(&gate->ref);
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
		kfree(gate);
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
 * ksc_gate_enter() - may the socket be locked by anyone but its application?
 * @sk: socket
 * @ks: its state
 *
 * Any socket that an application has may be; a listener's child for as long
 * as the listener is open.
 *
 * Context: process. Return: true; then ksc_gate_leave() must follow.
 */
bool ksc_gate_enter(const struct sock *sk, struct ksc_sock *ks)
{
	if (!ks->gate)
		return READ_ONCE(sk->sk_socket);
	down_read(&ks->gate->sem);
	if (!ks->gate->closed || READ_ONCE(sk->sk_socket))
		return true;
	up_read(&ks->gate->sem);
	return false;
}

/**
 * ksc_gate_leave() - after ksc_gate_enter(), the socket's lock released
 * @ks: its state
 */
void ksc_gate_leave(struct ksc_sock *ks)
{
	if (ks->gate)
		up_read(&ks->gate->sem);
}
