// SPDX-License-Identifier: GPL-2.0
/*
 * How connections end: failures, alerts, close_notify, FIN or RST.
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
 * ksc_context_drop() - end a socket's handshake, if there is one
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
 * ksc_fin() - no more is sent
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
 * ksc_fail() - end a connection; nothing moves any more
 * @sk: socket, locked and owned
 * @ks: its state
 * @status: enum ksc_status, why
 * @alert: the alert's number, if @direction says there was one
 * @direction: enum ksc_direction
 * @text: one line, NULL for the status's own
 *
 * Keys go at once; what was authenticated stays to be read.
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
		/* what it has begun and does not end is to have an end in its log, too */
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
	/* before the phase: poll() must not tell of an error that is not there */
	WRITE_ONCE(sk->sk_err, ksc_status_errno(status));
	ksc_move(sk, ks, KSC_EVENT_FAIL);
	if (report)
		ksc_netlink_failed(sk, ks, report);

	ksc_tickets_free(ks);
	ks->s.tx.lost |= ks->s.tx.nfrags;
	ksc_tx_free(sk, &ks->s.tx);
	ksc_cipher_free(&ks->s.rx.cipher);

	/*
	 * The peer learns that it is over; our errno comes before EPIPE. Where something
	 * is lost, it is close() that tells.
	 */
	if (!ks->s.tx.lost)
		ksc_fin(sk);
	sk_error_report(sk);
	ks->state_change(sk);
}

/**
 * ksc_fail_silent() - end a connection without an alert
 * @sk: socket, locked and owned
 * @ks: its state
 * @status: enum ksc_status, why
 * @text: one line, NULL for the status's own
 *
 * Context: process.
 */
void ksc_fail_silent(struct sock *sk, struct ksc_sock *ks, u32 status, const char *text)
 {
	ksc_fail(sk, ks, status, 0, KSC_DIRECTION_NONE, text);
}

/**
 * ksc_fail_alert() - tell the peer, then end the connection
 * @sk: socket, locked and owned
 * @ks: its state
 * @status: enum ksc_status, why
 * @alert: fatal alert to send
 * @text: one line, NULL for the status's own
 *
 * Before the handshake is done the kernel has no keys. An alert in the clear
 * is of use only for as long as the peer has none either: until a server
 * has answered, or a client has seen an answer. From then on the daemon knows
 * how to send one; the connection ends when it has.
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
 * ksc_retire() - a protected socket is one no more
 * @sk: socket, locked and owned
 * @ks: its state, without a context, in phase plain or closed
 *
 * Keys and what was not read go; the state itself stays for as long as the socket.
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
 * ksc_rx_refuse() - the peer sent what it may not
 * @sk: socket, locked and owned
 * @ks: its state
 * @status: enum ksc_status
 * @alert: fatal alert to send
 * @text: one line, NULL for the status's own
 *
 * Context: process. The connection is over.
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
 * ksc_tx_close() - send what is left and close_notify, once
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * Only when close_notify was sealed is the sending half closed: until then it can be
 * tried again.
 *
 * Context: process. Return: 0, and TCP has all of it; -EAGAIN or -ENOMEM, and it may be
 * tried again; or another errno, and the connection is over.
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
 * ksc_tx_broken() - a record could not be sealed, or only part of it kept
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * Context: process. Return: the errno of it; the connection is over.
 */
int ksc_tx_broken(struct sock *sk, struct ksc_sock *ks)
{
	ks->s.tx.lost = true;
	ksc_fail_silent(sk, ks, KSC_STATUS_INTERNAL_ERROR, "a record could not be sent");
	return ksc_error(ks);
}
