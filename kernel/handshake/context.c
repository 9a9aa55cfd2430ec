// SPDX-License-Identifier: GPL-2.0
/*
 * The security context: the one state machine of a handshake. It knows
 * nothing of how tokens travel; its owner, a socket, offers them and applies the
 * answers.
 *
 * At most one step is in flight. Everything that can end a context (an answer,
 * the timer, the daemon's death, the owner) goes through @lock, so that exactly
 * one of them wins; all but the owner's own doing is only noted here and the
 * owner is kicked to look (ksc_context_news()).
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
 * @owner: its owner; the caller's reference is the context's then, or dropped
 *
 * Context: process. Return: the context with a reference for the caller, which
 * ends it with ksc_context_end(), or NULL if there is no memory.
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
	/* complete: from here on a daemon that registers may kick it */
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
 * ksc_context_end() - the handshake is over, well or ill
 * @ctx: the context; the owner's reference goes
 *
 * The next in the queue gets its place, and the daemon is told to forget a session
 * that it may still have.
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
 * ksc_context_offer() - a token goes to the daemon now
 * @ctx: the context
 * @daemon: its registration
 *
 * To be called before the message is sent, as the answer may come at once.
 *
 * Return: false if a step is in flight or the session is with another daemon.
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
 * ksc_context_unoffer() - the token could not be sent after all
 * @ctx: the context; it waits where it stood
 * @full: there was no room for it
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

/* What an application is told of an answer that can't be taken */
static const char *ksc_context_refusal(int err)
{
	return err == -ENOMEM ? "out of memory for the daemon's answer" :
				"the kernel does not accept the daemon's answer";
}

/**
 * ksc_context_answer() - the daemon answers the offer under way
 * @ctx: the context
 * @daemon: registration of who says so
 * @seq: which offer
 * @step: the answer; the context's from now on, if taken. Or why there is none, as an
 *	error pointer
 *
 * The daemon has done its part and no other answer will come. With one that can't be taken
 * the handshake is over, and its place in the queue the next one's: what can't be stored
 * for one, for want of memory that may be its own doing, is not to keep others waiting
 * until its time is over.
 *
 * Return: 0; -EPERM if the session is not that daemon's; -ESTALE if that is
 * not the offer under way; -EINVAL if it consumes more than was offered; or
 * the error in @step. The caller keeps @step then.
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
 * ksc_context_news() - what is there for the owner to do
 * @ctx: the context
 * @step: set with KSC_NEWS_STEP; the caller's to free
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
 * ksc_context_give_up() - have the daemon alert the peer, as nobody else has the keys
 * @ctx: the context
 * @status: enum ksc_status, why
 * @alert: the alert's number
 * @why: one line, or NULL for the status's own; a constant
 *
 * The next offer asks for the alert, and its answer ends the handshake. Until then
 * it is bounded as any other: by its time, its daemon and its peer.
 *
 * Context: the owner's lock. Return: false if the daemon can't be asked: it has gone,
 * answers another offer, there is no time left, or it is not worth a turn.
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
 * The daemon has let go of it: there is nothing to tell it when the context ends.
 *
 * Return: the daemon's registration, 0 if it has gone.
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

/* Context: ksc_context.lock. The daemon won't answer; what it knew of it is lost */
static void ksc_context_withdraw(struct ksc_context *ctx)
{
	ctx->daemon = 0;
	if (ctx->state == KSC_CTX_OFFERED)
		ctx->state = KSC_CTX_IDLE;
	/* an answer to step 0 that is being applied has begun it */
	if (ctx->seq || ctx->state == KSC_CTX_APPLYING)
		ctx->lost = true;
	ksc_queue_return(ctx, false);
}

/**
 * ksc_contexts_daemon_gone() - the daemon went away
 * @kn: namespace
 * @daemon: its registration
 *
 * A context of which no step was answered has lost nothing: it goes to the
 * next daemon. One whose session began is lost with it. Those that wait are told,
 * too: they may have something better to do.
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
 * ksc_contexts_unoffer_new() - the daemon takes no new contexts any more
 * @kn: namespace
 * @daemon: its registration
 *
 * Those that it was offered and has not answered wait for the next.
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
 * ksc_handshakes_init() - set a namespace's handshakes up
 * @kn: namespace
 *
 * Context: process. Return: 0 or -ENOMEM.
 */
int ksc_handshakes_init(struct ksc_net *kn)
{
	struct ksc_handshakes *hs = kzalloc(sizeof(*hs), GFP_KERNEL_ACCOUNT);

	if (!hs)
		return -ENOMEM;
	/* not taken in softirq, but of one class with the sockets' */
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
