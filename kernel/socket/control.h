/* SPDX-License-Identifier: GPL-2.0-only */
/* Received control records. */
#ifndef _KSC_SOCKET_CONTROL_H
#define _KSC_SOCKET_CONTROL_H

struct ksc_rec;
struct ksc_sock;
struct sock;

int ksc_rx_alert(struct sock *sk, struct ksc_sock *ks, const struct ksc_rec *rec);
int ksc_rx_handshake(struct sock *sk, struct ksc_sock *ks, const struct ksc_rec *rec);

#endif /* _KSC_SOCKET_CONTROL_H */
