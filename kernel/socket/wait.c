// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for the end of a handshake.
 */
#include <linux/kschannel_netlink.h>
#include <linux/sched/signal.h>
#include <net/tcp.h>

#include "failpoint.h"
#include "memcg.h"
#include "socket/handshake.h"
#include "socket/state.h"
#include "socket/wait.h"

/**
 * ksc_wait() - wait for the handshake's end
 * @sk: socket, locked and owned; the lock is released while waiting
 * @ks: its state
 * @timeo: jiffies, 0 to return at once; updated
 *
 * Context: process. Return: 0, -EAGAIN on timeout, or another errno.
 */
int ksc_wait(struct sock *sk, struct ksc_sock *ks, long *timeo)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	int err = 0;

	if (!ksc_handshaking(ks))
		return 0;
	add_wait_queue(sk_sleep(sk), &wait);
	while (ksc_handshaking(ks)) {
		if (sk->sk_state == TCP_CLOSE && ks->phase == KSC_PHASE_CONNECTING)
			err = sock_error(sk) ?: -ENOTCONN;
		else if (!*timeo)
			err = -EAGAIN;
		else if (signal_pending(current))
			err = sock_intr_errno(*timeo);
		if (err)
			break;
		err = sk_wait_event(sk, timeo, !ksc_handshaking(ks) ||
				    (ks->phase == KSC_PHASE_CONNECTING &&
				     sk->sk_state == TCP_CLOSE), &wait);
		err = min(err, 0);
		if (err)
			break;
	}
	remove_wait_queue(sk_sleep(sk), &wait);
	return err;
}

/**
 * ksc_ready() - wait until application data may be sent and received
 * @sk: socket, locked and owned; the lock is released while waiting
 * @ks: its state, or NULL
 * @timeo: jiffies, 0 to return at once; updated
 *
 * A socket that was connected before it got the ULP begins its handshake here.
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_ready(struct sock *sk, struct ksc_sock *ks, long *timeo)
{
	int err;

	if (unlikely(!ks))
		return -ENOMEM;
	if (likely(ks->phase == KSC_PHASE_ESTABLISHED))
		return 0;
	if (ks->phase == KSC_PHASE_LISTEN)
		return -ENOTCONN;
	if (ks->phase == KSC_PHASE_INIT) {
		if (sk->sk_state != TCP_ESTABLISHED && sk->sk_state != TCP_CLOSE_WAIT)
			return sock_error(sk) ?: -ENOTCONN;
		if (ks->role == KSC_ROLE_UNSPEC)
			return -EDESTADDRREQ;
		ksc_handshake_start(sk, ks);
	}
	err = ksc_wait(sk, ks, timeo);
	if (!err && ks->phase == KSC_PHASE_FAILED) {
		sock_error(sk);
		err = ksc_error(ks);
	}
	/* left to TCP, or disconnected, meanwhile */
	if (!err && ks->phase != KSC_PHASE_ESTABLISHED)
		err = -ENOTCONN;
	return err;
}

/**
 * ksc_ready_to_write() - ksc_ready() for writers, and for KSC_HANDSHAKE
 * @sk: socket, locked and owned; the lock is released while waiting
 * @ks: its state, or NULL
 * @timeo: jiffies, 0 to return at once; updated
 *
 * A caller that gets -EAGAIN waits in poll(), which from then on reports the handshake's end, even
 * if connect() ended when TCP was connected.
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_ready_to_write(struct sock *sk, struct ksc_sock *ks, long *timeo)
{
	int err = ksc_ready(sk, ks, timeo);

	if (err == -EAGAIN && ks->phase != KSC_PHASE_CONNECTING)
		WRITE_ONCE(ks->write_waits, true);
	return err;
}
