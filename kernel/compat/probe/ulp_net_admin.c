// SPDX-License-Identifier: GPL-2.0-only
/* 7.x tells get_info whether the reader has CAP_NET_ADMIN */
#include "probe.h"
#include <net/tcp.h>

PROBE_TYPE(struct tcp_ulp_ops, get_info, int (*)(struct sock *, struct sk_buff *, bool));
