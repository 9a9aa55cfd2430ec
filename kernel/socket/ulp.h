/* SPDX-License-Identifier: GPL-2.0-only */
/* The ULP, and attaching states to sockets. */
#ifndef _KSC_SOCKET_ULP_H
#define _KSC_SOCKET_ULP_H

#include <linux/types.h>
#include <net/tcp.h>

struct ksc_kind;
struct ksc_ruling;
struct ksc_sock;
struct sock;

extern struct tcp_ulp_ops ksc_ulp_ops;

int ksc_ulp_attach(struct sock *sk);
bool ksc_has_ulp(const struct sock *sk);
int ksc_attach(struct sock *sk, const struct ksc_kind *kind);
struct ksc_sock *ksc_child_new(struct sock *sk, struct ksc_sock *parent,
			       const struct ksc_ruling *ruling);
int ksc_ulp_init(void);
void ksc_ulp_exit(void);
void ksc_ulp_free(void);

#endif /* _KSC_SOCKET_ULP_H */
