// SPDX-License-Identifier: GPL-2.0-only
/*
 * shutdown() and close() of a protected socket, and SO_RCVLOWAT.
 */
#include <linux/kschannel_netlink.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <net/inet_common.h>
#include <net/tcp.h>

#include "failpoint.h"
#include "memcg.h"
#include "record/frame.h"
#include "socket/ahead.h"
#include "socket/close.h"
#include "socket/end.h"
#include "socket/leave.h"
#include "socket/phase.h"
#include "socket/state.h"
#include "socket/tables.h"
#include "stream/noio.h"
#include "stream/rx.h"
#include "stream/rx_plain.h"
#include "stream/rx_queue.h"

/**
 * ksc_set_rcvlowat() - proto_ops.set_rcvlowat
 * @sk: socket, locked and owned
 * @val: bytes of application data
 *
 * TCP's own mark stays at one byte: it counts ciphertext, and must not delay the handshake's
 * records.
 *
 * Context: process. Return: 0.
 */
int ksc_set_rcvlowat(struct sock *sk, int val)
{
	struct ksc_sock *ks = ksc_sk(sk);

	if (ks)
		WRITE_ONCE(ks->rcvlowat, val ?: 1);
	if (ks && ks->phase == KSC_PHASE_ESTABLISHED)
		ksc_rx_settle(sk, ks);
	return 0;
}

/* ---- shutdown and close ---- */

/**
 * ksc_shutdown_ops() - proto_ops.shutdown: sends close_notify before the FIN
 * @sock: socket
 * @how: SHUT_*
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_shutdown_ops(struct socket *sock, int how)
{
	bool rd = how == SHUT_RD || how == SHUT_RDWR;
	bool wr = how == SHUT_WR || how == SHUT_RDWR;
	struct sock *sk = sock->sk;
	struct ksc_sock *ks;
	bool later = false;
	unsigned int noio;
	int err = 0;

	noio = ksc_lock_noio(sk);
	ks = ksc_sk(sk);
	if (ks && (rd || wr) && ksc_handshaking(ks) &&
	    (1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT)) {
		/*
		 * shutdown() is about application data, and the handshake still needs both
		 * directions: deferred to ksc_established().
		 */
		ks->read_shut |= rd;
		ks->write_shut |= wr;
		later = true;
	} else if (ks && ks->phase == KSC_PHASE_ESTABLISHED) {
		if (wr)
			err = ksc_tx_close(sk, ks);
		if (err == -EAGAIN || err == -ENOMEM)
			err = -ENOBUFS;
		/* TCP's shutdown() returns the right error */
		if (sk->sk_state == TCP_CLOSE || sk->sk_shutdown & SEND_SHUTDOWN)
			err = 0;
		ks->read_shut |= rd && !err;
	} else if (ks && wr && ks->s.tx.lost) {
		err = -EPIPE;
	}
	ksc_release_noio(sk, noio);
	/* a FIN would hide that data before it is missing */
	if (err || later)
		return err;
	ksc_failpoint(KSC_FAILPOINT_SHUTDOWN);
	err = inet_shutdown(sock, how);
	/* TCP's shutdown() may have undone another thread's connect() or listen() */
	ksc_settle_sock(sk);
	return err;
}

/**
 * ksc_close_reset() - make TCP's close() reset the connection
 * @sk: socket, locked and owned
 *
 * Context: process.
 */
void ksc_close_reset(struct sock *sk)
{
	sock_set_flag(sk, SOCK_LINGER);
	sk->sk_lingertime = 0;
}

/*
 * Unprocessed control records (a ticket, the peer's close_notify) must not make TCP reset a
 * connection whose data was all read. Processes those that have arrived by now, but no more: as
 * some are answered, the backlog could provide new ones endlessly.
 */
static void ksc_close_drain(struct sock *sk, struct ksc_sock *ks)
{
	int left = ksc_rxq_len(sk) + ks->s.rx.stage_len;

	while (!ks->s.rx.closed && !ksc_rx_advance(sk, ks) && !ks->s.rx.closed && left > 0 &&
	       ks->phase == KSC_PHASE_ESTABLISHED && ksc_rx_ready(sk, &ks->s)) {
		/* the minimum size of these records */
		left -= KSC_RX_BUDGET * KSC_HEADER_LEN;
		cond_resched();
	}
	if (ksc_rx_has_plain(&ks->s.rx))
		/* TCP does not see this unread data: make it reset nevertheless */
		ksc_close_reset(sk);
	else if (ks->s.rx.closed)
		tcp_read_done(sk, ksc_rxq_len(sk));
}

/**
 * ksc_close() - proto.close
 * @sk: socket
 * @timeout: for lingering
 *
 * Context: process, no other user of the socket's file is left.
 */
void ksc_close(struct sock *sk, long timeout)
{
	struct proto *base = ksc_base_proto(sk);
	struct ksc_sock *ks;
	unsigned int noio;

	lock_sock(sk);
	noio = ksc_noio_begin(sk);
	ks = ksc_sk(sk);
	if (ks) {
		if (ks->phase == KSC_PHASE_ESTABLISHED) {
			ksc_close_drain(sk, ks);
			/* there is no reader left, and it would block sending */
			sock_error(sk);
			/* SO_LINGER with 0 requests a reset, not an orderly close */
			if (ks->phase == KSC_PHASE_ESTABLISHED &&
			    !(sock_flag(sk, SOCK_LINGER) && !sk->sk_lingertime) &&
			    ksc_tx_close(sk, ks))
				ks->s.tx.lost = true;
		}
		if (ks->s.tx.lost)
			ksc_close_reset(sk);
		ksc_context_drop(ks);
		ksc_move(sk, ks, KSC_EVENT_CLOSE);
		ksc_retire(sk, ks);
	}
	ksc_noio_end(noio);
	/* from here on TCP alone sends what is in its queues */
	WRITE_ONCE(sk->sk_prot, base);
	release_sock(sk);
	base->close(sk, timeout);
}
