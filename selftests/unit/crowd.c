// SPDX-License-Identifier: GPL-2.0-only
/* Many applications of several users. */
#include <string.h>

#include "crowd.h"

struct ask client(uint32_t context)
{
	return (struct ask) { .context = context, .role = KSC_ROLE_CLIENT,
			      .server_name = "server.test" };
}

void begin_many(struct app *app, uint32_t from, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		const struct ask ask = client(from + i);

		assert_int_equal(app_step(app, &ask), KSC_STATUS_CONTINUE_NEEDED);
	}
}

/* Nothing is left of applications that have ended. */
void all_gone(void)
{
	apps_settle();
	assert_true(TAILQ_EMPTY(&contexts->apps));
	assert_int_equal(ksc_closer_count(contexts->closer), 0);
	assert_int_equal(contexts->refused, 0);
	assert_int_equal(contexts->users.contexts, 0);
	assert_int_equal(contexts->users.connections, 0);
	assert_int_equal(contexts->users.bytes, 0);
	assert_null(contexts->users.table);
	apps_stop();
}

struct app *app_of(uid_t uid)
{
	struct app *app;

	apps_uid = uid;
	app = app_new();
	apps_turn();
	apps_turn();
	return app;
}

/* A message that goes over several records, of which some have come: GnuTLS keeps these. */
size_t put_records(uint8_t *bytes, size_t n)
{
	size_t i, at = 0;

	for (i = 0; i < n; i++) {
		const size_t len = 16000;

		bytes[at++] = 22;
		bytes[at++] = 3;
		bytes[at++] = 1;
		bytes[at++] = (uint8_t)(len >> 8);
		bytes[at++] = (uint8_t)len;
		memset(bytes + at, 0, len);
		if (!i) {
			bytes[at] = 1;
			bytes[at + 1] = 0;
			bytes[at + 2] = 0xf8;
		}
		at += len;
	}
	return at;
}

struct ksc_connection *last_one(void)
{
	return &TAILQ_LAST(&contexts->apps, ksc_application_list)->conn;
}

/* Bytes that were read no longer count, which is found out now and then. */
size_t bytes_now(void)
{
	struct ksc_application *app;

	TAILQ_FOREACH(app, &contexts->apps, link)
		ksc_connection_count(&app->conn);
	return contexts->users.bytes;
}
