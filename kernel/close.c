// SPDX-License-Identifier: GPL-2.0
/*
 * A protected socket's life once it is connected: established, failed, shut down,
 * closed. How it begins is in connect.c, what TCP's callbacks see of it in callbacks.c.
 *
 * What passes in which phase is decided here and in ksc_ready() alone.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <net/inet_common.h>
#include <net/tcp.h>

#include "failpoint.h"
#include "ksc.h"
#include "memcg.h"
#include "rx_plain.h"

/**
 * ksc_established() - the handshake is done and the keys are in
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * Context: process.
 */
void ksc_established(struct sock *sk, struct ksc_sock *ks)
{
	/* keys that were attached come of no handshake here */
	if (ks->context)
		ksc_count(ks->kn, KSC_CNT_HANDSHAKES_OK);
	ksc_context_drop(ks);
	ksc_move(sk, ks, KSC_EVENT_ESTABLISH);
	/* what was shut meanwhile */
	if (ks->read_shut)
		WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | RCV_SHUTDOWN);
	if (ks->write_shut) {
		if (ksc_tx_close(sk, ks)) {
			ksc_tx_broken(sk, ks);
			return;
		}
		ksc_fin(sk);
	}
	/* whoever waits to connect, to write, or to read what came along */
	ks->state_change(sk);
	if (ksc_rx_ready(sk, ks)) {
		if (!ksc_rx_deferred(sk, ks))
			ksc_wake_reader(sk, ks);
	} else if (ksc_rx_stalled(sk, ks)) {
		ksc_pump_kick(ks, 0);
	}
}

/**
 * ksc_wait() - wait for the handshake's end
 * @sk: socket, locked and owned; the lock is released while waiting
 * @ks: its state
 * @timeo: jiffies, 0 for not waiting; updated
 *
 * Context: process. Return: 0, -EAGAIN if there is no time for it, or another errno.
 */
int ksc_wait(struct sock *sk, struct ksc_sock *ks, long *timeo)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	int err = 0;

	if (!ksc_handshaking(ks))
		return 0;
	add_wait_queue(sk_sleep(sk), &wait);
	while (ksc_handshaking(ks)) {
		if (sk->sk_state == TCP_CLOSE && ks->phase == KSC_PHASE_CONNECTING)
			err = sock_error(sk) ?: -ENOTCONN;
		else if (!*timeo)
			err = -EAGAIN;
		else if (signal_pending(current))
			err = sock_intr_errno(*timeo);
		if (err)
			break;
		err = sk_wait_event(sk, timeo, !ksc_handshaking(ks) ||
				    (ks->phase == KSC_PHASE_CONNECTING &&
				     sk->sk_state == TCP_CLOSE), &wait);
		err = min(err, 0);
		if (err)
			break;
	}
	remove_wait_queue(sk_sleep(sk), &wait);
	return err;
}

/**
 * ksc_ready() - may application data move? Wait until it may
 * @sk: socket, locked and owned; the lock is released while waiting
 * @ks: its state, NULL if it could not be allocated
 * @timeo: jiffies, 0 for not waiting; updated
 *
 * A socket that was connected before it got the ULP begins its handshake here.
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_ready(struct sock *sk, struct ksc_sock *ks, long *timeo)
{
	int err;

	if (unlikely(!ks))
		return -ENOMEM;
	if (likely(ks->phase == KSC_PHASE_ESTABLISHED))
		return 0;
	if (ks->phase == KSC_PHASE_LISTEN)
		return -ENOTCONN;
	if (ks->phase == KSC_PHASE_INIT) {
		if (sk->sk_state != TCP_ESTABLISHED && sk->sk_state != TCP_CLOSE_WAIT)
			return sock_error(sk) ?: -ENOTCONN;
		if (ks->role == KSC_ROLE_UNSPEC)
			return -EDESTADDRREQ;
		ksc_handshake_start(sk, ks);
	}
	err = ksc_wait(sk, ks, timeo);
	if (!err && ks->phase == KSC_PHASE_FAILED) {
		sock_error(sk);
		err = ksc_error(ks);
	}
	/* left to TCP, or disconnected, while the caller was on its way here */
	if (!err && ks->phase != KSC_PHASE_ESTABLISHED)
		err = -ENOTCONN;
	return err;
}

/**
 * ksc_ready_to_write() - ksc_ready() for who writes, or asks for the handshake's end
 * @sk: socket, locked and owned; the lock is released while waiting
 * @ks: its state, NULL if it could not be allocated
 * @timeo: jiffies, 0 for not waiting; updated
 *
 * Whoever is not to wait here waits in poll(): for the handshake, from now on, where
 * poll() has said that the socket is connected when it was by TCP.
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_ready_to_write(struct sock *sk, struct ksc_sock *ks, long *timeo)
{
	int err = ksc_ready(sk, ks, timeo);

	if (err == -EAGAIN && ks->phase != KSC_PHASE_CONNECTING)
		WRITE_ONCE(ks->write_waits, true);
	return err;
}

/**
 * ksc_fall_back() - the policy would have had it protected, but lets it be plain
 * @sk: socket, locked and owned
 * @ks: its state, whose handshake has done nothing yet
 * @why: for the log
 *
 * Context: process.
 */
void ksc_fall_back(struct sock *sk, struct ksc_sock *ks, const char *why)
{
	ksc_count(ks->kn, KSC_CNT_POLICY_FALLBACKS);
	ksc_count(ks->kn, KSC_CNT_POLICY_PLAIN);
	net_info_ratelimited("kschannel: rule %u: a connection is plain: %s\n",
			     ks->ruling.rule, why);
	ksc_context_drop(ks);
	ksc_leave(sk, ks);
}

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
	} else if (ks && wr && ks->tx.lost) {
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
	int left = ksc_rxq_len(sk) + ks->rx.stage_len;

	while (!ks->rx.closed && !ksc_rx_advance(sk, ks) && !ks->rx.closed && left > 0 &&
	       ks->phase == KSC_PHASE_ESTABLISHED && ksc_rx_ready(sk, ks)) {
		/* of so many bytes at least */
		left -= KSC_RX_BUDGET * KSC_HEADER_LEN;
		cond_resched();
	}
	if (ksc_rx_has_plain(&ks->rx))
		/* TCP does not see that these are unread: have it reset all the same */
		ksc_close_reset(sk);
	else if (ks->rx.closed)
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
				ks->tx.lost = true;
		}
		if (ks->tx.lost)
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
