/* SPDX-License-Identifier: GPL-2.0-only */
/* shutdown() and close() of a protected socket. */
#ifndef _KSC_SOCKET_CLOSE_H
#define _KSC_SOCKET_CLOSE_H

struct sock;
struct socket;

int ksc_set_rcvlowat(struct sock *sk, int val);
int ksc_shutdown_ops(struct socket *sock, int how);
void ksc_close(struct sock *sk, long timeout);
void ksc_close_reset(struct sock *sk);

#endif /* _KSC_SOCKET_CLOSE_H */
