// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that a socket holds beside TCP's queues, in the same account: tcp_mem's, and its
 * memory cgroup's. It does not count as the receive buffer does, or a record that is
 * longer than that could never come.
 *
 * What is charged is bounded, a record or so each, and nothing goes on without it: so it
 * is had over the limits, too, as TCP does where it can't refuse.
 */
#include <net/tcp.h>

#include "stream/charge.h"

/* More than its limits allow. TCP has that for a sender that is over its buffer alone */
static void ksc_charge_force(struct sock *sk, int want)
{
	u8 locks = sk->sk_userlocks;
	int sndbuf = sk->sk_sndbuf;

	/* or TCP makes it a larger one */
	sk->sk_userlocks |= SOCK_SNDBUF_LOCK;
	WRITE_ONCE(sk->sk_sndbuf, sk->sk_wmem_queued);
	__sk_mem_schedule(sk, want, SK_MEM_SEND);
	WRITE_ONCE(sk->sk_sndbuf, sndbuf);
	sk->sk_userlocks = locks;
	/* poll() looks without the lock, and may have seen no room: pairs with tcp_poll() */
	smp_mb();
	if (sk->sk_socket && test_bit(SOCK_NOSPACE, &sk->sk_socket->flags))
		sk->sk_write_space(sk);
}

/**
 * ksc_charge() - add to a socket's account
 * @sk: socket, locked and owned
 * @size: bytes; the caller remembers them, for ksc_uncharge()
 *
 * Context: process.
 */
void ksc_charge(struct sock *sk, u32 size)
{
	int want = (int)size - sk->sk_forward_alloc;

	if (want > 0 && !__sk_mem_schedule(sk, want, SK_MEM_RECV))
		ksc_charge_force(sk, want);
	sk_mem_charge(sk, size);
}

/**
 * ksc_uncharge() - undo ksc_charge()
 * @sk: socket, locked, or nobody else uses it
 * @size: bytes
 *
 * Context: any.
 */
void ksc_uncharge(struct sock *sk, u32 size)
{
	sk_mem_uncharge(sk, size);
}
