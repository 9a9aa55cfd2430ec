// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long unused pages and ciphers are kept: module parameter idle_seconds.
 */
#include <linux/module.h>

#include "record/spare.h"

/* Default interval of scans, in seconds */
#define KSC_IDLE_SECONDS	10
#define KSC_IDLE_MAX	86400U

static unsigned int idle_seconds = KSC_IDLE_SECONDS;

module_param(idle_seconds, uint, 0644);

MODULE_PARM_DESC(idle_seconds, "free the cipher of a direction without records for this long, or up to twice that (0: never; default 10)");

/**
 * ksc_idle_delay() - delay until the next scan for unused resources
 *
 * Scans go on even if the parameter says never: it may be changed.
 *
 * Return: jiffies.
 */
unsigned long ksc_idle_delay(void)
{
	unsigned int s = min(READ_ONCE(idle_seconds) ?: KSC_IDLE_SECONDS, KSC_IDLE_MAX);

	return round_jiffies_relative(s * HZ);
}

/**
 * ksc_idle_frees() - check whether unused resources are freed
 *
 * Return: false if the parameter says never.
 */
bool ksc_idle_frees(void)
{
	return READ_ONCE(idle_seconds);
}
