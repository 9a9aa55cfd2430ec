// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receiving: decrypts the records in TCP's queue.
 *
 * A record is decrypted from TCP's queue to a separate buffer, under the socket's lock, and then
 * consumed. Control records are handled below read() and poll() (socket/control.c); only in raw
 * mode do applications see them.
 */
#include <linux/slab.h>
#include <net/tcp.h>

#include "net.h"
#include "record/cipher.h"
#include "record/frame.h"
#include "stream/noio.h"
#include "stream/rx.h"
#include "stream/rx_plain.h"
#include "stream/rx_queue.h"
#include "stream/rx_stage.h"
#include "stream/stream.h"

/* Bytes consumed before TCP is told, so that it can open the window */
#define KSC_RX_BATCH	65536

/**
 * ksc_rx_free() - free keys and unread data
 * @sk: socket, locked and owned
 * @rx: receiving half
 *
 * Context: process, the socket's lock.
 */
void ksc_rx_free(struct sock *sk, struct ksc_rx *rx)
{
	ksc_rec_drop_all(sk, rx);
	ksc_rx_unstage(sk, rx);
	ksc_cipher_free(&rx->cipher);
}

/**
 * ksc_rx_header() - get the header of the record at the head
 * @sk: socket, locked
 * @rx: its receiving half; the record's length is not known yet
 * @buf: room for KSC_HEADER_LEN bytes
 *
 * Context: the socket's lock, owned or in softirq.
 * Return: the header, possibly in @buf; NULL if it is incomplete.
 */
const u8 *ksc_rx_header(struct sock *sk, const struct ksc_rx *rx, u8 *buf)
{
	u32 staged = rx->stage_len;

	if (likely(!staged))
		return ksc_rxq_peek(sk, &rx->queue, KSC_HEADER_LEN, buf);
	if (staged >= KSC_HEADER_LEN)
		return rx->stage;
	memcpy(buf, rx->stage, staged);
	return ksc_rxq_copy(sk, &rx->queue, 0, buf + staged, KSC_HEADER_LEN - staged) ?
	       NULL : buf;
}

/**
 * ksc_rx_ready() - check whether there is a complete record, or one to reject
 * @sk: socket, locked
 * @s: its stream, with keys
 *
 * Context: the socket's lock, owned or in softirq.
 */
bool ksc_rx_ready(struct sock *sk, struct ksc_stream *s)
{
	struct ksc_rx *rx = &s->rx;

	if (!rx->rec_len) {
		const struct ksc_suite *suite = rx->cipher.suite;
		u8 buf[KSC_HEADER_LEN];
		struct ksc_header h;
		const u8 *p;

		p = ksc_rx_header(sk, rx, buf);
		if (!p) {
			/* it is complete, but in device memory that can't be read */
			if (unlikely(ksc_rxq_avail(sk, &rx->queue) + (int)rx->stage_len >=
				     KSC_HEADER_LEN))
				WRITE_ONCE(rx->bad, KSC_ALERT_INTERNAL_ERROR);
			return rx->bad;
		}
		ksc_header_parse(p, &h);
		rx->type = h.type;
		WRITE_ONCE(rx->bad, ksc_header_check_protected(&h, s->version,
							       suite->explicit_len +
							       KSC_TAG_LEN));
		rx->rec_len = KSC_HEADER_LEN + h.len;
	}
	return rx->bad || ksc_rxq_avail(sk, &rx->queue) + rx->stage_len >= rx->rec_len;
}

/* Source of the AEAD: the record in TCP's queue, or staged */
static int ksc_rx_source(struct sock *sk, struct ksc_stream *s,
			 struct ksc_rec *rec, u32 skip)
{
	bool v13 = s->version == KSC_VERSION_1_3;
	struct ksc_rx *rx = &s->rx;
	/* TLS 1.3: the header is the additional data and precedes the rest */
	u32 from = v13 ? 0 : skip;
	int n;

	if (!v13) {
		ksc_sg_init(rec->src, 1);
		sg_set_buf(rec->src, rx->cipher.aead->aad, KSC_AAD_12_LEN);
	}
	if (!rx->stage_len) {
		n = ksc_rxq_sg(sk, &rx->queue, from, rx->rec_len - from, rec->src, !v13,
			       ARRAY_SIZE(rec->src) - 1);
		if (n > 0) {
			ksc_sg_tag(&rec->src[n - 1]);
			return 0;
		}
		if (n != -EMSGSIZE)
			return n;
	}
	/* too many pieces, or too long for the window: copy it to one */
	n = ksc_rx_stage_some(sk, s);
	if (n)
		return n;
	ksc_sg_init(rec->src, 1 + !v13);
	if (!v13)
		sg_set_buf(rec->src, rx->cipher.aead->aad, KSC_AAD_12_LEN);
	sg_set_buf(&rec->src[!v13], rx->stage + from, rx->rec_len - from);
	return 0;
}

/*
 * The content goes to the same offset in a page that it has in the source, so that both cross page
 * boundaries together and the AEAD walks each once.
 */
static int ksc_rx_dest(struct ksc_rec *rec, bool v13, unsigned int assoclen,
		       unsigned int len)
{
	u32 at = rec->src[!v13].offset;

	/* the header may be a piece of its own */
	if (v13)
		at = rec->src[0].length > KSC_HEADER_LEN || sg_is_last(rec->src) ?
		     at + KSC_HEADER_LEN : rec->src[1].offset;
	at &= KSC_REC_PHASE - 1;
	if (at < assoclen)
		at += KSC_REC_PHASE;
	/* the header was checked, but the peer may still be able to write to its page */
	if (unlikely(at + len > KSC_REC_AREA))
		return -EMSGSIZE;
	rec->data = rec->area + at;
	ksc_sg_init(&rec->dst, 1);
	sg_set_buf(&rec->dst, rec->data - assoclen, assoclen + len);
	return 0;
}

/* Get a TLS 1.2 record's explicit nonce, part of which may be staged */
static int ksc_rx_explicit(struct sock *sk, const struct ksc_rx *rx, u8 nonce[8])
{
	u8 buf[KSC_HEADER_LEN + 8];
	u32 staged = min_t(u32, rx->stage_len, sizeof(buf));

	if (staged)
		memcpy(buf, rx->stage, staged);
	if (ksc_rxq_copy(sk, &rx->queue, 0, buf + staged, sizeof(buf) - staged))
		return -EFAULT;
	memcpy(nonce, buf + KSC_HEADER_LEN, 8);
	return 0;
}

/* Consume the record */
static void ksc_rx_consume(struct sock *sk, struct ksc_rx *rx)
{
	u32 len = rx->rec_len;

	/* first: readers without the lock must not miss the next record */
	WRITE_ONCE(rx->rec_len, 0);
	if (rx->stage_len > len) {
		rx->stage_len -= len;
		memmove(rx->stage, rx->stage + len, rx->stage_len);
	} else if (rx->stage_len) {
		ksc_rx_unstage(sk, rx);
	} else {
		ksc_rxq_take(sk, &rx->queue, len);
		/* a long read must not stall the sender */
		if (rx->queue.done >= KSC_RX_BATCH)
			ksc_rxq_flush(sk, &rx->queue);
	}
}

/**
 * ksc_rx_open() - decrypt the record at the head and consume it
 * @sk: socket, locked and owned
 * @s: its stream; ksc_rx_ready() or the like was true
 * @rec: destination; its type is not set
 *
 * The frame is RFC 8446 5.2, or RFC 5246 6.2.3.3 with RFC 5288 3 and RFC 7905 2.
 *
 * Context: process. Return: content type, 0 if the record has none, or an errno with the record
 * left in place; -EBADMSG if authentication fails.
 */
int ksc_rx_open(struct sock *sk, struct ksc_stream *s, struct ksc_rec *rec)
{
	struct ksc_rx *rx = &s->rx;
	struct ksc_cipher *c = &rx->cipher;
	unsigned int explicit = c->suite->explicit_len;
	unsigned int skip = KSC_HEADER_LEN + explicit;
	bool v13 = s->version == KSC_VERSION_1_3;
	unsigned int assoclen, len;
	u8 nonce[8];
	int type, err;

	err = ksc_awake(s, c);
	if (err)
		return err;
	len = rx->rec_len - skip - KSC_TAG_LEN;
	type = rx->type;
	if (v13)
		assoclen = KSC_HEADER_LEN;
	else
		assoclen = ksc_aad_12(c->aead->aad, c->seq, type, len);
	if (explicit) {
		err = ksc_rx_explicit(sk, rx, nonce);
		if (err)
			return err;
	}
	ksc_cipher_nonce(c, explicit ? nonce : NULL);

	err = ksc_rx_source(sk, s, rec, skip);
	if (!err)
		err = ksc_rx_dest(rec, v13, assoclen, len);
	if (err)
		return err;
	err = ksc_cipher_open(c, rec->src, &rec->dst, assoclen, len + KSC_TAG_LEN);
	if (err)
		return err;
	c->seq++;
	rx->records++;
	ksc_count_in(s->counters, KSC_CNT_RX_RECORDS, 1);
	ksc_rx_consume(sk, rx);

	if (v13) {
		/* RFC 8446 5.4: the type is the last byte that is not zero */
		do {
			if (!len)
				return 0;
			type = rec->data[--len];
		} while (!type);
	}
	rec->len = len;
	return type;
}
