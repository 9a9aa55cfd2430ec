// SPDX-License-Identifier: GPL-2.0-only
/* renew.c: when the configuration is loaded again, and how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

#include "reload/renew.h"

static const struct ksc_renew_times times = {
	.settle = 0.02, .pause = 0.1, .retry = { 0.05, 0.15 },
};

/**
 * struct rig - the loads of a test
 * @loop: a loop
 * @renew: what is tested
 * @due: loads that were due
 * @retries: those of them after which nothing had changed
 * @fails: they do
 * @changes: while each of them goes on, something changes, that often
 */
struct rig {
	struct ev_loop *loop;
	struct ksc_renew *renew;
	unsigned int due;
	unsigned int retries;
	bool fails;
	unsigned int changes;
};

static void on_due(void *ptr, bool retry)
{
	struct rig *rig = ptr;

	rig->due++;
	rig->retries += retry;
	ksc_renew_begin(rig->renew);
	if (rig->changes) {
		rig->changes--;
		ksc_renew_changed(rig->renew);
	}
	ksc_renew_done(rig->renew, !rig->fails);
}

static void start(struct rig *rig)
{
	*rig = (struct rig) { .loop = ev_loop_new(0) };
	assert_non_null(rig->loop);
	rig->renew = ksc_renew_new(rig->loop, &times, on_due, rig);
	assert_non_null(rig->renew);
}

/* Until nothing is pending; returns how long it took, in seconds. */
static double run(struct rig *rig)
{
	struct timespec from, to;

	ev_now_update(rig->loop);
	clock_gettime(CLOCK_MONOTONIC, &from);
	ev_run(rig->loop, 0);
	clock_gettime(CLOCK_MONOTONIC, &to);
	return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

static void stop(struct rig *rig)
{
	ksc_renew_free(rig->renew);
	ev_loop_destroy(rig->loop);
}

/* What changes in a short time is loaded together, and not at once. */
static void together(void **state)
{
	struct rig rig;
	int i;

	(void)state;
	start(&rig);
	for (i = 0; i < 100; i++)
		ksc_renew_changed(rig.renew);
	assert_int_equal(rig.due, 0);
	run(&rig);
	assert_int_equal(rig.due, 1);
	assert_int_equal(rig.retries, 0);
	/* and the next change as well */
	ksc_renew_changed(rig.renew);
	run(&rig);
	assert_int_equal(rig.due, 2);
	assert_int_equal(rig.retries, 0);
	stop(&rig);
}

/* With frequent changes it is loaded now and then, including the last change. */
static void endless(void **state)
{
	struct rig rig;
	double time;

	(void)state;
	start(&rig);
	rig.changes = 5;
	ksc_renew_changed(rig.renew);
	time = run(&rig);
	assert_int_equal(rig.due, 6);
	assert_int_equal(rig.retries, 0);
	assert_true(time > 5 * times.pause);
	stop(&rig);
}

static void other_ms(struct ev_loop *loop, ev_timer *timer, int events)
{
	const struct rig *rig = timer->data;

	(void)loop;
	(void)events;
	ksc_renew_changed(rig->renew);
	if (rig->due)
		ev_timer_stop(rig->loop, timer);
}

/* More changes do not delay it. */
static void not_put_off(void **state)
{
	struct rig rig;
	ev_timer timer;

	(void)state;
	start(&rig);
	ev_timer_init(&timer, other_ms, 0.001, 0.001);
	timer.data = &rig;
	ev_timer_start(rig.loop, &timer);
	run(&rig);
	assert_in_range(rig.due, 1, 2);
	stop(&rig);
}

/* It is tried again twice, unless something changes. */
static void failures(void **state)
{
	struct rig rig;
	double time;

	(void)state;
	start(&rig);
	rig.fails = true;
	ksc_renew_changed(rig.renew);
	time = run(&rig);
	assert_int_equal(rig.due, 3);
	assert_int_equal(rig.retries, 2);
	assert_true(time > times.settle + times.pause + times.retry[1]);
	/* a change restarts the delays */
	ksc_renew_changed(rig.renew);
	run(&rig);
	assert_int_equal(rig.due, 6);
	assert_int_equal(rig.retries, 4);
	/* it does not wait until it is tried again */
	ksc_renew_changed(rig.renew);
	rig.changes = 1;
	run(&rig);
	assert_int_equal(rig.due, 10);
	assert_int_equal(rig.retries, 6);
	stop(&rig);
}

static void heals(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	rig.fails = true;
	ksc_renew_changed(rig.renew);
	while (rig.due < 2)
		ev_run(rig.loop, EVRUN_ONCE);
	rig.fails = false;
	run(&rig);
	assert_int_equal(rig.due, 3);
	assert_int_equal(rig.retries, 2);
	/* all tries are there for the next failure */
	rig.fails = true;
	ksc_renew_changed(rig.renew);
	run(&rig);
	assert_int_equal(rig.due, 6);
	assert_int_equal(rig.retries, 4);
	stop(&rig);
}

/* A load on request reports its result, and includes all changes. */
static void asked(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	ksc_renew_begin(rig.renew);
	ksc_renew_done(rig.renew, false);
	run(&rig);
	assert_int_equal(rig.due, 0);
	ksc_renew_changed(rig.renew);
	ksc_renew_begin(rig.renew);
	ksc_renew_done(rig.renew, true);
	run(&rig);
	assert_int_equal(rig.due, 0);
	/* but not what changes meanwhile */
	ksc_renew_begin(rig.renew);
	ksc_renew_changed(rig.renew);
	ksc_renew_done(rig.renew, true);
	run(&rig);
	assert_int_equal(rig.due, 1);
	stop(&rig);
}

/* With its end nothing is left to do. */
static void ends(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	ksc_renew_changed(rig.renew);
	ksc_renew_free(rig.renew);
	rig.renew = NULL;
	ev_run(rig.loop, 0);
	assert_int_equal(rig.due, 0);
	stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(together),
		cmocka_unit_test(endless),
		cmocka_unit_test(not_put_off),
		cmocka_unit_test(failures),
		cmocka_unit_test(heals),
		cmocka_unit_test(asked),
		cmocka_unit_test(ends),
	};

	return cmocka_run_group_tests_name("renew", tests, NULL, NULL);
}
