// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records over many connections in turn: what one costs should not depend on how many
 * there are. The connections stay for the next, larger figure.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define PARTS		4
/* Of a part, at least; each connection has one in each part. */
#define RECORDS		1000
#define STALL_MS	10000

/**
 * struct pool - a transport's connections
 * @pairs: the connections
 * @n: number of connections
 */
struct pool {
	struct ksb_pair *pairs;
	unsigned int n;
};

static struct pool pools[KSB_TRANSPORTS];

static int pool_grow(struct pool *pool, const struct ksb_transport *t,
		     enum ksb_suite suite, unsigned int n)
{
	struct ksb_pair *pairs;
	int err = 0;

	if (n <= pool->n)
		return 0;
	pairs = realloc(pool->pairs, n * sizeof(*pairs));
	if (!pairs)
		return -ENOMEM;
	pool->pairs = pairs;
	while (pool->n < n && !err) {
		err = t->open(&pairs[pool->n], suite);
		if (err)
			break;
		err = ksb_pair_nonblock(&pairs[pool->n]);
		if (!err)
			err = ksb_pair_nodelay(&pairs[pool->n]);
		pool->n++;
	}
	return err;
}

static int one_record(const struct ksb_transport *t, struct ksb_pair *p, size_t len,
		      unsigned int *stalls)
{
	static uint8_t out[KSB_RECORD] __attribute__((aligned(4096)));
	static uint8_t in[KSB_RECORD] __attribute__((aligned(4096)));
	size_t done = 0;
	ssize_t n = t->send(&p->client, out, len);

	if (n != (ssize_t)len)
		return n < 0 ? (int)n : -EIO;
	while (done < len) {
		n = t->recv(&p->server, in, len - done);
		if (n == -EAGAIN) {
			(*stalls)++;
			n = ksb_wait(p->server.fd, POLLIN, STALL_MS);
		} else if (!n) {
			n = -EPIPE;
		}
		if (n < 0)
			return (int)n;
		done += (size_t)n;
	}
	return 0;
}

/* Each connection in turn; returns what a record took, or less than 0 */
static double one_part(const struct ksb_transport *t, struct pool *pool,
		       const struct ksb_work *w, unsigned int *stalls)
{
	unsigned int turns = (RECORDS + w->connections - 1) / w->connections;
	uint64_t start = ksb_now();
	unsigned int i;
	unsigned int turn;

	for (turn = 0; turn < turns; turn++) {
		for (i = 0; i < w->connections; i++) {
			int err = one_record(t, &pool->pairs[i], w->write, stalls);

			if (err)
				return err;
		}
	}
	return (double)(ksb_now() - start) / turns / w->connections;
}

/**
 * ksb_measure_growth() - measure a record, of each connection in turn
 * @id: what carries them
 * @suite: what protects them
 * @w: how many, and of what size
 * @cost: the result
 *
 * Return: 0, -EOPNOTSUPP if @id is not measured, -ENOENT if it is not here, or another
 * negative errno.
 */
int ksb_measure_growth(enum ksb_transport_id id, enum ksb_suite suite,
		       const struct ksb_work *w, struct ksb_cost *cost)
{
	const struct ksb_transport *t = ksb_transports[id];
	struct pool *pool = &pools[id];
	double low = 0;
	double high = 0;
	double part;
	int i;
	int err;

	if (id != KSB_PLAIN && id != KSB_KTLS && id != KSB_KSCHANNEL)
		return -EOPNOTSUPP;
	err = pool_grow(pool, t, suite, w->connections);
	if (err)
		return err;
	*cost = (struct ksb_cost){ .valid = true };
	/* the first is to warm up, and to make what idle connections don't have */
	for (i = -1; i < PARTS; i++) {
		part = one_part(t, pool, w, &cost->stalls);
		if (part < 0)
			return (int)part;
		if (i < 0) {
			cost->stalls = 0;
			ksb_mark_begin();
			continue;
		}
		cost->total += part / PARTS;
		low = i && low < part ? low : part;
		high = i && high > part ? high : part;
	}
	ksb_mark_end();
	cost->spread = (high - low) / cost->total;
	return 0;
}

/**
 * ksb_growth_end() - close the connections
 */
void ksb_growth_end(void)
{
	int i;

	for (i = 0; i < KSB_TRANSPORTS; i++) {
		while (pools[i].n)
			ksb_transports[i]->close(&pools[i].pairs[--pools[i].n]);
		free(pools[i].pairs);
		pools[i].pairs = NULL;
	}
}
