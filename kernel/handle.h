/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Contexts that applications have: what handle.c and its users share.
 */
#ifndef _KSC_HANDLE_H
#define _KSC_HANDLE_H

#include "ksc.h"

struct ksc_handle;
struct netlink_ext_ack;

/* handle.c */
struct ksc_handle *ksc_handle_get(struct ksc_net *kn, u64 id, const struct sock *owner,
				  struct netlink_ext_ack *extack);
void ksc_handle_put(struct ksc_handle *h);
void ksc_handle_end(struct ksc_handle *h);
void ksc_handles_gone(struct ksc_net *kn, u32 portid);

#endif /* _KSC_HANDLE_H */
