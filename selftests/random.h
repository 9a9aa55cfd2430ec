/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers that look random and are the same in every run. */
#ifndef KSC_RANDOM_H
#define KSC_RANDOM_H

#include <stdint.h>

/**
 * next_random() - Marsaglia's xorshift, 64 bits
 * @seed: the state, never 0
 * Return: the next number, which is the state too
 */
static inline uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

#endif
