// SPDX-License-Identifier: GPL-2.0-only
/*
 * When a socket is ready: poll(), select() and epoll behave as on a TCP socket, with both
 * kinds of trigger.
 */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/net.h"

static void close_pair(int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

/*
 * Fills the buffers up to the peer, until poll() reports no room; returns how many bytes
 * of t_fill(.., 7) it took.
 */
static size_t fill_up(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	static uint8_t chunk[50000];
	size_t total = 0, before;
	ssize_t n;

	t_fill(chunk, sizeof(chunk), 7);
	do {
		before = total;
		do {
			n = send(fd, chunk + total % sizeof(chunk),
				 sizeof(chunk) - total % sizeof(chunk), MSG_DONTWAIT);
			total += n > 0 ? (size_t)n : 0;
		} while (n >= 0);
		assert_int_equal(errno, EAGAIN);
		/* where there is room there is room for something */
		assert_true(total > before);
		/* acknowledgments that come meanwhile make more */
	} while (SYS(poll(&pfd, 1, 0)));
	return total;
}

static void drain(int fd, size_t total)
{
	static uint8_t chunk[50000], got[50000];

	t_fill(chunk, sizeof(chunk), 7);
	for (size_t done = 0; done < total; done += sizeof(chunk)) {
		size_t len = total - done < sizeof(chunk) ? total - done : sizeof(chunk);

		t_recv(fd, got, len);
		assert_memory_equal(got, chunk, len);
	}
}

static void test_full(void **state)
{
	int size = 65536, fds[2];
	size_t total;

	(void)state;
	t_pair(AF_INET, fds);
	SYS(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	total = fill_up(fds[0]);
	drain(fds[1], total);
	t_wait(fds[0], POLLOUT);
	t_exchange(fds[0], fds[1]);
	close_pair(fds);
}

static short poll_now(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	SYS(poll(&pfd, 1, 0));
	return pfd.revents;
}

static void test_poll(void **state)
{
	char buf[10000];
	int fds[2];

	(void)state;
	t_pair(AF_INET, fds);
	t_exchange(fds[0], fds[1]);
	assert_int_equal(poll_now(fds[1], POLLIN | POLLOUT), POLLOUT);
	t_fill(buf, sizeof(buf), 3);
	t_send(fds[0], buf, sizeof(buf));
	t_wait(fds[1], POLLIN);
	/* what is left of a record keeps the socket readable */
	t_recv(fds[1], buf, 1);
	assert_int_equal(poll_now(fds[1], POLLIN | POLLOUT), POLLIN | POLLOUT);
	t_recv(fds[1], buf, sizeof(buf) - 1);
	assert_int_equal(poll_now(fds[1], POLLIN | POLLOUT), POLLOUT);
	SYS(shutdown(fds[0], SHUT_WR));
	t_wait(fds[1], POLLIN);
	assert_int_equal(poll_now(fds[1], POLLIN | POLLRDHUP), POLLIN | POLLRDHUP);
	t_expect_eof(fds[1]);
	close_pair(fds);
}

static void test_select(void **state)
{
	struct timeval tv = { 0 };
	fd_set in, out;
	int fds[2];

	(void)state;
	t_pair(AF_INET, fds);
	t_exchange(fds[0], fds[1]);
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(fds[1], &in);
	FD_SET(fds[1], &out);
	assert_int_equal(SYS(select(fds[1] + 1, &in, &out, NULL, &tv)), 1);
	assert_false(FD_ISSET(fds[1], &in));
	assert_true(FD_ISSET(fds[1], &out));
	t_send(fds[0], "s", 1);
	FD_ZERO(&in);
	FD_SET(fds[1], &in);
	tv.tv_sec = PATIENCE_S;
	assert_int_equal(SYS(select(fds[1] + 1, &in, NULL, NULL, &tv)), 1);
	t_expect(fds[1], "s");
	close_pair(fds);
}

static void test_epoll_level(void **state)
{
	struct epoll_event event;
	int fds[2], ep;
	char c;

	(void)state;
	t_pair(AF_INET, fds);
	t_exchange(fds[0], fds[1]);
	ep = t_watch(fds[1], EPOLLIN);
	assert_int_equal(SYS(epoll_wait(ep, &event, 1, 0)), 0);
	t_send(fds[0], "ab", 2);
	assert_int_equal(SYS(epoll_wait(ep, &event, 1, PATIENCE_S * 1000)), 1);
	t_recv(fds[1], &c, 1);
	/* decrypted and not read: TCP's queue is empty */
	assert_int_equal(SYS(epoll_wait(ep, &event, 1, 0)), 1);
	t_recv(fds[1], &c, 1);
	assert_int_equal(SYS(epoll_wait(ep, &event, 1, 0)), 0);
	close(ep);
	close_pair(fds);
}

static void test_epoll_edge(void **state)
{
	struct epoll_event event;
	char buf[8];
	int fds[2], ep;

	(void)state;
	t_pair(AF_INET, fds);
	t_exchange(fds[0], fds[1]);
	t_nonblock(fds[1], true);
	ep = t_watch(fds[1], EPOLLIN | EPOLLET);
	for (int i = 0; i < 3; i++) {
		t_send(fds[0], "edge", 4);
		assert_int_equal(SYS(epoll_wait(ep, &event, 1, PATIENCE_S * 1000)), 1);
		assert_int_equal(SYS(recv(fds[1], buf, sizeof(buf), 0)), 4);
		FAILS(recv(fds[1], buf, sizeof(buf), 0), EAGAIN);
		assert_int_equal(SYS(epoll_wait(ep, &event, 1, 0)), 0);
	}
	SYS(shutdown(fds[0], SHUT_WR));
	assert_int_equal(SYS(epoll_wait(ep, &event, 1, PATIENCE_S * 1000)), 1);
	t_expect_eof(fds[1]);
	close(ep);
	close_pair(fds);
}

/* A writer that waits for the edge is woken when there is room again. */
static void test_epoll_edge_out(void **state)
{
	struct epoll_event event;
	int size = 65536, fds[2], ep;
	size_t total;

	(void)state;
	t_pair(AF_INET, fds);
	SYS(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	ep = t_watch(fds[0], EPOLLOUT | EPOLLET);
	assert_int_equal(SYS(epoll_wait(ep, &event, 1, 0)), 1);
	total = fill_up(fds[0]);
	drain(fds[1], total);
	assert_int_equal(SYS(epoll_wait(ep, &event, 1, PATIENCE_S * 1000)), 1);
	t_exchange(fds[0], fds[1]);
	close(ep);
	close_pair(fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_poll),
		cmocka_unit_test(test_select),
		cmocka_unit_test(test_epoll_level),
		cmocka_unit_test(test_epoll_edge),
		cmocka_unit_test(test_epoll_edge_out),
	};

	return T_RUN(tests);
}
