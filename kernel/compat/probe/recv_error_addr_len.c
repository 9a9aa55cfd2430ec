// SPDX-License-Identifier: GPL-2.0
/* The same of what reads the error queue */
#include <net/inet_common.h>
#include <net/sock.h>

static __maybe_unused int probe(struct sock *sk, struct msghdr *msg, int *addr_len)
{
	return inet_recv_error(sk, msg, 0, addr_len);
}
