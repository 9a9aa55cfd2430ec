// SPDX-License-Identifier: GPL-2.0
/*
 * How a socket's connections begin: connect(), listen(), accept(), and disconnecting.
 *
 * TCP does these itself and takes the socket's lock for them, so each is three steps:
 * what it means for the phase, with the lock; TCP's part; what came of it, with the lock
 * again. Another thread may do anything between these. What it can't do is to bring about
 * a phase that the table (phase.c) does not have: a connection under way is no listener,
 * and only the last call under way takes back what came to nothing.
 */
#include <linux/kschannel_netlink.h>
#include <linux/module.h>
#include <linux/net.h>
#include <net/inet_common.h>
#include <net/tcp.h>

#include "compat/compat.h"
#include "failpoint.h"
#include "policy/policy.h"
#include "socket/asking.h"
#include "socket/callbacks.h"
#include "socket/connect.h"
#include "socket/handshake.h"
#include "socket/leave.h"
#include "socket/phase.h"
#include "socket/ruling.h"
#include "socket/state.h"
#include "socket/tables.h"
#include "socket/ulp.h"
#include "socket/wait.h"
#include "stream/noio.h"

/* ---- connect ---- */

/* TCP is connected: report that, or the handshake, as connect() does */
static int ksc_connect_wait(struct sock *sk, struct ksc_sock *ks, int flags,
			    bool first)
{
	long timeo = sock_sndtimeo(sk, flags & O_NONBLOCK);
	int err;

	if (ks->phase == KSC_PHASE_CONNECTING) {
		/* another thread has disconnected it, and connects anew */
		if ((1 << sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV))
			return first ? -EINPROGRESS : -EALREADY;
		ksc_handshake_start(sk, ks);
	}
	err = ks->connect_tcp ? 0 : ksc_wait(sk, ks, &timeo);
	if (err == -EAGAIN)
		return first ? -EINPROGRESS : -EALREADY;
	if (err)
		return err;
	WRITE_ONCE(ks->connect_told, true);
	if (ks->phase == KSC_PHASE_FAILED) {
		sock_error(sk);
		return ksc_error(ks);
	}
	return 0;
}

/*
 * Before TCP's connect(). 0 for TCP to go on, and it is counted as a call under way: a
 * listener has TCP's own struct proto, and who waits for the lock would connect by it when
 * that one ends. 1 if connect() is done; or an errno.
 */
static int ksc_connect_enter(struct sock *sk, struct ksc_sock *ks, int flags, bool *first)
{
	int err;

	ksc_settle(sk, ks);
	switch (ks->phase) {
	case KSC_PHASE_INIT:
		/* connected before it got the ULP, or a child */
		if (sk->sk_state != TCP_CLOSE)
			break;
		err = ksc_move(sk, ks, KSC_EVENT_CONNECT);
		if (err)
			return err;
		*first = true;
		ks->role = KSC_ROLE_CLIENT;
		WRITE_ONCE(ks->connect_told, false);
		ksc_arm(sk, ks);
		break;
	case KSC_PHASE_CONNECTING:
	/* another thread's connect() has just found that it is to be plain */
	case KSC_PHASE_PLAIN:
		break;
	case KSC_PHASE_LISTEN:
	case KSC_PHASE_CLOSED:
		return -EISCONN;
	default:
		if (ks->connect_told)
			return -EISCONN;
		return ksc_connect_wait(sk, ks, flags, false) ?: 1;
	}
	ks->calls++;
	return 0;
}

/* After TCP's connect(), which returned @err */
static int ksc_connect_leave(struct sock *sk, struct ksc_sock *ks, int flags, bool first,
			     int err)
{
	if ((ks->phase == KSC_PHASE_CONNECTING || ks->phase == KSC_PHASE_INIT) &&
	    sk->sk_state == TCP_CLOSE) {
		ksc_settle(sk, ks);
		/* connected, and reset or disconnected before we looked */
		return err ?: sock_error(sk) ?: -ECONNRESET;
	}
	if (ksc_policy_connecting(sk, ks)) {
		ksc_leave(sk, ks);
		return err;
	}
	if (err || ks->phase == KSC_PHASE_PLAIN)
		return err;
	return ksc_connect_wait(sk, ks, flags, first);
}

/* connect() with AF_UNSPEC: proto.disconnect decides */
static int ksc_unconnect(struct socket *sock, struct ksc_sockaddr *addr, int len, int flags)
{
	int err = ksc_base_ops(sock->sk)->connect(sock, addr, len, flags);

	/* a listener's proto.disconnect is TCP's */
	ksc_settle_sock(sock->sk);
	return err;
}

/**
 * ksc_connect_ops() - proto_ops.connect: connected is protected
 * @sock: socket
 * @addr: where to
 * @len: of @addr
 * @flags: of the file
 *
 * Context: process. Return: 0, -EINPROGRESS or -EALREADY until the handshake is
 * done, or why it failed; with KSC_CONNECT_TCP the handshake is not waited for.
 */
int ksc_connect_ops(struct socket *sock, struct ksc_sockaddr *addr, int len, int flags)
{
	struct sock *sk = sock->sk;
	struct ksc_asking asking;
	struct ksc_sock *ks;
	bool first = false;
	unsigned int noio;
	int err;

	if (len >= sizeof(addr->sa_family) && addr->sa_family == AF_UNSPEC)
		return ksc_unconnect(sock, addr, len, flags);

	ksc_asking_init(&asking, addr, len);
	noio = ksc_lock_noio(sk);
	ks = ksc_sk(sk);
	err = ks ? ksc_connect_enter(sk, ks, flags, &first) : -ENOMEM;
	if (!err)
		ksc_asking_begin(ks, &asking);
	ksc_release_noio(sk, noio);
	if (err)
		return min(err, 0);

	ksc_failpoint(KSC_FAILPOINT_CONNECT);
	err = ksc_base_ops(sk)->connect(sock, addr, len, flags);
	ksc_failpoint(KSC_FAILPOINT_CONNECTED);

	noio = ksc_lock_noio(sk);
	ks->calls--;
	ksc_asking_end(&asking);
	err = ksc_connect_leave(sk, ks, flags, first, err);
	ksc_release_noio(sk, noio);
	return err;
}

/**
 * ksc_proto_connect() - proto.connect: TCP begins a connection
 * @sk: socket, locked and owned
 * @addr: where to
 * @len: of @addr
 *
 * None that connect() has not announced to us, or that another thread has disconnected
 * meanwhile; and none that takes data along.
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_proto_connect(struct sock *sk, struct ksc_sockaddr *addr, int len)
{
	struct ksc_sock *ks = ksc_sk(sk);
	int err;

	if (!ks || ks->phase != KSC_PHASE_CONNECTING || tcp_sk(sk)->fastopen_req ||
	    tcp_sk(sk)->fastopen_connect || !ksc_asked_take(ks, addr))
		return -EOPNOTSUPP;
	/* whoever waits still, waits for another connection: TCP's shutdown() does not say so */
	sk->sk_disconnects++;
	err = ksc_base_proto(sk)->connect(sk, addr, len);
	if (err)
		ksc_asked_forget(ks);
	return err;
}

/**
 * ksc_disconnect() - proto.disconnect, but of listeners
 * @sk: socket, locked and owned; or a child that nobody accepted
 * @flags: of the file
 *
 * A socket that has begun to speak TLS can't be anything else any more.
 *
 * Context: process, but for such a child. Return: 0 or an errno.
 */
int ksc_disconnect(struct sock *sk, int flags)
{
	struct ksc_sock *ks = ksc_sk(sk);
	int err;

	/* a closing listener's child: nothing was done for it */
	if (!sk->sk_socket || !ks)
		return ksc_base_proto(sk)->disconnect(sk, flags);
	err = ksc_phase_next(ks->phase, KSC_EVENT_UNCONNECT);
	if (err < 0)
		return err;
	err = ksc_base_proto(sk)->disconnect(sk, flags);
	if (err)
		return err;
	/*
	 * Those who are in connect() find it disconnected, whatever they wait for. One that was
	 * connected before it got the ULP may have a ruling, too, without a handshake.
	 */
	if (ks->phase == KSC_PHASE_CONNECTING || ks->phase == KSC_PHASE_INIT) {
		ksc_move(sk, ks, KSC_EVENT_UNCONNECT);
		ksc_unconnected(sk, ks);
	}
	return 0;
}

/* ---- listen and accept ---- */

/**
 * ksc_listen_ops() - proto_ops.listen
 * @sock: socket
 * @backlog: as listen()'s
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_listen_ops(struct socket *sock, int backlog)
{
	struct sock *sk = sock->sk;
	struct ksc_sock *ks;
	int err = -ENOMEM;

	lock_sock(sk);
	ks = ksc_sk(sk);
	if (ks) {
		ksc_settle(sk, ks);
		/*
		 * A connection of which TCP knows, and we do not yet, is no listener either;
		 * nor is one that TCP may learn of, another thread being in connect().
		 */
		err = ks->phase == KSC_PHASE_INIT && (sk->sk_state != TCP_CLOSE || ks->calls) ?
		      -EINVAL : ksc_move(sk, ks, KSC_EVENT_LISTEN);
	}
	if (!err) {
		ks->calls++;
		ksc_listener_take(sk);
	}
	release_sock(sk);
	if (err)
		return err;

	ksc_failpoint(KSC_FAILPOINT_LISTEN);
	err = inet_listen(sock, backlog);

	lock_sock(sk);
	ks->calls--;
	ksc_settle(sk, ks);
	release_sock(sk);
	return err;
}

/**
 * ksc_listener_shutdown() - proto_ops.shutdown of a listener
 * @sock: socket
 * @how: SHUT_*
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_listener_shutdown(struct socket *sock, int how)
{
	int err = inet_shutdown(sock, how);

	ksc_failpoint(KSC_FAILPOINT_UNLISTENED);
	ksc_settle_sock(sock->sk);
	return err;
}

/* Context: the child's lock. Nobody waits for the handshake here */
static void ksc_child_begin(struct sock *sk, struct ksc_sock *ks)
{
	if ((1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT)) {
		ksc_handshake_start(sk, ks);
	} else if (sk->sk_state == TCP_SYN_RECV) {
		/* TCP Fast Open: a program may have it before it is connected */
		ksc_arm(sk, ks);
		ksc_move(sk, ks, KSC_EVENT_CONNECT);
	}
}

/*
 * Context: the child's lock. It may be one that another listener of the reuseport group
 * had (tcp_migrate_req), and that one none of ours: what counts is who accepts it.
 */
static int ksc_child_take(struct sock *sk, struct ksc_sock *parent)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct ksc_ruling ruling = {};
	struct ksc_sock *ks = NULL;

	/* somebody else stands between already */
	if (!ksc_has_ulp(sk) && (icsk->icsk_ulp_ops || sk->sk_prot != ksc_base_proto(sk)))
		return -ECONNABORTED;
	if (!ksc_policy_child(parent, sk, &ruling)) {
		ks = ksc_child_new(sk, parent, &ruling);
		if (!ks)
			return -ENOMEM;
	}
	if (!ksc_has_ulp(sk)) {
		__module_get(THIS_MODULE);
		WRITE_ONCE(icsk->icsk_ulp_ops, &ksc_ulp_ops);
	}
	rcu_assign_pointer(icsk->icsk_ulp_data, ks);
	WRITE_ONCE(sk->sk_rcvlowat, ks ? 1 : parent->rcvlowat);
	if (ks) {
		ksc_take_over(sk);
		ksc_child_begin(sk, ks);
	} else {
		ksc_give_back(sk);
		set_bit(SOCK_SUPPORT_ZC, &sk->sk_socket->flags);
	}
	return 0;
}

/**
 * ksc_accepted() - a program has the child now: its handshake begins
 * @listener: whose child it is, or has become
 * @sock: the child, with the listener's operations
 *
 * Not before: a child that nobody has accepted has no owner whom it could be charged to, and
 * no struct socket, and softirq makes it of what its listener happens to have. What that
 * loses is a client that waits in connect(), while its server waits for something else of it
 * before it accepts, as in FTP: KSC_CONNECT_TCP is for that.
 *
 * Context: process. Return: 0; or an errno, and the child is closed.
 */
int ksc_accepted(struct socket *listener, struct socket *sock)
{
	struct ksc_sock *parent = ksc_sk(listener->sk);
	struct sock *sk = sock->sk;
	unsigned int noio;
	int err;

	/* a child has its listener's sk_allocation */
	noio = ksc_lock_noio(sk);
	err = parent ? ksc_child_take(sk, parent) : -ENOMEM;
	ksc_release_noio(sk, noio);
	return err;
}
