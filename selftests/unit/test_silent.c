// SPDX-License-Identifier: GPL-2.0-only
/* connection.c, users.c: applications that do not read their answers. */
#include <errno.h>
#include <sys/resource.h>

#include "crowd.h"

static const char *const blank = "";

/* It has what fits into its queue; then it is asked nothing more, and in the end it is dropped. */
static void slow(void **state)
{
	struct app *app, *honest;
	struct ksc_connection *conn;
	uint32_t sent = 0;
	size_t most;

	(void)state;
	apps_start(blank, 1);
	honest = app_of(1001);
	app = app_of(1000);
	conn = last_one();
	conn->slow.repeat = 0.3;
	while (!ksc_connection_waits(conn)) {
		const struct ask ask = { .context = ++sent };

		app_send(app, &ask);
		apps_turn();
		assert_true(sent < 100000);
	}
	most = contexts->users.bytes;
	assert_true(most > 4096 && most < (size_t)8 * KSC_MAX_MESSAGE);
	apps_settle();
	assert_false(ev_is_active(&conn->in));
	begin_many(honest, 0, 1);
	/* one that reads it in time goes on, and misses nothing */
	while (app->number < sent)
		assert_int_equal(app_await(app), KSC_MESSAGE_ERROR);
	apps_settle();
	assert_false(ksc_connection_waits(conn));
	begin_many(app, 1, 1);
	assert_true(bytes_now() < most / 2);
	/* and one that does not is disconnected */
	while (!ksc_connection_waits(conn)) {
		const struct ask ask = { .context = 5 };

		app_send(app, &ask);
		apps_turn();
	}
	while (contexts->users.connections > 1)
		apps_turn();
	begin_many(honest, 1, 1);
	app_free(app);
	app_free(honest);
	all_gone();
}

/* Unread answers are counted, over all connections. */
static void unread(void **state)
{
	struct app *loud[40], *honest;
	int i, k;

	(void)state;
	apps_start("[contexts]\nbytes-per-user = 200000\n", 1);
	honest = app_of(1001);
	for (i = 0; i < 40; i++)
		loud[i] = app_of(1000);
	for (k = 0; k < 50; k++) {
		for (i = 0; i < 40; i++)
			app_send(loud[i], &(struct ask) { .context = 1 });
		begin_many(honest, (uint32_t)k, 1);
	}
	for (i = 0; i < 100; i++)
		apps_turn();
	/* all together would be seven times as much */
	assert_in_range(contexts->users.bytes, 190000, 260000);
	/* one that reads has its turn again */
	k = 0;
	while (loud[0]->number < 50) {
		for (i = 0; i < 40; i++)
			k += app_try(loud[i]);
		apps_turn();
	}
	assert_true(k >= 50);
	for (i = 0; i < 40; i++)
		app_free(loud[i]);
	/* and one that does not is dropped */
	loud[0] = app_of(1000);
	last_one()->slow.repeat = 0.3;
	apps_configure("[contexts]\nbytes-per-user = 65536\n");
	for (k = 0; k < 200; k++)
		app_send(loud[0], &(struct ask) { .context = 1 });
	while (contexts->users.connections > 1)
		apps_turn();
	begin_many(honest, 100, 1);
	app_free(loud[0]);
	app_free(honest);
	all_gone();
}

static void ask_nothing(struct app *app, int n)
{
	while (n--)
		app_send(app, &(struct ask) { .context = 1 });
	apps_settle();
}

/* A single message fits anywhere, and stays there no longer than others if it is not read. */
static void silent(void **state)
{
	struct ksc_connection *conn;
	struct app *app;

	(void)state;
	apps_start(blank, 1);
	app = app_of(1000);
	conn = last_one();
	assert_false(ev_is_active(&conn->slow));
	ask_nothing(app, 3);
	assert_false(ksc_connection_waits(conn));
	assert_true(ev_is_active(&conn->slow));
	/* reading one answer restarts the time, also with more answers before that is noticed */
	assert_true(app_try(app));
	ev_invoke(apps_loop, &conn->slow, EV_TIMER);
	assert_true(ev_is_active(&conn->slow));
	conn->slow.repeat = 1000;
	ask_nothing(app, 1);
	assert_true(ev_timer_remaining(apps_loop, &conn->slow) < 500);
	assert_true(app_try(app));
	ask_nothing(app, 1);
	assert_true(ev_timer_remaining(apps_loop, &conn->slow) > 500);
	/* one that has read all has no time-out */
	while (app_try(app))
		;
	ev_invoke(apps_loop, &conn->slow, EV_TIMER);
	assert_false(ev_is_active(&conn->slow));
	assert_int_equal(contexts->users.bytes, 0);
	begin_many(app, 2, 1);
	/* and one that has read nothing is disconnected: what is guessed is counted first */
	ask_nothing(app, 1);
	assert_true(conn->is_guessed);
	ev_invoke(apps_loop, &conn->slow, EV_TIMER);
	assert_true(!conn->is_guessed && ev_is_active(&conn->slow));
	ev_invoke(apps_loop, &conn->slow, EV_TIMER);
	assert_true(TAILQ_EMPTY(&contexts->apps));
	assert_int_equal(contexts->users.refused[KSC_LIMIT_SLOW], 1);
	assert_int_equal(app_await(app), KSC_MESSAGE_ERROR);
	assert_int_equal(app_await(app), 0);
	app_free(app);
	all_gone();
}

#define READERS	8

/* Applications that read all; what they were sent counts as unread as long as nobody asks. */
static void fill(struct app **apps)
{
	int i;

	for (i = 0; contexts->users.bytes < 60000; i = (i + 1) % READERS) {
		app_send(apps[i], &(struct ask) { .context = 1 });
		assert_int_equal(app_await(apps[i]), KSC_MESSAGE_ERROR);
	}
}

/* Nobody is refused for a guess, though all was counted within this second. */
static void guessed(void **state)
{
	static uint8_t bytes[KSC_MAX_TOKEN];
	struct ask ask = { .role = KSC_ROLE_SERVER };
	struct app *apps[READERS], *honest;
	int i;

	(void)state;
	apps_start("[contexts]\nbytes-per-user = 65536\n", 1);
	for (i = 0; i < READERS; i++)
		apps[i] = app_of(1000);
	honest = app_of(1000);
	ask.token = bytes;
	ask.len = put_records(bytes, 1);
	for (i = 0; i < 3; i++) {
		fill(apps);
		assert_false(TAILQ_EMPTY(&contexts->users.guessed));
		assert_int_equal(app_step(honest, &ask), KSC_STATUS_CONTINUE_NEEDED);
		assert_true(contexts->users.bytes < 60000);
		ask.context++;
	}
	assert_int_equal(contexts->users.refused[KSC_LIMIT_BYTES_PER_USER], 0);
	app_free(honest);
	for (i = 0; i < READERS; i++)
		app_free(apps[i]);
	all_gone();
}

#define SILENT	8

/* Output is not refused: but four users that read nothing leave others something, too. */
static void silent_users(void **state)
{
	static uint8_t bytes[KSC_MAX_TOKEN];
	struct ask ask = { .role = KSC_ROLE_SERVER };
	struct app *apps[4][SILENT], *honest;
	struct ksc_application *of;
	size_t before;
	int i, k;

	(void)state;
	apps_start("[contexts]\nbytes = 1048576\nbytes-per-user = 262144\n", 1);
	for (i = 0; i < 4; i++) {
		for (k = 0; k < SILENT; k++) {
			apps[i][k] = app_of((uid_t)(1000 + i));
			/* for this test, without another check whether something was read */
			last_one()->retry.repeat = 1000;
		}
		for (k = 0; k < SILENT; k++)
			ask_nothing(apps[i][k], 80);
	}
	before = contexts->users.bytes;
	assert_in_range(before, 700000, 983040 + 4 * 2000);
	honest = app_of(2000);
	ask.token = bytes;
	ask.len = put_records(bytes, 3);
	assert_int_equal(app_step(honest, &ask), KSC_STATUS_CONTINUE_NEEDED);
	ask.context++;
	app_refused(honest, &ask, EDQUOT);
	assert_int_equal(contexts->users.refused[KSC_LIMIT_BYTES], 1);
	/* once read, it no longer counts, though none of them has said anything */
	for (i = 0; i < 4; i++)
		for (k = 0; k < SILENT; k++)
			while (app_try(apps[i][k]))
				;
	contexts->settled = 0;
	assert_true(contexts->users.bytes >= before);
	assert_int_equal(app_step(honest, &ask), KSC_STATUS_CONTINUE_NEEDED);
	assert_true(contexts->users.bytes < before / 2);
	TAILQ_FOREACH(of, &contexts->apps, link)
		if (ev_is_active(&of->conn.retry))
			ev_feed_event(apps_loop, &of->conn.retry, EV_TIMER);
	for (i = 0; i < 4; i++)
		for (k = 0; k < SILENT; k++)
			app_free(apps[i][k]);
	app_free(honest);
	all_gone();
}

int main(void)
{
	const struct rlimit many = { 20000, 20000 };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slow),
		cmocka_unit_test(unread),
		cmocka_unit_test(silent),
		cmocka_unit_test(guessed),
		cmocka_unit_test(silent_users),
	};

	setrlimit(RLIMIT_NOFILE, &many);
	return cmocka_run_group_tests_name("silent", tests, NULL, NULL);
}
