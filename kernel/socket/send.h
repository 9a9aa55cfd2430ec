/* SPDX-License-Identifier: GPL-2.0-only */
/* Writing: sendmsg(). */
#ifndef _KSC_SOCKET_SEND_H
#define _KSC_SOCKET_SEND_H

#include <linux/types.h>

struct ksc_sock;
struct msghdr;
struct sock;
struct socket;

int ksc_tx_wait(struct sock *sk, struct ksc_sock *ks, long *timeo);
int ksc_sendmsg(struct sock *sk, struct msghdr *msg, size_t size);
void ksc_uncork(struct sock *sk);
void ksc_splice_eof(struct socket *sock);
int ksc_plain_sendmsg(struct sock *sk, struct msghdr *msg, size_t size);

#endif /* _KSC_SOCKET_SEND_H */
