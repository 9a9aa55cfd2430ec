// SPDX-License-Identifier: GPL-2.0-only
/*
 * A connected application, and its requests. A request is handled when it is the application's
 * turn, and none while it does not read the replies.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/names.h"
#include "context/requests.h"
#include "context/result.h"
#include "context/set.h"
#include "process/log.h"

static struct ksc_application *app_of(struct ksc_connection *conn)
{
	return (void *)((char *)conn - offsetof(struct ksc_application, conn));
}

/* ---- requests ---- */

static void answer_error(struct ksc_application *app, uint32_t seq, struct nlattr **tb, int rc,
			 const char *why)
{
	uint32_t number = tb && tb[KSC_M_CONTEXT] ? nla_get_u32(tb[KSC_M_CONTEXT]) : 0;

	ksc_connection_send(&app->conn,
			    ksc_result_error(seq, tb && tb[KSC_M_CONTEXT] ? &number : NULL, -rc,
					     why), -1);
}

static int begin(struct ksc_application *app, uint32_t seq, struct nlattr **tb, const char **why)
{
	struct ksc_context *context;
	int rc;

	*why = "the daemon is stopping";
	if (app->of->draining)
		return -EHOSTDOWN;
	rc = ksc_context_begin(app, nla_get_u32(tb[KSC_M_CONTEXT]), tb[KSC_M_BEGIN], &context,
			       why);
	if (rc)
		return rc;
	rc = ksc_context_step(context, seq, tb, why);
	if (rc)
		ksc_context_end(context);
	return rc;
}

static int step(struct ksc_application *app, uint32_t seq, struct nlattr **tb, const char **why)
{
	struct ksc_context *context = ksc_application_find(app, nla_get_u32(tb[KSC_M_CONTEXT]));

	if (tb[KSC_M_BEGIN]) {
		*why = "the context ID is in use";
		return context ? -EEXIST : begin(app, seq, tb, why);
	}
	*why = "no such context ID";
	return context ? ksc_context_step(context, seq, tb, why) : -ENOENT;
}

static void close_context(struct ksc_application *app, struct nlattr **tb)
{
	struct ksc_context *context = ksc_application_find(app, nla_get_u32(tb[KSC_M_CONTEXT]));

	if (!context)
		return;
	ksc_session_cancelled(&context->session);
	ksc_context_end(context);
}

/* Returns whether it was a message, valid or not. */
static bool handle(struct ksc_application *app, size_t len)
{
	struct nlmsghdr *head = (struct nlmsghdr *)app->of->buf;
	struct nlattr *tb[KSC_M_MAX + 1];
	const char *why;
	int rc = ksc_message_parse(head, len, false, tb, &why);

	switch (rc) {
	case KSC_MESSAGE_STEP:
		rc = step(app, head->nlmsg_seq, tb, &why);
		if (rc)
			answer_error(app, head->nlmsg_seq, tb, rc, why);
		return true;
	case KSC_MESSAGE_CLOSE:
		close_context(app, tb);
		return true;
	case -EINVAL:
		/* the error can be in the context's number */
		answer_error(app, head->nlmsg_seq, NULL, rc, why);
		return true;
	}
	return false;
}

/* The application has unread replies, and its user exceeds the limit. */
static bool owes(const struct ksc_application *app)
{
	return app->conn.charged && ksc_user_is_over(app->user, 0);
}

/**
 * ksc_application_turn() - handle a request of the application whose turn it is
 * @app: the application, which has sent something
 */
void ksc_application_turn(struct ksc_application *app)
{
	ssize_t len;

	/* continues once the queued output is sent */
	if (ksc_connection_waits(&app->conn))
		return;
	ksc_connection_settle(&app->conn);
	if (owes(app))
		ksc_connection_count_guessed(&app->of->users);
	if (owes(app)) {
		ksc_connection_stall(&app->conn);
		return;
	}
	len = ksc_connection_receive(&app->conn, app->of->buf, sizeof(app->of->buf));
	if (len > 0 && !handle(app, (size_t)len))
		len = -EBADMSG;
	if (len == -EBADMSG)
		ksc_log_peer(KSC_LOG_ASKED, KSC_LOG_WARNING,
			     "event=bad-message uid=%u pid=%d",
			     app->caller.who.uid, (int)app->caller.pid);
	if (len <= 0 && len != -EAGAIN)
		ksc_application_close(app);
	else
		ksc_connection_watch(&app->conn);
}

/* ---- the connection ---- */

static void on_readable(struct ksc_connection *conn)
{
	struct ksc_application *app = app_of(conn);

	if (app->turn.lane)
		return;
	ksc_turns_add(&app->of->ready, &app->user->requests, &app->turn);
	ksc_contexts_again(app->of);
}

static void on_drained(struct ksc_connection *conn)
{
	struct ksc_application *app = app_of(conn);

	ksc_application_ask(app);
	ksc_connection_watch(conn);
	ksc_contexts_look(app->of);
}

static void on_broken(struct ksc_connection *conn)
{
	ksc_application_close(app_of(conn));
}

static void on_closed(struct ksc_connection *conn)
{
	struct ksc_application *app = app_of(conn);
	struct ksc_contexts *of = app->of;

	if (app->counted)
		ksc_user_remove_connection(app->user);
	else
		of->refused--;
	if (app->user) {
		ksc_user_remove_bytes(app->user, app->charged);
		ksc_user_put(app->user);
	}
	ksc_caller_forget(&app->caller);
	free(app);
	ksc_contexts_look(of);
}

static const struct ksc_connection_ops ops = {
	.readable = on_readable, .drained = on_drained, .broken = on_broken, .closed = on_closed,
};

/**
 * ksc_application_close() - disconnect an application, and end its contexts
 * @app: the application
 */
void ksc_application_close(struct ksc_application *app)
{
	ksc_turns_remove(&app->of->ready, &app->turn);
	TAILQ_REMOVE(&app->of->apps, app, link);
	app->held = true;
	while (app->contexts)
		ksc_context_end(app->contexts);
	/* a counted one is charged to its user until it is closed */
	if (!app->counted)
		app->of->refused++;
	ksc_connection_close(&app->conn);
}

/* Charges the connection and the caller's groups to the user. Returns 0, or sets @why. */
static int count(struct ksc_application *app, int fd, const char **why)
{
	const struct ksc_groups *groups;
	int rc;

	*why = ksc_user_add_connection(app->user);
	if (*why)
		return -EDQUOT;
	app->counted = true;
	rc = ksc_caller_find_groups(&app->caller, fd);
	if (rc)
		return rc;
	groups = app->caller.who.groups;
	ksc_contexts_recount(app->of, app->user, groups->n * sizeof(groups->list[0]));
	*why = ksc_user_add_bytes(app->user, groups->n * sizeof(groups->list[0]));
	if (*why)
		return -EDQUOT;
	app->charged = groups->n * sizeof(groups->list[0]);
	return 0;
}

/**
 * ksc_application_new() - take over a connection
 * @of: all contexts
 * @fd: the connection, consumed in any case
 */
void ksc_application_new(struct ksc_contexts *of, int fd)
{
	struct ksc_application *app = calloc(1, sizeof(*app));
	const char *why = NULL;
	int rc;

	if (!app) {
		close(fd);
		return;
	}
	app->of = of;
	TAILQ_INIT(&app->wanted);
	rc = ksc_caller_find(&app->caller, fd);
	app->caller.who.elsewhere = app->caller.who.netns != of->netns;
	if (!rc) {
		app->user = ksc_user_find(&of->users, ksc_subids_owner(&of->config->subids,
								       app->caller.who.uid));
		rc = app->user ? 0 : -ENOMEM;
	}
	app->conn.user = app->user;
	ksc_connection_open(&app->conn, of->place->loop, of->closer, fd, &ops);
	TAILQ_INSERT_TAIL(&of->apps, app, link);
	if (!rc)
		rc = count(app, fd, &why);
	if (why)
		ksc_connection_send(&app->conn, ksc_result_error(0, NULL, EDQUOT, why), -1);
	else if (rc)
		ksc_log_peer(KSC_LOG_ASKED, KSC_LOG_WARNING,
			     "event=application-refused reason=\"cannot identify it: %s\"",
			     strerror(-rc));
	if (rc)
		ksc_application_close(app);
	else
		ksc_connection_watch(&app->conn);
}
