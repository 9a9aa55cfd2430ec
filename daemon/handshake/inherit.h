/* SPDX-License-Identifier: GPL-2.0-only */
/* inherit.c: the policy that an earlier daemon has loaded. */
#ifndef KSC_INHERIT_H
#define KSC_INHERIT_H

#include <stdint.h>

#include "engine/rule.h"

struct nlattr;

/**
 * struct ksc_inherited - the policy that the kernel has when the daemon starts
 * @generation: its generation, 0 for none
 * @names: names of its rules by number; NULL for one that the kernel did not send
 * @n: number of rules
 */
struct ksc_inherited {
	uint64_t generation;
	char **names;
	uint32_t n;
};

int ksc_inherit_take(struct ksc_inherited *inherited, struct nlattr *const *attrs);
uint32_t ksc_inherit_rule(const struct ksc_inherited *inherited, uint64_t generation,
			  uint32_t number, const struct ksc_rules *rules);
void ksc_inherit_free(struct ksc_inherited *inherited);

#endif
