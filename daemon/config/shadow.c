// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds the rules of a policy that never match, because an earlier rule covers them. Comparing each
 * rule with all earlier ones would take seconds for the maximum number of rules.
 *
 * But a rule that covers another is at least as wide in each dimension, and for given widths there
 * are few candidates: a prefix of that length, a cgroup of that depth, and ranges not longer than a
 * power of two, which begin in one of its multiples or in the one before. So rules are looked up by
 * place, once for each combination of widths in use.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "config/shadow.h"

#define RANGES	4

/**
 * struct place - place and widths of a rule; a key of a hash table, hence without unset bytes
 * @directions: directions, which are a width
 * @local: prefix, whose family and length are widths
 * @remote: likewise
 * @width: widths of its ranges, powers of two
 * @block: which multiples of these
 * @depth: depth of its cgroup, 0 for any, 1 for the root
 * @cgroup: hash of the path's first @depth levels; where two collide, ksc_rule_covers() tells them
 *	apart
 */
struct place {
	uint32_t directions;
	struct ksc_prefix local;
	struct ksc_prefix remote;
	uint32_t width[RANGES];
	uint32_t block[RANGES];
	uint32_t depth;
	unsigned int cgroup;
};

/**
 * struct post - a rule at a place
 * @place: the place
 * @rule: number of the rule
 * @next: the next at this place, with a higher number
 * @last: in the first: the last at this place
 * @hh: in the first: its place in a table of the index
 */
struct post {
	struct place place;
	size_t rule;
	struct post *next;
	struct post *last;
	UT_hash_handle hh;
};

/**
 * struct index - the rules so far
 * @rules: the rules
 * @posts: hash table of the first rules at their places
 * @widths: hash table of the widths so far, each with the first rule that has them
 */
struct index {
	const struct ksc_rule *rules;
	struct post *posts;
	struct post *widths;
};

static void get_ranges(const struct ksc_rule *rule, const struct ksc_range *ranges[RANGES])
{
	ranges[0] = &rule->local_port;
	ranges[1] = &rule->remote_port;
	ranges[2] = &rule->uid;
	ranges[3] = &rule->gid;
}

/* The exponent of the least power of two that is not less than the size of a range. */
static uint32_t width_of(const struct ksc_range *range)
{
	uint32_t width = 0;

	while (width < 32 && (range->max - range->min) >> width)
		width++;
	return width;
}

static uint32_t block_of(uint32_t number, uint32_t width)
{
	return width < 32 ? number >> width : 0;
}

static uint32_t depth_of(const char *cgroup)
{
	uint32_t n = 1;

	if (!cgroup)
		return 0;
	for (; *cgroup; cgroup++)
		n += *cgroup == '/' && cgroup[1];
	return n;
}

static void get_width(struct place *width, const struct ksc_rule *rule)
{
	const struct ksc_range *ranges[RANGES];
	int i;

	memset(width, 0, sizeof(*width));
	width->directions = rule->directions;
	width->local.family = rule->local.family;
	width->local.len = rule->local.len;
	width->remote.family = rule->remote.family;
	width->remote.len = rule->remote.len;
	get_ranges(rule, ranges);
	for (i = 0; i < RANGES; i++)
		width->width[i] = width_of(ranges[i]);
	width->depth = depth_of(rule->cgroup);
}

static bool prefix_may_cover(const struct ksc_prefix *width, const struct ksc_prefix *other)
{
	return !width->family || (width->family == other->family && width->len <= other->len);
}

static bool may_cover(const struct place *width, const struct place *other)
{
	int i;

	for (i = 0; i < RANGES; i++)
		if (width->width[i] < other->width[i])
			return false;
	return (width->directions & other->directions) == other->directions &&
	       prefix_may_cover(&width->local, &other->local) &&
	       prefix_may_cover(&width->remote, &other->remote) && width->depth <= other->depth;
}

/* Sets a prefix to the leading bits of an address, whose own prefix is not shorter. */
static void cut(struct ksc_prefix *prefix, const uint8_t *addr)
{
	const unsigned int bytes = prefix->len / 8, bits = prefix->len % 8;

	memcpy(prefix->addr, addr, bytes);
	if (bits)
		prefix->addr[bytes] = addr[bytes] & (uint8_t)(0xff00 >> bits);
}

/* Finds the place of rules with these widths that may cover a rule. */
static void find_place(struct place *place, const struct place *width,
		       const struct ksc_rule *rule)
{
	const struct ksc_range *ranges[RANGES];
	size_t len = 0;
	uint32_t level;
	int i;

	memcpy(place, width, sizeof(*place));
	cut(&place->local, rule->local.addr);
	cut(&place->remote, rule->remote.addr);
	get_ranges(rule, ranges);
	for (i = 0; i < RANGES; i++)
		place->block[i] = block_of(ranges[i]->min, width->width[i]);
	for (level = 1; level < width->depth; level++)
		len += 1 + strcspn(rule->cgroup + len + 1, "/");
	if (len)
		place->cgroup = ksc_hash(rule->cgroup, len);
}

static int add_post(struct post **table, const struct place *place, size_t rule)
{
	struct post *post = calloc(1, sizeof(*post)), *first;

	if (!post)
		return -ENOMEM;
	memcpy(&post->place, place, sizeof(*place));
	post->rule = rule;
	post->last = post;
	HASH_FIND(hh, *table, place, sizeof(*place), first);
	if (first) {
		first->last->next = post;
		first->last = post;
		return 0;
	}
	HASH_ADD(hh, *table, place, sizeof(*place), post);
	if (ksc_hash_added(&post->hh))
		return 0;
	free(post);
	return -ENOMEM;
}

/* Adds a rule at each place where a rule that it covers can begin. */
static int add(struct index *index, const struct place *width, size_t number)
{
	const struct ksc_rule *rule = &index->rules[number];
	const struct ksc_range *ranges[RANGES];
	const struct post *known;
	struct place place;
	unsigned int ends, i;
	int rc = 0;

	HASH_FIND(hh, index->widths, width, sizeof(*width), known);
	if (!known)
		rc = add_post(&index->widths, width, number);
	get_ranges(rule, ranges);
	for (ends = 0; !rc && ends < 1U << RANGES; ends++) {
		find_place(&place, width, rule);
		for (i = 0; i < RANGES; i++) {
			const uint32_t last = block_of(ranges[i]->max, width->width[i]);

			if (ends & 1U << i && last == place.block[i])
				break;
			if (ends & 1U << i)
				place.block[i] = last;
		}
		if (i == RANGES)
			rc = add_post(&index->posts, &place, number);
	}
	return rc;
}

/* The number of the first rule that covers it, or its own. */
static size_t find(const struct index *index, const struct place *width, size_t number)
{
	const struct ksc_rule *rule = &index->rules[number];
	const struct post *wide, *post;
	size_t first = number;
	struct place place;

	for (wide = index->widths; wide; wide = wide->hh.next) {
		if (!may_cover(&wide->place, width))
			continue;
		find_place(&place, &wide->place, rule);
		HASH_FIND(hh, index->posts, &place, sizeof(place), post);
		for (; post && post->rule < first; post = post->next)
			if (ksc_rule_covers(&index->rules[post->rule], rule))
				first = post->rule;
	}
	return first;
}

static void free_posts(struct post *post)
{
	struct post *next;

	for (; post; post = next) {
		next = post->next;
		free(post);
	}
}

/**
 * ksc_shadow_find() - find rules that never match
 * @rules: the rules
 * @by: set, for each rule, to the number of the first that covers it, or its own number
 *
 * Return: 0 or -ENOMEM
 */
int ksc_shadow_find(const struct ksc_rules *rules, size_t *by)
{
	struct index index = { .rules = rules->list };
	struct place width;
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < rules->n; i++) {
		get_width(&width, &rules->list[i]);
		by[i] = find(&index, &width, i);
		rc = add(&index, &width, i);
	}
	KSC_HASH_FREE(index.posts, free_posts);
	KSC_HASH_FREE(index.widths, free_posts);
	return rc;
}
