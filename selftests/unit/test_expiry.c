// SPDX-License-Identifier: GPL-2.0-only
/* expiry.c: when it warns that certificates of ours expire, and of which. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "reload/expiry.h"

#define HOUR	((time_t)3600)
#define DAY	(24 * HOUR)

static time_t present;

time_t __wrap_time(time_t *out);

time_t __wrap_time(time_t *out)
{
	if (out)
		*out = present;
	return present;
}

/* From the lifetime: a third, a tenth, a thirtieth, and the end; at most 30, 7 and 1 days. */
static void stages(void **state)
{
	static const struct {
		time_t life;
		time_t before[4];
	} cases[] = {
		{ 3650 * DAY, { 30 * DAY, 7 * DAY, DAY, 0 } },
		{ 90 * DAY, { 30 * DAY, 7 * DAY, DAY, 0 } },
		{ 60 * DAY, { 20 * DAY, 6 * DAY, DAY, 0 } },
		{ 6 * DAY, { 2 * DAY, 6 * DAY / 10, 6 * DAY / 30, 0 } },
		{ HOUR, { 20 * 60, 6 * 60, 2 * 60, 0 } },
	};
	const time_t from = 1000000000;
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const time_t to = from + cases[i].life;

		assert_int_equal(ksc_expiry_last(from, to, from), 0);
		assert_int_equal(ksc_expiry_next(from, to, from), to - cases[i].before[0]);
		for (k = 0; k < 4; k++) {
			const time_t *before = cases[i].before;
			const time_t at = to - before[k];
			const time_t earlier = k ? to - before[k - 1] : 0;
			const time_t later = k < 3 ? to - before[k + 1] : 0;

			assert_int_equal(ksc_expiry_last(from, to, at - 1), earlier);
			assert_int_equal(ksc_expiry_last(from, to, at), at);
			assert_int_equal(ksc_expiry_next(from, to, at - 1), at);
			assert_int_equal(ksc_expiry_next(from, to, at), later);
		}
	}
}

static int log_fds[2];

static const char *logged(void)
{
	static char text[4096];
	ssize_t len = read(log_fds[0], text, sizeof(text) - 1);

	text[len < 0 ? 0 : len] = '\0';
	return text;
}

/* The loop's own clock says that it is due: the test has set it to the past. */
static void run(struct ev_loop *loop)
{
	ev_run(loop, EVRUN_NOWAIT);
}

static void warnings(void **state)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	struct ksc_expiry *expiry = ksc_expiry_new(loop);
	struct ksc_config *config, *other;
	const struct ksc_own *own;
	char wanted[256];

	(void)state;
	assert_non_null(expiry);
	present = 0;
	good(SERVER, &config);
	own = &find(config, "s")->certs[0];
	good("[credential o]\nrole = server\ncert = " CERTS "/second.pem\nkey = " CERTS
	     "/second.key\n", &other);
	assert_int_equal(pipe2(log_fds, O_NONBLOCK), 0);
	ksc_log_open(log_fds[1]);
	/* nothing is due, then the first, which is not said again */
	present = own->from;
	ksc_expiry_watch(expiry, config->credentials);
	assert_string_equal(logged(), "");
	present = own->to - 30 * DAY;
	ksc_expiry_watch(expiry, config->credentials);
	snprintf(wanted, sizeof(wanted), "event=certificate-expires credential=s file=%s at=20",
		 own->path);
	assert_non_null(strstr(logged(), wanted));
	present += 5;
	run(loop);
	assert_string_equal(logged(), "");
	/* the end, and what a reload replaces is forgotten */
	present = own->to;
	ksc_expiry_watch(expiry, config->credentials);
	assert_non_null(strstr(logged(), "event=certificate-expired credential=s file="));
	present = own->from;
	ksc_config_free(config);
	ksc_expiry_watch(expiry, other->credentials);
	assert_string_equal(logged(), "");
	ksc_log_open(STDERR_FILENO);
	close(log_fds[0]);
	close(log_fds[1]);
	ksc_expiry_free(expiry);
	ksc_config_free(other);
	ev_loop_destroy(loop);
}

/* A certificate that expires in a second: the timer says so. */
static void timer(void **state)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	struct ksc_expiry *expiry = ksc_expiry_new(loop);
	struct ksc_config *config;
	struct ksc_own *own;

	(void)state;
	good(SERVER, &config);
	own = &find(config, "s")->certs[0];
	own->from = (time_t)ev_time() - DAY;
	own->to = (time_t)ev_time() + 2;
	present = (time_t)ev_time();
	assert_int_equal(pipe2(log_fds, O_NONBLOCK), 0);
	ksc_log_open(log_fds[1]);
	ksc_expiry_watch(expiry, config->credentials);
	assert_non_null(strstr(logged(), "event=certificate-expires "));
	present = own->to;
	/* until the timer fires */
	ev_run(loop, EVRUN_ONCE);
	assert_non_null(strstr(logged(), "event=certificate-expired "));
	/* nothing is left to wait for */
	ev_run(loop, 0);
	ksc_log_open(STDERR_FILENO);
	close(log_fds[0]);
	close(log_fds[1]);
	ksc_expiry_free(expiry);
	ksc_config_free(config);
	ev_loop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stages), cmocka_unit_test(warnings), cmocka_unit_test(timer),
	};

	return cmocka_run_group_tests_name("expiry", tests, make_path, remove_path);
}
