/* SPDX-License-Identifier: GPL-2.0-only */
/* The start of connections: connect(), listen(), accept(), and disconnecting. */
#ifndef _KSC_SOCKET_CONNECT_H
#define _KSC_SOCKET_CONNECT_H

#include "compat/compat.h"

struct sock;
struct socket;

int ksc_connect_ops(struct socket *sock, struct ksc_sockaddr *addr, int len, int flags);
int ksc_accepted(struct socket *listener, struct socket *sock);
int ksc_listen_ops(struct socket *sock, int backlog);
int ksc_listener_shutdown(struct socket *sock, int how);
int ksc_proto_connect(struct sock *sk, struct ksc_sockaddr *addr, int len);
int ksc_disconnect(struct sock *sk, int flags);

#endif /* _KSC_SOCKET_CONNECT_H */
