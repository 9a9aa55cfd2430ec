// SPDX-License-Identifier: GPL-2.0-only
/*
 * A bucket of tokens. Once it is empty it gives none for a while, so that under a flood they
 * are had in batches, and what is left out can be told once for each of these.
 */
#include "process/bucket.h"

/**
 * ksc_bucket_take() - take a token
 * @bucket: from where
 * @now_ms: the time, which does not go back
 *
 * Return: whether there was one
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
