// SPDX-License-Identifier: GPL-2.0
/* 6.17 has a flag for a queue that is each CPU's own; 7.x wants to see it */
#include <linux/workqueue.h>

static __maybe_unused unsigned int probe(void)
{
	return WQ_PERCPU;
}
