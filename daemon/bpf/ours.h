/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which sockets have the ULP, for BPF programs. accept() on a listener without it returns sockets
 * without it, unless the preloaded library gives it to them.
 */
#ifndef KSC_BPF_OURS_H
#define KSC_BPF_OURS_H

#include <linux/kschannel.h>

#define EPERM 1
/* The C library's headers do not support the BPF target. */
#define AF_SMC 43
#define IPPROTO_SMC 256
#define IPPROTO_MPTCP 262

/* Only the fields that are read; the loader relocates them for the running kernel. */
#define KERNELS __attribute__((preserve_access_index))

struct tcp_ulp_ops {
	char name[16];
} KERNELS;

struct inet_connection_sock {
	const struct tcp_ulp_ops *icsk_ulp_ops;
} KERNELS;

struct tcp_sock {
	struct inet_connection_sock inet_conn;
} KERNELS;

struct sock_common {
	__u16 skc_family;
} KERNELS;

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
} KERNELS;

struct socket {
	struct sock *sk;
} KERNELS;

/* Not TCP, or TCP with our ULP. Sockets that contain a TCP socket (MPTCP, SMC) are neither. */
static __always_inline bool may_be(void *sk, int family, int protocol)
{
	static const char ours[] = "kschannel";
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	const struct tcp_ulp_ops *ulp;
	unsigned int i;

	if (!tp)
		return protocol != IPPROTO_MPTCP && protocol != IPPROTO_SMC && family != AF_SMC;
	ulp = tp->inet_conn.icsk_ulp_ops;
	if (!ulp)
		return false;
#pragma unroll
	for (i = 0; i < sizeof(ours); i++)
		if (ulp->name[i] != ours[i])
			return false;
	return true;
}

static __always_inline bool socket_may_be(const struct socket *sock)
{
	struct sock *sk = sock->sk;

	return !sk || may_be(sk, sk->__sk_common.skc_family, sk->sk_protocol);
}

/*
 * For each thread, the listener from which the preloaded library is about to accept a connection
 * that it will protect. It announces that by an option that such a socket does not have.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, __u64);
} ksc_announced SEC(".maps");

SEC("fentry/security_socket_setsockopt")
int BPF_PROG(ksc_announce, struct socket *sock, int level, int option)
{
	__u64 thread = bpf_get_current_pid_tgid(), listener = (__u64)(unsigned long)sock->sk;

	if (level == SOL_KSCHANNEL && option == KSC_POLICY)
		bpf_map_update_elem(&ksc_announced, &thread, &listener, BPF_ANY);
	return 0;
}

/* An announcement is valid for one accept(). */
static __always_inline bool was_announced(const struct socket *sock)
{
	__u64 thread = bpf_get_current_pid_tgid();
	const __u64 *listener = bpf_map_lookup_elem(&ksc_announced, &thread);
	bool was = listener && *listener == (__u64)(unsigned long)sock->sk;

	if (listener)
		bpf_map_delete_elem(&ksc_announced, &thread);
	return was;
}

#endif /* KSC_BPF_OURS_H */
