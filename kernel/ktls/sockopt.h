/* SPDX-License-Identifier: GPL-2.0-only */
/* Socket options and information of raw mode. */
#ifndef _KSC_KTLS_SOCKOPT_H
#define _KSC_KTLS_SOCKOPT_H

#include <linux/sockptr.h>
#include <linux/types.h>

struct sk_buff;
struct sock;

int ksc_ktls_setsockopt(struct sock *sk, int level, int optname, sockptr_t optval,
			unsigned int optlen);
int ksc_ktls_getsockopt(struct sock *sk, int level, int optname,
			char __user *optval, int __user *optlen);
int ksc_ktls_get_info(struct sock *sk, struct sk_buff *skb);
size_t ksc_ktls_get_info_size(const struct sock *sk);

#endif /* _KSC_KTLS_SOCKOPT_H */
