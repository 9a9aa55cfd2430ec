// SPDX-License-Identifier: GPL-2.0-only
/*
 * The configuration in force, and earlier ones. A connection is subject to one policy, which may
 * have been replaced when its handshake begins. Handshakes in progress hold references to what they
 * need: the keys of a configuration are wiped with the last of them.
 */
#include <errno.h>
#include <stdlib.h>

#include "handshake/generations.h"

/* The kernel offers no handshake that began longer ago than this. */
#define RETIRED_S	(KSC_MAX_HANDSHAKE_TIMEOUT / 1000.)

/**
 * ksc_generations_add() - put a configuration in force
 * @now: the one in force, or NULL; set to the new one
 * @config: the configuration, owned by @now on success
 *
 * Return: 0 or -ENOMEM
 */
int ksc_generations_add(struct ksc_generation **now, struct ksc_config *config)
{
	struct ksc_generation *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	g->config = config;
	g->older = *now;
	*now = g;
	return 0;
}

/**
 * ksc_generations_undo() - put the previous configuration in force again
 * @now: the one in force, whose configuration the caller owns again; set to the previous one
 */
void ksc_generations_undo(struct ksc_generation **now)
{
	struct ksc_generation *g = *now;

	*now = g->older;
	free(g);
}

/* Frees older ones that have expired, or that @now replaces. Returns the next expiry, or 0. */
static double sweep(struct ksc_generation *now, double time)
{
	struct ksc_generation **at = &now->older, *g;
	double first = 0;

	while ((g = *at)) {
		if ((g->until && g->until <= time) ||
		    g->config->generation == now->config->generation) {
			*at = g->older;
			ksc_config_free(g->config);
			free(g);
			continue;
		}
		if (!first || g->until < first)
			first = g->until;
		at = &g->older;
	}
	return first;
}

/**
 * ksc_generations_settle() - note that the newest configuration is in force in the kernel
 * @now: the newest one
 * @time: the time in seconds
 *
 * Earlier ones with the same text are freed, because their connections find this one: usually only
 * certificates and keys have changed. The others expire later.
 */
void ksc_generations_settle(struct ksc_generation *now, double time)
{
	struct ksc_generation *g;

	for (g = now->older; g; g = g->older)
		if (!g->until)
			g->until = time + RETIRED_S;
	sweep(now, time);
}

/**
 * ksc_generations_expire() - free expired configurations
 * @now: the one in force
 * @time: the time in seconds
 *
 * Return: when the next one expires, 0 if none does
 */
double ksc_generations_expire(struct ksc_generation *now, double time)
{
	return sweep(now, time);
}

/**
 * ksc_generations_find() - find a configuration
 * @now: the one in force
 * @generation: its number
 *
 * Return: the configuration, or NULL
 */
const struct ksc_config *ksc_generations_find(const struct ksc_generation *now,
					      uint64_t generation)
{
	for (; now; now = now->older)
		if (now->config->generation == generation)
			return now->config;
	return NULL;
}

/**
 * ksc_generations_offered() - find the configuration that a connection is subject to
 * @now: the one in force
 * @offer: the kernel's offer
 *
 * Return: the configuration, or NULL if it has expired
 */
const struct ksc_config *ksc_generations_offered(const struct ksc_generation *now,
						 const struct ksc_offer *offer)
{
	const struct ksc_config *config = NULL;

	if (offer->generation)
		config = ksc_generations_find(now, offer->generation);
	return !config && offer->rule == KSC_NO_RULE ? now->config : config;
}

/**
 * ksc_generations_free() - free all
 * @now: the one in force, or NULL
 */
void ksc_generations_free(struct ksc_generation *now)
{
	struct ksc_generation *older;

	for (; now; now = older) {
		older = now->older;
		ksc_config_free(now->config);
		free(now);
	}
}
