// SPDX-License-Identifier: GPL-2.0
/*
 * The daemon's registration, and messages to it. What is registered is a socket,
 * not its number: a number may be another program's as soon as the socket is
 * closed, and before anybody is told. Whoever keeps in mind which daemon has
 * something keeps the registration's number, which is used once.
 */
#include <linux/netlink.h>
#include <net/genetlink.h>

#include "ksc.h"
#include "netlink-gen.h"

/**
 * ksc_daemon() - which daemon is registered?
 * @kn: namespace
 *
 * Context: any. Return: number of its registration, 0 for none.
 */
u32 ksc_daemon(const struct ksc_net *kn)
{
	return READ_ONCE(kn->registration);
}

/**
 * ksc_daemon_present() - is a daemon registered?
 * @kn: namespace
 */
bool ksc_daemon_present(struct ksc_net *kn)
{
	return ksc_daemon(kn);
}

/**
 * ksc_daemon_expected() - is waiting for a daemon worth while?
 * @kn: namespace
 *
 * Where there has been one it may be restarting; where there never was, a
 * handshake fails at once.
 */
bool ksc_daemon_expected(struct ksc_net *kn)
{
	return READ_ONCE(kn->had_daemon);
}

/**
 * ksc_daemon_is() - is a message from the registered daemon?
 * @kn: namespace
 * @skb: the message
 *
 * Context: process. Return: number of its registration, or 0.
 */
u32 ksc_daemon_is(struct ksc_net *kn, struct sk_buff *skb)
{
	u32 daemon = 0;

	spin_lock(&kn->lock);
	if (kn->daemon && kn->daemon == NETLINK_CB(skb).sk)
		daemon = kn->registration;
	spin_unlock(&kn->lock);
	return daemon;
}

/**
 * ksc_daemon_send() - send a message to a daemon
 * @kn: namespace
 * @daemon: number of its registration
 * @msg: message; consumed
 *
 * It goes into the socket's queue as if netlink had found the socket by its number.
 * A queue without room is no error that the daemon is told of: it is for us to wait.
 *
 * Context: process. Return: 0, -EHOSTDOWN if that daemon has gone, -EAGAIN if its
 * queue is full.
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
	/* one that is being closed frees what it is sent */
	if (sk && !sock_flag(sk, SOCK_DEAD))
		err = sock_queue_rcv_skb(sk, msg) ? -EAGAIN : 0;
	if (err)
		nlmsg_free(msg);
	if (sk)
		sock_put(sk);
	return err;
}

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
		/* 0 is none */
		kn->last_registration = kn->last_registration + 1 ?: 1;
		WRITE_ONCE(kn->registration, kn->last_registration);
		WRITE_ONCE(kn->had_daemon, true);
		ksc_queue_open(&kn->queue);
	}
	spin_unlock(&kn->lock);
	if (err)
		NL_SET_ERR_MSG(info->extack,
			       "a daemon is registered in this network namespace");
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
		ksc_queue_drain(&kn->queue);
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
	ksc_queue_close(&kn->queue);
}

/**
 * ksc_daemon_closed() - a netlink socket was closed
 * @kn: namespace
 *
 * Which one, its port does not tell for sure: that may be another's by now.
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
 * ksc_daemon_exit() - the namespace goes, or the module from under a daemon
 * @kn: namespace
 *
 * Context: process.
 */
void ksc_daemon_exit(struct ksc_net *kn)
{
	struct sock *sk = kn->daemon;

	if (sk) {
		/* one that it has begun to load has nobody else */
		ksc_policy_gone(kn, kn->registration);
		ksc_daemon_forget(kn);
		sock_put(sk);
	}
}
