// SPDX-License-Identifier: GPL-2.0-only
/*
 * Having the configuration loaded again. Services that are asked for accounts may take their
 * time, or all of it: handshakes go on meanwhile.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "reload/reload.h"

/**
 * enum phase - what is under way
 * @IDLE: nothing
 * @READS: what there is to load
 * @LOADS: that
 */
enum phase { IDLE, READS, LOADS };

/**
 * struct ksc_reload - what is asked for
 * @loop: the daemon's loop
 * @intake: leads to the reader
 * @ops: who has it loaded
 * @ptr: whose these are
 * @io: watches the reader, which may also end
 * @timer: ends what takes too long
 * @ms: how long that is
 * @phase: what is under way
 * @again: it was asked for again since
 * @gone: the reader is gone
 */
struct ksc_reload {
	struct ev_loop *loop;
	struct ksc_intake *intake;
	const struct ksc_reload_ops *ops;
	void *ptr;
	ev_io io;
	ev_timer timer;
	int ms;
	enum phase phase;
	bool again;
	bool gone;
};

static void end(struct ksc_reload *reload, struct ksc_handed *handed, int error)
{
	ev_timer_stop(reload->loop, &reload->timer);
	reload->phase = LOADS;
	reload->ops->end(reload->ptr, handed, error);
}

/* Asking may find out before the loop does. */
static void look_for_reader(struct ksc_reload *reload)
{
	if (reload->gone || ksc_intake_fd(reload->intake) >= 0)
		return;
	/* its descriptor is closed */
	ev_io_stop(reload->loop, &reload->io);
	if (reload->phase != IDLE)
		return;
	reload->gone = true;
	reload->ops->gone(reload->ptr);
}

static void begin(struct ksc_reload *reload)
{
	int rc;

	reload->phase = READS;
	reload->ops->begin(reload->ptr);
	rc = ksc_intake_ask(reload->intake);
	if (rc) {
		end(reload, NULL, -rc);
		look_for_reader(reload);
		return;
	}
	ev_timer_set(&reload->timer, reload->ms / 1000., 0);
	ev_timer_start(reload->loop, &reload->timer);
}

static void on_late(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct ksc_reload *reload = timer->data;

	(void)loop;
	(void)events;
	ksc_intake_cancel(reload->intake);
	end(reload, NULL, ETIMEDOUT);
}

static void on_answer(struct ev_loop *loop, ev_io *io, int events)
{
	struct ksc_reload *reload = io->data;
	struct ksc_handed *handed = NULL;
	const int rc = ksc_intake_take(reload->intake, &handed);

	(void)loop;
	(void)events;
	if (ksc_intake_changed(reload->intake))
		reload->ops->changed(reload->ptr);
	if (rc == -EAGAIN)
		return;
	if (reload->phase == READS)
		end(reload, handed, -rc);
	else
		ksc_handed_free(handed);
	look_for_reader(reload);
}

/**
 * ksc_reload_new() - be ready to have it loaded
 * @loop: the daemon's loop
 * @intake: leads to the reader; stays the caller's, who may not use it any more
 * @ms: how long a load may take, in milliseconds
 * @ops: told about loads
 * @ptr: given to these
 *
 * Return: the means to ask, or NULL without memory
 */
struct ksc_reload *ksc_reload_new(struct ev_loop *loop, struct ksc_intake *intake, int ms,
				  const struct ksc_reload_ops *ops, void *ptr)
{
	struct ksc_reload *reload = calloc(1, sizeof(*reload));

	if (!reload)
		return NULL;
	reload->loop = loop;
	reload->intake = intake;
	reload->ops = ops;
	reload->ptr = ptr;
	reload->ms = ms;
	ev_init(&reload->timer, on_late);
	reload->timer.data = reload;
	ev_io_init(&reload->io, on_answer, ksc_intake_fd(intake), EV_READ);
	reload->io.data = reload;
	if (ksc_intake_fd(intake) >= 0) {
		ev_io_start(loop, &reload->io);
		/* a change may have been told while the first load was waited for */
		ev_feed_event(loop, &reload->io, EV_READ);
	}
	return reload;
}

/**
 * ksc_reload_ask() - have it loaded, as it is now
 * @reload: the means
 *
 * If a load is under way, another one follows it.
 */
void ksc_reload_ask(struct ksc_reload *reload)
{
	if (reload->phase == IDLE)
		begin(reload);
	else
		reload->again = true;
}

/**
 * ksc_reload_done() - what was handed over is loaded, or is not to be
 * @reload: the means
 *
 * The next load, if it was asked for meanwhile, begins.
 */
void ksc_reload_done(struct ksc_reload *reload)
{
	const bool again = reload->again;

	reload->phase = IDLE;
	reload->again = false;
	if (again)
		begin(reload);
	look_for_reader(reload);
}

/**
 * ksc_reload_free() - have nothing loaded any more
 * @reload: the means, or NULL
 */
void ksc_reload_free(struct ksc_reload *reload)
{
	if (!reload)
		return;
	ev_timer_stop(reload->loop, &reload->timer);
	ev_io_stop(reload->loop, &reload->io);
	free(reload);
}
