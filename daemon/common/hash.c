// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hash function of all tables. Unprivileged processes choose some keys: an application numbers
 * its contexts, and a container picks its user IDs. Without a secret they could choose numbers with
 * the same hash.
 */
#include <err.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

#include "common/hash.h"

static uint64_t seed[3];

/* Runs before main(), so before any thread exists. */
__attribute__((constructor)) static void draw_seed(void)
{
	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		err(EXIT_FAILURE, "getrandom");
}

/**
 * ksc_hash() - hash a key
 * @key: the key
 * @len: its size in bytes
 *
 * Numbers are hashed by pair-multiply-shift, which is strongly universal (Thorup, "High Speed
 * Hashing for Integers and Strings", 3.5): the numbers of a caller who does not know the seed
 * collide no more often than random ones. Longer keys are from the configuration, thus root's, and
 * go to uthash's own function.
 *
 * Context: any thread.
 * Return: the hash
 */
unsigned int ksc_hash(const void *key, size_t len)
{
	uint32_t half[2] = { 0 };
	unsigned int hash;

	if (len <= sizeof(half)) {
		memcpy(half, key, len);
		return (unsigned int)(((seed[0] + half[0]) * (seed[1] + half[1]) + seed[2]) >> 32);
	}
	HASH_JEN(key, len, hash);
	return hash;
}
