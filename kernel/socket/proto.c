// SPDX-License-Identifier: GPL-2.0-only
/*
 * Builds the tables of operations (tables.c), and registers IPPROTO_KSCHANNEL, whose sockets have
 * these from the start.
 */
#include <linux/kschannel.h>
#include <linux/kschannel_netlink.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/sockios.h>
#include <net/inet_common.h>
#include <net/ipv6.h>
#include <net/protocol.h>
#include <net/tcp.h>
#include <net/transp_v6.h>
#include <asm/ioctls.h>

#include "compat/compat.h"
#include "compat/rps.h"
#include "failpoint.h"
#include "socket/close.h"
#include "socket/connect.h"
#include "socket/ioctl.h"
#include "socket/leave.h"
#include "socket/plain.h"
#include "socket/poll.h"
#include "socket/proto.h"
#include "socket/pump.h"
#include "socket/recv.h"
#include "socket/send.h"
#include "socket/sockopt.h"
#include "socket/state.h"
#include "socket/tables.h"
#include "socket/ulp.h"

/* proto_ops.accept; begins the child's handshake */
KSC_DEFINE_ACCEPT(ksc_accept_ops, ksc_base_ops(sock->sk), ksc_accepted)

KSC_DEFINE_RECVMSG(ksc_recvmsg_op, ksc_recvmsg)

static int ksc_ioctl(struct sock *sk, int cmd, KSC_IOCTL_ARG arg)
{
	int n;

	if (cmd == SIOCINQ)
		n = ksc_inq(sk);
	else if (cmd == SIOCOUTQ || cmd == SIOCOUTQNSD)
		n = ksc_outq(sk, cmd == SIOCOUTQ);
	else
		return ksc_base_proto(sk)->ioctl(sk, cmd, arg);
	return n < 0 ? n : ksc_compat_ioctl_put(arg, n);
}

/*
 * proto.hash: the last step of TCP's listen(), which makes the listener reachable.
 *
 * Requests copy the listener's struct proto and outlive the listener, and the module, as they hold
 * no reference to it. So a listener gets TCP's own; all that concerns us passes through the
 * socket's proto_ops. But not before it listens: with TCP's own it could connect.
 */
static int ksc_hash(struct sock *sk)
{
	struct proto *ours = sk->sk_prot, *base = ksc_base_proto(sk);
	struct ksc_sock *ks = ksc_sk(sk);
	int err;

	if (sk->sk_state != TCP_LISTEN)
		return base->hash(sk);
	/* by a listen() that began when the socket was plaintext */
	if (!ks || ks->phase != KSC_PHASE_LISTEN)
		return -EINVAL;
	WRITE_ONCE(sk->sk_prot, base);
	err = base->hash(sk);
	if (err)
		WRITE_ONCE(sk->sk_prot, ours);
	return err;
}

/*
 * proto_ops.sendmsg: does not call sk_prot, which is TCP's own while the socket listens. Callers
 * racing with listen() are rejected by the phase check. Like TCP's it does not autobind.
 */
static int ksc_sendmsg_ops(struct socket *sock, struct msghdr *msg, size_t size)
{
	sock_rps_record_flow(sock->sk);
	return ksc_sendmsg(sock->sk, msg, size);
}

static int ksc_plain_sendmsg_ops(struct socket *sock, struct msghdr *msg, size_t size)
{
	sock_rps_record_flow(sock->sk);
	return ksc_plain_sendmsg(sock->sk, msg, size);
}

static int ksc_listener_setsockopt(struct socket *sock, int level, int optname,
				   sockptr_t optval, unsigned int optlen)
{
	return ksc_setsockopt(sock->sk, level, optname, optval, optlen);
}

static int ksc_listener_getsockopt(struct socket *sock, int level, int optname,
				   char __user *optval, int __user *optlen)
{
	return ksc_getsockopt(sock->sk, level, optname, optval, optlen);
}

/*
 * proto.init of IPPROTO_KSCHANNEL: a TCP socket that has the ULP from the start; of
 * IPPROTO_KSCHANNEL_POLICY: with KSC_POLICY, too. The ULP takes over the module reference that
 * sk_alloc() took through the proto; the socket's memory belongs to TCP.
 */
static int ksc_new_init(struct sock *sk)
{
	int err;

	err = ksc_base_proto(sk)->init(sk);
	if (!err)
		err = ksc_attach(sk, &ksc_managed);
	if (err)
		return err;
	ksc_sk(sk)->ruling.by_policy = sk->sk_protocol == IPPROTO_KSCHANNEL_POLICY;
	sk->sk_protocol = IPPROTO_TCP;
	sk->sk_prot_creator = ksc_base_proto(sk);
	inet_csk(sk)->icsk_ulp_ops = &ksc_ulp_ops;
	ksc_take_over(sk);
	return 0;
}

static const int ksc_numbers[] = { IPPROTO_KSCHANNEL, IPPROTO_KSCHANNEL_POLICY };

static struct inet_protosw ksc_protosw[KSC_FAMILIES][ARRAY_SIZE(ksc_numbers)];

static void ksc_build(bool v6, struct proto *p, struct proto_ops *o)
{
	ksc_base_tables(v6, p, o);
	p->close = ksc_close;
	p->connect = ksc_proto_connect;
	p->disconnect = ksc_disconnect;
	p->hash = ksc_hash;
	p->release_cb = ksc_release_cb;
	p->setsockopt = ksc_setsockopt;
	p->getsockopt = ksc_getsockopt;
	p->sendmsg = ksc_sendmsg;
	p->recvmsg = ksc_recvmsg_op;
	p->splice_eof = ksc_splice_eof;
	p->ioctl = ksc_ioctl;
	o->connect = ksc_connect_ops;
	o->listen = ksc_listen_ops;
	o->accept = ksc_accept_ops;
	o->poll = ksc_poll_ops;
	o->sendmsg = ksc_sendmsg_ops;
	o->shutdown = ksc_shutdown_ops;
	o->set_rcvlowat = ksc_set_rcvlowat;
	o->mmap = sock_no_mmap;
	o->read_sock = ksc_read_sock;
	o->peek_len = ksc_peek_len;
	/* we do not support a peek offset */
	o->set_peek_off = NULL;
}

/**
 * ksc_listener_sendmsg() - proto_ops.sendmsg of a listener
 * @sock: socket
 * @msg: message
 * @size: length of @msg in bytes
 *
 * If the listener was closed by SOCK_DESTROY, TCP rejects the message. But with MSG_FASTOPEN, TCP
 * would connect and send it in plaintext.
 *
 * Context: process. Return: an errno.
 */
int ksc_listener_sendmsg(struct socket *sock, struct msghdr *msg, size_t size)
{
	if (msg->msg_flags & MSG_FASTOPEN)
		return -EOPNOTSUPP;
	ksc_settle_sock(sock->sk);
	return ksc_sendmsg(sock->sk, msg, size);
}

/* Operations for a socket that listens, or just did */
static void ksc_build_listener(const struct ksc_tables *t, struct proto_ops *o)
{
	*o = t->ops;
	o->shutdown = ksc_listener_shutdown;
	o->setsockopt = ksc_listener_setsockopt;
	o->getsockopt = ksc_listener_getsockopt;
	o->sendmsg = ksc_listener_sendmsg;
	o->poll = t->base_ops->poll;
	o->read_sock = NULL;
	o->peek_len = NULL;
}

/* As ksc_plain_sendmsg() */
KSC_DEFINE_PLAIN_SENDPAGE(ksc_plain_sendpage, ksc_is_plain)

static void ksc_build_plain(const struct ksc_tables *t, struct proto *p, struct proto_ops *o)
{
	*p = *t->base;
	*o = *t->base_ops;
	p->close = ksc_plain_close;
	p->connect = ksc_plain_refuse;
	p->disconnect = ksc_plain_disconnect;
	p->sendmsg = ksc_plain_sendmsg;
	o->sendmsg = ksc_plain_sendmsg_ops;
	ksc_compat_plain_sendpage(p, o, ksc_plain_sendpage);
	o->connect = ksc_plain_connect;
	o->listen = ksc_plain_listen;
}

/* inet6_stream_ops is not exported everywhere: ask a socket */
static int ksc_probe_ops(int pf, struct ksc_tables *t)
{
	struct socket *sock;
	int err;

	err = sock_create_kern(&init_net, pf, SOCK_STREAM, IPPROTO_TCP, &sock);
	if (err)
		return err;
	t->base_ops = sock->ops;
	t->data_ready = sock->sk->sk_data_ready;
	t->write_space = sock->sk->sk_write_space;
	t->state_change = sock->sk->sk_state_change;
	sock_release(sock);
	return 0;
}

/* Unregister the first @n */
static void ksc_unregister(int n)
{
	while (n--) {
		struct inet_protosw *p = &ksc_protosw[n % KSC_FAMILIES][n / KSC_FAMILIES];

		if (!p->prot)
			continue;
		if (n % KSC_FAMILIES == KSC_V6)
			inet6_unregister_protosw(p);
		else
			inet_unregister_protosw(p);
	}
}

static int ksc_register(void)
{
	int n, err = 0;

	for (n = 0; !err && n < KSC_FAMILIES * ARRAY_SIZE(ksc_numbers); n++) {
		int family = n % KSC_FAMILIES;
		struct inet_protosw *p = &ksc_protosw[family][n / KSC_FAMILIES];
		struct ksc_tables *t = ksc_tables_of(family);

		if (!t->registered)
			continue;
		p->type = SOCK_STREAM;
		p->protocol = ksc_numbers[n / KSC_FAMILIES];
		p->prot = &t->fresh;
		p->ops = &t->ops;
		p->flags = INET_PROTOSW_ICSK;
		if (family == KSC_V6)
			err = inet6_register_protosw(p);
		else
			inet_register_protosw(p);
	}
	/* the last one has failed */
	if (err)
		ksc_unregister(n - 1);
	return err;
}

/**
 * ksc_proto_init() - build the tables and register IPPROTO_KSCHANNEL
 *
 * Context: module init. Return: 0 or an errno.
 */
int ksc_proto_init(void)
{
	int i, err;

	for (i = 0; i < KSC_FAMILIES; i++) {
		struct ksc_tables *t = ksc_tables_of(i);

		err = ksc_probe_ops(i == KSC_V6 ? PF_INET6 : PF_INET, t);
		/* a kernel booted without IPv6 has no such sockets */
		if (err && i == KSC_V6)
			break;
		if (err)
			return err;
		ksc_build(i, &t->proto, &t->ops);
		ksc_build_listener(t, &t->listener_ops);
		ksc_build_plain(t, &t->plain, &t->plain_ops);
		t->fresh = t->proto;
		t->fresh.owner = THIS_MODULE;
		t->fresh.init = ksc_new_init;
		t->registered = true;
	}

	return ksc_register();
}

/**
 * ksc_proto_exit() - undo ksc_proto_init()
 */
void ksc_proto_exit(void)
{
	ksc_unregister(KSC_FAMILIES * ARRAY_SIZE(ksc_numbers));
}
