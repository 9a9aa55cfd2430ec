// SPDX-License-Identifier: GPL-2.0-only
/*
 * A token bucket. Once empty, it gives no token for a pause. So under a flood, tokens come in
 * batches, and what was suppressed can be reported once for each batch.
 */
#include "process/bucket.h"

/**
 * ksc_bucket_take() - take a token
 * @bucket: the bucket
 * @now_ms: the time in milliseconds, monotonic
 *
 * Return: whether a token was left
 */
bool ksc_bucket_take(struct ksc_bucket *bucket, uint64_t now_ms)
{
	if (bucket->full_ms < now_ms)
		bucket->full_ms = now_ms;
	if (now_ms >= bucket->closed_ms) {
		bucket->full_ms += bucket->interval_ms;
		if (bucket->full_ms - now_ms <= (uint64_t)bucket->size * bucket->interval_ms)
			return true;
		bucket->full_ms -= bucket->interval_ms;
		bucket->closed_ms = now_ms + bucket->pause_ms;
	}
	bucket->left_out++;
	return false;
}
