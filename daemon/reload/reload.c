// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reloads the configuration. Account services may be slow, or never answer: handshakes continue
 * meanwhile.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "reload/reload.h"

/**
 * enum phase - state of the load
 * @IDLE: no load is in progress
 * @READS: the reader hands over its input
 * @LOADS: the configuration is being built
 */
enum phase { IDLE, READS, LOADS };

/**
 * struct ksc_reload - state of reloads
 * @loop: the daemon's loop
 * @intake: receives from the reader
 * @ops: callbacks
 * @ptr: argument of @ops
 * @io: watches the reader, which may also exit
 * @timer: ends a load that takes too long
 * @ms: time limit of a load in milliseconds
 * @phase: state of the present load
 * @again: another load was requested meanwhile
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

/* Called after a failed request, too, which can notice first that the reader is gone. */
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
 * ksc_reload_new() - allocate
 * @loop: the daemon's loop
 * @intake: receives from the reader; the caller frees it, and must not use it until then
 * @ms: time limit of a load in milliseconds
 * @ops: callbacks
 * @ptr: argument of @ops
 *
 * Return: the state, or NULL if out of memory
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
		/* the reader may have reported a change during the first load */
		ev_feed_event(loop, &reload->io, EV_READ);
	}
	return reload;
}

/**
 * ksc_reload_ask() - request a load of the configuration as it is now
 * @reload: the state
 *
 * If a load is in progress, another one follows it.
 */
void ksc_reload_ask(struct ksc_reload *reload)
{
	if (reload->phase == IDLE)
		begin(reload);
	else
		reload->again = true;
}

/**
 * ksc_reload_done() - finish a load
 * @reload: the state
 *
 * The next load begins if one was requested meanwhile.
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
 * ksc_reload_free() - stop reloads
 * @reload: the state, or NULL
 */
void ksc_reload_free(struct ksc_reload *reload)
{
	if (!reload)
		return;
	ev_timer_stop(reload->loop, &reload->timer);
	ev_io_stop(reload->loop, &reload->io);
	free(reload);
}
