/* SPDX-License-Identifier: GPL-2.0-only */
/* Leaving a connection to TCP. */
#ifndef _KSC_SOCKET_LEAVE_H
#define _KSC_SOCKET_LEAVE_H

struct ksc_sock;
struct sock;

void ksc_settle(struct sock *sk, struct ksc_sock *ks);
void ksc_settle_sock(struct sock *sk);
void ksc_unconnected(struct sock *sk, struct ksc_sock *ks);
void ksc_leave(struct sock *sk, struct ksc_sock *ks);

#endif /* _KSC_SOCKET_LEAVE_H */
