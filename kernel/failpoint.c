// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sleeps that widen race windows on request, see failpoint.h.
 */
#include <linux/delay.h>
#include <linux/module.h>

#include "failpoint.h"

static unsigned int failpoint_ms[KSC_FAILPOINTS_MAX];
module_param_array(failpoint_ms, uint, NULL, 0644);
MODULE_PARM_DESC(failpoint_ms, "milliseconds to sleep at each place of enum ksc_failpoint");

/**
 * ksc_failpoint() - sleep here if a test asks for it
 * @at: which place
 *
 * Context: process, no lock.
 */
void ksc_failpoint(enum ksc_failpoint at)
{
	unsigned int ms = READ_ONCE(failpoint_ms[at]);

	if (ms)
		msleep(ms);
}
