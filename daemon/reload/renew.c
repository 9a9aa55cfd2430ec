// SPDX-License-Identifier: GPL-2.0-only
/*
 * When the configuration is loaded again without being asked for: somewhat later than a file
 * has changed, as a key and its certificate are written one after the other; and not all the
 * time, as somebody may change them without end, or a reader be no longer what it was.
 */
#include <stdlib.h>

#include "reload/renew.h"

/* What the manual says. */
const struct ksc_renew_times ksc_renew_times = {
	.settle = 0.5, .pause = 5, .retry = { 10, 60 },
};

/**
 * struct ksc_renew - what is to be loaded when
 * @loop: the daemon's loop
 * @times: how long
 * @due: has it loaded
 * @ptr: whose that is
 * @timer: runs until it is due, if it is to be
 * @pause: runs as long as it can't be
 * @tries: after failures, since something has changed
 * @changed: something has, since the last load has begun
 * @asked: the load that begins next is due
 * @ours: so was the one that is under way
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

/* Nothing is to be done; it is asked whether it still runs. */
static void on_pause_over(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)timer;
	(void)events;
}

/* What is due earlier stays so: nobody puts it off by changing more. */
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
 * ksc_renew_new() - be ready for changes
 * @loop: the daemon's loop
 * @times: how long it is waited, which has to stay
 * @due: told when it is to be loaded
 * @ptr: given to that
 *
 * Return: the state, or NULL without memory
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
 * ksc_renew_changed() - something has changed that the last load has read
 * @renew: the state
 */
void ksc_renew_changed(struct ksc_renew *renew)
{
	renew->changed = true;
	renew->tries = 0;
	run_timer(renew, renew->times->settle);
}

/**
 * ksc_renew_begin() - a load begins, whoever has asked: it reads what has changed before
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
 * ksc_renew_done() - the load has come to its end
 * @renew: the state
 * @taken: what was loaded is in force; otherwise it is tried again, unless it was asked for
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
 * ksc_renew_free() - have nothing loaded any more
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
