// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps TCP sockets that are not ours from connecting, listening and accepting: what got
 * past the ways that give programs' sockets to us. By the time of any, ours have the ULP,
 * and the policy decides about them.
 *
 * The first two are attached to a cgroup and see what its sockets connect, by whatever
 * call that is; the others see everybody's calls, and ask for the caller's cgroup, which
 * need not be that of the socket.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/ours.h"
#include "bpf/scope.h"

/* Those that are guarded, by the cgroup's id */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KSC_SCOPES_MAX);
	__type(key, __u64);
	__type(value, __u32);
} ksc_guarded SEC(".maps");

static __always_inline int connecting(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;

	return !sk || may_be(sk, (int)ctx->family, (int)ctx->protocol);
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

static __always_inline bool is_for_caller(void)
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

#include "bpf/refuse.h"

char ksc_license[] SEC("license") = "GPL";
