// SPDX-License-Identifier: GPL-2.0-only
/* contexts.c, users.c: applications that ask for too much. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crowd.h"
#include "process/log.h"

static const char *const blank = "";

static void refuse_one(struct app *app, uint32_t context, int error, enum ksc_limit limit)
{
	const struct ask ask = client(context);
	const unsigned long before = contexts->users.refused[limit];

	app_refused(app, &ask, error);
	assert_int_equal(contexts->users.refused[limit], before + 1);
}

/* ---- contexts ---- */

static void per_user(void **state)
{
	struct app *mine, *mine_too, *other;

	(void)state;
	apps_start("[contexts]\nper-user = 10\nper-connection = 8\n", 1);
	mine = app_of(1000);
	mine_too = app_of(1000);
	other = app_of(1001);
	begin_many(mine, 0, 8);
	refuse_one(mine, 100, EDQUOT, KSC_LIMIT_PER_CONNECTION);
	begin_many(mine_too, 0, 2);
	refuse_one(mine_too, 100, EDQUOT, KSC_LIMIT_PER_USER);
	begin_many(other, 0, 8);
	/* one less is one more */
	app_close(mine, 0);
	apps_settle();
	begin_many(mine_too, 100, 1);
	refuse_one(mine_too, 101, EDQUOT, KSC_LIMIT_PER_USER);
	/* and what is refused leaves nothing behind */
	app_refused(other, &(struct ask) { .context = 101 }, ENOENT);
	app_free(mine);
	apps_settle();
	begin_many(mine_too, 101, 5);
	app_free(mine_too);
	app_free(other);
	all_gone();
}

/* As many contexts as it may have; how many these are. */
static uint32_t begin_all(struct app *app)
{
	struct ask ask = client(0);

	while (app_ask(app, &ask) == KSC_MESSAGE_RESULT)
		ask.context++;
	assert_int_equal(app->error, EDQUOT);
	return ask.context;
}

static void read_all(int fd, char *text, size_t size)
{
	const ssize_t n = read(fd, text, size - 1);

	text[n > 0 ? n : 0] = '\0';
}

/* The log says which limit was met, and how often. */
static void told(void **state)
{
	char log[4096];
	struct app *apps[2];
	int fds[2], i;

	(void)state;
	apps_start("[contexts]\nper-user = 1\n", 1);
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	ksc_log_open(fds[1]);
	ksc_log_set_level(KSC_LOG_WARNING);
	for (i = 0; i < 2; i++) {
		apps[i] = app_of((uid_t)(1000 + i));
		begin_many(apps[i], 0, 1);
		refuse_one(apps[i], 1, EDQUOT, KSC_LIMIT_PER_USER);
	}
	ksc_log_open(STDERR_FILENO);
	read_all(fds[0], log, sizeof(log));
	assert_non_null(strstr(log, "event=limit uid=1000 count=1 "
			       "reason=\"more contexts than per-user allows\"\n"));
	assert_non_null(strstr(log, "event=limit uid=1001 count=2 "
			       "reason=\"more contexts than per-user allows\"\n"));
	close(fds[0]);
	close(fds[1]);
	for (i = 0; i < 2; i++)
		app_free(apps[i]);
	all_gone();
}

/* A user may have half of what is left; the last one is for a user that has none. */
static void shares(void **state)
{
	static const uint32_t wanted[] = { 30, 15, 8, 4, 2, 1, 1, 1, 1, 1 };
	const int n = sizeof(wanted) / sizeof(wanted[0]);
	struct app *apps[sizeof(wanted) / sizeof(wanted[0]) + 1];
	int i;

	(void)state;
	apps_start("[contexts]\ntotal = 64\n", 1);
	for (i = 0; i < n; i++) {
		apps[i] = app_of((uid_t)(1000 + i));
		assert_int_equal(begin_all(apps[i]), wanted[i]);
		assert_int_equal(contexts->users.refused[KSC_LIMIT_TOTAL], i + 1);
	}
	assert_int_equal(contexts->users.contexts, 64);
	apps[n] = app_of(2000);
	assert_int_equal(begin_all(apps[n]), 0);
	/* the last free ones are for users that have none */
	app_close(apps[0], 0);
	app_close(apps[0], 1);
	apps_settle();
	assert_int_equal(begin_all(apps[0]), 0);
	assert_int_equal(begin_all(apps[n]), 1);
	for (i = 0; i <= n; i++)
		app_free(apps[i]);
	all_gone();
}

/* Likewise of connections. */
static void shared_connections(void **state)
{
	static const unsigned int wanted[] = { 15, 8, 4, 2, 1, 1, 1 };
	struct app *apps[32];
	unsigned int i, k, n = 0;

	(void)state;
	apps_start("[contexts]\ntotal = 32\n", 1);
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct app *more;

		for (k = 0; k < wanted[i]; k++)
			apps[n++] = app_of(1000 + i);
		assert_int_equal(contexts->users.connections, n);
		more = app_of(1000 + i);
		assert_int_equal(app_await(more), KSC_MESSAGE_ERROR);
		assert_int_equal(more->error, EDQUOT);
		assert_int_equal(contexts->users.refused[KSC_LIMIT_CONNECTIONS], i + 1);
		app_free(more);
	}
	assert_int_equal(n, 32);
	for (i = 0; i < n; i++)
		app_free(apps[i]);
	all_gone();
}

/* An account's ranges are its own: of all of them it has as much as one. */
static void subordinates(void **state)
{
	struct ksc_owned owned = { .owner = 1000, .start = 100000, .count = 65536 };
	struct ksc_config *config;
	struct app *apps[3];
	int i;

	(void)state;
	apps_start("[contexts]\nper-user = 3\n", 1);
	config = (struct ksc_config *)contexts->config;
	ksc_subids_free(&config->subids);
	config->subids = (struct ksc_subids) { .list = &owned, .n = 1 };
	apps[0] = app_of(1000);
	apps[1] = app_of(100000);
	apps[2] = app_of(165535);
	for (i = 0; i < 3; i++)
		begin_many(apps[i], 0, 1);
	for (i = 0; i < 3; i++)
		refuse_one(apps[i], 1, EDQUOT, KSC_LIMIT_PER_USER);
	for (i = 0; i < 3; i++)
		app_free(apps[i]);
	apps[0] = app_of(165536);
	begin_many(apps[0], 0, 3);
	app_free(apps[0]);
	config->subids = (struct ksc_subids) { 0 };
	all_gone();
}

/* An application that dies loses all it has, which the loop frees a little at a time. */
static void dies(void **state)
{
	struct app *app;
	int turns = 0;

	(void)state;
	apps_start(blank, 1);
	app = app_of(1000);
	begin_many(app, 0, 300);
	assert_int_equal(contexts->users.contexts, 300);
	app_free(app);
	while (contexts->users.contexts) {
		const unsigned int before = contexts->users.contexts;

		apps_turn();
		assert_true(before - contexts->users.contexts <= 16);
		turns++;
	}
	assert_in_range(turns, 300 / 16, 1000);
	all_gone();
}

/* ---- bytes ---- */

/* Half a record, as large as may be: it is given, and waits for the rest. */
static void put_half(struct ask *ask, uint8_t *bytes, size_t len)
{
	memset(bytes, 0, len);
	bytes[0] = 22;
	bytes[1] = 3;
	bytes[2] = 1;
	bytes[3] = 0x3f;
	bytes[4] = 0xff;
	ask->token = bytes;
	ask->len = len;
}

static void handshake_bytes(void **state)
{
	static uint8_t bytes[KSC_MAX_TOKEN];
	struct ask ask = { .context = 1, .role = KSC_ROLE_SERVER };
	struct app *app;

	(void)state;
	apps_start("[contexts]\nhandshake-bytes = 20000\n", 1);
	app = app_of(1000);
	ask.token = bytes;
	ask.len = put_records(bytes, 1) + 5000;
	app_refused(app, &ask, EMSGSIZE);
	assert_int_equal(contexts->users.refused[KSC_LIMIT_HANDSHAKE_BYTES], 1);
	/* it was not begun */
	app_refused(app, &(struct ask) { .context = 1 }, ENOENT);
	assert_int_equal(bytes_now(), 0);
	/* what is offered again and not used up counts once */
	put_half(&ask, bytes, 10000);
	assert_int_equal(app_step(app, &ask), KSC_STATUS_INCOMPLETE_MESSAGE);
	ask.role = 0;
	assert_int_equal(app_step(app, &ask), KSC_STATUS_INCOMPLETE_MESSAGE);
	assert_int_equal(app_step(app, &ask), KSC_STATUS_INCOMPLETE_MESSAGE);
	/* and all that was used up together */
	ask.len = put_records(bytes, 1);
	assert_int_equal(app_step(app, &ask), KSC_STATUS_CONTINUE_NEEDED);
	assert_int_equal(app->consumed, 16005);
	ask.len = 4000;
	app_refused(app, &ask, EMSGSIZE);
	app_free(app);
	all_gone();
}

/* What contexts keep of large hellos counts for their user, with any fragmentation. */
static void per_user_bytes(void **state)
{
	static uint8_t bytes[KSC_MAX_TOKEN];
	struct ask ask = { .role = KSC_ROLE_SERVER };
	struct app *app, *other;
	uint32_t n;

	(void)state;
	apps_start("[contexts]\nbytes-per-user = 1000000\nbytes = 4000000\n", 1);
	app = app_of(1000);
	other = app_of(1001);
	ask.token = bytes;
	ask.len = put_records(bytes, 3);
	for (n = 0; app_ask(app, &ask) == KSC_MESSAGE_RESULT; n++) {
		assert_int_equal(app->status, KSC_STATUS_CONTINUE_NEEDED);
		ask.context++;
	}
	assert_int_equal(app->error, EDQUOT);
	assert_int_equal(contexts->users.refused[KSC_LIMIT_BYTES_PER_USER], 1);
	assert_in_range(n, 1000000 / 48015 - 1, 1000000 / 48015);
	ask.context = 1;
	assert_int_equal(app_step(other, &ask), KSC_STATUS_CONTINUE_NEEDED);
	app_close(app, 0);
	apps_settle();
	ask.context = 1000;
	assert_int_equal(app_step(app, &ask), KSC_STATUS_CONTINUE_NEEDED);
	app_free(app);
	app_free(other);
	all_gone();
}

/* ---- connections ---- */

static void connections(void **state)
{
	struct app *apps[9], *other;
	int i;

	(void)state;
	apps_start("[contexts]\nconnections-per-user = 8\n", 1);
	for (i = 0; i < 9; i++)
		apps[i] = app_of(1000);
	/* one too many gets an error, for any request */
	apps_settle();
	assert_int_equal(app_await(apps[8]), KSC_MESSAGE_ERROR);
	assert_int_equal(apps[8]->error, EDQUOT);
	assert_int_equal(apps[8]->number, 0);
	assert_int_equal(app_await(apps[8]), 0);
	assert_int_equal(contexts->users.refused[KSC_LIMIT_CONNECTIONS_PER_USER], 1);
	/* its groups, which may be many, are of no interest */
	assert_int_equal(apps_grouped, 8);
	other = app_of(1001);
	begin_many(other, 0, 1);
	app_free(apps[8]);
	app_free(apps[0]);
	apps_settle();
	apps[0] = app_of(1000);
	begin_many(apps[0], 0, 1);
	for (i = 0; i < 8; i++)
		app_free(apps[i]);
	app_free(other);
	all_gone();
}

#define FLOOD	10000

/* Ten thousand: the rest gets errors, and earlier applications have their turn all the time. */
static void flood(void **state)
{
	static int fds[FLOOD];
	struct app *honest;
	int i, kept = 0;
	char c;

	(void)state;
	apps_start(blank, 1);
	honest = app_of(1001);
	apps_uid = 1000;
	for (i = 0; i < FLOOD; i++) {
		fds[i] = app_connect();
		/* what is refused need not be held on to */
		if (i >= 4096 + 1024) {
			close(fds[i - 1024 + 1]);
			fds[i - 1024 + 1] = -1;
		}
		if (i % 500 == 0)
			begin_many(honest, (uint32_t)i, 1);
	}
	for (i = 0; i < FLOOD / 16; i++)
		apps_turn();
	assert_int_equal(contexts->users.connections, 4096 + 1);
	assert_int_equal(contexts->users.refused[KSC_LIMIT_CONNECTIONS_PER_USER], FLOOD - 4096);
	for (i = 0; i < FLOOD; i++) {
		if (fds[i] < 0)
			continue;
		kept += recv(fds[i], &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
		close(fds[i]);
	}
	assert_int_equal(kept, 4096);
	begin_many(honest, FLOOD, 1);
	app_free(honest);
	all_gone();
}

/* Without descriptors nothing is accepted, and nothing spins. */
static void no_descriptors(void **state)
{
	struct rlimit limit, none;
	struct app *app;
	int fd, next;

	(void)state;
	apps_start(blank, 1);
	contexts->pause.repeat = 0.05;
	app = app_of(1000);
	begin_many(app, 0, 1);
	next = dup(0);
	close(next);
	fd = app_connect();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = (rlim_t)next + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	ev_run(apps_loop, EVRUN_ONCE);
	assert_false(ev_is_active(&contexts->listener));
	assert_true(ev_is_active(&contexts->pause));
	/* those connected go on */
	begin_many(app, 1, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while (contexts->users.connections < 2)
		apps_turn();
	assert_true(ev_is_active(&contexts->listener));
	close(fd);
	app_free(app);
	all_gone();
}

/* ---- turns ---- */

/* One with many requests has its turn as often as one with few. */
static void turns(void **state)
{
	struct app *loud[40], *quiet;
	int i, k, before = 0;

	(void)state;
	apps_start(blank, 1);
	for (i = 0; i < 40; i++)
		loud[i] = app_of(1000);
	quiet = app_of(1001);
	for (i = 0; i < 40; i++)
		for (k = 0; k < 20; k++)
			app_send(loud[i], &(struct ask) { .context = 1 });
	app_send(quiet, &(struct ask) { .context = 1 });
	/* of what the loop does in one turn, some is the other's */
	ev_run(apps_loop, EVRUN_NOWAIT);
	assert_true(app_try(quiet));
	assert_int_equal(quiet->error, ENOENT);
	for (i = 0; i < 40; i++)
		while (app_try(loud[i]))
			before++;
	assert_in_range(before, 1, 16);
	for (i = 0; i < 40; i++)
		app_free(loud[i]);
	app_free(quiet);
	all_gone();
}

int main(void)
{
	const struct rlimit many = { 20000, 20000 };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(per_user),
		cmocka_unit_test(told),
		cmocka_unit_test(shares),
		cmocka_unit_test(shared_connections),
		cmocka_unit_test(subordinates),
		cmocka_unit_test(dies),
		cmocka_unit_test(handshake_bytes),
		cmocka_unit_test(per_user_bytes),
		cmocka_unit_test(connections),
		cmocka_unit_test(flood),
		cmocka_unit_test(no_descriptors),
		cmocka_unit_test(turns),
	};

	setrlimit(RLIMIT_NOFILE, &many);
	return cmocka_run_group_tests_name("crowd", tests, NULL, NULL);
}
