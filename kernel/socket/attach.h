/* SPDX-License-Identifier: GPL-2.0-only */
/* Attaching keys to a socket, and detaching TLS. */
#ifndef _KSC_SOCKET_ATTACH_H
#define _KSC_SOCKET_ATTACH_H

#include <linux/sockptr.h>

struct sock;

int ksc_set_attach(struct sock *sk, sockptr_t optval, unsigned int optlen);
int ksc_get_detach(struct sock *sk, char __user *optval, int __user *optlen);
int ksc_set_close_notify(struct sock *sk);

#endif /* _KSC_SOCKET_ATTACH_H */
