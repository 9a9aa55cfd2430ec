// SPDX-License-Identifier: GPL-2.0-only
/* 7.x notifies a protocol of SO_RCVBUF */
#include "probe.h"
#include <linux/net.h>

PROBE_TYPE(const struct proto_ops, set_rcvbuf, void (*)(struct sock *, int));
