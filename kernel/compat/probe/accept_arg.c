// SPDX-License-Identifier: GPL-2.0
/* 6.10 wraps accept()'s arguments up */
#include <linux/net.h>
#include <net/sock.h>

static int accept(struct socket *sock, struct socket *newsock, struct proto_accept_arg *arg)
{
	return arg->flags;
}

static __maybe_unused void probe(struct proto_ops *o)
{
	o->accept = accept;
}
