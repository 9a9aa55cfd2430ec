/* SPDX-License-Identifier: GPL-2.0-only */
/* TCP's operations, and ours that replace them. */
#ifndef _KSC_SOCKET_TABLES_H
#define _KSC_SOCKET_TABLES_H

#include <linux/net.h>
#include <linux/types.h>
#include <net/sock.h>

struct sock;

enum { KSC_V4, KSC_V6, KSC_FAMILIES };

/**
 * struct ksc_tables - operations of a family's sockets
 * @base: TCP's own
 * @base_ops: TCP's own; NULL where the kernel was booted without the family
 * @proto: of protected sockets
 * @fresh: of IPPROTO_KSCHANNEL, while a socket is being created
 * @plain: of plaintext sockets: TCP's, but intercepts the next connection
 * @ops: of protected sockets
 * @listener_ops: of listeners, whose struct proto is TCP's own
 * @plain_ops: of plaintext sockets
 * @data_ready: a new TCP socket's callback; the function is not exported
 * @write_space: likewise
 * @state_change: likewise
 * @registered: our tables are complete
 *
 * Filled in by proto.c when the module is loaded; constant then.
 */
struct ksc_tables {
	struct proto *base;	/* not const, as sk->sk_prot is not */
	const struct proto_ops *base_ops;
	struct proto proto;
	struct proto fresh;
	struct proto plain;
	struct proto_ops ops;
	struct proto_ops listener_ops;
	struct proto_ops plain_ops;
	void (*data_ready)(struct sock *sk);
	void (*write_space)(struct sock *sk);
	void (*state_change)(struct sock *sk);
	bool registered;
};

bool ksc_pristine(const struct sock *sk);
void ksc_give_back(struct sock *sk);
bool ksc_is_plain(const struct sock *sk);
void ksc_take_over(struct sock *sk);
void ksc_listener_take(struct sock *sk);
void ksc_child_reset(struct sock *sk);
bool ksc_base_tables(bool v6, struct proto *p, struct proto_ops *o);
struct proto *ksc_base_proto(const struct sock *sk);
const struct proto_ops *ksc_base_ops(const struct sock *sk);
struct ksc_tables *ksc_tables_of(int family);

#endif /* _KSC_SOCKET_TABLES_H */
