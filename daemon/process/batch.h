/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much of what is ready to take at once. To find that there is no more costs as much as to take
 * something, and the loop tells when there is: so one is taken, and twice as many each time that
 * there were more.
 */
#ifndef KSC_BATCH_H
#define KSC_BATCH_H

#include <ev.h>

/**
 * struct ksc_batch - how much is taken of something
 * @turn: turn of the loop that it was last taken in
 * @n: how many, at most
 */
struct ksc_batch {
	unsigned int turn;
	int n;
};

/**
 * ksc_batch_next() - how many to take in this turn of the loop
 * @batch: zeroed at first
 * @loop: the loop, which says that there is something
 * @max: limit
 *
 * Return: from 1 to @max
 */
static inline int ksc_batch_next(struct ksc_batch *batch, struct ev_loop *loop, int max)
{
	const unsigned int turn = ev_iteration(loop);

	/* it was not the loop that has told */
	if (batch->n && turn == batch->turn)
		return 1;
	if (!batch->n || turn - batch->turn != 1)
		batch->n = 1;
	else
		batch->n = batch->n < max / 2 ? 2 * batch->n : max;
	batch->turn = turn;
	return batch->n;
}

#endif
