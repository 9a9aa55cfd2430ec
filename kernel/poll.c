// SPDX-License-Identifier: GPL-2.0
/*
 * What poll() sees: application data, not records.
 */
#include <linux/poll.h>
#include <net/tcp.h>

#include "ksc.h"

/**
 * ksc_poll_settled() - is it true that there is nothing to read?
 * @sk: socket, found to have nothing decrypted and then no record
 * @rx: its receiving half
 *
 * A reader that has taken a record off TCP's queue may not have decrypted it yet. Whoever
 * looks then and goes to sleep would not be woken for what that reader leaves.
 *
 * Context: process. Return: true, or it has to be looked at with the lock.
 */
bool ksc_poll_settled(const struct sock *sk, const struct ksc_rx *rx)
{
	if (sock_owned_by_user_nocheck(sk))
		return false;
	/* pairs with release_sock(): who held the lock has added what it took */
	smp_rmb();
	return !ksc_rx_has_plain(rx) && !READ_ONCE(rx->closed);
}

/* Readable means application data, EOF or an error; control records are not */
static bool ksc_poll_in(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_rx *rx = &ks->rx;
	bool in;

	if ((ksc_rx_has_plain(rx) && READ_ONCE(ks->rcvlowat) <= 1) ||
	    READ_ONCE(rx->closed) || READ_ONCE(sk->sk_err))
		return true;
	if (!READ_ONCE(rx->bad) &&
	    ksc_rxq_avail(sk, &rx->queue) + READ_ONCE(rx->stage_len) <
	    (READ_ONCE(rx->rec_len) ?: KSC_HEADER_LEN)) {
		if (ksc_rx_stalled(sk, ks))
			ksc_pump_kick(ks, 0);
		if (READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN)
			return true;
		if (!ksc_rx_has_plain(rx) && ksc_poll_settled(sk, rx))
			return false;
	}

	lock_sock(sk);
	in = ks->phase != KSC_PHASE_ESTABLISHED ||
	     ksc_rx_advance(sk, ks) < 0 || ksc_rx_enough(sk, ks) || rx->closed ||
	     sk->sk_shutdown & RCV_SHUTDOWN ||
	     /* more control records than are dealt with at once */
	     (ks->phase == KSC_PHASE_ESTABLISHED && ksc_rx_ready(sk, ks));
	/* what comes after the records that were opened may not fit: nobody else looks */
	if (!in)
		ksc_rx_stage(sk, ks);
	release_sock(sk);
	/* its header was looked at only now: no callback has seen that it won't fit */
	if (!in && ksc_rx_stalled(sk, ks))
		ksc_pump_kick(ks, 0);
	return in;
}

/**
 * ksc_poll_ops() - proto_ops.poll
 * @file: the socket's file
 * @sock: socket
 * @wait: poll table
 *
 * Context: process, may sleep. Return: EPOLL* as an application without TLS
 * would see them.
 */
__poll_t ksc_poll_ops(struct file *file, struct socket *sock,
		      struct poll_table_struct *wait)
{
	const __poll_t in = EPOLLIN | EPOLLRDNORM, out = EPOLLOUT | EPOLLWRNORM;
	struct sock *sk = sock->sk;
	struct ksc_sock *ks = ksc_sk(sk);
	__poll_t mask;

	/* urgent data is none to us */
	mask = tcp_poll(file, sock, wait) & ~EPOLLPRI;
	if (!ks || inet_sk_state_load(sk) == TCP_LISTEN)
		return mask;

	if (READ_ONCE(ks->phase) == KSC_PHASE_INIT && ks->role != KSC_ROLE_UNSPEC &&
	    (1 << inet_sk_state_load(sk)) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT)) {
		long timeo = 0;

		lock_sock(sk);
		ksc_ready(sk, ks, &timeo);
		release_sock(sk);
	}

	/* pairs with ksc_established() */
	switch (smp_load_acquire(&ks->phase)) {
	case KSC_PHASE_CONNECTING:
		if (mask & EPOLLERR || inet_sk_state_load(sk) == TCP_CLOSE)
			return mask;
		fallthrough;
	case KSC_PHASE_HANDSHAKE:
		return mask & ~(in | out | EPOLLRDHUP);
	case KSC_PHASE_VERIFY:
		return (mask & ~(in | out | EPOLLRDHUP)) | EPOLLPRI;
	case KSC_PHASE_ESTABLISHED:
		break;
	case KSC_PHASE_FAILED:
		return mask | in | out | EPOLLERR;
	default:
		return mask;
	}

	mask &= ~in;
	if (ksc_poll_in(sk, ks))
		mask |= in;
	if (READ_ONCE(ks->rx.closed))
		mask |= EPOLLRDHUP;
	if (READ_ONCE(ks->phase) == KSC_PHASE_FAILED)
		return mask | in | out | EPOLLERR;
	if (READ_ONCE(ks->tx.pending)) {
		mask &= ~out;
		set_bit(SOCK_NOSPACE, &sock->flags);
		/* as in tcp_poll(): it may have gone before the flag was set */
		smp_mb__after_atomic();
		if (!READ_ONCE(ks->tx.pending))
			mask |= out;
	}
	return mask;
}
