/* SPDX-License-Identifier: GPL-2.0-only */
/* The address that a program asked to connect to, if connect() was redirected. */
#ifndef _KSC_SOCKET_ASKING_H
#define _KSC_SOCKET_ASKING_H

#include <linux/list.h>
#include <linux/types.h>

#include "compat/compat.h"
#include "policy/flow.h"

struct ksc_sock;

/**
 * struct ksc_asking - a connect() call in progress, on the caller's stack
 * @node: in ksc_sock.asking
 * @addr: the address, which may be rewritten in place
 * @len: length of @addr in bytes
 * @asked: its original value
 */
struct ksc_asking {
	struct hlist_node node;
	const struct ksc_sockaddr *addr;
	int len;
	struct ksc_asked asked;
};

void ksc_asking_init(struct ksc_asking *asking, const struct ksc_sockaddr *addr, int len);
void ksc_asking_begin(struct ksc_sock *ks, struct ksc_asking *asking);
void ksc_asking_end(struct ksc_asking *asking);
bool ksc_asked_take(struct ksc_sock *ks, const struct ksc_sockaddr *addr);
void ksc_asked_forget(struct ksc_sock *ks);

#endif /* _KSC_SOCKET_ASKING_H */
