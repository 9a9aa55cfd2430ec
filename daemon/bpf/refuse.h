/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Blocks connect(), listen() and accept() on TCP sockets without the ULP for the callers that
 * is_for_caller() selects, which the including program defines before. The cgroup of the caller
 * counts, not that of the socket, which can have been created in another.
 */
#ifndef KSC_BPF_REFUSE_H
#define KSC_BPF_REFUSE_H

#include "bpf/ours.h"

static __always_inline int refuse_others(const struct socket *sock)
{
	return !socket_may_be(sock) && is_for_caller() ? -EPERM : 0;
}

/* A nonzero return value replaces the call's result. */
SEC("fmod_ret/security_socket_connect")
int BPF_PROG(ksc_connect, struct socket *sock)
{
	return refuse_others(sock);
}

SEC("fmod_ret/security_socket_listen")
int BPF_PROG(ksc_listen, struct socket *sock)
{
	return refuse_others(sock);
}

SEC("fmod_ret/security_socket_accept")
int BPF_PROG(ksc_accept, struct socket *sock)
{
	return refuse_others(sock) && !was_announced(sock) ? -EPERM : 0;
}

#endif /* KSC_BPF_REFUSE_H */
