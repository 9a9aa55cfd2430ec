/* SPDX-License-Identifier: GPL-2.0-only */
/* Ends of connections: failures, alerts, close_notify. */
#ifndef _KSC_SOCKET_END_H
#define _KSC_SOCKET_END_H

#include <linux/types.h>

struct ksc_sock;
struct sock;

void ksc_fail(struct sock *sk, struct ksc_sock *ks, u32 status, u8 alert,
	      u8 direction, const char *text);
void ksc_fail_alert(struct sock *sk, struct ksc_sock *ks, u32 status, u8 alert,
		    const char *text);
void ksc_fail_silent(struct sock *sk, struct ksc_sock *ks, u32 status, const char *text);
void ksc_fin(struct sock *sk);
void ksc_retire(struct sock *sk, struct ksc_sock *ks);
int ksc_tx_broken(struct sock *sk, struct ksc_sock *ks);
int ksc_tx_close(struct sock *sk, struct ksc_sock *ks);
void ksc_context_drop(struct ksc_sock *ks);
void ksc_rx_refuse(struct sock *sk, struct ksc_sock *ks, u32 status, u8 alert,
		   const char *text);

#endif /* _KSC_SOCKET_END_H */
