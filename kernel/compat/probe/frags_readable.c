// SPDX-License-Identifier: GPL-2.0
/* 6.12 knows fragments that no CPU may read */
#include "probe.h"
#include <linux/skbuff.h>

PROBE_FUNCTION(skb_frags_readable, bool (*)(const struct sk_buff *));
