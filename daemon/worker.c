// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink socket, the handshakes of sockets, those of applications (contexts.c), and the event
 * loop. All of it runs in one thread, except the steps (session.c).
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "common/hash.h"
#include "common/names.h"
#include "context/contexts.h"
#include "handshake/generations.h"
#include "handshake/load.h"
#include "handshake/netlink.h"
#include "handshake/report.h"
#include "handshake/session.h"
#include "process/batch.h"
#include "process/log.h"
#include "worker.h"

/* The kernel's own deadline comes first; this covers handshakes whose end it never reports. */
#define GRACE_MS	1000

/*
 * Maximum number of clients' sessions that wait for tickets after the handshake. Servers send
 * tickets before or with the first data. Such a session needs 17 KiB, most of it for GnuTLS,
 * measured with a chain of one certificate.
 */
#define MAX_KEPT	1000

/**
 * struct ksc_worker - the worker
 * @place: event loop, pool, and sessions for resumption
 * @nl: netlink socket
 * @io: watches the socket
 * @batch: how many messages are received at once
 * @drain: timer of the drain time
 * @now: the configuration in force, and earlier ones for connections that began under them
 * @retire: timer until one of these expires
 * @inherited: the policy that the last daemon had loaded
 * @sessions: hash table of sockets' sessions by @id
 * @messages: hash table of sessions that have replied, by @msg
 * @n: number of handshakes in progress
 * @kept: number of sessions that wait for tickets
 * @contexts: contexts of applications
 * @draining: nothing new is accepted
 */
struct ksc_worker {
	struct ksc_place place;
	struct ksc_netlink *nl;
	ev_io io;
	struct ksc_batch batch;
	ev_timer drain;
	struct ksc_generation *now;
	ev_timer retire;
	struct ksc_inherited inherited;
	struct offered *sessions;
	struct offered *messages;
	unsigned int n;
	unsigned int kept;
	struct ksc_contexts *contexts;
	bool draining;
};

/**
 * struct offered - a socket's handshake in progress, or a client that waits for tickets
 * @hh: its place in the worker's @sessions
 * @by_msg: its place in the worker's @messages
 * @id: the kernel's number of its context
 * @worker: the worker
 * @session: the handshake
 * @seq: number of the step in progress
 * @msg: number of its last reply, 0 if it is not in the worker's @messages
 */
struct offered {
	UT_hash_handle hh;
	UT_hash_handle by_msg;
	uint64_t id;
	struct ksc_worker *worker;
	struct ksc_session session;
	uint32_t seq;
	uint32_t msg;
};

static struct offered *offered_of(struct ksc_session *session)
{
	return (void *)((char *)session - offsetof(struct offered, session));
}

/*
 * The kernel refuses a step by the number of the message alone, and peers cause refusals by closing
 * their connections: so the lookup has to be fast.
 */
static void note_message(struct offered *o, uint32_t msg)
{
	if (o->msg)
		HASH_DELETE(by_msg, o->worker->messages, o);
	o->msg = msg;
	if (!msg)
		return;
	HASH_ADD(by_msg, o->worker->messages, msg, sizeof(msg), o);
	/* without an entry, a refusal finds no session, which then ends at its deadline */
	if (!ksc_hash_added(&o->by_msg))
		o->msg = 0;
}

static struct offered *find(struct ksc_worker *worker, uint64_t id)
{
	struct offered *o;

	HASH_FIND(hh, worker->sessions, &id, sizeof(id), o);
	return o;
}

/* Stops a draining loop once the last handshake of both kinds is done. */
static void look_for_end(void *ptr)
{
	struct ksc_worker *worker = ptr;

	if (worker->draining && !worker->n && !ksc_contexts_busy(worker->contexts))
		ev_break(worker->place.loop, EVBREAK_ALL);
}

static void on_freed(struct ksc_session *session)
{
	struct offered *o = offered_of(session);
	struct ksc_worker *worker = o->worker;

	if (session->kept)
		worker->kept--;
	else
		worker->n--;
	free(o);
	if (!worker->place.ending)
		look_for_end(worker);
}

static void drop(struct offered *o)
{
	HASH_DEL(o->worker->sessions, o);
	note_message(o, 0);
	ksc_session_drop(&o->session);
}

static void on_late(struct ksc_session *session)
{
	const struct ksc_step step = { .status = KSC_STATUS_TIMED_OUT,
				       .text = "the handshake timed out" };

	if (!session->kept)
		ksc_session_report(session, &step);
	drop(offered_of(session));
}

/* The handshake is done; tickets may come. */
static void keep(struct offered *o)
{
	o->worker->n--;
	o->worker->kept++;
	ksc_session_keep(&o->session);
}

static void on_stepped(struct ksc_session *session, struct ksc_step *step)
{
	struct offered *o = offered_of(session);
	struct ksc_worker *worker = o->worker;
	uint32_t msg = 0;
	int rc;

	if (worker->draining || worker->kept >= MAX_KEPT)
		step->tickets = false;
	rc = ksc_netlink_step(worker->nl, o->id, o->seq, step, &msg);
	note_message(o, rc ? 0 : msg);
	if (rc)
		ksc_log_peer(KSC_LOG_FAILED, KSC_LOG_ERROR,
			     "event=answer-failed peer=%s reason=\"%s\"", session->peer,
			     strerror(-rc));
	ksc_session_report(session, step);
	if (!rc && step->tickets)
		keep(o);
	if (rc || (!step->tickets && step->status == KSC_STATUS_OK) ||
	    ksc_status_is_failure(step->status))
		drop(o);
	else
		ksc_session_settle(session);
}

static const struct ksc_session_ops session_ops = {
	.stepped = on_stepped, .late = on_late, .freed = on_freed,
};

static int begin(struct ksc_worker *worker, const struct ksc_offer *offer,
		 struct ksc_engine_params *params, struct offered **begun)
{
	struct offered *o = calloc(1, sizeof(*o));
	char host[INET6_ADDRSTRLEN];
	int rc;

	if (!o)
		return -ENOMEM;
	o->id = offer->id;
	o->worker = worker;
	ksc_address_print(&offer->peer, host, o->session.peer, sizeof(o->session.peer));
	params->peer_address = host;
	worker->n++;
	rc = ksc_session_begin(&o->session, &worker->place, &session_ops, params,
			       offer->deadline_ms + GRACE_MS);
	if (rc) {
		worker->n--;
		free(o);
		return rc;
	}
	HASH_ADD(hh, worker->sessions, id, sizeof(o->id), o);
	if (!ksc_hash_added(&o->hh)) {
		ksc_session_drop(&o->session);
		return -ENOMEM;
	}
	*begun = o;
	return 0;
}

static struct offered *new_session(struct ksc_worker *worker, const struct ksc_offer *offer,
				   enum ksc_status *status, char why[KSC_MAX_TEXT + 1])
{
	const struct ksc_config *config = ksc_generations_offered(worker->now, offer);
	uint32_t rule = offer->rule;
	struct offered *o;
	const char *less;
	struct ksc_engine_params params = {
		.role = offer->role,
		.server_name = offer->server_name,
		.credential = offer->credential,
		.alpn = offer->alpn,
		.alpn_len = offer->alpn_len,
		.verify = offer->verify,
		.who = { .uid = offer->uid, .gid = offer->gid },
		.peer = &offer->peer,
		.peer_len = offer->peer.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
								sizeof(struct sockaddr_in),
		.cache = worker->place.cache,
	};

	*status = KSC_STATUS_POLICY;
	if (!config) {
		/* offered between two daemons: find what its rule has become */
		rule = ksc_inherit_rule(&worker->inherited, offer->generation, rule,
					worker->now->config->rules);
		config = rule == KSC_NO_RULE ? NULL : worker->now->config;
	}
	if (!config || (rule != KSC_NO_RULE && rule >= config->rules->n)) {
		snprintf(why, KSC_MAX_TEXT + 1, "The connection's policy is unknown.");
		return NULL;
	}
	params.credentials = config->credentials;
	if (rule != KSC_NO_RULE) {
		params.rules = config->rules;
		params.rule = &config->rules->list[rule];
		/* the program did not ask for a name that was only looked up: the rule's wins */
		if (offer->by_policy && params.rule->server_name)
			params.server_name = NULL;
		if (ksc_rule_apply(params.rule, &params, &less)) {
			snprintf(why, KSC_MAX_TEXT + 1,
				 "The rule \"%s\" does not allow %s.", params.rule->name, less);
			return NULL;
		}
	}
	*status = KSC_STATUS_INTERNAL_ERROR;
	snprintf(why, KSC_MAX_TEXT + 1, "The handshake could not be started.");
	return begin(worker, offer, &params, &o) ? NULL : o;
}

/* Refuses an offer that has no session. */
static void refuse(struct ksc_worker *worker, const struct ksc_offer *offer,
		   enum ksc_status status, const char *why)
{
	struct ksc_step step = { .status = status };
	uint32_t msg;

	snprintf(step.text, sizeof(step.text), "%s", why);
	ksc_report_refusal(offer->id, why);
	ksc_netlink_step(worker->nl, offer->id, offer->seq, &step, &msg);
}

/* The offer's token is valid only during the call; the session copies it. */
static void make_step(struct offered *o, const struct ksc_offer *offer)
{
	struct ksc_worker *worker = o->worker;

	o->seq = offer->seq;
	if (!ksc_session_step(&o->session, &offer->answer, offer->token, offer->token_len))
		return;
	drop(o);
	refuse(worker, offer, KSC_STATUS_INTERNAL_ERROR, "Out of memory.");
}

static void on_context_new(void *ptr, const struct ksc_offer *offer)
{
	struct ksc_worker *worker = ptr;
	struct offered *o = find(worker, offer->id);
	enum ksc_status status;
	char why[KSC_MAX_TEXT + 1];

	/* Sent before the drain; the kernel offers it to the next daemon. */
	if (worker->draining)
		return;
	/* A repeated offer starts the handshake again. */
	if (o)
		drop(o);
	if (worker->n >= worker->now->config->max_handshakes) {
		refuse(worker, offer, KSC_STATUS_OVERLOADED,
		       "max-handshakes is reached.");
		return;
	}
	o = new_session(worker, offer, &status, why);
	if (o)
		make_step(o, offer);
	else
		refuse(worker, offer, status, why);
}

static void on_token(void *ptr, const struct ksc_offer *offer)
{
	struct ksc_worker *worker = ptr;
	struct offered *o = find(worker, offer->id);

	/* the kernel offers nothing more before it has the reply */
	if (o && !o->session.kept && !ksc_session_busy(&o->session))
		make_step(o, offer);
	else
		refuse(worker, offer, KSC_STATUS_INTERNAL_ERROR,
		       "Another daemon started the handshake.");
}

static void on_ticket(void *ptr, uint64_t id, const uint8_t *msg, size_t len)
{
	struct ksc_worker *worker = ptr;
	struct offered *o = find(worker, id);

	if (!o)
		ksc_contexts_ticket(worker->contexts, id, msg, len);
	else if (ksc_session_ticket(&o->session, msg, len))
		drop(o);
}

static void on_context_del(void *ptr, uint64_t id)
{
	struct ksc_worker *worker = ptr;
	struct offered *o = find(worker, id);

	if (!o) {
		ksc_contexts_gone(worker->contexts, id);
		return;
	}
	if (!o->session.kept)
		ksc_session_cancelled(&o->session);
	drop(o);
}

static void on_refused(void *ptr, uint32_t msg, int error, const char *text)
{
	struct ksc_worker *worker = ptr;
	struct offered *o;
	/*
	 * The context was deleted, or is at another step; or it belongs to the next daemon, because
	 * it was not answered before new contexts were declined.
	 */
	const bool usual = error == ENOENT || error == ESTALE ||
			   (error == EPERM && worker->draining);

	if (ksc_contexts_refused(worker->contexts, msg, error, text))
		return;
	ksc_log_peer(KSC_LOG_FAILED, usual ? KSC_LOG_DEBUG : KSC_LOG_WARNING,
		     "event=step-refused error=\"%s\" reason=\"%s\"", strerror(error), text);
	HASH_FIND(by_msg, worker->messages, &msg, sizeof(msg), o);
	if (o)
		drop(o);
}

static void on_key(void *ptr, uint32_t msg, int fd)
{
	struct ksc_worker *worker = ptr;

	ksc_contexts_key(worker->contexts, msg, fd);
}

static void on_lost(void *ptr)
{
	struct ksc_worker *worker = ptr;

	ksc_contexts_lost(worker->contexts);
}

static const struct ksc_netlink_ops ops = {
	.context_new = on_context_new,
	.token = on_token,
	.ticket = on_ticket,
	.context_del = on_context_del,
	.failed = ksc_report_failed,
	.refused = on_refused,
	.key = on_key,
	.lost = on_lost,
};

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
	struct ksc_worker *worker = io->data;

	(void)events;
	if (ksc_netlink_receive(worker->nl,
				ksc_batch_next(&worker->batch, loop, KSC_MAX_RECEIVES)))
		ev_break(loop, EVBREAK_ALL);
}

static void on_drained(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct ksc_worker *worker = timer->data;

	(void)events;
	ksc_log(KSC_LOG_WARNING, "event=drain-timed-out handshakes=%u",
		worker->n + ksc_contexts_count(worker->contexts));
	ev_break(loop, EVBREAK_ALL);
}

static void expire(struct ksc_worker *worker)
{
	const ev_tstamp now = ev_now(worker->place.loop);
	const double next = ksc_generations_expire(worker->now, now);

	ev_timer_stop(worker->place.loop, &worker->retire);
	if (!next)
		return;
	ev_timer_set(&worker->retire, next > now ? next - now : 0, 0);
	ev_timer_start(worker->place.loop, &worker->retire);
}

static void on_retire(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	expire(timer->data);
}

static void forget(struct ksc_worker *worker)
{
	worker->place.ending = true;
	if (worker->place.pool)
		ksc_pool_stop(worker->place.pool);
	ksc_contexts_free(worker->contexts);
	ksc_pool_free(worker->place.pool);
	ksc_cache_free(worker->place.cache);
	free(worker);
}

/**
 * ksc_worker_new() - create a worker
 * @loop: its event loop
 * @config: its configuration, owned by the worker on success
 *
 * Return: the worker, or NULL with errno: ENOENT if the module is not loaded, or another error
 */
struct ksc_worker *ksc_worker_new(struct ev_loop *loop, struct ksc_config *config)
{
	struct ksc_worker *worker = calloc(1, sizeof(*worker));
	int rc;

	if (!worker)
		return NULL;
	worker->place.loop = loop;
	ev_init(&worker->retire, on_retire);
	worker->retire.data = worker;
	worker->place.cache = ksc_cache_new();
	/* the loop's own thread is one of them */
	worker->place.pool = ksc_pool_new(loop, config->workers > 1 ? config->workers : 0);
	worker->contexts = ksc_contexts_new(&worker->place, look_for_end, worker);
	if (!worker->place.cache || !worker->place.pool || !worker->contexts ||
	    ksc_generations_add(&worker->now, config)) {
		forget(worker);
		errno = ENOMEM;
		return NULL;
	}
	worker->nl = ksc_netlink_open(&ops, worker);
	if (!worker->nl) {
		rc = errno;
		ksc_generations_undo(&worker->now);
		forget(worker);
		errno = rc;
		return NULL;
	}
	ksc_contexts_configure(worker->contexts, config);
	ev_io_init(&worker->io, on_readable, ksc_netlink_fd(worker->nl), EV_READ);
	worker->io.data = worker;
	return worker;
}

/**
 * ksc_worker_start() - register with the kernel and accept handshakes
 * @worker: the worker
 *
 * Return: 0 or a negative errno
 */
int ksc_worker_start(struct ksc_worker *worker)
{
	const struct ksc_config *config = worker->now->config;
	/* Offers that were made without a daemon arrive at registration. */
	int rc = ksc_netlink_inherit(worker->nl, &worker->inherited);

	if (rc)
		ksc_log(KSC_LOG_WARNING, "event=inherit-failed reason=\"%s\"", strerror(-rc));
	rc = ksc_netlink_register(worker->nl);
	if (!rc)
		rc = ksc_load_limits(worker->nl, &config->limits);
	if (!rc)
		rc = ksc_load_policy(worker->nl, config->generation, config->rules);
	if (!rc)
		ev_io_start(worker->place.loop, &worker->io);
	return rc;
}

/**
 * ksc_worker_listen() - accept applications that carry their tokens themselves
 * @worker: the worker, started
 * @fd: the listener, consumed
 */
void ksc_worker_listen(struct ksc_worker *worker, int fd)
{
	ksc_contexts_listen(worker->contexts, worker->nl, fd);
}

/**
 * ksc_worker_employ() - run steps from now on
 * @worker: the worker
 *
 * Threads run them if the configuration asks for several; they have the privileges of the caller's
 * thread. Earlier steps have been queued.
 *
 * Return: 0 or a negative errno
 */
int ksc_worker_employ(struct ksc_worker *worker)
{
	const int rc = ksc_pool_start(worker->place.pool);

	return rc ? rc : ksc_contexts_start(worker->contexts);
}

/**
 * ksc_worker_moves() - check whether steps make progress
 * @worker: the worker
 *
 * Return: false if all threads have been busy with the same steps since the last call
 */
bool ksc_worker_moves(struct ksc_worker *worker)
{
	return ksc_pool_moves(worker->place.pool);
}

/**
 * ksc_worker_configure() - change the configuration
 * @worker: the worker
 * @config: the configuration, owned by the worker on success. Handshakes in progress keep what they
 *	began with; sessions of the old configuration are not resumed
 *
 * Return: 0, or a negative errno if nothing has changed
 */
int ksc_worker_configure(struct ksc_worker *worker, struct ksc_config *config)
{
	/* The daemon must know it before the kernel uses it. */
	int rc = ksc_generations_add(&worker->now, config);

	if (rc)
		return rc;
	rc = ksc_load_policy(worker->nl, config->generation, config->rules);
	if (rc) {
		ksc_generations_undo(&worker->now);
		return rc;
	}
	rc = ksc_load_limits(worker->nl, &config->limits);
	if (rc)
		ksc_log(KSC_LOG_ERROR, "event=limits-refused reason=\"%s\"", strerror(-rc));
	ksc_contexts_configure(worker->contexts, config);
	ksc_generations_settle(worker->now, ev_now(worker->place.loop));
	expire(worker);
	ksc_cache_flush(worker->place.cache);
	return 0;
}

/**
 * ksc_worker_drain() - accept nothing new, and break the loop when all work is done
 * @worker: the worker
 */
void ksc_worker_drain(struct ksc_worker *worker)
{
	int rc;

	if (worker->draining)
		return;
	worker->draining = true;
	ksc_contexts_drain(worker->contexts);
	if (!worker->n && !ksc_contexts_busy(worker->contexts)) {
		ev_break(worker->place.loop, EVBREAK_ALL);
		return;
	}
	ev_timer_init(&worker->drain, on_drained, worker->now->config->drain_ms / 1e3, 0);
	worker->drain.data = worker;
	ev_timer_start(worker->place.loop, &worker->drain);
	rc = ksc_netlink_drain(worker->nl);
	if (rc)
		ksc_log(KSC_LOG_WARNING, "event=drain-refused reason=\"%s\"", strerror(-rc));
}

/**
 * ksc_worker_free() - free a worker, which ends its registration and sessions
 * @worker: the worker, or NULL
 *
 * Return: true; false if one of its threads does not end, so that nothing is freed and the process
 * should exit at once
 */
bool ksc_worker_free(struct ksc_worker *worker)
{
	struct offered *o, *next;

	if (!worker)
		return true;
	worker->place.ending = true;
	ev_io_stop(worker->place.loop, &worker->io);
	ev_timer_stop(worker->place.loop, &worker->drain);
	ev_timer_stop(worker->place.loop, &worker->retire);
	if (!ksc_pool_stop(worker->place.pool))
		return false;
	HASH_ITER(hh, worker->sessions, o, next)
		drop(o);
	/* before anything that can block: the next daemon waits for this */
	ksc_netlink_close(worker->nl);
	if (!ksc_contexts_free(worker->contexts))
		return false;
	ksc_generations_free(worker->now);
	ksc_pool_free(worker->place.pool);
	ksc_cache_free(worker->place.cache);
	ksc_inherit_free(&worker->inherited);
	free(worker);
	return true;
}
