/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records that go out: what the files of the sending half share.
 */
#ifndef _KSC_TX_H
#define _KSC_TX_H

#include "ksc.h"

/* frag.c */
int ksc_frag_take(struct bio_vec *frag, u8 *nfrags, u32 want, u32 phase, u32 align,
		  u32 min, gfp_t gfp, u8 **p);

/* tx.c */
/*
 * A record this small is cheaper copied by TCP, next to the ones before it, than
 * handed over as a page of its own.
 */
#define KSC_TX_SMALL	2048
/* Its content with type and padding, at most */
#define KSC_TX_SMALL_INNER	3072
void ksc_tx_drop(struct ksc_tx *tx);
int ksc_tx_copy(struct sock *sk, struct ksc_sock *ks, struct msghdr *msg, u32 want,
		bool last);
bool ksc_tx_crowded(const struct ksc_sock *ks);
u32 ksc_tx_inner(const struct ksc_sock *ks, u32 len);
static inline unsigned int ksc_tx_header_len(const struct ksc_tx *tx)
{
	return KSC_HEADER_LEN + tx->cipher.suite->explicit_len;
}

/* Type and tag */
static inline u32 ksc_tx_tail_len(const struct ksc_sock *ks)
{
	return KSC_TAG_LEN + (ks->version == KSC_VERSION_1_3);
}

int ksc_tx_tail(struct sock *sk, struct ksc_sock *ks, u8 type, u32 pad, u8 **at);
int ksc_tx_encrypt(struct ksc_sock *ks, struct scatterlist *src, u8 type, u32 len,
		   u32 inner);
int ksc_tx_seal(struct sock *sk, struct ksc_sock *ks, u8 type);
int ksc_tx_push(struct sock *sk, struct ksc_tx *tx, int flags);
int ksc_tx_whole(struct sock *sk, struct ksc_sock *ks, u8 type,
		 struct iov_iter *from, u32 len);
void ksc_tx_hold(struct sock *sk, struct ksc_sock *ks);

/* splice.c */
int ksc_tx_splice(struct sock *sk, struct ksc_sock *ks, struct msghdr *msg, u32 len);

#endif /* _KSC_TX_H */
