// SPDX-License-Identifier: GPL-2.0-only
/*
 * The start of connections: connect(), listen(), accept(), and disconnecting.
 *
 * TCP implements these and takes the socket's lock itself, so each has three steps: change the
 * phase, under the lock; call TCP; evaluate the result, under the lock again. Other threads may do
 * anything in between, except for transitions that the table (phase.c) does not have: a connection
 * in progress never becomes a listener, and only the last call in progress undoes one that failed.
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

/* TCP is connected: return the handshake's result, or wait for it, as connect() does */
static int ksc_connect_wait(struct sock *sk, struct ksc_sock *ks, int flags,
			    bool first)
{
	long timeo = sock_sndtimeo(sk, flags & O_NONBLOCK);
	int err;

	if (ks->phase == KSC_PHASE_CONNECTING) {
		/* another thread has disconnected it, and connects again */
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
 * Before TCP's connect(). Returns 0 if TCP is to connect, and counts it as a call in progress (a
 * listener has TCP's own struct proto, and a task that waits for the lock would connect by that
 * when the listener ends); 1 if connect() is done; or an errno.
 */
static int ksc_connect_enter(struct sock *sk, struct ksc_sock *ks, int flags, bool *first)
{
	int err;

	ksc_settle(sk, ks);
	switch (ks->phase) {
	case KSC_PHASE_INIT:
		/* connected before it got the ULP, or an accepted child */
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
	/* plaintext by another thread's connect(), just now */
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
		/* connected, and reset or disconnected meanwhile */
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
 * ksc_connect_ops() - proto_ops.connect: connects TCP and runs the handshake
 * @sock: socket
 * @addr: destination
 * @len: length of @addr in bytes
 * @flags: the file's
 *
 * Context: process. Return: 0, -EINPROGRESS or -EALREADY until the handshake is done, or its
 * errno; with KSC_CONNECT_TCP it does not wait for the handshake.
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
 * @addr: destination
 * @len: length of @addr in bytes
 *
 * Fails without a call of ksc_connect_ops(), if another thread has disconnected the socket
 * meanwhile, and with TCP Fast Open, which would send plaintext.
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
	/* tasks that still wait do so for a former connection: TCP's shutdown() does not tell */
	sk->sk_disconnects++;
	err = ksc_base_proto(sk)->connect(sk, addr, len);
	if (err)
		ksc_asked_forget(ks);
	return err;
}

/**
 * ksc_disconnect() - proto.disconnect, except of listeners
 * @sk: socket, locked and owned; or an unaccepted child
 * @flags: the file's
 *
 * A socket that has begun TLS can't be disconnected and reused.
 *
 * Context: process, except for such a child. Return: 0 or an errno.
 */
int ksc_disconnect(struct sock *sk, int flags)
{
	struct ksc_sock *ks = ksc_sk(sk);
	int err;

	/* a closing listener's unaccepted child has no TLS state yet */
	if (!sk->sk_socket || !ks)
		return ksc_base_proto(sk)->disconnect(sk, flags);
	err = ksc_phase_next(ks->phase, KSC_EVENT_UNCONNECT);
	if (err < 0)
		return err;
	err = ksc_base_proto(sk)->disconnect(sk, flags);
	if (err)
		return err;
	/*
	 * Tasks in connect() find it disconnected, whatever they wait for. A socket that was
	 * connected before it got the ULP may have a ruling without a handshake.
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
 * @backlog: listen()'s
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
		 * A connection that only TCP knows yet can't become a listener either, nor can one
		 * that another thread's connect() is about to begin.
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

/* Context: the child's lock. Does not wait for the handshake */
static void ksc_child_begin(struct sock *sk, struct ksc_sock *ks)
{
	if ((1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT)) {
		ksc_handshake_start(sk, ks);
	} else if (sk->sk_state == TCP_SYN_RECV) {
		/* TCP Fast Open: accepted before it is connected */
		ksc_arm(sk, ks);
		ksc_move(sk, ks, KSC_EVENT_CONNECT);
	}
}

/*
 * Context: the child's lock. It may have been migrated from another listener of the reuseport
 * group (tcp_migrate_req), which need not have our ULP: the listener that accepts it counts.
 */
static int ksc_child_take(struct sock *sk, struct ksc_sock *parent)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct ksc_ruling ruling = {};
	struct ksc_sock *ks = NULL;

	/* another ULP or proto is already on it */
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
 * ksc_accepted() - a child was accepted: begin its handshake
 * @listener: the listener that accepted it
 * @sock: the child, with the listener's operations
 *
 * Not before: an unaccepted child has no owner to charge, no struct socket, and softirq creates it
 * from the listener's current state. The drawback: a client waits in connect() while its server
 * expects something else from it before it accepts, as in FTP. KSC_CONNECT_TCP is for that.
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
