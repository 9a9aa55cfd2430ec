// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sending control records: alerts and KeyUpdates.
 */
#include <linux/skbuff.h>

#include "compat/compat.h"
#include "record/cipher.h"
#include "record/frame.h"
#include "stream/stream.h"
#include "stream/tx.h"
#include "stream/tx_build.h"
#include "stream/tx_control.h"
#include "stream/tx_small.h"

/* Send a small record that padding makes large */
static int ksc_tx_large(struct sock *sk, struct ksc_stream *s, u8 type,
			struct msghdr *msg, u32 len)
{
	int n = ksc_tx_copy(sk, s, msg, len);
	int err = n < 0 ? n : n < len ? -ENOMEM : ksc_tx_seal(sk, s, type);

	if (err) {
		ksc_tx_drop(sk, &s->tx);
		return err;
	}
	err = ksc_tx_push(sk, &s->tx, 0);
	/* it is sealed, and is sent when there is space */
	return err == -EAGAIN ? 0 : err;
}

/* Send a small record, after everything that was written before */
static int ksc_tx_record(struct sock *sk, struct ksc_stream *s, u8 type,
			 const void *data, u32 len)
{
	struct kvec kv = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = {};
	struct ksc_tx_lift l;
	int err;

	if (!s->tx.cipher.suite)
		return -EPIPE;
	err = ksc_tx_flush(sk, s);
	if (err)
		return err;
	if (sk->sk_shutdown & SEND_SHUTDOWN)
		return -EPIPE;
	iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, &kv, 1, len);
	ksc_tx_lift(sk, &l);
	if (likely(ksc_tx_inner(s, len) <= KSC_TX_SMALL_INNER))
		err = ksc_tx_whole(sk, s, type, &msg.msg_iter, len);
	else
		err = ksc_tx_large(sk, s, type, &msg, len);
	ksc_tx_unlift(sk, &l);
	if (!err && s->tx.pending)
		err = ksc_tx_flush(sk, s);
	/* it is sealed, and is sent when there is space */
	return err == -EAGAIN ? 0 : err;
}

/**
 * ksc_tx_alert() - send a protected alert
 * @sk: socket, locked and owned
 * @s: its stream, with keys
 * @level: enum ksc_alert_level
 * @alert: AlertDescription
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_tx_alert(struct sock *sk, struct ksc_stream *s, u8 level, u8 alert)
{
	u8 body[2] = { level, alert };

	return ksc_tx_record(sk, s, KSC_CT_ALERT, body, sizeof(body));
}

/**
 * ksc_tx_key_update() - switch to new sending keys, RFC 8446 4.6.3
 * @sk: socket, locked and owned
 * @s: its stream, TLS 1.3
 * @request: ask the peer to do the same
 *
 * Context: process. Return: 0; -ENOMEM with nothing sent; or another errno and the connection has
 * to fail.
 */
int ksc_tx_key_update(struct sock *sk, struct ksc_stream *s, bool request)
{
	u8 body[5] = { KSC_HT_KEY_UPDATE, 0, 0, 1, request };
	int err;

	err = ksc_tx_record(sk, s, KSC_CT_HANDSHAKE, body, sizeof(body));
	if (!err)
		ksc_cipher_update(&s->tx.cipher);
	return err;
}
