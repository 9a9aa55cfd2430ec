// SPDX-License-Identifier: GPL-2.0-only
/*
 * Per-namespace state: counters, and the registered daemon. A daemon is identified by its netlink
 * socket, not by the port: a port may be reused before the notifier reports that the socket was
 * closed. Registration numbers are never reused.
 */
#include <linux/kschannel_netlink.h>
#include <linux/module.h>
#include <linux/netlink.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include <net/sock.h>

#include "compat/hmac.h"
#include "net.h"

struct workqueue_struct *ksc_wq;

unsigned int ksc_net_id __read_mostly;

/**
 * ksc_net() - a network namespace's state
 * @net: the namespace
 *
 * Context: any.
 */
struct ksc_net *ksc_net(const struct net *net)
{
	return net_generic(net, ksc_net_id);
}

/**
 * ksc_counter_sum() - a counter's value over all CPUs
 * @kn: namespace
 * @c: counter
 *
 * Context: any. Return: the sum; concurrent updates may be missed.
 */
u64 ksc_counter_sum(const struct ksc_net *kn, enum ksc_counter c)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(kn->counters, cpu)->v[c]);
	return sum;
}

struct genl_family ksc_nl_family __ro_after_init = {
	.name		= KSC_FAMILY_NAME,
	.version	= KSC_FAMILY_VERSION,
	.netnsok	= true,
	/* the module's own locks suffice; a handler that waits blocks no other */
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.resv_start_op	= KSC_CMD_REGISTER,
};

/**
 * ksc_daemon() - return the registration number of the daemon
 * @kn: namespace
 *
 * Context: any. Return: registration number, 0 for none.
 */
u32 ksc_daemon(const struct ksc_net *kn)
{
	return READ_ONCE(kn->registration);
}

/**
 * ksc_daemon_present() - check whether a daemon is registered
 * @kn: namespace
 */
bool ksc_daemon_present(struct ksc_net *kn)
{
	return ksc_daemon(kn);
}

/**
 * ksc_daemon_expected() - should a handshake wait for a daemon?
 * @kn: namespace
 *
 * A previous daemon may be restarting. If there never was one, a handshake fails at once.
 */
bool ksc_daemon_expected(struct ksc_net *kn)
{
	return READ_ONCE(kn->had_daemon);
}

/**
 * ksc_daemon_is() - check whether a message is from the registered daemon
 * @kn: namespace
 * @skb: the message
 * @info: its attributes; extack is set if not
 *
 * Context: process. Return: registration number, or 0.
 */
u32 ksc_daemon_is(struct ksc_net *kn, struct sk_buff *skb, const struct genl_info *info)
{
	u32 daemon = 0;

	spin_lock(&kn->lock);
	if (kn->daemon && kn->daemon == NETLINK_CB(skb).sk)
		daemon = kn->registration;
	spin_unlock(&kn->lock);
	if (!daemon)
		NL_SET_ERR_MSG(info->extack, "not the registered daemon's socket");
	return daemon;
}

/**
 * ksc_daemon_send() - send a message to a daemon
 * @kn: namespace
 * @daemon: registration number
 * @msg: message; consumed
 *
 * Queues to the socket itself instead of looking it up by port. A full queue is not reported to
 * the daemon as an overrun: the caller waits.
 *
 * Context: process. Return: 0, -EHOSTDOWN if that daemon is gone, -EAGAIN if its queue is full.
 */
int ksc_daemon_send(struct ksc_net *kn, u32 daemon, struct sk_buff *msg)
{
	struct sock *sk = NULL;
	int err = -EHOSTDOWN;

	spin_lock(&kn->lock);
	if (daemon && kn->registration == daemon) {
		sk = kn->daemon;
		sock_hold(sk);
	}
	spin_unlock(&kn->lock);
	/* a socket that is being closed drops its queue */
	if (sk && !sock_flag(sk, SOCK_DEAD))
		err = sock_queue_rcv_skb(sk, msg) ? -EAGAIN : 0;
	if (err)
		nlmsg_free(msg);
	if (sk)
		sock_put(sk);
	return err;
}
