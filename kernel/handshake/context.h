/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Security contexts: handshakes in progress, and their state per network namespace. A context's
 * owner is a socket, which it only knows as a struct ksc_owner.
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

/* enum ksc_context_state - state of the one step in flight */
enum ksc_context_state {
	KSC_CTX_IDLE,		/* nothing in flight; may be offered a token */
	KSC_CTX_OFFERED,	/* the daemon has a token to answer */
	KSC_CTX_APPLYING,	/* its answer is being applied */
	KSC_CTX_DEAD,		/* over; set by ksc_context_end() */
};

/**
 * struct ksc_context - a security context: a handshake in progress
 * @ref: the owner's, the timer's, each user's
 * @rcu: looked up without a lock
 * @lock: protects @state, @lost, @expired, @daemon, @step, @refused
 * @state: enum ksc_context_state
 * @lost: the daemon that had the session exited
 * @expired: timed out
 * @evicted: another handshake took its place, see admit.c
 * @role: enum ksc_role
 * @seq: number of the current step
 * @daemon: registration of the daemon that has the session, 0 for none
 * @step: the answer to the offer, in state applying
 * @refused: or why there is no answer: one line; a constant
 * @turn: its place in the queue to the daemon
 * @admission: what it counts toward
 * @offered: bytes of the token in flight
 * @stuck: bytes that were offered and were too few
 * @total: bytes of handshake received from the peer so far
 * @spoke: a token was sent to the peer
 * @seen: for ksc_owner_heard(), how far the owner has read
 * @failed: enum ksc_status, the owner's failure that the daemon is to send an alert for; 0 for
 *	none
 * @why: with @failed: one line, or NULL for the status's text; a constant
 * @told: the daemon already knows the result, or gets it with the next offer
 * @report: report the failure to the daemon, although it was offered nothing
 * @full: bytes in TCP's queue when the receive buffer was found full
 * @full_since: jiffies of that
 * @question: certificate that the application is to verify
 * @verdict: enum ksc_verdict, sent to the daemon with the next offer
 * @alert: with a rejection or @failed: the alert's number, or 0
 * @id: never reused in a namespace
 * @kn: namespace
 * @owner: the context holds a reference
 * @deadline: jiffies
 * @timer: runs at @deadline, holds a reference
 * @memcg: memory cgroup that the daemon's answers are charged to, referenced, or NULL
 *
 * The owner's lock protects @stuck, @total, @spoke, @seen, @failed, @told, @full, @question and
 * @verdict (admit.c reads @spoke and @seen without it), and @offered, which does not change in
 * state offered.
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
	KSC_NEWS_STEP,		/* an answer arrived */
	KSC_NEWS_REFUSED,	/* an answer arrived that can't be applied */
	KSC_NEWS_LOST,		/* the session was lost with its daemon */
	KSC_NEWS_EVICTED,	/* another handshake took its place */
	KSC_NEWS_EXPIRED,	/* timed out */
};

/* Maximum number of handshake bytes from a peer */
#define KSC_MAX_HANDSHAKE	65536

/**
 * struct ksc_handshakes - a network namespace's handshakes and unattached keys
 * @queue: contexts that wait for the daemon
 * @limits: limits of handshakes and keys; changed under ksc_admit_lock
 * @shares: handshakes of servers, and all; under ksc_admit_lock
 * @nr_keys: unattached keys; likewise
 * @contexts: struct ksc_context by id
 * @next_context: the last context's id; never reused
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
