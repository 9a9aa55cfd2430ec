/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Building outgoing records.
 */
#ifndef _KSC_STREAM_TX_BUILD_H
#define _KSC_STREAM_TX_BUILD_H

#include <linux/types.h>

#include "net.h"
#include "record/frame.h"
#include "record/pages.h"
#include "stream/stream.h"

struct msghdr;
struct scatterlist;

/* Maximum that a record adds to its content, without padding */
#define KSC_TX_OVERHEAD	(KSC_HEADER_LEN + 8 + 1 + KSC_TAG_LEN)

/* AES's block size */
#define KSC_TX_ALIGN	16

/* Maximum content of a small record */
#define KSC_TX_SMALL	2048

/* Maximum with type and padding: the whole record fits a page */
#define KSC_TX_SMALL_INNER	3072

void ksc_tx_charge_more(struct sock *sk, struct ksc_tx *tx);
void ksc_tx_uncharge(struct sock *sk, struct ksc_tx *tx);
void ksc_tx_drop(struct sock *sk, struct ksc_tx *tx);
int ksc_tx_grow(struct sock *sk, struct ksc_tx *tx, u32 want, u8 **p);
int ksc_tx_copy(struct sock *sk, struct ksc_stream *s, struct msghdr *msg, u32 want);
unsigned int ksc_tx_frame(struct ksc_stream *s, u8 *p, u32 len, u8 type);
int ksc_tx_tail(struct sock *sk, struct ksc_stream *s, u8 type, u32 pad, u8 **at);
int ksc_tx_encrypt(struct ksc_stream *s, struct scatterlist *src, u8 type, u32 len,
		   u32 inner);
int ksc_tx_seal(struct sock *sk, struct ksc_stream *s, u8 type);

/**
 * ksc_tx_charge() - charge a socket for its open or pending record
 * @sk: socket, locked and owned
 * @tx: its sending half; a record is open or pending
 *
 * To be called before the lock is released. TCP charges for the data that it takes. A record that
 * Nagle's algorithm delays grows with each write, and is charged page by page.
 *
 * Context: process.
 */
static inline void ksc_tx_charge(struct sock *sk, struct ksc_tx *tx)
{
	if (tx->more || tx->pending || unlikely(tx->len + KSC_TX_OVERHEAD > tx->charged))
		ksc_tx_charge_more(sk, tx);
}

static inline unsigned int ksc_tx_header_len(const struct ksc_tx *tx)
{
	return KSC_HEADER_LEN + tx->cipher.suite->explicit_len;
}

/* Have the keys reached their limit, or is a KeyUpdate due? */
static inline bool ksc_tx_worn(const struct ksc_tx *tx)
{
	return tx->cipher.seq >= tx->cipher.limit || tx->update;
}

/*
 * Does the record have the maximum number of pieces for its content? The rest is for type, padding
 * and tag: padding to a full record may need five if only single pages are available.
 */
static inline bool ksc_tx_crowded(const struct ksc_stream *s)
{
	return s->tx.nfrags >= (s->padding ? 2 : KSC_TX_FRAGS - 2);
}

/* Bytes of type and tag */
static inline u32 ksc_tx_tail_len(const struct ksc_stream *s)
{
	return KSC_TAG_LEN + (s->version == KSC_VERSION_1_3);
}

/**
 * ksc_tx_inner() - length of TLSInnerPlaintext with padding, RFC 8446 5.4
 * @s: stream
 * @len: bytes of content
 *
 * Return: bytes; @len in TLS 1.2, which has no padding.
 */
static inline u32 ksc_tx_inner(const struct ksc_stream *s, u32 len)
{
	u32 most = s->tx.max_record ?: KSC_MAX_PAYLOAD + 1;

	if (s->version != KSC_VERSION_1_3)
		return len;
	len++;
	if (likely(!s->padding))
		return len;
	return min_t(u32, roundup(len, s->padding), max(most, len));
}

/* Account for a sealed record */
static inline void ksc_tx_sealed(struct ksc_stream *s, u32 len, u8 type)
{
	struct ksc_tx *tx = &s->tx;

	tx->cipher.seq++;
	tx->records++;
	ksc_count_in(s->counters, KSC_CNT_TX_RECORDS, 1);
	if (type == KSC_CT_APPLICATION_DATA) {
		tx->bytes += len;
		ksc_count_in(s->counters, KSC_CNT_TX_BYTES, len);
	}
}

#endif /* _KSC_STREAM_TX_BUILD_H */
