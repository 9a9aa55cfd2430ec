// SPDX-License-Identifier: GPL-2.0
/*
 * Keeps TCP sockets that are not ours from connecting and listening: what got past the
 * ways that give programs' sockets to us. By the time of either, ours have the ULP, and
 * the policy decides about them.
 *
 * The first two are attached to a cgroup and see what its sockets connect, by whatever
 * call that is; the third one sees everybody's listen(), there being no such hook.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "scope.h"

#define EPERM 1
#define IPPROTO_MPTCP 262

/* As much of the kernel's structures as is looked at; where it is, the loader finds out. */
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

struct sock {
	__u16 sk_protocol;
} KERNELS;

struct socket {
	struct sock *sk;
} KERNELS;

/* Those that are guarded, by the cgroup's id */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KSC_SCOPES_MAX);
	__type(key, __u64);
	__type(value, __u32);
} ksc_guarded SEC(".maps");

/* Not TCP, or a TCP socket with our ULP */
static __always_inline bool may_be(void *sk, int protocol)
{
	static const char ours[] = "kschannel";
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	const struct tcp_ulp_ops *ulp;
	unsigned int i;

	if (!tp)
		return protocol != IPPROTO_MPTCP;
	ulp = tp->inet_conn.icsk_ulp_ops;
	if (!ulp)
		return false;
#pragma unroll
	for (i = 0; i < sizeof(ours); i++)
		if (ulp->name[i] != ours[i])
			return false;
	return true;
}

static __always_inline int connecting(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;

	return !sk || may_be(sk, (int)ctx->protocol);
}

/* 0 has connect() fail with EPERM. */
SEC("cgroup/connect4")
int ksc_connect4(struct bpf_sock_addr *ctx)
{
	return connecting(ctx);
}

SEC("cgroup/connect6")
int ksc_connect6(struct bpf_sock_addr *ctx)
{
	return connecting(ctx);
}

static __always_inline bool is_guarded(void)
{
	int level;

	for (level = 0; level < KSC_SCOPE_DEPTH; level++) {
		__u64 id = bpf_get_current_ancestor_cgroup_id(level);

		if (!id)
			break;
		if (bpf_map_lookup_elem(&ksc_guarded, &id))
			return true;
	}
	return false;
}

/* What it returns, if that is not 0, is the call's result. */
SEC("fmod_ret/security_socket_listen")
int BPF_PROG(ksc_listen, struct socket *sock)
{
	struct sock *sk = sock->sk;

	return sk && is_guarded() && !may_be(sk, sk->sk_protocol) ? -EPERM : 0;
}

char ksc_license[] SEC("license") = "GPL";
