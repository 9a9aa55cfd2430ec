// SPDX-License-Identifier: GPL-2.0-only
/* control.c: the process that asks for a reload is notified of its result. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "process/control.h"

static char directory[64];
static char path[80];

/**
 * struct asker - a client of the control socket
 * @verdict: what it got
 * @text: the answer, freed by the test
 */
struct asker {
	bool verdict;
	char *text;
};

/**
 * struct served - what the daemon does
 * @loop: its loop
 * @control: its end
 * @text: what it says
 * @verdict: and whether it went well
 * @n: times that it was asked
 */
struct served {
	struct ev_loop *loop;
	struct ksc_control *control;
	const char *text;
	bool verdict;
	unsigned int n;
};

static void serve(void *ptr)
{
	struct served *served = ptr;

	served->n++;
	ksc_control_begin(served->control);
	ksc_control_answer(served->control, served->verdict, served->text);
	ev_break(served->loop, EVBREAK_ALL);
}

static void *ask(void *ptr)
{
	struct asker *asker = ptr;
	size_t size;
	FILE *answer = open_memstream(&asker->text, &size);

	asker->verdict = ksc_control_reload(path, answer);
	fclose(answer);
	return NULL;
}

static void reload(const char *text, bool verdict)
{
	struct served served = { .loop = ev_loop_new(0), .text = text, .verdict = verdict };
	struct asker asker = { 0 };
	struct stat st;
	pthread_t thread;

	served.control = ksc_control_new(served.loop, path, serve, &served);
	assert_non_null(served.control);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(pthread_create(&thread, NULL, ask, &asker), 0);
	ev_run(served.loop, 0);
	pthread_join(thread, NULL);
	assert_int_equal(served.n, 1);
	assert_int_equal(asker.verdict, verdict);
	assert_string_equal(asker.text, text);
	free(asker.text);
	ksc_control_free(served.control);
	ev_loop_destroy(served.loop);
}

static void serve_later(void *ptr)
{
	struct served *served = ptr;

	served->n++;
	ev_break(served->loop, EVBREAK_ALL);
}

static void ask_another(struct served *served, struct asker *asker, pthread_t *thread)
{
	assert_int_equal(pthread_create(thread, NULL, ask, asker), 0);
	ev_run(served->loop, 0);
}

static void answered(struct asker *asker, pthread_t thread, bool verdict, const char *text)
{
	pthread_join(thread, NULL);
	assert_int_equal(asker->verdict, verdict);
	assert_string_equal(asker->text, text);
	free(asker->text);
}

/* A request during a load waits for the next one; too many are refused. */
static void several(void **state)
{
	struct served served = { .loop = ev_loop_new(0) };
	struct asker askers[KSC_CONTROL_WAITING + 1] = { 0 };
	pthread_t threads[KSC_CONTROL_WAITING + 1];
	size_t i;

	(void)state;
	served.control = ksc_control_new(served.loop, path, serve_later, &served);
	assert_non_null(served.control);
	for (i = 0; i < 2; i++)
		ask_another(&served, &askers[i], &threads[i]);
	ksc_control_begin(served.control);
	for (; i < KSC_CONTROL_WAITING; i++)
		ask_another(&served, &askers[i], &threads[i]);
	assert_int_equal(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
	ev_run(served.loop, EVRUN_ONCE);
	answered(&askers[i], threads[i], false, "too many requests at once\n");
	assert_int_equal(served.n, KSC_CONTROL_WAITING);
	ksc_control_answer(served.control, true, "first\n");
	for (i = 0; i < 2; i++)
		answered(&askers[i], threads[i], true, "first\n");
	ksc_control_begin(served.control);
	ksc_control_answer(served.control, false, "second\n");
	for (; i < KSC_CONTROL_WAITING; i++)
		answered(&askers[i], threads[i], false, "second\n");
	/* a daemon that stops gives no answer */
	memset(askers, 0, sizeof(askers));
	ask_another(&served, &askers[0], &threads[0]);
	ksc_control_free(served.control);
	pthread_join(threads[0], NULL);
	assert_false(askers[0].verdict);
	assert_non_null(strstr(askers[0].text, "no answer from"));
	free(askers[0].text);
	ev_loop_destroy(served.loop);
}

static void verdicts(void **state)
{
	(void)state;
	reload("", true);
	/* the socket of a dead daemon is no obstacle */
	reload("a.conf:1: there is no file x\nthe configuration is unchanged\n", false);
	reload("user: the change needs a restart\n", true);
}

/* A daemon that is not there, or goes, has not loaded anything. */
static void nobody(void **state)
{
	struct asker asker = { 0 };

	(void)state;
	ask(&asker);
	assert_false(asker.verdict);
	assert_non_null(strstr(asker.text, path));
	free(asker.text);
}

static void paths(void **state)
{
	char buf[32];

	(void)state;
	unsetenv("RUNTIME_DIRECTORY");
	assert_null(ksc_control_path(NULL, NULL, buf, sizeof(buf)));
	assert_string_equal(ksc_control_path(NULL, "/x", buf, sizeof(buf)), "/x");
	setenv("RUNTIME_DIRECTORY", "/run/a:/run/b", 1);
	assert_string_equal(ksc_control_path(NULL, "/x", buf, sizeof(buf)), "/run/a/control");
	assert_string_equal(ksc_control_path("/o", "/x", buf, sizeof(buf)), "/o");
	setenv("RUNTIME_DIRECTORY", "/run/longer-than-there-is-room-for", 1);
	assert_null(ksc_control_path(NULL, NULL, buf, sizeof(buf)));
}

/* What is no socket of the daemon's stays. */
static void in_the_way(void **state)
{
	char file[80];
	FILE *f;

	(void)state;
	snprintf(file, sizeof(file), "%s/file", directory);
	f = fopen(file, "w");
	assert_non_null(f);
	fclose(f);
	assert_null(ksc_control_new(ev_default_loop(0), file, serve, NULL));
	assert_int_equal(unlink(file), 0);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/ksc-control-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/control", directory);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(several),
		cmocka_unit_test(paths),
		cmocka_unit_test(in_the_way),
	};

	return cmocka_run_group_tests_name("control", tests, set_up, tear_down);
}
