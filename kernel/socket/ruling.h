/* SPDX-License-Identifier: GPL-2.0-only */
/* The policy's ruling on a socket. */
#ifndef _KSC_SOCKET_RULING_H
#define _KSC_SOCKET_RULING_H

#include <linux/types.h>

struct ksc_net;
struct ksc_ruling;
struct ksc_sock;
struct sock;

void ksc_ruling_fallback(struct ksc_net *kn, const struct ksc_ruling *ruling, const char *why);
bool ksc_policy_child(const struct ksc_sock *listener, const struct sock *child,
		      struct ksc_ruling *ruling);
bool ksc_policy_connecting(struct sock *sk, struct ksc_sock *ks);
void ksc_policy_judge(struct sock *sk, struct ksc_sock *ks);
bool ksc_policy_allows(struct sock *sk, struct ksc_sock *ks);
bool ksc_policy_prefers(const struct ksc_sock *ks);
bool ksc_policy_demands(const struct ksc_sock *ks);
int ksc_set_policy(struct sock *sk);

#endif /* _KSC_SOCKET_RULING_H */
