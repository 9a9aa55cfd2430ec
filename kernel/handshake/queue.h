/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The queue of contexts that wait for their namespace's daemon.
 */
#ifndef _KSC_HANDSHAKE_QUEUE_H
#define _KSC_HANDSHAKE_QUEUE_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct ksc_context;

/* enum ksc_place - a context's place in the queue */
enum ksc_place {
	KSC_PLACE_NONE,		/* nothing to offer */
	KSC_PLACE_WAITING,	/* in the queue */
	KSC_PLACE_CALLED,	/* its turn; the owner was kicked to make the offer */
	KSC_PLACE_LATE,		/* called when the owner was busy */
	KSC_PLACE_OFFERED,	/* the daemon has its token */
};

/**
 * struct ksc_turn - a context's place in the queue
 * @node: in ksc_queue.waiting
 * @number: order of arrival
 * @bytes: of its token
 * @place: enum ksc_place
 * @begun: a daemon has its session
 *
 * Protected by ksc_queue.lock. No reference is held: ksc_context_end() removes the context from
 * the queue before it drops the owner's.
 */
struct ksc_turn {
	struct list_head node;
	u64 number;
	u32 bytes;
	u8 place;
	bool begun;
};

/**
 * struct ksc_queue - contexts that wait for the daemon of their namespace
 * @lock: protects all of it
 * @waiting: struct ksc_turn in order of arrival: new ones, and begun ones
 * @last: number of the last arrival
 * @favoured: begun contexts called since the last new one
 * @nr_waiting: number of waiting ones
 * @taken: number of called or offered ones
 * @bytes: bytes of their tokens
 * @window: maximum of @taken
 * @window_bytes: maximum of @bytes, unless @taken is one
 * @open: a daemon is registered
 * @draining: the daemon accepts no new contexts
 * @full: the daemon's socket had no space for the last offer; none is made until one is answered
 * @retry: retries if none is pending that could be answered
 */
struct ksc_queue {
	spinlock_t lock;	/* all of it */
	struct list_head waiting[2];
	u64 last;
	u32 favoured;
	u32 nr_waiting;
	u32 taken;
	u32 bytes;
	u32 window;
	u32 window_bytes;
	bool open;
	bool draining;
	bool full;
	struct delayed_work retry;
};

void ksc_queue_init(struct ksc_queue *q);
void ksc_queue_exit(struct ksc_queue *q);
void ksc_queue_open(struct ksc_queue *q);
void ksc_queue_close(struct ksc_queue *q);
void ksc_queue_drain(struct ksc_queue *q);
void ksc_queue_set_window(struct ksc_queue *q, u32 window, u32 bytes);
int ksc_queue_enter(struct ksc_context *ctx, u32 len);
void ksc_queue_return(struct ksc_context *ctx, bool full);
void ksc_queue_yield(struct ksc_context *ctx);
void ksc_queue_leave(struct ksc_context *ctx);
bool ksc_queue_waits(const struct ksc_context *ctx);

#endif /* _KSC_HANDSHAKE_QUEUE_H */
