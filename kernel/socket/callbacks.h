/* SPDX-License-Identifier: GPL-2.0-only */
/* TCP's callbacks of a protected socket. */
#ifndef _KSC_SOCKET_CALLBACKS_H
#define _KSC_SOCKET_CALLBACKS_H

#include <linux/types.h>

struct ksc_sock;
struct ksc_stream;
struct sock;

void ksc_wake_reader(struct sock *sk, struct ksc_sock *ks);
bool ksc_rx_deferred(struct sock *sk, struct ksc_sock *ks);
void ksc_stream_room(struct sock *sk, struct ksc_stream *s);
void ksc_wake_writer(struct sock *sk, struct ksc_sock *ks);
void ksc_remind_reader(struct sock *sk, struct ksc_sock *ks);
bool ksc_hears_of_space(const struct sock *sk);
bool ksc_starved(const struct sock *sk);
void ksc_await_space(struct sock *sk, struct ksc_sock *ks);
void ksc_arm(struct sock *sk, struct ksc_sock *ks);
void ksc_disarm(struct sock *sk, struct ksc_sock *ks);
bool ksc_tx_may_resume(const struct sock *sk, struct ksc_sock *ks);
void ksc_rx_go_on(struct ksc_sock *ks);
bool ksc_rx_watched(const struct sock *sk, const struct ksc_sock *ks);

#endif /* _KSC_SOCKET_CALLBACKS_H */
