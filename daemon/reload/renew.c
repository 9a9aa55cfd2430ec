// SPDX-License-Identifier: GPL-2.0-only
/*
 * When to reload the configuration without a request: shortly after a file has changed, because a
 * key and its certificate are written one after the other; and not all the time, because files may
 * change endlessly, or the reader may be compromised.
 */
#include <stdlib.h>

#include "reload/renew.h"

/* As documented in the manual. */
const struct ksc_renew_times ksc_renew_times = {
	.settle = 0.5, .pause = 5, .retry = { 10, 60 },
};

/**
 * struct ksc_renew - state of automatic reloads
 * @loop: the daemon's loop
 * @times: delays
 * @due: requests a load
 * @ptr: argument of @due
 * @timer: runs until the next load is due, if one is
 * @pause: runs until the next load is allowed
 * @tries: number of retries since a file has changed
 * @changed: a file has changed since the last load began
 * @asked: the next load was requested by @due
 * @ours: so was the load in progress
 */
struct ksc_renew {
	struct ev_loop *loop;
	const struct ksc_renew_times *times;
	ksc_renew_fn *due;
	void *ptr;
	ev_timer timer;
	ev_timer pause;
	unsigned int tries;
	bool changed;
	bool asked;
	bool ours;
};

static void on_due(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct ksc_renew *renew = timer->data;

	(void)events;
	ev_timer_set(&renew->pause, renew->times->pause, 0);
	ev_timer_start(loop, &renew->pause);
	renew->asked = true;
	renew->due(renew->ptr, !renew->changed);
}

/* Nothing to do: only ev_is_active() of this timer is used. */
static void on_pause_over(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)timer;
	(void)events;
}

/* A timer that expires earlier is kept: further changes do not postpone a load. */
static void run_timer(struct ksc_renew *renew, double delay)
{
	if (ev_is_active(&renew->pause)) {
		const double left = ev_timer_remaining(renew->loop, &renew->pause);

		delay = delay < left ? left : delay;
	}
	if (ev_is_active(&renew->timer)) {
		if (ev_timer_remaining(renew->loop, &renew->timer) <= delay)
			return;
		ev_timer_stop(renew->loop, &renew->timer);
	}
	ev_timer_set(&renew->timer, delay, 0);
	ev_timer_start(renew->loop, &renew->timer);
}

/**
 * ksc_renew_new() - allocate
 * @loop: the daemon's loop
 * @times: delays, not copied
 * @due: requests a load
 * @ptr: argument of @due
 *
 * Return: the state, or NULL if out of memory
 */
struct ksc_renew *ksc_renew_new(struct ev_loop *loop, const struct ksc_renew_times *times,
				ksc_renew_fn *due, void *ptr)
{
	struct ksc_renew *renew = calloc(1, sizeof(*renew));

	if (!renew)
		return NULL;
	renew->loop = loop;
	renew->times = times;
	renew->due = due;
	renew->ptr = ptr;
	ev_init(&renew->timer, on_due);
	renew->timer.data = renew;
	ev_init(&renew->pause, on_pause_over);
	return renew;
}

/**
 * ksc_renew_changed() - note that a file of the last load has changed
 * @renew: the state
 */
void ksc_renew_changed(struct ksc_renew *renew)
{
	renew->changed = true;
	renew->tries = 0;
	run_timer(renew, renew->times->settle);
}

/**
 * ksc_renew_begin() - note that a load begins, for any reason; it reads all earlier changes
 * @renew: the state
 */
void ksc_renew_begin(struct ksc_renew *renew)
{
	ev_timer_stop(renew->loop, &renew->timer);
	renew->changed = false;
	renew->ours = renew->asked;
	renew->asked = false;
}

/**
 * ksc_renew_done() - note that the load has ended
 * @renew: the state
 * @taken: the configuration is in force; otherwise the load is retried, unless it was requested
 */
void ksc_renew_done(struct ksc_renew *renew, bool taken)
{
	if (taken)
		renew->tries = 0;
	else if (renew->ours && !renew->changed && renew->tries < KSC_RENEW_TRIES)
		run_timer(renew, renew->times->retry[renew->tries++]);
	renew->ours = false;
}

/**
 * ksc_renew_free() - stop automatic reloads
 * @renew: the state, or NULL
 */
void ksc_renew_free(struct ksc_renew *renew)
{
	if (!renew)
		return;
	ev_timer_stop(renew->loop, &renew->timer);
	ev_timer_stop(renew->loop, &renew->pause);
	free(renew);
}
