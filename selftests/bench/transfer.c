// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work that moves data: batches small enough for the socket's buffers are
 * sent, then read back, and both halves counted apart.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

/* Parts of a run, compared with each other to see whether it was steady. */
#define PARTS		4
/* Nothing here takes this long unless it hangs. */
#define STALL_MS	10000

/**
 * struct job - a run of one kind of work over one connection
 * @t: what carries it
 * @w: what is done
 * @pair: the connection
 * @out: what is sent, @batch bytes
 * @in: what is read, @batch bytes and room for one more read
 * @batch: bytes in flight at most
 * @file: @out as a file, for sendfile and splice
 * @tx_pipe: file to socket
 * @rx_pipe: socket to @null
 * @null: /dev/null
 * @tx: counted on the sending side
 * @rx: counted on the receiving side
 * @stalls: times nothing moved and we had to wait
 */
struct job {
	const struct ksb_transport *t;
	const struct ksb_work *w;
	struct ksb_pair pair;
	uint8_t *out;
	uint8_t *in;
	size_t batch;
	int file;
	int tx_pipe[2];
	int rx_pipe[2];
	int null;
	uint64_t tx;
	uint64_t rx;
	unsigned int stalls;
};

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static ssize_t splice_out(struct job *j, off_t off, size_t len)
{
	loff_t pos = off;
	ssize_t n = splice(j->file, &pos, j->tx_pipe[1], NULL, len, 0);
	ssize_t done = 0;

	if (n < 0)
		return -errno;
	/* What is in the pipe has to go: the caller would offer it again. */
	while (done < n) {
		ssize_t m = splice(j->tx_pipe[0], NULL, j->pair.client.fd, NULL,
				   (size_t)(n - done),
				   SPLICE_F_NONBLOCK | SPLICE_F_MORE);

		if (m <= 0)
			return m ? -errno : -EIO;
		done += m;
	}
	return done;
}

static ssize_t splice_in(struct job *j, size_t len)
{
	ssize_t n = splice(j->pair.server.fd, NULL, j->rx_pipe[1], NULL, len,
			   SPLICE_F_NONBLOCK);
	ssize_t done = 0;

	if (n < 0)
		return -errno;
	while (done < n) {
		ssize_t m = splice(j->rx_pipe[0], NULL, j->null, NULL,
				   (size_t)(n - done), 0);

		if (m <= 0)
			return m ? -errno : -EIO;
		done += m;
	}
	return n;
}

/* What a server without sendfile() does: the libraries send a record a call. */
static ssize_t copy_out(struct job *j, off_t off, size_t len)
{
	static uint8_t buf[KSB_RECORD] __attribute__((aligned(4096)));
	ssize_t n = pread(j->file, buf, min_size(len, sizeof(buf)), off);

	if (n < 0)
		return -errno;
	return j->t->send(&j->pair.client, buf, (size_t)n);
}

static ssize_t send_some(struct job *j, size_t sent)
{
	size_t len = min_size(j->w->write, j->batch - sent);

	switch (j->w->kind) {
	case KSB_SENDFILE:
		if (!j->t->sendfile)
			return copy_out(j, (off_t)sent, len);
		return j->t->sendfile(&j->pair.client, j->file, (off_t)sent,
				      len);
	case KSB_SPLICE:
		return splice_out(j, (off_t)sent, min_size(len, 65536));
	default:
		return j->t->send(&j->pair.client, j->out + sent, len);
	}
}

static ssize_t recv_some(struct job *j, size_t got)
{
	if (j->w->kind == KSB_SPLICE)
		return splice_in(j, j->w->read);
	return j->t->recv(&j->pair.server, j->in + got, j->w->read);
}

static int wait_for(struct job *j, int fd, short events)
{
	j->stalls++;
	return ksb_wait(fd, events, STALL_MS);
}

/* Send a batch and read it back. */
static int one_batch(struct job *j)
{
	size_t sent = 0;
	size_t got = 0;

	while (got < j->batch) {
		size_t before = sent + got;
		uint64_t t0 = ksb_now();
		uint64_t t1;
		ssize_t n = 0;

		while (sent < j->batch) {
			n = send_some(j, sent);
			if (n < 0)
				break;
			sent += (size_t)n;
		}
		if (n < 0 && n != -EAGAIN)
			return (int)n;
		t1 = ksb_now();
		n = 0;
		while (got < sent) {
			n = recv_some(j, got);
			if (n <= 0)
				break;
			got += (size_t)n;
		}
		if (n < 0 && n != -EAGAIN)
			return (int)n;
		if (n == 0 && got < sent)
			return -EPIPE;
		j->tx += t1 - t0;
		j->rx += ksb_now() - t1;
		if (sent + got == before) {
			int err = wait_for(j, j->pair.server.fd, POLLIN);

			if (err)
				return err;
		}
	}
	return 0;
}

/* @len bytes from one end to the other; for requests and responses. */
static int pass(struct job *j, struct ksb_end *from, struct ksb_end *to,
		size_t len)
{
	size_t done = 0;
	uint64_t t0 = ksb_now();
	uint64_t t1;
	ssize_t n;

	while (done < len) {
		n = j->t->send(from, j->out + done, len - done);
		if (n < 0)
			return (int)n;
		done += (size_t)n;
	}
	t1 = ksb_now();
	done = 0;
	while (done < len) {
		n = j->t->recv(to, j->in + done, j->w->read);
		if (n == -EAGAIN) {
			int err = wait_for(j, to->fd, POLLIN);

			if (err)
				return err;
			continue;
		}
		if (n <= 0)
			return n ? (int)n : -EPIPE;
		done += (size_t)n;
	}
	j->tx += t1 - t0;
	j->rx += ksb_now() - t1;
	return 0;
}

static int one_round_trip(struct job *j)
{
	int err = pass(j, &j->pair.client, &j->pair.server, j->w->write);

	if (err)
		return err;
	return pass(j, &j->pair.server, &j->pair.client, j->w->write);
}

static int one_unit(struct job *j)
{
	return j->w->kind == KSB_RR ? one_round_trip(j) : one_batch(j);
}

/* A transport that moves the wrong bytes has no figure. */
static int check_data(const struct job *j)
{
	size_t len = j->w->kind == KSB_RR ? j->w->write : j->batch;

	if (j->w->kind == KSB_SPLICE)
		return 0;
	return memcmp(j->in, j->out, len) ? -EBADMSG : 0;
}

static int run_parts(struct job *j, uint64_t units, struct ksb_cost *cost)
{
	double unit = j->w->kind == KSB_RR ? 1 : (double)j->batch;
	double low = 0;
	double high = 0;
	uint64_t n;
	int part;

	/* Windows, buffers and caches grow to their size first. */
	for (n = 0; n < units / 4 + 16; n++) {
		int err = one_unit(j);

		if (!err && n < 16)
			err = check_data(j);
		if (err)
			return err;
		memset(j->in, 0, j->batch);
	}
	j->stalls = 0;
	*cost = (struct ksb_cost){ .valid = true };
	if (ksb_opt.start)
		pthread_barrier_wait(ksb_opt.start);
	ksb_mark_begin();
	for (part = 0; part < PARTS; part++) {
		double total;

		j->tx = 0;
		j->rx = 0;
		for (n = 0; n < units; n++) {
			int err = one_unit(j);

			if (err)
				return err;
		}
		cost->tx += (double)j->tx / ((double)units * unit * PARTS);
		cost->rx += (double)j->rx / ((double)units * unit * PARTS);
		total = (double)(j->tx + j->rx) / ((double)units * unit);
		low = part && low < total ? low : total;
		high = part && high > total ? high : total;
	}
	ksb_mark_end();
	cost->total = cost->tx + cost->rx;
	cost->spread = (high - low) / cost->total;
	cost->stalls = j->stalls;
	return 0;
}

static void job_free(struct job *j)
{
	int fds[] = { j->file, j->null, j->tx_pipe[0], j->tx_pipe[1],
		      j->rx_pipe[0], j->rx_pipe[1] };
	size_t i;

	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(j->out);
	free(j->in);
}

static int job_files(struct job *j)
{
	size_t done = 0;

	j->file = memfd_create("ksc-bench", MFD_CLOEXEC);
	j->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (j->file < 0 || j->null < 0 || pipe2(j->tx_pipe, O_CLOEXEC) ||
	    pipe2(j->rx_pipe, O_CLOEXEC))
		return -errno;
	while (done < j->batch) {
		ssize_t n = write(j->file, j->out + done, j->batch - done);

		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

static int job_init(struct job *j)
{
	size_t i;

	if (j->w->kind == KSB_SENDFILE || j->w->kind == KSB_SPLICE)
		j->batch = KSB_FILE;
	else
		j->batch = j->w->write < 1024 && !j->w->nagle ?
			   KSB_BATCH_SMALL : KSB_BATCH;
	j->out = aligned_alloc(4096, j->batch);
	j->in = aligned_alloc(4096, j->batch + j->w->read);
	if (!j->out || !j->in)
		return -ENOMEM;
	memset(j->in, 0, j->batch + j->w->read);
	for (i = 0; i < j->batch; i++)
		j->out[i] = (uint8_t)(i * 7 + i / 251);
	if (j->w->kind == KSB_SENDFILE || j->w->kind == KSB_SPLICE)
		return job_files(j);
	return 0;
}

static int job_connect(struct job *j, enum ksb_suite suite)
{
	int err = j->t->open(&j->pair, suite);

	if (err)
		return err;
	err = ksb_pair_nonblock(&j->pair);
	if (!err)
		err = j->w->nagle ? ksb_pair_delay(&j->pair) :
				    ksb_pair_nodelay(&j->pair);
	if (err)
		j->t->close(&j->pair);
	return err;
}

/**
 * ksb_measure_transfer() - measure work that moves data
 * @t: what carries it
 * @suite: what protects it
 * @w: the work
 * @cost: the result
 *
 * Return: 0, -EOPNOTSUPP if @t can't do it, -ENOENT if it is not here, or another negative errno.
 */
int ksb_measure_transfer(const struct ksb_transport *t, enum ksb_suite suite,
			 const struct ksb_work *w, struct ksb_cost *cost)
{
	struct job j = {
		.t = t, .w = w, .file = -1, .null = -1,
		.tx_pipe = { -1, -1 }, .rx_pipe = { -1, -1 },
	};
	uint64_t units;
	int err;

	if (w->kind == KSB_SPLICE && !t->splices)
		return -EOPNOTSUPP;
	err = job_init(&j);
	if (!err)
		err = job_connect(&j, suite);
	if (err)
		goto out;
	units = (uint64_t)((double)w->bytes * ksb_opt.scale / PARTS /
			   (w->kind == KSB_RR ? 1 : (double)j.batch));
	err = run_parts(&j, units ? units : 1, cost);
	t->close(&j.pair);
out:
	job_free(&j);
	return err;
}
