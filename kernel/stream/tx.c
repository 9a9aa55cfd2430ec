// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sending: application data into records, records into the socket's TCP.
 *
 * A record is built in page fragments of the kind that TCP copies data to, encrypted in place, and
 * the fragments are passed to TCP without copying. A byte costs one copy from user space and one
 * AEAD pass over aligned memory.
 *
 * An open record stays plaintext in tx->frag across calls only with MSG_MORE or a cork, where TCP
 * would delay a segment, or for lack of memory. Once sealed it is pending until TCP has taken all
 * of it; nothing else is sent before.
 */
#include <linux/skbuff.h>
#include <net/tcp.h>

#include "compat/compat.h"
#include "record/cipher.h"
#include "record/frame.h"
#include "stream/stream.h"
#include "stream/tx.h"
#include "stream/tx_build.h"

/**
 * ksc_tx_free() - free keys and unsent data
 * @sk: socket, locked and owned
 * @tx: its sending half
 *
 * Context: process, the socket's lock.
 */
void ksc_tx_free(struct sock *sk, struct ksc_tx *tx)
{
	/* the first @first entries, with their references, belong to TCP now */
	if (tx->first) {
		memmove(tx->frag, tx->frag + tx->first,
			(tx->nfrags - tx->first) * sizeof(*tx->frag));
		tx->nfrags -= tx->first;
	}
	ksc_tx_drop(sk, tx);
	ksc_cipher_free(&tx->cipher);
}

/* TCP has taken all of a record that it had no space for: poll() may report EPOLLOUT again */
static void ksc_tx_relieve(struct sock *sk, struct ksc_tx *tx)
{
	struct ksc_stream *s = container_of(tx, struct ksc_stream, tx);

	WRITE_ONCE(tx->full, false);
	/* its barrier, or TCP's, pairs with poll()'s, which sets SOCK_NOSPACE before it checks */
	s->ops->room(sk, s);
}

/**
 * ksc_tx_push() - push as much of the pending record as TCP takes
 * @sk: socket, locked and owned
 * @tx: its sending half
 * @flags: MSG_MORE or 0
 *
 * Context: process. Return: 0 when nothing is pending, -EAGAIN, or another errno of TCP's.
 */
int ksc_tx_push(struct sock *sk, struct ksc_tx *tx, int flags)
{
	while (tx->first < tx->nfrags) {
		int n;

		tx->pushing = true;
		n = ksc_compat_push(sk, tx->frag + tx->first, tx->nfrags - tx->first,
				    flags | MSG_DONTWAIT | MSG_NOSIGNAL);
		tx->pushing = false;
		if (n < 0) {
			WRITE_ONCE(tx->full, true);
			return n;
		}
		while (n) {
			struct bio_vec *bv = &tx->frag[tx->first];
			u32 used = min_t(u32, n, bv->bv_len);

			n -= used;
			bv->bv_offset += used;
			bv->bv_len -= used;
			if (!bv->bv_len) {
				put_page(bv->bv_page);
				tx->first++;
			}
		}
	}
	tx->first = 0;
	tx->nfrags = 0;
	tx->pending = false;
	ksc_tx_uncharge(sk, tx);
	if (unlikely(tx->full))
		ksc_tx_relieve(sk, tx);
	return 0;
}

/**
 * ksc_tx_lift() - lift the send buffer's limits
 * @sk: socket, locked and owned
 * @l: filled in, for ksc_tx_unlift()
 *
 * Handshake tokens, control records and pending data at close can't wait for the peer to read:
 * they may exceed the send buffer by their own size.
 *
 * Context: process.
 */
void ksc_tx_lift(struct sock *sk, struct ksc_tx_lift *l)
{
	l->sndbuf = sk->sk_sndbuf;
	l->lowat = tcp_sk(sk)->notsent_lowat;
	/* keeps TCP from changing the buffer meanwhile */
	l->userlocks = sk->sk_userlocks;
	sk->sk_userlocks |= SOCK_SNDBUF_LOCK;
	l->again = false;
	/* TCP takes at least one packet */
	if (sk->sk_wmem_queued >= l->sndbuf)
		WRITE_ONCE(sk->sk_sndbuf, sk->sk_wmem_queued + 1);
	WRITE_ONCE(tcp_sk(sk)->notsent_lowat, U32_MAX);
	/* nor can they wait for an acknowledgment or a cork */
	l->nonagle = tcp_sk(sk)->nonagle;
	tcp_sk(sk)->nonagle = TCP_NAGLE_OFF;
}

/*
 * TCP did not take all: retry? Over tcp_mem[2] or the cgroup's limit, TCP grants memory only to a
 * sender that exceeds its send buffer, as it can't make that wait: __sk_mem_raise_allocated(). So
 * exceed it packet by packet, as long as there is progress.
 */
static bool ksc_tx_lift_more(struct sock *sk, struct ksc_tx_lift *l)
{
	u32 seq = tcp_sk(sk)->write_seq;

	if (l->again && l->seq == seq)
		return false;
	l->again = true;
	l->seq = seq;
	WRITE_ONCE(sk->sk_sndbuf, sk->sk_wmem_queued + 1);
	return true;
}

/**
 * ksc_tx_unlift() - undo ksc_tx_lift()
 * @sk: socket, locked and owned since
 * @l: from ksc_tx_lift()
 *
 * Context: process.
 */
void ksc_tx_unlift(struct sock *sk, const struct ksc_tx_lift *l)
{
	tcp_sk(sk)->nonagle = l->nonagle;
	WRITE_ONCE(sk->sk_sndbuf, l->sndbuf);
	sk->sk_userlocks = l->userlocks;
	WRITE_ONCE(tcp_sk(sk)->notsent_lowat, l->lowat);
}

/**
 * ksc_tx_raw() - send bytes without protection
 * @sk: socket, locked and owned
 * @data: handshake token or alert record
 * @len: length of @data in bytes
 *
 * Context: process. All or nothing as far as TCP's memory allows.
 * Return: 0 or an errno.
 */
int ksc_tx_raw(struct sock *sk, const void *data, size_t len)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	struct kvec kv = { .iov_base = (void *)data, .iov_len = len };
	struct ksc_tx_lift l;
	size_t left;
	int n;

	if (sk->sk_shutdown & SEND_SHUTDOWN)
		return -EPIPE;
	iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, &kv, 1, len);
	ksc_tx_lift(sk, &l);
	do {
		left = msg_data_left(&msg);
		n = tcp_sendmsg_locked(sk, &msg, left);
	} while (n != left && (n > 0 || n == -EAGAIN) && ksc_tx_lift_more(sk, &l));
	ksc_tx_unlift(sk, &l);
	return n < 0 ? n : n == left ? 0 : -ENOBUFS;
}

/**
 * ksc_tx_flush() - seal and push an open record, or push a pending one
 * @sk: socket, locked and owned
 * @s: its stream
 *
 * Ignores the send buffer's limits.
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_tx_flush(struct sock *sk, struct ksc_stream *s)
{
	struct ksc_tx *tx = &s->tx;
	struct ksc_tx_lift l;
	int err = 0;

	if (!tx->nfrags)
		return 0;
	if (sk->sk_shutdown & SEND_SHUTDOWN)
		return -EPIPE;
	if (!tx->pending)
		err = ksc_tx_seal(sk, s, KSC_CT_APPLICATION_DATA);
	if (err)
		return err;
	ksc_tx_lift(sk, &l);
	do {
		err = ksc_tx_push(sk, tx, 0);
	} while (err == -EAGAIN && ksc_tx_lift_more(sk, &l));
	ksc_tx_unlift(sk, &l);
	return err;
}

/**
 * ksc_tx_nagle() - would TCP delay a small write, to merge it with the next?
 * @sk: socket, locked
 * @s: its stream
 * @len: bytes of the write
 *
 * If so, the record stays open, and data that TCP would merge into a segment shares a record. As
 * in tcp_nagle_check(), this is RFC 896 with the rule that only a small segment in flight delays
 * others. A full segment is never delayed.
 *
 * Context: the socket's lock, owned or in softirq.
 */
bool ksc_tx_nagle(const struct sock *sk, const struct ksc_stream *s, u32 len)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return !tp->nonagle && tp->packets_out && after(tp->snd_sml, tp->snd_una) &&
	       !after(tp->snd_sml, tp->snd_nxt) &&
	       tp->write_seq - tp->snd_nxt + s->tx.len + len + KSC_TX_OVERHEAD <
	       tp->mss_cache;
}
