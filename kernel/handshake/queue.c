// SPDX-License-Identifier: GPL-2.0-only
/*
 * The queue to the daemon. Contexts with a token to offer wait in order, per namespace, for a
 * window that limits the unanswered offers and their bytes. Each answer, the end of a context and
 * the daemon's exit free window for the next. A waiting context has a place but no copy of its
 * token: that is made when its turn comes.
 *
 * Contexts that a daemon has begun precede new ones: else under overload each would wait so long
 * between its steps that it times out or is evicted, and the work for it is lost. After a few of
 * them a new one gets its turn: peers that send their messages in pieces delay others by a factor,
 * but do not block them.
 *
 * Whatever ends an offer returns its share of the window, so nothing depends on timers, except
 * that one per namespace retries if the daemon's socket is full although no offer is pending.
 */
#include <linux/kschannel_netlink.h>

#include "handshake/context.h"
#include "handshake/owner.h"
#include "handshake/queue.h"
#include "net.h"

/* Delay until a full socket is retried */
#define KSC_RETRY_DELAY		msecs_to_jiffies(20)
/* Entries that are searched to put one back in its place */
#define KSC_RETURN_STEPS	64
/* Begun contexts that precede a new one */
#define KSC_BEGUN_FIRST		4

/* The next one to call, or NULL */
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
	/* the daemon has read something since */
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

/* It was called, or its offer failed: back to its old place */
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

/* Call the next ones while the window has room */
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
	 * No answer will report space. Retry even if no context waits: else the next one would
	 * wait forever.
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
 * ksc_queue_enter() - take the turn of a context with a token to offer, or queue the context
 * @ctx: the context
 * @len: bytes of its token
 *
 * Context: process, the owner's lock. Return: 0 if it is the context's turn: the caller makes the
 * offer, or calls ksc_queue_return(). -EINPROGRESS if it is not, or -EHOSTDOWN without a daemon:
 * the owner is kicked when its turn comes. -EBUSY if the last offer is pending.
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
		/* more bytes have arrived */
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
 * ksc_queue_return() - an offer failed, or its daemon is gone
 * @ctx: the context; returns to its old place
 * @full: the daemon's socket was full
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
 * ksc_queue_yield() - the owner can't make its offer now, though it may be its turn
 * @ctx: the context, found in RCU
 *
 * Passes its turn to the next; it becomes first again when it is ready. So a process can't block
 * others by keeping its socket busy.
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
		/* the turn does not count: the next may be one of the same kind */
		if (!t->begun)
			q->favoured = KSC_BEGUN_FIRST;
		else if (q->favoured)
			q->favoured--;
		ksc_queue_run(q);
	}
	spin_unlock(&q->lock);
}

/**
 * ksc_queue_leave() - a context was answered, or ends
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
 * ksc_queue_waits() - check whether a context is waiting or called
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
 * ksc_queue_open() - a daemon has registered
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
 * ksc_queue_close() - the daemon is gone
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
 * ksc_queue_drain() - the daemon no longer accepts new contexts
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
 * ksc_queue_set_window() - limit the unanswered offers
 * @q: the queue
 * @window: offers, at least 1
 * @bytes: bytes of their tokens
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
 * ksc_queue_init() - set up a namespace's queue
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
 * @q: the queue, empty
 *
 * Context: process.
 */
void ksc_queue_exit(struct ksc_queue *q)
{
	cancel_delayed_work_sync(&q->retry);
}
