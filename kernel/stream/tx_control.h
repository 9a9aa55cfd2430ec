/* SPDX-License-Identifier: GPL-2.0-only */
/* Sending alerts and KeyUpdates. */
#ifndef _KSC_STREAM_TX_CONTROL_H
#define _KSC_STREAM_TX_CONTROL_H

#include <linux/types.h>

struct ksc_stream;
struct sock;

int ksc_tx_alert(struct sock *sk, struct ksc_stream *s, u8 level, u8 alert);
int ksc_tx_key_update(struct sock *sk, struct ksc_stream *s, bool request);

#endif /* _KSC_STREAM_TX_CONTROL_H */
