// SPDX-License-Identifier: GPL-2.0
/*
 * Writing: the application's data into records.
 */
#include <net/tcp.h>

#include "compat/compat.h"
#include "ksc.h"

/* May application data go out? */
static int ksc_tx_check(struct sock *sk, struct ksc_sock *ks)
{
	if (ks->phase == KSC_PHASE_FAILED)
		return ksc_error(ks);
	if (ks->phase != KSC_PHASE_ESTABLISHED || ks->tx.closed ||
	    sk->sk_shutdown & SEND_SHUTDOWN || sk->sk_err)
		return -EPIPE;
	return 0;
}

/* Keys have their limits, RFC 8446 5.5; and the peer may have asked for new ones */
static int ksc_tx_rekey(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_tx *tx = &ks->tx;

	if (likely(tx->cipher.records < tx->cipher.suite->limit && !tx->update_due))
		return 0;
	if (ks->version == KSC_VERSION_1_3) {
		if (ksc_tx_key_update(sk, ks, false)) {
			ksc_fail(sk, ks, KSC_STATUS_INTERNAL_ERROR, 0,
				 KSC_DIRECTION_NONE, "KeyUpdate failed");
			return ksc_error(ks);
		}
		return 0;
	}
	ksc_fail_alert(sk, ks, KSC_STATUS_KEY_LIMIT, KSC_ALERT_INTERNAL_ERROR,
		       NULL);
	return ksc_error(ks);
}

/* One record's worth of @msg; returns bytes taken or an errno */
static int ksc_tx_some(struct sock *sk, struct ksc_sock *ks, struct msghdr *msg,
		       bool more)
{
	struct ksc_tx *tx = &ks->tx;
	bool full;
	int n, err;

	err = ksc_tx_rekey(sk, ks);
	if (err)
		return err;
	if (!tx->nfrags && !more && msg_data_left(msg) <= KSC_TX_SMALL) {
		n = msg_data_left(msg);
		err = ksc_tx_whole(sk, ks, KSC_CT_APPLICATION_DATA,
				   &msg->msg_iter, n);
		if (!err)
			return n;
		if (err != -EFAULT && err != -ENOMEM && err != -EPIPE)
			return ksc_tx_broken(sk, ks);
		return err;
	}
	n = ksc_tx_copy(sk, tx, msg, min_t(size_t, msg_data_left(msg),
					   KSC_MAX_PAYLOAD - tx->len));
	if (n < 0) {
		/* nothing but a header: no record yet */
		if (!tx->len)
			ksc_tx_drop(tx);
		return n;
	}
	full = tx->len == KSC_MAX_PAYLOAD || tx->nfrags >= KSC_TX_FRAGS - 2;
	tx->more = more || msg_data_left(msg);
	if (!full && tx->more)
		return n;

	err = ksc_tx_seal(sk, ks, KSC_CT_APPLICATION_DATA);
	if (err == -ENOMEM) {
		/* stays open; the pump tries again */
		ksc_pump_kick(ks, HZ / 10);
		return n;
	}
	if (err)
		return ksc_tx_broken(sk, ks);
	err = ksc_tx_push(sk, tx, tx->more ? MSG_MORE : 0);
	/* what is pending has been taken: the bytes are ours */
	return err && err != -EAGAIN ? err : n;
}

/* Wait until nothing is pending and TCP has room */
static int ksc_tx_wait(struct sock *sk, struct ksc_sock *ks, long *timeo)
{
	struct ksc_tx *tx = &ks->tx;
	int err;

	for (;;) {
		err = ksc_tx_check(sk, ks);
		if (err)
			return err;
		if (tx->pending) {
			err = ksc_tx_push(sk, tx, tx->more ? MSG_MORE : 0);
			if (err && err != -EAGAIN)
				return err;
		}
		if (!tx->pending && sk_stream_memory_free(sk))
			return 0;
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		err = sk_stream_wait_memory(sk, timeo);
		if (err)
			return err;
	}
}

/**
 * ksc_sendmsg() - proto.sendmsg
 * @sk: socket
 * @msg: message
 * @size: its bytes
 *
 * Context: process. Return: bytes taken or an errno.
 */
int ksc_sendmsg(struct sock *sk, struct msghdr *msg, size_t size)
{
	int flags = msg->msg_flags;
	bool more = flags & KSC_COMPAT_MORE;
	struct ksc_sock *ks;
	size_t copied = 0;
	long timeo;
	int err;

	if (flags & (MSG_OOB | MSG_ZEROCOPY | MSG_FASTOPEN))
		return -EOPNOTSUPP;

	lock_sock(sk);
	timeo = sock_sndtimeo(sk, flags & MSG_DONTWAIT);
	ks = ksc_sk(sk);
	err = ksc_ready(sk, ks, &timeo);
	if (err)
		goto out;

	while (msg_data_left(msg)) {
		err = ksc_tx_wait(sk, ks, &timeo);
		if (!err)
			err = ksc_tx_some(sk, ks, msg, more);
		if (err == -ENOMEM) {
			/* no page to be had: wait as TCP does */
			set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
			err = sk_stream_wait_memory(sk, &timeo);
		}
		if (err < 0)
			break;
		copied += err;
		err = 0;
	}
	if (!size)
		err = ksc_tx_check(sk, ks);
	/* cut short by a fault or a signal: what was taken goes out */
	if (err && copied && !more) {
		ks->tx.more = false;
		ksc_tx_finish(sk, ks);
	}
out:
	if (copied)
		err = copied;
	else if (err == -EPIPE)
		err = sk_stream_error(sk, flags, err);
	else if (err && sk->sk_err)
		/* told by this call; later ones tell it from the failure */
		sock_error(sk);
	release_sock(sk);
	return err;
}

/**
 * ksc_splice_eof() - proto.splice_eof: nothing more comes to the open record
 * @sock: socket
 *
 * Context: process.
 */
void ksc_splice_eof(struct socket *sock)
{
	struct sock *sk = sock->sk;
	struct ksc_sock *ks;

	lock_sock(sk);
	ks = ksc_sk(sk);
	if (ks && !ksc_tx_check(sk, ks))
		ksc_tx_finish(sk, ks);
	release_sock(sk);
}
