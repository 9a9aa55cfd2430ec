// SPDX-License-Identifier: GPL-2.0-only
/* pool.c, turns.c: the order in which jobs run. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "process/pool.h"

/* ---- turns ---- */

struct thing {
	struct ksc_turn turn;
	char name;
};

static struct ksc_lane lanes[3];

static char take(struct ksc_turns *turns)
{
	const struct thing *thing = (struct thing *)ksc_turns_take(turns);

	return thing ? thing->name : '.';
}

static void in_turn(void **state)
{
	struct thing a[3] = { { .name = 'a' }, { .name = 'b' }, { .name = 'c' } };
	struct thing x[2] = { { .name = 'x' }, { .name = 'y' } };
	struct thing z = { .name = 'z' };
	struct ksc_turns turns;
	char order[16] = "";
	int i;

	(void)state;
	ksc_turns_init(&turns);
	assert_int_equal(take(&turns), '.');
	for (i = 0; i < 3; i++)
		ksc_turns_add(&turns, &lanes[0], &a[i].turn);
	for (i = 0; i < 2; i++)
		ksc_turns_add(&turns, &lanes[1], &x[i].turn);
	ksc_turns_add(&turns, &lanes[2], &z.turn);
	for (i = 0; i < 7; i++)
		order[i] = take(&turns);
	assert_string_equal(order, "axzbyc.");
	/* one that waits no more is passed over, and may wait again */
	for (i = 0; i < 3; i++)
		ksc_turns_add(&turns, &lanes[0], &a[i].turn);
	ksc_turns_add(&turns, &lanes[1], &x[0].turn);
	ksc_turns_remove(&turns, &a[1].turn);
	ksc_turns_remove(&turns, &a[1].turn);
	ksc_turns_remove(&turns, &x[0].turn);
	assert_int_equal(lanes[1].n, 0);
	assert_int_equal(take(&turns), 'a');
	ksc_turns_add(&turns, &lanes[1], &x[0].turn);
	ksc_turns_add(&turns, &lanes[0], &a[1].turn);
	memset(order, 0, sizeof(order));
	for (i = 0; i < 4; i++)
		order[i] = take(&turns);
	assert_string_equal(order, "cxb.");
}

/* ---- the pool's threads, held ---- */

#define MANY	200

struct work {
	struct ksc_job job;
	char name;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool held;
	unsigned int passes;
	unsigned int waiting;
	char order[4 * MANY];
	size_t n;
} gate = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static unsigned int done;

static void run(struct ksc_job *job)
{
	pthread_mutex_lock(&gate.lock);
	gate.order[gate.n++] = ((struct work *)job)->name;
	gate.waiting++;
	pthread_cond_broadcast(&gate.changed);
	while (gate.held && !gate.passes)
		pthread_cond_wait(&gate.changed, &gate.lock);
	if (gate.held)
		gate.passes--;
	gate.waiting--;
	pthread_mutex_unlock(&gate.lock);
}

static void on_done(struct ksc_job *job)
{
	(void)job;
	done++;
}

static void add(struct ksc_pool *pool, struct work *work, char name, struct ksc_lane *lane)
{
	*work = (struct work) {
		.job = { .run = run, .done = on_done, .lane = lane }, .name = name,
	};
	ksc_pool_add(pool, &work->job);
}

static void await_waiting(unsigned int n)
{
	pthread_mutex_lock(&gate.lock);
	while (gate.waiting < n)
		pthread_cond_wait(&gate.changed, &gate.lock);
	pthread_mutex_unlock(&gate.lock);
}

static void let_go(void)
{
	pthread_mutex_lock(&gate.lock);
	gate.held = false;
	pthread_cond_broadcast(&gate.changed);
	pthread_mutex_unlock(&gate.lock);
}

/* Let one thread end its job, and wait until the next one has begun. */
static void let_one(void)
{
	size_t before;

	pthread_mutex_lock(&gate.lock);
	before = gate.n;
	gate.passes = 1;
	pthread_cond_broadcast(&gate.changed);
	while (gate.n == before)
		pthread_cond_wait(&gate.changed, &gate.lock);
	pthread_mutex_unlock(&gate.lock);
}

/* Where that is in the order of what was made behind the first. */
static size_t nth(char name, unsigned int n)
{
	size_t i;

	for (i = 1; i < gate.n; i++)
		if (gate.order[i] == name && !n--)
			return i;
	fail();
	return 0;
}

/*
 * While the only thread is held, one user asks for a lot, another for little, and sockets come
 * last: then every other step is a socket's, and of the rest every other the other user's.
 */
static void fair(void **state)
{
	struct ev_loop *loop = ev_default_loop(0);
	struct ksc_pool *pool = ksc_pool_new(loop, 1);
	static struct work loud[MANY], quiet[5], sockets[MANY], first;
	struct ksc_lane a = { .n = 0 }, b = { .n = 0 };
	unsigned int i;

	(void)state;
	assert_non_null(pool);
	assert_int_equal(ksc_pool_start(pool), 0);
	gate.held = true;
	gate.n = 0;
	done = 0;
	add(pool, &first, '0', &a);
	await_waiting(1);
	for (i = 0; i < MANY; i++)
		add(pool, &loud[i], 'a', &a);
	for (i = 0; i < 5; i++)
		add(pool, &quiet[i], 'b', &b);
	for (i = 0; i < MANY; i++)
		add(pool, &sockets[i], 's', NULL);
	let_go();
	while (done < 2 * MANY + 6)
		ev_run(loop, EVRUN_ONCE);
	assert_int_equal(gate.n, 2 * MANY + 6);
	for (i = 0; i < MANY; i++)
		assert_in_range(nth('s', i), 2 * i, 2 * i + 2);
	for (i = 0; i < 5; i++)
		assert_in_range(nth('b', i), 4 * i, 4 * i + 4);
	assert_true(ksc_pool_stop(pool));
	ksc_pool_free(pool);
}

/* All threads are held by one user's steps: when there is one again, it is the others' turn. */
static void held(void **state)
{
	struct ev_loop *loop = ev_default_loop(0);
	struct ksc_pool *pool = ksc_pool_new(loop, 4);
	static struct work loud[MANY], socket;
	struct ksc_lane a = { .n = 0 };
	unsigned int i;

	(void)state;
	assert_int_equal(ksc_pool_start(pool), 0);
	gate.held = true;
	gate.n = 0;
	done = 0;
	for (i = 0; i < MANY; i++)
		add(pool, &loud[i], 'a', &a);
	await_waiting(4);
	add(pool, &socket, 's', NULL);
	/* alone: of several threads it is not known which writes first what it has taken */
	let_one();
	assert_int_equal(nth('s', 0), 4);
	let_go();
	while (done < MANY + 1)
		ev_run(loop, EVRUN_ONCE);
	assert_true(ksc_pool_stop(pool));
	ksc_pool_free(pool);
}

/* Each lane has one thread, with any number of jobs: the others have the rest. */
static void single(void **state)
{
	struct ev_loop *loop = ev_default_loop(0);
	struct ksc_pool *pool = ksc_pool_new(loop, 3);
	static struct work loud[MANY], quiet[2];
	struct ksc_lane a = { .n = 0 }, b = { .n = 0 };
	unsigned int i;

	(void)state;
	ksc_pool_single(pool);
	assert_int_equal(ksc_pool_start(pool), 0);
	gate.held = true;
	gate.n = 0;
	gate.waiting = 0;
	done = 0;
	for (i = 0; i < MANY; i++)
		add(pool, &loud[i], 'a', &a);
	add(pool, &quiet[0], 'b', &b);
	add(pool, &quiet[1], 'b', &b);
	await_waiting(2);
	/* a third one finds nothing that it may take */
	assert_int_equal(a.n, MANY - 1);
	assert_int_equal(b.n, 1);
	assert_int_equal(gate.n, 2);
	assert_int_not_equal(gate.order[0], gate.order[1]);
	let_go();
	while (done < MANY + 2)
		ev_run(loop, EVRUN_ONCE);
	assert_true(ksc_pool_stop(pool));
	ksc_pool_free(pool);
}

/* Jobs that never ran are finished, too, in a lane or without. */
static void stopped(void **state)
{
	struct ev_loop *loop = ev_default_loop(0);
	struct ksc_pool *pool = ksc_pool_new(loop, 2);
	static struct work works[10];
	struct ksc_lane a = { .n = 0 };
	unsigned int i;

	(void)state;
	done = 0;
	gate.n = 0;
	for (i = 0; i < 10; i++)
		add(pool, &works[i], 'a', i % 2 ? &a : NULL);
	assert_true(ksc_pool_stop(pool));
	assert_int_equal(done, 10);
	assert_int_equal(gate.n, 0);
	ksc_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_turn),
		cmocka_unit_test(fair),
		cmocka_unit_test(held),
		cmocka_unit_test(single),
		cmocka_unit_test(stopped),
	};

	alarm(300);
	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
