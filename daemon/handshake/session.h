/* SPDX-License-Identifier: GPL-2.0-only */
/* session.c: a handshake under way, whose steps the pool makes. */
#ifndef KSC_SESSION_H
#define KSC_SESSION_H

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <ev.h>

#include "engine/engine.h"
#include "handshake/answer.h"
#include "process/pool.h"

struct ksc_session;
struct ksc_task;

/**
 * struct ksc_place - where sessions are
 * @loop: whose thread everything but the steps is in
 * @pool: makes the steps
 * @cache: clients' sessions that can be resumed
 * @ending: nothing is told any more
 */
struct ksc_place {
	struct ev_loop *loop;
	struct ksc_pool *pool;
	struct ksc_cache *cache;
	bool ending;
};

/**
 * struct ksc_session_ops - who has a session
 * @stepped: the step has been made; ksc_session_settle() or ksc_session_drop() is to follow, now
 *	or later, and @step is good until then
 * @late: its time is over
 * @freed: it is no more, and its memory the owner's again
 */
struct ksc_session_ops {
	void (*stepped)(struct ksc_session *session, struct ksc_step *step);
	void (*late)(struct ksc_session *session);
	void (*freed)(struct ksc_session *session);
};

/**
 * struct ksc_session - a handshake under way, or a client that waits for tickets
 * @place: where it is
 * @ops: whose it is
 * @lane: the application's user whom it is for, or NULL
 * @engine: the handshake
 * @deadline: when its time is over
 * @role: ours
 * @details: what else is known is to be told with the last step
 * @kept: the handshake is done
 * @peer: with whom, for the log
 * @rule: name of the policy's rule, for the log, or ""
 * @started: when, for the log
 * @task: the step that is made, or was and is not settled, or NULL
 * @dropped: nobody wants it any more but the pool, whose the engine is as long
 */
struct ksc_session {
	struct ksc_place *place;
	const struct ksc_session_ops *ops;
	struct ksc_lane *lane;
	struct ksc_engine *engine;
	ev_timer deadline;
	enum ksc_role role;
	bool details;
	bool kept;
	char peer[INET6_ADDRSTRLEN + 8];
	char rule[KSC_MAX_RULE_NAME + 1];
	ev_tstamp started;
	struct ksc_task *task;
	atomic_bool dropped;
};

int ksc_session_begin(struct ksc_session *session, struct ksc_place *place,
		      const struct ksc_session_ops *ops, const struct ksc_engine_params *params,
		      unsigned int ms);
int ksc_session_step(struct ksc_session *session, const struct ksc_answer *answer,
		     const uint8_t *token, size_t len);
void ksc_session_settle(struct ksc_session *session);
void ksc_session_keep(struct ksc_session *session);
int ksc_session_ticket(struct ksc_session *session, const uint8_t *msg, size_t len);
void ksc_session_report(const struct ksc_session *session, const struct ksc_step *step);
void ksc_session_cancelled(const struct ksc_session *session);
void ksc_session_drop(struct ksc_session *session);

/**
 * ksc_session_busy() - whether a step is under way
 * @session: the session
 *
 * Return: true until it is settled
 */
static inline bool ksc_session_busy(const struct ksc_session *session)
{
	return session->task;
}

#endif
