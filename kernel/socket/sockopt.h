/* SPDX-License-Identifier: GPL-2.0-only */
/* Socket options at level SOL_KSCHANNEL. */
#ifndef _KSC_SOCKET_SOCKOPT_H
#define _KSC_SOCKET_SOCKOPT_H

#include <linux/sockptr.h>

struct sock;

int ksc_get_export(struct sock *sk, char __user *optval, int __user *optlen);
int ksc_setsockopt(struct sock *sk, int level, int optname, sockptr_t optval,
		   unsigned int optlen);
int ksc_getsockopt(struct sock *sk, int level, int optname,
		   char __user *optval, int __user *optlen);

#endif /* _KSC_SOCKET_SOCKOPT_H */
