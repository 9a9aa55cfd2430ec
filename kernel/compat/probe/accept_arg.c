// SPDX-License-Identifier: GPL-2.0-only
/* 6.10 moved accept()'s arguments to a struct */
#include "probe.h"
#include <linux/net.h>
#include <net/sock.h>

PROBE_TYPE(const struct proto_ops, accept,
	   int (*)(struct socket *, struct socket *, struct proto_accept_arg *));
