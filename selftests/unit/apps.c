// SPDX-License-Identifier: GPL-2.0-only
/*
 * Applications that are connected to the daemon's part over real sockets, all in the test's
 * thread, and a fake kernel that takes keys.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <netlink/attr.h>

#include "apps.h"
#include "process/listen.h"
#include "process/log.h"

struct ksc_contexts *contexts;
struct kernel kernel;
struct ev_loop *apps_loop;
uid_t apps_uid = (uid_t)-1;
bool apps_unguarded;
unsigned int apps_grouped;
bool apps_idle;

static struct ksc_place place;
static struct ksc_config *config;
static char path[64];

/* ---- the kernel ---- */

int ksc_netlink_fd(const struct ksc_netlink *nl)
{
	(void)nl;
	return -1;
}

int ksc_netlink_key(struct ksc_netlink *nl, const struct ksc_key_request *request, uint32_t *msg)
{
	struct key *key = &kernel.keys[kernel.n % APPS_MAX_KEYS];

	assert_ptr_equal(nl, &kernel);
	if (kernel.fail)
		return kernel.fail;
	key->msg = *msg = ++kernel.n;
	key->request = *request;
	key->keys = request->step->keys;
	key->tickets = request->step->tickets;
	snprintf(key->credential, sizeof(key->credential), "%s", request->credential);
	return 0;
}

static void answer(void)
{
	const uint32_t msg = ++kernel.told;
	int fd;

	if (kernel.lose) {
		kernel.lose--;
		ksc_contexts_lost(contexts);
	} else if (kernel.error) {
		assert_true(ksc_contexts_refused(contexts, msg, kernel.error, "says the test"));
	} else {
		fd = eventfd(0, EFD_CLOEXEC);
		assert_true(fd >= 0);
		kernel.fds++;
		ksc_contexts_key(contexts, msg, fd);
	}
}

/* ---- the callers ---- */

int __real_ksc_caller_find(struct ksc_caller *caller, int fd);
int __wrap_ksc_caller_find(struct ksc_caller *caller, int fd);

int __wrap_ksc_caller_find(struct ksc_caller *caller, int fd)
{
	const int rc = __real_ksc_caller_find(caller, fd);

	if (apps_uid != (uid_t)-1) {
		caller->who.uid = apps_uid;
		caller->who.gid = apps_uid;
	}
	return rc;
}

int __real_ksc_caller_find_groups(struct ksc_caller *caller, int fd);
int __wrap_ksc_caller_find_groups(struct ksc_caller *caller, int fd);

int __wrap_ksc_caller_find_groups(struct ksc_caller *caller, int fd)
{
	apps_grouped++;
	return __real_ksc_caller_find_groups(caller, fd);
}

void __real_ksc_connection_open(struct ksc_connection *conn, struct ev_loop *loop,
				struct ksc_closer *closer, int fd,
				const struct ksc_connection_ops *ops);
void __wrap_ksc_connection_open(struct ksc_connection *conn, struct ev_loop *loop,
				struct ksc_closer *closer, int fd,
				const struct ksc_connection_ops *ops);

void __wrap_ksc_connection_open(struct ksc_connection *conn, struct ev_loop *loop,
				struct ksc_closer *closer, int fd,
				const struct ksc_connection_ops *ops)
{
	__real_ksc_connection_open(conn, loop, closer, fd, ops);
	if (apps_unguarded)
		conn->guarded = false;
}

void __real_ksc_connection_guard(int fd);
void __wrap_ksc_connection_guard(int fd);

void __wrap_ksc_connection_guard(int fd)
{
	if (!apps_unguarded)
		__real_ksc_connection_guard(fd);
}

/* ---- the daemon ---- */

static void on_idle(void *ptr)
{
	(void)ptr;
	apps_idle = true;
}

struct ksc_config *apps_config(const char *settings)
{
	char name[] = "/tmp/ksc-apps-XXXXXX";
	const int fd = mkstemp(name);
	struct ksc_config *made;

	assert_true(fd >= 0);
	assert_true(dprintf(fd, "%s%s", APPS_CREDENTIALS, settings) > 0);
	close(fd);
	made = ksc_config_load(name, stderr);
	unlink(name);
	assert_non_null(made);
	return made;
}

void apps_configure(const char *settings)
{
	struct ksc_config *before = config;

	config = apps_config(settings);
	ksc_contexts_configure(contexts, config);
	ksc_config_free(before);
}

void apps_start(const char *settings, unsigned int workers)
{
	int fd;

	memset(&kernel, 0, sizeof(kernel));
	apps_idle = false;
	apps_grouped = 0;
	apps_uid = (uid_t)-1;
	ksc_log_set_level(KSC_LOG_ERROR);
	apps_loop = ev_default_loop(0);
	place = (struct ksc_place) {
		.loop = apps_loop, .cache = ksc_cache_new(),
		.pool = ksc_pool_new(apps_loop, workers > 1 ? workers : 0),
	};
	assert_true(place.cache && place.pool);
	contexts = ksc_contexts_new(&place, on_idle, NULL);
	assert_non_null(contexts);
	config = apps_config(settings);
	ksc_contexts_configure(contexts, config);
	snprintf(path, sizeof(path), "/tmp/ksc-apps-%d.sock", (int)getpid());
	fd = ksc_listen_make(path);
	assert_true(fd >= 0);
	ksc_contexts_listen(contexts, (struct ksc_netlink *)&kernel, fd);
	assert_int_equal(ksc_pool_start(place.pool), 0);
	assert_int_equal(ksc_contexts_start(contexts), 0);
}

void apps_stop(void)
{
	place.ending = true;
	assert_true(ksc_pool_stop(place.pool));
	assert_true(ksc_contexts_free(contexts));
	ksc_pool_free(place.pool);
	ksc_cache_free(place.cache);
	ksc_config_free(config);
	unlink(path);
	apps_unguarded = false;
	/* connections that were to end are gone */
	ev_run(apps_loop, EVRUN_NOWAIT);
}

/* What there is to do now, and the kernel's answers. */
void apps_turn(void)
{
	ev_run(apps_loop, EVRUN_NOWAIT);
	while (!kernel.hold && kernel.told < kernel.n)
		answer();
}

/* Until there is nothing left to do. */
void apps_settle(void)
{
	int i;

	for (i = 0; i < 20 || ev_is_active(&contexts->again); i++) {
		apps_turn();
		usleep(200);
	}
}

/* ---- applications ---- */

int app_connect(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	memcpy(addr.sun_path, path, sizeof(path));
	while (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		assert_int_equal(errno, EAGAIN);
		apps_turn();
	}
	return fd;
}

struct app *app_new(void)
{
	struct app *app = calloc(1, sizeof(*app));

	assert_non_null(app);
	app->fd = app_connect();
	app->key = -1;
	return app;
}

static void drop_key(struct app *app)
{
	if (app->key >= 0)
		close(app->key);
	app->key = -1;
}

void app_free(struct app *app)
{
	drop_key(app);
	close(app->fd);
	free(app);
}

static void put(struct nl_msg *msg, int type, const void *data, size_t len)
{
	assert_int_equal(nla_put(msg, type, (int)len, data), 0);
}

static void put_begin(struct nl_msg *msg, const struct ask *ask)
{
	struct nlattr *nest = nla_nest_start(msg, KSC_M_BEGIN);

	put(msg, KSC_M_BEGIN_ROLE, &ask->role, 4);
	if (ask->server_name)
		put(msg, KSC_M_BEGIN_SERVER_NAME, ask->server_name, strlen(ask->server_name) + 1);
	if (ask->credential)
		put(msg, KSC_M_BEGIN_CREDENTIAL, ask->credential, strlen(ask->credential) + 1);
	if (ask->alpn)
		put(msg, KSC_M_BEGIN_ALPN, ask->alpn, ask->alpn_len);
	if (ask->verify)
		put(msg, KSC_M_BEGIN_VERIFY, &ask->verify, 4);
	if (ask->deadline)
		put(msg, KSC_M_BEGIN_DEADLINE, &ask->deadline, 4);
	if (ask->pick)
		put(msg, KSC_M_BEGIN_PICK, NULL, 0);
	nla_nest_end(msg, nest);
}

static void send_message(struct app *app, struct nl_msg *msg)
{
	const struct nlmsghdr *head = nlmsg_hdr(msg);

	while (send(app->fd, head, head->nlmsg_len, MSG_NOSIGNAL) < 0) {
		assert_int_equal(errno, EAGAIN);
		apps_turn();
	}
	nlmsg_free(msg);
}

void app_send(struct app *app, const struct ask *ask)
{
	struct nl_msg *msg = ksc_message_new(KSC_MESSAGE_STEP, ++app->seq, ask->len);

	assert_non_null(msg);
	put(msg, KSC_M_CONTEXT, &ask->context, 4);
	if (ask->role)
		put_begin(msg, ask);
	if (ask->token)
		put(msg, KSC_M_TOKEN, ask->token, ask->len);
	if (ask->verdict)
		put(msg, KSC_M_VERDICT, ask->verdict, 4);
	if (ask->alert)
		put(msg, KSC_M_ALERT, &ask->alert, 1);
	if (ask->picked)
		put(msg, KSC_M_CREDENTIAL, ask->picked, strlen(ask->picked) + 1);
	send_message(app, msg);
}

void app_close(struct app *app, uint32_t context)
{
	struct nl_msg *msg = ksc_message_new(KSC_MESSAGE_CLOSE, ++app->seq, 0);

	assert_non_null(msg);
	put(msg, KSC_M_CONTEXT, &context, 4);
	send_message(app, msg);
}

static void take_reply(struct app *app)
{
	struct nlattr **tb = app->tb;

	app->number = ((struct nlmsghdr *)app->buf)->nlmsg_seq;
	app->context = tb[KSC_M_CONTEXT] ? nla_get_u32(tb[KSC_M_CONTEXT]) : 0;
	app->status = tb[KSC_M_STATUS] ? nla_get_u32(tb[KSC_M_STATUS]) : 0;
	app->consumed = tb[KSC_M_CONSUMED] ? nla_get_u32(tb[KSC_M_CONSUMED]) : 0;
	app->error = tb[KSC_M_ERROR] ? (int)nla_get_u32(tb[KSC_M_ERROR]) : 0;
	snprintf(app->text, sizeof(app->text), "%s",
		 tb[KSC_M_TEXT] ? (char *)nla_data(tb[KSC_M_TEXT]) : "");
	app->token_len = tb[KSC_M_TOKEN] ? (size_t)nla_len(tb[KSC_M_TOKEN]) : 0;
	if (app->token_len)
		memcpy(app->token, nla_data(tb[KSC_M_TOKEN]), app->token_len);
	/* keys come with the one, and with nothing else */
	assert_int_equal(app->key >= 0, app->reply == KSC_MESSAGE_RESULT && !app->status);
}

/* Whether something has come: a reply, or the end. */
bool app_try(struct app *app)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { app->buf, sizeof(app->buf) };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	const ssize_t len = recvmsg(app->fd, &msg, MSG_DONTWAIT);
	const char *why;

	if (len < 0 && errno == EAGAIN)
		return false;
	drop_key(app);
	app->reply = 0;
	/* it was closed with unread data: earlier answers come first */
	if (len < 0 && errno == ECONNRESET)
		return app_try(app);
	if (len <= 0)
		return true;
	if (CMSG_FIRSTHDR(&msg))
		memcpy(&app->key, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	app->reply = ksc_message_parse(app->buf, (size_t)len, true, app->tb, &why);
	assert_true(app->reply > 0);
	take_reply(app);
	return true;
}

int app_await(struct app *app)
{
	alarm(120);
	while (!app_try(app)) {
		apps_turn();
		usleep(100);
	}
	alarm(0);
	return app->reply;
}

int app_ask(struct app *app, const struct ask *ask)
{
	app_send(app, ask);
	app_await(app);
	if (app->reply)
		assert_int_equal(app->number, app->seq);
	return app->reply;
}

enum ksc_status app_step(struct app *app, const struct ask *ask)
{
	const int reply = app_ask(app, ask);

	if (reply == KSC_MESSAGE_ERROR)
		fail_msg("%s: %s", strerror(app->error), app->text);
	assert_int_equal(reply, KSC_MESSAGE_RESULT);
	assert_int_equal(app->context, ask->context);
	return app->status;
}

void app_refused(struct app *app, const struct ask *ask, int error)
{
	assert_int_equal(app_ask(app, ask), KSC_MESSAGE_ERROR);
	assert_int_equal(app->error, error);
	assert_true(strlen(app->text) > 0);
}

/* Two contexts of its: the client's first flight is there, and the server has not begun. */
void app_handshake(struct app *app, uint32_t client, uint32_t server)
{
	static struct wire to[2];
	enum ksc_status status[2] = { KSC_STATUS_CONTINUE_NEEDED, KSC_STATUS_CONTINUE_NEEDED };
	const uint32_t numbers[2] = { client, server };
	bool begun = false;
	int who = 1;

	to[0].len = 0;
	to[1].len = 0;
	wire_put(&to[1], app->token, app->token_len);
	while (to[who].len && status[who] == KSC_STATUS_CONTINUE_NEEDED) {
		const struct ask ask = { .context = numbers[who], .token = to[who].data,
					 .len = to[who].len,
					 .role = who && !begun ? KSC_ROLE_SERVER : 0 };

		begun = true;
		status[who] = app_step(app, &ask);
		wire_eat(&to[who], app->consumed);
		wire_put(&to[!who], app->token, app->token_len);
		if (!to[who].len || status[who] != KSC_STATUS_CONTINUE_NEEDED)
			who = !who;
	}
	assert_int_equal(status[0], KSC_STATUS_OK);
	assert_int_equal(status[1], KSC_STATUS_OK);
}
