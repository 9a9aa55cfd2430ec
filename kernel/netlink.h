/* SPDX-License-Identifier: GPL-2.0-only */
/* The netlink family and the daemon's end. */
#ifndef _KSC_NETLINK_H
#define _KSC_NETLINK_H

struct genl_ops;
struct ksc_net;

void ksc_daemon_closed(struct ksc_net *kn);
void ksc_daemon_exit(struct ksc_net *kn);
int ksc_netlink_init(const struct genl_ops *ops, unsigned int n);
void ksc_netlink_exit(void);

#endif /* _KSC_NETLINK_H */
