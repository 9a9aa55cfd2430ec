/* SPDX-License-Identifier: GPL-2.0 */
/*
 * context.c: the security context, a handshake in progress; and the daemon that there
 * is for it.
 *
 * Its owner is a socket, which it knows as a struct ksc_owner.
 */
#ifndef _KSC_HANDSHAKE_CONTEXT_H
#define _KSC_HANDSHAKE_CONTEXT_H

#include <linux/kref.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "handshake/admit.h"
#include "handshake/queue.h"

struct ksc_net;
struct ksc_owner;
struct ksc_question;
struct ksc_step;
struct mem_cgroup;

/* enum ksc_context_state - where the one step in flight is */
enum ksc_context_state {
	KSC_CTX_IDLE,		/* nothing in flight; may be offered a token */
	KSC_CTX_OFFERED,	/* the daemon has a token to answer */
	KSC_CTX_APPLYING,	/* its answer is being applied */
	KSC_CTX_DEAD,		/* over; whoever made it so cleans up */
};

/**
 * struct ksc_context - a security context: a handshake in progress
 * @ref: the owner's, the timer's, each user's
 * @rcu: looked up without a lock
 * @lock: @state, @lost, @expired, @daemon, @step, @refused
 * @state: enum ksc_context_state
 * @lost: the daemon that had the session went away
 * @expired: the time is over
 * @evicted: another took its place, see admit.c
 * @role: enum ksc_role
 * @seq: number of the step under way
 * @daemon: registration of the daemon that has the session, 0 for none
 * @step: the answer to the offer, in state applying
 * @refused: in its stead, why there is none: one line; a constant
 * @turn: its place in the queue to the daemon
 * @admission: what it counts for
 * @offered: bytes of the token under way
 * @stuck: bytes that were offered and found too few
 * @total: bytes of handshake that came from the peer so far
 * @spoke: the peer was sent a token
 * @seen: for ksc_owner_heard(), how far the owner has looked
 * @failed: enum ksc_status, the owner's failure that the daemon is to alert the peer of;
 *	0 for none
 * @why: with @failed: one line, or NULL for the status's own; a constant
 * @told: the daemon knows by itself how it ends, or has it in a question
 * @report: it is to know, though it has seen nothing of it
 * @full: bytes in TCP's queue when the receive buffer was found full
 * @full_since: jiffies, when that was
 * @question: what the application is to judge
 * @verdict: enum ksc_verdict, goes to the daemon with the next offer
 * @alert: to reject, or with @failed: the alert's number, or 0
 * @id: never used twice in a namespace
 * @kn: namespace
 * @owner: the context holds a reference
 * @deadline: jiffies
 * @timer: runs at @deadline, holds a reference
 * @memcg: what the daemon's answers are charged to, referenced, or NULL
 *
 * @stuck, @total, @spoke, @seen, @failed, @told, @full, @question and @verdict belong to the owner,
 * under its own lock, but admit.c looks at @spoke and @seen without it; so does @offered
 * but in state offered, when nobody changes it.
 */
struct ksc_context {
	struct kref ref;
	struct rcu_head rcu;
	spinlock_t lock;	/* state, lost, expired, daemon, step, refused */
	u8 state;
	bool lost;
	bool expired;
	bool evicted;
	u8 role;
	u32 seq;
	u32 daemon;
	struct ksc_step *step;
	const char *refused;
	struct ksc_turn turn;
	struct ksc_admission admission;
	u32 offered;
	u32 stuck;
	u32 total;
	bool spoke;
	u8 failed;
	u32 seen;
	const char *why;
	bool told;
	bool report;
	u32 full;
	unsigned long full_since;
	struct ksc_question *question;
	u8 verdict;
	u8 alert;
	u64 id;
	struct ksc_net *kn;
	struct ksc_owner *owner;
	unsigned long deadline;
	struct delayed_work timer;
	struct mem_cgroup *memcg;
};

/* enum ksc_news - what ksc_context_news() found */
enum ksc_news {
	KSC_NEWS_NONE,		/* nothing to do, or an answer is awaited */
	KSC_NEWS_IDLE,		/* a token may be offered */
	KSC_NEWS_STEP,		/* an answer came */
	KSC_NEWS_REFUSED,	/* an answer came that can't be taken */
	KSC_NEWS_LOST,		/* the session died with its daemon */
	KSC_NEWS_EVICTED,	/* another took its place */
	KSC_NEWS_EXPIRED,	/* the time is over */
};

/* Content of a handshake that a peer may make us carry, in bytes */
#define KSC_MAX_HANDSHAKE	65536

/**
 * struct ksc_handshakes - a network namespace's handshakes and unattached keys
 * @queue: contexts that wait for the daemon
 * @limits: what handshakes and keys may take; changed under the lock of admit.c
 * @shares: handshakes of servers, and all; under the lock of admit.c
 * @nr_keys: keys that no socket has got yet; likewise
 * @contexts: struct ksc_context by id
 * @next_context: the last context's id; none is used twice
 * @nr_contexts: entries of @contexts
 */
struct ksc_handshakes {
	struct ksc_queue queue;
	struct ksc_limits limits;
	struct ksc_bucket shares[2];
	u32 nr_keys;
	struct xarray contexts;
	atomic64_t next_context;
	atomic_t nr_contexts;
};

int ksc_handshakes_init(struct ksc_net *kn);
void ksc_handshakes_exit(struct ksc_net *kn);
struct ksc_context *ksc_context_new(struct ksc_net *kn, u8 role, u32 timeout,
				    struct ksc_owner *owner);
struct ksc_context *ksc_context_get(struct ksc_net *kn, u64 id);
void ksc_context_put(struct ksc_context *ctx);
void ksc_context_end(struct ksc_context *ctx);
bool ksc_context_offer(struct ksc_context *ctx, u32 daemon);
void ksc_context_unoffer(struct ksc_context *ctx, bool full);
int ksc_context_answer(struct ksc_context *ctx, u32 daemon, u32 seq, struct ksc_step *step);
enum ksc_news ksc_context_news(struct ksc_context *ctx, struct ksc_step **step);
void ksc_context_next(struct ksc_context *ctx);
bool ksc_context_give_up(struct ksc_context *ctx, u8 status, u8 alert, const char *why);
u32 ksc_context_settled(struct ksc_context *ctx);
void ksc_contexts_daemon_gone(struct ksc_net *kn, u32 daemon);
void ksc_contexts_unoffer_new(struct ksc_net *kn, u32 daemon);

#endif /* _KSC_HANDSHAKE_CONTEXT_H */
