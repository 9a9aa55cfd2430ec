// SPDX-License-Identifier: GPL-2.0
/* 7.x tells a ULP who asks for what it has to say */
#include <net/tcp.h>

static int get_info(struct sock *sk, struct sk_buff *skb, bool net_admin)
{
	return net_admin;
}

static __maybe_unused void probe(struct tcp_ulp_ops *ulp)
{
	ulp->get_info = get_info;
}
