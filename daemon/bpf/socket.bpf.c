// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gives processes in some cgroups, and in those below them, sockets with the ULP where they ask for
 * TCP. Without the module this protocol does not exist, and socket() fails.
 *
 * io_uring does not call the hook that replaces the protocol: the creation of a socket that is
 * still TCP is refused. So is SMC, which falls back to TCP by a socket that the kernel creates. So
 * are connect(), listen() and accept() on a socket that was created elsewhere.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/ours.h"
#include "bpf/scope.h"

/* The C library's headers do not support the BPF target. */
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_TYPE_MASK 0xf
#define IPPROTO_IP 0
#define IPPROTO_TCP 6

/* The protocol to use, by cgroup ID */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KSC_SCOPES_MAX);
	__type(key, __u64);
	__type(value, __u32);
} ksc_scopes SEC(".maps");

static __always_inline bool is_inet(int family)
{
	return family == AF_INET || family == AF_INET6;
}

static __always_inline bool is_tcp(int family, int type, int protocol)
{
	return is_inet(family) &&
	       (type & SOCK_TYPE_MASK) == SOCK_STREAM &&
	       (protocol == IPPROTO_IP || protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP);
}

/* The protocol for the current process; @protocol outside all scopes */
static __always_inline int given(int protocol)
{
	int level;

	/* the innermost cgroup counts */
	for (level = 0; level < KSC_SCOPE_DEPTH; level++) {
		__u64 id = bpf_get_current_ancestor_cgroup_id(level);
		const __u32 *value;

		if (!id)
			break;
		value = bpf_map_lookup_elem(&ksc_scopes, &id);
		if (value)
			protocol = (int)*value;
	}
	return protocol;
}

static __always_inline int replaced(int family, int type, int protocol)
{
	return is_tcp(family, type, protocol) ? given(protocol) : protocol;
}

/*
 * A nonzero return value replaces the requested protocol.
 *
 * The kernel skips a tracing program on a CPU where another task was preempted in it, as it can't
 * tell that from recursion. So there are several: the first that returns nonzero ends the row.
 */
SEC("fmod_ret/update_socket_protocol")
int BPF_PROG(ksc_socket, int family, int type, int protocol)
{
	return replaced(family, type, protocol);
}

SEC("fmod_ret/update_socket_protocol")
int BPF_PROG(ksc_socket2, int family, int type, int protocol)
{
	return replaced(family, type, protocol);
}

SEC("fmod_ret/update_socket_protocol")
int BPF_PROG(ksc_socket3, int family, int type, int protocol)
{
	return replaced(family, type, protocol);
}

SEC("fmod_ret/update_socket_protocol")
int BPF_PROG(ksc_socket4, int family, int type, int protocol)
{
	return replaced(family, type, protocol);
}

/* A nonzero return value is the call's result. Every creation of a socket passes here. */
SEC("fmod_ret/security_socket_create")
int BPF_PROG(ksc_create, int family, int type, int protocol, int kern)
{
	bool smc = family == AF_SMC || (is_inet(family) && protocol == IPPROTO_SMC);

	if (kern || !(smc || is_tcp(family, type, protocol)))
		return 0;
	return given(protocol) == protocol ? 0 : -EPERM;
}

static __always_inline bool is_for_caller(void)
{
	return given(0);
}

#include "bpf/refuse.h"

char ksc_license[] SEC("license") = "GPL";
