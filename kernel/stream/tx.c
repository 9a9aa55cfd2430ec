// SPDX-License-Identifier: GPL-2.0
/*
 * Sending: application data into records, records into the socket's TCP.
 *
 * A record is built in page fragments of the same kind that TCP copies its
 * data to, is encrypted in place there, and the fragments are given to TCP as
 * they are. One user copy and one AEAD pass over memory that is aligned for it
 * are all that a byte costs.
 *
 * The record under construction stays plaintext in tx->frag across calls only
 * with MSG_MORE, or where TCP would hold a segment back. Once sealed it is
 * pending until TCP has taken all of it, and nothing else is sent before it.
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
 * ksc_tx_free() - give up keys and whatever was not sent
 * @sk: socket, locked and owned
 * @tx: its sending half
 *
 * Context: process, the socket's lock.
 */
void ksc_tx_free(struct sock *sk, struct ksc_tx *tx)
{
	/* the first @first entries have gone to TCP, their references too */
	if (tx->first) {
		memmove(tx->frag, tx->frag + tx->first,
			(tx->nfrags - tx->first) * sizeof(*tx->frag));
		tx->nfrags -= tx->first;
	}
	ksc_tx_drop(sk, tx);
	ksc_cipher_free(&tx->cipher);
}

/* TCP has taken all of a record that it had no room for: poll() has told of none, until now */
static void ksc_tx_relieve(struct sock *sk, struct ksc_tx *tx)
{
	struct ksc_stream *s = container_of(tx, struct ksc_stream, tx);

	WRITE_ONCE(tx->full, false);
	/* its barrier, or TCP's, pairs with who polls: they have set SOCK_NOSPACE, and wait */
	s->ops->room(sk, s);
}

/**
 * ksc_tx_push() - give TCP what it has room for of the pending record
 * @sk: socket, locked and owned
 * @tx: its sending half
 * @flags: MSG_MORE or 0
 *
 * Context: process. Return: 0 when nothing is pending any more, -EAGAIN, or why
 * TCP takes no more.
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
 * ksc_tx_lift() - lift the limits of the send buffer
 * @sk: socket, locked and owned
 * @l: filled in, for ksc_tx_unlift()
 *
 * Handshake tokens, control records and what is left at close can't wait for the peer to
 * read: they may exceed the send buffer, by themselves alone.
 *
 * Context: process.
 */
void ksc_tx_lift(struct sock *sk, struct ksc_tx_lift *l)
{
	l->sndbuf = sk->sk_sndbuf;
	l->lowat = tcp_sk(sk)->notsent_lowat;
	/* TCP is not to change the buffer meanwhile */
	l->userlocks = sk->sk_userlocks;
	sk->sk_userlocks |= SOCK_SNDBUF_LOCK;
	l->again = false;
	/* TCP takes a packet at least */
	if (sk->sk_wmem_queued >= l->sndbuf)
		WRITE_ONCE(sk->sk_sndbuf, sk->sk_wmem_queued + 1);
	WRITE_ONCE(tcp_sk(sk)->notsent_lowat, U32_MAX);
	/* nor can they wait for an acknowledgment, or for a cork */
	l->nonagle = tcp_sk(sk)->nonagle;
	tcp_sk(sk)->nonagle = TCP_NAGLE_OFF;
}

/*
 * TCP took not all. Is another try any good? Over tcp_mem[2], or its cgroup's limit, TCP has
 * no memory but for a sender that is over its buffer, which it can't make wait:
 * __sk_mem_raise_allocated(). So be one, packet by packet.
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
 * @l: what that has filled in
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
 * ksc_tx_raw() - send bytes as they are
 * @sk: socket, locked and owned
 * @data: handshake token or alert record
 * @len: how many
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
 * Whatever the send buffer.
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
 * ksc_tx_nagle() - would TCP keep a small write back, to merge it with what follows?
 * @sk: socket, locked
 * @s: its stream
 * @len: bytes of the write
 *
 * Then the record stays open, and what TCP would merge into a segment shares a record:
 * RFC 896 with the rule that only a small segment in flight has others wait, as
 * tcp_nagle_check() does it. A full segment is never kept back.
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
