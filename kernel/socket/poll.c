// SPDX-License-Identifier: GPL-2.0-only
/*
 * poll(): reports application data, not records.
 */
#include <linux/cred.h>
#include <linux/kschannel_netlink.h>
#include <linux/poll.h>
#include <net/tcp.h>

#include "record/frame.h"
#include "socket/ahead.h"
#include "socket/callbacks.h"
#include "socket/handshake.h"
#include "socket/poll.h"
#include "socket/state.h"
#include "stream/rx_queue.h"
#include "stream/rx_stage.h"
#include "stream/stream.h"

/* Readable means application data, EOF or an error; the pump opens records to find out */
static bool ksc_poll_data(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_rx *rx = &ks->s.rx;

	/* set even if there is data now: calls then wake for what they leave, ksc_rx_ahead() */
	if (!READ_ONCE(rx->polled))
		WRITE_ONCE(rx->polled, true);
	if (ksc_poll_in(sk, ks))
		return true;
	ksc_poll_tell(rx);
	if (ksc_poll_in(sk, ks))
		return true;
	if (READ_ONCE(rx->bad) || ksc_rx_stalled(sk, &ks->s) ||
	    ksc_rxq_avail(sk, &rx->queue) + READ_ONCE(rx->stage_len) >=
	    (READ_ONCE(rx->rec_len) ?: KSC_HEADER_LEN))
		ksc_pump_kick(ks, 0);
	return false;
}

/* Begin the handshake on a connected socket, as send() and recv() do: ksc_ready() */
static void ksc_poll_ask(struct ksc_sock *ks)
{
	spin_lock_bh(&ks->lock);
	if (!ks->begin) {
		ks->begin = true;
		ks->begin_gid = current_egid();
	}
	spin_unlock_bh(&ks->lock);
	ksc_pump_kick(ks, 0);
}

static bool ksc_poll_may_begin(const struct sock *sk, const struct ksc_sock *ks)
{
	return READ_ONCE(ks->phase) == KSC_PHASE_INIT && READ_ONCE(ks->role) != KSC_ROLE_UNSPEC &&
	       (1 << inet_sk_state_load(sk)) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT);
}

/**
 * ksc_poll_begin() - begin a handshake on behalf of poll()
 * @sk: socket, locked and owned
 * @ks: its state, in phase init
 *
 * Context: process, from the pump.
 */
void ksc_poll_begin(struct sock *sk, struct ksc_sock *ks)
{
	kgid_t gid;
	bool begin;

	spin_lock_bh(&ks->lock);
	begin = ks->begin;
	gid = ks->begin_gid;
	ks->begin = false;
	spin_unlock_bh(&ks->lock);
	if (!begin || !ksc_poll_may_begin(sk, ks))
		return;
	ksc_arm(sk, ks);
	/* that of poll()'s caller, not the pump's */
	ks->gid = gid;
	ksc_handshake_start(sk, ks);
}

/*
 * Events of TCP to hide during the handshake. If connect() ends when TCP is connected, EPOLLOUT
 * reports that, until connect() has returned it or a writer has got -EAGAIN.
 */
static __poll_t ksc_poll_early(const struct ksc_sock *ks)
{
	const __poll_t early = EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;

	if (READ_ONCE(ks->connect_tcp) && !READ_ONCE(ks->connect_told) &&
	    !READ_ONCE(ks->write_waits))
		return early;
	return early | EPOLLOUT | EPOLLWRNORM;
}

/**
 * ksc_poll_full() - hide EPOLLOUT if TCP has not taken all of a record
 * @sock: socket
 * @ks: its state
 *
 * If so, ksc_tx_push() wakes pollers once it has.
 *
 * Context: process. Return: events of tcp_poll() to hide.
 */
__poll_t ksc_poll_full(struct socket *sock, const struct ksc_sock *ks)
{
	if (likely(!READ_ONCE(ks->s.tx.full)))
		return 0;
	set_bit(SOCK_NOSPACE, &sock->flags);
	/* as in tcp_poll(): it may have been sent before the flag was set */
	smp_mb__after_atomic();
	return READ_ONCE(ks->s.tx.full) ? EPOLLOUT | EPOLLWRNORM : 0;
}

/**
 * ksc_poll_ops() - proto_ops.poll
 * @file: the socket's file
 * @sock: socket
 * @wait: poll table
 *
 * Never takes the socket's lock, whose owner may sleep in a page fault: that would stall a task
 * that polls a thousand other sockets.
 *
 * Context: process. Return: EPOLL* as an application without TLS would see them.
 */
__poll_t ksc_poll_ops(struct file *file, struct socket *sock,
		      struct poll_table_struct *wait)
{
	const __poll_t in = EPOLLIN | EPOLLRDNORM, out = EPOLLOUT | EPOLLWRNORM;
	struct sock *sk = sock->sk;
	struct ksc_sock *ks = ksc_sk(sk);
	__poll_t mask;

	/* there is no urgent data in TLS */
	mask = tcp_poll(file, sock, wait) & ~EPOLLPRI;
	if (!ks || inet_sk_state_load(sk) == TCP_LISTEN)
		return mask;

	if (unlikely(ksc_poll_may_begin(sk, ks))) {
		ksc_poll_ask(ks);
		return mask & ~(in | out | EPOLLRDHUP);
	}

	/* pairs with ksc_established() */
	switch (smp_load_acquire(&ks->phase)) {
	case KSC_PHASE_CONNECTING:
		if (mask & EPOLLERR || inet_sk_state_load(sk) == TCP_CLOSE)
			return mask;
		return mask & ~(in | out | EPOLLRDHUP);
	case KSC_PHASE_HANDSHAKE:
		return mask & ~ksc_poll_early(ks);
	case KSC_PHASE_VERIFY:
		return (mask & ~ksc_poll_early(ks)) | EPOLLPRI;
	case KSC_PHASE_ESTABLISHED:
		break;
	case KSC_PHASE_FAILED:
		return mask | in | out | EPOLLERR;
	default:
		return mask;
	}

	mask &= ~in;
	/* a poller that only waits to write needs no opened records */
	if (poll_requested_events(wait) & (in | EPOLLRDHUP) && ksc_poll_data(sk, ks))
		mask |= in;
	if (READ_ONCE(ks->s.rx.closed))
		mask |= EPOLLRDHUP;
	if (READ_ONCE(ks->phase) == KSC_PHASE_FAILED)
		return mask | in | out | EPOLLERR;
	return mask & ~ksc_poll_full(sock, ks);
}
