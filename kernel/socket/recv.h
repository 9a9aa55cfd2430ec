/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading: recvmsg() and read_sock(). */
#ifndef _KSC_SOCKET_RECV_H
#define _KSC_SOCKET_RECV_H

#include <linux/types.h>
#include <net/sock.h>

struct msghdr;
struct sock;
struct socket;

/**
 * struct ksc_rx_call - limits of a reading call
 * @timeo: jiffies that it may still wait
 * @since: jiffies when @timeo was updated
 * @budget: records that it may open before other tasks get a turn
 */
struct ksc_rx_call {
	long timeo;
	unsigned long since;
	unsigned int budget;
};

int ksc_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags,
		int *addr_len);
int ksc_read_sock(struct sock *sk, read_descriptor_t *desc, sk_read_actor_t recv_actor);
int ksc_peek_len(struct socket *sock);
void ksc_rx_call_begin(struct ksc_rx_call *call, struct sock *sk, bool nonblock);
int ksc_rx_yield(struct sock *sk, struct ksc_rx_call *call);

#endif /* _KSC_SOCKET_RECV_H */
