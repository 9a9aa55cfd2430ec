// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks connect(), listen() and accept() on TCP sockets without the ULP, which were created in a
 * way that does not give it to them. All other sockets have the ULP by then, and the policy decides
 * about them.
 *
 * The first two programs are attached to a cgroup and see each connection of its sockets, by any
 * call. The others see the calls of all processes, and check the caller's cgroup, which can differ
 * from that of the socket.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/ours.h"
#include "bpf/scope.h"

/* Guarded cgroups, by ID */
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

/* Returning 0 makes connect() fail with EPERM. */
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
