/* SPDX-License-Identifier: GPL-2.0-only */
/* Staging of records that TCP can't queue completely. */
#ifndef _KSC_STREAM_RX_STAGE_H
#define _KSC_STREAM_RX_STAGE_H

#include <linux/jiffies.h>
#include <linux/types.h>

struct ksc_rx;
struct ksc_stream;
struct sock;

/* How long to wait for TCP; its first probe is sooner */
#define KSC_STUCK_DELAY		msecs_to_jiffies(500)

bool ksc_rx_stalled(struct sock *sk, struct ksc_stream *s);
int ksc_rx_stage_some(struct sock *sk, struct ksc_stream *s);
bool ksc_rx_shut_window(const struct sock *sk);
void ksc_rx_unstage(struct sock *sk, struct ksc_rx *rx);

#endif /* _KSC_STREAM_RX_STAGE_H */
