/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decrypted records that wait to be read.
 */
#ifndef _KSC_STREAM_RX_PLAIN_H
#define _KSC_STREAM_RX_PLAIN_H

#include <linux/list.h>
#include <linux/types.h>

#include "record/frame.h"
#include "stream/stream.h"

/* Maximum number of pieces of a received record that is decrypted from TCP's queue */
#define KSC_RX_FRAGS		40

/* Source and destination offsets agree modulo this, so that both cross pages together */
#define KSC_REC_PHASE	SZ_4K

/* Fits the phase, the additional data, a full record's content and TLS 1.3's type and padding. */
#define KSC_REC_AREA	ALIGN(KSC_REC_PHASE + 16 + KSC_MAX_PAYLOAD + \
			      KSC_MAX_EXPANSION_13 + 1, KSC_REC_PHASE)

/**
 * struct ksc_rec - a decrypted record, or a buffer for one
 * @list: in ksc_rx.plain
 * @area: KSC_REC_AREA contiguous bytes; NULL if @data starts at @dst
 * @data: the content, somewhere in @area
 * @off: bytes already read
 * @len: bytes of content
 * @charged: bytes charged to the socket, 0 until the lock is released
 * @counts: @charged is included in ksc_rx.ahead
 * @type: its content type
 * @dst: AEAD destination in @area: additional data and plaintext; with @area only
 * @src: AEAD source, the record in TCP's queue; likewise
 */
struct ksc_rec {
	struct list_head list;
	u8 *area;
	u8 *data;
	u32 off;
	u32 len;
	u32 charged;
	bool counts;
	u8 type;
	struct scatterlist dst;
	struct scatterlist src[KSC_RX_FRAGS + 2];
};

/* Memory of a record with an area */
#define KSC_REC_SIZE	(PAGE_ALIGN(KSC_REC_AREA) + sizeof(struct ksc_rec))

/* Maximum for a record without */
#define KSC_REC_SMALL	SZ_4K

/* Maximum number of records decrypted ahead by MSG_PEEK, each in memory of its own */
#define KSC_RX_PEEK	8

/*
 * Records that one call opens, whatever they contain; it opens one more for poll(), which makes
 * 64.
 */
#define KSC_RX_BUDGET	63

bool ksc_rx_has_plain(const struct ksc_rx *rx);
int ksc_rx_plain_len(const struct ksc_rx *rx);
void ksc_rec_exit(void);
struct ksc_rec *ksc_rec_get(void);
void ksc_rec_put(struct ksc_rec *rec);
bool ksc_rec_may_add(struct sock *sk, struct ksc_rx *rx);
void ksc_rec_done(struct sock *sk, struct ksc_rx *rx, struct ksc_rec *rec);
void ksc_rec_drop_all(struct sock *sk, struct ksc_rx *rx);
void ksc_rec_charge(struct sock *sk, struct ksc_rx *rx);

/**
 * ksc_rec_settle() - before the lock is released, charge records that stay decrypted
 * @sk: socket, locked and owned
 * @rx: its receiving half
 *
 * A record that is read by the call that decrypted it is never charged.
 *
 * Context: process.
 */
static inline void ksc_rec_settle(struct sock *sk, struct ksc_rx *rx)
{
	if (unlikely(rx->charged != rx->nplain))
		ksc_rec_charge(sk, rx);
}

#endif /* _KSC_STREAM_RX_PLAIN_H */
