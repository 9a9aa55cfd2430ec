/* SPDX-License-Identifier: GPL-2.0-only */
/* Waiting for the end of a handshake. */
#ifndef _KSC_SOCKET_WAIT_H
#define _KSC_SOCKET_WAIT_H

struct ksc_sock;
struct sock;

int ksc_ready(struct sock *sk, struct ksc_sock *ks, long *timeo);
int ksc_ready_to_write(struct sock *sk, struct ksc_sock *ks, long *timeo);
int ksc_wait(struct sock *sk, struct ksc_sock *ks, long *timeo);

#endif /* _KSC_SOCKET_WAIT_H */
