/* SPDX-License-Identifier: GPL-2.0-only */
/* Sending: pushes records to TCP. */
#ifndef _KSC_STREAM_TX_H
#define _KSC_STREAM_TX_H

#include <linux/jiffies.h>
#include <linux/types.h>

struct ksc_stream;
struct ksc_tx;
struct sock;

/* Delay until the work item retries if TCP had no memory although nothing was in flight */
#define KSC_TX_AGAIN	(HZ / 50)

/**
 * struct ksc_tx_lift - saved limits of a send buffer that are lifted
 * @sndbuf: sk_sndbuf
 * @userlocks: sk_userlocks
 * @lowat: tcp_sock.notsent_lowat
 * @seq: tcp_sock.write_seq at the last retry
 * @again: there was a retry
 * @nonagle: tcp_sock.nonagle
 */
struct ksc_tx_lift {
	int sndbuf;
	u8 userlocks;
	u32 lowat;
	u32 seq;
	bool again;
	u8 nonagle;
};

int ksc_tx_flush(struct sock *sk, struct ksc_stream *s);
int ksc_tx_raw(struct sock *sk, const void *data, size_t len);
void ksc_tx_free(struct sock *sk, struct ksc_tx *tx);
bool ksc_tx_nagle(const struct sock *sk, const struct ksc_stream *s, u32 len);
int ksc_tx_push(struct sock *sk, struct ksc_tx *tx, int flags);
void ksc_tx_lift(struct sock *sk, struct ksc_tx_lift *l);
void ksc_tx_unlift(struct sock *sk, const struct ksc_tx_lift *l);

#endif /* _KSC_STREAM_TX_H */
