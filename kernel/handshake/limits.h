/* SPDX-License-Identifier: GPL-2.0-only */
/* Limits of handshakes and keys, for statistics. */
#ifndef _KSC_HANDSHAKE_LIMITS_H
#define _KSC_HANDSHAKE_LIMITS_H

struct ksc_net;
struct sk_buff;

int ksc_limits_put(struct sk_buff *msg, struct ksc_net *kn);

#endif /* _KSC_HANDSHAKE_LIMITS_H */
