// SPDX-License-Identifier: GPL-2.0-only
/* Bulk data both ways at once, compared by hash. */
#include <stdlib.h>

#include "../../random.h"
#include "stream.h"

/**
 * struct stream - one direction of a transfer
 * @fd: the socket
 * @total: bytes to receive or send, a multiple of STREAM_BLOCK
 * @seed: of the sizes
 * @hash: of the data
 * @error: errno, or -1 for an early end
 */
struct stream {
	int fd;
	uint64_t total;
	uint64_t seed;
	uint64_t hash;
	int error;
};

/* Small, record-sized and large. */
static size_t random_size(uint64_t *seed)
{
	static const size_t most[] = { 100, 5000, 20000, 200000 };
	uint64_t r = next_random(seed);

	/* the smaller, the rarer, or most of the time goes into system calls */
	return 1 + (r >> 8) % most[r % 64 < 2 ? 0 : r % 64 < 8 ? 1 : r % 64 < 32 ? 2 : 3];
}

static uint64_t hash_block(uint64_t hash, const uint8_t *data)
{
	for (size_t i = 0; i < STREAM_BLOCK; i += 8) {
		uint64_t word;

		memcpy(&word, data + i, 8);
		hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
		hash ^= hash >> 29;
	}
	return hash;
}

static void *send_stream(void *arg)
{
	struct stream *s = arg;
	uint8_t *block = malloc(STREAM_BLOCK);

	s->error = block ? 0 : ENOMEM;
	if (block)
		t_fill(block, STREAM_BLOCK, s->seed);
	for (uint64_t done = 0; !s->error && done < s->total; done += STREAM_BLOCK) {
		/* no two blocks are the same, nor are two pages */
		for (size_t i = 0; i < STREAM_BLOCK; i += 4096)
			memcpy(block + i, &(uint64_t){ done + i }, 8);
		s->hash = hash_block(s->hash, block);
		for (size_t at = 0; !s->error && at < STREAM_BLOCK;) {
			size_t size = random_size(&s->seed);
			ssize_t n;

			if (size > STREAM_BLOCK - at)
				size = STREAM_BLOCK - at;
			n = send(s->fd, block + at, size, MSG_NOSIGNAL);
			if (n < 0)
				s->error = errno;
			else
				at += (size_t)n;
		}
	}
	free(block);
	if (!s->error && shutdown(s->fd, SHUT_WR))
		s->error = errno;
	return NULL;
}

static void *receive_stream(void *arg)
{
	struct stream *s = arg;
	uint8_t *block = malloc(STREAM_BLOCK);
	char c;

	s->error = block ? 0 : ENOMEM;
	for (uint64_t done = 0; !s->error && done < s->total; done += STREAM_BLOCK) {
		for (size_t at = 0; !s->error && at < STREAM_BLOCK;) {
			size_t size = random_size(&s->seed);
			ssize_t n;

			if (size > STREAM_BLOCK - at)
				size = STREAM_BLOCK - at;
			n = recv(s->fd, block + at, size, 0);
			if (n <= 0)
				s->error = n ? errno : -1;
			else
				at += (size_t)n;
		}
		if (!s->error)
			s->hash = hash_block(s->hash, block);
	}
	free(block);
	/* the end of the data is where it should be */
	if (!s->error && recv(s->fd, &c, 1, 0))
		s->error = -1;
	return NULL;
}

/**
 * stream_bytes() - how much data a test is to move
 * @variable: of the environment
 * @otherwise: if it is not set
 * Return: bytes, whole blocks of them
 */
uint64_t stream_bytes(const char *variable, uint64_t otherwise)
{
	const char *bytes = getenv(variable);

	return (bytes ? strtoull(bytes, NULL, 0) : otherwise) / STREAM_BLOCK * STREAM_BLOCK;
}

/**
 * stream_both_ways() - send both ways at the same time, to both ends' end of file
 * @fds: two sockets that are connected with each other
 * @bytes: how much each way, a multiple of STREAM_BLOCK
 * Return: milliseconds it took
 */
int64_t stream_both_ways(const int fds[2], uint64_t bytes)
{
	struct stream out[2] = { { .seed = 11 }, { .seed = 22 } };
	struct stream in[2] = { { .seed = 33 }, { .seed = 44 } };
	int64_t start = t_now_ms();
	pthread_t threads[4];

	for (size_t i = 0; i < 2; i++) {
		out[i].fd = fds[i];
		in[i].fd = fds[!i];
		in[i].total = bytes;
		out[i].total = bytes;
		t_thread(&threads[i], send_stream, &out[i]);
		t_thread(&threads[2 + i], receive_stream, &in[i]);
	}
	for (size_t i = 0; i < 4; i++)
		t_join(threads[i]);
	for (size_t i = 0; i < 2; i++) {
		if (out[i].error || in[i].error)
			print_error("%s\n", t_error(fds[i]).text);
	}
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(out[i].error, 0);
		assert_int_equal(in[i].error, 0);
		assert_true(out[i].hash == in[i].hash);
	}
	return t_now_ms() - start;
}
