// SPDX-License-Identifier: GPL-2.0-only
/* contexts.c, application.c, context.c: requests of applications, and their answers. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <netlink/attr.h>

#include "apps.h"
#include "process/log.h"

#define CLIENT	{ .context = 1, .role = KSC_ROLE_CLIENT, .server_name = "server.test" }

static const struct ask client = CLIENT;
static const uint32_t accept_peer = KSC_VERDICT_ACCEPT, reject_peer = KSC_VERDICT_REJECT,
		      no_verdict = KSC_VERDICT_NONE;

/* ---- a step that is held up ---- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool held;
	unsigned int waiting;
} gate = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

enum ksc_status __real_ksc_engine_step(struct ksc_engine *engine, const uint8_t *in, size_t len,
				       struct ksc_step *step);
enum ksc_status __wrap_ksc_engine_step(struct ksc_engine *engine, const uint8_t *in, size_t len,
				       struct ksc_step *step);

enum ksc_status __wrap_ksc_engine_step(struct ksc_engine *engine, const uint8_t *in, size_t len,
				       struct ksc_step *step)
{
	pthread_mutex_lock(&gate.lock);
	gate.waiting++;
	pthread_cond_broadcast(&gate.changed);
	while (gate.held)
		pthread_cond_wait(&gate.changed, &gate.lock);
	gate.waiting--;
	pthread_mutex_unlock(&gate.lock);
	return __real_ksc_engine_step(engine, in, len, step);
}

static void hold(bool held)
{
	pthread_mutex_lock(&gate.lock);
	gate.held = held;
	pthread_cond_broadcast(&gate.changed);
	pthread_mutex_unlock(&gate.lock);
}

/* Until so many threads have come to it. */
static void await_held(unsigned int n)
{
	unsigned int waiting = 0;

	while (waiting < n) {
		apps_turn();
		usleep(100);
		pthread_mutex_lock(&gate.lock);
		waiting = gate.waiting;
		pthread_mutex_unlock(&gate.lock);
	}
}

/* A step with what the other end has said. */
static enum ksc_status give(struct app *app, struct ask ask, const void *token, size_t len)
{
	ask.token = token;
	ask.len = len;
	return app_step(app, &ask);
}

/* A server's first one. */
static enum ksc_status serve(struct app *app, uint32_t context, const void *token, size_t len)
{
	return give(app, (struct ask) { .context = context, .role = KSC_ROLE_SERVER }, token, len);
}

/* Nothing is left of any application. */
static void nothing_left(void)
{
	apps_settle();
	/* but for what a thread is about */
	alarm(120);
	while (contexts->users.contexts || contexts->users.kept)
		apps_settle();
	alarm(0);
	if (TAILQ_EMPTY(&contexts->apps)) {
		assert_int_equal(contexts->users.bytes, 0);
		assert_int_equal(contexts->users.connections, 0);
		assert_null(contexts->users.table);
	}
}

static struct app *begin(const char *settings, unsigned int workers)
{
	apps_start(settings, workers);
	return app_new();
}

static void end(struct app *app)
{
	app_free(app);
	nothing_left();
	assert_true(TAILQ_EMPTY(&contexts->apps));
	apps_stop();
}

/* ---- a handshake ---- */

static void check_keys(void)
{
	const struct key *theirs = &kernel.keys[0], *ours = &kernel.keys[1];
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);
	const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len), 0);
	close(fd);
	assert_int_equal(kernel.n, 2);
	assert_int_not_equal(theirs->request.role, ours->request.role);
	assert_int_equal(theirs->keys.version, ours->keys.version);
	assert_int_equal(theirs->keys.suite, ours->keys.suite);
	assert_memory_equal(theirs->keys.tx.secret, ours->keys.rx.secret, KSC_MAX_SECRET);
	assert_memory_equal(theirs->keys.rx.secret, ours->keys.tx.secret, KSC_MAX_SECRET);
	assert_true(theirs->request.id >> 63 && ours->request.id >> 63);
	assert_int_not_equal(theirs->request.id, ours->request.id);
	assert_int_equal(theirs->request.uid, getuid());
	assert_int_equal(theirs->request.netns, cookie);
}

static void handshake(void **state)
{
	const struct ask ask = { .context = 1, .role = KSC_ROLE_CLIENT,
				 .server_name = "server.test", .alpn = "\2h2", .alpn_len = 3,
				 .credential = "c", .verify = KSC_VERIFY_REQUIRE };
	struct nlattr *tb[KSC_M_SESSION_MAX + 1];
	struct app *app = begin("", *(unsigned int *)*state);

	assert_int_equal(app_step(app, &ask), KSC_STATUS_CONTINUE_NEEDED);
	assert_true(app->token_len > 0);
	app_handshake(app, 1, 2);
	/* the last is the server's */
	assert_int_equal(app->context, 2);
	assert_int_equal(nla_get_u16(app->tb[KSC_M_VERSION]), 0x0304);
	assert_int_equal(nla_parse_nested(tb, KSC_M_SESSION_MAX, app->tb[KSC_M_SESSION], NULL), 0);
	assert_string_equal(nla_data(tb[KSC_M_SESSION_SERVER_NAME]), "server.test");
	assert_non_null(app->tb[KSC_M_DETAILS]);
	assert_non_null(app->tb[KSC_M_LOCAL_CHAIN]);
	check_keys();
	assert_string_equal(kernel.keys[0].credential, "c");
	assert_int_equal(kernel.keys[0].request.verify, KSC_VERIFY_REQUIRE);
	/* the server's number is free, and the client waits for tickets */
	app_refused(app, &(struct ask) { .context = 2 }, ENOENT);
	app_refused(app, &(struct ask) { .context = 1 }, ENOENT);
	assert_true(kernel.keys[0].tickets);
	assert_false(kernel.keys[1].tickets);
	assert_int_equal(contexts->users.kept, 1);
	assert_int_equal(contexts->users.contexts, 0);
	ksc_contexts_ticket(contexts, kernel.keys[1].request.id, (const uint8_t *)"x", 1);
	assert_int_equal(contexts->users.kept, 1);
	ksc_contexts_gone(contexts, kernel.keys[0].request.id);
	end(app);
}

#define ROOTS_OWN					\
	"[credential own]\nrole = server\n"		\
	"cert = " KSC_TEST_CERTS "/server.pem\n"	\
	"key = " KSC_TEST_CERTS "/server.key\n"

/* What one comes to that uses it, and has connected from where this is now. */
static enum ksc_status serve_own(uint32_t context)
{
	struct ask ask = { .context = context, .role = KSC_ROLE_SERVER, .credential = "own" };
	struct app *app = app_new();
	enum ksc_status status;

	assert_int_equal(app_step(app, &client), KSC_STATUS_CONTINUE_NEEDED);
	status = give(app, ask, app->token, app->token_len);
	app_free(app);
	return status;
}

/* Root of a container is not the root that may read every key. */
static void elsewhere(void **state)
{
	const int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	struct app *app;

	(void)state;
	assert_true(own >= 0);
	if (geteuid() || unshare(CLONE_NEWNET)) {
		close(own);
		skip();
	}
	assert_int_equal(setns(own, CLONE_NEWNET), 0);
	app = begin(ROOTS_OWN, 1);
	assert_int_equal(serve_own(2), KSC_STATUS_CONTINUE_NEEDED);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(serve_own(2), KSC_STATUS_ACCESS_DENIED);
	assert_int_equal(setns(own, CLONE_NEWNET), 0);
	assert_int_equal(serve_own(2), KSC_STATUS_CONTINUE_NEEDED);
	close(own);
	end(app);
}

/* What is no ticket ends it. */
static void tickets(void **state)
{
	struct app *app = begin("", 1);

	(void)state;
	app_step(app, &client);
	app_handshake(app, 1, 2);
	assert_int_equal(contexts->users.kept, 1);
	ksc_contexts_ticket(contexts, kernel.keys[0].request.id, (const uint8_t *)"\4\0\0\1x", 5);
	apps_settle();
	assert_int_equal(contexts->users.kept, 0);
	end(app);
}

/* Under way when the configuration changes, it goes on with what it was begun with. */
static void reloaded(void **state)
{
	struct app *app = begin("", 1);

	(void)state;
	app_step(app, &client);
	apps_configure("[contexts]\nper-user = 5\n");
	app_handshake(app, 1, 2);
	assert_int_equal(contexts->users.may.per_user, 5);
	ksc_contexts_gone(contexts, kernel.keys[0].request.id);
	end(app);
}

/* ---- what is not made ---- */

static void malformed(void **state)
{
	static const struct ask asks[] = {
		{ .context = 1, .role = KSC_ROLE_CLIENT, .server_name = "blank in it" },
		{ .context = 1, .role = KSC_ROLE_CLIENT, .server_name = "control\x7f" },
		{ .context = 1, .role = KSC_ROLE_CLIENT, .credential = "a\nb" },
		{ .context = 1, .role = KSC_ROLE_CLIENT, .alpn = "", .alpn_len = 0 },
		{ .context = 1, .role = KSC_ROLE_CLIENT, .alpn = "\0", .alpn_len = 1 },
		{ .context = 1, .role = KSC_ROLE_CLIENT, .alpn = "\3h2", .alpn_len = 3 },
		{ .context = 1, .role = 3 },
		{ .context = 1, .role = KSC_ROLE_CLIENT, .verify = 5 },
		{ .context = 1, .role = KSC_ROLE_CLIENT, .deadline = 600001 },
	};
	struct app *app = begin("", 1);
	struct nl_msg *msg;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		app_refused(app, &asks[i], EINVAL);
		assert_int_equal(contexts->users.contexts, 0);
	}
	/* what begins has to say as what */
	msg = ksc_message_new(KSC_MESSAGE_STEP, ++app->seq, 0);
	nla_put_u32(msg, KSC_M_CONTEXT, 1);
	nla_nest_end_keep_empty(msg, nla_nest_start(msg, KSC_M_BEGIN));
	assert_true(send(app->fd, nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len, 0) > 0);
	nlmsg_free(msg);
	assert_int_equal(app_await(app), KSC_MESSAGE_ERROR);
	assert_int_equal(app->error, EINVAL);
	/* and the connection still works */
	assert_int_equal(app_step(app, &client), KSC_STATUS_CONTINUE_NEEDED);
	end(app);
}

static void unknown(void **state)
{
	struct app *app = begin("", 1);
	struct app *other = app_new();

	(void)state;
	app_refused(app, &(struct ask) { .context = 1, .token = "x", .len = 1 }, ENOENT);
	assert_int_equal(app_step(app, &client), KSC_STATUS_CONTINUE_NEEDED);
	app_refused(app, &client, EEXIST);
	/* numbers are a connection's own */
	app_refused(other, &(struct ask) { .context = 1 }, ENOENT);
	assert_int_equal(app_step(other, &client), KSC_STATUS_CONTINUE_NEEDED);
	app_free(other);
	/* too little changes nothing */
	assert_int_equal(app_step(app, &(struct ask) { .context = 1, .token = "\x16", .len = 1 }),
			 KSC_STATUS_INCOMPLETE_MESSAGE);
	assert_int_equal(nla_get_u32(app->tb[KSC_M_NEED]), 4);
	assert_int_equal(app->consumed, 0);
	app_refused(app, &(struct ask) { .context = 1, .verdict = &accept_peer }, ENODATA);
	app_refused(app, &(struct ask) { .context = 1, .verdict = &no_verdict }, ENODATA);
	app_refused(app, &(struct ask) { .context = 1, .picked = "c" }, ENODATA);
	/* a closed one is unknown, and closing it again has no answer */
	app_close(app, 1);
	app_close(app, 1);
	app_close(app, 99);
	app_refused(app, &(struct ask) { .context = 1 }, ENOENT);
	assert_int_equal(app_step(app, &client), KSC_STATUS_CONTINUE_NEEDED);
	end(app);
}

/* While a step is pending another is refused; one that is closed meanwhile is not answered. */
static void busy(void **state)
{
	struct app *app = begin("", 2);
	struct ask second = CLIENT;

	(void)state;
	second.context = 2;
	hold(true);
	app_send(app, &client);
	app_send(app, &second);
	await_held(2);
	app_refused(app, &(struct ask) { .context = 1 }, EBUSY);
	app_close(app, 2);
	/* its number is free at once, while the first of it still counts */
	app_send(app, &second);
	app_close(app, 2);
	apps_settle();
	assert_int_equal(contexts->users.contexts, 3);
	hold(false);
	assert_int_equal(app_await(app), KSC_MESSAGE_RESULT);
	assert_int_equal(app->context, 1);
	assert_int_equal(app->number, 1);
	while (contexts->users.contexts > 1)
		apps_settle();
	assert_false(app_try(app));
	end(app);
}

/* ---- questions ---- */

static void judged(void **state)
{
	const struct ask ask = { .context = 1, .role = KSC_ROLE_CLIENT,
				 .server_name = "wrong.test", .verify = KSC_VERIFY_MANUAL };
	static uint8_t hello[KSC_MAX_TOKEN], flight[KSC_MAX_TOKEN];
	struct app *app = begin("", 1);
	struct ask next = { .context = 1 };
	size_t len, used = 0;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		assert_int_equal(app_step(app, &ask), KSC_STATUS_CONTINUE_NEEDED);
		len = app->token_len;
		memcpy(hello, app->token, len);
		serve(app, 2, hello, len);
		len = app->token_len;
		memcpy(flight, app->token, len);
		next = (struct ask) { .context = 1, .token = flight, .len = len };
		assert_int_equal(app_step(app, &next), KSC_STATUS_VERIFY_NEEDED);
		used = app->consumed;
		assert_int_equal(nla_get_u32(app->tb[KSC_M_FAULTS]), KSC_FAULT_WRONG_NAME);
		assert_non_null(app->tb[KSC_M_CHAIN]);
		assert_true(strlen(app->text) > 0);
		/* it has to be answered */
		next = (struct ask) { .context = 1, .token = flight + used, .len = len - used };
		app_refused(app, &next, EINVAL);
		next.verdict = &no_verdict;
		app_refused(app, &next, EINVAL);
		next.verdict = i ? &accept_peer : &reject_peer;
		next.alert = i ? 0 : 46;
		app_step(app, &next);
		if (!i) {
			assert_int_equal(app->status, KSC_STATUS_PEER_REJECTED);
			assert_int_equal(nla_get_u8(app->tb[KSC_M_ALERT]), 46);
			assert_true(app->token_len > 0);
			app_close(app, 2);
		}
	}
	assert_int_equal(app->status, KSC_STATUS_OK);
	app_close(app, 2);
	ksc_contexts_gone(contexts, kernel.keys[0].request.id);
	end(app);
}

/* The server asks for a certificate, and the application picks one, or none. */
static void picked(void **state)
{
	static const char settings[] =
		"[credential asks]\nrole = server\ncert = " KSC_TEST_CERTS "/server.pem\n"
		"key = " KSC_TEST_CERTS "/server.key\nusers = root\nverify = request\n"
		"trust = " KSC_TEST_CERTS "/ca.pem\n"
		"[credential mine]\nrole = client\ncert = " KSC_TEST_CERTS "/client.pem\n"
		"key = " KSC_TEST_CERTS "/client.key\nusers = root\n"
		"trust = " KSC_TEST_CERTS "/ca.pem\n";
	const struct ask ask = { .context = 1, .role = KSC_ROLE_CLIENT,
				 .server_name = "server.test", .pick = true };
	const struct ask asks = { .context = 2, .role = KSC_ROLE_SERVER, .credential = "asks" };
	const struct ask mine = { .context = 1, .picked = "mine" };
	static uint8_t bytes[KSC_MAX_TOKEN];
	struct app *app = begin(settings, 1);
	size_t len, used;

	(void)state;
	app_step(app, &ask);
	len = app->token_len;
	memcpy(bytes, app->token, len);
	give(app, asks, bytes, len);
	len = app->token_len;
	memcpy(bytes, app->token, len);
	assert_int_equal(app_step(app, &(struct ask) { .context = 1, .token = bytes, .len = len }),
			 KSC_STATUS_INCOMPLETE_CREDENTIALS);
	used = app->consumed;
	assert_non_null(app->tb[KSC_M_ISSUERS]);
	app_refused(app, &(struct ask) { .context = 1, .picked = "bad name" }, EINVAL);
	app_refused(app, &(struct ask) { .context = 1, .verdict = &accept_peer }, ENODATA);
	assert_int_equal(give(app, mine, bytes + used, len - used), KSC_STATUS_OK);
	assert_string_equal(kernel.keys[0].credential, "mine");
	assert_non_null(app->tb[KSC_M_LOCAL_CHAIN]);
	end(app);
}

static void given_up(void **state)
{
	struct app *app = begin("", 1);

	(void)state;
	app_step(app, &client);
	assert_int_equal(app_step(app, &(struct ask) { .context = 1, .alert = 90 }),
			 KSC_STATUS_CANCELLED);
	assert_int_equal(nla_get_u8(app->tb[KSC_M_ALERT]), 90);
	assert_int_equal(nla_get_u32(app->tb[KSC_M_DIRECTION]), KSC_DIRECTION_SENT);
	assert_true(app->token_len > 0);
	app_refused(app, &(struct ask) { .context = 1 }, ENOENT);
	end(app);
}

/* ---- time ---- */

static const struct ask soon = { .context = 7, .role = KSC_ROLE_CLIENT,
				 .server_name = "server.test", .deadline = 150 };

static void late(void **state)
{
	struct app *app = begin("", 2);

	(void)state;
	app_step(app, &soon);
	assert_int_equal(app_await(app), KSC_MESSAGE_ERROR);
	assert_int_equal(app->error, ETIMEDOUT);
	assert_int_equal(app->number, 0);
	assert_int_equal(app->context, 7);
	app_refused(app, &(struct ask) { .context = 7 }, ENOENT);
	nothing_left();
	/* what a step comes to that is made in that moment is not told */
	hold(true);
	app_send(app, &soon);
	assert_int_equal(app_await(app), KSC_MESSAGE_RESULT);
	assert_int_equal(app->status, KSC_STATUS_TIMED_OUT);
	assert_int_equal(app->number, app->seq);
	hold(false);
	apps_settle();
	assert_false(app_try(app));
	end(app);
}

/* Nor are keys kept that come too late. */
static void late_keys(void **state)
{
	struct ask ask = CLIENT;
	struct app *app = begin("", 1);
	static uint8_t bytes[KSC_MAX_TOKEN];
	size_t len;

	(void)state;
	ask.deadline = 2000;
	app_step(app, &ask);
	len = app->token_len;
	memcpy(bytes, app->token, len);
	serve(app, 2, bytes, len);
	len = app->token_len;
	memcpy(bytes, app->token, len);
	kernel.hold = true;
	app_send(app, &(struct ask) { .context = 1, .token = bytes, .len = len });
	assert_int_equal(app_await(app), KSC_MESSAGE_RESULT);
	assert_int_equal(app->status, KSC_STATUS_TIMED_OUT);
	assert_int_equal(kernel.n, 1);
	kernel.hold = false;
	apps_settle();
	/* the descriptor was closed: it is the next one again */
	assert_int_equal(kernel.fds, 1);
	assert_false(app_try(app));
	app_close(app, 2);
	end(app);
}

/* ---- the kernel and keys ---- */

/* A client's last step is next. */
static struct app *almost(uint8_t *bytes, size_t *len)
{
	struct app *app = begin("", 1);

	app_step(app, &client);
	*len = app->token_len;
	memcpy(bytes, app->token, *len);
	serve(app, 2, bytes, *len);
	*len = app->token_len;
	memcpy(bytes, app->token, *len);
	return app;
}

static void refused(void **state)
{
	static const struct {
		int error, fail;
		enum ksc_status status;
		const char *text;
	} cases[] = {
		{ EDQUOT, 0, KSC_STATUS_OVERLOADED,
		  "The kernel rejected the keys: Disk quota exceeded: says the test." },
		{ EMFILE, 0, KSC_STATUS_INTERNAL_ERROR,
		  "The kernel rejected the keys: Too many open files: says the test." },
		{ 0, -EIO, KSC_STATUS_INTERNAL_ERROR,
		  "The kernel rejected the keys: Input/output error." },
	};
	static uint8_t bytes[KSC_MAX_TOKEN];
	size_t len, i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct app *app = almost(bytes, &len);

		kernel.error = cases[i].error;
		kernel.fail = cases[i].fail;
		assert_int_equal(give(app, (struct ask) { .context = 1 }, bytes, len),
				 cases[i].status);
		assert_string_equal(app->text, cases[i].text);
		assert_int_equal(app->token_len, 0);
		app_refused(app, &(struct ask) { .context = 1 }, ENOENT);
		app_close(app, 2);
		end(app);
	}
}

/* It is sent again, so often. */
static void lost(void **state)
{
	static uint8_t bytes[KSC_MAX_TOKEN];
	struct app *app;
	unsigned int n;
	size_t len;

	(void)state;
	for (n = 1; n < 12; n++) {
		app = almost(bytes, &len);
		kernel.lose = n;
		app_step(app, &(struct ask) { .context = 1, .token = bytes, .len = len });
		assert_int_equal(app->status, n < 8 ? KSC_STATUS_OK : KSC_STATUS_INTERNAL_ERROR);
		assert_int_equal(kernel.n, n < 8 ? n + 1 : 8);
		assert_int_equal(kernel.keys[0].request.id,
				 kernel.keys[(kernel.n - 1) % APPS_MAX_KEYS].request.id);
		app_close(app, 2);
		ksc_contexts_gone(contexts, kernel.keys[0].request.id);
		end(app);
	}
}

/* An application that ends when its keys are on their way leaves none. */
static void gone(void **state)
{
	static uint8_t bytes[KSC_MAX_TOKEN];
	struct app *app;
	size_t len;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		app = almost(bytes, &len);
		kernel.hold = true;
		app_send(app, &(struct ask) { .context = 1, .token = bytes, .len = len });
		while (!kernel.n)
			apps_turn();
		if (i)
			app_close(app, 1);
		else
			shutdown(app->fd, SHUT_RDWR);
		apps_settle();
		kernel.hold = false;
		apps_settle();
		assert_int_equal(kernel.fds, 1);
		end(app);
	}
}

/* ---- the end ---- */

static void drained(void **state)
{
	struct app *app = begin("", 1), *idle = app_new();

	(void)state;
	app_step(app, &client);
	apps_settle();
	ksc_contexts_drain(contexts);
	apps_settle();
	assert_true(ksc_contexts_busy(contexts));
	assert_false(apps_idle);
	/* pending handshakes go on, and no new one begins */
	app_refused(idle, &client, EHOSTDOWN);
	assert_int_equal(app_step(app, &(struct ask) { .context = 1, .alert = 90 }),
			 KSC_STATUS_CANCELLED);
	apps_settle();
	assert_true(apps_idle);
	assert_false(ksc_contexts_busy(contexts));
	app_free(idle);
	end(app);
}

/* All that is pending is freed. */
static void stopped(void **state)
{
	static uint8_t bytes[KSC_MAX_TOKEN];
	size_t len;
	struct app *app = almost(bytes, &len), *other;
	struct ask third = CLIENT;

	(void)state;
	/* waits for tickets; its keys are on their way; and one is in the midst */
	app_step(app, &(struct ask) { .context = 1, .token = bytes, .len = len });
	other = app_new();
	kernel.hold = true;
	app_step(other, &client);
	third.context = 3;
	app_step(other, &third);
	apps_stop();
	assert_int_equal(app_await(app), 0);
	app_free(app);
	app_free(other);
}

int main(void)
{
	static unsigned int one = 1, four = 4;
	const struct CMUnitTest tests[] = {
		{ "handshake, one thread", handshake, NULL, NULL, &one },
		{ "handshake, several", handshake, NULL, NULL, &four },
		cmocka_unit_test(elsewhere),
		cmocka_unit_test(tickets),
		cmocka_unit_test(reloaded),
		cmocka_unit_test(malformed),
		cmocka_unit_test(unknown),
		cmocka_unit_test(busy),
		cmocka_unit_test(judged),
		cmocka_unit_test(picked),
		cmocka_unit_test(given_up),
		cmocka_unit_test(late),
		cmocka_unit_test(late_keys),
		cmocka_unit_test(refused),
		cmocka_unit_test(lost),
		cmocka_unit_test(gone),
		cmocka_unit_test(drained),
		cmocka_unit_test(stopped),
	};

	return cmocka_run_group_tests_name("contexts", tests, NULL, NULL);
}
