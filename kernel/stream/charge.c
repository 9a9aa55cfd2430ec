// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accounting of memory that a socket holds besides TCP's queues: to tcp_mem and to its memory
 * cgroup, like these. It does not count against the receive buffer, or a record that is larger
 * could never be received.
 *
 * A charge is bounded, about a record each, and the connection can't proceed without it: so it is
 * forced over the limits, as TCP does where it can't fail.
 */
#include <net/tcp.h>

#include "stream/charge.h"

/* Exceed the limits. TCP allows that only for a sender that is over its send buffer */
static void ksc_charge_force(struct sock *sk, int want)
{
	u8 locks = sk->sk_userlocks;
	int sndbuf = sk->sk_sndbuf;

	/* keeps TCP from enlarging it */
	sk->sk_userlocks |= SOCK_SNDBUF_LOCK;
	WRITE_ONCE(sk->sk_sndbuf, sk->sk_wmem_queued);
	__sk_mem_schedule(sk, want, SK_MEM_SEND);
	WRITE_ONCE(sk->sk_sndbuf, sndbuf);
	sk->sk_userlocks = locks;
	/* poll() checks without the lock and may have seen no space: pairs with tcp_poll() */
	smp_mb();
	if (sk->sk_socket && test_bit(SOCK_NOSPACE, &sk->sk_socket->flags))
		sk->sk_write_space(sk);
}

/**
 * ksc_charge() - charge memory to a socket
 * @sk: socket, locked and owned
 * @size: bytes; the caller records them for ksc_uncharge()
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
 * @sk: socket, locked or without other users
 * @size: bytes
 *
 * Context: any.
 */
void ksc_uncharge(struct sock *sk, u32 size)
{
	sk_mem_uncharge(sk, size);
}
