/* SPDX-License-Identifier: GPL-2.0-only */
/* Operations of plaintext sockets. */
#ifndef _KSC_SOCKET_PLAIN_H
#define _KSC_SOCKET_PLAIN_H

#include "compat/compat.h"

struct sock;
struct socket;

int ksc_plain_connect(struct socket *sock, struct ksc_sockaddr *addr, int len, int flags);
int ksc_plain_listen(struct socket *sock, int backlog);
int ksc_plain_disconnect(struct sock *sk, int flags);
int ksc_plain_refuse(struct sock *sk, struct ksc_sockaddr *addr, int len);
void ksc_plain_close(struct sock *sk, long timeout);

#endif /* _KSC_SOCKET_PLAIN_H */
