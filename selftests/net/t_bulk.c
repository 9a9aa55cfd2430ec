// SPDX-License-Identifier: GPL-2.0-only
/* Bulk data, and many connections. */
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/net.h"
#include "lib/nl.h"
#include "lib/stream.h"

#define CONNECTIONS 200
#define MESSAGE 4096
#define PATIENCE_TRANSFER_S 900
/* all the handshakes are begun at once, and a busy machine has to do them */
#define PATIENCE_MANY_MS 150000

/* $BULK_BYTES in all, half of it each way, at the same time. */
static void test_transfer(void **state)
{
	uint64_t half = stream_bytes("BULK_BYTES", 1ULL << 30) / 2;
	int64_t ms;
	int fds[2];

	(void)state;
	half -= half % STREAM_BLOCK;
	/* how long it takes is for the benchmarks to judge */
	alarm(PATIENCE_TRANSFER_S);
	t_pair(AF_INET, fds);
	ms = stream_both_ways(fds, half);
	print_message("# %lu MiB in %ld ms\n", (unsigned long)(2 * half / STREAM_BLOCK), (long)ms);
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
