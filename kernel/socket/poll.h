/* SPDX-License-Identifier: GPL-2.0-only */
/* poll(), and what raw mode shares of it. */
#ifndef _KSC_SOCKET_POLL_H
#define _KSC_SOCKET_POLL_H

#include <linux/poll.h>

struct file;
struct ksc_sock;
struct poll_table_struct;
struct sock;
struct socket;

__poll_t ksc_poll_full(struct socket *sock, const struct ksc_sock *ks);
void ksc_poll_begin(struct sock *sk, struct ksc_sock *ks);
__poll_t ksc_poll_ops(struct file *file, struct socket *sock,
		      struct poll_table_struct *wait);

#endif /* _KSC_SOCKET_POLL_H */
