/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hides the differences between kernel versions (6.1 to 7.3); no other file has any. Each is
 * probed for when the module is built, see probe/: version numbers say little about kernels with
 * backports.
 */
#ifndef _KSC_COMPAT_H
#define _KSC_COMPAT_H

#include <linux/bvec.h>
#include <linux/cgroup.h>
#include <linux/kernfs.h>
#include <linux/net.h>
#include <linux/scatterlist.h>
#include <linux/socket.h>
#include <linux/uio.h>
#include <linux/workqueue.h>
#include <net/inet_common.h>
#include <net/tcp.h>

#include "have.h"

/* 6.5 replaced sendpage by MSG_SPLICE_PAGES */
#ifdef KSC_HAVE_SENDPAGE
/* flags: more of the same write follows */
#define KSC_COMPAT_MORE		(MSG_MORE | MSG_SENDPAGE_NOTLAST)
#define KSC_COMPAT_SPLICE	(MSG_SENDPAGE_NOTLAST | MSG_SENDPAGE_NOPOLICY)
/* flag: the data are pages to splice; sendpage kernels always copy */
#define KSC_COMPAT_PAGES	0
#else
#define KSC_COMPAT_MORE		MSG_MORE
#define KSC_COMPAT_SPLICE	(MSG_SPLICE_PAGES | MSG_SENDPAGE_NOPOLICY)
#define KSC_COMPAT_PAGES	MSG_SPLICE_PAGES
#endif

/* proto_ops.sendpage that calls TCP's while @is_plain(sk); see ksc_compat_plain_sendpage() */
#ifdef KSC_HAVE_SENDPAGE
#define KSC_DEFINE_PLAIN_SENDPAGE(name, is_plain)			\
static ssize_t name(struct socket *sock, struct page *page, int offset,	\
		    size_t size, int flags)				\
{									\
	struct sock *sk = sock->sk;					\
	ssize_t n;							\
									\
	lock_sock(sk);							\
	if (likely(is_plain(sk)))					\
		n = tcp_sendpage_locked(sk, page, offset, size, flags);	\
	else								\
		n = sk_stream_error(sk, flags, -EPIPE);			\
	release_sock(sk);						\
	return n;							\
}

/* Make @name the only way to send pages. @p, @o: tables of plaintext sockets, being set up */
#define ksc_compat_plain_sendpage(p, o, name)	((p)->sendpage = NULL, (o)->sendpage = (name))
#else
#define KSC_DEFINE_PLAIN_SENDPAGE(name, is_plain)
#define ksc_compat_plain_sendpage(p, o, name)	do { } while (0)
#endif

/* 6.12: exempts a variable from automatic stack initialisation */
#ifndef __uninitialized
#define __uninitialized
#endif

/* flags that kTLS's sendmsg accepts */
#define KSC_COMPAT_SEND_FLAGS	(MSG_MORE | MSG_DONTWAIT | MSG_NOSIGNAL | MSG_EOR | \
				 MSG_CMSG_COMPAT | KSC_COMPAT_SPLICE)

/* proto_ops.accept: calls that of @call, then @then(listener, child), which returns an errno */
#ifdef KSC_HAVE_ACCEPT_ARG
#define KSC_DEFINE_ACCEPT(name, call, then)				\
static int name(struct socket *sock, struct socket *newsock,		\
		struct proto_accept_arg *arg)				\
{									\
	int err = (call)->accept(sock, newsock, arg);			\
									\
	return err ?: then(sock, newsock);				\
}
#else
#define KSC_DEFINE_ACCEPT(name, call, then)				\
static int name(struct socket *sock, struct socket *newsock,		\
		int flags, bool kern)					\
{									\
	int err = (call)->accept(sock, newsock, flags, kern);		\
									\
	return err ?: then(sock, newsock);				\
}
#endif

/* type of connect()'s address */
#ifdef KSC_HAVE_SOCKADDR_UNSIZED
#define ksc_sockaddr		sockaddr_unsized
#else
#define ksc_sockaddr		sockaddr
#endif

/* proto.recvmsg: calls @call with addr_len, or with NULL where the kernel passes none */
#ifdef KSC_HAVE_RECVMSG_ADDR_LEN
#define KSC_DEFINE_RECVMSG(name, call)					\
static int name(struct sock *sk, struct msghdr *msg, size_t len,	\
		int flags, int *addr_len)				\
{									\
	return call(sk, msg, len, flags, addr_len);			\
}
#else
#define KSC_DEFINE_RECVMSG(name, call)					\
static int name(struct sock *sk, struct msghdr *msg, size_t len,	\
		int flags)						\
{									\
	return call(sk, msg, len, flags, NULL);				\
}
#endif

/* tcp_ulp_ops.get_info and get_info_size for information that needs no privilege */
#ifdef KSC_HAVE_ULP_NET_ADMIN
#define KSC_DEFINE_ULP_INFO(name, info, size)				\
static int name(struct sock *sk, struct sk_buff *skb, bool net_admin)	\
{									\
	return info(sk, skb);						\
}									\
									\
static size_t name##_size(const struct sock *sk, bool net_admin)	\
{									\
	return size(sk);						\
}
#else
#define KSC_DEFINE_ULP_INFO(name, info, size)				\
static int name(struct sock *sk, struct sk_buff *skb)			\
{									\
	return info(sk, skb);						\
}									\
									\
static size_t name##_size(const struct sock *sk)			\
{									\
	return size(sk);						\
}
#endif

#ifdef KSC_HAVE_IOCTL_POINTER
#define KSC_IOCTL_ARG		int *
#else
#define KSC_IOCTL_ARG		unsigned long
#endif

/* alloc_workqueue() flag: work runs on the CPU that queued it */
#ifdef KSC_HAVE_WQ_PERCPU
#define KSC_COMPAT_WQ_PERCPU	WQ_PERCPU
#else
#define KSC_COMPAT_WQ_PERCPU	0
#endif

#ifndef ITER_DEST
#define ITER_DEST		READ
#define ITER_SOURCE		WRITE
#endif

/**
 * ksc_compat_ioctl_put() - return an int from an ioctl
 * @arg: the ioctl's argument
 * @v: the value
 *
 * Return: 0 or -EFAULT.
 */
static inline int ksc_compat_ioctl_put(KSC_IOCTL_ARG arg, int v)
{
#ifdef KSC_HAVE_IOCTL_POINTER
	*arg = v;
	return 0;
#else
	return put_user(v, (int __user *)arg);
#endif
}

/**
 * ksc_compat_recvmsg() - proto.recvmsg of another proto
 * @p: the proto
 * @sk: socket
 * @msg: message
 * @len: room in it
 * @flags: MSG_*
 * @addr_len: as KSC_DEFINE_RECVMSG() passes it
 *
 * Return: what @p's recvmsg returned.
 */
static inline int ksc_compat_recvmsg(const struct proto *p, struct sock *sk, struct msghdr *msg,
				     size_t len, int flags, int *addr_len)
{
#ifdef KSC_HAVE_RECVMSG_ADDR_LEN
	return p->recvmsg(sk, msg, len, flags, addr_len);
#else
	return p->recvmsg(sk, msg, len, flags);
#endif
}

/**
 * ksc_compat_recv_error() - read TCP's error queue
 * @sk: socket
 * @msg: message
 * @len: room in it
 * @addr_len: as KSC_DEFINE_RECVMSG() has it
 *
 * Return: bytes read, or an errno.
 */
static inline int ksc_compat_recv_error(struct sock *sk, struct msghdr *msg, int len,
					int *addr_len)
{
#ifdef KSC_HAVE_RECV_ERROR_ADDR_LEN
	/* no reader where proto.recvmsg has no addr_len */
	int unused;

	return inet_recv_error(sk, msg, len, addr_len ?: &unused);
#else
	return inet_recv_error(sk, msg, len);
#endif
}

/**
 * ksc_compat_base_ops() - copy TCP operations that not every kernel has and that bypass no record
 * layer
 * @o: destination
 * @base: TCP's operations
 */
static inline void ksc_compat_base_ops(struct proto_ops *o, const struct proto_ops *base)
{
#ifdef KSC_HAVE_SET_RCVBUF
	o->set_rcvbuf = base->set_rcvbuf;
#endif
}

/**
 * ksc_compat_no_sendpage() - route pages through sendmsg()
 * @p: table being set up
 *
 * Context: module init.
 */
static inline void ksc_compat_no_sendpage(struct proto *p)
{
#ifdef KSC_HAVE_SENDPAGE
	p->sendpage = NULL;
#endif
}

/**
 * ksc_compat_readable() - can the CPU read an skb's fragments?
 * @skb: the skb
 *
 * Return: false for device memory, which exists from 6.12 on.
 */
static inline bool ksc_compat_readable(const struct sk_buff *skb)
{
#ifdef KSC_HAVE_FRAGS_READABLE
	return skb_frags_readable(skb);
#else
	return true;
#endif
}

/**
 * ksc_compat_push() - pass page fragments to TCP without copying
 * @sk: socket, locked and owned
 * @bv: fragments that are no longer written to; TCP takes its own references
 * @n: number of fragments
 * @flags: MSG_*
 *
 * Return: bytes taken, or an errno if none.
 */
static inline int ksc_compat_push(struct sock *sk, struct bio_vec *bv, int n,
				  int flags)
{
#ifdef KSC_HAVE_SENDPAGE
	int i, done = 0;

	for (i = 0; i < n; i++) {
		int got = do_tcp_sendpages(sk, bv[i].bv_page, bv[i].bv_offset,
					   bv[i].bv_len, flags | MSG_NO_SHARED_FRAGS |
					   (i < n - 1 ? MSG_SENDPAGE_NOTLAST | MSG_MORE : 0));

		if (got < 0)
			return done ?: got;
		done += got;
		if (got < bv[i].bv_len)
			break;
	}
	return done;
#else
	struct msghdr msg = {
		.msg_flags = flags | MSG_SPLICE_PAGES | MSG_NO_SHARED_FRAGS,
	};
	size_t size = 0;
	int i;

	for (i = 0; i < n; i++)
		size += bv[i].bv_len;
	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, bv, n, size);
	return tcp_sendmsg_locked(sk, &msg, size);
#endif
}

/**
 * ksc_compat_splice_sg() - map the pages of a KSC_COMPAT_PAGES message into a table
 * @iter: the pages; advanced
 * @len: bytes, all of them in @iter
 * @sg: table, initialised
 * @max: its entries
 *
 * Return: entries used, without references; or an errno, then @iter may have been advanced.
 */
static inline int ksc_compat_splice_sg(struct iov_iter *iter, size_t len,
				       struct scatterlist *sg, unsigned int max)
{
#ifdef KSC_HAVE_SENDPAGE
	return -EOPNOTSUPP;
#else
	struct sg_table table = { .sgl = sg };
	ssize_t n;

	if (!iov_iter_is_bvec(iter))
		return -EOPNOTSUPP;
	n = extract_iter_to_sg(iter, len, &table, max, 0);
	if (n < 0)
		return n;
	return n == len ? table.nents : -EMSGSIZE;
#endif
}

#ifdef CONFIG_CGROUPS
/**
 * ksc_compat_cgroup_name() - a cgroup's name in its parent
 * @cgrp: the cgroup
 *
 * Cgroups of version 2 can't be renamed.
 *
 * Context: RCU. Return: the name, owned by the cgroup.
 */
static inline const char *ksc_compat_cgroup_name(const struct cgroup *cgrp)
{
	return cgrp->kn->name;
}
#endif

#endif /* _KSC_COMPAT_H */
