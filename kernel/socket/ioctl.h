/* SPDX-License-Identifier: GPL-2.0-only */
/* Queue sizes. */
#ifndef _KSC_SOCKET_IOCTL_H
#define _KSC_SOCKET_IOCTL_H

#include <linux/types.h>

struct sock;

int ksc_inq(struct sock *sk);
int ksc_outq(struct sock *sk, bool sent);

#endif /* _KSC_SOCKET_IOCTL_H */
