/* SPDX-License-Identifier: GPL-2.0-only */
/* Sending in raw mode. */
#ifndef _KSC_KTLS_TX_H
#define _KSC_KTLS_TX_H

#include <linux/types.h>

struct ksc_ktls;
struct msghdr;
struct sock;
struct socket;

int ksc_ktls_sendmsg(struct sock *sk, struct msghdr *msg, size_t size);
void ksc_ktls_splice_eof(struct socket *sock);
void ksc_ktls_resume(struct sock *sk, struct ksc_ktls *kt);

#endif /* _KSC_KTLS_TX_H */
