// SPDX-License-Identifier: GPL-2.0-only
/*
 * A netlink socket, the sessions that came over it, and a loop. All of this is one thread's;
 * what a step takes time with, the engine's part of it, is left to a pool of others, to
 * one of them at a time for each session.
 */
#include <errno.h>
#include <search.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "engine.h"
#include "generations.h"
#include "load.h"
#include "log.h"
#include "netlink.h"
#include "offer.h"
#include "pool.h"
#include "report.h"
#include "worker.h"

/* The kernel's own deadline comes first; ours is for what it never tells. */
#define GRACE_MS	1000

/*
 * Clients' sessions that wait for tickets after the handshake. Servers send
 * theirs with the first data or before. A session that waits takes 17 KiB,
 * most of them GnuTLS's; measured with a chain of one certificate.
 */
#define MAX_KEPT	1000
#define KEPT_S		60

/**
 * struct ksc_worker - a worker
 * @loop: its loop
 * @nl: its socket
 * @io: watches the socket
 * @drain: runs out when a stopping worker has waited long enough
 * @now: what it works by, and what it did before, for connections that began then
 * @retire: runs out when one of these counts no more
 * @inherited: the policy that another daemon had loaded before
 * @sessions: search.h's tree of struct session by their context's number
 * @messages: those of them that have sent one, by the number of their last message
 * @n: how many of these are handshakes under way
 * @kept: how many only wait for tickets
 * @cache: clients' sessions that can be resumed
 * @pool: makes the steps
 * @draining: no new ones
 * @ending: no answers any more
 */
struct ksc_worker {
	struct ev_loop *loop;
	struct ksc_netlink *nl;
	ev_io io;
	ev_timer drain;
	struct ksc_generation *now;
	ev_timer retire;
	struct ksc_inherited inherited;
	void *sessions;
	void *messages;
	unsigned int n;
	unsigned int kept;
	struct ksc_cache *cache;
	struct ksc_pool *pool;
	bool draining;
	bool ending;
};

/**
 * struct session - a handshake under way, or a client that waits for tickets
 * @id: the kernel's number of its context; first, since it is the tree's key
 * @worker: whose it is
 * @engine: the handshake
 * @deadline: when to give it up
 * @role: ours
 * @details: its application may ask what else is known
 * @kept: the handshake is done
 * @msg: number of the message that answered last, 0 if it is not in the worker's tree
 * @peer: address and port, for the log
 * @rule: name of the policy's rule, for the log, or ""
 * @started: when, for the log
 * @task: what the pool does for it, or NULL; the engine is the pool's as long
 * @dropped: nobody wants it any more but the pool
 */
struct session {
	uint64_t id;
	struct ksc_worker *worker;
	struct ksc_engine *engine;
	ev_timer deadline;
	enum ksc_role role;
	bool details;
	bool kept;
	uint32_t msg;
	char peer[INET6_ADDRSTRLEN + 8];
	char rule[KSC_MAX_RULE_NAME + 1];
	ev_tstamp started;
	struct task *task;
	atomic_bool dropped;
};

/**
 * struct task - what is to be done with a session's engine
 * @job: the pool's part
 * @session: the session
 * @offer: what came, its list of protocols left out; its token is @bytes
 * @step: the answer
 * @details: with it
 * @bytes: from the peer
 */
struct task {
	struct ksc_job job;
	struct session *session;
	struct ksc_offer offer;
	struct ksc_step step;
	struct ksc_details details;
	uint8_t bytes[];
};

static int by_id(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int by_message(const void *a, const void *b)
{
	const struct session *x = a, *y = b;

	return x->msg < y->msg ? -1 : x->msg > y->msg;
}

/*
 * The kernel refuses a step by the number of the message alone, and it is peers who choose
 * how often, by leaving: it has to be found as quickly as anything else.
 */
static void note_message(struct session *session, uint32_t msg)
{
	void **tree = &session->worker->messages;
	struct session **node;

	if (session->msg)
		tdelete(session, tree, by_message);
	session->msg = msg;
	if (!msg)
		return;
	node = tsearch(session, tree, by_message);
	/* Not found when refused, it ends by its deadline. */
	if (!node || *node != session)
		session->msg = 0;
}

static struct session *find_session(struct ksc_worker *worker, uint64_t id)
{
	struct session **found = tfind(&id, &worker->sessions, by_id);

	return found ? *found : NULL;
}

static void free_task(struct task *task)
{
	ksc_details_free(&task->details);
	ksc_step_wipe(&task->step);
	free(task);
}

static void free_session(struct session *session)
{
	ev_timer_stop(session->worker->loop, &session->deadline);
	ksc_engine_free(session->engine);
	if (session->kept)
		session->worker->kept--;
	else
		session->worker->n--;
	free(session);
}

static void end_session(struct session *session)
{
	struct ksc_worker *worker = session->worker;

	free_session(session);
	if (worker->draining && !worker->n)
		ev_break(worker->loop, EVBREAK_ALL);
}

/* At once, or as soon as the pool has done with it: until then it takes its memory. */
static void drop_session(struct session *session)
{
	struct ksc_worker *worker = session->worker;

	tdelete(session, &worker->sessions, by_id);
	note_message(session, 0);
	if (session->task) {
		ev_timer_stop(worker->loop, &session->deadline);
		session->dropped = true;
		return;
	}
	end_session(session);
}

static void on_deadline(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct session *session = timer->data;

	(void)loop;
	(void)events;
	if (!session->kept)
		ksc_log_peer(KSC_LOG_FAILED, KSC_LOG_INFO, "%s %s: no end came in time",
			     session->role == KSC_ROLE_CLIENT ? "client" : "server", session->peer);
	drop_session(session);
}

/* The handshake is done; tickets may come. */
static void keep_session(struct session *session)
{
	struct ksc_worker *worker = session->worker;

	session->kept = true;
	worker->n--;
	worker->kept++;
	ev_timer_stop(worker->loop, &session->deadline);
	ev_timer_set(&session->deadline, KEPT_S, 0);
	ev_timer_start(worker->loop, &session->deadline);
}

static struct session *new_session(struct ksc_worker *worker, const struct ksc_offer *offer,
				   enum ksc_status *status, char why[KSC_MAX_TEXT + 1])
{
	const struct ksc_config *config = ksc_generations_offered(worker->now, offer);
	uint32_t rule = offer->rule;
	struct session *session;
	const char *less;
	char host[INET6_ADDRSTRLEN];
	struct ksc_engine_params params = {
		.role = offer->role,
		.server_name = offer->server_name,
		.peer_address = host,
		.credential = offer->credential,
		.alpn = offer->alpn,
		.alpn_len = offer->alpn_len,
		.verify = offer->verify,
		.pick = offer->pick,
		.uid = offer->uid,
		.gid = offer->gid,
		.peer = &offer->peer,
		.peer_len = offer->peer.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
								sizeof(struct sockaddr_in),
		.cache = worker->cache,
	};

	*status = KSC_STATUS_POLICY;
	if (!config) {
		/* of the time between two daemons: what has become of its rule */
		rule = ksc_inherit_rule(&worker->inherited, offer->generation, rule,
					worker->now->config->rules);
		config = rule == KSC_NO_RULE ? NULL : worker->now->config;
	}
	if (!config || (rule != KSC_NO_RULE && rule >= config->rules->n)) {
		snprintf(why, KSC_MAX_TEXT + 1, "The policy of the connection is not known.");
		return NULL;
	}
	params.credentials = config->credentials;
	if (rule != KSC_NO_RULE) {
		params.rules = config->rules;
		params.rule = &config->rules->list[rule];
		/* what the program looked up is nothing that it wants of us */
		if (offer->by_policy && params.rule->server_name)
			params.server_name = NULL;
		if (ksc_rule_apply(params.rule, &params, &less)) {
			snprintf(why, KSC_MAX_TEXT + 1,
				 "The rule \"%s\" does not allow %s.", params.rule->name, less);
			return NULL;
		}
	}
	*status = KSC_STATUS_INTERNAL_ERROR;
	snprintf(why, KSC_MAX_TEXT + 1, "The handshake could not be begun.");
	session = calloc(1, sizeof(*session));
	if (!session)
		return NULL;
	ksc_address_print(&offer->peer, host, session->peer, sizeof(session->peer));
	session->id = offer->id;
	session->worker = worker;
	session->role = offer->role;
	session->details = offer->details;
	if (params.rule)
		snprintf(session->rule, sizeof(session->rule), "%s", params.rule->name);
	session->started = ev_now(worker->loop);
	session->engine = ksc_engine_new(&params);
	if (!session->engine || !tsearch(session, &worker->sessions, by_id)) {
		ksc_engine_free(session->engine);
		free(session);
		return NULL;
	}
	worker->n++;
	ev_timer_init(&session->deadline, on_deadline, (offer->deadline_ms + GRACE_MS) / 1e3, 0);
	session->deadline.data = session;
	ev_timer_start(worker->loop, &session->deadline);
	return session;
}

static void report(const struct session *session, const struct ksc_step *step)
{
	if (step->status == KSC_STATUS_OK)
		ksc_report_ok(session->role, session->peer, step,
			      ksc_engine_credential(session->engine)->name, session->rule,
			      (ev_now(session->worker->loop) - session->started) * 1e3);
	else if (ksc_status_is_failure(step->status))
		ksc_report_failure(session->role, session->peer, step);
}

/* In one of the pool's threads, as long as which the engine is nobody else's. */
static void run_task(struct ksc_job *job)
{
	struct task *task = (struct task *)job;
	struct session *session = task->session;
	const struct ksc_offer *offer = &task->offer;
	struct ksc_step *step = &task->step;

	if (session->dropped)
		return;
	ksc_offer_answer(offer, session->engine);
	ksc_engine_step(session->engine, offer->token, offer->token_len, step);
	if (step->status == KSC_STATUS_OK && session->details &&
	    ksc_engine_details(session->engine, &step->info, &task->details) >= 0)
		step->details = &task->details;
}

/* Answer; whether that was not the session's last. */
static bool answer(struct session *session, struct task *task)
{
	struct ksc_worker *worker = session->worker;
	struct ksc_step *step = &task->step;
	uint32_t msg = 0;
	int rc;

	if (worker->draining || worker->kept >= MAX_KEPT)
		step->tickets = false;
	rc = ksc_netlink_step(worker->nl, task->offer.id, task->offer.seq, step, &msg);
	note_message(session, rc ? 0 : msg);
	if (rc)
		ksc_log_peer(KSC_LOG_FAILED, KSC_LOG_ERROR, "%s: the kernel is not answered: %s",
			     session->peer, strerror(-rc));
	report(session, step);
	if (!rc && step->tickets) {
		keep_session(session);
		return true;
	}
	return !rc && step->status != KSC_STATUS_OK && !ksc_status_is_failure(step->status);
}

static void on_task_done(struct ksc_job *job)
{
	struct task *task = (struct task *)job;
	struct session *session = task->session;
	struct ksc_worker *worker = session->worker;
	bool goes_on = true;

	session->task = NULL;
	if (!session->dropped && !worker->ending)
		goes_on = answer(session, task);
	free_task(task);
	if (session->dropped)
		end_session(session);
	else if (!goes_on)
		drop_session(session);
}

/* What came is good only as long as it is handled. */
static struct task *new_task(struct session *session, const struct ksc_offer *offer)
{
	struct task *task = calloc(1, sizeof(*task) + offer->token_len);

	if (!task)
		return NULL;
	task->job.run = run_task;
	task->job.done = on_task_done;
	task->session = session;
	task->offer = *offer;
	task->offer.alpn = NULL;
	task->offer.alpn_len = 0;
	task->offer.token = task->bytes;
	if (offer->token_len)
		memcpy(task->bytes, offer->token, offer->token_len);
	return task;
}

/* There is no session that could fail. */
static void refuse(struct ksc_worker *worker, const struct ksc_offer *offer,
		   enum ksc_status status, const char *why)
{
	struct ksc_step step = { .status = status };
	uint32_t msg;

	snprintf(step.text, sizeof(step.text), "%s", why);
	ksc_report_refusal(offer->id, why);
	ksc_netlink_step(worker->nl, offer->id, offer->seq, &step, &msg);
}

static void make_step(struct session *session, const struct ksc_offer *offer)
{
	struct ksc_worker *worker = session->worker;
	struct task *task = new_task(session, offer);

	if (task) {
		session->task = task;
		ksc_pool_add(worker->pool, &task->job);
		return;
	}
	drop_session(session);
	refuse(worker, offer, KSC_STATUS_INTERNAL_ERROR, "Out of memory.");
}

static void on_context_new(void *ptr, const struct ksc_offer *offer)
{
	struct ksc_worker *worker = ptr;
	struct session *session = find_session(worker, offer->id);
	enum ksc_status status;
	char why[KSC_MAX_TEXT + 1];

	/* On its way when we told the kernel, which offers it to whoever comes after us. */
	if (worker->draining)
		return;
	/* An offer made again starts again. */
	if (session)
		drop_session(session);
	if (worker->n >= worker->now->config->max_handshakes) {
		refuse(worker, offer, KSC_STATUS_OVERLOADED,
		       "As many handshakes are under way as max-handshakes allows.");
		return;
	}
	session = new_session(worker, offer, &status, why);
	if (session)
		make_step(session, offer);
	else
		refuse(worker, offer, status, why);
}

static void on_token(void *ptr, const struct ksc_offer *offer)
{
	struct ksc_worker *worker = ptr;
	struct session *session = find_session(worker, offer->id);

	/* the kernel offers nothing more before it has the answer */
	if (session && !session->kept && !session->task)
		make_step(session, offer);
	else
		refuse(worker, offer, KSC_STATUS_INTERNAL_ERROR,
		       "Its handshake was begun by another daemon.");
}

/*
 * At once, while the engine is nobody else's: it is little work, and a connection that comes
 * after it finds the session in the cache.
 */
static void on_ticket(void *ptr, uint64_t id, const uint8_t *msg, size_t len)
{
	struct session *session = find_session(ptr, id);
	int rc;

	if (!session || !session->kept || session->task)
		return;
	rc = ksc_engine_ticket(session->engine, msg, len);
	ksc_log_peer(KSC_LOG_DONE, KSC_LOG_DEBUG, "client %s: ticket: %s", session->peer,
		     rc ? gnutls_strerror(rc) : "kept");
	if (rc)
		drop_session(session);
}

static void on_context_del(void *ptr, uint64_t id)
{
	struct session *session = find_session(ptr, id);

	if (!session)
		return;
	if (!session->kept)
		ksc_log_peer(KSC_LOG_FAILED, KSC_LOG_DEBUG, "%s %s: cancelled",
			     session->role == KSC_ROLE_CLIENT ? "client" : "server", session->peer);
	drop_session(session);
}

static void on_refused(void *ptr, uint32_t msg, int error, const char *text)
{
	struct ksc_worker *worker = ptr;
	const struct session key = { .msg = msg };
	struct session **found = tfind(&key, &worker->messages, by_message);

	/* The context is gone, or has gone on: nothing unusual. */
	ksc_log_peer(KSC_LOG_FAILED,
		     error == ENOENT || error == ESTALE ? KSC_LOG_DEBUG : KSC_LOG_WARNING,
		     "the kernel refused a step: %s%s%s", strerror(error), *text ? ": " : "", text);
	if (found)
		drop_session(*found);
}

static const struct ksc_netlink_ops ops = {
	.context_new = on_context_new,
	.token = on_token,
	.ticket = on_ticket,
	.context_del = on_context_del,
	.failed = ksc_report_failed,
	.refused = on_refused,
};

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
	struct ksc_worker *worker = io->data;

	(void)events;
	if (ksc_netlink_receive(worker->nl))
		ev_break(loop, EVBREAK_ALL);
}

static void on_drained(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct ksc_worker *worker = timer->data;

	(void)events;
	ksc_log(KSC_LOG_WARNING, "%u handshakes were not done in time", worker->n);
	ev_break(loop, EVBREAK_ALL);
}

static void expire(struct ksc_worker *worker)
{
	const ev_tstamp now = ev_now(worker->loop);
	const double next = ksc_generations_expire(worker->now, now);

	ev_timer_stop(worker->loop, &worker->retire);
	if (!next)
		return;
	ev_timer_set(&worker->retire, next > now ? next - now : 0, 0);
	ev_timer_start(worker->loop, &worker->retire);
}

static void on_retire(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	expire(timer->data);
}

static void forget(struct ksc_worker *worker)
{
	if (worker->pool)
		ksc_pool_stop(worker->pool);
	ksc_pool_free(worker->pool);
	ksc_cache_free(worker->cache);
	free(worker);
}

/**
 * ksc_worker_new() - make a worker
 * @loop: its loop
 * @config: what it works by; the worker's, if this succeeds
 *
 * Return: the worker, or NULL with errno ENOENT when the module is not there,
 * or whatever else was wrong
 */
struct ksc_worker *ksc_worker_new(struct ev_loop *loop, struct ksc_config *config)
{
	struct ksc_worker *worker = calloc(1, sizeof(*worker));
	int rc;

	if (!worker)
		return NULL;
	worker->loop = loop;
	ev_init(&worker->retire, on_retire);
	worker->retire.data = worker;
	worker->cache = ksc_cache_new();
	/* one is the loop's own thread */
	worker->pool = ksc_pool_new(loop, config->workers > 1 ? config->workers : 0);
	if (!worker->cache || !worker->pool || ksc_generations_add(&worker->now, config)) {
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
	ev_io_init(&worker->io, on_readable, ksc_netlink_fd(worker->nl), EV_READ);
	worker->io.data = worker;
	return worker;
}

/**
 * ksc_worker_start() - register with the kernel and take work
 * @worker: the worker
 *
 * Return: 0 or a negative errno
 */
int ksc_worker_start(struct ksc_worker *worker)
{
	const struct ksc_config *config = worker->now->config;
	/* Offers of that time come with the registration. */
	int rc = ksc_netlink_inherit(worker->nl, &worker->inherited);

	if (rc)
		ksc_log(KSC_LOG_WARNING, "the policy before is not known: %s", strerror(-rc));
	rc = ksc_netlink_register(worker->nl);
	if (!rc)
		rc = ksc_load_limits(worker->nl, &config->limits);
	if (!rc)
		rc = ksc_load_policy(worker->nl, config->generation, config->rules);
	if (!rc)
		ev_io_start(worker->loop, &worker->io);
	return rc;
}

/**
 * ksc_worker_employ() - have steps made from now on
 * @worker: the worker
 *
 * By threads that have the privileges of the caller's, if the configuration says that there
 * are several. Before that, what comes is kept.
 *
 * Return: 0 or a negative errno
 */
int ksc_worker_employ(struct ksc_worker *worker)
{
	return ksc_pool_start(worker->pool);
}

/**
 * ksc_worker_moves() - whether steps are made
 * @worker: the worker
 *
 * Return: false if all threads have been held up since this was asked before
 */
bool ksc_worker_moves(struct ksc_worker *worker)
{
	return ksc_pool_moves(worker->pool);
}

/**
 * ksc_worker_configure() - work by another configuration from now on
 * @worker: the worker
 * @config: the configuration, the worker's if this succeeds. Sessions under way keep
 *	what they were begun with, and none that rests on the old one is resumed
 *
 * Return: 0, or a negative errno and all is as it was
 */
int ksc_worker_configure(struct ksc_worker *worker, struct ksc_config *config)
{
	/* Known before the kernel goes by it. */
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
		ksc_log(KSC_LOG_ERROR, "the kernel does not take the limits: %s", strerror(-rc));
	ksc_generations_settle(worker->now, ev_now(worker->loop));
	expire(worker);
	ksc_cache_flush(worker->cache);
	return 0;
}

/**
 * ksc_worker_drain() - take nothing new, and break the loop when all is done
 * @worker: the worker
 */
void ksc_worker_drain(struct ksc_worker *worker)
{
	int rc;

	if (worker->draining)
		return;
	worker->draining = true;
	if (!worker->n) {
		ev_break(worker->loop, EVBREAK_ALL);
		return;
	}
	ev_timer_init(&worker->drain, on_drained, worker->now->config->drain_ms / 1e3, 0);
	worker->drain.data = worker;
	ev_timer_start(worker->loop, &worker->drain);
	rc = ksc_netlink_drain(worker->nl);
	if (rc)
		ksc_log(KSC_LOG_WARNING, "the kernel goes on offering: %s", strerror(-rc));
}

static void free_node(void *node)
{
	free_session(node);
}

static void leave_node(void *node)
{
	(void)node;
}

/**
 * ksc_worker_free() - end a worker, its registration and its sessions
 * @worker: the worker, or NULL
 *
 * Return: true; false if one of its threads does not come to its end, so that all of it is
 * left to the end of the process, which should be at once
 */
bool ksc_worker_free(struct ksc_worker *worker)
{
	if (!worker)
		return true;
	worker->ending = true;
	ev_io_stop(worker->loop, &worker->io);
	ev_timer_stop(worker->loop, &worker->drain);
	ev_timer_stop(worker->loop, &worker->retire);
	if (!ksc_pool_stop(worker->pool))
		return false;
	tdestroy(worker->messages, leave_node);
	tdestroy(worker->sessions, free_node);
	ksc_netlink_close(worker->nl);
	ksc_generations_free(worker->now);
	ksc_pool_free(worker->pool);
	ksc_cache_free(worker->cache);
	ksc_inherit_free(&worker->inherited);
	free(worker);
	return true;
}
