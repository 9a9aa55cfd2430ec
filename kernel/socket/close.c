// SPDX-License-Identifier: GPL-2.0
/*
 * A protected socket's life once it is connected: established, failed, shut down,
 * closed. How it begins is in connect.c, what TCP's callbacks see of it in callbacks.c.
 *
 * What passes in which phase is decided here and in ksc_ready() alone.
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
 * TCP's own mark stays at one byte: what it counts is ciphertext, and the
 * handshake's records are not to be waited for.
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
 * ksc_shutdown_ops() - proto_ops.shutdown: close_notify goes before the FIN
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
		 * It is about application data, of which there is none yet; the
		 * handshake needs both directions. ksc_established() does it.
		 */
		ks->read_shut |= rd;
		ks->write_shut |= wr;
		later = true;
	} else if (ks && ks->phase == KSC_PHASE_ESTABLISHED) {
		if (wr)
			err = ksc_tx_close(sk, ks);
		if (err == -EAGAIN || err == -ENOMEM)
			err = -ENOBUFS;
		/* TCP's shutdown knows what to say */
		if (sk->sk_state == TCP_CLOSE || sk->sk_shutdown & SEND_SHUTDOWN)
			err = 0;
		ks->read_shut |= rd && !err;
	} else if (ks && wr && ks->s.tx.lost) {
		err = -EPIPE;
	}
	ksc_release_noio(sk, noio);
	/* a FIN would hide that something is missing before it */
	if (err || later)
		return err;
	ksc_failpoint(KSC_FAILPOINT_SHUTDOWN);
	err = inet_shutdown(sock, how);
	/* TCP takes back a connect() or a listen() that another thread has begun meanwhile */
	ksc_settle_sock(sk);
	return err;
}

/**
 * ksc_close_reset() - have TCP's close() reset the connection
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
 * Control records that nobody read must not make TCP reset a connection of
 * which all data was read: a ticket, the peer's close_notify. All of them that have come, but
 * no more: where they are answered TCP's backlog may have the next ones each time.
 */
static void ksc_close_drain(struct sock *sk, struct ksc_sock *ks)
{
	int left = ksc_rxq_len(sk) + ks->s.rx.stage_len;

	while (!ks->s.rx.closed && !ksc_rx_advance(sk, ks) && !ks->s.rx.closed && left > 0 &&
	       ks->phase == KSC_PHASE_ESTABLISHED && ksc_rx_ready(sk, &ks->s)) {
		/* of so many bytes at least */
		left -= KSC_RX_BUDGET * KSC_HEADER_LEN;
		cond_resched();
	}
	if (ksc_rx_has_plain(&ks->s.rx))
		/* TCP does not see that these are unread: have it reset all the same */
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
			/* nobody takes it any more, and it would stop what is to be sent */
			sock_error(sk);
			/* SO_LINGER with 0 is for a reset, not an orderly end */
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
	/* from here on TCP alone finishes what is in its queues */
	WRITE_ONCE(sk->sk_prot, base);
	release_sock(sk);
	base->close(sk, timeout);
}
