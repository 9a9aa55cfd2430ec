/* SPDX-License-Identifier: GPL-2.0-only */
/* Receiving in raw mode. */
#ifndef _KSC_KTLS_RX_H
#define _KSC_KTLS_RX_H

#include <linux/types.h>

struct ksc_ktls;
struct msghdr;
struct pipe_inode_info;
struct sock;
struct socket;

int ksc_ktls_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags,
		     int *addr_len);
ssize_t ksc_ktls_splice_read(struct socket *sock, loff_t *ppos,
			     struct pipe_inode_info *pipe, size_t len,
			     unsigned int flags);
bool ksc_ktls_ready(struct sock *sk, struct ksc_ktls *kt);
void ksc_ktls_settle(struct sock *sk, struct ksc_ktls *kt);
void ksc_ktls_stage(struct sock *sk, struct ksc_ktls *kt);

#endif /* _KSC_KTLS_RX_H */
