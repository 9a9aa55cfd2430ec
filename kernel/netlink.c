// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generic netlink family: registration of the daemon, and statistics. The other commands'
 * handlers are in their own folders. Spec: uapi/kschannel.yaml.
 */
#include <linux/kschannel_netlink.h>
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <net/genetlink.h>
#include <net/inet_sock.h>
#include <net/tcp.h>

#include "handshake/context.h"
#include "handshake/limits.h"
#include "handshake/queue.h"
#include "net.h"
#include "netlink-gen.h"
#include "netlink.h"
#include "policy/load.h"
#include "socket/flood.h"
#include "socket/state.h"

/**
 * ksc_nl_register_doit() - KSC_CMD_REGISTER
 * @skb: request
 * @info: its attributes
 *
 * Context: process, CAP_NET_ADMIN was checked. Return: 0 or an errno.
 */
int ksc_nl_register_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ksc_net *kn = ksc_net(genl_info_net(info));
	struct sock *sk = NETLINK_CB(skb).sk;
	int err = 0;

	spin_lock(&kn->lock);
	if (kn->daemon) {
		err = -EBUSY;
	} else {
		sock_hold(sk);
		kn->daemon = sk;
		/* 0 means none */
		kn->last_registration = kn->last_registration + 1 ?: 1;
		WRITE_ONCE(kn->registration, kn->last_registration);
		WRITE_ONCE(kn->had_daemon, true);
		ksc_queue_open(&kn->handshakes->queue);
	}
	spin_unlock(&kn->lock);
	if (err)
		NL_SET_ERR_MSG(info->extack,
			       "a daemon is already registered in this network namespace");
	return err;
}

/**
 * ksc_nl_drain_doit() - KSC_CMD_DRAIN
 * @skb: request
 * @info: its attributes
 *
 * Context: process, CAP_NET_ADMIN was checked. Return: 0 or an errno.
 */
int ksc_nl_drain_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ksc_net *kn = ksc_net(genl_info_net(info));
	u32 daemon = 0;

	spin_lock(&kn->lock);
	if (kn->daemon == NETLINK_CB(skb).sk) {
		daemon = kn->registration;
		ksc_queue_drain(&kn->handshakes->queue);
	}
	spin_unlock(&kn->lock);
	if (!daemon) {
		NL_SET_ERR_MSG(info->extack, "not the registered daemon's socket");
		return -EPERM;
	}
	ksc_contexts_unoffer_new(kn, daemon);
	return 0;
}

static void ksc_daemon_forget(struct ksc_net *kn)
{
	kn->daemon = NULL;
	WRITE_ONCE(kn->registration, 0);
	ksc_queue_close(&kn->handshakes->queue);
}

/**
 * ksc_daemon_closed() - a netlink socket was closed
 * @kn: namespace
 *
 * The port does not identify the socket: another one may have reused it.
 *
 * Context: process.
 */
void ksc_daemon_closed(struct ksc_net *kn)
{
	struct sock *sk = NULL;
	u32 daemon = 0;

	spin_lock(&kn->lock);
	if (kn->daemon && sock_flag(kn->daemon, SOCK_DEAD)) {
		sk = kn->daemon;
		daemon = kn->registration;
		ksc_daemon_forget(kn);
	}
	spin_unlock(&kn->lock);
	if (!sk)
		return;
	ksc_contexts_daemon_gone(kn, daemon);
	ksc_policy_gone(kn, daemon);
	sock_put(sk);
}

/**
 * ksc_daemon_exit() - forget the daemon at the exit of the namespace or of the module
 * @kn: namespace
 *
 * Context: process.
 */
void ksc_daemon_exit(struct ksc_net *kn)
{
	struct sock *sk = kn->daemon;

	if (sk) {
		/* no one else frees a policy that it has begun to load */
		ksc_policy_gone(kn, kn->registration);
		ksc_daemon_forget(kn);
		sock_put(sk);
	}
}

static int ksc_nl_notify(struct notifier_block *nb, unsigned long event, void *p)
{
	struct netlink_notify *n = p;

	if (event != NETLINK_URELEASE || n->protocol != NETLINK_GENERIC)
		return NOTIFY_DONE;
	ksc_daemon_closed(ksc_net(n->net));
	return NOTIFY_DONE;
}

static struct notifier_block ksc_nl_notifier = {
	.notifier_call = ksc_nl_notify,
};

static const struct {
	u16 attr;
	u16 counter;
} ksc_nl_counters[] = {
	{ KSC_A_STATS_HANDSHAKES_OK,		KSC_CNT_HANDSHAKES_OK },
	{ KSC_A_STATS_HANDSHAKES_FAILED,	KSC_CNT_HANDSHAKES_FAILED },
	{ KSC_A_STATS_HANDSHAKES_TIMED_OUT,	KSC_CNT_HANDSHAKES_TIMED_OUT },
	{ KSC_A_STATS_STEPS,			KSC_CNT_STEPS },
	{ KSC_A_STATS_OFFERS,			KSC_CNT_OFFERS },
	{ KSC_A_STATS_EVICTED_ALL,		KSC_CNT_EVICTED_ALL },
	{ KSC_A_STATS_EVICTED_USER,		KSC_CNT_EVICTED_USER },
	{ KSC_A_STATS_EVICTED_PREFIX,		KSC_CNT_EVICTED_PREFIX },
	{ KSC_A_STATS_EVICTED_LISTENER,		KSC_CNT_EVICTED_LISTENER },
	{ KSC_A_STATS_REFUSED_ALL,		KSC_CNT_REFUSED_ALL },
	{ KSC_A_STATS_REFUSED_USER,		KSC_CNT_REFUSED_USER },
	{ KSC_A_STATS_REFUSED_PREFIX,		KSC_CNT_REFUSED_PREFIX },
	{ KSC_A_STATS_REFUSED_LISTENER,		KSC_CNT_REFUSED_LISTENER },
	{ KSC_A_STATS_FIRST_FLIGHT_TOO_LONG,	KSC_CNT_FIRST_FLIGHT_TOO_LONG },
	{ KSC_A_STATS_TOO_MANY_STEPS,		KSC_CNT_TOO_MANY_STEPS },
	{ KSC_A_STATS_OFFERS_DEFERRED,		KSC_CNT_OFFERS_DEFERRED },
	{ KSC_A_STATS_TX_BYTES,			KSC_CNT_TX_BYTES },
	{ KSC_A_STATS_TX_RECORDS,		KSC_CNT_TX_RECORDS },
	{ KSC_A_STATS_RX_BYTES,			KSC_CNT_RX_BYTES },
	{ KSC_A_STATS_RX_RECORDS,		KSC_CNT_RX_RECORDS },
	{ KSC_A_STATS_RX_BAD_RECORDS,		KSC_CNT_RX_BAD_RECORDS },
	{ KSC_A_STATS_RX_TRUNCATED,		KSC_CNT_RX_TRUNCATED },
	{ KSC_A_STATS_ALERTS_SENT,		KSC_CNT_ALERTS_SENT },
	{ KSC_A_STATS_ALERTS_RECEIVED,		KSC_CNT_ALERTS_RECEIVED },
	{ KSC_A_STATS_TICKETS,			KSC_CNT_TICKETS },
	{ KSC_A_STATS_KEY_UPDATES_SENT,		KSC_CNT_KEY_UPDATES_SENT },
	{ KSC_A_STATS_KEY_UPDATES_RECEIVED,	KSC_CNT_KEY_UPDATES_RECEIVED },
	{ KSC_A_STATS_RX_FLOODS,		KSC_CNT_RX_FLOODS },
	{ KSC_A_STATS_CIPHERS_MADE,		KSC_CNT_CIPHERS_MADE },
	{ KSC_A_STATS_CIPHERS_PARKED,		KSC_CNT_CIPHERS_PARKED },
	{ KSC_A_STATS_POLICY_PLAIN,		KSC_CNT_POLICY_PLAIN },
	{ KSC_A_STATS_POLICY_FALLBACKS,		KSC_CNT_POLICY_FALLBACKS },
	{ KSC_A_STATS_POLICY_REFUSED,		KSC_CNT_POLICY_REFUSED },
	{ KSC_A_STATS_RX_STAGED,		KSC_CNT_RX_STAGED },
	{ KSC_A_STATS_NOT_TLS,			KSC_CNT_NOT_TLS },
	{ KSC_A_STATS_POLICY_DIFFERS,		KSC_CNT_POLICY_DIFFERS },
	{ KSC_A_STATS_KEYS_REFUSED,		KSC_CNT_KEYS_REFUSED },
};

/**
 * ksc_nl_stats_get_doit() - KSC_CMD_STATS_GET
 * @skb: request
 * @info: its attributes
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_nl_stats_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ksc_net *kn = ksc_net(genl_info_net(info));
	struct sk_buff *msg;
	void *hdr;
	int i;

	msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &ksc_nl_family, 0, KSC_CMD_STATS_GET);
	if (!hdr)
		goto full;
	if ((ksc_daemon_present(kn) && nla_put_flag(msg, KSC_A_STATS_DAEMON)) ||
	    nla_put_u64_64bit(msg, KSC_A_STATS_SOCKETS,
			      atomic_read(&kn->socks->nr), 0) ||
	    nla_put_u64_64bit(msg, KSC_A_STATS_CONTEXTS,
			      atomic_read(&kn->handshakes->nr_contexts), 0) ||
	    nla_put_u64_64bit(msg, KSC_A_STATS_OFFERS_WAITING,
			      READ_ONCE(kn->handshakes->queue.nr_waiting), 0) ||
	    nla_put_u64_64bit(msg, KSC_A_STATS_OFFERS_UNANSWERED,
			      READ_ONCE(kn->handshakes->queue.taken), 0) ||
	    ksc_limits_put(msg, kn) ||
	    nla_put_u64_64bit(msg, KSC_A_STATS_LIMIT_DATALESS,
			      READ_ONCE(ksc_max_dataless), 0) ||
	    nla_put_u64_64bit(msg, KSC_A_STATS_LIMIT_KEY_UPDATES,
			      READ_ONCE(ksc_max_key_updates), 0))
		goto full;
	for (i = 0; i < ARRAY_SIZE(ksc_nl_counters); i++)
		if (nla_put_u64_64bit(msg, ksc_nl_counters[i].attr,
				      ksc_counter_sum(kn, ksc_nl_counters[i].counter),
				      0))
			goto full;
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
full:
	nlmsg_free(msg);
	return -EMSGSIZE;
}

/**
 * ksc_netlink_init() - register the family
 * @ops: its commands
 * @n: number of commands
 *
 * Return: 0 or an errno.
 */
int ksc_netlink_init(const struct genl_ops *ops, unsigned int n)
{
	int err;

	ksc_nl_family.ops = ops;
	ksc_nl_family.n_ops = n;
	err = genl_register_family(&ksc_nl_family);
	if (!err)
		netlink_register_notifier(&ksc_nl_notifier);
	return err;
}

/**
 * ksc_netlink_exit() - undo ksc_netlink_init()
 */
void ksc_netlink_exit(void)
{
	netlink_unregister_notifier(&ksc_nl_notifier);
	genl_unregister_family(&ksc_nl_family);
}
