/* SPDX-License-Identifier: GPL-2.0-only */
/* Rate limits on records without data and on KeyUpdates. */
#ifndef _KSC_SOCKET_FLOOD_H
#define _KSC_SOCKET_FLOOD_H

struct ksc_rx;
struct ksc_sock;
struct sock;

extern unsigned int ksc_max_dataless;
extern unsigned int ksc_max_key_updates;

int ksc_flood_dataless(struct sock *sk, struct ksc_sock *ks);
int ksc_flood_key_update(struct sock *sk, struct ksc_sock *ks);
void ksc_flood_solicit(struct ksc_rx *rx);

#endif /* _KSC_SOCKET_FLOOD_H */
