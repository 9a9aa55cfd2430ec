/* SPDX-License-Identifier: GPL-2.0-only */
/* session.c: a handshake in progress, whose steps run in the pool. */
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
 * struct ksc_place - environment of sessions
 * @loop: the event loop, in whose thread everything but the steps runs
 * @pool: runs the steps
 * @cache: sessions of clients, for resumption
 * @ending: no more callbacks are called
 */
struct ksc_place {
	struct ev_loop *loop;
	struct ksc_pool *pool;
	struct ksc_cache *cache;
	bool ending;
};

/**
 * struct ksc_session_ops - callbacks of a session's owner
 * @stepped: the step is finished; the callee calls ksc_session_settle() or ksc_session_drop(), now
 *	or later, and @step is valid until then
 * @late: it has timed out
 * @freed: it has ended, and the owner may free its memory
 */
struct ksc_session_ops {
	void (*stepped)(struct ksc_session *session, struct ksc_step *step);
	void (*late)(struct ksc_session *session);
	void (*freed)(struct ksc_session *session);
};

/**
 * struct ksc_session - a handshake in progress, or a client that waits for tickets
 * @place: its environment
 * @ops: its owner's callbacks
 * @lane: lane of the application's user, or NULL
 * @engine: the handshake
 * @deadline: timer of its timeout
 * @role: our role
 * @details: the last step returns details
 * @kept: the handshake is done
 * @peer: the peer, for the log
 * @rule: name of the policy's rule, for the log, or ""
 * @started: when it began, for the log
 * @task: the step in progress, or finished and not settled, or NULL
 * @dropped: the owner has dropped it, but the pool still uses the engine
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
 * ksc_session_busy() - check whether a step is in progress
 * @session: the session
 *
 * Return: true until the step is settled
 */
static inline bool ksc_session_busy(const struct ksc_session *session)
{
	return session->task;
}

#endif
