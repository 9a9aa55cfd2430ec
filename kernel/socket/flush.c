// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sending open and pending records: at once, at a deadline, with an acknowledgment, or when there
 * is space.
 */
#include <linux/skbuff.h>

#include "record/frame.h"
#include "socket/callbacks.h"
#include "socket/end.h"
#include "socket/flush.h"
#include "socket/rekey.h"
#include "socket/state.h"
#include "stream/stream.h"
#include "stream/tx.h"
#include "stream/tx_build.h"

/**
 * ksc_tx_finish() - seal and push a record left open
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_tx_finish(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_tx *tx = &ks->s.tx;
	int err;

	if (tx->pending || !tx->len)
		return 0;
	tx->more = false;
	err = ksc_tx_seal(sk, &ks->s, KSC_CT_APPLICATION_DATA);
	if (!err)
		return ksc_tx_push(sk, tx, 0);
	if (err == -ENOMEM)
		ksc_pump_kick(ks, HZ / 10);
	else
		ksc_tx_broken(sk, ks);
	return err;
}

/* TCP's own limit for how long MSG_MORE or a cork delays data */
#define KSC_TX_HOLD	(HZ / 5)

/**
 * ksc_tx_hold() - leave a record open for a limited time
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * The application may send no more before it gets an answer. If TCP would wait for an
 * acknowledgment, the pump does the same.
 *
 * Context: process, the socket's lock.
 */
void ksc_tx_hold(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_tx *tx = &ks->s.tx;

	ksc_tx_charge(sk, tx);
	/* then write_space is called for each acknowledgment */
	if (tx->nagle)
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	if (tx->held || tx->pending || !tx->len)
		return;
	tx->held = true;
	tx->deadline = jiffies + KSC_TX_HOLD;
	ksc_pump_kick(ks, KSC_TX_HOLD);
}

/* Is the open record still held? Then the pump is scheduled to check again */
static bool ksc_tx_held(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_tx *tx = &ks->s.tx;

	if (tx->pending)
		return tx->more;
	if (tx->nagle) {
		/* write_space may no longer be ours, but an in-kernel user's */
		if (!ksc_hears_of_space(sk) || !ksc_tx_nagle(sk, &ks->s, 0))
			return false;
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		ksc_pump_kick(ks, KSC_TX_HOLD);
		return true;
	}
	if (!tx->held)
		return tx->more;
	if (time_after_eq(jiffies, tx->deadline))
		return false;
	ksc_pump_kick(ks, tx->deadline - jiffies);
	return true;
}

/**
 * ksc_tx_resume() - TCP has space again
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * Context: process, from the pump.
 */
void ksc_tx_resume(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_tx *tx = &ks->s.tx;

	if (!ksc_tx_held(sk, ks))
		ksc_tx_finish(sk, ks);
	if (tx->pending)
		ksc_tx_push(sk, tx, tx->more ? MSG_MORE : 0);
	ksc_rekey_try(sk, ks);
	if (tx->pending)
		ksc_await_space(sk, ks);
}
