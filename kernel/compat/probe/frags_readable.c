// SPDX-License-Identifier: GPL-2.0-only
/* 6.12 added fragments that the CPU can't read */
#include "probe.h"
#include <linux/skbuff.h>

PROBE_FUNCTION(skb_frags_readable, bool (*)(const struct sk_buff *));
