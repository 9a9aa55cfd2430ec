/* SPDX-License-Identifier: GPL-2.0-only */
/* generations.c: the configuration in force, and earlier ones that still count. */
#ifndef KSC_GENERATIONS_H
#define KSC_GENERATIONS_H

#include "config/config.h"
#include "handshake/netlink.h"

/**
 * struct ksc_generation - a configuration
 * @config: the configuration
 * @until: when it expires; 0 while it is in force
 * @older: the previous one, or NULL
 */
struct ksc_generation {
	struct ksc_config *config;
	double until;
	struct ksc_generation *older;
};

int ksc_generations_add(struct ksc_generation **now, struct ksc_config *config);
void ksc_generations_undo(struct ksc_generation **now);
void ksc_generations_settle(struct ksc_generation *now, double time);
double ksc_generations_expire(struct ksc_generation *now, double time);
const struct ksc_config *ksc_generations_find(const struct ksc_generation *now,
					      uint64_t generation);
const struct ksc_config *ksc_generations_offered(const struct ksc_generation *now,
						 const struct ksc_offer *offer);
void ksc_generations_free(struct ksc_generation *now);

#endif
