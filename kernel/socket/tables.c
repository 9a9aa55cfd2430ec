// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP's operations, and ours that replace them. TCP's own tables are never changed; ours are
 * copies.
 */
#include <linux/net.h>
#include <net/ipv6.h>
#include <net/tcp.h>
#include <net/transp_v6.h>

#include "compat/compat.h"
#include "socket/tables.h"

static struct ksc_tables ksc_tables[KSC_FAMILIES] = {
	[KSC_V4] = { .base = &tcp_prot },
	[KSC_V6] = { .base = &tcpv6_prot },
};

/**
 * ksc_tables_of() - get a family's tables
 * @family: KSC_V4 or KSC_V6
 *
 * Filled in by proto.c when the module is loaded.
 */
struct ksc_tables *ksc_tables_of(int family)
{
	return &ksc_tables[family];
}

/**
 * ksc_base_proto() - get TCP's own struct proto
 * @sk: socket
 */
struct proto *ksc_base_proto(const struct sock *sk)
{
	return ksc_tables[sk->sk_family == AF_INET6].base;
}

/**
 * ksc_base_ops() - get TCP's own struct proto_ops
 * @sk: socket
 */
const struct proto_ops *ksc_base_ops(const struct sock *sk)
{
	return ksc_tables[sk->sk_family == AF_INET6].base_ops;
}

/**
 * ksc_take_over() - install our operations
 * @sk: socket, locked and owned or not yet visible; it has its state
 *
 * Context: any.
 */
void ksc_take_over(struct sock *sk)
{
	struct ksc_tables *t = ksc_tables_of(sk->sk_family == AF_INET6);

	WRITE_ONCE(sk->sk_prot, &t->proto);
	if (sk->sk_socket)
		WRITE_ONCE(sk->sk_socket->ops, &t->ops);
}

/**
 * ksc_give_back() - restore TCP's operations, except those that begin the next connection
 * @sk: socket, locked and owned or not yet visible
 *
 * Other tasks may still be in one of ours.
 *
 * Context: any.
 */
void ksc_give_back(struct sock *sk)
{
	struct ksc_tables *t = ksc_tables_of(sk->sk_family == AF_INET6);

	WRITE_ONCE(sk->sk_prot, &t->plain);
	if (sk->sk_socket)
		WRITE_ONCE(sk->sk_socket->ops, &t->plain_ops);
}

/**
 * ksc_is_plain() - check whether a socket with the ULP is left to TCP
 * @sk: socket, locked and owned
 *
 * A task that was in one of our operations meanwhile continues with TCP's.
 */
bool ksc_is_plain(const struct sock *sk)
{
	return sk->sk_prot == &ksc_tables[sk->sk_family == AF_INET6].plain;
}

/**
 * ksc_listener_take() - install a listener's operations
 * @sk: socket, locked and owned, not yet listening
 *
 * Context: process.
 */
void ksc_listener_take(struct sock *sk)
{
	WRITE_ONCE(sk->sk_socket->ops, &ksc_tables[sk->sk_family == AF_INET6].listener_ops);
}

/**
 * ksc_child_reset() - reset what a child has copied from its listener
 * @sk: child, not yet visible
 *
 * Context: softirq.
 */
void ksc_child_reset(struct sock *sk)
{
	const struct ksc_tables *t = ksc_tables_of(sk->sk_family == AF_INET6);

	sk->sk_data_ready = t->data_ready;
	sk->sk_write_space = t->write_space;
	sk->sk_state_change = t->state_change;
	/* the child may outlive our operations, and in TIME_WAIT the module */
	sk->sk_prot_creator = ksc_base_proto(sk);
}

/**
 * ksc_pristine() - check whether a socket is a plain TCP socket
 * @sk: socket, locked and owned
 *
 * It is not with sockmap, SMC, MPTCP, BPF or anything else in between; nor with Fast Open, which
 * sends data before there is a connection to protect.
 *
 * Context: process.
 */
bool ksc_pristine(const struct sock *sk)
{
	const struct ksc_tables *t = ksc_tables_of(sk->sk_family == AF_INET6);

	return sk_is_tcp(sk) && t->registered && sk->sk_prot == t->base && sk->sk_socket &&
	       sk->sk_socket->ops == t->base_ops && !sk->sk_user_data &&
	       !tcp_sk(sk)->fastopen_connect && !tcp_sk(sk)->repair;
}

/*
 * Copy the TCP operations that do not bypass a record layer. An explicit list: without an
 * operation that a later kernel adds, the core falls back to others, or fails.
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
 * ksc_base_tables() - copy TCP's operations, except those that bypass a record layer
 * @v6: IPv6's
 * @p: destination
 * @o: destination
 *
 * Context: module init, after ksc_proto_init() has found TCP's.
 * Return: false if there are none, as the kernel was booted without IPv6.
 */
bool ksc_base_tables(bool v6, struct proto *p, struct proto_ops *o)
{
	if (!ksc_tables[v6].base_ops)
		return false;
	*p = *ksc_tables[v6].base;
	ksc_base_socket_ops(o, ksc_tables[v6].base_ops);
	ksc_compat_no_sendpage(p);
#ifdef CONFIG_BPF_SYSCALL
	/* no sockmap */
	p->psock_update_sk_prot = NULL;
#endif
	return true;
}
