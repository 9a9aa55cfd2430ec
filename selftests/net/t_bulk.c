// SPDX-License-Identifier: GPL-2.0
/* Much data, and many connections. */
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "net.h"
#include "nl.h"

#define BLOCK (1 << 20)
#define CONNECTIONS 200
#define MESSAGE 4096
#define PATIENCE_TRANSFER_S 900
/* all the handshakes are begun at once, and a busy machine has to do them */
#define PATIENCE_MANY_MS 150000

/**
 * struct stream - one direction of a transfer
 * @fd: the socket
 * @total: bytes to come or go, a multiple of BLOCK
 * @seed: of the sizes
 * @hash: of what came or went
 * @error: errno, or -1 for an early end
 */
struct stream {
	int fd;
	uint64_t total;
	uint64_t seed;
	uint64_t hash;
	int error;
};

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Small, record-sized and large, none of them with a favourite. */
static size_t random_size(uint64_t *seed)
{
	static const size_t most[] = { 100, 5000, 20000, 200000 };
	uint64_t r = next_random(seed);

	/* the smaller, the rarer, or most of the time goes into system calls */
	return 1 + (r >> 8) % most[r % 64 < 2 ? 0 : r % 64 < 8 ? 1 : r % 64 < 32 ? 2 : 3];
}

static uint64_t hash_block(uint64_t hash, const uint8_t *data)
{
	for (size_t i = 0; i < BLOCK; i += 8) {
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
	uint8_t *block = malloc(BLOCK);

	s->error = block ? 0 : ENOMEM;
	if (block)
		t_fill(block, BLOCK, s->seed);
	for (uint64_t done = 0; !s->error && done < s->total; done += BLOCK) {
		/* no two blocks are the same, nor are two pages */
		for (size_t i = 0; i < BLOCK; i += 4096)
			memcpy(block + i, &(uint64_t){ done + i }, 8);
		s->hash = hash_block(s->hash, block);
		for (size_t at = 0; !s->error && at < BLOCK;) {
			size_t size = random_size(&s->seed);
			ssize_t n;

			if (size > BLOCK - at)
				size = BLOCK - at;
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
	uint8_t *block = malloc(BLOCK);
	char c;

	s->error = block ? 0 : ENOMEM;
	for (uint64_t done = 0; !s->error && done < s->total; done += BLOCK) {
		for (size_t at = 0; !s->error && at < BLOCK;) {
			size_t size = random_size(&s->seed);
			ssize_t n;

			if (size > BLOCK - at)
				size = BLOCK - at;
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

/* $BULK_BYTES in all, half of it each way, at the same time. */
static void test_transfer(void **state)
{
	const char *bytes = getenv("BULK_BYTES");
	uint64_t half = (bytes ? strtoull(bytes, NULL, 0) : 1ULL << 30) / 2 / BLOCK * BLOCK;
	struct stream out[2] = { { .seed = 11 }, { .seed = 22 } };
	struct stream in[2] = { { .seed = 33 }, { .seed = 44 } };
	pthread_t threads[4];
	int fds[2];
	int64_t start;

	(void)state;
	/* how long it takes is for the benchmarks to judge */
	alarm(PATIENCE_TRANSFER_S);
	t_pair(AF_INET, fds);
	start = t_now_ms();
	for (size_t i = 0; i < 2; i++) {
		out[i].fd = fds[i];
		in[i].fd = fds[!i];
		in[i].total = half;
		out[i].total = half;
		t_thread(&threads[i], send_stream, &out[i]);
		t_thread(&threads[2 + i], receive_stream, &in[i]);
	}
	for (size_t i = 0; i < 4; i++)
		t_join(threads[i]);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(out[i].error, 0);
		assert_int_equal(in[i].error, 0);
		assert_true(out[i].hash == in[i].hash);
	}
	start = t_now_ms() - start;
	print_message("# %lu MiB in %ld ms\n", (unsigned long)(2 * half / BLOCK), (long)start);
	close(fds[0]);
	close(fds[1]);
}

/**
 * struct conn - a connection of the many
 * @fd: the client's socket
 * @sent: bytes of the message sent
 * @received: bytes of the echo received
 * @data: the echo
 */
struct conn {
	int fd;
	size_t sent;
	size_t received;
	uint8_t data[MESSAGE];
};

/**
 * struct echo - a server for the many
 * @listener: where they come
 * @served: how many it has served to the end
 * @error: errno
 */
struct echo {
	int listener;
	int served;
	int error;
};

static int epoll_add(int ep, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
}

static void echo_some(struct echo *echo, int fd)
{
	char buf[MESSAGE];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0)
		echo->error = errno;
	/* a message is less than what the buffers hold */
	if (n > 0 && send(fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
		echo->error = errno ? errno : -1;
	if (!n) {
		echo->served++;
		close(fd);
	}
}

static void *echo_many(void *arg)
{
	struct echo *echo = arg;
	struct epoll_event events[64];
	int ep = epoll_create1(EPOLL_CLOEXEC);

	epoll_add(ep, echo->listener, EPOLLIN, (uint64_t)echo->listener);
	while (!echo->error && echo->served < CONNECTIONS) {
		int n = epoll_wait(ep, events, 64, PATIENCE_S * 1000);

		if (n <= 0)
			echo->error = n ? errno : ETIMEDOUT;
		for (int i = 0; i < n; i++) {
			int fd = (int)events[i].data.u64;

			if (fd != echo->listener) {
				echo_some(echo, fd);
				continue;
			}
			fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
			if (fd < 0 || epoll_add(ep, fd, EPOLLIN, (uint64_t)fd))
				echo->error = errno;
		}
	}
	close(ep);
	return NULL;
}

/* Returns whether the connection is done. */
static bool advance(struct conn *conn, const uint8_t *message)
{
	ssize_t n;

	while (conn->sent < MESSAGE) {
		n = send(conn->fd, message + conn->sent, MESSAGE - conn->sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0)
			fail_msg("send: %s (%s)", strerror(errno), t_error(conn->fd).text);
		conn->sent += (size_t)n;
	}
	while (conn->received < MESSAGE) {
		n = recv(conn->fd, conn->data + conn->received, MESSAGE - conn->received, 0);
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n <= 0)
			fail_msg("recv: %s", n ? strerror(errno) : "end of file");
		conn->received += (size_t)n;
	}
	assert_memory_equal(conn->data, message, MESSAGE);
	SYS(close(conn->fd));
	return true;
}

static void test_many(void **state)
{
	const struct t_opts opts = { .server_name = "server.test", .nonblock = true,
				     .timeout = PATIENCE_MANY_MS };
	const struct t_opts server = { .timeout = PATIENCE_MANY_MS };
	uint64_t sockets = tnl_counter(KSC_A_STATS_SOCKETS);
	static struct conn conns[CONNECTIONS];
	static uint8_t messages[CONNECTIONS][MESSAGE];
	struct epoll_event events[64];
	struct echo echo = { 0 };
	struct t_addr addr;
	pthread_t thread;
	int ep = (int)SYS(epoll_create1(EPOLL_CLOEXEC)), left = CONNECTIONS;

	(void)state;
	echo.listener = t_listen(AF_INET, &server, &addr);
	t_nonblock(echo.listener, true);
	/* all of them are there before the first is served */
	for (uint64_t i = 0; i < CONNECTIONS; i++) {
		t_fill(messages[i], MESSAGE, i);
		conns[i].fd = t_try_connect(&addr, &opts);
		assert_int_equal(errno, EINPROGRESS);
		SYS(epoll_add(ep, conns[i].fd, EPOLLIN | EPOLLOUT | EPOLLET, i));
	}
	assert_true(tnl_count_sockets() >= CONNECTIONS);
	t_thread(&thread, echo_many, &echo);
	while (left) {
		int n = (int)SYS(epoll_wait(ep, events, 64, PATIENCE_S * 1000));

		if (!n)
			fail_msg("%d connections do not advance", left);
		for (int i = 0; i < n; i++)
			left -= advance(&conns[events[i].data.u64], messages[events[i].data.u64]);
	}
	t_join(thread);
	assert_int_equal(echo.error, 0);
	assert_int_equal(echo.served, CONNECTIONS);
	close(echo.listener);
	close(ep);
	tnl_await_counter(KSC_A_STATS_SOCKETS, sockets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transfer),
		cmocka_unit_test(test_many),
	};

	return T_RUN(tests);
}
