// SPDX-License-Identifier: GPL-2.0-only
/*
 * Round-robin over lanes: each lane with waiting items has its turn, however many items the others
 * have. Within a lane, the order is first come, first served.
 */
#include "process/turns.h"

/**
 * ksc_turns_init() - initialize
 * @turns: the lanes
 */
void ksc_turns_init(struct ksc_turns *turns)
{
	TAILQ_INIT(&turns->lanes);
}

/**
 * ksc_turns_add() - add an item
 * @turns: the lanes
 * @lane: its lane
 * @turn: the item, not waiting
 */
void ksc_turns_add(struct ksc_turns *turns, struct ksc_lane *lane, struct ksc_turn *turn)
{
	if (!lane->n++) {
		TAILQ_INIT(&lane->turns);
		if (!lane->held)
			TAILQ_INSERT_TAIL(&turns->lanes, lane, link);
	}
	TAILQ_INSERT_TAIL(&lane->turns, turn, link);
	turn->lane = lane;
}

/**
 * ksc_turns_remove() - remove an item
 * @turns: the lanes
 * @turn: the item, waiting or not
 */
void ksc_turns_remove(struct ksc_turns *turns, struct ksc_turn *turn)
{
	struct ksc_lane *lane = turn->lane;

	if (!lane)
		return;
	turn->lane = NULL;
	TAILQ_REMOVE(&lane->turns, turn, link);
	if (!--lane->n && !lane->held)
		TAILQ_REMOVE(&turns->lanes, lane, link);
}

/**
 * ksc_turns_hold() - suspend a lane
 * @turns: the lanes
 * @lane: the lane, which is not held
 */
void ksc_turns_hold(struct ksc_turns *turns, struct ksc_lane *lane)
{
	lane->held = true;
	if (lane->n)
		TAILQ_REMOVE(&turns->lanes, lane, link);
}

/**
 * ksc_turns_release() - resume a lane
 * @turns: the lanes
 * @lane: the lane, which is held
 */
void ksc_turns_release(struct ksc_turns *turns, struct ksc_lane *lane)
{
	lane->held = false;
	if (lane->n)
		TAILQ_INSERT_TAIL(&turns->lanes, lane, link);
}

/**
 * ksc_turns_take() - remove the next item
 * @turns: the lanes
 *
 * Return: the item, or NULL if none can be taken
 */
struct ksc_turn *ksc_turns_take(struct ksc_turns *turns)
{
	struct ksc_lane *lane = TAILQ_FIRST(&turns->lanes);
	struct ksc_turn *turn;

	if (!lane)
		return NULL;
	turn = TAILQ_FIRST(&lane->turns);
	TAILQ_REMOVE(&turns->lanes, lane, link);
	/* behind the lanes that wait for their turn */
	TAILQ_INSERT_TAIL(&turns->lanes, lane, link);
	ksc_turns_remove(turns, turn);
	return turn;
}
