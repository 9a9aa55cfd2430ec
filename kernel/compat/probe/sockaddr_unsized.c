// SPDX-License-Identifier: GPL-2.0
/* 6.19 gives connect() an address without a size of its own */
#include <linux/net.h>
#include <net/sock.h>

static int connect(struct sock *sk, struct sockaddr_unsized *addr, int len)
{
	return addr->sa_family;
}

static __maybe_unused void probe(struct proto *p)
{
	p->connect = connect;
}
