// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attaching keys of a handshake that the application transported itself to a socket, and detaching
 * TLS after close_notify both ways: the socket continues in plaintext.
 */
#include <linux/kschannel_netlink.h>
#include <linux/slab.h>
#include <linux/sockptr.h>
#include <linux/uaccess.h>
#include <net/tcp.h>

#include "handshake/key_file.h"
#include "policy/policy.h"
#include "socket/ahead.h"
#include "socket/attach.h"
#include "socket/callbacks.h"
#include "socket/end.h"
#include "socket/install.h"
#include "socket/leave.h"
#include "socket/ruling.h"
#include "socket/state.h"
#include "socket/ticket.h"
#include "socket/ulp.h"
#include "stream/rx_plain.h"
#include "stream/rx_stage.h"
#include "stream/tx.h"

/* Context: the socket's lock */
static int ksc_attach_check(const struct sock *sk, const struct ksc_sock *ks)
{
	if (!ks)
		return -ENOMEM;
	if (ks->phase != KSC_PHASE_INIT)
		return -EBUSY;
	if (sk->sk_state != TCP_ESTABLISHED && sk->sk_state != TCP_CLOSE_WAIT)
		return -ENOTCONN;
	return 0;
}

/* Context: the socket's lock. Set what a handshake on the socket would have set */
static int ksc_attach_grant(struct sock *sk, struct ksc_sock *ks, struct ksc_grant *g)
{
	int err = ksc_attach_check(sk, ks);
	struct ksc_ruling ruling;
	u8 role;

	if (err)
		return err;
	ruling = ks->ruling;
	role = ks->role;
	ks->role = g->role;
	ksc_policy_judge(sk, ks);
	/* another namespace's daemon can't have enforced the policy's requirements */
	if (g->foreign && ksc_policy_demands(ks))
		err = -EPERM;
	else
		err = ksc_install(ks, &g->keys);
	if (err) {
		ks->ruling = ruling;
		ks->role = role;
		return err;
	}
	spin_lock_bh(&ks->lock);
	swap(ks->opt.credential, g->credential);
	/* the session has its own */
	swap(ks->opt.server_name, g->server_name);
	swap(ks->opt.alpn, g->alpn);
	ks->opt.verify = g->verify;
	spin_unlock_bh(&ks->lock);
	ks->connect_told = true;
	/* another namespace's daemon is not known here */
	if (g->daemon && !g->foreign) {
		ksc_tickets_new(ks, g->id, g->daemon);
		g->daemon = 0;
	}
	/* treated as if the application had never read them */
	ks->s.rx.stage = g->extra;
	ks->s.rx.stage_len = g->extra_len;
	g->extra = NULL;
	ksc_arm(sk, ks);
	ksc_established(sk, ks);
	return 0;
}

/**
 * ksc_set_attach() - setsockopt(KSC_ATTACH)
 * @sk: socket
 * @optval: struct ksc_attach and the bytes after it
 * @optlen: length of both
 *
 * Context: process. Return: 0, or an errno with socket and key unchanged.
 */
int ksc_set_attach(struct sock *sk, sockptr_t optval, unsigned int optlen)
{
	struct ksc_grant g = {};
	struct ksc_attach a;
	int err;

	if (optlen < sizeof(a))
		return -EINVAL;
	if (optlen - sizeof(a) > KSC_MAX_TOKEN)
		return -EMSGSIZE;
	if (copy_from_sockptr(&a, optval, sizeof(a)))
		return -EFAULT;
	if (a.pad)
		return -EINVAL;
	g.extra_len = optlen - sizeof(a);
	if (g.extra_len) {
		g.extra = kmalloc(g.extra_len,
				  GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
		if (!g.extra)
			return -ENOMEM;
		err = -EFAULT;
		if (copy_from_sockptr_offset(g.extra, optval, sizeof(a), g.extra_len))
			goto free;
	}
	err = ksc_key_take(a.fd, sock_net(sk), &g);
	if (err)
		goto free;
	lock_sock(sk);
	err = ksc_attach_grant(sk, ksc_sk(sk), &g);
	release_sock(sk);
	ksc_key_give(&g, err);
free:
	kfree(g.extra);
	return err;
}

/* Context: the socket's lock. Was close_notify sent and received, and all data before it? */
static int ksc_detach_check(struct sock *sk, struct ksc_sock *ks)
{
	int err = ksc_usable(ks);

	if (err)
		return err;
	if (ksc_policy_demands(ks))
		return -EPERM;
	if (!ks->s.rx.closed)
		ksc_rx_advance(sk, ks);
	if (ks->phase == KSC_PHASE_FAILED)
		return ksc_error(ks);
	if (!ks->s.rx.closed || !ks->s.tx.closed || ksc_rx_has_plain(&ks->s.rx))
		return -EBUSY;
	if (ks->s.tx.pending)
		ksc_tx_push(sk, &ks->s.tx, 0);
	return ks->s.tx.pending ? -EAGAIN : 0;
}

/* Context: the socket's lock. Returns the staged bytes after close_notify; the caller frees them */
static u8 *ksc_detach(struct sock *sk, struct ksc_sock *ks, u32 *len)
{
	u8 *rest = ks->s.rx.stage;

	*len = ks->s.rx.stage_len;
	ks->s.rx.stage = NULL;
	ksc_rx_unstage(sk, &ks->s.rx);
	ksc_leave(sk, ks);
	return rest;
}

/**
 * ksc_get_detach() - getsockopt(KSC_DETACH)
 * @sk: socket
 * @optval: for the bytes that came with KSC_ATTACH and follow close_notify
 * @optlen: size of @optval; set to the bytes written
 *
 * The state is freed with the socket: other tasks may be in one of our operations.
 *
 * Context: process. Return: 0, or an errno with the socket unchanged, except for -EFAULT.
 */
int ksc_get_detach(struct sock *sk, char __user *optval, int __user *optlen)
{
	struct ksc_sock *ks;
	u8 *rest = NULL;
	u32 len = 0;
	int room, err;

	if (get_user(room, optlen))
		return -EFAULT;
	lock_sock(sk);
	ks = ksc_sk(sk);
	err = ksc_detach_check(sk, ks);
	if (!err && (room < 0 || ks->s.rx.stage_len > room))
		err = -ERANGE;
	if (!err)
		rest = ksc_detach(sk, ks, &len);
	release_sock(sk);
	if (!err && ((len && copy_to_user(optval, rest, len)) || put_user(len, optlen)))
		err = -EFAULT;
	kfree(rest);
	return err;
}

/**
 * ksc_set_close_notify() - setsockopt(KSC_CLOSE_NOTIFY)
 * @sk: socket
 *
 * Context: process. Return: 0 if close_notify is sealed, after all written data; -EAGAIN or
 * -ENOMEM if it is not; or another errno.
 */
int ksc_set_close_notify(struct sock *sk)
{
	struct ksc_sock *ks;
	int err;

	lock_sock(sk);
	ks = ksc_sk(sk);
	err = ksc_usable(ks);
	if (!err)
		err = ksc_tx_close(sk, ks);
	if (ks && ks->s.tx.pending)
		ksc_await_space(sk, ks);
	/* it is sealed, and is sent when TCP takes it */
	if (err == -EAGAIN && ks->s.tx.closed)
		err = 0;
	release_sock(sk);
	return err;
}
