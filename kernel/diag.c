// SPDX-License-Identifier: GPL-2.0
/*
 * Counters of a network namespace.
 */
#include "ksc.h"

/**
 * ksc_counter_sum() - a counter's value over all CPUs
 * @kn: namespace
 * @c: which
 *
 * Context: any. Return: the sum; concurrent updates may be missed.
 */
u64 ksc_counter_sum(const struct ksc_net *kn, enum ksc_counter c)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(kn->counters, cpu)->v[c]);
	return sum;
}
