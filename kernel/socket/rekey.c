// SPDX-License-Identifier: GPL-2.0
/*
 * When sending keys change (RFC 8446 4.6.3, 5.5): before the AEAD's limit, because
 * the peer asks, or on command. And what else the application may tune of the
 * records.
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
 * ksc_tune() - take the options that concern records into use
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
 * ksc_rekey_now() - go on to new sending keys, whatever room there is
 * @sk: socket, locked and owned
 * @ks: its state, TLS 1.3
 *
 * Context: process. Return: 0; -ENOMEM, and they are still due; or another errno, and
 * the connection is over.
 */
int ksc_rekey_now(struct sock *sk, struct ksc_sock *ks)
{
	bool request = ks->s.tx.update == KSC_UPDATE_BOTH;
	int err = ksc_tx_key_update(sk, &ks->s, request);

	/* what is before it could not go */
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
 * ksc_rekey_try() - go on to new sending keys if that is owed and there is room
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * Context: process. Return: 0 or an errno; the connection is over then.
 */
int ksc_rekey_try(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_tx *tx = &ks->s.tx;
	int err;

	if (likely(!tx->update) || tx->closed || ks->phase != KSC_PHASE_ESTABLISHED ||
	    sk->sk_shutdown & SEND_SHUTDOWN)
		return 0;
	/* a reader is no more to take it than the pump is */
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
 * @update: whose keys
 *
 * At once if there is room; else when there is, and before the next application
 * data in any case. A peer that floods us with requests and does not read gets one
 * answer for all.
 *
 * Context: process. Return: 0 or an errno; the connection is over then.
 */
int ksc_rekey_soon(struct sock *sk, struct ksc_sock *ks, enum ksc_update update)
{
	ks->s.tx.update = max_t(u8, ks->s.tx.update, update);
	return ksc_rekey_try(sk, ks);
}

/**
 * ksc_rekey_before() - before another record, renew sending keys that are worn
 * @sk: socket, locked and owned
 * @ks: its state, ksc_tx_worn()
 *
 * TLS 1.3 gets new ones; TLS 1.2 has none, and fails closed.
 *
 * Context: process. Return: 0; -ENOMEM, and it may be tried again; or another errno,
 * and the connection is over.
 */
int ksc_rekey_before(struct sock *sk, struct ksc_sock *ks)
{
	if (ks->s.version == KSC_VERSION_1_3)
		return ksc_rekey_now(sk, ks);
	ksc_fail_alert(sk, ks, KSC_STATUS_KEY_LIMIT, KSC_ALERT_INTERNAL_ERROR, NULL);
	return ksc_error(ks);
}

/**
 * ksc_rekey_ask() - ask a socket for a KeyUpdate without waiting for its lock
 * @ks: its state, referenced
 * @update: whose keys
 *
 * The pump does it.
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
 * ksc_rekey_asked() - do what was asked for
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
