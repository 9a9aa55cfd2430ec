// SPDX-License-Identifier: GPL-2.0
/*
 * Leaving sockets to TCP: what the policy says is plaintext has TCP's own operations on
 * its way, and costs what TCP costs.
 *
 * The ULP stays. All it does is to look at the socket's next connection, should this one
 * come to nothing: connect(), listen(), disconnect(), and whatever else would have TCP
 * begin one by itself. A listener's child that is plaintext has no state at all; it gets
 * one when it is used again.
 */
#include <linux/kschannel_netlink.h>
#include <linux/net.h>
#include <net/tcp.h>

#include "compat/compat.h"
#include "failpoint.h"
#include "socket/asking.h"
#include "socket/connect.h"
#include "socket/leave.h"
#include "socket/phase.h"
#include "socket/plain.h"
#include "socket/pump.h"
#include "socket/state.h"
#include "socket/tables.h"
#include "socket/ulp.h"

/* Context: the socket's lock. A listener's child gets the state that it has lived without */
static int ksc_plain_prepare(struct sock *sk)
{
	struct ksc_sock *ks = ksc_sk(sk);
	int err;

	/* one that has spoken TLS can't be anything else any more */
	if (ks)
		return ks->session ? -EOPNOTSUPP : 0;
	err = ksc_attach(sk, &ksc_managed);
	if (err)
		return err;
	ks = ksc_sk(sk);
	ks->ruling.by_policy = true;
	WRITE_ONCE(sk->sk_rcvlowat, ks->rcvlowat);
	return ksc_move(sk, ks, KSC_EVENT_LEAVE);
}

/* Context: the socket's lock. The next connection is one that the policy may protect */
static void ksc_plain_revive(struct sock *sk)
{
	struct ksc_sock *ks = ksc_sk(sk);

	ksc_move(sk, ks, KSC_EVENT_UNCONNECT);
	ksc_take_rcvlowat(sk, ks);
	clear_bit(SOCK_SUPPORT_ZC, &sk->sk_socket->flags);
	/* TCP's disconnect() leaves it */
	tcp_sk(sk)->fastopen_connect = 0;
	ks->ruling.made = false;
	ksc_asked_forget(ks);
	ks->role = KSC_ROLE_UNSPEC;
	ksc_take_over(sk);
}

/*
 * Is a socket ours by now that is going to connect, or to listen? 1 if so, 0 if TCP has
 * to say why it can't, which is counted as a call under way; or an errno. Context: the
 * socket's lock.
 */
static int ksc_plain_watch_locked(struct sock *sk)
{
	int err;

	if (!ksc_has_ulp(sk))
		return -EINVAL;
	if (sk->sk_state == TCP_CLOSE) {
		/* someone was faster */
		if (!ksc_is_plain(sk))
			return 1;
		/* one that has ended may have data that nobody has read: TCP does not use it */
		if (sk->sk_socket->state == SS_UNCONNECTED) {
			err = ksc_plain_prepare(sk);
			if (err)
				return err;
			ksc_plain_revive(sk);
			return 1;
		}
	}
	/* TCP may come to it when it has been disconnected, and listens */
	err = ksc_sk(sk) ? 0 : ksc_plain_prepare(sk);
	if (!err)
		ksc_sk(sk)->calls++;
	return err;
}

static int ksc_plain_watch(struct sock *sk, struct ksc_asking *asking)
{
	int err;

	lock_sock(sk);
	err = ksc_plain_watch_locked(sk);
	if (!err && asking)
		ksc_asking_begin(ksc_sk(sk), asking);
	release_sock(sk);
	return err;
}

/* TCP has said why. Context: process, takes the socket's lock */
static void ksc_plain_watched(struct sock *sk, struct ksc_asking *asking)
{
	struct ksc_sock *ks;

	lock_sock(sk);
	ks = ksc_sk(sk);
	ks->calls--;
	if (asking)
		ksc_asking_end(asking);
	ksc_settle(sk, ks);
	release_sock(sk);
}

/**
 * ksc_plain_connect() - proto_ops.connect of a socket that is left to TCP
 * @sock: socket
 * @addr: where to
 * @len: of @addr
 * @flags: of the file
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_plain_connect(struct socket *sock, struct ksc_sockaddr *addr, int len, int flags)
{
	struct ksc_asking asking;
	int err;

	if (len >= sizeof(addr->sa_family) && addr->sa_family == AF_UNSPEC)
		return ksc_base_ops(sock->sk)->connect(sock, addr, len, flags);
	/* it is TCP's to refuse it, unless another thread disconnects the socket before */
	ksc_asking_init(&asking, addr, len);
	err = ksc_plain_watch(sock->sk, &asking);
	if (err)
		return err < 0 ? err : ksc_connect_ops(sock, addr, len, flags);
	ksc_failpoint(KSC_FAILPOINT_CONNECT);
	err = ksc_base_ops(sock->sk)->connect(sock, addr, len, flags);
	ksc_plain_watched(sock->sk, &asking);
	return err;
}

/**
 * ksc_plain_listen() - proto_ops.listen of a socket that is left to TCP
 * @sock: socket
 * @backlog: as listen()'s
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_plain_listen(struct socket *sock, int backlog)
{
	int err = ksc_plain_watch(sock->sk, NULL);

	if (err)
		return err < 0 ? err : ksc_listen_ops(sock, backlog);
	err = ksc_base_ops(sock->sk)->listen(sock, backlog);
	ksc_plain_watched(sock->sk, NULL);
	return err;
}

/**
 * ksc_plain_disconnect() - proto.disconnect of a socket that is left to TCP
 * @sk: socket, locked and owned; or a child that nobody accepted
 * @flags: of the file
 *
 * It is ours again before anybody can use it.
 *
 * Context: process, but for such a child. Return: 0 or an errno.
 */
int ksc_plain_disconnect(struct sock *sk, int flags)
{
	int err;

	if (!sk->sk_socket)
		return ksc_base_proto(sk)->disconnect(sk, flags);
	/* first, for want of memory must not leave it without us */
	err = ksc_plain_prepare(sk) ?: ksc_base_proto(sk)->disconnect(sk, flags);
	if (!err)
		ksc_plain_revive(sk);
	return err;
}

/**
 * ksc_plain_refuse() - proto.connect of a socket that is left to TCP
 * @sk: socket, locked and owned
 * @addr: where to
 * @len: of @addr
 *
 * Nobody gets here: it is for ways past the socket's own operations that are not known.
 *
 * Return: -EOPNOTSUPP.
 */
int ksc_plain_refuse(struct sock *sk, struct ksc_sockaddr *addr, int len)
{
	return -EOPNOTSUPP;
}

/**
 * ksc_plain_close() - proto.close of a socket that is left to TCP
 * @sk: socket
 * @timeout: for lingering
 *
 * TCP may disconnect it for a reset, and nothing is to stand in the way of that.
 *
 * Context: process, no other user of the socket's file is left.
 */
void ksc_plain_close(struct sock *sk, long timeout)
{
	struct proto *base = ksc_base_proto(sk);

	lock_sock(sk);
	WRITE_ONCE(sk->sk_prot, base);
	release_sock(sk);
	base->close(sk, timeout);
}
