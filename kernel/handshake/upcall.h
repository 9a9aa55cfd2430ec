/* SPDX-License-Identifier: GPL-2.0-only */
/* Notifications to the daemon. */
#ifndef _KSC_HANDSHAKE_UPCALL_H
#define _KSC_HANDSHAKE_UPCALL_H

#include <linux/types.h>

struct ksc_net;

void ksc_netlink_gone(struct ksc_net *kn, u32 daemon, u64 id);
void ksc_netlink_ticket(struct ksc_net *kn, u32 daemon, u64 id, const u8 *data,
			u32 len);

#endif /* _KSC_HANDSHAKE_UPCALL_H */
