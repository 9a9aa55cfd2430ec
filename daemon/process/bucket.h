/* SPDX-License-Identifier: GPL-2.0-only */
/* bucket.c: limits the rate of what others can cause. */
#ifndef KSC_BUCKET_H
#define KSC_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct ksc_bucket - a token bucket
 * @size: number of tokens
 * @interval_ms: time until a token is refilled
 * @pause_ms: pause after the last token was taken
 * @full_ms: when the bucket will be full
 * @closed_ms: end of the pause
 * @left_out: number of times that no token was left
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
