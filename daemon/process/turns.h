/* SPDX-License-Identifier: GPL-2.0-only */
/* turns.c: queues of waiting items, which take turns. */
#ifndef KSC_TURNS_H
#define KSC_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

struct ksc_lane;

/**
 * struct ksc_turn - a waiting item; embedded in it
 * @link: its place in its lane
 * @lane: its lane, or NULL while it does not wait
 */
struct ksc_turn {
	TAILQ_ENTRY(ksc_turn) link;
	struct ksc_lane *lane;
};

/**
 * struct ksc_lane - items of one owner; initialized by zeroing
 * @link: its place among lanes with waiting items
 * @turns: the items, in order
 * @n: number of items
 * @held: suspended
 */
struct ksc_lane {
	TAILQ_ENTRY(ksc_lane) link;
	TAILQ_HEAD(, ksc_turn) turns;
	size_t n;
	bool held;
};

/**
 * struct ksc_turns - all lanes
 * @lanes: lanes with waiting items, the next one first
 */
struct ksc_turns {
	TAILQ_HEAD(, ksc_lane) lanes;
};

void ksc_turns_init(struct ksc_turns *turns);
void ksc_turns_add(struct ksc_turns *turns, struct ksc_lane *lane, struct ksc_turn *turn);
struct ksc_turn *ksc_turns_take(struct ksc_turns *turns);
void ksc_turns_remove(struct ksc_turns *turns, struct ksc_turn *turn);
void ksc_turns_hold(struct ksc_turns *turns, struct ksc_lane *lane);
void ksc_turns_release(struct ksc_turns *turns, struct ksc_lane *lane);

#endif
