// SPDX-License-Identifier: GPL-2.0-only
/* loader.c: a configuration is loaded while the event loop runs. */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "reload/loader.h"
#include "side.h"

/* Of what does come, more than enough. */
#define PATIENCE_S	60

static const char good[] = "[credential c]\nrole = client\ntrust = system\n"
			   "[rule r]\naction = prefer\ndirection = connect\n";
static const char bad[] = "[nonsense]\n[rule r]\n";

/* ---- the thread ---- */

static struct {
	sem_t begun;
	sem_t gate;
	pthread_t thread;
	const struct ksc_handed *handed;
	bool waits;
	bool passed;
} making;

struct ksc_config *__real_ksc_config_load(const char *path, FILE *complaints);
struct ksc_config *__wrap_ksc_config_load(const char *path, FILE *complaints);

static bool await(sem_t *sem)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	return !sem_timedwait(sem, &until);
}

/* Takes until the loop has had a turn. */
struct ksc_config *__wrap_ksc_config_load(const char *path, FILE *complaints)
{
	making.thread = pthread_self();
	making.handed = ksc_handed_used();
	sem_post(&making.begun);
	making.passed = !making.waits || await(&making.gate);
	return __real_ksc_config_load(path, complaints);
}

/* ---- the loop ---- */

static struct {
	struct ev_loop *loop;
	struct ksc_loader *loader;
	ev_prepare turn;
	struct ksc_config *config;
	char text[256];
	unsigned int told;
} rig;

static void on_turn(struct ev_loop *loop, ev_prepare *turn, int events)
{
	(void)events;
	ev_prepare_stop(loop, turn);
	sem_post(&making.gate);
}

static void on_loaded(void *ptr, struct ksc_config *config, char *complaints)
{
	assert_ptr_equal(ptr, &rig);
	rig.told++;
	rig.config = config;
	snprintf(rig.text, sizeof(rig.text), "%s", complaints);
	ev_break(rig.loop, EVBREAK_ONE);
}

static struct ksc_handed *hand(const char *text)
{
	struct ksc_handed *handed = ksc_handed_new();
	char path[] = "/tmp/ksc-loader-XXXXXX";
	struct ksc_way way = { 0 };
	const int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_non_null(handed);
	assert_int_equal(ksc_handed_add_file(handed, "conf", 0, fd, &way), 0);
	close(fd);
	return handed;
}

static int setup(void **state)
{
	(void)state;
	memset(&making, 0, sizeof(making));
	memset(&rig, 0, sizeof(rig));
	sem_init(&making.begun, 0, 0);
	sem_init(&making.gate, 0, 0);
	rig.loop = ev_loop_new(0);
	rig.loader = ksc_loader_new(rig.loop, "conf", on_loaded, &rig);
	ev_prepare_init(&rig.turn, on_turn);
	return !rig.loop || !rig.loader;
}

static int teardown(void **state)
{
	(void)state;
	ksc_config_free(rig.config);
	ev_loop_destroy(rig.loop);
	return 0;
}

/* A load that waits until the loop has run finishes. */
static void meanwhile(void **state)
{
	struct ksc_handed *handed = hand(good);
	int i;

	(void)state;
	assert_int_equal(ksc_loader_start(rig.loader), 0);
	making.waits = true;
	for (i = 1; i <= 2; i++) {
		ev_prepare_start(rig.loop, &rig.turn);
		ksc_loader_load(rig.loader, handed);
		/* what is handed over is found by the thread that loads */
		assert_null(ksc_handed_used());
		ev_run(rig.loop, 0);
		assert_true(making.passed);
		assert_false(pthread_equal(making.thread, pthread_self()));
		assert_ptr_equal(making.handed, handed);
		assert_int_equal(rig.told, i);
		assert_string_equal(rig.text, "");
		assert_non_null(rig.config);
		assert_int_equal(rig.config->rules->n, 1);
		ksc_config_free(rig.config);
		rig.config = NULL;
		handed = hand(good);
	}
	ksc_handed_free(handed);
	assert_true(ksc_loader_free(rig.loader));
}

static void complaints(void **state)
{
	(void)state;
	assert_int_equal(ksc_loader_start(rig.loader), 0);
	ksc_loader_load(rig.loader, hand(bad));
	ev_run(rig.loop, 0);
	assert_null(rig.config);
	assert_non_null(strstr(rig.text, "conf:1: [nonsense] is not a section"));
	assert_non_null(strstr(rig.text, "conf:2: action is missing"));
	assert_true(ksc_loader_free(rig.loader));
}

static void *open_gate(void *ptr)
{
	(void)ptr;
	sem_post(&making.gate);
	return NULL;
}

/* A load that is pending at the end is dropped, without a leak. */
static void ends(void **state)
{
	pthread_t thread;

	(void)state;
	/* not begun */
	ksc_loader_load(rig.loader, hand(good));
	assert_true(ksc_loader_free(rig.loader));
	/* begun, and done while it is awaited */
	rig.loader = ksc_loader_new(rig.loop, "conf", on_loaded, &rig);
	assert_non_null(rig.loader);
	assert_int_equal(ksc_loader_start(rig.loader), 0);
	making.waits = true;
	ksc_loader_load(rig.loader, hand(good));
	assert_true(await(&making.begun));
	assert_int_equal(pthread_create(&thread, NULL, open_gate, NULL), 0);
	assert_true(ksc_loader_free(rig.loader));
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(making.passed);
	assert_int_equal(rig.told, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(complaints, setup, teardown),
		cmocka_unit_test_setup_teardown(ends, setup, teardown),
	};

	return cmocka_run_group_tests_name("loader", tests, NULL, NULL);
}
