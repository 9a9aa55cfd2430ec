/* SPDX-License-Identifier: GPL-2.0-only */
/* Verification of the peer's certificate by the application. */
#ifndef _KSC_SOCKET_VERDICT_H
#define _KSC_SOCKET_VERDICT_H

#include <linux/kschannel.h>

struct ksc_sock;
struct ksc_step;
struct ksc_verification;
struct sock;

void ksc_verify_begin(struct sock *sk, struct ksc_sock *ks, struct ksc_step *step);
int ksc_set_verdict(struct sock *sk, int v);
int ksc_get_verification(const struct ksc_sock *ks, struct ksc_verification *v);
int ksc_get_chain(struct sock *sk, char __user *optval, int __user *optlen);

#endif /* _KSC_SOCKET_VERDICT_H */
