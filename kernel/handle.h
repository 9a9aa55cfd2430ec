/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Contexts that applications have: what handle.c and its users share.
 */
#ifndef _KSC_HANDLE_H
#define _KSC_HANDLE_H

#include "ksc.h"

struct ksc_handle;
struct netlink_ext_ack;

/**
 * struct ksc_grant - what a socket gets of a handle
 * @handle: whose it is
 * @id: the context's number
 * @role: enum ksc_role
 * @opt: what the application had asked for
 * @step: the last, with keys
 * @daemon: port of a daemon that wants tickets, or 0
 * @extra: bytes that come before those in TCP's queue
 * @extra_len: how many
 */
struct ksc_grant {
	struct ksc_handle *handle;
	u64 id;
	u8 role;
	struct ksc_options opt;
	struct ksc_step *step;
	u32 daemon;
	u8 *extra;
	u32 extra_len;
};

/* handle.c */
int ksc_handle_take(struct net *net, int fd, u64 id, struct ksc_grant *g);
void ksc_handle_give(struct ksc_grant *g, int err);
struct ksc_handle *ksc_handle_get(struct ksc_net *kn, u64 id, const struct sock *owner,
				  struct netlink_ext_ack *extack);
void ksc_handle_put(struct ksc_handle *h);
void ksc_handle_end(struct ksc_handle *h);
void ksc_handles_gone(struct ksc_net *kn, u32 portid);

#endif /* _KSC_HANDLE_H */
