// SPDX-License-Identifier: GPL-2.0-only
/* Event loops: level and edge triggered, with buffers that are full all the time. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/flow.h"

/* Data that passes in each direction. */
#define TOTAL 700000

/**
 * struct end - one end of a connection, as an event loop has it
 * @fd: the socket
 * @out: what it sends
 * @in: what has to arrive
 * @sent: how much was sent
 * @got: how much came
 * @events: as epoll told last; with edges: what was not used up yet
 */
struct end {
	int fd;
	const uint8_t *out;
	const uint8_t *in;
	size_t sent;
	size_t got;
	uint32_t events;
};

/**
 * struct loop - how the loop runs
 * @flags: EPOLLET, EPOLLONESHOT or 0
 * @buffers: size of the sockets' buffers; 0: their own
 * @chunk: most of a read or write
 */
struct loop {
	uint32_t flags;
	int buffers;
	size_t chunk;
};

static void read_some(struct end *end, size_t chunk)
{
	static uint8_t buf[65536];
	ssize_t n = recv(end->fd, buf, chunk, 0);

	if (n < 0) {
		assert_int_equal(errno, EAGAIN);
		end->events &= ~(uint32_t)EPOLLIN;
		return;
	}
	if (!n)
		fail_msg("end of file at %zu", end->got);
	assert_memory_equal(buf, end->in + end->got, n);
	end->got += (size_t)n;
}

static void write_some(struct end *end, size_t chunk)
{
	size_t left = TOTAL - end->sent;
	ssize_t n;

	if (!left) {
		end->events &= ~(uint32_t)EPOLLOUT;
		return;
	}
	n = send(end->fd, end->out + end->sent, left < chunk ? left : chunk, MSG_NOSIGNAL);
	if (n < 0) {
		assert_int_equal(errno, EAGAIN);
		end->events &= ~(uint32_t)EPOLLOUT;
		return;
	}
	end->sent += (size_t)n;
}

static bool done(const struct end *ends)
{
	return ends[0].sent == TOTAL && ends[0].got == TOTAL && ends[1].sent == TOTAL &&
	       ends[1].got == TOTAL;
}

static void watch(int ep, int op, struct end *end, uint32_t flags)
{
	struct epoll_event event = { .events = EPOLLIN | flags, .data.ptr = end };

	/* or an end that has sent all would get EPOLLOUT all the time */
	if (end->sent < TOTAL || flags & EPOLLET)
		event.events |= EPOLLOUT;
	SYS(epoll_ctl(ep, op, end->fd, &event));
}

/* Data both ways in one thread that waits only when neither end has anything to do. */
static void test_loop(void **state)
{
	const struct loop *loop = *state;
	int fds[2], ep = (int)SYS(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event events[2];
	struct end ends[2];

	flow_pair(fds);
	if (loop->buffers)
		flow_small_buffers(fds, loop->buffers);
	for (unsigned int i = 0; i < 2; i++) {
		ends[i] = (struct end){ .fd = fds[i], .out = flow_data(i), .in = flow_data(!i) };
		t_nonblock(fds[i], true);
		watch(ep, EPOLL_CTL_ADD, &ends[i], loop->flags);
	}
	while (!done(ends)) {
		bool idle = !(ends[0].events | ends[1].events) || !(loop->flags & EPOLLET);
		int n = (int)SYS(epoll_wait(ep, events, 2, idle ? PATIENCE_S * 1000 : 0));

		if (!n && idle)
			fail_msg("no event; sent %zu and %zu, got %zu and %zu", ends[0].sent,
				 ends[1].sent, ends[0].got, ends[1].got);
		for (int i = 0; i < n; i++) {
			struct end *end = events[i].data.ptr;

			assert_int_equal(events[i].events & ~(uint32_t)(EPOLLIN | EPOLLOUT), 0);
			end->events |= events[i].events;
		}
		for (int i = 0; i < 2; i++) {
			if (ends[i].events & EPOLLOUT)
				write_some(&ends[i], loop->chunk);
			if (ends[i].events & EPOLLIN)
				read_some(&ends[i], loop->chunk);
			if (!(loop->flags & EPOLLET)) {
				ends[i].events = 0;
				watch(ep, EPOLL_CTL_MOD, &ends[i], loop->flags);
			}
		}
	}
	close(ep);
	flow_close(fds);
}

static uint32_t wait_for(int ep, int ms)
{
	struct epoll_event event = { 0 };

	return SYS(epoll_wait(ep, &event, 1, ms)) == 1 ? event.events : 0;
}

/* Once and again: the buffer is filled, and emptied by the peer; each time there is an edge. */
static void test_out_edges(void **state)
{
	const int buffers = (int)(intptr_t)*state;
	int fds[2], ep;

	flow_pair(fds);
	flow_small_buffers(fds, buffers);
	t_nonblock(fds[0], true);
	ep = t_watch(fds[0], EPOLLOUT | EPOLLET);
	assert_int_equal(wait_for(ep, 0), EPOLLOUT);
	for (int i = 0; i < 15; i++) {
		size_t total = 0;
		ssize_t n;

		while ((n = send(fds[0], flow_data(0) + total, FLOW_MAX - total, 0)) >= 0)
			total += (size_t)n;
		assert_int_equal(errno, EAGAIN);
		flow_expect(fds[1], flow_data(0), total);
		if (wait_for(ep, PATIENCE_S * 1000) != EPOLLOUT)
			fail_msg("no edge the %dth time", i + 1);
	}
	close(ep);
	flow_close(fds);
}

/* A short write is as good a reason to wait as EAGAIN. */
static void test_short_write(void **state)
{
	int fds[2], ep;

	(void)state;
	flow_pair(fds);
	flow_small_buffers(fds, 8192);
	t_nonblock(fds[0], true);
	ep = t_watch(fds[0], EPOLLOUT | EPOLLET);
	assert_int_equal(wait_for(ep, 0), EPOLLOUT);
	for (int i = 0; i < 15; i++) {
		ssize_t n = SYS(send(fds[0], flow_data(1), FLOW_MAX, 0));

		assert_in_range(n, 1, FLOW_MAX - 1);
		flow_expect(fds[1], flow_data(1), (size_t)n);
		if (wait_for(ep, PATIENCE_S * 1000) != EPOLLOUT)
			fail_msg("no edge the %dth time", i + 1);
	}
	close(ep);
	flow_close(fds);
}

/* A record comes in pieces: the edge is there when it is whole, once. */
static void test_in_edge(void **state)
{
	int fds[2], ep, size = 4096;
	char buf[20000];

	(void)state;
	flow_pair(fds);
	SYS(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	t_nonblock(fds[1], true);
	ep = t_watch(fds[1], EPOLLIN | EPOLLET);
	assert_int_equal(wait_for(ep, 0), 0);
	for (int i = 0; i < 30; i++) {
		size_t got = 0;

		t_send(fds[0], flow_data(2), 16384);
		while (got < 16384) {
			ssize_t n;

			if (!wait_for(ep, PATIENCE_S * 1000))
				fail_msg("no edge with %zu of the record", got);
			while ((n = recv(fds[1], buf + got, sizeof(buf) - got, 0)) > 0)
				got += (size_t)n;
			assert_int_equal(errno, EAGAIN);
		}
		assert_int_equal(got, 16384);
		assert_memory_equal(buf, flow_data(2), got);
	}
	assert_int_equal(wait_for(ep, 0), 0);
	close(ep);
	flow_close(fds);
}

/* The end of either direction is an edge, and so is failure. */
static void test_end_edges(void **state)
{
	const uint32_t all = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
	int fds[2], ep;
	uint32_t got;

	(void)state;
	flow_pair(fds);
	t_exchange(fds[0], fds[1]);
	ep = t_watch(fds[1], all);
	assert_int_equal(wait_for(ep, 0), EPOLLOUT);
	SYS(shutdown(fds[0], SHUT_WR));
	for (got = 0; (got & (EPOLLIN | EPOLLRDHUP)) != (EPOLLIN | EPOLLRDHUP);) {
		uint32_t more = wait_for(ep, PATIENCE_S * 1000);

		if (!more)
			fail_msg("events %x and no more", got);
		got |= more;
	}
	t_expect_eof(fds[1]);
	SYS(shutdown(fds[1], SHUT_WR));
	assert_true(wait_for(ep, PATIENCE_S * 1000) & EPOLLHUP);
	close(ep);
	flow_close(fds);

	flow_pair(fds);
	t_exchange(fds[0], fds[1]);
	ep = t_watch(fds[1], all);
	assert_int_equal(wait_for(ep, 0), EPOLLOUT);
	t_reset(fds[0]);
	assert_true(wait_for(ep, PATIENCE_S * 1000) & EPOLLERR);
	close(ep);
	close(fds[1]);
}

#define TEST(name, test, arg)                                                                      \
	{                                                                                          \
		name, test, NULL, NULL, (void *)(arg)                                              \
	}
#define LOOP(name, flags)                                                                          \
	TEST(name, test_loop, (&(const struct loop){ flags, 0, 65536 })),                          \
	TEST(name ", small buffers", test_loop, (&(const struct loop){ flags, 8192, 65536 })),     \
	TEST(name ", small writes", test_loop, (&(const struct loop){ flags, 30000, 1999 }))

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP("level", 0),
		LOOP("edge", EPOLLET),
		LOOP("one shot", EPOLLONESHOT),
		TEST("a writer's edges", test_out_edges, 65536),
		TEST("a writer's edges, small buffers", test_out_edges, 4096),
		cmocka_unit_test(test_short_write),
		cmocka_unit_test(test_in_edge),
		cmocka_unit_test(test_end_edges),
	};

	return T_RUN(tests);
}
