// SPDX-License-Identifier: GPL-2.0-only
/*
 * A handshake whose tokens an application carries itself: its requests are checked here, step by
 * step, and it gets the result of each. After the last step the keys go to the kernel, and the
 * application gets a descriptor for them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netlink/attr.h>

#include "common/names.h"
#include "context/application.h"
#include "context/context.h"
#include "context/result.h"
#include "context/set.h"
#include "engine/name.h"
#include "process/log.h"

/* Stack size of a client that picks its certificate while GnuTLS waits. */
#define PICK_BYTES	32768
/* How often keys are sent if replies are lost. */
#define MAX_TRIES	8

static struct ksc_context *context_of(struct ksc_session *session)
{
	return (void *)((char *)session - offsetof(struct ksc_context, session));
}

/* ---- accounting ---- */

static void charge(struct ksc_context *context, size_t bytes)
{
	ksc_user_remove_bytes(context->user, context->charged);
	ksc_user_charge(context->user, bytes);
	context->charged = bytes;
}

static int charge_more(struct ksc_context *context, size_t bytes, const char **why)
{
	const char *refused;

	if (!bytes)
		return 0;
	ksc_contexts_recount(context->of, context->user, bytes);
	refused = ksc_user_add_bytes(context->user, bytes);
	if (refused) {
		*why = refused;
		return -EDQUOT;
	}
	context->charged += bytes;
	return 0;
}

static void on_freed(struct ksc_session *session)
{
	struct ksc_context *context = context_of(session);
	struct ksc_contexts *of = context->of;

	charge(context, 0);
	if (session->kept)
		ksc_user_remove_kept(context->user);
	else
		ksc_user_remove_context(context->user);
	ksc_user_put(context->user);
	free(context);
	ksc_contexts_look(of);
}

/**
 * ksc_context_end() - end a context
 * @context: the context, in any state
 */
void ksc_context_end(struct ksc_context *context)
{
	struct ksc_session *session = &context->session;

	if (context->app)
		ksc_application_remove(context->app, context);
	context->app = NULL;
	/* if the pool uses it, it is freed after the step; otherwise it is queued */
	if (ksc_session_busy(session) && !context->step)
		ksc_session_drop(session);
	else
		ksc_contexts_bury(context->of, context);
}

/* ---- results of steps ---- */

/* Afterwards the number is unused; a context whose handshake is done may wait for tickets. */
static void tell(struct ksc_context *context, const struct ksc_step *step, int key)
{
	struct ksc_application *app = context->app;
	const bool done = step->status == KSC_STATUS_OK;
	const bool over = done || ksc_status_is_failure(step->status);

	context->step = NULL;
	context->status = step->status;
	ksc_connection_send(&app->conn, ksc_result_new(context->seq, context->number, step), key);
	ksc_session_report(&context->session, step);
	if (done && step->tickets && ksc_user_keep_context(context->user)) {
		ksc_application_remove(app, context);
		context->app = NULL;
		charge(context, 0);
		ksc_session_keep(&context->session);
		ksc_session_settle(&context->session);
		ksc_contexts_keep(context->of, context);
		return;
	}
	ksc_session_settle(&context->session);
	if (over)
		ksc_context_end(context);
}

static void on_stepped(struct ksc_session *session, struct ksc_step *step)
{
	struct ksc_context *context = context_of(session);

	context->given += step->consumed;
	charge(context, context->fixed + context->given);
	if (step->status != KSC_STATUS_OK) {
		tell(context, step, -1);
		return;
	}
	context->step = step;
	ksc_application_want(context->app, context);
}

static void on_late(struct ksc_session *session)
{
	struct ksc_context *context = context_of(session);
	struct ksc_step step = { .status = KSC_STATUS_TIMED_OUT,
				 .text = "the handshake timed out" };
	struct nl_msg *msg;

	if (session->kept) {
		ksc_context_end(context);
		return;
	}
	ksc_session_report(session, &step);
	msg = ksc_session_busy(session) ?
	      ksc_result_new(context->seq, context->number, &step) :
	      ksc_result_error(0, &context->number, ETIMEDOUT, step.text);
	ksc_connection_send(&context->app->conn, msg, -1);
	ksc_context_end(context);
}

static const struct ksc_session_ops ops = {
	.stepped = on_stepped, .late = on_late, .freed = on_freed,
};

/**
 * ksc_context_done() - finish a context whose keys the kernel has accepted
 * @context: the context
 * @key: their descriptor, consumed
 */
void ksc_context_done(struct ksc_context *context, int key)
{
	tell(context, context->step, key);
}

/**
 * ksc_context_refused() - handle keys that the kernel has not accepted
 * @context: the context
 * @error: why, as a positive errno; 0 if its reply was lost
 * @text: the kernel's text, or ""
 */
void ksc_context_refused(struct ksc_context *context, int error, const char *text)
{
	struct ksc_step step = {
		/* more are possible once the user's keys have been attached */
		.status = error == EDQUOT ? KSC_STATUS_OVERLOADED : KSC_STATUS_INTERNAL_ERROR,
		.consumed = context->step->consumed,
	};

	if (!error && context->tries < MAX_TRIES) {
		ksc_contexts_ask(context->of, context);
		return;
	}
	snprintf(step.text, sizeof(step.text), "The kernel rejected the keys: %s%s%s.",
		 error ? strerror(error) : "it does not answer", *text ? ": " : "", text);
	tell(context, &step, -1);
}

/* ---- requests ---- */

static uint32_t number(const struct nlattr *attr, uint32_t otherwise)
{
	return attr ? nla_get_u32(attr) : otherwise;
}

static const char *string(const struct nlattr *attr)
{
	return attr ? nla_data(attr) : "";
}

/* Names go to the log and to the kernel, and must be as printable as those of sockets. */
static bool is_name(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name <= ' ' || *name == 0x7f)
			return false;
	return true;
}

static bool is_list(const uint8_t *list, size_t len)
{
	size_t i;

	for (i = 0; i < len; i += 1 + list[i])
		if (!list[i] || list[i] >= len - i)
			return false;
	return true;
}

static const char *wrong(struct nlattr *const *tb)
{
	const struct nlattr *alpn = tb[KSC_M_BEGIN_ALPN];

	if (!tb[KSC_M_BEGIN_ROLE])
		return "client or server?";
	if (!is_name(string(tb[KSC_M_BEGIN_SERVER_NAME])))
		return "the server name is malformed";
	if (!is_name(string(tb[KSC_M_BEGIN_CREDENTIAL])))
		return "the credential name is malformed";
	if (alpn && (!nla_len(alpn) || !is_list(nla_data(alpn), (size_t)nla_len(alpn))))
		return "the list of protocols is malformed";
	return NULL;
}

static int begin(struct ksc_context *context, struct nlattr *const *tb)
{
	const struct ksc_caller *caller = &context->app->caller;
	const struct nlattr *alpn = tb[KSC_M_BEGIN_ALPN];
	struct ksc_engine_params params = {
		.credentials = context->of->config->credentials,
		.role = (enum ksc_role)nla_get_u32(tb[KSC_M_BEGIN_ROLE]),
		.server_name = string(tb[KSC_M_BEGIN_SERVER_NAME]),
		.credential = string(tb[KSC_M_BEGIN_CREDENTIAL]),
		.verify = (enum ksc_verify)number(tb[KSC_M_BEGIN_VERIFY], KSC_VERIFY_DEFAULT),
		.who = caller->who,
		.pick = tb[KSC_M_BEGIN_PICK],
		.cache = context->of->place->cache,
	};

	if (alpn) {
		params.alpn = nla_data(alpn);
		params.alpn_len = (size_t)nla_len(alpn);
	}
	context->verify = params.verify;
	ksc_name_copy(context->credential, params.credential);
	context->session.lane = &context->user->steps;
	context->session.details = true;
	snprintf(context->session.peer, sizeof(context->session.peer), "user %u, process %d",
		 caller->who.uid, (int)caller->pid);
	return ksc_session_begin(&context->session, context->of->place, &ops, &params,
				 number(tb[KSC_M_BEGIN_DEADLINE], KSC_DEFAULT_HANDSHAKE_TIMEOUT));
}

/**
 * ksc_context_begin() - begin a context
 * @app: its application
 * @number: the application's number of it
 * @nest: its parameters
 * @begun: set to the context
 * @why: set to the reason for an error
 *
 * Return: 0, and ksc_context_end() has to be called; or a negative errno
 */
int ksc_context_begin(struct ksc_application *app, uint32_t number, const struct nlattr *nest,
		      struct ksc_context **begun, const char **why)
{
	struct nlattr *tb[KSC_M_BEGIN_MAX + 1];
	struct ksc_context *context;
	int rc;

	*why = "malformed";
	if (nla_parse_nested(tb, KSC_M_BEGIN_MAX, (struct nlattr *)nest, NULL) < 0)
		return -EINVAL;
	*why = wrong(tb);
	if (*why)
		return -EINVAL;
	*why = ksc_user_add_context(app->user, HASH_COUNT(app->contexts));
	if (*why)
		return -EDQUOT;
	*why = "out of memory";
	context = calloc(1, sizeof(*context));
	if (!context) {
		ksc_user_remove_context(app->user);
		return -ENOMEM;
	}
	context->number = number;
	context->of = app->of;
	context->app = app;
	context->user = ksc_user_get(app->user);
	context->status = KSC_STATUS_CONTINUE_NEEDED;
	context->refused = ksc_context_refused;
	context->fixed = tb[KSC_M_BEGIN_PICK] ? PICK_BYTES : 0;
	rc = charge_more(context, context->fixed, why) ?: begin(context, tb);
	if (rc) {
		on_freed(&context->session);
		return rc;
	}
	rc = ksc_application_add(app, context);
	if (rc) {
		context->app = NULL;
		ksc_session_drop(&context->session);
		return rc;
	}
	*begun = context;
	return 0;
}

/* An answer must be given if the last step has asked for it, and only then. */
static int check_answer(const struct ksc_context *context, struct nlattr **tb, const char **why)
{
	const struct nlattr *verdict = tb[KSC_M_VERDICT];

	if (context->status == KSC_STATUS_VERIFY_NEEDED) {
		*why = "a verdict on the peer is needed first";
		if (!tb[KSC_M_ALERT] && number(verdict, KSC_VERDICT_NONE) == KSC_VERDICT_NONE)
			return -EINVAL;
	} else if (verdict) {
		*why = "no verdict was asked for";
		return -ENODATA;
	}
	if (!tb[KSC_M_CREDENTIAL])
		return 0;
	*why = "no credential was asked for";
	if (context->status != KSC_STATUS_INCOMPLETE_CREDENTIALS)
		return -ENODATA;
	*why = "the credential name is malformed";
	return is_name(string(tb[KSC_M_CREDENTIAL])) ? 0 : -EINVAL;
}

static int check_token(struct ksc_context *context, size_t len, const char **why)
{
	const size_t most = context->of->config->contexts.handshake_bytes;

	if (len <= most && context->given <= most - len)
		return charge_more(context, len, why);
	*why = ksc_user_refuse(context->user, KSC_LIMIT_HANDSHAKE_BYTES);
	return -EMSGSIZE;
}

/**
 * ksc_context_step() - start a step
 * @context: the context
 * @seq: number of the request
 * @tb: its attributes
 * @why: set to the reason for an error
 *
 * Return: 0, and the application gets the result; or a negative errno, and nothing has changed
 */
int ksc_context_step(struct ksc_context *context, uint32_t seq, struct nlattr **tb,
		     const char **why)
{
	const struct nlattr *token = tb[KSC_M_TOKEN];
	const size_t len = token ? (size_t)nla_len(token) : 0;
	struct ksc_answer answer = {
		.verdict = (enum ksc_verdict)number(tb[KSC_M_VERDICT], KSC_VERDICT_NONE),
		.alert = tb[KSC_M_ALERT] ? nla_get_u8(tb[KSC_M_ALERT]) : 0,
	};
	int rc;

	*why = "a step is in progress";
	if (ksc_session_busy(&context->session))
		return -EBUSY;
	rc = check_answer(context, tb, why);
	if (!rc)
		rc = check_token(context, len, why);
	if (rc)
		return rc;
	ksc_name_copy(answer.credential, string(tb[KSC_M_CREDENTIAL]));
	/* without threads, the step is finished and reported when this returns */
	if (*answer.credential)
		memcpy(context->credential, answer.credential, sizeof(answer.credential));
	context->seq = seq;
	rc = ksc_session_step(&context->session, &answer, len ? nla_data(token) : NULL, len);
	if (!rc)
		return 0;
	*why = "out of memory";
	charge(context, context->fixed + context->given);
	return rc;
}
