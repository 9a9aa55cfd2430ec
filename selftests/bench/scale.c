// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same work by one process and by two, each on a CPU of its own: what they share
 * in the kernel shows in what the second one costs the first.
 *
 * The clock says little about that, as a machine may have fewer CPUs than the guest
 * sees. What counts are the instructions between the marks, which the profiler adds
 * up by CPU (profile/), with those apart that are spent idle or spinning.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

/**
 * struct team - what the processes share
 * @start: all are connected and warmed up
 * @cost: of each
 */
struct team {
	pthread_barrier_t start;
	struct ksb_cost cost[KSB_PROCESSES];
};

static int work_on(unsigned int cpu, const struct ksb_transport *t,
		   enum ksb_suite suite, const struct ksb_work *w,
		   struct team *team)
{
	struct ksb_work stream = *w;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return -errno;
	stream.kind = KSB_STREAM;
	ksb_opt.start = &team->start;
	return ksb_measure_transfer(t, suite, &stream, &team->cost[cpu]);
}

static int work_done(int status)
{
	if (!WIFEXITED(status))
		return -EIO;
	return -WEXITSTATUS(status);
}

static void kill_all(const pid_t *pids)
{
	unsigned int i;

	for (i = 0; i < KSB_PROCESSES; i++)
		if (pids[i] > 0)
			kill(pids[i], SIGKILL);
}

/* A process that fails must not keep the others waiting for it. */
static int wait_for_all(pid_t *pids)
{
	unsigned int i;
	int err = 0;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, 0)) > 0) {
		for (i = 0; i < KSB_PROCESSES; i++)
			if (pids[i] == pid)
				pids[i] = 0;
		if (!err && work_done(status)) {
			err = work_done(status);
			kill_all(pids);
		}
	}
	return err;
}

/**
 * ksb_measure_scale() - measure a stream for each of some processes
 * @t: what carries them
 * @suite: what protects them
 * @w: the work of each, and how many
 * @cost: the result, the mean of them
 *
 * Return: 0, -ENOENT if @t is not here, or another negative errno.
 */
int ksb_measure_scale(const struct ksb_transport *t, enum ksb_suite suite,
		      const struct ksb_work *w, struct ksb_cost *cost)
{
	unsigned int n = w->connections < KSB_PROCESSES ? w->connections :
							  KSB_PROCESSES;
	pid_t pids[KSB_PROCESSES] = { 0 };
	pthread_barrierattr_t attr;
	struct team *team;
	unsigned int i;
	int err = 0;
	int done;

	team = mmap(NULL, sizeof(*team), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (team == MAP_FAILED)
		return -errno;
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&team->start, &attr, n);
	for (i = 0; i < n; i++) {
		pids[i] = fork();
		if (!pids[i])
			_exit(-work_on(i, t, suite, w, team));
		if (pids[i] < 0) {
			err = -errno;
			break;
		}
	}
	if (err)
		kill_all(pids);
	done = wait_for_all(pids);
	err = err ?: done;
	*cost = team->cost[0];
	for (i = 1; i < n; i++) {
		cost->total += team->cost[i].total;
		cost->tx += team->cost[i].tx;
		cost->rx += team->cost[i].rx;
		cost->stalls += team->cost[i].stalls;
	}
	cost->total /= n;
	cost->tx /= n;
	cost->rx /= n;
	munmap(team, sizeof(*team));
	return err;
}
