/* SPDX-License-Identifier: GPL-2.0-only */
/* bucket.c: how often something may be done that others can cause. */
#ifndef KSC_BUCKET_H
#define KSC_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct ksc_bucket - tokens, which come back one after the other
 * @size: how many there are
 * @interval_ms: how long one takes to come back
 * @pause_ms: how long none is given after the last one was
 * @full_ms: when all are back
 * @closed_ms: the end of the pause
 * @left_out: how often there was none
 */
struct ksc_bucket {
	unsigned int size;
	unsigned int interval_ms;
	unsigned int pause_ms;
	uint64_t full_ms;
	uint64_t closed_ms;
	unsigned long left_out;
};

bool ksc_bucket_take(struct ksc_bucket *bucket, uint64_t now_ms);

#endif
