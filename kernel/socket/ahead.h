/* SPDX-License-Identifier: GPL-2.0-only */
/* Opening records ahead of read(). */
#ifndef _KSC_SOCKET_AHEAD_H
#define _KSC_SOCKET_AHEAD_H

#include <linux/types.h>

struct ksc_rx;
struct ksc_sock;
struct sock;

bool ksc_poll_in(const struct sock *sk, const struct ksc_sock *ks);
void ksc_poll_tell(struct ksc_rx *rx);
bool ksc_rx_full(struct sock *sk, struct ksc_sock *ks);
bool ksc_rx_enough(struct sock *sk, struct ksc_sock *ks);
int ksc_rx_advance(struct sock *sk, struct ksc_sock *ks);
void ksc_rx_settle(struct sock *sk, struct ksc_sock *ks);
void ksc_rx_pump(struct sock *sk, struct ksc_sock *ks);
void ksc_rx_stage(struct sock *sk, struct ksc_sock *ks);
void ksc_rx_unstall(struct sock *sk, struct ksc_sock *ks);
int ksc_rx_next(struct sock *sk, struct ksc_sock *ks, unsigned int *budget);
void ksc_rx_ahead(struct sock *sk, struct ksc_sock *ks, unsigned int budget);

#endif /* _KSC_SOCKET_AHEAD_H */
