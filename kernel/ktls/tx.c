// SPDX-License-Identifier: GPL-2.0-only
/*
 * Raw mode: sending. A write makes a record of its own, unless it has MSG_MORE, and may set the
 * content type. Nothing here changes keys: record limits and KeyUpdates are up to the application.
 */
#include <net/tcp.h>

#include "compat/compat.h"
#include "ktls/state.h"
#include "ktls/tx.h"
#include "record/frame.h"
#include "socket/callbacks.h"
#include "socket/state.h"
#include "socket/tables.h"
#include "stream/noio.h"
#include "stream/stream.h"
#include "stream/tx.h"
#include "stream/tx_build.h"
#include "stream/tx_small.h"

/* Fail all further sending, permanently or until there are new keys */
static int ksc_ktls_tx_fail(struct sock *sk, struct ksc_ktls *kt, int err)
{
	kt->tx_err = -err;
	ksc_ktls_abort(sk, err);
	return err;
}

/* May data be sent? */
static int ksc_ktls_tx_check(struct sock *sk, struct ksc_ktls *kt)
{
	if (kt->tx_err)
		return -kt->tx_err;
	if (sk->sk_err)
		return -sk->sk_err;
	if (sk->sk_shutdown & SEND_SHUTDOWN)
		return -EPIPE;
	/* the cipher fails, too, but then the record is lost */
	if (unlikely(kt->ks.s.tx.cipher.seq == U64_MAX))
		return ksc_ktls_tx_fail(sk, kt, -EBADMSG);
	return 0;
}

/* Seal and push the open record; what TCP has no space for is pending */
static int ksc_ktls_tx_end(struct sock *sk, struct ksc_ktls *kt)
{
	struct ksc_sock *ks = &kt->ks;
	int err;

	err = ksc_tx_seal(sk, &ks->s, kt->type);
	if (err == -ENOMEM) {
		/* stays open; the work item retries */
		ks->s.tx.more = false;
		ksc_pump_kick(ks, HZ / 10);
		return err;
	}
	if (err) {
		ks->s.tx.lost = true;
		return ksc_ktls_tx_fail(sk, kt, -EIO);
	}
	err = ksc_tx_push(sk, &ks->s.tx, ks->s.tx.more ? MSG_MORE : 0);
	return err == -EAGAIN ? 0 : err;
}

/* Before the lock is released: make sure that the work item pushes a pending record */
static void ksc_ktls_tx_await(struct sock *sk, struct ksc_ktls *kt)
{
	if (unlikely(kt->ks.s.tx.nfrags))
		ksc_tx_charge(sk, &kt->ks.s.tx);
	if (likely(!kt->ks.s.tx.pending))
		return;
	/* else TCP would not signal space */
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	/* nor does it with empty queues, if it had no memory */
	if (ksc_starved(sk))
		ksc_pump_kick(&kt->ks, HZ / 20);
}

/* Close the open record, if any, before another one: it is sent or pending */
static int ksc_ktls_tx_close_record(struct sock *sk, struct ksc_ktls *kt)
{
	struct ksc_tx *tx = &kt->ks.s.tx;
	int err;

	if (tx->pending || !tx->len)
		return 0;
	err = ksc_ktls_tx_check(sk, kt);
	if (err)
		return err;
	tx->more = false;
	return ksc_ktls_tx_end(sk, kt);
}

/**
 * ksc_ktls_resume() - TCP has space again, or there may be memory
 * @sk: socket, locked and owned
 * @kt: its state
 *
 * Context: process, from the work item.
 */
void ksc_ktls_resume(struct sock *sk, struct ksc_ktls *kt)
{
	struct ksc_sock *ks = &kt->ks;

	if (ks->s.tx.len && !ks->s.tx.pending && !ks->s.tx.more)
		ksc_ktls_tx_close_record(sk, kt);
	if (ks->s.tx.pending)
		ksc_tx_push(sk, &ks->s.tx, ks->s.tx.more ? MSG_MORE : 0);
	if (sk->sk_socket)
		ksc_ktls_tx_await(sk, kt);
}

/* Wait until no other record precedes one of this type and TCP has space */
static int ksc_ktls_tx_wait(struct sock *sk, struct ksc_ktls *kt, u8 type, long *timeo)
{
	struct ksc_tx *tx = &kt->ks.s.tx;
	int err;

	for (;;) {
		err = ksc_ktls_tx_check(sk, kt);
		if (err)
			return err;
		/* another writer's, or one that could not be sealed for lack of memory */
		if (tx->len && !tx->pending && (kt->type != type || !tx->more)) {
			err = ksc_ktls_tx_close_record(sk, kt);
			if (err && err != -ENOMEM)
				return err;
		}
		if (tx->pending) {
			err = ksc_tx_push(sk, tx, tx->more ? MSG_MORE : 0);
			if (err && err != -EAGAIN)
				return err;
		}
		if (err != -ENOMEM && !tx->pending && sk_stream_memory_free(sk))
			return 0;
		if (tx->nfrags)
			ksc_tx_charge(sk, tx);
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		err = sk_stream_wait_memory(sk, timeo);
		if (err)
			return err;
	}
}

/* Take up to one record of @msg; returns bytes taken or an errno */
static int ksc_ktls_tx_some(struct sock *sk, struct ksc_ktls *kt, struct msghdr *msg,
			    u8 type, bool more)
{
	struct ksc_sock *ks = &kt->ks;
	struct ksc_tx *tx = &ks->s.tx;
	u32 most = max_t(u32, tx->max, tx->len);
	size_t left = msg_data_left(msg);
	int n, err;

	if (!tx->nfrags && !more && left <= min_t(u32, most, KSC_TX_SMALL)) {
		err = ksc_tx_whole(sk, &ks->s, type, &msg->msg_iter, left);
		if (!err)
			return left;
		/* else the record was sealed, and part of it is lost */
		if (err != -EFAULT && err != -ENOMEM) {
			tx->lost = true;
			kt->tx_err = -err;
		}
		return err;
	}
	n = ksc_tx_copy(sk, &ks->s, msg, min_t(size_t, left, most - tx->len));
	if (n < 0) {
		/* just a header: not a record yet */
		if (!tx->len)
			ksc_tx_drop(sk, tx);
		return n == -EIO ? ksc_ktls_tx_fail(sk, kt, n) : n;
	}
	kt->type = type;
	tx->more = more || msg_data_left(msg);
	if (tx->more && tx->len < most && !ksc_tx_crowded(&ks->s))
		return n;
	err = ksc_ktls_tx_end(sk, kt);
	/* on ENOMEM the bytes are accepted nevertheless */
	return err && err != -ENOMEM ? err : n;
}

/* TLS_SET_RECORD_TYPE; as in-tree, mandatory if there is any cmsg */
static int ksc_ktls_tx_type(struct msghdr *msg, u8 *type)
{
	struct cmsghdr *cmsg;
	int err = -EINVAL;

	for_each_cmsghdr(cmsg, msg) {
		if (!CMSG_OK(msg, cmsg))
			return -EINVAL;
		if (cmsg->cmsg_level != SOL_TLS)
			continue;
		if (cmsg->cmsg_type != TLS_SET_RECORD_TYPE ||
		    cmsg->cmsg_len < CMSG_LEN(sizeof(*type)) ||
		    msg->msg_flags & MSG_MORE)
			return -EINVAL;
		*type = *(u8 *)CMSG_DATA(cmsg);
		err = 0;
	}
	return err;
}

static int ksc_ktls_tx_locked(struct sock *sk, struct ksc_ktls *kt, struct msghdr *msg)
{
	long timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT);
	bool more = msg->msg_flags & KSC_COMPAT_MORE;
	u8 type = KSC_CT_APPLICATION_DATA;
	size_t copied = 0;
	int err = 0;

	if (more && msg->msg_flags & MSG_EOR)
		return -EINVAL;
	if (msg->msg_controllen) {
		err = ksc_ktls_tx_type(msg, &type);
		if (!err)
			err = ksc_ktls_tx_close_record(sk, kt);
		if (err)
			goto out;
	}
	while (msg_data_left(msg)) {
		err = ksc_ktls_tx_wait(sk, kt, type, &timeo);
		if (!err)
			err = ksc_ktls_tx_some(sk, kt, msg, type, more);
		if (err == -ENOMEM) {
			/* no page available: wait as TCP does */
			set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
			err = sk_stream_wait_memory(sk, &timeo);
		}
		if (err < 0)
			break;
		copied += err;
		err = 0;
	}
	/* cut short by a fault or a signal: send what was taken */
	if (err && copied && !more)
		ksc_ktls_tx_close_record(sk, kt);
out:
	ksc_ktls_tx_await(sk, kt);
	return copied ?: sk_stream_error(sk, msg->msg_flags, err);
}

/**
 * ksc_ktls_sendmsg() - proto.sendmsg
 * @sk: socket
 * @msg: message
 * @size: length of @msg in bytes
 *
 * Context: process. Return: bytes taken or an errno.
 */
int ksc_ktls_sendmsg(struct sock *sk, struct msghdr *msg, size_t size)
{
	struct ksc_sock *ks;
	unsigned int noio;
	int n = -EPIPE;

	ks = ksc_sk(sk);
	/* pairs with ksc_ktls_set_keys() */
	if (!ks || !smp_load_acquire(&ksc_ktls(ks)->tx_on))
		return ksc_base_proto(sk)->sendmsg(sk, msg, size);
	if (msg->msg_flags & ~KSC_COMPAT_SEND_FLAGS)
		return -EOPNOTSUPP;

	noio = ksc_lock_noio(sk);
	n = ksc_ktls_tx_locked(sk, ksc_ktls(ks), msg);
	ksc_release_noio(sk, noio);
	return n;
}

/**
 * ksc_ktls_splice_eof() - proto.splice_eof: close the open record
 * @sock: socket
 *
 * Context: process.
 */
void ksc_ktls_splice_eof(struct socket *sock)
{
	struct sock *sk = sock->sk;
	struct ksc_sock *ks;
	unsigned int noio;

	noio = ksc_lock_noio(sk);
	ks = ksc_sk(sk);
	if (ks && ksc_ktls(ks)->tx_on) {
		ksc_ktls_tx_close_record(sk, ksc_ktls(ks));
		ksc_ktls_tx_await(sk, ksc_ktls(ks));
	}
	ksc_release_noio(sk, noio);
}
