/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keeps the callers that a BPF program is for from connecting, listening at and accepting from
 * TCP sockets that are not ours. The call's cgroup counts, not the socket's, which may have been
 * made in another. is_for_caller() is the program's, and comes before this.
 */
#ifndef KSC_BPF_REFUSE_H
#define KSC_BPF_REFUSE_H

#include "bpf/ours.h"

static __always_inline int refuse_others(const struct socket *sock)
{
	return !socket_may_be(sock) && is_for_caller() ? -EPERM : 0;
}

/* What they return, if that is not 0, is the call's result. */
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
