// SPDX-License-Identifier: GPL-2.0-only
/*
 * Building a record: its pieces, its content, and the AEAD pass.
 *
 * Room for type and tag is allocated with the content, and so is the transform: data that was
 * accepted from an application never waits for memory, except for that of its padding.
 */
#include <linux/skbuff.h>
#include <net/tcp.h>

#include "compat/compat.h"
#include "record/cipher.h"
#include "record/frame.h"
#include "record/pages.h"
#include "stream/charge.h"
#include "stream/noio.h"
#include "stream/stream.h"
#include "stream/tx_build.h"

/*
 * Memory that a record holds, in full pages like TCP's account: its bytes; or all of its pages if
 * the application may leave it open indefinitely.
 */
static u32 ksc_tx_kept(const struct ksc_tx *tx)
{
	bool open = tx->more && !tx->pending;
	u32 size = 0, i;

	for (i = tx->first; i < tx->nfrags; i++) {
		if (!open)
			size += tx->frag[i].bv_len;
		else if (!i || tx->frag[i].bv_page != tx->frag[i - 1].bv_page)
			size += page_size(tx->frag[i].bv_page);
	}
	return PAGE_ALIGN(size);
}

/**
 * ksc_tx_charge_more() - charge a socket for what its record has grown by
 * @sk: socket, locked and owned
 * @tx: its sending half; a record is open or pending
 *
 * Context: process.
 */
void ksc_tx_charge_more(struct sock *sk, struct ksc_tx *tx)
{
	u32 size = ksc_tx_kept(tx);

	if (size <= tx->charged)
		return;
	ksc_charge(sk, size - tx->charged);
	tx->charged = size;
}

/**
 * ksc_tx_uncharge() - uncharge a record that was passed to TCP or dropped
 * @sk: socket, locked and owned
 * @tx: its sending half
 *
 * Context: process.
 */
void ksc_tx_uncharge(struct sock *sk, struct ksc_tx *tx)
{
	if (likely(!tx->charged))
		return;
	ksc_uncharge(sk, tx->charged);
	tx->charged = 0;
}

/**
 * ksc_tx_drop() - drop the record under construction
 * @sk: socket, locked and owned
 * @tx: its sending half; nothing of the record was passed to TCP
 *
 * Context: process.
 */
void ksc_tx_drop(struct sock *sk, struct ksc_tx *tx)
{
	ksc_tx_uncharge(sk, tx);
	while (tx->nfrags)
		put_page(tx->frag[--tx->nfrags].bv_page);
	tx->first = 0;
	tx->len = 0;
	tx->pending = false;
	WRITE_ONCE(tx->full, false);
	tx->held = false;
	tx->nagle = false;
	tx->tailed = false;
}

/**
 * ksc_tx_grow() - add room at the record's end
 * @sk: socket, locked and owned
 * @tx: its sending half
 * @want: bytes wanted
 * @p: set to the first byte
 *
 * Context: process. Return: contiguous bytes added, at most @want; -ENOMEM, or -ENOSPC if the
 * record has the maximum number of pieces.
 */
int ksc_tx_grow(struct sock *sk, struct ksc_tx *tx, u32 want, u8 **p)
{
	/* the record's start is aligned so that no AES block straddles pages */
	u32 skip = ksc_tx_header_len(tx);
	bool begin = !tx->nfrags;

	return ksc_frag_take(tx->frag, &tx->nfrags, want, -skip, begin ? KSC_TX_ALIGN : 1,
			     begin ? skip + KSC_TX_ALIGN : 1, sk->sk_allocation, p);
}

/* Remove the last @n bytes */
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

/* Find the last @back bytes of the record; @room: how many are contiguous there */
static u8 *ksc_tx_at(const struct ksc_tx *tx, u32 back, u32 *room)
{
	const struct bio_vec *bv = &tx->frag[tx->nfrags - 1];

	for (; unlikely(back > bv->bv_len); bv--)
		back -= bv->bv_len;
	*room = back;
	return page_address(bv->bv_page) + bv->bv_offset + bv->bv_len - back;
}

/* Add room after the content for type and tag */
static int ksc_tx_reserve(struct sock *sk, struct ksc_stream *s)
{
	u32 tail = ksc_tx_tail_len(s), grown = 0;
	struct ksc_tx *tx = &s->tx;
	u8 *p;
	int n;

	while (grown < tail) {
		/* one piece: padding needs the others */
		n = ksc_frag_take(tx->frag, &tx->nfrags, tail - grown, 0, 1,
				  s->padding ? tail : 1, sk->sk_allocation, &p);
		if (n < 0) {
			ksc_tx_shrink(tx, grown);
			return n;
		}
		grown += n;
	}
	tx->tailed = true;
	return 0;
}

/* Append to an open record: overwrites the room for its tail, which moves back as far */
static int ksc_tx_append(struct sock *sk, struct ksc_stream *s, struct msghdr *msg,
			 u32 want)
{
	u32 tail = ksc_tx_tail_len(s);
	struct ksc_tx *tx = &s->tx;
	int done = 0, err = 0;

	while (want && !err && !ksc_tx_crowded(s)) {
		u32 room, part, left;
		u8 *p;
		int n = ksc_frag_take(tx->frag, &tx->nfrags, want, 0, 1, 1,
				      sk->sk_allocation, &p);

		if (n < 0) {
			err = n;
			break;
		}
		for (left = n; left && !err; left -= part) {
			if (likely(tx->frag[tx->nfrags - 1].bv_len >= tail + n)) {
				/* in one piece with the tail */
				p -= tail;
				room = n;
			} else {
				p = ksc_tx_at(tx, tail + left, &room);
				room = min(room, left);
			}
			part = copy_from_iter(p, room, &msg->msg_iter);
			if (part < room)
				err = -EFAULT;
		}
		ksc_tx_shrink(tx, left);
		done += n - left;
		want -= n - left;
	}
	tx->len += done;
	return done ?: err;
}

/* Start a record, with room for its header */
static int ksc_tx_begin(struct sock *sk, struct ksc_stream *s, struct msghdr *msg, u32 want)
{
	u32 tail = ksc_tx_tail_len(s), lead = ksc_tx_header_len(&s->tx);
	struct ksc_tx *tx = &s->tx;
	int done = 0, err = 0;

	while (want + lead) {
		size_t got;
		u8 *p;
		int n;

		if (ksc_tx_crowded(s))
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
		if (got == want && n == want + tail) {
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
	if (done && unlikely(!tx->tailed)) {
		err = ksc_tx_reserve(sk, s);
		if (err) {
			iov_iter_revert(&msg->msg_iter, done);
			ksc_tx_drop(sk, tx);
			return err;
		}
	}
	tx->len = done;
	return done ?: err;
}

/**
 * ksc_tx_copy() - append to the record under construction
 * @sk: socket, locked and owned
 * @s: its stream; nothing is pending
 * @msg: source of the data
 * @want: maximum number of bytes
 *
 * The record can then be sealed without more memory, unless it is padded.
 *
 * Context: process. Return: bytes appended; or an errno, -EIO if the connection has to fail.
 */
int ksc_tx_copy(struct sock *sk, struct ksc_stream *s, struct msghdr *msg, u32 want)
{
	int err = ksc_awake(s, &s->tx.cipher);

	if (err)
		return err;
	if (likely(!s->tx.nfrags))
		return ksc_tx_begin(sk, s, msg, want);
	return ksc_tx_append(sk, s, msg, want);
}

/**
 * ksc_tx_frame() - write the header and explicit nonce, and set up the nonce
 * @s: stream
 * @p: destination of the header
 * @len: length of the AEAD's plaintext
 * @type: content type
 *
 * The frame is RFC 8446 5.2, or RFC 5246 6.2.3.3 with RFC 5288 3 and RFC 7905 2.
 *
 * Context: the socket's lock.
 * Return: bytes of additional data, which is the header in TLS 1.3 and in the cipher's aead in TLS
 * 1.2.
 */
unsigned int ksc_tx_frame(struct ksc_stream *s, u8 *p, u32 len, u8 type)
{
	bool v13 = s->version == KSC_VERSION_1_3;
	struct ksc_cipher *c = &s->tx.cipher;

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

/* Write padding after the type, which is the first of the last @back bytes */
static u8 *ksc_tx_pad(struct ksc_tx *tx, u32 back, u32 pad)
{
	u32 room, n;
	u8 *p;

	for (n = back - 1; pad; pad -= room, n -= room) {
		p = ksc_tx_at(tx, n, &room);
		room = min(room, pad);
		memset(p, 0, room);
	}
	return ksc_tx_at(tx, back, &room);
}

/**
 * ksc_tx_tail() - make room after the content for type, padding and tag
 * @sk: socket, locked and owned
 * @s: its stream; a record is open
 * @type: content type; it and the padding are written
 * @pad: bytes of padding, TLS 1.3
 * @at: set to the first byte
 *
 * Context: process. Return: 0, or an errno with the record unchanged.
 */
int ksc_tx_tail(struct sock *sk, struct ksc_stream *s, u8 type, u32 pad, u8 **at)
{
	u32 left, room, grown = 0, tail = ksc_tx_tail_len(s);
	struct ksc_tx *tx = &s->tx;
	u8 *p;
	int n;

	for (left = pad + (tx->tailed ? 0 : tail); unlikely(left); left -= n) {
		n = ksc_tx_grow(sk, tx, left, &p);
		if (n < 0) {
			ksc_tx_shrink(tx, grown);
			return n;
		}
		grown += n;
	}
	tx->tailed = false;
	/* the real type follows the content, then padding */
	if (likely(!pad))
		*at = ksc_tx_at(tx, tail, &room);
	else
		*at = ksc_tx_pad(tx, tail + pad, pad);
	if (s->version == KSC_VERSION_1_3)
		**at = type;
	return 0;
}

/**
 * ksc_tx_encrypt() - encrypt the record in tx->frag and make it pending
 * @s: stream
 * @src: the plaintext from the second entry on, the first is for the additional data; NULL to
 *	encrypt in place
 * @type: content type
 * @len: bytes of content
 * @inner: bytes of the AEAD's plaintext, ksc_tx_inner() of @len
 *
 * Context: process, the socket's lock. Return: 0, or an errno and the connection has to fail.
 */
int ksc_tx_encrypt(struct ksc_stream *s, struct scatterlist *src, u8 type, u32 len,
		   u32 inner)
{
	struct scatterlist sg[KSC_TX_FRAGS + 1] __uninitialized;
	bool v13 = s->version == KSC_VERSION_1_3;
	struct ksc_tx *tx = &s->tx;
	unsigned int assoclen, hl = 0, i, nsg = 0;
	u8 *p;
	int err;

	p = page_address(tx->frag[0].bv_page) + tx->frag[0].bv_offset;
	assoclen = ksc_tx_frame(s, p, inner, type);
	if (!v13) {
		p = tx->cipher.aead->aad;
		hl = ksc_tx_header_len(tx);
	}
	/* the first entry may be just the header */
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
	/* part of it may be encrypted: a retry would reuse the nonce */
	if (err)
		return -EIO;
	ksc_tx_sealed(s, len, type);
	tx->len = 0;
	tx->pending = true;
	tx->held = false;
	tx->nagle = false;
	return 0;
}

/**
 * ksc_tx_seal() - encrypt the open record and make it pending
 * @sk: socket, locked and owned
 * @s: its stream
 * @type: content type
 *
 * Context: process. Return: 0; -ENOMEM with the record unchanged; or another errno and the
 * connection has to fail.
 */
int ksc_tx_seal(struct sock *sk, struct ksc_stream *s, u8 type)
{
	bool v13 = s->version == KSC_VERSION_1_3;
	struct ksc_tx *tx = &s->tx;
	u32 inner = ksc_tx_inner(s, tx->len);
	u8 *p;
	int err;

	err = ksc_awake(s, &tx->cipher);
	if (!err)
		err = ksc_tx_tail(sk, s, type, inner - tx->len - v13, &p);
	return err ?: ksc_tx_encrypt(s, NULL, type, tx->len, inner);
}
