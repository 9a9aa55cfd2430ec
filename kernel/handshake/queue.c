// SPDX-License-Identifier: GPL-2.0
/*
 * The queue to the daemon. Contexts that have something to offer stand in one
 * order per namespace and go through a window: so many offers, and bytes of
 * tokens, may be unanswered. Each answer, each end of a context and the daemon's
 * death make room for the next. A context that waits has a place, and no copy
 * of its token: that is made when its turn has come.
 *
 * Those that a daemon has begun go before new ones, or under overload each would
 * wait so long between its steps that it times out, or makes way for a newer one,
 * and what was done for it is lost. After some of them it is a new one's turn:
 * peers that send their messages in pieces delay others by a factor, not for good.
 *
 * What is taken of the window is given back by whatever ends the offer, so none
 * of this depends on time; but where the daemon's socket has no room although
 * nothing is under way, one timer per namespace tries again.
 */
#include <linux/kschannel_netlink.h>

#include "handshake/context.h"
#include "handshake/owner.h"
#include "handshake/queue.h"
#include "net.h"

/* How long until a socket without room is tried again */
#define KSC_RETRY_DELAY		msecs_to_jiffies(20)
/* Entries that are looked at to put one back in its place */
#define KSC_RETURN_STEPS	64
/* So many that are begun go before a new one */
#define KSC_BEGUN_FIRST		4

/* The next that may be called; NULL if there is none */
static struct ksc_turn *ksc_queue_first(struct ksc_queue *q)
{
	struct ksc_turn *fresh, *begun;

	begun = list_first_entry_or_null(&q->waiting[true], struct ksc_turn, node);
	fresh = list_first_entry_or_null(&q->waiting[false], struct ksc_turn, node);
	if (!fresh || q->draining || (begun && q->favoured < KSC_BEGUN_FIRST))
		return begun;
	return fresh;
}

static bool ksc_queue_room(const struct ksc_queue *q, const struct ksc_turn *t)
{
	if (!q->open || q->full || (q->draining && !t->begun))
		return false;
	return !q->taken || (q->taken < q->window && q->bytes + t->bytes <= q->window_bytes);
}

static void ksc_queue_take(struct ksc_queue *q, struct ksc_turn *t, u8 place)
{
	t->place = place;
	q->taken++;
	q->bytes += t->bytes;
}

static void ksc_queue_give(struct ksc_queue *q, struct ksc_turn *t)
{
	/* it has read something since */
	if (t->place == KSC_PLACE_OFFERED)
		q->full = false;
	t->place = KSC_PLACE_NONE;
	q->taken--;
	q->bytes -= t->bytes;
}

static void ksc_queue_wait(struct ksc_queue *q, struct ksc_turn *t, struct list_head *before)
{
	t->place = KSC_PLACE_WAITING;
	q->nr_waiting++;
	list_add_tail(&t->node, before);
}

/* It was called, or offered in vain: nobody behind it may pass */
static void ksc_queue_wait_again(struct ksc_queue *q, struct ksc_turn *t)
{
	struct list_head *head = &q->waiting[t->begun], *pos;
	int steps = 0;

	list_for_each(pos, head) {
		if (list_entry(pos, struct ksc_turn, node)->number > t->number ||
		    ++steps > KSC_RETURN_STEPS)
			break;
	}
	ksc_queue_wait(q, t, pos);
}

/* Call those that there is room for */
static void ksc_queue_run(struct ksc_queue *q)
{
	struct ksc_turn *t;

	while ((t = ksc_queue_first(q)) && ksc_queue_room(q, t)) {
		list_del_init(&t->node);
		q->nr_waiting--;
		q->favoured = t->begun ? q->favoured + 1 : 0;
		ksc_queue_take(q, t, KSC_PLACE_CALLED);
		ksc_owner_kick(container_of(t, struct ksc_context, turn)->owner);
	}
	/*
	 * No answer will come that says there is room. That nobody waits just now does not
	 * matter: whoever comes next would, and for good.
	 */
	if (q->full && !q->taken)
		queue_delayed_work(ksc_wq, &q->retry, KSC_RETRY_DELAY);
}

static void ksc_queue_retry(struct work_struct *work)
{
	struct ksc_queue *q = container_of(to_delayed_work(work), struct ksc_queue, retry);

	spin_lock(&q->lock);
	q->full = false;
	ksc_queue_run(q);
	spin_unlock(&q->lock);
}

/**
 * ksc_queue_enter() - a context has something to offer; is it its turn?
 * @ctx: the context
 * @len: bytes of its token
 *
 * Context: process, the owner's lock. Return: 0 if so, and the offer is to be
 * made, or ksc_queue_return() called. Else the owner is kicked when its turn
 * comes: -EINPROGRESS, or -EHOSTDOWN if there is no daemon now; -EBUSY if the
 * last offer is under way.
 */
int ksc_queue_enter(struct ksc_context *ctx, u32 len)
{
	struct ksc_queue *q = &ctx->kn->handshakes->queue;
	struct ksc_turn *t = &ctx->turn;
	int err;

	spin_lock(&q->lock);
	switch (t->place) {
	case KSC_PLACE_NONE:
		t->number = ++q->last;
		t->bytes = len;
		t->begun = ctx->seq;
		if (!ksc_queue_first(q) && ksc_queue_room(q, t))
			ksc_queue_take(q, t, KSC_PLACE_OFFERED);
		else
			ksc_queue_wait(q, t, &q->waiting[t->begun]);
		break;
	case KSC_PLACE_LATE:
		t->bytes = len;
		if (ksc_queue_room(q, t))
			ksc_queue_take(q, t, KSC_PLACE_OFFERED);
		else
			ksc_queue_wait(q, t, q->waiting[t->begun].next);
		break;
	case KSC_PLACE_CALLED:
		ksc_queue_give(q, t);
		t->bytes = len;
		if (!q->open || q->full || (q->draining && !t->begun))
			ksc_queue_wait_again(q, t);
		else
			ksc_queue_take(q, t, KSC_PLACE_OFFERED);
		ksc_queue_run(q);
		break;
	case KSC_PLACE_WAITING:
		/* more has come */
		t->bytes = len;
		break;
	case KSC_PLACE_OFFERED:
		spin_unlock(&q->lock);
		return -EBUSY;
	}
	err = t->place == KSC_PLACE_OFFERED ? 0 : q->open ? -EINPROGRESS : -EHOSTDOWN;
	spin_unlock(&q->lock);
	return err;
}

/**
 * ksc_queue_return() - an offer was not made after all, or its daemon has gone
 * @ctx: the context; it waits where it stood
 * @full: there was no room for it
 *
 * Context: process; the owner's lock, or ksc_context.lock.
 */
void ksc_queue_return(struct ksc_context *ctx, bool full)
{
	struct ksc_queue *q = &ctx->kn->handshakes->queue;
	struct ksc_turn *t = &ctx->turn;

	spin_lock(&q->lock);
	if (t->place == KSC_PLACE_OFFERED) {
		ksc_queue_give(q, t);
		ksc_queue_wait_again(q, t);
		q->full = full;
		ksc_queue_run(q);
	}
	spin_unlock(&q->lock);
}

/**
 * ksc_queue_yield() - the owner can't make the offer now, though it may be its turn
 * @ctx: the context, found in RCU
 *
 * Its place goes to the next; it comes first again when it can. Nobody can hold
 * up others by keeping a socket busy.
 *
 * Context: process.
 */
void ksc_queue_yield(struct ksc_context *ctx)
{
	struct ksc_queue *q = &ctx->kn->handshakes->queue;
	struct ksc_turn *t = &ctx->turn;

	spin_lock(&q->lock);
	if (t->place == KSC_PLACE_CALLED) {
		ksc_queue_give(q, t);
		t->place = KSC_PLACE_LATE;
		/* it was nobody's turn: the next may be one of the same kind */
		if (!t->begun)
			q->favoured = KSC_BEGUN_FIRST;
		else if (q->favoured)
			q->favoured--;
		ksc_queue_run(q);
	}
	spin_unlock(&q->lock);
}

/**
 * ksc_queue_leave() - a context was answered, or is no more
 * @ctx: the context
 *
 * Context: process; ksc_context.lock may be held.
 */
void ksc_queue_leave(struct ksc_context *ctx)
{
	struct ksc_queue *q = &ctx->kn->handshakes->queue;
	struct ksc_turn *t = &ctx->turn;

	spin_lock(&q->lock);
	if (t->place == KSC_PLACE_WAITING) {
		list_del_init(&t->node);
		q->nr_waiting--;
	} else if (t->place == KSC_PLACE_CALLED || t->place == KSC_PLACE_OFFERED) {
		ksc_queue_give(q, t);
	}
	t->place = KSC_PLACE_NONE;
	ksc_queue_run(q);
	spin_unlock(&q->lock);
}

/**
 * ksc_queue_waits() - does a context wait, or has it been called?
 * @ctx: the context
 *
 * Context: any; a hint.
 */
bool ksc_queue_waits(const struct ksc_context *ctx)
{
	u8 place = READ_ONCE(ctx->turn.place);

	return place == KSC_PLACE_WAITING || place == KSC_PLACE_CALLED;
}

/**
 * ksc_queue_open() - a daemon came
 * @q: the queue
 *
 * Context: process, ksc_net.lock.
 */
void ksc_queue_open(struct ksc_queue *q)
{
	spin_lock(&q->lock);
	q->open = true;
	q->draining = false;
	q->full = false;
	ksc_queue_run(q);
	spin_unlock(&q->lock);
}

/**
 * ksc_queue_close() - it went
 * @q: the queue
 *
 * Context: process, ksc_net.lock.
 */
void ksc_queue_close(struct ksc_queue *q)
{
	spin_lock(&q->lock);
	q->open = false;
	spin_unlock(&q->lock);
}

/**
 * ksc_queue_drain() - it takes nothing new any more
 * @q: the queue
 *
 * Context: process, ksc_net.lock.
 */
void ksc_queue_drain(struct ksc_queue *q)
{
	spin_lock(&q->lock);
	q->draining = true;
	spin_unlock(&q->lock);
}

/**
 * ksc_queue_set_window() - how much may be unanswered
 * @q: the queue
 * @window: offers, at least 1
 * @bytes: of their tokens
 *
 * Context: process.
 */
void ksc_queue_set_window(struct ksc_queue *q, u32 window, u32 bytes)
{
	spin_lock(&q->lock);
	q->window = window;
	q->window_bytes = bytes;
	ksc_queue_run(q);
	spin_unlock(&q->lock);
}

/**
 * ksc_queue_init() - set a namespace's queue up
 * @q: the queue
 */
void ksc_queue_init(struct ksc_queue *q)
{
	spin_lock_init(&q->lock);
	INIT_LIST_HEAD(&q->waiting[false]);
	INIT_LIST_HEAD(&q->waiting[true]);
	INIT_DELAYED_WORK(&q->retry, ksc_queue_retry);
	q->window = KSC_DEFAULT_WINDOW;
	q->window_bytes = KSC_DEFAULT_WINDOW_BYTES;
}

/**
 * ksc_queue_exit() - undo ksc_queue_init()
 * @q: the queue, where nothing waits
 *
 * Context: process.
 */
void ksc_queue_exit(struct ksc_queue *q)
{
	cancel_delayed_work_sync(&q->retry);
}
