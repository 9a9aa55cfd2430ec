/* SPDX-License-Identifier: GPL-2.0-only */
/* Access to TCP's receive queue. */
#ifndef _KSC_STREAM_RX_QUEUE_H
#define _KSC_STREAM_RX_QUEUE_H

#include <linux/types.h>

struct ksc_rxq;
struct scatterlist;
struct sock;

/* reason of the failure if ksc_rxq_copy() returns -EFAULT */
#define KSC_UNREADABLE	"received data is in unreadable device memory"

u32 ksc_rxq_len(const struct sock *sk);
int ksc_rxq_avail(struct sock *sk, const struct ksc_rxq *q);
void ksc_rxq_take(struct sock *sk, struct ksc_rxq *q, u32 len);
void ksc_rxq_flush(struct sock *sk, struct ksc_rxq *q);
int ksc_rxq_copy(struct sock *sk, const struct ksc_rxq *q, u32 offset, void *to,
		 u32 len);
const u8 *ksc_rxq_peek(struct sock *sk, const struct ksc_rxq *q, u32 len, u8 *buf);
int ksc_rxq_sg(struct sock *sk, const struct ksc_rxq *q, u32 offset, u32 len,
	       struct scatterlist *sg, int used, int max);

#endif /* _KSC_STREAM_RX_QUEUE_H */
