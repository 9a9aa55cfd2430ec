/* SPDX-License-Identifier: GPL-2.0-only */
/* Records from spliced pages. */
#ifndef _KSC_STREAM_TX_PAGES_H
#define _KSC_STREAM_TX_PAGES_H

#include <linux/types.h>

struct ksc_stream;
struct msghdr;
struct sock;

int ksc_tx_splice(struct sock *sk, struct ksc_stream *s, struct msghdr *msg, u32 len);

#endif /* _KSC_STREAM_TX_PAGES_H */
