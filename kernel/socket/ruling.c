// SPDX-License-Identifier: GPL-2.0-only
/*
 * The policy's ruling on a socket: looked up once, and applied.
 */
#include <linux/kschannel_netlink.h>
#include <linux/net.h>
#include <net/tcp.h>

#include "handshake/context.h"
#include "handshake/status.h"
#include "net.h"
#include "policy/flow.h"
#include "policy/policy.h"
#include "policy/rules.h"
#include "socket/end.h"
#include "socket/leave.h"
#include "socket/ruling.h"
#include "socket/state.h"

/**
 * ksc_ruling_fallback() - count and log that a connection falls back to plaintext
 * @kn: namespace
 * @ruling: the policy's ruling on it, which prefers TLS
 * @why: reason, for the log
 *
 * Context: any.
 */
void ksc_ruling_fallback(struct ksc_net *kn, const struct ksc_ruling *ruling, const char *why)
{
	char name[KSC_MAX_RULE_NAME + 1];

	ksc_count(kn, KSC_CNT_POLICY_FALLBACKS);
	ksc_count(kn, KSC_CNT_POLICY_PLAIN);
	ksc_policy_rule_name(kn, ruling, name);
	net_info_ratelimited("kschannel: event=fallback rule=%s reason=\"%s\"\n", name, why);
}

/*
 * Does the policy leave the connection plaintext? It also does if no rule matches, but not without
 * a policy.
 */
static bool ksc_ruling_plain(struct ksc_net *kn, const struct ksc_ruling *ruling)
{
	if (!ruling->by_policy || !ruling->generation)
		return false;
	if (ruling->action == KSC_RULE_ACTION_PREFER && !ksc_daemon_present(kn))
		ksc_ruling_fallback(kn, ruling, "no daemon");
	else if (ruling->action == KSC_RULE_ACTION_NEVER)
		ksc_count(kn, KSC_CNT_POLICY_PLAIN);
	else
		return false;
	return true;
}

/**
 * ksc_policy_child() - get the policy's ruling on a listener's child
 * @listener: its state
 * @child: the child, locked and owned
 * @ruling: set
 *
 * Rules match the listener's owner.
 *
 * Context: process. Return: true if the child stays plaintext.
 */
bool ksc_policy_child(const struct ksc_sock *listener, const struct sock *child,
		      struct ksc_ruling *ruling)
{
	struct ksc_flow flow;

	ruling->by_policy = READ_ONCE(listener->ruling.by_policy);
	ksc_flow_of_sock(&flow, child, KSC_ROLE_SERVER, listener->uid, listener->gid);
	ksc_policy_lookup(listener->kn, &flow, NULL, ruling);
	return ksc_ruling_plain(listener->kn, ruling);
}

static bool ksc_policy_plain(struct sock *sk, struct ksc_sock *ks)
{
	bool differs = ks->role == KSC_ROLE_CLIENT && ks->asked.family != KSC_RULE_ANY;
	struct ksc_flow flow, asked;

	ksc_flow_of_sock(&flow, sk, ks->role, ks->uid, ks->gid);
	if (differs)
		ksc_flow_of_asked(&asked, &flow, &ks->asked);
	ksc_policy_lookup(ks->kn, &flow, differs ? &asked : NULL, &ks->ruling);
	return ksc_ruling_plain(ks->kn, &ks->ruling);
}

/**
 * ksc_policy_connecting() - TCP has chosen a connection's addresses
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * Context: process. Return: true if the policy leaves it plaintext; ksc_leave() has to follow.
 */
bool ksc_policy_connecting(struct sock *sk, struct ksc_sock *ks)
{
	/* in state CLOSE another thread's connect() has not chosen them yet */
	if (!ks->ruling.by_policy || ks->ruling.made || ks->phase != KSC_PHASE_CONNECTING ||
	    sk->sk_state == TCP_CLOSE)
		return false;
	if (ksc_policy_plain(sk, ks))
		return true;
	/* the pump does nothing before the ruling */
	ksc_pump_kick(ks, 0);
	return false;
}

/**
 * ksc_policy_judge() - look up a socket's rule, if not done yet
 * @sk: socket, locked and owned, connected
 * @ks: its state, with its role
 *
 * Context: process.
 */
void ksc_policy_judge(struct sock *sk, struct ksc_sock *ks)
{
	if (!ks->ruling.made)
		ksc_policy_plain(sk, ks);
}

/**
 * ksc_policy_allows() - check whether a handshake may begin
 * @sk: socket, locked and owned, connected
 * @ks: its state
 *
 * Context: process. Return: true if so; else the connection has failed.
 */
bool ksc_policy_allows(struct sock *sk, struct ksc_sock *ks)
{
	ksc_policy_judge(sk, ks);
	if (!ks->ruling.by_policy || ks->ruling.generation)
		return true;
	ksc_count(ks->kn, KSC_CNT_POLICY_REFUSED);
	ksc_fail_silent(sk, ks, KSC_STATUS_NO_DAEMON,
			"no policy loaded");
	return false;
}

/**
 * ksc_policy_prefers() - check whether a connection may still fall back to plaintext
 * @ks: its state, with a context
 *
 * It may until the daemon's first answer is applied: nothing has been sent or consumed yet. An
 * active attacker can force it on a server by bytes that are not TLS, or by the name of a server
 * that has no credential: a TLS client does not go on from there.
 *
 * Context: the socket's lock.
 */
bool ksc_policy_prefers(const struct ksc_sock *ks)
{
	return ks->ruling.by_policy && ks->ruling.rule != KSC_NO_RULE &&
	       ks->ruling.action == KSC_RULE_ACTION_PREFER && !ks->context->seq;
}

/**
 * ksc_policy_demands() - does the policy require TLS?
 * @ks: its state
 *
 * Context: the socket's lock.
 */
bool ksc_policy_demands(const struct ksc_sock *ks)
{
	return ks->ruling.made && ks->ruling.rule != KSC_NO_RULE &&
	       ks->ruling.action == KSC_RULE_ACTION_REQUIRE;
}

/* Context: the socket's lock */
static int ksc_policy_take(struct sock *sk, struct ksc_sock *ks)
{
	bool connected = (1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT);

	if (!ks)
		return -ENOMEM;
	if (ks->ruling.by_policy)
		return 0;
	/* connecting: the ULP was attached after a non-blocking connect() */
	if (ks->phase != KSC_PHASE_INIT && ks->phase != KSC_PHASE_CONNECTING &&
	    ks->phase != KSC_PHASE_LISTEN)
		return -EBUSY;
	if (connected && ks->role == KSC_ROLE_UNSPEC)
		return -EDESTADDRREQ;
	WRITE_ONCE(ks->ruling.by_policy, true);
	if (sk->sk_state == TCP_CLOSE || ks->phase == KSC_PHASE_LISTEN)
		return 0;
	if (ksc_policy_plain(sk, ks)) {
		ksc_leave(sk, ks);
	} else if (connected && !ks->ruling.generation) {
		/* undo the request: a policy may be loaded later */
		ks->ruling.made = false;
		WRITE_ONCE(ks->ruling.by_policy, false);
		return -ksc_status_errno(KSC_STATUS_NO_DAEMON);
	}
	return 0;
}

/**
 * ksc_set_policy() - setsockopt(KSC_POLICY)
 * @sk: socket
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_set_policy(struct sock *sk)
{
	int err;

	lock_sock(sk);
	err = ksc_policy_take(sk, ksc_sk(sk));
	release_sock(sk);
	return err;
}
