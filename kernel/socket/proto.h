/* SPDX-License-Identifier: GPL-2.0-only */
/* Operations of protected sockets, and IPPROTO_KSCHANNEL. */
#ifndef _KSC_SOCKET_PROTO_H
#define _KSC_SOCKET_PROTO_H

#include <linux/types.h>

struct msghdr;
struct socket;

int ksc_proto_init(void);
void ksc_proto_exit(void);
int ksc_listener_sendmsg(struct socket *sock, struct msghdr *msg, size_t size);

#endif /* _KSC_SOCKET_PROTO_H */
