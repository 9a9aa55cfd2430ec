// SPDX-License-Identifier: GPL-2.0
/* Until 7.0 or so, recvmsg tells an address's length by a pointer */
#include <net/sock.h>

static int recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags, int *addr_len)
{
	return *addr_len;
}

static __maybe_unused void probe(struct proto *p)
{
	p->recvmsg = recvmsg;
}
