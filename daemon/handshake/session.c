// SPDX-License-Identifier: GPL-2.0-only
/*
 * A handshake in progress, for a socket or an application. The loop's thread does everything except
 * the steps of the engine, which take long and run in the pool's threads.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handshake/report.h"
#include "handshake/session.h"
#include "process/log.h"

/* How long a client waits for tickets after the handshake. */
#define KEPT_S		60

/**
 * struct ksc_task - a step of a session's engine
 * @job: the pool's job; first
 * @session: the session
 * @made: the job is finished
 * @answer: answers that came with the token
 * @step: the result
 * @details: more of the result
 * @len: size of the token in bytes
 * @token: the token
 */
struct ksc_task {
	struct ksc_job job;
	struct ksc_session *session;
	bool made;
	struct ksc_answer answer;
	struct ksc_step step;
	struct ksc_details details;
	size_t len;
	uint8_t token[];
};

static void on_deadline(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct ksc_session *session = timer->data;

	(void)loop;
	(void)events;
	session->ops->late(session);
}

/**
 * ksc_session_begin() - begin a handshake
 * @session: zeroed, except for its lane and the members for the log
 * @place: its environment
 * @ops: its owner's callbacks
 * @params: parameters of the engine
 * @ms: time limit in milliseconds
 *
 * Return: 0, and the caller has to call ksc_session_drop(); or a negative errno
 */
int ksc_session_begin(struct ksc_session *session, struct ksc_place *place,
		      const struct ksc_session_ops *ops, const struct ksc_engine_params *params,
		      unsigned int ms)
{
	session->place = place;
	session->ops = ops;
	session->role = params->role;
	if (params->rule)
		snprintf(session->rule, sizeof(session->rule), "%s", params->rule->name);
	session->started = ev_now(place->loop);
	session->engine = ksc_engine_new(params);
	if (!session->engine)
		return -errno;
	ev_timer_init(&session->deadline, on_deadline, ms / 1e3, 0);
	session->deadline.data = session;
	ev_timer_start(place->loop, &session->deadline);
	return 0;
}

static void end(struct ksc_session *session)
{
	ksc_session_settle(session);
	ksc_engine_free(session->engine);
	session->engine = NULL;
	session->ops->freed(session);
}

/* Runs in a thread of the pool, which owns the engine meanwhile. */
static void run(struct ksc_job *job)
{
	struct ksc_task *task = (struct ksc_task *)job;
	struct ksc_session *session = task->session;
	struct ksc_step *step = &task->step;

	if (session->dropped)
		return;
	ksc_answer_give(&task->answer, session->engine);
	ksc_engine_step(session->engine, task->token, task->len, step);
	if (step->status == KSC_STATUS_OK && session->details &&
	    ksc_engine_details(session->engine, &step->info, &task->details) >= 0)
		step->details = &task->details;
}

static void done(struct ksc_job *job)
{
	struct ksc_task *task = (struct ksc_task *)job;
	struct ksc_session *session = task->session;

	task->made = true;
	if (session->dropped)
		end(session);
	else if (session->place->ending)
		ksc_session_settle(session);
	else
		session->ops->stepped(session, &task->step);
}

/**
 * ksc_session_step() - start a step
 * @session: the session, not busy
 * @answer: answers that come with the token
 * @token: bytes from the peer; copied
 * @len: number of bytes, may be 0
 *
 * Return: 0, and @stepped of its owner is called later; or -ENOMEM
 */
int ksc_session_step(struct ksc_session *session, const struct ksc_answer *answer,
		     const uint8_t *token, size_t len)
{
	struct ksc_task *task = malloc(sizeof(*task) + len);

	if (!task)
		return -ENOMEM;
	/* the result of the step is filled in when it runs */
	task->job = (struct ksc_job){ .run = run, .done = done, .lane = session->lane };
	task->session = session;
	task->made = false;
	task->answer = *answer;
	task->details = (struct ksc_details){ .group = 0 };
	task->len = len;
	if (len)
		memcpy(task->token, token, len);
	session->task = task;
	ksc_pool_add(session->place->pool, &task->job);
	return 0;
}

/**
 * ksc_session_settle() - release a finished step, and wipe its keys
 * @session: the session, which is no longer busy afterwards
 */
void ksc_session_settle(struct ksc_session *session)
{
	struct ksc_task *task = session->task;

	session->task = NULL;
	if (!task)
		return;
	ksc_details_free(&task->details);
	ksc_step_wipe(&task->step);
	free(task);
}

/**
 * ksc_session_keep() - keep the session after its handshake, for tickets
 * @session: the session
 */
void ksc_session_keep(struct ksc_session *session)
{
	struct ev_loop *loop = session->place->loop;

	session->kept = true;
	ev_timer_stop(loop, &session->deadline);
	ev_timer_set(&session->deadline, KEPT_S, 0);
	ev_timer_start(loop, &session->deadline);
}

/**
 * ksc_session_ticket() - process a ticket
 * @session: the session, not busy
 * @msg: a complete NewSessionTicket with its header
 * @len: its size in bytes
 *
 * It is processed in the loop's thread: it is little work, and the next connection finds the
 * session in the cache.
 *
 * Return: 0, or a negative GnuTLS error if further tickets are useless
 */
int ksc_session_ticket(struct ksc_session *session, const uint8_t *msg, size_t len)
{
	int rc;

	if (!session->kept || session->task)
		return 0;
	rc = ksc_engine_ticket(session->engine, msg, len);
	ksc_log_peer(KSC_LOG_DONE, KSC_LOG_DEBUG, "event=ticket role=client peer=%s result=\"%s\"",
		     session->peer, rc ? gnutls_strerror(rc) : "kept");
	return rc;
}

/* While a step runs, the engine belongs to the pool. */
static void report(const struct ksc_session *session, const struct ksc_step *step,
		   enum ksc_log_level level)
{
	const bool made = !session->task || session->task->made;
	const struct ksc_credential *cred =
		made ? ksc_engine_credential(session->engine) : NULL;
	const struct ksc_report of = {
		.role = session->role, .peer = session->peer, .rule = session->rule,
		.credential = cred ? cred->name : NULL,
		.ms = (ev_now(session->place->loop) - session->started) * 1e3,
	};

	ksc_report_end(&of, step, level);
}

/**
 * ksc_session_report() - log the result of a handshake, if it has ended
 * @session: the session
 * @step: the last step
 */
void ksc_session_report(const struct ksc_session *session, const struct ksc_step *step)
{
	if (step->status == KSC_STATUS_OK || ksc_status_is_failure(step->status))
		report(session, step, KSC_LOG_INFO);
}

/**
 * ksc_session_cancelled() - log that a handshake was cancelled
 * @session: the session
 */
void ksc_session_cancelled(const struct ksc_session *session)
{
	const struct ksc_step step = { .status = KSC_STATUS_CANCELLED, .text = "closed" };

	report(session, &step, KSC_LOG_DEBUG);
}

/**
 * ksc_session_drop() - drop a session
 * @session: the session; the only callback that follows is @freed: at once, or when its job is
 *	finished
 */
void ksc_session_drop(struct ksc_session *session)
{
	ev_timer_stop(session->place->loop, &session->deadline);
	if (session->task && !session->task->made)
		session->dropped = true;
	else
		end(session);
}
