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
#include "ksc.h"
#include "tx.h"

/**
 * ksc_tx_drop() - give the record under construction up
 * @tx: sending half; nothing of the record was given to TCP
 *
 * Context: process, the socket's lock.
 */
void ksc_tx_drop(struct ksc_tx *tx)
{
	while (tx->nfrags)
		put_page(tx->frag[--tx->nfrags].bv_page);
	tx->first = 0;
	tx->len = 0;
	tx->pending = false;
	tx->held = false;
	tx->nagle = false;
	tx->tailed = false;
}

/**
 * ksc_tx_free() - give up keys and whatever was not sent
 * @tx: sending half
 *
 * Context: process, the socket's lock.
 */
void ksc_tx_free(struct ksc_tx *tx)
{
	/* the first @first entries have gone to TCP, their references too */
	if (tx->first) {
		memmove(tx->frag, tx->frag + tx->first,
			(tx->nfrags - tx->first) * sizeof(*tx->frag));
		tx->nfrags -= tx->first;
	}
	ksc_tx_drop(tx);
	ksc_cipher_free(&tx->cipher);
}

/**
 * ksc_tx_grow() - room at the record's end
 * @sk: socket, locked and owned
 * @tx: its sending half
 * @want: bytes; fewer may be had, but those are contiguous
 * @p: set to the first byte
 *
 * Context: process. Return: bytes, -ENOMEM, or -ENOSPC when the record is in as many
 * pieces as it may be.
 */
int ksc_tx_grow(struct sock *sk, struct ksc_tx *tx, u32 want, u8 **p)
{
	/* the record's begin is aligned so that no AES block straddles pages */
	u32 skip = ksc_tx_header_len(tx);
	bool begin = !tx->nfrags;

	return ksc_frag_take(tx->frag, &tx->nfrags, want, -skip, begin ? KSC_TX_ALIGN : 1,
			     begin ? skip + KSC_TX_ALIGN : 1, sk->sk_allocation, p);
}

/* Undo the last @n bytes of growth */
static void ksc_tx_shrink(struct ksc_tx *tx, u32 n)
{
	while (n) {
		struct bio_vec *last = &tx->frag[tx->nfrags - 1];
		u32 cut = min(n, last->bv_len);

		n -= cut;
		last->bv_len -= cut;
		if (!last->bv_len) {
			put_page(last->bv_page);
			tx->nfrags--;
		}
	}
}

/**
 * ksc_tx_crowded() - is the record in as many pieces as its content may be?
 * @ks: state
 *
 * The rest is for type, padding and tag: padding to a full record may need five,
 * if there are only single pages to be had.
 */
bool ksc_tx_crowded(const struct ksc_sock *ks)
{
	return ks->tx.nfrags >= (ks->opt.padding ? 2 : KSC_TX_FRAGS - 2);
}

/**
 * ksc_tx_copy() - append to the record under construction
 * @sk: socket, locked and owned
 * @ks: its state; nothing is pending
 * @msg: where the data come from
 * @want: bytes, at most
 * @last: the record is sealed next, so room for its tail may be taken along
 *
 * Context: process. Return: bytes appended, or an errno.
 */
int ksc_tx_copy(struct sock *sk, struct ksc_sock *ks, struct msghdr *msg, u32 want,
		bool last)
{
	struct ksc_tx *tx = &ks->tx;
	u32 tail = last && !ks->opt.padding ? ksc_tx_tail_len(ks) : 0;
	/* a new record begins with room for its header */
	u32 lead = tx->nfrags ? 0 : ksc_tx_header_len(tx);
	int done = 0, err = 0;

	/* it could not be sealed */
	if (unlikely(tx->tailed)) {
		ksc_tx_shrink(tx, ksc_tx_tail_len(ks));
		tx->tailed = false;
	}
	while (want + lead) {
		size_t got;
		u8 *p;
		int n;

		if (ksc_tx_crowded(ks))
			break;
		n = ksc_tx_grow(sk, tx, lead + want + tail, &p);
		if (n < 0) {
			err = n;
			break;
		}
		p += lead;
		n -= lead;
		lead = 0;
		got = copy_from_iter(p, min_t(u32, n, want), &msg->msg_iter);
		done += got;
		if (got == want && tail && n == want + tail) {
			tx->tailed = true;
		} else if (got < n) {
			ksc_tx_shrink(tx, n - got);
			if (got < want)
				err = -EFAULT;
		}
		want -= got;
		if (err)
			break;
	}
	tx->len += done;
	return done ?: err;
}

/**
 * ksc_tx_frame() - write what stands before the payload and set the nonce up
 * @ks: state
 * @p: where the header is to be
 * @len: length of what is encrypted
 * @type: content type
 *
 * The frame is RFC 8446 5.2, or RFC 5246 6.2.3.3 with RFC 5288 3 and RFC 7905 2.
 *
 * Context: the socket's lock.
 * Return: bytes of additional data; in TLS 1.3 that is the header itself, in
 * TLS 1.2 it is in the cipher's aead.
 */
unsigned int ksc_tx_frame(struct ksc_sock *ks, u8 *p, u32 len, u8 type)
{
	bool v13 = ks->version == KSC_VERSION_1_3;
	struct ksc_cipher *c = &ks->tx.cipher;

	ksc_header_make(p, v13 ? KSC_CT_APPLICATION_DATA : type,
			c->suite->explicit_len + len + KSC_TAG_LEN);
	if (c->suite->explicit_len) {
		__be64 n;

		memcpy(&n, c->iv + 4, sizeof(n));
		n = cpu_to_be64(be64_to_cpu(n) + c->seq);
		memcpy(p + KSC_HEADER_LEN, &n, sizeof(n));
		ksc_cipher_nonce(c, p + KSC_HEADER_LEN);
	} else {
		ksc_cipher_nonce(c, NULL);
	}
	return v13 ? KSC_HEADER_LEN : ksc_aad_12(c->aead->aad, c->seq, type, len);
}

/**
 * ksc_tx_tail() - room behind the content for its type, padding and the tag
 * @sk: socket, locked and owned
 * @ks: its state; a record is open
 * @type: content type; it and the padding are written
 * @pad: bytes of padding
 * @at: set to the first byte
 *
 * Context: process. Return: 0 or an errno, and the record is as it was.
 */
int ksc_tx_tail(struct sock *sk, struct ksc_sock *ks, u8 type, u32 pad, u8 **at)
{
	bool v13 = ks->version == KSC_VERSION_1_3;
	unsigned int left = ksc_tx_tail_len(ks) + pad, grown = 0;
	u8 *p;
	int n;

	if (likely(ks->tx.tailed)) {
		const struct bio_vec *last = &ks->tx.frag[ks->tx.nfrags - 1];

		ks->tx.tailed = false;
		if (likely(!pad)) {
			p = page_address(last->bv_page) + last->bv_offset + last->bv_len - left;
			if (v13)
				*p = type;
			*at = p;
			return 0;
		}
		ksc_tx_shrink(&ks->tx, left - pad);
	}
	while (left) {
		n = ksc_tx_grow(sk, &ks->tx, left, &p);
		if (n < 0) {
			ksc_tx_shrink(&ks->tx, grown);
			return n;
		}
		/* the real type comes behind the content, then padding */
		if (unlikely(pad))
			memset(p, 0, n);
		if (!grown) {
			*at = p;
			if (v13)
				*p = type;
		}
		grown += n;
		left -= n;
	}
	return 0;
}

/**
 * ksc_tx_encrypt() - encrypt the record in tx->frag; it is pending then
 * @ks: state
 * @src: the plaintext from its second entry on, the first one is for the additional
 *	data; NULL: in place
 * @type: content type
 * @len: bytes of content
 * @inner: what is encrypted, ksc_tx_inner() of it
 *
 * Context: process, the socket's lock. Return: 0, or an errno and the connection
 * can't go on.
 */
int ksc_tx_encrypt(struct ksc_sock *ks, struct scatterlist *src, u8 type, u32 len,
		   u32 inner)
{
	struct scatterlist sg[KSC_TX_FRAGS + 1] __uninitialized;
	bool v13 = ks->version == KSC_VERSION_1_3;
	struct ksc_tx *tx = &ks->tx;
	unsigned int assoclen, hl = 0, i, nsg = 0;
	u8 *p;
	int err;

	p = page_address(tx->frag[0].bv_page) + tx->frag[0].bv_offset;
	assoclen = ksc_tx_frame(ks, p, inner, type);
	if (!v13) {
		p = tx->cipher.aead->aad;
		hl = ksc_tx_header_len(tx);
	}
	/* the first one may be nothing but the header */
	i = tx->frag[0].bv_len == hl;
	ksc_sg_init(sg, tx->nfrags - i + !v13);
	if (!v13)
		sg_set_buf(&sg[nsg++], p, assoclen);
	if (i)
		hl = 0;
	for (; i < tx->nfrags; i++, hl = 0)
		sg_set_page(&sg[nsg++], tx->frag[i].bv_page,
			    tx->frag[i].bv_len - hl, tx->frag[i].bv_offset + hl);
	if (src)
		sg_set_buf(src, p, assoclen);

	err = ksc_cipher_seal(&tx->cipher, src ?: sg, sg, assoclen, inner);
	/* a part may be encrypted: another try would use the nonce for something else */
	if (err)
		return -EIO;
	ksc_tx_sealed(ks, len, type);
	tx->len = 0;
	tx->pending = true;
	tx->held = false;
	tx->nagle = false;
	return 0;
}

/**
 * ksc_tx_seal() - protect the record under construction; it is pending then
 * @sk: socket, locked and owned
 * @ks: its state
 * @type: content type
 *
 * Context: process. Return: 0; -ENOMEM, and it is as it was; or another errno, and
 * the connection can't go on.
 */
int ksc_tx_seal(struct sock *sk, struct ksc_sock *ks, u8 type)
{
	bool v13 = ks->version == KSC_VERSION_1_3;
	struct ksc_tx *tx = &ks->tx;
	u32 inner = ksc_tx_inner(ks, tx->len);
	u8 *p;
	int err;

	err = ksc_awake(ks, &tx->cipher);
	if (!err)
		err = ksc_tx_tail(sk, ks, type, inner - tx->len - v13, &p);
	return err ?: ksc_tx_encrypt(ks, NULL, type, tx->len, inner);
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
		int n = ksc_compat_push(sk, tx->frag + tx->first,
					tx->nfrags - tx->first,
					flags | MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return n;
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
	return 0;
}

/*
 * Handshake tokens, control records and what is left at close can't wait for
 * the peer to read: they may exceed the send buffer, by themselves alone.
 */
struct ksc_tx_lift {
	int sndbuf;
	u32 lowat;
	u8 nonagle;
};

static void ksc_tx_lift(struct sock *sk, struct ksc_tx_lift *l)
{
	l->sndbuf = sk->sk_sndbuf;
	l->lowat = tcp_sk(sk)->notsent_lowat;
	WRITE_ONCE(sk->sk_sndbuf, INT_MAX / 2);
	WRITE_ONCE(tcp_sk(sk)->notsent_lowat, U32_MAX);
	/* nor can they wait for an acknowledgment, or for a cork */
	l->nonagle = tcp_sk(sk)->nonagle;
	tcp_sk(sk)->nonagle = TCP_NAGLE_OFF;
}

static void ksc_tx_unlift(struct sock *sk, const struct ksc_tx_lift *l)
{
	tcp_sk(sk)->nonagle = l->nonagle;
	WRITE_ONCE(sk->sk_sndbuf, l->sndbuf);
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
	int n;

	if (sk->sk_shutdown & SEND_SHUTDOWN)
		return -EPIPE;
	iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, &kv, 1, len);
	ksc_tx_lift(sk, &l);
	n = tcp_sendmsg_locked(sk, &msg, len);
	ksc_tx_unlift(sk, &l);
	return n < 0 ? n : n == len ? 0 : -ENOBUFS;
}

/**
 * ksc_tx_flush() - seal and push an open record, or push a pending one
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * Whatever the send buffer.
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_tx_flush(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_tx *tx = &ks->tx;
	struct ksc_tx_lift l;
	int err = 0;

	if (!tx->nfrags)
		return 0;
	if (sk->sk_shutdown & SEND_SHUTDOWN)
		return -EPIPE;
	if (!tx->pending)
		err = ksc_tx_seal(sk, ks, KSC_CT_APPLICATION_DATA);
	if (err)
		return err;
	ksc_tx_lift(sk, &l);
	err = ksc_tx_push(sk, tx, 0);
	ksc_tx_unlift(sk, &l);
	return err;
}

/* A small record that padding makes a large one */
static int ksc_tx_large(struct sock *sk, struct ksc_sock *ks, u8 type,
			struct msghdr *msg, u32 len)
{
	int n = ksc_tx_copy(sk, ks, msg, len, false);
	int err = n < 0 ? n : n < len ? -ENOMEM : ksc_tx_seal(sk, ks, type);

	if (err) {
		ksc_tx_drop(&ks->tx);
		return err;
	}
	err = ksc_tx_push(sk, &ks->tx, 0);
	/* it is sealed, and goes when there is room */
	return err == -EAGAIN ? 0 : err;
}

/* A small record of its own, behind everything that was written before */
static int ksc_tx_record(struct sock *sk, struct ksc_sock *ks, u8 type,
			 const void *data, u32 len)
{
	struct kvec kv = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = {};
	struct ksc_tx_lift l;
	int err;

	if (!ks->tx.cipher.suite)
		return -EPIPE;
	err = ksc_tx_flush(sk, ks);
	if (err)
		return err;
	if (sk->sk_shutdown & SEND_SHUTDOWN)
		return -EPIPE;
	iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, &kv, 1, len);
	ksc_tx_lift(sk, &l);
	if (likely(ksc_tx_inner(ks, len) <= KSC_TX_SMALL_INNER))
		err = ksc_tx_whole(sk, ks, type, &msg.msg_iter, len);
	else
		err = ksc_tx_large(sk, ks, type, &msg, len);
	ksc_tx_unlift(sk, &l);
	return err;
}

/**
 * ksc_tx_alert() - send a protected alert
 * @sk: socket, locked and owned
 * @ks: its state, with keys
 * @level: 1 warning, 2 fatal
 * @alert: AlertDescription
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_tx_alert(struct sock *sk, struct ksc_sock *ks, u8 level, u8 alert)
{
	u8 body[2] = { level, alert };

	return ksc_tx_record(sk, ks, KSC_CT_ALERT, body, sizeof(body));
}

/**
 * ksc_tx_key_update() - go on to new sending keys, RFC 8446 4.6.3
 * @sk: socket, locked and owned
 * @ks: its state, TLS 1.3
 * @request: ask the peer to do the same
 *
 * Context: process. Return: 0; -ENOMEM, and nothing was sent; or another errno, and
 * the connection can't go on.
 */
int ksc_tx_key_update(struct sock *sk, struct ksc_sock *ks, bool request)
{
	u8 body[5] = { KSC_HT_KEY_UPDATE, 0, 0, 1, request };
	int err;

	err = ksc_tx_record(sk, ks, KSC_CT_HANDSHAKE, body, sizeof(body));
	if (!err)
		ksc_cipher_update(&ks->tx.cipher);
	return err;
}

/**
 * ksc_tx_close() - send what is left and close_notify, once
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_tx_close(struct sock *sk, struct ksc_sock *ks)
{
	int err;

	if (ks->tx.closed)
		return 0;
	err = ksc_tx_alert(sk, ks, 1, KSC_ALERT_CLOSE_NOTIFY);
	ks->tx.closed = true;
	return err == -EIO ? ksc_tx_broken(sk, ks) : err;
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
	ksc_fail(sk, ks, KSC_STATUS_INTERNAL_ERROR, 0, KSC_DIRECTION_NONE,
		 "a record could not be sent");
	return ksc_error(ks);
}

/**
 * ksc_tx_finish() - seal and push what MSG_MORE or want of memory left open
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_tx_finish(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_tx *tx = &ks->tx;
	int err;

	if (tx->pending || !tx->len)
		return 0;
	tx->more = false;
	err = ksc_tx_seal(sk, ks, KSC_CT_APPLICATION_DATA);
	if (!err)
		return ksc_tx_push(sk, tx, 0);
	if (err == -ENOMEM)
		ksc_pump_kick(ks, HZ / 10);
	else
		ksc_tx_broken(sk, ks);
	return err;
}

/* TCP's own ceiling for what MSG_MORE or a cork holds back */
#define KSC_TX_HOLD	(HZ / 5)

/**
 * ksc_tx_hold() - a record stays open, but not for good
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * The application may have nothing more to say before it is answered. Where TCP
 * would wait for an acknowledgment, so does the pump.
 *
 * Context: process, the socket's lock.
 */
void ksc_tx_hold(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_tx *tx = &ks->tx;

	/* then write_space is called for each acknowledgment */
	if (tx->nagle)
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	if (tx->held || tx->pending || !tx->len)
		return;
	tx->held = true;
	tx->deadline = jiffies + KSC_TX_HOLD;
	ksc_pump_kick(ks, KSC_TX_HOLD);
}

/* Is it time for what is open? If not, the pump comes back */
static bool ksc_tx_held(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_tx *tx = &ks->tx;

	if (tx->pending)
		return tx->more;
	if (tx->nagle) {
		/* nobody may tell us any more: an in-kernel user took our place */
		if (!ksc_hears_of_space(sk) || !ksc_tx_nagle(sk, ks, 0))
			return false;
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		ksc_pump_kick(ks, KSC_TX_HOLD);
		return true;
	}
	if (!tx->held)
		return tx->more;
	if (time_after_eq(jiffies, tx->deadline))
		return false;
	ksc_pump_kick(ks, tx->deadline - jiffies);
	return true;
}

/**
 * ksc_tx_may_resume() - may the pump send?
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * Not while there is an error: whoever sends takes it, and it is for the socket's user.
 * With IP_RECVERR the connection may go on after it.
 *
 * Context: process, from the pump.
 */
bool ksc_tx_may_resume(const struct sock *sk, struct ksc_sock *ks)
{
	const struct ksc_tx *tx = &ks->tx;

	if (likely(!sk->sk_err))
		return true;
	if (sk->sk_state != TCP_CLOSE && (tx->nfrags || tx->update || READ_ONCE(ks->rekey)))
		ksc_pump_kick(ks, HZ / 10);
	return false;
}

/**
 * ksc_tx_resume() - TCP has room again
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * Context: process, from the pump.
 */
void ksc_tx_resume(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_tx *tx = &ks->tx;

	if (!ksc_tx_held(sk, ks))
		ksc_tx_finish(sk, ks);
	if (tx->pending && !ksc_tx_push(sk, tx, tx->more ? MSG_MORE : 0))
		/* poll() reported no room while it was pending */
		ksc_wake_writer(sk, ks);
	ksc_rekey_try(sk, ks);
	if (tx->pending)
		ksc_await_space(sk, ks);
}
