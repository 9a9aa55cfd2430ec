/* SPDX-License-Identifier: GPL-2.0-only */
/* Descriptions of a socket for the daemon. */
#ifndef _KSC_SOCKET_DESCRIBE_H
#define _KSC_SOCKET_DESCRIBE_H

#include <linux/types.h>

struct ksc_net;
struct ksc_sock;
struct sk_buff;
struct sock;

void ksc_netlink_net_init(struct ksc_net *kn);
int ksc_netlink_describe(struct sk_buff *msg, const struct ksc_sock *ks);
void ksc_netlink_failed(const struct sock *sk, const struct ksc_sock *ks, u64 id);
int ksc_put_addr(struct sk_buff *msg, int attr, const struct sock *sk, bool peer);

#endif /* _KSC_SOCKET_DESCRIBE_H */
