// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors of a socket in raw mode.
 */
#include <net/tcp.h>

#include "ktls/state.h"

/**
 * ksc_ktls_abort() - report an error to the socket's users
 * @sk: socket, locked
 * @err: errno, negative
 *
 * Context: the socket's lock, owned or in softirq.
 */
void ksc_ktls_abort(struct sock *sk, int err)
{
	WRITE_ONCE(sk->sk_err, -err);
	/* pairs with the barrier in tcp_poll() */
	smp_wmb();
	sk_error_report(sk);
}
