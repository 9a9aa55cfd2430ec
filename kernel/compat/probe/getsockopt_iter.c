// SPDX-License-Identifier: GPL-2.0
/* 7.x has a second getsockopt, which comes first */
#include <linux/net.h>

static __maybe_unused void probe(struct proto_ops *o)
{
	o->getsockopt_iter = NULL;
}
