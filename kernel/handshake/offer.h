/* SPDX-License-Identifier: GPL-2.0-only */
/* Offers of tokens to the daemon. */
#ifndef _KSC_HANDSHAKE_OFFER_H
#define _KSC_HANDSHAKE_OFFER_H

#include <linux/types.h>

struct ksc_context;

int ksc_netlink_offer(struct ksc_context *ctx, u32 len);

#endif /* _KSC_HANDSHAKE_OFFER_H */
