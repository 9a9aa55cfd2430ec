// SPDX-License-Identifier: GPL-2.0
/* 7.x tells a ULP who asks for what it has to say */
#include "probe.h"
#include <net/tcp.h>

PROBE_TYPE(struct tcp_ulp_ops, get_info, int (*)(struct sock *, struct sk_buff *, bool));
