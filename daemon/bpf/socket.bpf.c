// SPDX-License-Identifier: GPL-2.0
/*
 * Gives the processes of some cgroups, and of those below them, our sockets where they
 * ask for TCP's: whoever makes the system call, and from io_uring, too. Without our
 * module there is no such protocol, and no socket.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "scope.h"

/* The C library's headers are for another machine than this. */
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_TYPE_MASK 0xf
#define IPPROTO_IP 0
#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262

/* The protocol to give, by the cgroup's id */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KSC_SCOPES_MAX);
	__type(key, __u64);
	__type(value, __u32);
} ksc_scopes SEC(".maps");

/* What it returns, if that is not 0, is taken in place of the protocol asked for. */
SEC("fmod_ret/update_socket_protocol")
int BPF_PROG(ksc_socket, int family, int type, int protocol)
{
	int level, found = protocol;

	if ((family != AF_INET && family != AF_INET6) || (type & SOCK_TYPE_MASK) != SOCK_STREAM)
		return protocol;
	if (protocol != IPPROTO_IP && protocol != IPPROTO_TCP && protocol != IPPROTO_MPTCP)
		return protocol;
	/* the innermost counts */
	for (level = 0; level < KSC_SCOPE_DEPTH; level++) {
		__u64 id = bpf_get_current_ancestor_cgroup_id(level);
		const __u32 *given;

		if (!id)
			break;
		given = bpf_map_lookup_elem(&ksc_scopes, &id);
		if (given)
			found = (int)*given;
	}
	return found;
}

char ksc_license[] SEC("license") = "GPL";
