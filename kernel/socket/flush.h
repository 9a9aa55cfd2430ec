/* SPDX-License-Identifier: GPL-2.0-only */
/* Sending of open and pending records. */
#ifndef _KSC_SOCKET_FLUSH_H
#define _KSC_SOCKET_FLUSH_H

struct ksc_sock;
struct sock;

int ksc_tx_finish(struct sock *sk, struct ksc_sock *ks);
void ksc_tx_resume(struct sock *sk, struct ksc_sock *ks);
void ksc_tx_hold(struct sock *sk, struct ksc_sock *ks);

#endif /* _KSC_SOCKET_FLUSH_H */
