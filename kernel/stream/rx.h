/* SPDX-License-Identifier: GPL-2.0-only */
/* Receiving and decrypting records. */
#ifndef _KSC_STREAM_RX_H
#define _KSC_STREAM_RX_H

#include <linux/types.h>

struct ksc_rec;
struct ksc_rx;
struct ksc_stream;
struct sock;

const u8 *ksc_rx_header(struct sock *sk, const struct ksc_rx *rx, u8 *buf);
bool ksc_rx_ready(struct sock *sk, struct ksc_stream *s);
void ksc_rx_free(struct sock *sk, struct ksc_rx *rx);
int ksc_rx_open(struct sock *sk, struct ksc_stream *s, struct ksc_rec *rec);

#endif /* _KSC_STREAM_RX_H */
