/* SPDX-License-Identifier: GPL-2.0-only */
/* pool.c: threads for jobs that take long. */
#ifndef KSC_POOL_H
#define KSC_POOL_H

#include <stdbool.h>
#include <ev.h>

#include "process/turns.h"

/**
 * struct ksc_job - a job
 * @run: runs it, in any thread
 * @done: called afterwards, in the loop's thread
 * @lane: lane of the application's user, or NULL
 * @turn: the pool's
 * @next: the pool's
 */
struct ksc_job {
	void (*run)(struct ksc_job *job);
	void (*done)(struct ksc_job *job);
	struct ksc_lane *lane;
	struct ksc_turn turn;
	struct ksc_job *next;
};

struct ksc_pool;

struct ksc_pool *ksc_pool_new(struct ev_loop *loop, unsigned int n);
void ksc_pool_single(struct ksc_pool *pool);
int ksc_pool_start(struct ksc_pool *pool);
void ksc_pool_add(struct ksc_pool *pool, struct ksc_job *job);
bool ksc_pool_moves(struct ksc_pool *pool);
void ksc_pool_signal(struct ksc_pool *pool, int signal);
bool ksc_pool_stop(struct ksc_pool *pool);
void ksc_pool_free(struct ksc_pool *pool);

#endif
