// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leaving a connection to TCP: it is plaintext from now on, or TCP has closed it.
 */
#include <linux/kschannel_netlink.h>
#include <net/tcp.h>

#include "failpoint.h"
#include "socket/asking.h"
#include "socket/callbacks.h"
#include "socket/end.h"
#include "socket/leave.h"
#include "socket/phase.h"
#include "socket/state.h"
#include "socket/tables.h"
#include "stream/rx_queue.h"

/* Do a shutdown() that was deferred before the connection became plaintext */
static void ksc_shut_late(struct sock *sk, struct ksc_sock *ks)
{
	if (ks->read_shut)
		WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | RCV_SHUTDOWN);
	if (ks->write_shut)
		ksc_fin(sk);
	ks->read_shut = false;
	ks->write_shut = false;
}

/**
 * ksc_leave() - leave a socket to TCP, in plaintext
 * @sk: socket, locked and owned, without TLS data to read or write
 * @ks: its state, without a context
 *
 * Wakes waiting tasks, which from then on call TCP's operations.
 *
 * Context: process.
 */
void ksc_leave(struct sock *sk, struct ksc_sock *ks)
{
	if (ksc_move(sk, ks, KSC_EVENT_LEAVE))
		return;
	ksc_retire(sk, ks);
	WRITE_ONCE(sk->sk_rcvlowat, ks->rcvlowat);
	/* cleared when the ULP was attached */
	set_bit(SOCK_SUPPORT_ZC, &sk->sk_socket->flags);
	ksc_give_back(sk);
	ksc_shut_late(sk, ks);
	sk->sk_state_change(sk);
	if (ksc_rxq_len(sk))
		sk->sk_data_ready(sk);
}

/**
 * ksc_unconnected() - undo a failed connect()
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * Context: process.
 */
void ksc_unconnected(struct sock *sk, struct ksc_sock *ks)
{
	ksc_disarm(sk, ks);
	ks->ruling.made = false;
	ksc_asked_forget(ks);
	ks->read_shut = false;
	ks->write_shut = false;
}

/**
 * ksc_settle() - return to phase init if TCP is in state CLOSE again
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * The socket may then connect or listen. Does nothing while such a call is in progress.
 *
 * Context: process.
 */
void ksc_settle(struct sock *sk, struct ksc_sock *ks)
{
	if (sk->sk_state != TCP_CLOSE || ks->calls ||
	    (ks->phase != KSC_PHASE_CONNECTING && ks->phase != KSC_PHASE_LISTEN))
		return;
	if (ksc_move(sk, ks, KSC_EVENT_UNCONNECT))
		return;
	ksc_unconnected(sk, ks);
	ksc_take_over(sk);
}

/**
 * ksc_settle_sock() - ksc_settle() after a call of TCP that may have closed the socket
 * @sk: socket, with or without a state
 *
 * Context: process, takes the socket's lock.
 */
void ksc_settle_sock(struct sock *sk)
{
	struct ksc_sock *ks;

	lock_sock(sk);
	ks = ksc_sk(sk);
	if (ks)
		ksc_settle(sk, ks);
	release_sock(sk);
}
