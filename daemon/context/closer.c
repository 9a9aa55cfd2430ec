// SPDX-License-Identifier: GPL-2.0-only
/*
 * Closes descriptors whose close() can block, in threads of their own.
 *
 * Closing the last descriptor of a socket releases the files in its queue, and the sender can have
 * queued sockets with SO_LINGER: close() then waits for their peers. A signal interrupts that, so
 * the threads get signals as long as something is being closed. If a signal does not help, one
 * thread is blocked; a user blocks at most one, and the others close what other users have.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "context/closer.h"

/* Number of users that can block a thread before other users have to wait. */
#define THREADS		4
/* How long a close() can block until it is interrupted, in seconds. */
#define LINGER_S	0.001
/* Used for nothing else; one that another process sends does no harm. */
#define SIGNAL		SIGUSR2

/**
 * struct ksc_closer - state of the closer
 * @loop: the event loop, in whose thread callbacks are called
 * @pool: the threads
 * @linger: timer after which the threads get a signal
 * @n: number of descriptors that are not closed yet
 */
struct ksc_closer {
	struct ev_loop *loop;
	struct ksc_pool *pool;
	ev_timer linger;
	unsigned int n;
};

static void on_linger(struct ev_loop *loop, ev_timer *timer, int events)
{
	const struct ksc_closer *closer = timer->data;

	(void)loop;
	(void)events;
	ksc_pool_signal(closer->pool, SIGNAL);
}

/**
 * ksc_closer_new() - create a closer, whose threads are not started
 * @loop: the caller's event loop
 *
 * Return: the closer, to which descriptors can be added; NULL if out of memory
 */
struct ksc_closer *ksc_closer_new(struct ev_loop *loop)
{
	struct ksc_closer *closer = calloc(1, sizeof(*closer));

	if (!closer)
		return NULL;
	closer->loop = loop;
	closer->pool = ksc_pool_new(loop, THREADS);
	if (!closer->pool) {
		free(closer);
		return NULL;
	}
	ksc_pool_single(closer->pool);
	ev_init(&closer->linger, on_linger);
	closer->linger.repeat = LINGER_S;
	closer->linger.data = closer;
	return closer;
}

static void ignore(int signal)
{
	(void)signal;
}

/**
 * ksc_closer_start() - start the threads
 * @closer: the closer
 *
 * Return: 0 or a negative errno
 */
int ksc_closer_start(struct ksc_closer *closer)
{
	/* an ignored signal would interrupt nothing */
	const struct sigaction action = { .sa_handler = ignore };

	if (sigaction(SIGNAL, &action, NULL))
		return -errno;
	return ksc_pool_start(closer->pool);
}

static void run(struct ksc_job *job)
{
	const struct ksc_closing *closing = (struct ksc_closing *)job;
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &mask, NULL);
	close(closing->fd);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
}

static void done(struct ksc_job *job)
{
	struct ksc_closing *closing = (struct ksc_closing *)job;
	struct ksc_closer *closer = closing->closer;

	if (!--closer->n)
		ev_timer_stop(closer->loop, &closer->linger);
	closing->closed(closing);
}

/**
 * ksc_closer_add() - close a descriptor
 * @closer: the closer
 * @closing: owned by the closer until @closed is called
 * @fd: the descriptor
 * @lane: lane of the user who can block that, or NULL
 * @closed: called when it is closed
 */
void ksc_closer_add(struct ksc_closer *closer, struct ksc_closing *closing, int fd,
		    struct ksc_lane *lane, void (*closed)(struct ksc_closing *closing))
{
	*closing = (struct ksc_closing) {
		.job = { .run = run, .done = done, .lane = lane },
		.closer = closer, .fd = fd, .closed = closed,
	};
	if (!closer->n++)
		ev_timer_again(closer->loop, &closer->linger);
	ksc_pool_add(closer->pool, &closing->job);
}

/**
 * ksc_closer_count() - number of descriptors that are not closed yet
 * @closer: the closer
 *
 * Return: the number
 */
unsigned int ksc_closer_count(const struct ksc_closer *closer)
{
	return closer->n;
}

/**
 * ksc_closer_stop() - stop the threads
 * @closer: the closer
 *
 * Descriptors that are not closed by then are closed when the process exits; their callbacks are
 * called all the same.
 *
 * Return: true; false if a thread does not end, as ksc_pool_stop()
 */
bool ksc_closer_stop(struct ksc_closer *closer)
{
	ksc_pool_signal(closer->pool, SIGNAL);
	return ksc_pool_stop(closer->pool);
}

/**
 * ksc_closer_free() - free a closer
 * @closer: the closer, stopped, or NULL
 */
void ksc_closer_free(struct ksc_closer *closer)
{
	if (!closer)
		return;
	ksc_pool_free(closer->pool);
	free(closer);
}
