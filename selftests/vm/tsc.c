// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints the frequency of this machine's time stamp counter, in kHz.
 *
 * A pair of counter and clock is as good as its reading was quick: another task may have run
 * in between. So of many pairs the quickest counts.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

#define PAIRS 1000
/* A pair that is off by a microsecond is a part in 100,000 of this. */
#define APART_NS 100000000

struct pair {
	uint64_t ticks;
	uint64_t ns;
};

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static struct pair read_pair(void)
{
	uint64_t quickest = UINT64_MAX;
	struct pair pair = { 0, 0 };

	for (int i = 0; i < PAIRS; i++) {
		uint64_t before = __rdtsc();
		uint64_t ns = now();
		uint64_t took = __rdtsc() - before;

		if (took >= quickest)
			continue;
		quickest = took;
		pair = (struct pair){ .ticks = before + took / 2, .ns = ns };
	}
	return pair;
}

int main(void)
{
	const struct timespec apart = { .tv_nsec = APART_NS };
	struct pair first = read_pair();
	struct pair last;

	nanosleep(&apart, NULL);
	last = read_pair();
	if (last.ns <= first.ns || last.ticks <= first.ticks)
		return 1;
	printf("%.0f\n", (double)(last.ticks - first.ticks) * 1e6 / (double)(last.ns - first.ns));
	return 0;
}
