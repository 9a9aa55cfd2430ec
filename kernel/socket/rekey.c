// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changing the sending keys (RFC 8446 4.6.3, 5.5): at the limit of the AEAD or of
 * KSC_REKEY_AFTER, when the peer requests it, or on command. ksc_rx_ask() in ahead.c requests it of
 * a peer. Also applies the options that concern records.
 */
#include <linux/kschannel_netlink.h>
#include <net/tcp.h>

#include "net.h"
#include "record/cipher.h"
#include "record/frame.h"
#include "socket/callbacks.h"
#include "socket/end.h"
#include "socket/flood.h"
#include "socket/rekey.h"
#include "socket/state.h"
#include "stream/stream.h"
#include "stream/tx_control.h"

/**
 * ksc_tune() - apply the options that concern records
 * @ks: state, with keys
 *
 * Context: the socket's lock.
 */
void ksc_tune(struct ksc_sock *ks)
{
	struct ksc_tx *tx = &ks->s.tx;
	u32 most = ks->opt.max_payload ?: KSC_MAX_PAYLOAD;

	/* RFC 8449 4: in TLS 1.3 the type's byte counts */
	if (tx->max_record)
		most = min_t(u32, most, tx->max_record - (ks->s.version == KSC_VERSION_1_3));
	tx->max = most;
	ks->s.padding = ks->opt.padding;
	ksc_cipher_limit(&tx->cipher, ks->opt.rekey_after);
	ksc_cipher_limit(&ks->s.rx.cipher, ks->opt.rekey_after);
}

/**
 * ksc_rekey_now() - switch to new sending keys, regardless of the send buffer
 * @sk: socket, locked and owned
 * @ks: its state, TLS 1.3
 *
 * Context: process. Return: 0; -ENOMEM and the update is still due; or another errno and the
 * connection has failed.
 */
int ksc_rekey_now(struct sock *sk, struct ksc_sock *ks)
{
	bool request = ks->s.tx.update == KSC_UPDATE_BOTH;
	int err = ksc_tx_key_update(sk, &ks->s, request);

	/* the data before it could not be sent */
	if (err == -ENOMEM || err == -EAGAIN)
		return -ENOMEM;
	if (err) {
		ksc_fail_silent(sk, ks, KSC_STATUS_INTERNAL_ERROR, "KeyUpdate failed");
		return ksc_error(ks);
	}
	ks->s.tx.update = KSC_UPDATE_NONE;
	ks->s.tx.updates++;
	if (request)
		ksc_flood_solicit(&ks->s.rx);
	ksc_count(ks->kn, KSC_CNT_KEY_UPDATES_SENT);
	return 0;
}

/**
 * ksc_rekey_try() - switch to new sending keys if due and TCP has space
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * Context: process. Return: 0, or an errno and the connection has failed.
 */
int ksc_rekey_try(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_tx *tx = &ks->s.tx;
	int err;

	if (likely(!tx->update) || tx->closed || ks->phase != KSC_PHASE_ESTABLISHED ||
	    sk->sk_shutdown & SEND_SHUTDOWN)
		return 0;
	/* neither a reader nor the pump may consume the socket's error */
	if (!ksc_tx_may_resume(sk, ks))
		return 0;
	if (!tx->pending && sk_stream_memory_free(sk)) {
		err = ksc_rekey_now(sk, ks);
		if (err != -ENOMEM)
			return err;
		ksc_pump_kick(ks, HZ / 10);
		return 0;
	}
	ksc_await_space(sk, ks);
	return 0;
}

/**
 * ksc_rekey_soon() - new sending keys are due
 * @sk: socket, locked and owned
 * @ks: its state, TLS 1.3
 * @update: enum ksc_update
 *
 * At once if TCP has space; else when it has, and in any case before the next application data. A
 * peer that floods us with requests and does not read gets one answer for all.
 *
 * Context: process. Return: 0, or an errno and the connection has failed.
 */
int ksc_rekey_soon(struct sock *sk, struct ksc_sock *ks, enum ksc_update update)
{
	ks->s.tx.update = max_t(u8, ks->s.tx.update, update);
	return ksc_rekey_try(sk, ks);
}

/**
 * ksc_rekey_before() - before the next record, renew sending keys that are due
 * @sk: socket, locked and owned
 * @ks: its state, ksc_tx_worn()
 *
 * TLS 1.2 can't change its keys, and fails at the limit.
 *
 * Context: process. Return: 0; -ENOMEM, then it may be repeated; or another errno and the
 * connection has failed.
 */
int ksc_rekey_before(struct sock *sk, struct ksc_sock *ks)
{
	if (ks->s.version == KSC_VERSION_1_3)
		return ksc_rekey_now(sk, ks);
	ksc_fail_alert(sk, ks, KSC_STATUS_KEY_LIMIT, KSC_ALERT_INTERNAL_ERROR, NULL);
	return ksc_error(ks);
}

/**
 * ksc_rekey_ask() - request a KeyUpdate of a socket without waiting for its lock
 * @ks: its state, referenced
 * @update: enum ksc_update
 *
 * The pump executes it.
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_rekey_ask(struct ksc_sock *ks, enum ksc_update update)
{
	/* pairs with ksc_established() */
	if (smp_load_acquire(&ks->phase) != KSC_PHASE_ESTABLISHED)
		return -ENOTCONN;
	if (READ_ONCE(ks->s.version) != KSC_VERSION_1_3 || !ks->kind->managed)
		return -EOPNOTSUPP;
	if (READ_ONCE(ks->s.tx.closed))
		return -EPIPE;
	spin_lock_bh(&ks->lock);
	ks->rekey = max_t(u8, ks->rekey, update);
	spin_unlock_bh(&ks->lock);
	ksc_pump_kick(ks, 0);
	return 0;
}

/**
 * ksc_rekey_asked() - execute a KeyUpdate requested by ksc_rekey_ask()
 * @sk: socket, locked and owned
 * @ks: its state, established
 *
 * Context: process, from the pump.
 */
void ksc_rekey_asked(struct sock *sk, struct ksc_sock *ks)
{
	u8 update;

	if (likely(!READ_ONCE(ks->rekey)))
		return;
	spin_lock_bh(&ks->lock);
	update = ks->rekey;
	ks->rekey = KSC_UPDATE_NONE;
	spin_unlock_bh(&ks->lock);
	ksc_rekey_soon(sk, ks, update);
}
