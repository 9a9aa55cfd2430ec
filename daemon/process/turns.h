/* SPDX-License-Identifier: GPL-2.0-only */
/* turns.c: things that wait for several, who have their turns one after the other. */
#ifndef KSC_TURNS_H
#define KSC_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

struct ksc_lane;

/**
 * struct ksc_turn - a thing that waits, part of it
 * @link: those of the same lane
 * @lane: that, or NULL when it does not wait
 */
struct ksc_turn {
	TAILQ_ENTRY(ksc_turn) link;
	struct ksc_lane *lane;
};

/**
 * struct ksc_lane - the things of one of them, in order; zeroed when it is new
 * @link: lanes in which something waits
 * @turns: what does
 * @n: how many
 * @held: none of them has its turn
 */
struct ksc_lane {
	TAILQ_ENTRY(ksc_lane) link;
	TAILQ_HEAD(, ksc_turn) turns;
	size_t n;
	bool held;
};

/**
 * struct ksc_turns - all of them
 * @lanes: in which something waits, the one whose turn it is first
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
