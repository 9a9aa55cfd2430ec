// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ends of connections: failures, alerts, close_notify, FIN or RST. The errno of a status is in
 * handshake/status.c.
 */
#include <linux/kschannel_netlink.h>
#include <linux/sched/signal.h>
#include <linux/skbuff.h>
#include <linux/slab.h>

#include "failpoint.h"
#include "handshake/context.h"
#include "handshake/status.h"
#include "memcg.h"
#include "net.h"
#include "record/cipher.h"
#include "record/frame.h"
#include "socket/callbacks.h"
#include "socket/describe.h"
#include "socket/end.h"
#include "socket/phase.h"
#include "socket/state.h"
#include "socket/tables.h"
#include "socket/ticket.h"
#include "stream/rx.h"
#include "stream/rx_queue.h"
#include "stream/stream.h"
#include "stream/tx.h"
#include "stream/tx_control.h"

/**
 * ksc_context_drop() - end a socket's handshake, if any
 * @ks: its state
 *
 * Context: process, the socket's lock.
 */
void ksc_context_drop(struct ksc_sock *ks)
{
	struct ksc_context *ctx = ks->context;

	ks->context = NULL;
	if (ctx)
		ksc_context_end(ctx);
}

/**
 * ksc_fin() - send FIN
 * @sk: socket, locked and owned
 *
 * Context: process.
 */
void ksc_fin(struct sock *sk)
{
	if (sk->sk_shutdown & SEND_SHUTDOWN)
		return;
	WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | SEND_SHUTDOWN);
	ksc_base_proto(sk)->shutdown(sk, SEND_SHUTDOWN);
}

/**
 * ksc_fail() - fail a connection: nothing is sent or received from then on
 * @sk: socket, locked and owned
 * @ks: its state
 * @status: enum ksc_status, the reason
 * @alert: the alert's number, unless @direction is none
 * @direction: enum ksc_direction
 * @text: one line, NULL for the status's text
 *
 * Frees the keys; authenticated data can still be read.
 *
 * Context: process.
 */
void ksc_fail(struct sock *sk, struct ksc_sock *ks, u32 status, u8 alert,
	      u8 direction, const char *text)
{
	struct ksc_context *ctx = ks->context;
	struct ksc_failure *f;
	u64 report = 0;

	if (ksc_phase_next(ks->phase, KSC_EVENT_FAIL) < 0)
		return;
	if (ctx) {
		/* the daemon logs the end of each handshake that it has begun */
		if (ctx->report || (ctx->seq && !ctx->told))
			report = ctx->id;
		ksc_count(ks->kn, KSC_CNT_HANDSHAKES_FAILED);
		ksc_context_drop(ks);
	}
	if (direction == KSC_DIRECTION_SENT)
		ksc_count(ks->kn, KSC_CNT_ALERTS_SENT);

	f = kzalloc(sizeof(*f), KSC_GFP_FOR_OTHERS);
	if (f) {
		f->status = status;
		f->alert = alert;
		f->direction = direction;
		strscpy(f->text, text && *text ? text : ksc_status_text(status),
			sizeof(f->text));
	}
	/* pairs with the readers of failure */
	smp_store_release(&ks->failure, f);
	ks->status = status;
	/* before the phase: poll() must not report an error that is not set yet */
	WRITE_ONCE(sk->sk_err, ksc_status_errno(status));
	ksc_move(sk, ks, KSC_EVENT_FAIL);
	if (report)
		ksc_netlink_failed(sk, ks, report);

	ksc_tickets_free(ks);
	ks->s.tx.lost |= ks->s.tx.nfrags;
	ksc_tx_free(sk, &ks->s.tx);
	ksc_cipher_free(&ks->s.rx.cipher);

	/*
	 * Let the peer know; our errno precedes EPIPE. If data is lost, close() resets the
	 * connection instead.
	 */
	if (!ks->s.tx.lost)
		ksc_fin(sk);
	sk_error_report(sk);
	ks->state_change(sk);
}

/**
 * ksc_fail_silent() - fail a connection without an alert
 * @sk: socket, locked and owned
 * @ks: its state
 * @status: enum ksc_status, the reason
 * @text: one line, NULL for the status's text
 *
 * Context: process.
 */
void ksc_fail_silent(struct sock *sk, struct ksc_sock *ks, u32 status, const char *text)
{
	ksc_fail(sk, ks, status, 0, KSC_DIRECTION_NONE, text);
}

/**
 * ksc_fail_alert() - fail a connection with an alert
 * @sk: socket, locked and owned
 * @ks: its state
 * @status: enum ksc_status, the reason
 * @alert: fatal alert to send
 * @text: one line, NULL for the status's text
 *
 * Before the handshake is done the kernel has no keys. A plaintext alert is only useful as long as
 * the peer has no keys either: until our server has answered, or our client has received an
 * answer. After that only the daemon can make one; the connection fails when it has.
 *
 * Context: process.
 */
void ksc_fail_alert(struct sock *sk, struct ksc_sock *ks, u32 status, u8 alert,
		    const char *text)
{
	struct ksc_context *ctx = ks->context;
	u8 direction = KSC_DIRECTION_NONE;
	u8 rec[KSC_HEADER_LEN + 2] = {};

	if (ks->phase == KSC_PHASE_ESTABLISHED) {
		if (!ks->s.tx.closed && !ksc_tx_alert(sk, &ks->s, KSC_ALERT_FATAL, alert))
			direction = KSC_DIRECTION_SENT;
	} else if (ctx && !(ks->role == KSC_ROLE_CLIENT ? ctx->total : ctx->spoke)) {
		ksc_header_make(rec, KSC_CT_ALERT, 2);
		rec[KSC_HEADER_LEN] = KSC_ALERT_FATAL;
		rec[KSC_HEADER_LEN + 1] = alert;
		if (!ksc_tx_raw(sk, rec, sizeof(rec)))
			direction = KSC_DIRECTION_SENT;
	} else if (ctx && ksc_context_give_up(ctx, status, alert, text)) {
		ksc_pump_kick(ks, 0);
		return;
	}
	ksc_fail(sk, ks, status, alert, direction, text);
}

/**
 * ksc_retire() - release the TLS state of a socket
 * @sk: socket, locked and owned
 * @ks: its state, without a context, in phase plain or closed
 *
 * Frees keys and unread data; the state itself is freed with the socket.
 *
 * Context: process.
 */
void ksc_retire(struct sock *sk, struct ksc_sock *ks)
{
	ksc_tickets_free(ks);
	ksc_tx_free(sk, &ks->s.tx);
	ksc_rx_free(sk, &ks->s.rx);
	ksc_disarm(sk, ks);
	if (cancel_delayed_work(&ks->pump))
		ksc_sock_put(ks);
}

/**
 * ksc_rx_refuse() - fail as the peer sent an invalid record
 * @sk: socket, locked and owned
 * @ks: its state
 * @status: enum ksc_status
 * @alert: fatal alert to send
 * @text: one line, NULL for the status's text
 *
 * Context: process. The connection has failed then.
 */
void ksc_rx_refuse(struct sock *sk, struct ksc_sock *ks, u32 status, u8 alert,
		   const char *text)
{
	ksc_count(ks->kn, KSC_CNT_RX_BAD_RECORDS);
	/* sending may process the backlog, and that may move TCP's queue */
	ksc_rxq_flush(sk, &ks->s.rx.queue);
	ksc_fail_alert(sk, ks, status, alert, text);
}

/**
 * ksc_tx_close() - send pending data and close_notify, once
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * The sending half is closed only when close_notify is sealed; until then the call can be
 * repeated.
 *
 * Context: process. Return: 0 if TCP has taken all; -EAGAIN or -ENOMEM, then it may be repeated;
 * or another errno and the connection has failed.
 */
int ksc_tx_close(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_tx *tx = &ks->s.tx;
	int err;

	if (!tx->closed) {
		err = ksc_tx_alert(sk, &ks->s, KSC_ALERT_WARNING, KSC_ALERT_CLOSE_NOTIFY);
		if (err == -EIO || err == -ENOSPC)
			return ksc_tx_broken(sk, ks);
		if (err)
			return err;
		WRITE_ONCE(tx->closed, true);
	}
	return tx->pending ? ksc_tx_flush(sk, &ks->s) : 0;
}

/**
 * ksc_tx_broken() - fail as a record could not be sealed, or part of it is lost
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * Context: process. Return: the failure's errno.
 */
int ksc_tx_broken(struct sock *sk, struct ksc_sock *ks)
{
	ks->s.tx.lost = true;
	ksc_fail_silent(sk, ks, KSC_STATUS_INTERNAL_ERROR, "failed to send a record");
	return ksc_error(ks);
}
