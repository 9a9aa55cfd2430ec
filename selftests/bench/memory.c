// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of connections: how much less of the machine's is free with many of them
 * than with few, just after they were used and when they have been idle for a while.
 */
#include <err.h>
#include <errno.h>
#include <glob.h>
#include <linux/membarrier.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

/* Exchanged before a connection goes idle; real ones were used before. */
#define MESSAGE 1024
/* Between two looks at what tells of no event, and how many. */
#define LOOK_US 10000
#define LOOKS 500

/**
 * struct usage - bytes of memory in use
 * @free: on no list but the allocator's
 * @slab: in slabs, whole pages
 * @user: this process's own
 */
struct usage {
	double free;
	double slab;
	double user;
};

static double from_file(const char *path, const char *format)
{
	char line[256];
	double sum = 0;
	long v;
	FILE *f = fopen(path, "re");

	if (!f)
		err(EXIT_FAILURE, "%s", path);
	while (fgets(line, sizeof(line), f)) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		if (sscanf(line, format, &v) == 1)
			sum += (double)v;
#pragma GCC diagnostic pop
	}
	fclose(f);
	return sum;
}

static int write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");
	int err;

	if (!f)
		return -errno;
	err = fputs(text, f) < 0 ? -EIO : 0;
	if (fclose(f))
		err = -errno;
	return err;
}

/*
 * A slab without an object in it is as free as any page. Many are left of the transport
 * before, and the next one would have what is in them for nothing.
 */
static void shrink_slabs(void)
{
	glob_t caches;
	size_t i;

	if (!glob("/sys/kernel/slab/*/shrink", 0, NULL, &caches))
		for (i = 0; i < caches.gl_pathc; i++)
			write_file(caches.gl_pathv[i], "1");
	globfree(&caches);
}

static void usage_now(struct usage *u)
{
	double page = (double)sysconf(_SC_PAGESIZE);

	/*
	 * Memory that waits for a grace period is not in use. The end of one does not mean
	 * that all was freed: that goes on in small portions, and nothing tells.
	 */
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	usleep(1000000);
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	shrink_slabs();
	/* Pages on the CPUs' lists are as free as the others. */
	u->free = page * (from_file("/proc/zoneinfo", " nr_free_pages %ld") +
			  from_file("/proc/zoneinfo", " count: %ld"));
	u->slab = 1024 * from_file("/proc/meminfo", "Slab: %ld");
	u->user = 1024 * from_file("/proc/self/status", "RssAnon: %ld");
}

static int send_all(const struct ksb_transport *t, struct ksb_end *from,
		    struct ksb_end *to)
{
	static uint8_t buf[2 * MESSAGE];
	size_t done = 0;
	ssize_t n = t->send(from, buf, MESSAGE);

	if (n != MESSAGE)
		return n < 0 ? (int)n : -EIO;
	while (done < MESSAGE) {
		n = t->recv(to, buf, sizeof(buf));
		if (n == -EAGAIN)
			n = ksb_wait(to->fd, POLLIN, 10000);
		else if (!n)
			n = -EPIPE;
		if (n < 0)
			return (int)n;
		done += (size_t)n;
	}
	return 0;
}

static int open_one(const struct ksb_transport *t, enum ksb_suite suite,
		    struct ksb_pair *p)
{
	int err = t->open(p, suite);

	if (!err)
		err = ksb_pair_nonblock(p);
	if (!err)
		err = send_all(t, &p->client, &p->server);
	if (!err)
		err = send_all(t, &p->server, &p->client);
	return err;
}

/* What was not acknowledged yet is in use, by a connection that does not know it is idle. */
static int settle(const struct ksb_pair *pairs, unsigned int n)
{
	unsigned int i;
	int looks = 0;
	int queued;

	for (i = 0; i < 2 * n; i++) {
		int fd = i % 2 ? pairs[i / 2].server.fd : pairs[i / 2].client.fd;

		for (;;) {
			if (ioctl(fd, SIOCOUTQ, &queued))
				return -errno;
			if (!queued)
				break;
			if (looks++ == LOOKS)
				return -ETIMEDOUT;
			usleep(LOOK_US);
		}
	}
	return 0;
}

#define TIME_WAIT "/proc/sys/net/ipv4/tcp_max_tw_buckets"

/*
 * Connections that were closed stay for a minute as something smaller, which would be
 * freed while those of the next transport are measured. Returns how many may, or an errno.
 */
static int limit_time_wait(int most)
{
	int before = (int)from_file(TIME_WAIT, "%ld");
	char text[16];
	int err;

	snprintf(text, sizeof(text), "%d", most);
	err = write_file(TIME_WAIT, text);
	return err ?: before;
}

/**
 * ksb_measure_memory() - measure the memory of an endpoint
 * @t: what carries the connections
 * @suite: what protects them
 * @cost: the result, bytes: the total when idle, and tx just after use
 *
 * Return: 0, -EOPNOTSUPP if @t can't do it, -ENOENT if it is not here, or another negative errno.
 */
int ksb_measure_memory(const struct ksb_transport *t, enum ksb_suite suite,
		       struct ksb_cost *cost)
{
	unsigned int few = ksb_opt.connections / 5 + 1;
	unsigned int many = few + ksb_opt.connections;
	struct ksb_pair *pairs = calloc(many, sizeof(*pairs));
	double ends = 2.0 * ksb_opt.connections;
	struct usage before = { 0 };
	struct usage after = { 0 };
	struct usage idle = { 0 };
	unsigned int n = 0;
	int waiting;
	int err;

	if (!pairs)
		return -ENOMEM;
	memset(pairs, 0xff, many * sizeof(*pairs));
	waiting = limit_time_wait(0);
	err = waiting < 0 ? waiting : 0;
	if (!err && t->idle)
		err = t->idle(false, 0);
	while (n < many && !err) {
		if (n == few) {
			err = settle(pairs, n);
			usage_now(&before);
		}
		if (!err)
			err = open_one(t, suite, &pairs[n]);
		if (!err)
			n++;
	}
	if (!err)
		err = settle(pairs, n);
	if (!err) {
		usage_now(&after);
		*cost = (struct ksb_cost){
			.valid = true,
			.tx = (before.free - after.free) / ends,
		};
		cost->total = cost->tx;
		printf("  %s: %.0f bytes, slab %.0f, own memory %.0f\n",
		       t->name, cost->tx, (after.slab - before.slab) / ends,
		       (after.user - before.user) / ends);
	}
	if (!err && t->idle)
		err = t->idle(true, many);
	if (!err && t->idle) {
		usage_now(&idle);
		/* of all, the first few of them too */
		cost->total -= (idle.free - after.free) / (2.0 * many);
		printf("  %s: %.0f bytes when idle, of slab %.0f less\n", t->name,
		       cost->total, (after.slab - idle.slab) / (2.0 * many));
	}
	while (n)
		t->close(&pairs[--n]);
	free(pairs);
	if (waiting >= 0)
		limit_time_wait(waiting);
	return err;
}

/**
 * ksb_memory_used() - how much of the machine's memory is not free
 * @own: gets how much of it is this process's own
 *
 * Return: bytes, from an origin that stays the same.
 */
double ksb_memory_used(double *own)
{
	struct usage u;

	usage_now(&u);
	*own = u.user;
	return -u.free;
}
