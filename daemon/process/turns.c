// SPDX-License-Identifier: GPL-2.0-only
/*
 * Things that wait for several: each has its turn, however many things the others have, and of
 * its things the first that came.
 */
#include "process/turns.h"

/**
 * ksc_turns_init() - begin
 * @turns: set to none
 */
void ksc_turns_init(struct ksc_turns *turns)
{
	TAILQ_INIT(&turns->lanes);
}

/**
 * ksc_turns_add() - have something wait
 * @turns: where
 * @lane: whose it is
 * @turn: the thing, which does not wait yet
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
 * ksc_turns_remove() - have something wait no more
 * @turns: where
 * @turn: the thing, which may not wait at all
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
 * ksc_turns_hold() - have none of a lane's things have its turn
 * @turns: where
 * @lane: the lane, which is not held
 */
void ksc_turns_hold(struct ksc_turns *turns, struct ksc_lane *lane)
{
	lane->held = true;
	if (lane->n)
		TAILQ_REMOVE(&turns->lanes, lane, link);
}

/**
 * ksc_turns_release() - have them have their turns again
 * @turns: where
 * @lane: the lane, which is held
 */
void ksc_turns_release(struct ksc_turns *turns, struct ksc_lane *lane)
{
	lane->held = false;
	if (lane->n)
		TAILQ_INSERT_TAIL(&turns->lanes, lane, link);
}

/**
 * ksc_turns_take() - take what is next
 * @turns: from where
 *
 * Return: it, or NULL if nothing waits
 */
struct ksc_turn *ksc_turns_take(struct ksc_turns *turns)
{
	struct ksc_lane *lane = TAILQ_FIRST(&turns->lanes);
	struct ksc_turn *turn;

	if (!lane)
		return NULL;
	turn = TAILQ_FIRST(&lane->turns);
	TAILQ_REMOVE(&turns->lanes, lane, link);
	/* behind those who have had none meanwhile */
	TAILQ_INSERT_TAIL(&turns->lanes, lane, link);
	ksc_turns_remove(turns, turn);
	return turn;
}
