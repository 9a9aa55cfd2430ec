// SPDX-License-Identifier: GPL-2.0-only
/*
 * The security context: the state machine of a handshake. It does not transport tokens: its owner,
 * a socket, offers them and applies the answers.
 *
 * At most one step is in flight. Everything that can end a context (an answer, the timer, the
 * daemon's exit, the owner) takes @lock, so that exactly one of them wins. Events other than the
 * owner's are only recorded here, and the owner is kicked to handle them (ksc_context_news()).
 */
#include <linux/kschannel_netlink.h>
#include <linux/slab.h>

#include "handshake/admit.h"
#include "handshake/context.h"
#include "handshake/owner.h"
#include "handshake/queue.h"
#include "handshake/step.h"
#include "handshake/upcall.h"
#include "memcg.h"
#include "net.h"

static void ksc_context_release(struct kref *ref)
{
	struct ksc_context *ctx = container_of(ref, struct ksc_context, ref);

	ksc_step_free(ctx->step);
	ksc_question_free(ctx->question);
	ksc_owner_put(ctx->owner);
	mem_cgroup_put(ctx->memcg);
	kfree_rcu(ctx, rcu);
}

/**
 * ksc_context_put() - drop a reference
 * @ctx: the context
 *
 * Context: process.
 */
void ksc_context_put(struct ksc_context *ctx)
{
	kref_put(&ctx->ref, ksc_context_release);
}

static void ksc_context_timer(struct work_struct *work)
{
	struct ksc_context *ctx = container_of(to_delayed_work(work),
					       struct ksc_context, timer);
	bool dead;

	spin_lock(&ctx->lock);
	dead = ctx->state == KSC_CTX_DEAD;
	ctx->expired = true;
	spin_unlock(&ctx->lock);
	if (!dead)
		ksc_owner_kick(ctx->owner);
	ksc_context_put(ctx);
}

/**
 * ksc_context_new() - begin a handshake
 * @kn: namespace
 * @role: enum ksc_role
 * @timeout: milliseconds
 * @owner: its owner; consumes the caller's reference, also on failure
 *
 * Context: process. Return: the context with a reference for the caller, which ends it with
 * ksc_context_end(); NULL if out of memory.
 */
struct ksc_context *ksc_context_new(struct ksc_net *kn, u8 role, u32 timeout,
				    struct ksc_owner *owner)
{
	struct ksc_context *ctx;

	ctx = kzalloc(sizeof(*ctx), KSC_GFP_FOR_OTHERS);
	if (!ctx)
		goto no_memory;
	kref_init(&ctx->ref);
	spin_lock_init(&ctx->lock);
	ctx->kn = kn;
	ctx->role = role;
	ctx->id = atomic64_inc_return(&kn->handshakes->next_context);
	ctx->deadline = jiffies + msecs_to_jiffies(timeout);
	INIT_DELAYED_WORK(&ctx->timer, ksc_context_timer);
	INIT_LIST_HEAD(&ctx->turn.node);

	ctx->memcg = ksc_memcg_get();
	ctx->owner = owner;
	kref_get(&ctx->ref);
	/* fully set up: from here on it may be found and kicked */
	if (xa_err(xa_store_bh(&kn->handshakes->contexts, ctx->id, ctx, KSC_GFP_FOR_OTHERS))) {
		mem_cgroup_put(ctx->memcg);
		kfree(ctx);
		goto no_memory;
	}
	atomic_inc(&kn->handshakes->nr_contexts);
	queue_delayed_work(ksc_wq, &ctx->timer, msecs_to_jiffies(timeout));
	return ctx;

no_memory:
	ksc_owner_put(owner);
	return NULL;
}

/**
 * ksc_context_get() - find a context
 * @kn: namespace
 * @id: its number
 *
 * Context: any. Return: the context with a reference, or NULL.
 */
struct ksc_context *ksc_context_get(struct ksc_net *kn, u64 id)
{
	struct ksc_context *ctx;

	rcu_read_lock();
	ctx = xa_load(&kn->handshakes->contexts, id);
	if (ctx && !kref_get_unless_zero(&ctx->ref))
		ctx = NULL;
	rcu_read_unlock();
	return ctx;
}

/**
 * ksc_context_end() - the handshake is over, successful or not
 * @ctx: the context; drops the owner's reference
 *
 * Passes its place in the queue to the next one, and tells the daemon to drop a session that it
 * may still have.
 *
 * Context: process, the owner's lock.
 */
void ksc_context_end(struct ksc_context *ctx)
{
	u32 daemon;

	xa_erase_bh(&ctx->kn->handshakes->contexts, ctx->id);
	atomic_dec(&ctx->kn->handshakes->nr_contexts);
	ksc_admit_end(ctx);

	spin_lock(&ctx->lock);
	ctx->state = KSC_CTX_DEAD;
	daemon = ctx->daemon;
	ksc_queue_leave(ctx);
	spin_unlock(&ctx->lock);

	if (daemon)
		ksc_netlink_gone(ctx->kn, daemon, ctx->id);
	if (cancel_delayed_work(&ctx->timer))
		ksc_context_put(ctx);
	ksc_context_put(ctx);
}

/**
 * ksc_context_offer() - a token is about to be sent to the daemon
 * @ctx: the context
 * @daemon: its registration
 *
 * To be called before the message is sent, as the answer may arrive at once.
 *
 * Return: false if a step is in flight or another daemon has the session.
 */
bool ksc_context_offer(struct ksc_context *ctx, u32 daemon)
{
	bool ok;

	spin_lock(&ctx->lock);
	ok = ctx->state == KSC_CTX_IDLE && !ctx->lost &&
	     (!ctx->daemon || ctx->daemon == daemon);
	if (ok) {
		ctx->state = KSC_CTX_OFFERED;
		ctx->daemon = daemon;
	}
	spin_unlock(&ctx->lock);
	return ok;
}

/**
 * ksc_context_unoffer() - sending the token failed
 * @ctx: the context; keeps its place in the queue
 * @full: the daemon's socket was full
 */
void ksc_context_unoffer(struct ksc_context *ctx, bool full)
{
	spin_lock(&ctx->lock);
	if (ctx->state == KSC_CTX_OFFERED)
		ctx->state = KSC_CTX_IDLE;
	if (!ctx->seq)
		ctx->daemon = 0;
	ksc_queue_return(ctx, full);
	spin_unlock(&ctx->lock);
}

/* The application's error text if the answer can't be applied */
static const char *ksc_context_refusal(int err)
{
	return err == -ENOMEM ? "out of memory for the daemon's reply" :
				"invalid reply from the daemon";
}

/**
 * ksc_context_answer() - the daemon answers the pending offer
 * @ctx: the context
 * @daemon: registration of the sender
 * @seq: sequence number of the offer
 * @step: the answer, consumed if 0 is returned; or the error why there is none, as an ERR_PTR
 *
 * The daemon sends no other answer. An invalid one ends the handshake and frees its place in the
 * queue at once: a handshake out of memory, maybe by its own fault, must not block others until it
 * times out.
 *
 * Return: 0; -EPERM if another daemon has the session; -ESTALE if @seq is not the pending offer;
 * -EINVAL if it consumes more than was offered; or the error in @step. On error the caller keeps
 * @step.
 */
int ksc_context_answer(struct ksc_context *ctx, u32 daemon, u32 seq, struct ksc_step *step)
{
	bool answered = false;
	int err;

	spin_lock(&ctx->lock);
	if (ctx->daemon != daemon) {
		err = -EPERM;
	} else if (ctx->state != KSC_CTX_OFFERED || ctx->seq != seq) {
		err = -ESTALE;
	} else {
		err = PTR_ERR_OR_ZERO(step);
		if (!err && step->consumed > ctx->offered)
			err = -EINVAL;
		if (err)
			ctx->refused = ksc_context_refusal(err);
		else
			ctx->step = step;
		ctx->state = KSC_CTX_APPLYING;
		ksc_queue_leave(ctx);
		answered = true;
	}
	spin_unlock(&ctx->lock);
	if (answered)
		ksc_owner_kick(ctx->owner);
	return err;
}

/**
 * ksc_context_news() - get the event that the owner is to handle
 * @ctx: the context
 * @step: set with KSC_NEWS_STEP; freed by the caller
 *
 * Context: the owner's lock.
 */
enum ksc_news ksc_context_news(struct ksc_context *ctx, struct ksc_step **step)
{
	enum ksc_news news = KSC_NEWS_NONE;

	spin_lock(&ctx->lock);
	if (ctx->state == KSC_CTX_APPLYING && ctx->step) {
		*step = ctx->step;
		ctx->step = NULL;
		news = KSC_NEWS_STEP;
	} else if (ctx->refused) {
		news = KSC_NEWS_REFUSED;
	} else if (READ_ONCE(ctx->evicted)) {
		news = KSC_NEWS_EVICTED;
	} else if (ctx->expired) {
		news = KSC_NEWS_EXPIRED;
	} else if (ctx->lost) {
		news = KSC_NEWS_LOST;
	} else if (ctx->state == KSC_CTX_IDLE) {
		news = KSC_NEWS_IDLE;
	}
	spin_unlock(&ctx->lock);
	return news;
}

/**
 * ksc_context_next() - the answer was applied, another step may follow
 * @ctx: the context
 *
 * Context: the owner's lock.
 */
void ksc_context_next(struct ksc_context *ctx)
{
	ctx->verdict = KSC_VERDICT_NONE;
	ctx->alert = 0;
	spin_lock(&ctx->lock);
	ctx->state = KSC_CTX_IDLE;
	ctx->seq++;
	spin_unlock(&ctx->lock);
}

/**
 * ksc_context_give_up() - fail, and let the daemon alert the peer, as only it has the keys
 * @ctx: the context
 * @status: enum ksc_status, reason of the failure
 * @alert: the alert's number
 * @why: one line, or NULL for the status's text; a constant
 *
 * The next offer asks for the alert, and its answer ends the handshake. Until then the usual
 * limits apply: timeout, the daemon's exit, the peer's close.
 *
 * Context: the owner's lock. Return: false if the daemon can't be asked: it is gone, an offer is
 * pending, or the handshake has timed out or was evicted.
 */
bool ksc_context_give_up(struct ksc_context *ctx, u8 status, u8 alert, const char *why)
{
	bool ok;

	spin_lock(&ctx->lock);
	ok = ctx->state == KSC_CTX_IDLE && ctx->daemon && !ctx->lost && !ctx->expired &&
	     !READ_ONCE(ctx->evicted);
	spin_unlock(&ctx->lock);
	if (!ok)
		return false;
	ctx->verdict = KSC_VERDICT_NONE;
	ctx->failed = status;
	ctx->told = true;
	ctx->alert = alert;
	ctx->why = why;
	return true;
}

/**
 * ksc_context_settled() - the answer ended the handshake
 * @ctx: the context
 *
 * The daemon has dropped the session: it is not notified when the context ends.
 *
 * Return: the daemon's registration, 0 if it is gone.
 */
u32 ksc_context_settled(struct ksc_context *ctx)
{
	u32 daemon;

	spin_lock(&ctx->lock);
	daemon = ctx->daemon;
	ctx->daemon = 0;
	spin_unlock(&ctx->lock);
	return daemon;
}

/* Context: ksc_context.lock. An answer of the daemon comes too late now */
static void ksc_context_withdraw(struct ksc_context *ctx)
{
	ctx->daemon = 0;
	if (ctx->state == KSC_CTX_OFFERED)
		ctx->state = KSC_CTX_IDLE;
	/* it has begun if an answer to step 0 is being applied */
	if (ctx->seq || ctx->state == KSC_CTX_APPLYING)
		ctx->lost = true;
	ksc_queue_return(ctx, false);
}

/**
 * ksc_contexts_daemon_gone() - the daemon exited
 * @kn: namespace
 * @daemon: its registration
 *
 * A context without an answered step loses nothing: it is offered to the next daemon. One whose
 * session has begun is lost. Owners of waiting contexts are kicked, too: they may fall back or
 * fail.
 *
 * Context: process.
 */
void ksc_contexts_daemon_gone(struct ksc_net *kn, u32 daemon)
{
	struct ksc_context *ctx;
	unsigned long id;

	rcu_read_lock();
	xa_for_each(&kn->handshakes->contexts, id, ctx) {
		bool told;

		spin_lock(&ctx->lock);
		told = ctx->daemon == daemon;
		if (told)
			ksc_context_withdraw(ctx);
		spin_unlock(&ctx->lock);
		if (told || ksc_queue_waits(ctx))
			ksc_owner_kick(ctx->owner);
	}
	rcu_read_unlock();
}

/**
 * ksc_contexts_unoffer_new() - the daemon no longer accepts new contexts
 * @kn: namespace
 * @daemon: its registration
 *
 * New contexts with an unanswered offer wait for the next daemon.
 *
 * Context: process.
 */
void ksc_contexts_unoffer_new(struct ksc_net *kn, u32 daemon)
{
	struct ksc_context *ctx;
	unsigned long id;

	rcu_read_lock();
	xa_for_each(&kn->handshakes->contexts, id, ctx) {
		spin_lock(&ctx->lock);
		if (ctx->daemon == daemon && ctx->state == KSC_CTX_OFFERED && !ctx->seq)
			ksc_context_withdraw(ctx);
		spin_unlock(&ctx->lock);
	}
	rcu_read_unlock();
}

/**
 * ksc_handshakes_init() - set up a namespace's handshakes
 * @kn: namespace
 *
 * Context: process. Return: 0 or -ENOMEM.
 */
int ksc_handshakes_init(struct ksc_net *kn)
{
	struct ksc_handshakes *hs = kzalloc(sizeof(*hs), GFP_KERNEL_ACCOUNT);

	if (!hs)
		return -ENOMEM;
	/* not taken in softirq, but its lock class is shared with the sockets' xarray */
	xa_init_flags(&hs->contexts, XA_FLAGS_LOCK_BH | XA_FLAGS_ACCOUNT);
	ksc_queue_init(&hs->queue);
	ksc_admit_net_init(hs);
	kn->handshakes = hs;
	return 0;
}

/**
 * ksc_handshakes_exit() - undo ksc_handshakes_init()
 * @kn: namespace without a daemon, handshakes and keys, or one that is not set up
 *
 * Context: process.
 */
void ksc_handshakes_exit(struct ksc_net *kn)
{
	struct ksc_handshakes *hs = kn->handshakes;

	if (!hs)
		return;
	/* every context held its socket, and every key the namespace */
	WARN_ON_ONCE(!xa_empty(&hs->contexts));
	WARN_ON_ONCE(hs->nr_keys);
	ksc_queue_exit(&hs->queue);
	kfree(hs);
}
