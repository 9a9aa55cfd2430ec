// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plaintext sockets: connections that the policy leaves plaintext use TCP's own operations, at
 * TCP's cost.
 *
 * The ULP stays attached, only to intercept the socket's next connection: connect(), listen(),
 * disconnect(), and other calls that make TCP begin one. A listener's plaintext child has no
 * state; it gets one when it is reused.
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

/* Context: the socket's lock. Make sure that the socket has a state: a listener's child has none */
static int ksc_plain_prepare(struct sock *sk)
{
	struct ksc_sock *ks = ksc_sk(sk);
	int err;

	/* a socket that has spoken TLS can't be reused */
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

/* Context: the socket's lock. Take over the socket: the policy may protect its next connection */
static void ksc_plain_revive(struct sock *sk)
{
	struct ksc_sock *ks = ksc_sk(sk);

	ksc_move(sk, ks, KSC_EVENT_UNCONNECT);
	ksc_take_rcvlowat(sk, ks);
	clear_bit(SOCK_SUPPORT_ZC, &sk->sk_socket->flags);
	/* TCP's disconnect() does not clear it */
	tcp_sk(sk)->fastopen_connect = 0;
	ks->ruling.made = false;
	ksc_asked_forget(ks);
	ks->role = KSC_ROLE_UNSPEC;
	ksc_take_over(sk);
}

/*
 * The socket is about to connect or to listen. Returns 1 if it was taken over, 0 if TCP is to
 * reject the call, which then counts as in progress; or an errno. Context: the socket's lock.
 */
static int ksc_plain_watch_locked(struct sock *sk)
{
	int err;

	if (!ksc_has_ulp(sk))
		return -EINVAL;
	if (sk->sk_state == TCP_CLOSE) {
		/* another task was faster */
		if (!ksc_is_plain(sk))
			return 1;
		/* else the connection has ended, maybe with unread data: TCP rejects the call */
		if (sk->sk_socket->state == SS_UNCONNECTED) {
			err = ksc_plain_prepare(sk);
			if (err)
				return err;
			ksc_plain_revive(sk);
			return 1;
		}
	}
	/* another thread may disconnect it before TCP gets the lock: then TCP listens */
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

/* TCP's call has returned. Context: process, takes the socket's lock */
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
 * @addr: destination
 * @len: length of @addr in bytes
 * @flags: the file's
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_plain_connect(struct socket *sock, struct ksc_sockaddr *addr, int len, int flags)
{
	struct ksc_asking asking;
	int err;

	if (len >= sizeof(addr->sa_family) && addr->sa_family == AF_UNSPEC)
		return ksc_base_ops(sock->sk)->connect(sock, addr, len, flags);
	/* TCP rejects it, unless another thread disconnects the socket before */
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
 * @backlog: listen()'s
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
 * @sk: socket, locked and owned; or an unaccepted child
 * @flags: the file's
 *
 * Takes over the socket again before it can be reused.
 *
 * Context: process, except for such a child. Return: 0 or an errno.
 */
int ksc_plain_disconnect(struct sock *sk, int flags)
{
	int err;

	if (!sk->sk_socket)
		return ksc_base_proto(sk)->disconnect(sk, flags);
	/* first, as it may fail with ENOMEM, when the socket must stay connected */
	err = ksc_plain_prepare(sk) ?: ksc_base_proto(sk)->disconnect(sk, flags);
	if (!err)
		ksc_plain_revive(sk);
	return err;
}

/**
 * ksc_plain_refuse() - proto.connect of a socket that is left to TCP
 * @sk: socket, locked and owned
 * @addr: destination
 * @len: length of @addr in bytes
 *
 * Not reached: a safeguard against unknown paths that bypass the socket's own operations.
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
 * Restores TCP's struct proto first: TCP may disconnect the socket for a reset, which must not
 * fail.
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
