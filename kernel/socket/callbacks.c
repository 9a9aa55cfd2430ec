// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP's callbacks of a protected socket. They run under the socket's lock, in softirq or process
 * context.
 */
#include <linux/cred.h>
#include <linux/kschannel_netlink.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <net/tcp.h>

#include "socket/callbacks.h"
#include "socket/state.h"
#include "stream/rx.h"
#include "stream/rx_plain.h"
#include "stream/rx_stage.h"
#include "stream/stream.h"
#include "stream/tx.h"
#include "stream/tx_build.h"

static void ksc_data_ready(struct sock *sk);

/**
 * ksc_rx_watched() - does any task wait for data other than in a read call?
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * In poll(), for a signal, or by a callback of its own in place of ours.
 *
 * Context: the socket's lock.
 */
bool ksc_rx_watched(const struct sock *sk, const struct ksc_sock *ks)
{
	return READ_ONCE(ks->s.rx.polled) || sock_flag(sk, SOCK_FASYNC) ||
	       READ_ONCE(sk->sk_data_ready) != ksc_data_ready;
}

/**
 * ksc_rx_go_on() - let the pump open records and wake waiters for data
 * @ks: state, established
 *
 * Context: any.
 */
void ksc_rx_go_on(struct ksc_sock *ks)
{
	WRITE_ONCE(ks->s.rx.tell, true);
	ksc_pump_kick(ks, 0);
}

/**
 * ksc_rx_deferred() - there is a complete record: does the pump open it before waiters are woken?
 * @sk: socket, locked
 * @ks: its state, established
 *
 * Pollers must not be woken for a record without application data. A reader that sleeps in a call
 * opens the record itself; in-kernel users have their own callback, and read from that.
 *
 * Context: the socket's lock, owned or in softirq.
 */
bool ksc_rx_deferred(struct sock *sk, struct ksc_sock *ks)
{
	const struct ksc_rx *rx = &ks->s.rx;

	if (rx->readers || !(READ_ONCE(rx->polled) || sock_flag(sk, SOCK_FASYNC)) ||
	    (ksc_rx_has_plain(rx) && ks->rcvlowat <= 1) ||
	    READ_ONCE(sk->sk_data_ready) != ksc_data_ready)
		return false;
	ksc_rx_go_on(ks);
	return true;
}

static void ksc_data_ready(struct sock *sk)
{
	struct ksc_sock *ks = ksc_sk(sk);

	/* being released */
	if (unlikely(!ks))
		return;
	/* the application may have cleared SO_OOBINLINE: ksc_arm() */
	if (unlikely(!sock_flag(sk, SOCK_URGINLINE)))
		sock_set_flag(sk, SOCK_URGINLINE);
	switch (ks->phase) {
	case KSC_PHASE_CONNECTING:
	case KSC_PHASE_HANDSHAKE:
		if (!ksc_awaits_ruling(ks))
			ksc_pump_kick(ks, 0);
		break;
	/* the data stays queued until there is a verdict */
	case KSC_PHASE_VERIFY:
		break;
	case KSC_PHASE_ESTABLISHED:
		if (ks->s.rx.closed)
			break;
		if (ksc_rx_ready(sk, &ks->s)) {
			if (!ksc_rx_deferred(sk, ks))
				ks->data_ready(sk);
		} else if (!ksc_rx_stalled(sk, &ks->s)) {
			break;
		} else if (ksc_rx_has_plain(&ks->s.rx)) {
			/* the rest can't arrive before the plaintext is read */
			ks->data_ready(sk);
		} else {
			/* to stage the record */
			ksc_pump_kick(ks, 0);
		}
		break;
	default:
		ks->data_ready(sk);
	}
}

static void ksc_write_space(struct sock *sk)
{
	struct ksc_sock *ks = ksc_sk(sk);

	if (unlikely(!ks))
		return;
	if (ks->s.tx.pending || ks->s.tx.update) {
		/* TCP had no memory, and calls this at once while pushing: avoid a loop */
		ksc_pump_kick(ks, ks->s.tx.pushing ? KSC_TX_AGAIN : 0);
		ks->write_space(sk);
	} else if (ks->s.tx.nagle) {
		bool waits = ksc_tx_nagle(sk, &ks->s, 0);

		ks->write_space(sk);
		/* that may have cleared it */
		if (waits)
			set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		else
			ksc_pump_kick(ks, 0);
	} else {
		ks->write_space(sk);
	}
}

static void ksc_state_change(struct sock *sk)
{
	struct ksc_sock *ks = ksc_sk(sk);

	if (unlikely(!ks))
		return;
	if (ksc_handshaking(ks) && !ksc_awaits_ruling(ks))
		ksc_pump_kick(ks, 0);
	ks->state_change(sk);
}

/**
 * ksc_wake_reader() - wake readers and pollers
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * An in-kernel user of the socket (KCM, NVMe) has its own callback in place of ours.
 *
 * Context: process.
 */
void ksc_wake_reader(struct sock *sk, struct ksc_sock *ks)
{
	void (*ready)(struct sock *sk) = READ_ONCE(sk->sk_data_ready);

	(likely(ready == ksc_data_ready) ? ks->data_ready : ready)(sk);
}

/**
 * ksc_wake_writer() - wake writers
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * Context: process.
 */
void ksc_wake_writer(struct sock *sk, struct ksc_sock *ks)
{
	void (*space)(struct sock *sk) = READ_ONCE(sk->sk_write_space);

	(likely(space == ksc_write_space) ? ks->write_space : space)(sk);
}

/**
 * ksc_stream_room() - ksc_stream_ops.room: wake writers
 * @sk: socket, locked
 * @s: its stream
 *
 * Context: the socket's lock, owned or in softirq.
 */
void ksc_stream_room(struct sock *sk, struct ksc_stream *s)
{
	ksc_wake_writer(sk, container_of(s, struct ksc_sock, s));
}

/**
 * ksc_remind_reader() - wake an in-kernel user that stopped reading, see ksc_read_sock()
 * @sk: socket, locked and owned
 * @ks: its state, established
 *
 * Context: process, from the pump.
 */
void ksc_remind_reader(struct sock *sk, struct ksc_sock *ks)
{
	if (unlikely(READ_ONCE(sk->sk_data_ready) != ksc_data_ready) &&
	    ks->phase == KSC_PHASE_ESTABLISHED && !ks->s.rx.closed && ksc_rx_ready(sk, &ks->s))
		ksc_wake_reader(sk, ks);
}

/**
 * ksc_hears_of_space() - check whether sk_write_space is still ours
 * @sk: socket, locked and owned
 *
 * Context: process.
 */
bool ksc_hears_of_space(const struct sock *sk)
{
	return READ_ONCE(sk->sk_write_space) == ksc_write_space;
}

/**
 * ksc_starved() - has TCP nothing in flight that will be acknowledged, though it may send?
 * @sk: socket, locked and owned, with a pending record
 *
 * Context: process.
 */
bool ksc_starved(const struct sock *sk)
{
	return tcp_rtx_and_write_queues_empty(sk) &&
	       (1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT);
}

/**
 * ksc_await_space() - make sure that the pump pushes a pending record
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * TCP signals space when data is acknowledged. If an in-kernel user has its own callback in place
 * of ours, or TCP's queues are empty as it had no memory, the pump has to retry by itself.
 *
 * Context: process.
 */
void ksc_await_space(struct sock *sk, struct ksc_sock *ks)
{
	ksc_tx_charge(sk, &ks->s.tx);
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	if (unlikely(!ksc_hears_of_space(sk) || ksc_starved(sk)))
		ksc_pump_kick(ks, HZ / 20);
}

/**
 * ksc_arm() - install our callbacks
 * @sk: socket, locked and owned, never a listener
 * @ks: its state
 *
 * Context: process.
 */
void ksc_arm(struct sock *sk, struct ksc_sock *ks)
{
	if (ks->armed)
		return;
	ks->uid = sk->sk_uid;
	ks->gid = current_egid();
	ks->armed = true;
	/* else TCP may skip an urgent byte: ksc_rxq_len() */
	ks->urginline = sock_flag(sk, SOCK_URGINLINE);
	sock_set_flag(sk, SOCK_URGINLINE);
	write_lock_bh(&sk->sk_callback_lock);
	/*
	 * They may still be ours: an in-kernel user had its own when ksc_disarm() ran, and
	 * restored ours afterwards. TCP's are already saved then.
	 */
	if (sk->sk_data_ready != ksc_data_ready)
		ks->data_ready = sk->sk_data_ready;
	if (sk->sk_write_space != ksc_write_space)
		ks->write_space = sk->sk_write_space;
	if (sk->sk_state_change != ksc_state_change)
		ks->state_change = sk->sk_state_change;
	sk->sk_data_ready = ksc_data_ready;
	sk->sk_write_space = ksc_write_space;
	sk->sk_state_change = ksc_state_change;
	write_unlock_bh(&sk->sk_callback_lock);
}

/**
 * ksc_disarm() - undo ksc_arm()
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * Context: process.
 */
void ksc_disarm(struct sock *sk, struct ksc_sock *ks)
{
	if (!ks->armed)
		return;
	ks->armed = false;
	sock_valbool_flag(sk, SOCK_URGINLINE, ks->urginline);
	write_lock_bh(&sk->sk_callback_lock);
	/* an in-kernel user may have installed its own */
	if (sk->sk_data_ready == ksc_data_ready)
		sk->sk_data_ready = ks->data_ready;
	if (sk->sk_write_space == ksc_write_space)
		sk->sk_write_space = ks->write_space;
	if (sk->sk_state_change == ksc_state_change)
		sk->sk_state_change = ks->state_change;
	write_unlock_bh(&sk->sk_callback_lock);
}

/**
 * ksc_tx_may_resume() - check whether the pump may send
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * It may not while there is an error: sending would consume the error, which belongs to the
 * socket's user. With IP_RECVERR the connection may continue after it.
 *
 * Context: process, from the pump.
 */
bool ksc_tx_may_resume(const struct sock *sk, struct ksc_sock *ks)
{
	const struct ksc_tx *tx = &ks->s.tx;

	if (likely(!sk->sk_err))
		return true;
	if (sk->sk_state != TCP_CLOSE && (tx->nfrags || tx->update || READ_ONCE(ks->rekey)))
		ksc_pump_kick(ks, HZ / 10);
	return false;
}
