/* SPDX-License-Identifier: GPL-2.0-only */
/* quota.c: the section [limits] of the configuration, for the kernel. */
#ifndef KSC_QUOTA_H
#define KSC_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/kschannel.h>

#include "config/settings.h"

#define KSC_MAX_TRUSTED	16

/**
 * struct ksc_limits - the kernel's limits
 * @values: by KSC_A_LIMITS_...; 0: not set, except for client-reserve
 * @set: whether client-reserve is set
 * @trusted: prefixes: address, IPv4-mapped for IPv4, and length
 * @n_trusted: number of prefixes
 */
struct ksc_limits {
	uint32_t values[KSC_A_LIMITS_MAX + 1];
	bool set[KSC_A_LIMITS_MAX + 1];
	uint8_t trusted[KSC_MAX_TRUSTED][17];
	size_t n_trusted;
};

void ksc_limits_take(struct ksc_settings *file, const struct ksc_section *section,
		     struct ksc_limits *limits);

#endif
