// SPDX-License-Identifier: GPL-2.0-only
/*
 * Marks for the profiler outside the guest (profile/): calls of two empty functions, at
 * addresses that are passed to it.
 */
#include "bench.h"

/**
 * ksb_mark_begin() - mark the start of the measured section
 */
__attribute__((noinline)) void ksb_mark_begin(void)
{
	__asm__ volatile("" ::: "memory");
}

/**
 * ksb_mark_end() - mark the end of the measured section
 */
__attribute__((noinline)) void ksb_mark_end(void)
{
	__asm__ volatile("" ::: "memory");
}
