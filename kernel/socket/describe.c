// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptions of a socket for the daemon and for dumps: the parameters of a new handshake, and the
 * reason of a failed one.
 */
#include <linux/kschannel_netlink.h>
#include <linux/netlink.h>
#include <net/genetlink.h>
#include <net/inet_sock.h>

#include "handshake/options.h"
#include "net.h"
#include "netlink-gen.h"
#include "policy/policy.h"
#include "socket/describe.h"
#include "socket/state.h"

/* Log lines of the daemon per second that peers can cause without speaking TLS */
#define KSC_REPORTS	10

/**
 * ksc_put_addr() - put one end of a connection into a message
 * @msg: message
 * @attr: attribute for it
 * @sk: socket
 * @peer: the remote end, else the local one
 *
 * Context: any; without the socket's lock address and port may be inconsistent. Return: 0 or
 * -EMSGSIZE.
 */
int ksc_put_addr(struct sk_buff *msg, int attr, const struct sock *sk, bool peer)
{
	const struct inet_sock *inet = inet_sk(sk);

#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6) {
		struct sockaddr_in6 a = { .sin6_family = AF_INET6 };

		a.sin6_port = peer ? inet->inet_dport : inet->inet_sport;
		a.sin6_addr = peer ? sk->sk_v6_daddr : sk->sk_v6_rcv_saddr;
		a.sin6_scope_id = sk->sk_bound_dev_if;
		return nla_put(msg, attr, sizeof(a), &a);
	}
#endif
	{
		struct sockaddr_in a = { .sin_family = AF_INET };

		a.sin_port = peer ? inet->inet_dport : inet->inet_sport;
		a.sin_addr.s_addr = peer ? inet->inet_daddr : inet->inet_rcv_saddr;
		return nla_put(msg, attr, sizeof(a), &a);
	}
}

static int ksc_put_blob(struct sk_buff *msg, int attr, const struct ksc_blob *b)
{
	if (!b)
		return 0;
	/* with the NUL after it, a name is a netlink string */
	return nla_put(msg, attr, b->len + (attr != KSC_A_CONTEXT_ALPN), b->data);
}

/* Put both ends of the connection */
static int ksc_put_ends(struct sk_buff *msg, const struct sock *sk)
{
	return ksc_put_addr(msg, KSC_A_CONTEXT_LOCAL, sk, false) ?:
	       ksc_put_addr(msg, KSC_A_CONTEXT_PEER, sk, true);
}

/**
 * ksc_netlink_describe() - put the parameters of a new handshake into a message
 * @msg: KSC_CMD_CONTEXT_NEW
 * @ks: the socket's state
 *
 * Context: process, the socket's lock. Return: 0 or -EMSGSIZE.
 */
int ksc_netlink_describe(struct sk_buff *msg, const struct ksc_sock *ks)
{
	struct user_namespace *ns = ks->kn->net->user_ns;

	if (nla_put_u32(msg, KSC_A_CONTEXT_VERIFY, ks->opt.verify) ||
	    nla_put_u32(msg, KSC_A_CONTEXT_UID, from_kuid_munged(ns, ks->uid)) ||
	    nla_put_u32(msg, KSC_A_CONTEXT_GID, from_kgid_munged(ns, ks->gid)) ||
	    ksc_put_blob(msg, KSC_A_CONTEXT_SERVER_NAME, ks->opt.server_name) ||
	    ksc_put_blob(msg, KSC_A_CONTEXT_CREDENTIAL, ks->opt.credential) ||
	    ksc_put_blob(msg, KSC_A_CONTEXT_ALPN, ks->opt.alpn))
		return -EMSGSIZE;
	return ksc_policy_describe(msg, &ks->ruling) ?: ksc_put_ends(msg, ks->sk);
}

static int ksc_put_failed_sock(struct sk_buff *msg, const struct sock *sk,
			       const struct ksc_sock *ks, const struct ksc_failure *f)
{
	return nla_put_u32(msg, KSC_A_CONTEXT_ROLE, ks->role) ?:
	       nla_put_u32(msg, KSC_A_CONTEXT_UID,
			   from_kuid_munged(ks->kn->net->user_ns, ks->uid)) ?:
	       ksc_put_ends(msg, sk) ?:
	       nla_put_u32(msg, KSC_A_CONTEXT_STATUS, f->status) ?:
	       nla_put_u8(msg, KSC_A_CONTEXT_ALERT, f->alert) ?:
	       nla_put_u32(msg, KSC_A_CONTEXT_DIRECTION, f->direction) ?:
	       nla_put_string(msg, KSC_A_CONTEXT_TEXT, f->text) ?:
	       ksc_policy_put_name(msg, KSC_A_CONTEXT_RULE_NAME, ks->kn, &ks->ruling);
}

/**
 * ksc_netlink_failed() - let the daemon log a handshake that it did not end itself
 * @sk: socket, locked and owned
 * @ks: its state, in phase failed
 * @id: the context's number
 *
 * Peers can cause this for free, so reports are rate limited, and dropped if the daemon's queue is
 * full. They go to the daemon, not to the kernel's log, which a container's administrator does not
 * see and all containers share.
 *
 * Context: process. Best effort; the counter includes all failures.
 */
void ksc_netlink_failed(const struct sock *sk, const struct ksc_sock *ks, u64 id)
{
	const struct ksc_failure *f = ks->failure;
	u32 daemon = ksc_daemon(ks->kn);
	struct sk_buff *msg;
	void *hdr;

	if (!f || !daemon || !__ratelimit(&ks->kn->socks->reports))
		return;
	msg = genlmsg_new(1024, GFP_KERNEL);
	if (!msg)
		return;
	hdr = genlmsg_put(msg, 0, 0, &ksc_nl_family, 0, KSC_CMD_CONTEXT_FAILED);
	if (!hdr || nla_put_u64_64bit(msg, KSC_A_CONTEXT_ID, id, 0) ||
	    ksc_put_failed_sock(msg, sk, ks, f)) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	ksc_daemon_send(ks->kn, daemon, msg);
}

/**
 * ksc_netlink_net_init() - set up a network namespace's rate limit
 * @kn: namespace
 */
void ksc_netlink_net_init(struct ksc_net *kn)
{
	ratelimit_state_init(&kn->socks->reports, HZ, KSC_REPORTS);
	/* no line in the kernel's log about suppressed reports */
	ratelimit_set_flags(&kn->socks->reports, RATELIMIT_MSG_ON_RELEASE);
}
