// SPDX-License-Identifier: GPL-2.0-only
/* 6.17 added a flag for per-CPU workqueues; 7.x requires it */
#include <linux/workqueue.h>

static __maybe_unused unsigned int probe(void)
{
	return WQ_PERCPU;
}
