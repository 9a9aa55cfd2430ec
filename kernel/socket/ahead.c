// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opening records ahead of read(): by the pump, so that poll() only checks a flag, and by readers.
 * A record that cannot be opened ends the connection here.
 */
#include <linux/kschannel_netlink.h>

#include "net.h"
#include "record/frame.h"
#include "socket/ahead.h"
#include "socket/callbacks.h"
#include "socket/control.h"
#include "socket/end.h"
#include "socket/flood.h"
#include "socket/rekey.h"
#include "socket/state.h"
#include "stream/rx.h"
#include "stream/rx_plain.h"
#include "stream/rx_queue.h"
#include "stream/rx_stage.h"
#include "stream/stream.h"

/*
 * Ask a peer that exceeds the key's limit for a KeyUpdate, once per key. One that keeps to the
 * limit sends its KeyUpdate right there, and must not be asked for another.
 */
static int ksc_rx_ask(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_rx *rx = &ks->s.rx;

	if (likely(rx->cipher.seq <= rx->cipher.limit) || rx->asked ||
	    ks->s.version != KSC_VERSION_1_3)
		return 0;
	rx->asked = true;
	ksc_rxq_flush(sk, &rx->queue);
	return ksc_rekey_soon(sk, ks, KSC_UPDATE_BOTH);
}

/* Reject the record at the head, or fail as it can't be read */
static void ksc_rx_bad(struct sock *sk, struct ksc_sock *ks)
{
	u8 bad = ks->s.rx.bad;

	if (bad == KSC_ALERT_INTERNAL_ERROR) {
		ksc_rxq_flush(sk, &ks->s.rx.queue);
		ksc_fail_alert(sk, ks, KSC_STATUS_INTERNAL_ERROR, bad, KSC_UNREADABLE);
		return;
	}
	ksc_rx_refuse(sk, ks, bad == KSC_ALERT_RECORD_OVERFLOW ? KSC_STATUS_RECORD_OVERFLOW :
		      bad == KSC_ALERT_BAD_RECORD_MAC ? KSC_STATUS_BAD_RECORD :
							KSC_STATUS_PROTOCOL_ERROR,
		      bad, "unexpected or malformed record");
}

/* Open one record and process it. Returns 1 if it has application data, 0 if not, or an errno */
static int ksc_rx_one(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_rx *rx = &ks->s.rx;
	struct ksc_rec *rec;
	int type, err;

	if (unlikely(rx->bad)) {
		ksc_rx_bad(sk, ks);
		return ksc_error(ks);
	}
	rec = ksc_rec_get();
	if (!rec)
		return -ENOMEM;

	type = ksc_rx_open(sk, &ks->s, rec);
	/* not inside a handshake message: RFC 8446 5.1 */
	if (type == KSC_CT_APPLICATION_DATA && !rx->hs.have && !rx->hs.left) {
		bool data = rec->len;

		rx->bytes += rec->len;
		ksc_count_add(ks->kn, KSC_CNT_RX_BYTES, rec->len);
		if (likely(data)) {
			list_add_tail(&rec->list, &rx->plain);
			rx->nplain++;
			rx->dataless.n = 0;
		} else {
			ksc_rec_put(rec);
		}
		err = ksc_rx_ask(sk, ks);
		/* deliver authentic data regardless of @err */
		return data ? 1 : err ?: ksc_flood_dataless(sk, ks);
	}

	if (type == -EBADMSG) {
		ksc_rx_refuse(sk, ks, KSC_STATUS_BAD_RECORD,
			      KSC_ALERT_BAD_RECORD_MAC, NULL);
		err = ksc_error(ks);
	} else if (type < 0) {
		err = type;
		if (err != -ENOMEM) {
			ksc_rxq_flush(sk, &rx->queue);
			ksc_fail_alert(sk, ks, err == -EKEYEXPIRED ?
				       KSC_STATUS_KEY_LIMIT : KSC_STATUS_INTERNAL_ERROR,
				       KSC_ALERT_INTERNAL_ERROR,
				       err == -EKEYEXPIRED ? NULL :
				       err == -EFAULT ? KSC_UNREADABLE : "decryption failed");
			err = ksc_error(ks);
		}
	} else if (type == KSC_CT_ALERT) {
		err = ksc_rx_alert(sk, ks, rec);
	} else if (type == KSC_CT_HANDSHAKE) {
		err = ksc_rx_handshake(sk, ks, rec);
	} else {
		ksc_rx_refuse(sk, ks, KSC_STATUS_PROTOCOL_ERROR,
			      KSC_ALERT_UNEXPECTED_MESSAGE,
			      "unexpected record type");
		err = ksc_error(ks);
	}
	ksc_rec_put(rec);
	return err;
}

/**
 * ksc_rx_next() - open records until one has application data
 * @sk: socket, locked and owned
 * @ks: its state
 * @budget: maximum number of records to open; decremented for each
 *
 * The caller flushes the queue (ksc_rxq_flush()) before it releases the lock.
 *
 * Context: process. Return: 1 if there is one, 0 if not, or an errno.
 */
int ksc_rx_next(struct sock *sk, struct ksc_sock *ks, unsigned int *budget)
{
	int err = 0;

	if (!ksc_rec_may_add(sk, &ks->s.rx))
		return 0;
	while (!err && *budget) {
		if (ks->phase != KSC_PHASE_ESTABLISHED || ks->s.rx.closed ||
		    !ksc_rx_ready(sk, &ks->s))
			return 0;
		--*budget;
		err = ksc_rx_one(sk, ks);
	}
	return err;
}

/**
 * ksc_rx_full() - check whether decrypting must wait for a reader
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * A stalled record counts, too: it is staged only when no plaintext is held.
 *
 * Context: process.
 */
bool ksc_rx_full(struct sock *sk, struct ksc_sock *ks)
{
	return ksc_rx_has_plain(&ks->s.rx) &&
	       (!ksc_rec_may_add(sk, &ks->s.rx) ||
		(ks->phase == KSC_PHASE_ESTABLISHED && !ksc_rx_ready(sk, &ks->s) &&
		 ksc_rx_stalled(sk, &ks->s)));
}

/**
 * ksc_rx_enough() - check whether enough is decrypted to wake a reader
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * That is SO_RCVLOWAT bytes, or the maximum that may be decrypted ahead.
 *
 * Context: the socket's lock.
 */
bool ksc_rx_enough(struct sock *sk, struct ksc_sock *ks)
{
	const struct ksc_rx *rx = &ks->s.rx;

	return ksc_rx_has_plain(rx) &&
	       (ks->rcvlowat <= 1 || ksc_rx_plain_len(rx) >= ks->rcvlowat ||
		ksc_rx_full(sk, ks));
}

/* Open records until there is enough data for a reader, or the budget is used up */
static int ksc_rx_fill(struct sock *sk, struct ksc_sock *ks, unsigned int *budget)
{
	int ret = 1;

	while (ret > 0 && !ksc_rx_enough(sk, ks))
		ret = ksc_rx_next(sk, ks, budget);
	ksc_rxq_flush(sk, &ks->s.rx.queue);
	ksc_rec_settle(sk, &ks->s.rx);
	return ret;
}

/**
 * ksc_rx_advance() - process control records until there is data to read
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * At most KSC_RX_BUDGET records. Wakes pollers if there is data.
 *
 * Context: process.
 * Return: 1 if there is decrypted data, 0 if not, or an errno.
 */
int ksc_rx_advance(struct sock *sk, struct ksc_sock *ks)
{
	unsigned int budget = KSC_RX_BUDGET;
	int ret = ksc_rx_fill(sk, ks, &budget);

	ksc_rx_settle(sk, ks);
	return ret ?: ksc_rx_has_plain(&ks->s.rx);
}

/**
 * ksc_poll_in() - would a reader get application data, the end, or an error?
 * @sk: socket
 * @ks: its state, established
 *
 * Unopened records do not count, as they may contain none of these.
 *
 * Context: any; without the socket's lock the result may be stale.
 */
bool ksc_poll_in(const struct sock *sk, const struct ksc_sock *ks)
{
	const struct ksc_rx *rx = &ks->s.rx;

	return (ksc_rx_has_plain(rx) &&
		(READ_ONCE(ks->rcvlowat) <= 1 || READ_ONCE(rx->enough))) ||
	       READ_ONCE(rx->closed) || READ_ONCE(sk->sk_err) ||
	       READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN;
}

/**
 * ksc_poll_tell() - a poller found nothing to read, and may go to sleep
 * @rx: receiving half
 *
 * A record that a reader is just opening may be visible nowhere. A reader that leaves something to
 * read checks this flag (ksc_rx_settle()), and the poller checks once more after setting it.
 *
 * Context: process.
 */
void ksc_poll_tell(struct ksc_rx *rx)
{
	if (!READ_ONCE(rx->tell))
		WRITE_ONCE(rx->tell, true);
	/* pairs with ksc_rx_settle() */
	smp_mb();
}

/**
 * ksc_rx_settle() - wake readers and pollers if there is unread plaintext
 * @sk: socket, locked and owned
 * @ks: its state, established
 *
 * Pollers once: from then on poll() sees it without help.
 *
 * Context: process.
 */
void ksc_rx_settle(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_rx *rx = &ks->s.rx;

	if (unlikely(ks->rcvlowat > 1))
		WRITE_ONCE(rx->enough, ksc_rx_enough(sk, ks));
	if (likely(!ksc_rx_has_plain(rx) && !rx->closed))
		return;
	/* pairs with ksc_poll_tell() */
	smp_mb();
	if ((!READ_ONCE(rx->tell) && !rx->readers) || !ksc_poll_in(sk, ks))
		return;
	WRITE_ONCE(rx->tell, false);
	ksc_wake_reader(sk, ks);
}

/**
 * ksc_rx_ahead() - open what the next reader would, for poll() to report it
 * @sk: socket, locked and owned
 * @ks: its state
 * @budget: rest of the call's budget
 *
 * Not needed without poll(). Edge-triggered pollers and processes that wait for a signal miss what
 * a call had to leave, unless they are woken for it.
 *
 * Context: process.
 */
void ksc_rx_ahead(struct sock *sk, struct ksc_sock *ks, unsigned int budget)
{
	int ret = 0;

	if (unlikely(READ_ONCE(ks->s.rx.polled))) {
		if (!budget)
			WRITE_ONCE(ks->s.rx.tell, true);
		budget++;
		ret = ksc_rx_fill(sk, ks, &budget);
	}
	ksc_rxq_flush(sk, &ks->s.rx.queue);
	ksc_rx_settle(sk, ks);
	if (ret == -ENOMEM) {
		/* else the pump would not open it */
		WRITE_ONCE(ks->s.rx.tell, true);
		ksc_pump_kick(ks, HZ / 10);
	/* give other sockets a turn */
	} else if (unlikely(!budget) && ksc_rx_watched(sk, ks) && !ksc_rx_enough(sk, ks)) {
		ksc_rx_go_on(ks);
	}
}

/**
 * ksc_rx_pump() - open records for pollers
 * @sk: socket, locked and owned
 * @ks: its state, established
 *
 * Context: process, from the pump.
 */
void ksc_rx_pump(struct sock *sk, struct ksc_sock *ks)
{
	unsigned int budget = KSC_RX_BUDGET;
	struct ksc_rx *rx = &ks->s.rx;
	int ret;

	if (!READ_ONCE(rx->tell))
		return;
	ret = ksc_rx_fill(sk, ks, &budget);
	ksc_rx_settle(sk, ks);
	if (ret == -ENOMEM)
		ksc_pump_kick(ks, HZ / 10);
	else if (!budget)
		ksc_pump_kick(ks, 0);
}

/**
 * ksc_rx_stage() - stage the part of a stalled record that has arrived
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * Not before the plaintext was read: at most one record is held beyond the receive buffer.
 *
 * Context: process.
 */
void ksc_rx_stage(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_rx *rx = &ks->s.rx;
	int err;

	if (ks->phase != KSC_PHASE_ESTABLISHED || rx->closed || ksc_rx_has_plain(rx) ||
	    ksc_rx_ready(sk, &ks->s) || !ksc_rx_stalled(sk, &ks->s))
		return;
	err = ksc_rx_stage_some(sk, &ks->s);
	/* the next reader gets the error */
	if (unlikely(err == -EFAULT)) {
		WRITE_ONCE(rx->bad, KSC_ALERT_INTERNAL_ERROR);
		ksc_wake_reader(sk, ks);
	} else if (err) {
		ksc_pump_kick(ks, HZ / 10);
	}
	ksc_rxq_flush(sk, &rx->queue);
}

/**
 * ksc_rx_unstall() - handle a stalled receive queue: stage the record or wake the reader
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * Context: process, from the pump.
 */
void ksc_rx_unstall(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_rx *rx = &ks->s.rx;

	if (!ksc_rx_has_plain(rx))
		ksc_rx_stage(sk, ks);
	else if (ks->phase == KSC_PHASE_ESTABLISHED && !rx->closed && !ksc_rx_ready(sk, &ks->s) &&
		 ksc_rx_stalled(sk, &ks->s))
		/* no more arrives before it is read */
		ksc_wake_reader(sk, ks);
}
