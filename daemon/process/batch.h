/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How many ready items to take at once. Finding that none is left costs as much as taking one, and
 * the event loop reports when one is ready. So the first batch is one item, and each further batch
 * in the same turn is twice as large.
 */
#ifndef KSC_BATCH_H
#define KSC_BATCH_H

#include <ev.h>

/**
 * struct ksc_batch - size of the next batch
 * @turn: turn of the loop in which the last batch was taken
 * @n: its maximum size
 */
struct ksc_batch {
	unsigned int turn;
	int n;
};

/**
 * ksc_batch_next() - get the size of the next batch in this turn of the loop
 * @batch: zeroed before the first call
 * @loop: the loop, which has reported an item
 * @max: limit
 *
 * Return: from 1 to @max
 */
static inline int ksc_batch_next(struct ksc_batch *batch, struct ev_loop *loop, int max)
{
	const unsigned int turn = ev_iteration(loop);

	/* a second call in the same turn: the loop has reported nothing new */
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
