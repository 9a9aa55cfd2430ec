// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads for jobs that take long. All threads take jobs from the same queues, so that a slow job
 * delays only itself. There are two queues, for sockets and for applications, which take turns; in
 * the second, the users take turns. Finished jobs return to the thread of the event loop, which
 * does everything else.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include "process/pool.h"

/* A job needs a quarter of it. */
#define STACK_SIZE	((size_t)1024 * 1024)
/* How long a thread may take to end, in seconds, because a step can hang. */
#define STOP_S		2

/**
 * struct list - jobs in order
 * @first: the oldest
 * @last: where the next one goes
 */
struct list {
	struct ksc_job *first;
	struct ksc_job **last;
};

/**
 * struct ksc_pool - threads and their jobs
 * @loop: the event loop
 * @made: wakes the loop when a job is finished
 * @lock: protects what follows
 * @more: signaled when a job is added, and when the pool stops
 * @changed: signaled when a thread is ready
 * @todo: queued jobs, those of applications in the second queue
 * @next: the queue whose turn it is
 * @rest: lane of the jobs in the first queue
 * @done: finished jobs
 * @single: each lane runs one job at a time
 * @stopping: no more jobs are taken
 * @busy: number of threads that run a job
 * @moved: a job was finished since ksc_pool_moves() was called
 * @ready: number of threads that are ready
 * @started: number of threads that were created
 * @n: number of threads that are wanted
 * @threads: the threads
 */
struct ksc_pool {
	struct ev_loop *loop;
	ev_async made;
	pthread_mutex_t lock;
	pthread_cond_t more;
	pthread_cond_t changed;
	struct ksc_turns todo[2];
	unsigned int next;
	struct ksc_lane rest;
	struct list done;
	bool single;
	bool stopping;
	unsigned int busy;
	bool moved;
	unsigned int ready;
	unsigned int started;
	unsigned int n;
	pthread_t threads[];
};

static void append(struct list *list, struct ksc_job *job)
{
	job->next = NULL;
	*list->last = job;
	list->last = &job->next;
}

static struct ksc_job *take(struct list *list)
{
	struct ksc_job *job = list->first;

	if (job) {
		list->first = job->next;
		if (!list->first)
			list->last = &list->first;
	}
	return job;
}

static struct ksc_job *take_todo(struct ksc_pool *pool)
{
	struct ksc_turn *turn = ksc_turns_take(&pool->todo[pool->next]);

	if (turn)
		pool->next = !pool->next;
	else
		turn = ksc_turns_take(&pool->todo[!pool->next]);
	return turn ? (void *)((char *)turn - offsetof(struct ksc_job, turn)) : NULL;
}

static struct ksc_job *take_next(struct ksc_pool *pool)
{
	struct ksc_job *job = take_todo(pool);

	if (job && job->lane && pool->single)
		ksc_turns_hold(&pool->todo[1], job->lane);
	return job;
}

static void put_done(struct ksc_pool *pool, struct ksc_job *job)
{
	if (job->lane && pool->single) {
		ksc_turns_release(&pool->todo[1], job->lane);
		/* a thread may have found no job while the lane was held */
		pthread_cond_signal(&pool->more);
	}
	append(&pool->done, job);
}

static void *work(void *ptr)
{
	struct ksc_pool *pool = ptr;
	struct ksc_job *job;

	pthread_mutex_lock(&pool->lock);
	pool->ready++;
	pthread_cond_signal(&pool->changed);
	while (!pool->stopping) {
		job = take_next(pool);
		if (!job) {
			pthread_cond_wait(&pool->more, &pool->lock);
			continue;
		}
		pool->busy++;
		pthread_mutex_unlock(&pool->lock);
		job->run(job);
		pthread_mutex_lock(&pool->lock);
		pool->busy--;
		pool->moved = true;
		put_done(pool, job);
		/* Under the lock, because stopping the pool frees the loop's part afterwards. */
		if (!pool->stopping)
			ev_async_send(pool->loop, &pool->made);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static void on_made(struct ev_loop *loop, ev_async *made, int events)
{
	struct ksc_pool *pool = made->data;
	struct ksc_job *job, *next;

	(void)loop;
	(void)events;
	pthread_mutex_lock(&pool->lock);
	job = pool->done.first;
	pool->done = (struct list) { .last = &pool->done.first };
	pthread_mutex_unlock(&pool->lock);
	for (; job; job = next) {
		next = job->next;
		job->done(job);
	}
}

/**
 * ksc_pool_new() - create a pool, whose threads are not started
 * @loop: the loop of the caller's thread
 * @n: number of threads; with 0, the caller's thread runs each job at once
 *
 * Return: the pool, to which jobs can be added; NULL if out of memory
 */
struct ksc_pool *ksc_pool_new(struct ev_loop *loop, unsigned int n)
{
	struct ksc_pool *pool = calloc(1, sizeof(*pool) + n * sizeof(pool->threads[0]));

	if (!pool)
		return NULL;
	pool->n = n;
	pool->loop = loop;
	ksc_turns_init(&pool->todo[0]);
	ksc_turns_init(&pool->todo[1]);
	pool->done.last = &pool->done.first;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->more, NULL);
	pthread_cond_init(&pool->changed, NULL);
	ev_async_init(&pool->made, on_made);
	pool->made.data = pool;
	if (n)
		ev_async_start(loop, &pool->made);
	return pool;
}

/**
 * ksc_pool_single() - run one job of each lane at a time
 * @pool: the pool, not started
 */
void ksc_pool_single(struct ksc_pool *pool)
{
	pool->single = true;
}

/* Signals are blocked in the threads: the loop handles them. */
static int start_threads(struct ksc_pool *pool)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int rc = pthread_attr_init(&attr);

	if (rc)
		return -rc;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_attr_setstacksize(&attr, STACK_SIZE);
	while (!rc && pool->started < pool->n) {
		rc = pthread_create(&pool->threads[pool->started], &attr, work, pool);
		if (!rc)
			pool->started++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -rc;
}

/**
 * ksc_pool_start() - start the threads
 * @pool: the pool
 *
 * They have the privileges of the caller's thread. When this returns, they have made the system
 * calls that only the start of a thread needs.
 *
 * Return: 0 or a negative errno
 */
int ksc_pool_start(struct ksc_pool *pool)
{
	int rc = start_threads(pool);

	pthread_mutex_lock(&pool->lock);
	while (pool->ready < pool->started)
		pthread_cond_wait(&pool->changed, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
	return rc;
}

/**
 * ksc_pool_add() - add a job
 * @pool: the pool
 * @job: the job, owned by the pool until @job->done() is called
 */
void ksc_pool_add(struct ksc_pool *pool, struct ksc_job *job)
{
	if (!pool->n) {
		job->run(job);
		job->done(job);
		return;
	}
	pthread_mutex_lock(&pool->lock);
	ksc_turns_add(&pool->todo[job->lane ? 1 : 0], job->lane ? job->lane : &pool->rest,
		      &job->turn);
	pthread_cond_signal(&pool->more);
	pthread_mutex_unlock(&pool->lock);
}

/**
 * ksc_pool_moves() - check whether jobs make progress
 * @pool: the pool
 *
 * Return: false if all threads have been busy, each with the same job, since the last call
 */
bool ksc_pool_moves(struct ksc_pool *pool)
{
	bool moves;

	pthread_mutex_lock(&pool->lock);
	moves = pool->moved || !pool->n || pool->busy < pool->n;
	pool->moved = false;
	pthread_mutex_unlock(&pool->lock);
	return moves;
}

/**
 * ksc_pool_signal() - send a signal to all threads if one runs a job
 * @pool: the pool
 * @signal: the signal, which threads block except where a job unblocks it
 *
 * It can arrive before a job or after it.
 */
void ksc_pool_signal(struct ksc_pool *pool, int signal)
{
	unsigned int i, busy;

	pthread_mutex_lock(&pool->lock);
	busy = pool->busy;
	pthread_mutex_unlock(&pool->lock);
	for (i = 0; busy && i < pool->started; i++)
		pthread_kill(pool->threads[i], signal);
}

/**
 * ksc_pool_stop() - end the threads
 * @pool: the pool
 *
 * Each thread finishes its job. The done() of all jobs was called afterwards, also of those that
 * did not run.
 *
 * Return: true; false if a thread does not end, which continues to use the pool and its job
 */
bool ksc_pool_stop(struct ksc_pool *pool)
{
	unsigned int i, left = 0;
	struct timespec until;
	struct ksc_job *job;

	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->more);
	pthread_mutex_unlock(&pool->lock);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STOP_S;
	for (i = 0; i < pool->started; i++)
		if (pthread_timedjoin_np(pool->threads[i], NULL, &until))
			pool->threads[left++] = pool->threads[i];
	pool->started = left;
	if (pool->n)
		ev_async_stop(pool->loop, &pool->made);
	if (left)
		return false;
	while ((job = take(&pool->done)) || (job = take_todo(pool)))
		job->done(job);
	return true;
}

/**
 * ksc_pool_free() - free a pool
 * @pool: the pool, stopped, or NULL
 */
void ksc_pool_free(struct ksc_pool *pool)
{
	if (!pool)
		return;
	pthread_cond_destroy(&pool->changed);
	pthread_cond_destroy(&pool->more);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}
