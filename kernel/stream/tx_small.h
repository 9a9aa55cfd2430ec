/* SPDX-License-Identifier: GPL-2.0-only */
/* Small records, sent in one call. */
#ifndef _KSC_STREAM_TX_SMALL_H
#define _KSC_STREAM_TX_SMALL_H

#include <linux/types.h>

struct iov_iter;
struct ksc_stream;
struct sock;

void ksc_tx_exit(void);
int ksc_tx_whole(struct sock *sk, struct ksc_stream *s, u8 type,
		 struct iov_iter *from, u32 len);

#endif /* _KSC_STREAM_TX_SMALL_H */
