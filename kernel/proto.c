// SPDX-License-Identifier: GPL-2.0
/*
 * TCP's operations with ours in their place, and the two ways a socket gets
 * them: the ULP and IPPROTO_KSCHANNEL. Nothing of TCP's own is changed; every
 * table here is a copy.
 */
#include <linux/module.h>
#include <linux/sockios.h>
#include <linux/net.h>
#include <net/inet_common.h>
#include <net/ipv6.h>
#include <net/protocol.h>
#include <net/tcp.h>
#include <net/transp_v6.h>
#include <asm/ioctls.h>

#include "compat/compat.h"
#include "compat/rps.h"
#include "ksc.h"

enum { KSC_V4, KSC_V6, KSC_FAMILIES };

/* not const: sk->sk_prot is not */
static struct proto *const ksc_base_protos[KSC_FAMILIES] = {
	&tcp_prot, &tcpv6_prot,
};

/* of the sockets; and of IPPROTO_KSCHANNEL while one is being created */
static struct proto ksc_protos[KSC_FAMILIES], ksc_new_protos[KSC_FAMILIES];
static const struct proto_ops *ksc_bases[KSC_FAMILIES];
static struct proto_ops ksc_ops[KSC_FAMILIES];
/* A listener's: its struct proto is TCP's own */
static struct proto_ops ksc_listener_ops[KSC_FAMILIES];
/* TCP's, but that the next connection is looked at */
static struct proto ksc_plain_protos[KSC_FAMILIES];
static struct proto_ops ksc_plain_ops[KSC_FAMILIES];
/* What TCP calls back on a new socket; the functions themselves are not exported */
static struct {
	void (*data_ready)(struct sock *sk);
	void (*write_space)(struct sock *sk);
	void (*state_change)(struct sock *sk);
} ksc_base_callbacks;
static bool ksc_registered[KSC_FAMILIES];

/**
 * ksc_base_proto() - TCP's own operations
 * @sk: socket
 */
struct proto *ksc_base_proto(const struct sock *sk)
{
	return ksc_base_protos[sk->sk_family == AF_INET6];
}

/**
 * ksc_base_ops() - the socket operations that ours stand before
 * @sk: socket
 */
const struct proto_ops *ksc_base_ops(const struct sock *sk)
{
	return ksc_bases[sk->sk_family == AF_INET6];
}

/* proto_ops.accept; with the child in hand, its handshake begins */
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

/**
 * ksc_take_over() - our operations in place of TCP's
 * @sk: socket, locked and owned or not yet visible; it has its state
 *
 * Context: any.
 */
void ksc_take_over(struct sock *sk)
{
	int family = sk->sk_family == AF_INET6;

	WRITE_ONCE(sk->sk_prot, &ksc_protos[family]);
	if (sk->sk_socket)
		WRITE_ONCE(sk->sk_socket->ops, &ksc_ops[family]);
}

/**
 * ksc_give_back() - TCP's operations in place of ours, but for the next connection's
 * @sk: socket, locked and owned or not yet visible
 *
 * Others may still be in one of ours.
 *
 * Context: any.
 */
void ksc_give_back(struct sock *sk)
{
	int family = sk->sk_family == AF_INET6;

	WRITE_ONCE(sk->sk_prot, &ksc_plain_protos[family]);
	if (sk->sk_socket)
		WRITE_ONCE(sk->sk_socket->ops, &ksc_plain_ops[family]);
}

/**
 * ksc_is_plain() - is a socket with the ULP left to TCP?
 * @sk: socket, locked and owned
 *
 * Whoever was in one of our operations meanwhile goes on with TCP's.
 */
bool ksc_is_plain(const struct sock *sk)
{
	return sk->sk_prot == &ksc_plain_protos[sk->sk_family == AF_INET6];
}

/**
 * ksc_has_ulp() - does a socket have our ULP?
 * @sk: socket, locked and owned
 */
bool ksc_has_ulp(const struct sock *sk)
{
	return inet_csk(sk)->icsk_ulp_ops == &ksc_ulp_ops;
}

/**
 * ksc_listener_take() - the operations of a listener
 * @sk: socket, locked and owned, not yet listening
 *
 * Context: process.
 */
void ksc_listener_take(struct sock *sk)
{
	WRITE_ONCE(sk->sk_socket->ops, &ksc_listener_ops[sk->sk_family == AF_INET6]);
}

/*
 * proto.hash: TCP makes a listener known to its peers, all else being done.
 *
 * Requests take the listener's struct proto and outlive both it and, having no reference
 * on the module, us. So it is TCP's own; what we have to see comes by the socket's
 * operations. But not before it listens: TCP's own would connect it.
 */
static int ksc_hash(struct sock *sk)
{
	struct proto *ours = sk->sk_prot, *base = ksc_base_proto(sk);
	struct ksc_sock *ks = ksc_sk(sk);
	int err;

	if (sk->sk_state != TCP_LISTEN)
		return base->hash(sk);
	/* by a listen() of when the socket was plain */
	if (!ks || ks->phase != KSC_PHASE_LISTEN)
		return -EINVAL;
	WRITE_ONCE(sk->sk_prot, base);
	err = base->hash(sk);
	if (err)
		WRITE_ONCE(sk->sk_prot, ours);
	return err;
}

/*
 * proto_ops.sendmsg: not by way of sk_prot, which is TCP's own while the socket listens.
 * Whoever was on the way here before that, or is after it, is told by the phase. TCP's has
 * no port to choose first, either.
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

/**
 * ksc_child_reset() - what a child has from its listener as it happened to be
 * @sk: child that nobody else sees yet
 *
 * Context: softirq.
 */
void ksc_child_reset(struct sock *sk)
{
	sk->sk_data_ready = ksc_base_callbacks.data_ready;
	sk->sk_write_space = ksc_base_callbacks.write_space;
	sk->sk_state_change = ksc_base_callbacks.state_change;
	/* the child outlives our operations on it, in TIME_WAIT even the module */
	sk->sk_prot_creator = ksc_base_proto(sk);
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

/**
 * ksc_pristine() - is this a TCP socket with nothing but TCP to it?
 * @sk: socket, locked and owned
 *
 * Not with sockmap, SMC, MPTCP, BPF, whoever stands between already; nor with Fast
 * Open, which sends before there is a connection to protect.
 *
 * Context: process.
 */
bool ksc_pristine(const struct sock *sk)
{
	int family = sk->sk_family == AF_INET6;

	return sk_is_tcp(sk) && ksc_registered[family] &&
	       sk->sk_prot == ksc_base_protos[family] && sk->sk_socket &&
	       sk->sk_socket->ops == ksc_bases[family] && !sk->sk_user_data &&
	       !tcp_sk(sk)->fastopen_connect && !tcp_sk(sk)->repair;
}

/*
 * Of TCP's operations on sockets those that pass no record layer by. Named one by one: one
 * that a later kernel adds is not there, and the core falls back on others, or refuses.
 */
static void ksc_base_socket_ops(struct proto_ops *o, const struct proto_ops *base)
{
	*o = (const struct proto_ops){
		.family		= base->family,
		.owner		= base->owner,
		.release	= base->release,
		.bind		= base->bind,
		.connect	= base->connect,
		.socketpair	= base->socketpair,
		.accept		= base->accept,
		.getname	= base->getname,
		.poll		= base->poll,
		.ioctl		= base->ioctl,
#ifdef CONFIG_COMPAT
		.compat_ioctl	= base->compat_ioctl,
#endif
		.gettstamp	= base->gettstamp,
		.listen		= base->listen,
		.shutdown	= base->shutdown,
		.setsockopt	= base->setsockopt,
		.getsockopt	= base->getsockopt,
		.show_fdinfo	= base->show_fdinfo,
		.sendmsg	= base->sendmsg,
		.recvmsg	= base->recvmsg,
		.mmap		= base->mmap,
		.splice_eof	= base->splice_eof,
		.set_peek_off	= base->set_peek_off,
		.peek_len	= base->peek_len,
		.set_rcvlowat	= base->set_rcvlowat,
	};
	ksc_compat_base_ops(o, base);
}

/**
 * ksc_base_tables() - copy TCP's operations, but for those that pass a record layer by
 * @v6: IPv6's
 * @p: where to
 * @o: where to
 *
 * Context: module init, after ksc_proto_init() has found TCP's.
 * Return: false if there are none, this being a kernel booted without IPv6.
 */
bool ksc_base_tables(bool v6, struct proto *p, struct proto_ops *o)
{
	if (!ksc_bases[v6])
		return false;
	*p = *ksc_base_protos[v6];
	ksc_base_socket_ops(o, ksc_bases[v6]);
	ksc_compat_no_sendpage(p);
#ifdef CONFIG_BPF_SYSCALL
	/* no sockmap */
	p->psock_update_sk_prot = NULL;
#endif
	return true;
}

/**
 * ksc_ulp_attach() - ULP init: setsockopt(TCP_ULP)
 * @sk: socket, locked and owned
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_ulp_attach(struct sock *sk)
{
	struct ksc_sock *ks;
	int err;

	if (!ksc_pristine(sk))
		return -EOPNOTSUPP;
	/* a listener may have children already that nobody would protect */
	if (!((1 << sk->sk_state) &
	      (TCPF_CLOSE | TCPF_SYN_SENT | TCPF_ESTABLISHED | TCPF_CLOSE_WAIT)))
		return -ENOTCONN;

	err = ksc_attach(sk, &ksc_managed);
	if (err)
		return err;

	ks = ksc_sk(sk);
	if (sk->sk_state == TCP_SYN_SENT) {
		/* after a non-blocking connect() */
		ks->role = KSC_ROLE_CLIENT;
		ksc_arm(sk, ks);
		ksc_move(sk, ks, KSC_EVENT_CONNECT);
	}
	ksc_take_over(sk);
	return 0;
}

/*
 * proto.init of IPPROTO_KSCHANNEL: a TCP socket with the ULP on it from the
 * start; of IPPROTO_KSCHANNEL_POLICY, one with KSC_POLICY too. The reference
 * that sk_alloc() took on our module by way of the proto becomes the ULP's;
 * the socket's memory is TCP's.
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
	/* an offset that we would not mind */
	o->set_peek_off = NULL;
}

/* Called with the socket in state LISTEN, or when it just was */
static void ksc_build_listener(bool v6, struct proto_ops *o)
{
	*o = ksc_ops[v6];
	o->shutdown = ksc_listener_shutdown;
	o->setsockopt = ksc_listener_setsockopt;
	o->getsockopt = ksc_listener_getsockopt;
	o->sendmsg = ksc_listener_sendmsg;
	o->poll = ksc_bases[v6]->poll;
	o->read_sock = NULL;
	o->peek_len = NULL;
}

/* As ksc_plain_sendmsg() */
KSC_DEFINE_PLAIN_SENDPAGE(ksc_plain_sendpage, ksc_is_plain)

static void ksc_build_plain(bool v6, struct proto *p, struct proto_ops *o)
{
	*p = *ksc_base_protos[v6];
	*o = *ksc_bases[v6];
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
static int ksc_probe_ops(int pf, const struct proto_ops **ops)
{
	struct socket *sock;
	int err;

	err = sock_create_kern(&init_net, pf, SOCK_STREAM, IPPROTO_TCP, &sock);
	if (err)
		return err;
	*ops = sock->ops;
	ksc_base_callbacks.data_ready = sock->sk->sk_data_ready;
	ksc_base_callbacks.write_space = sock->sk->sk_write_space;
	ksc_base_callbacks.state_change = sock->sk->sk_state_change;
	sock_release(sock);
	return 0;
}

/* The first so many */
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

		if (!ksc_registered[family])
			continue;
		p->type = SOCK_STREAM;
		p->protocol = ksc_numbers[n / KSC_FAMILIES];
		p->prot = &ksc_new_protos[family];
		p->ops = &ksc_ops[family];
		p->flags = INET_PROTOSW_ICSK;
		if (family == KSC_V6)
			err = inet6_register_protosw(p);
		else
			inet_register_protosw(p);
	}
	/* the last one is not */
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
		err = ksc_probe_ops(i == KSC_V6 ? PF_INET6 : PF_INET, &ksc_bases[i]);
		/* a kernel booted without IPv6 has no such sockets */
		if (err && i == KSC_V6)
			break;
		if (err)
			return err;
		ksc_build(i, &ksc_protos[i], &ksc_ops[i]);
		ksc_build_listener(i, &ksc_listener_ops[i]);
		ksc_build_plain(i, &ksc_plain_protos[i], &ksc_plain_ops[i]);
		ksc_new_protos[i] = ksc_protos[i];
		ksc_new_protos[i].owner = THIS_MODULE;
		ksc_new_protos[i].init = ksc_new_init;
		ksc_registered[i] = true;
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
