// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lists of all contexts, and their common limits. Work that needs a turn of the loop is only
 * requested here; contexts.c does it.
 */
#include "context/set.h"

/* Interval in seconds for counting the unread bytes of a user, or of all users, again. */
#define RECOUNT_S	1.
/* Distinguishes the IDs of kept keys from those of the kernel's contexts. */
#define KEY_BIT		(UINT64_C(1) << 63)

/**
 * ksc_contexts_again() - request a turn of the loop
 * @contexts: all contexts
 */
void ksc_contexts_again(struct ksc_contexts *contexts)
{
	ev_idle_start(contexts->place->loop, &contexts->again);
}

/* ---- ended contexts ---- */

/**
 * ksc_contexts_bury() - queue a context for deletion
 * @contexts: all contexts
 * @context: the context, without an application or a step in progress
 */
void ksc_contexts_bury(struct ksc_contexts *contexts, struct ksc_context *context)
{
	if (context->session.kept && ksc_hash_added(&context->hh))
		HASH_DEL(contexts->kept, context);
	ev_timer_stop(contexts->place->loop, &context->session.deadline);
	TAILQ_INSERT_TAIL(&contexts->dying, context, link);
	ksc_contexts_again(contexts);
}

/**
 * ksc_contexts_keep() - keep a context, which waits for tickets
 * @contexts: all contexts
 * @context: the context, whose handshake is done
 */
void ksc_contexts_keep(struct ksc_contexts *contexts, struct ksc_context *context)
{
	HASH_ADD(hh, contexts->kept, id, sizeof(context->id), context);
	if (!ksc_hash_added(&context->hh))
		ksc_contexts_bury(contexts, context);
}

/**
 * ksc_contexts_find_kept() - find a context that waits for tickets
 * @contexts: all contexts
 * @id: number of its keys
 *
 * Return: the context, or NULL
 */
struct ksc_context *ksc_contexts_find_kept(struct ksc_contexts *contexts, uint64_t id)
{
	struct ksc_context *context;

	HASH_FIND(hh, contexts->kept, &id, sizeof(id), context);
	return context;
}

/* ---- unread bytes ---- */

/* Counts for the applications of @user, or for all if it is NULL. */
static void count_unread(struct ksc_contexts *contexts, const struct ksc_user *user)
{
	struct ksc_application *app;

	TAILQ_FOREACH(app, &contexts->apps, link)
		if (!user || app->user == user)
			ksc_connection_count(&app->conn);
}

/**
 * ksc_contexts_recount() - update the numbers of unread bytes if a limit is near
 * @contexts: all contexts
 * @user: a user
 * @more: bytes that will be added for it
 */
void ksc_contexts_recount(struct ksc_contexts *contexts, struct ksc_user *user, size_t more)
{
	const double now = ev_now(contexts->place->loop);

	if (ksc_user_is_over(user, more))
		ksc_connection_count_guessed(&contexts->users);
	if (!ksc_user_leaves_bytes(user, more) && now >= contexts->settled + RECOUNT_S) {
		contexts->settled = now;
		count_unread(contexts, NULL);
	} else if (user->bytes + more > contexts->users.may.bytes_per_user &&
		   now >= user->settled + RECOUNT_S) {
		user->settled = now;
		count_unread(contexts, user);
	}
}

/* ---- draining ---- */

/**
 * ksc_contexts_count() - number of handshakes in progress
 * @contexts: all contexts
 *
 * Return: the number
 */
unsigned int ksc_contexts_count(const struct ksc_contexts *contexts)
{
	return contexts->users.contexts;
}

/**
 * ksc_contexts_busy() - check whether the daemon has to wait before it exits
 * @contexts: all contexts
 *
 * Return: true while handshakes are in progress, or their results have not been sent
 */
bool ksc_contexts_busy(const struct ksc_contexts *contexts)
{
	const struct ksc_application *app;

	if (contexts->users.contexts)
		return true;
	TAILQ_FOREACH(app, &contexts->apps, link)
		if (ksc_connection_waits(&app->conn))
			return true;
	return false;
}

/**
 * ksc_contexts_look() - call @idle if all work is done
 * @contexts: all contexts
 */
void ksc_contexts_look(struct ksc_contexts *contexts)
{
	if (contexts->draining && !contexts->place->ending && !ksc_contexts_busy(contexts))
		contexts->idle(contexts->ptr);
}

/* ---- keys ---- */

/*
 * The kernel has replied by now, so the loop need not find that out first. But an event that is fed
 * is handled in the same turn, and a reply leads to the next request: once in a turn is enough.
 */
static void look_for_answer(struct ksc_contexts *contexts)
{
	struct ev_loop *loop = contexts->place->loop;

	if (contexts->fed == ev_iteration(loop))
		return;
	contexts->fed = ev_iteration(loop);
	ev_feed_fd_event(loop, ksc_netlink_fd(contexts->nl), EV_READ);
}

/**
 * ksc_contexts_ask() - send a context's keys to the kernel
 * @contexts: all contexts
 * @context: the context, which gets the result
 */
void ksc_contexts_ask(struct ksc_contexts *contexts, struct ksc_context *context)
{
	struct ksc_step *step = context->step;
	struct ksc_key_request request = {
		.role = context->session.role, .step = step, .credential = context->credential,
		.verify = context->verify, .uid = context->user->uid,
		.netns = context->app->caller.who.netns,
	};
	int rc;

	if (!context->id)
		context->id = ++contexts->last_id | KEY_BIT;
	request.id = context->id;
	if (contexts->draining || contexts->users.kept >= KSC_MAX_KEPT ||
	    context->user->kept >= KSC_MAX_KEPT_PER_USER)
		step->tickets = false;
	context->tries++;
	rc = ksc_netlink_key(contexts->nl, &request, &context->msg);
	if (rc) {
		context->msg = 0;
		context->refused(context, -rc, "");
		return;
	}
	TAILQ_INSERT_TAIL(&contexts->asked, context, keys);
	look_for_answer(contexts);
}

/**
 * ksc_contexts_forget() - ignore the kernel's reply about a context's keys
 * @contexts: all contexts
 * @context: the context
 */
void ksc_contexts_forget(struct ksc_contexts *contexts, struct ksc_context *context)
{
	if (context->msg)
		TAILQ_REMOVE(&contexts->asked, context, keys);
	context->msg = 0;
}
