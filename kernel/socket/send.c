// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writing: puts the application's data into records, and decides when one is left open.
 */
#include <linux/kschannel.h>
#include <linux/kschannel_netlink.h>
#include <linux/net.h>
#include <net/tcp.h>

#include "compat/compat.h"
#include "failpoint.h"
#include "record/frame.h"
#include "socket/callbacks.h"
#include "socket/end.h"
#include "socket/flush.h"
#include "socket/rekey.h"
#include "socket/send.h"
#include "socket/state.h"
#include "socket/tables.h"
#include "socket/wait.h"
#include "stream/noio.h"
#include "stream/stream.h"
#include "stream/tx.h"
#include "stream/tx_build.h"
#include "stream/tx_pages.h"
#include "stream/tx_small.h"

/* May application data be sent? */
static int ksc_tx_check(struct sock *sk, struct ksc_sock *ks)
{
	if (ks->phase == KSC_PHASE_FAILED)
		return ksc_error(ks);
	if (ks->phase != KSC_PHASE_ESTABLISHED || ks->s.tx.closed ||
	    sk->sk_shutdown & SEND_SHUTDOWN || sk->sk_err)
		return -EPIPE;
	return 0;
}

/*
 * After a pause the congestion window is small, and the peer can't use a record of 16 KiB before
 * its end arrives, several round trips later. So the first window is sent in records of one
 * segment each.
 */
static void ksc_tx_ramp(struct sock *sk, struct ksc_sock *ks)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (tp->packets_out || tcp_jiffies32 - tp->lsndtime <= HZ ||
	    ks->opt.sizing != KSC_SIZING_DYNAMIC)
		return;
	ks->s.tx.ramp = TCP_INIT_CWND * tp->mss_cache;
}

/* Maximum content of the next record */
static u32 ksc_tx_most(const struct sock *sk, const struct ksc_sock *ks)
{
	const struct ksc_tx *tx = &ks->s.tx;
	u32 overhead;

	if (likely(!tx->ramp) || ks->opt.sizing != KSC_SIZING_DYNAMIC)
		return tx->max;
	overhead = KSC_HEADER_LEN + tx->cipher.suite->explicit_len + KSC_TAG_LEN + 1;
	return clamp_t(u32, tcp_sk(sk)->mss_cache - overhead, KSC_MIN_PAYLOAD, tx->max);
}

/*
 * Would TCP delay a write of @len bytes due to TCP_CORK? Then it can share a record with the next
 * one. A full segment is never delayed.
 */
static bool ksc_tx_corked(const struct sock *sk, const struct ksc_sock *ks, size_t len)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return tp->nonagle & TCP_NAGLE_CORK &&
	       tp->write_seq - tp->snd_nxt + ks->s.tx.len + len + KSC_TX_OVERHEAD <
	       tp->mss_cache;
}

/*
 * Better send pages that do not fit the open record in records of their own: else part of them is
 * copied, and the rest is not aligned with page boundaries.
 */
static bool ksc_tx_parts(const struct ksc_tx *tx, struct msghdr *msg, int flags,
			 u32 most)
{
	return flags & KSC_COMPAT_PAGES && tx->len && tx->len < KSC_TX_SMALL &&
	       msg_data_left(msg) > KSC_TX_SMALL && tx->len + msg_data_left(msg) > most;
}

/**
 * struct ksc_write - parameters of the next record
 * @more: leave it open for more data
 * @nagle: leave it open until the peer acknowledges
 * @most: maximum number of content bytes
 */
struct ksc_write {
	bool more;
	bool nagle;
	u32 most;
};

/* Push a sealed record; returns @n, the bytes of @msg in it, or an errno */
static int ksc_tx_send(struct sock *sk, struct ksc_sock *ks, struct msghdr *msg,
		       const struct ksc_write *w, int n)
{
	struct ksc_tx *tx = &ks->s.tx;
	int err;

	tx->more = w->more || msg_data_left(msg);
	err = ksc_tx_push(sk, tx, tx->more ? MSG_MORE : 0);
	/* a pending record's bytes are accepted */
	return err && err != -EAGAIN ? err : n;
}

/* Send the rest of @msg in a small record */
static int ksc_tx_rest(struct sock *sk, struct ksc_sock *ks, struct msghdr *msg)
{
	int n = msg_data_left(msg), err;

	err = ksc_tx_whole(sk, &ks->s, KSC_CT_APPLICATION_DATA, &msg->msg_iter, n);
	if (!err)
		return n;
	if (err != -EFAULT && err != -ENOMEM && err != -EPIPE)
		return ksc_tx_broken(sk, ks);
	return err;
}

/* Send a record from @msg's pages; -EAGAIN if they have to be copied */
static int ksc_tx_from_pages(struct sock *sk, struct ksc_sock *ks, struct msghdr *msg,
			     const struct ksc_write *w)
{
	u32 n = min_t(size_t, msg_data_left(msg), w->most);
	int err;

	if (n <= KSC_TX_SMALL || (n != w->most && w->more))
		return -EAGAIN;
	err = ksc_tx_splice(sk, &ks->s, msg, n);
	if (!err)
		return ksc_tx_send(sk, ks, msg, w, n);
	return err == -EAGAIN ? err : ksc_tx_broken(sk, ks);
}

/* Append to the open record, or start one, and send it unless it is left open */
static int ksc_tx_fill(struct sock *sk, struct ksc_sock *ks, struct msghdr *msg,
		       const struct ksc_write *w)
{
	struct ksc_tx *tx = &ks->s.tx;
	/* an open record may exceed a limit that was lowered since */
	u32 most = max_t(u32, w->most, tx->len);
	bool full;
	int n, err;

	n = min_t(size_t, msg_data_left(msg), most - tx->len);
	n = ksc_tx_copy(sk, &ks->s, msg, n);
	if (n < 0) {
		/* just a header: not a record yet */
		if (!tx->len)
			ksc_tx_drop(sk, tx);
		return n == -EIO ? ksc_tx_broken(sk, ks) : n;
	}
	full = tx->len == most || ksc_tx_crowded(&ks->s);
	tx->more = w->more || msg_data_left(msg);
	tx->nagle = w->nagle && !full;
	if (!full && (tx->more || w->nagle))
		return n;

	err = ksc_tx_seal(sk, &ks->s, KSC_CT_APPLICATION_DATA);
	if (err == -ENOMEM) {
		/* stays open; the pump retries */
		ksc_pump_kick(ks, HZ / 10);
		return n;
	}
	return err ? ksc_tx_broken(sk, ks) : ksc_tx_send(sk, ks, msg, w, n);
}

/* Take up to one record of @msg; returns bytes taken, which may be 0, or an errno */
static int ksc_tx_some(struct sock *sk, struct ksc_sock *ks, struct msghdr *msg,
		       int flags)
{
	struct ksc_tx *tx = &ks->s.tx;
	struct ksc_write w;
	int err;

	if (unlikely(ksc_tx_worn(tx))) {
		err = ksc_rekey_before(sk, ks);
		if (err)
			return err;
	}
	/* the KeyUpdate is pending: TCP had no memory for all of it */
	if (unlikely(tx->pending))
		return 0;
	/* MSG_EOR ends a record */
	w.more = !(flags & MSG_EOR) &&
		 (flags & KSC_COMPAT_MORE || ksc_tx_corked(sk, ks, msg_data_left(msg)));
	w.most = ksc_tx_most(sk, ks);
	w.nagle = !w.more && !(flags & MSG_EOR) && msg_data_left(msg) <= KSC_TX_SMALL &&
		  ksc_tx_nagle(sk, &ks->s, msg_data_left(msg)) && ksc_hears_of_space(sk);
	if (!tx->nfrags && !w.more && !w.nagle &&
	    msg_data_left(msg) <= min_t(u32, w.most, KSC_TX_SMALL) &&
	    likely(ksc_tx_inner(&ks->s, msg_data_left(msg)) <= KSC_TX_SMALL_INNER))
		return ksc_tx_rest(sk, ks, msg);
	if (flags & KSC_COMPAT_PAGES && !tx->nfrags && !w.nagle) {
		err = ksc_tx_from_pages(sk, ks, msg, &w);
		if (err != -EAGAIN)
			return err;
	}
	if (ksc_tx_parts(tx, msg, flags, w.most)) {
		err = ksc_tx_seal(sk, &ks->s, KSC_CT_APPLICATION_DATA);
		if (!err)
			return ksc_tx_send(sk, ks, msg, &w, 0);
		if (err != -ENOMEM)
			return ksc_tx_broken(sk, ks);
	}
	return ksc_tx_fill(sk, ks, msg, &w);
}

/**
 * ksc_tx_wait() - wait until nothing is pending and TCP has space
 * @sk: socket, locked and owned; the lock is released while waiting
 * @ks: its state
 * @timeo: jiffies, 0 to return at once; updated
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_tx_wait(struct sock *sk, struct ksc_sock *ks, long *timeo)
{
	struct ksc_tx *tx = &ks->s.tx;
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
		if (tx->nfrags)
			ksc_tx_charge(sk, tx);
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		err = sk_stream_wait_memory(sk, timeo);
		if (err)
			return err;
	}
}

/**
 * ksc_plain_sendmsg() - proto.sendmsg of a socket that is left to TCP
 * @sk: socket
 * @msg: message
 * @size: length of @msg in bytes
 *
 * Data written to one connection must not be sent in plaintext on the next, which may be
 * protected: checked under the lock.
 *
 * Context: process. Return: bytes taken or an errno.
 */
int ksc_plain_sendmsg(struct sock *sk, struct msghdr *msg, size_t size)
{
	int n;

	lock_sock(sk);
	if (likely(ksc_is_plain(sk)))
		n = tcp_sendmsg_locked(sk, msg, size);
	else
		n = sk_stream_error(sk, msg->msg_flags, -EPIPE);
	release_sock(sk);
	return n;
}

/**
 * ksc_sendmsg() - proto.sendmsg
 * @sk: socket
 * @msg: message
 * @size: length of @msg in bytes
 *
 * Context: process. Return: bytes taken or an errno.
 */
int ksc_sendmsg(struct sock *sk, struct msghdr *msg, size_t size)
{
	int flags = msg->msg_flags;
	struct ksc_sock *ks;
	size_t copied = 0;
	unsigned int noio;
	long timeo;
	int err;

	if (flags & (MSG_OOB | MSG_ZEROCOPY | MSG_FASTOPEN))
		return -EOPNOTSUPP;

	lock_sock(sk);
	timeo = sock_sndtimeo(sk, flags & MSG_DONTWAIT);
	ks = ksc_sk(sk);
	err = ksc_ready_to_write(sk, ks, &timeo);
	if (err == -ENOTCONN && ksc_is_plain(sk)) {
		release_sock(sk);
		return ksc_plain_sendmsg(sk, msg, size);
	}
	if (err)
		goto out;

	noio = ksc_noio_begin(sk);
	ksc_tx_ramp(sk, ks);
	while (msg_data_left(msg)) {
		err = ksc_tx_wait(sk, ks, &timeo);
		if (!err)
			err = ksc_tx_some(sk, ks, msg, flags);
		if (err == -ENOMEM) {
			/* no page available: wait as TCP does */
			set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
			err = sk_stream_wait_memory(sk, &timeo);
		}
		if (err < 0)
			break;
		ks->s.tx.ramp -= min_t(u32, ks->s.tx.ramp, err);
		copied += err;
		err = 0;
	}
	if (!size)
		err = ksc_tx_check(sk, ks);
	/* cut short by a fault or a signal: send what was taken */
	if (err && copied && !(flags & KSC_COMPAT_MORE)) {
		ks->s.tx.more = false;
		ksc_tx_finish(sk, ks);
	}
	if (unlikely(ks->s.tx.pending))
		ksc_await_space(sk, ks);
	else if (ks->s.tx.len)
		ksc_tx_hold(sk, ks);
	ksc_noio_end(noio);
out:
	if (copied)
		err = copied;
	else if (err == -EPIPE)
		err = sk_stream_error(sk, flags, err);
	else if (err && sk->sk_err)
		/* returned by this call; later ones return the failure's errno */
		sock_error(sk);
	release_sock(sk);
	return err;
}

/**
 * ksc_uncork() - send the open record unless TCP is corked
 * @sk: socket
 *
 * Context: process, takes the socket's lock.
 */
void ksc_uncork(struct sock *sk)
{
	struct ksc_sock *ks;
	unsigned int noio;
	u8 nonagle;

	noio = ksc_lock_noio(sk);
	ks = ksc_sk(sk);
	nonagle = tcp_sk(sk)->nonagle;
	if (ks && (!(nonagle & TCP_NAGLE_CORK) || nonagle & TCP_NAGLE_PUSH) &&
	    !ksc_tx_check(sk, ks)) {
		/* TCP_NODELAY overrides a cork, once */
		tcp_sk(sk)->nonagle &= ~TCP_NAGLE_CORK;
		ks->s.tx.more = false;
		ksc_tx_finish(sk, ks);
		tcp_sk(sk)->nonagle |= nonagle & TCP_NAGLE_CORK;
		if (unlikely(ks->s.tx.pending))
			ksc_await_space(sk, ks);
	}
	ksc_release_noio(sk, noio);
}

/**
 * ksc_splice_eof() - proto.splice_eof: send the open record
 * @sock: socket
 *
 * Context: process.
 */
void ksc_splice_eof(struct socket *sock)
{
	struct sock *sk = sock->sk;
	struct ksc_sock *ks;
	unsigned int noio;

	noio = ksc_lock_noio(sk);
	ks = ksc_sk(sk);
	if (ks && !ksc_tx_check(sk, ks))
		ksc_tx_finish(sk, ks);
	ksc_release_noio(sk, noio);
}
