// SPDX-License-Identifier: GPL-2.0
/* 6.12 knows fragments that no CPU may read */
#include <linux/skbuff.h>

static __maybe_unused bool probe(const struct sk_buff *skb)
{
	return skb_frags_readable(skb);
}
