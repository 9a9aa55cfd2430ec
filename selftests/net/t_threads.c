// SPDX-License-Identifier: GPL-2.0-only
/* Threads that share a socket: readers, writers, and one that ends what the others wait for. */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/flow.h"

/* Data for both directions at once, each socket with a reader and a writer. */
static void test_both_ways(void **state)
{
	const int buffers = (int)(intptr_t)*state;
	struct flow out[2], in[2];
	int fds[2];

	flow_pair(fds);
	if (buffers)
		flow_small_buffers(fds, buffers);
	for (unsigned int i = 0; i < 2; i++) {
		out[i] = (struct flow){ .fd = fds[i], .data = flow_data(i), .len = FLOW_MAX,
					.step = i ? 16384 : 70001 };
		in[!i] = (struct flow){ .fd = fds[!i], .data = flow_data(i), .len = FLOW_MAX,
					.step = i ? 100000 : 5003 };
		flow_recv(&in[!i]);
		flow_send(&out[i]);
	}
	for (int i = 0; i < 2; i++) {
		flow_join(&out[i]);
		flow_join(&in[i]);
	}
	t_exchange(fds[0], fds[1]);
	flow_close(fds);
}

/* A message has the number of its writer, and is written by one call. */
#define MESSAGE_MAX 16384
#define MESSAGES 60

struct writer {
	int fd;
	uint8_t who;
	bool ok;
	pthread_t thread;
};

static size_t message_len(unsigned int number)
{
	return 16 + number * 7919 % (MESSAGE_MAX - 15);
}

static void message(uint8_t *to, uint8_t who, unsigned int number)
{
	size_t len = message_len(number);

	memset(to, who, len);
	to[0] = who;
	to[1] = (uint8_t)number;
}

static void *write_messages(void *arg)
{
	struct writer *writer = arg;
	uint8_t *buf = malloc(MESSAGE_MAX);

	writer->ok = true;
	for (unsigned int i = 0; i < MESSAGES && writer->ok; i++) {
		size_t len = message_len(i);

		message(buf, writer->who, i);
		writer->ok = send(writer->fd, buf, len, MSG_NOSIGNAL) == (ssize_t)len;
	}
	free(buf);
	return NULL;
}

/*
 * What several threads write, up to a record each, comes in the order of each and unmixed,
 * if each write begins a record, and records are full. Where TCP would merge it with one
 * before, it shares that one's record, and what does not fit there may have to wait for
 * room, with another thread's write to come between: so nothing is merged here. After a
 * second without any record, which a busy machine may well take, they would be as short as
 * segments are with small buffers: so KSC_RECORD_SIZING is set to full.
 */
static void test_writers(void **state)
{
	const int buffers = (int)(intptr_t)*state, full = KSC_SIZING_FULL, one = 1;
	static uint8_t got[MESSAGE_MAX], want[MESSAGE_MAX];
	struct writer writers[3];
	unsigned int next[3] = { 0 };
	int fds[2];

	flow_pair(fds);
	if (buffers)
		flow_small_buffers(fds, buffers);
	SYS(setsockopt(fds[0], SOL_KSCHANNEL, KSC_RECORD_SIZING, &full, sizeof(full)));
	SYS(setsockopt(fds[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
	for (size_t i = 0; i < ARRAY_SIZE(writers); i++) {
		writers[i] = (struct writer){ .fd = fds[0], .who = (uint8_t)i };
		t_thread(&writers[i].thread, write_messages, &writers[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(writers) * MESSAGES; i++) {
		unsigned int number;
		size_t len;

		t_recv(fds[1], got, 2);
		if (got[0] >= ARRAY_SIZE(writers))
			fail_msg("message %zu is from no writer", i);
		number = next[got[0]]++;
		assert_int_equal(got[1], number);
		len = message_len(number);
		t_recv(fds[1], got + 2, len - 2);
		message(want, got[0], number);
		assert_memory_equal(got, want, len);
	}
	for (size_t i = 0; i < ARRAY_SIZE(writers); i++) {
		t_join(writers[i].thread);
		assert_true(writers[i].ok);
	}
	t_exchange(fds[0], fds[1]);
	flow_close(fds);
}

/* Numbers, of which each reader notes which it got. */
#define NUMBERS 4000

struct reader {
	int fd;
	int flags;
	uint8_t *seen;
	unsigned int count;
	const char *error;
	pthread_t thread;
};

static void *read_numbers(void *arg)
{
	struct reader *reader = arg;
	uint32_t number, last = 0;
	ssize_t n;

	while ((n = recv(reader->fd, &number, sizeof(number), reader->flags)) > 0) {
		if (n != sizeof(number))
			reader->error = "part of a number";
		else if (number > NUMBERS || !number)
			reader->error = "no number that was sent";
		else if (number <= last)
			reader->error = "a number from before";
		if (reader->error)
			return NULL;
		last = number;
		reader->seen[number]++;
		reader->count++;
	}
	if (n < 0)
		reader->error = strerror(errno);
	return NULL;
}

/* Several threads read: each byte comes to one of them, and in order. */
static void test_readers(void **state)
{
	struct reader readers[3];
	static uint8_t seen[ARRAY_SIZE(readers)][NUMBERS + 1];
	static uint32_t numbers[NUMBERS];
	unsigned int sent = 0;
	int fds[2];

	(void)state;
	memset(seen, 0, sizeof(seen));
	for (uint32_t i = 0; i < NUMBERS; i++)
		numbers[i] = i + 1;
	flow_pair(fds);
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		readers[i] = (struct reader){ .fd = fds[1], .seen = seen[i],
					      .flags = MSG_WAITALL };
		t_thread(&readers[i].thread, read_numbers, &readers[i]);
	}
	for (unsigned int i = 1; sent < NUMBERS; i++) {
		unsigned int n = i * 37 % 301;

		if (n > NUMBERS - sent)
			n = NUMBERS - sent;
		t_send(fds[0], numbers + sent, n * sizeof(uint32_t));
		sent += n;
	}
	SYS(shutdown(fds[0], SHUT_WR));
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		t_join(readers[i].thread);
		if (readers[i].error)
			fail_msg("reader %zu: %s", i, readers[i].error);
	}
	for (size_t i = 1; i <= NUMBERS; i++) {
		unsigned int times = 0;

		for (size_t j = 0; j < ARRAY_SIZE(readers); j++)
			times += seen[j][i];
		if (times != 1)
			fail_msg("number %zu was read %u times", i, times);
	}
	flow_close(fds);
}

/* Peeking beside a reader: what is seen is what was sent, or nothing. */
static void *peek_on(void *arg)
{
	struct reader *reader = arg;
	uint32_t number, last = 0;
	ssize_t n;

	while ((n = recv(reader->fd, &number, sizeof(number), MSG_PEEK)) > 0) {
		if (n == sizeof(number) && (!number || number > NUMBERS || number < last)) {
			reader->error = "no number that can come now";
			return NULL;
		}
		if (n == sizeof(number))
			last = number;
		/* so that it does not hold the lock all the time */
		usleep(100);
	}
	if (n < 0)
		reader->error = strerror(errno);
	return NULL;
}

static void test_peeker(void **state)
{
	struct reader peeker = { 0 };
	struct flow in = { .len = NUMBERS * sizeof(uint32_t), .step = sizeof(uint32_t),
			   .flags = MSG_WAITALL };
	static uint32_t numbers[NUMBERS];
	int fds[2];

	(void)state;
	for (uint32_t i = 0; i < NUMBERS; i++)
		numbers[i] = i + 1;
	flow_pair(fds);
	peeker.fd = fds[1];
	in.fd = fds[1];
	in.data = (const uint8_t *)numbers;
	t_thread(&peeker.thread, peek_on, &peeker);
	flow_recv(&in);
	for (unsigned int i = 0; i < NUMBERS; i += 40)
		t_send(fds[0], numbers + i, 40 * sizeof(uint32_t));
	flow_join(&in);
	SYS(shutdown(fds[0], SHUT_WR));
	t_join(peeker.thread);
	if (peeker.error)
		fail_msg("peeker: %s", peeker.error);
	flow_close(fds);
}

/**
 * struct waiter - a thread that waits in a system call
 * @call: the call
 * @ret: what it returned
 * @thread: the thread
 * @fd: the socket
 * @error: errno then
 */
struct waiter {
	long (*call)(int fd);
	long ret;
	pthread_t thread;
	int fd;
	int error;
};

static void *wait_in_call(void *arg)
{
	struct waiter *waiter = arg;

	errno = 0;
	waiter->ret = waiter->call(waiter->fd);
	waiter->error = errno;
	return NULL;
}

static long call_recv(int fd)
{
	char c;

	return recv(fd, &c, 1, 0);
}

static long call_peek(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_PEEK);
}

static long call_poll_in(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, PATIENCE_S * 1000) == 1 ? pfd.revents & POLLIN : -1;
}

static long call_splice(int fd)
{
	int pipes[2];
	long ret;

	if (pipe2(pipes, O_CLOEXEC))
		return -1;
	ret = splice(fd, NULL, pipes[1], NULL, 100, 0);
	close(pipes[0]);
	close(pipes[1]);
	return ret;
}

static long call_send(int fd)
{
	return send(fd, flow_data(0), FLOW_MAX, MSG_NOSIGNAL);
}

static long call_splice_out(int fd)
{
	int pipes[2];
	long ret;

	if (pipe2(pipes, O_CLOEXEC) || write(pipes[1], flow_data(0), 65536) != 65536)
		return -1;
	ret = splice(pipes[0], NULL, fd, NULL, 65536, 0);
	close(pipes[0]);
	close(pipes[1]);
	return ret;
}

static long call_poll_out(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	return poll(&pfd, 1, PATIENCE_S * 1000) == 1 ? pfd.revents & (POLLOUT | POLLHUP) : -1;
}

static void waiters_start(struct waiter *waiters, size_t count, int fd)
{
	for (size_t i = 0; i < count; i++) {
		waiters[i].fd = fd;
		t_thread(&waiters[i].thread, wait_in_call, &waiters[i]);
	}
	/* not needed for the outcome: so that they do wait, as a rule */
	usleep(100 * 1000);
}

static void test_shutdown_readers(void **state)
{
	struct waiter waiters[] = {
		{ .call = call_recv }, { .call = call_recv }, { .call = call_peek },
		{ .call = call_splice }, { .call = call_poll_in },
	};
	int fds[2];

	flow_pair(fds);
	t_exchange(fds[0], fds[1]);
	waiters_start(waiters, ARRAY_SIZE(waiters), fds[0]);
	/* by this end, or by the peer */
	SYS(shutdown(*state ? fds[1] : fds[0], *state ? SHUT_WR : SHUT_RD));
	for (size_t i = 0; i < ARRAY_SIZE(waiters); i++) {
		t_join(waiters[i].thread);
		if (waiters[i].ret != (waiters[i].call == call_poll_in ? POLLIN : 0))
			fail_msg("waiter %zu: %ld, %s", i, waiters[i].ret,
				 strerror(waiters[i].error));
	}
	flow_close(fds);
}

/* What was taken before the end arrives before it; writers that waited for room fail. */
static void test_shutdown_writers(void **state)
{
	struct waiter waiters[] = {
		{ .call = call_send }, { .call = call_send }, { .call = call_splice_out },
		{ .call = call_poll_out },
	};
	static uint8_t buf[65536];
	size_t sent, back = 0, more = 0;
	int fds[2];
	ssize_t n;

	(void)state;
	flow_pair(fds);
	flow_small_buffers(fds, 16384);
	sent = flow_fill(fds[0], flow_data(1));
	waiters_start(waiters, ARRAY_SIZE(waiters), fds[0]);
	SYS(shutdown(fds[0], SHUT_WR));
	for (size_t i = 0; i < ARRAY_SIZE(waiters); i++) {
		t_join(waiters[i].thread);
		if (waiters[i].call == call_poll_out)
			assert_true(waiters[i].ret > 0);
		else if (waiters[i].ret < 0)
			assert_int_equal(waiters[i].error, EPIPE);
		else
			more += (size_t)waiters[i].ret;
	}
	flow_expect(fds[1], flow_data(1), sent);
	while ((n = SYS(recv(fds[1], buf, sizeof(buf), 0))) > 0)
		back += (size_t)n;
	assert_int_equal(back, more);
	t_expect_error(fds[1], KSC_STATUS_OK, 0);
	flow_close(fds);
}

/* The connection breaks while others wait for it. */
static void test_reset_waiters(void **state)
{
	struct waiter waiters[] = {
		{ .call = call_recv }, { .call = call_splice }, { .call = call_poll_in },
		{ .call = call_send }, { .call = call_splice_out }, { .call = call_poll_out },
	};
	int fds[2];

	(void)state;
	flow_pair(fds);
	flow_small_buffers(fds, 16384);
	flow_fill(fds[0], flow_data(1));
	waiters_start(waiters, ARRAY_SIZE(waiters), fds[0]);
	t_reset(fds[1]);
	for (size_t i = 0; i < ARRAY_SIZE(waiters); i++) {
		t_join(waiters[i].thread);
		if (waiters[i].call == call_poll_in || waiters[i].call == call_poll_out)
			assert_true(waiters[i].ret > 0);
		else if (waiters[i].ret < 0)
			assert_true(waiters[i].error == ECONNRESET || waiters[i].error == EPIPE);
		else
			/* some of it had found room */
			assert_true(i >= 3);
	}
	close(fds[0]);
}

/* The descriptor goes while others use the socket: as with TCP they go on until they are done. */
static void test_close_by_other(void **state)
{
	struct waiter waiters[] = { { .call = call_recv }, { .call = call_peek } };
	int fds[2];

	(void)state;
	flow_pair(fds);
	waiters_start(waiters, ARRAY_SIZE(waiters), fds[0]);
	SYS(close(fds[0]));
	t_send(fds[1], "xy", 2);
	for (size_t i = 0; i < ARRAY_SIZE(waiters); i++) {
		t_join(waiters[i].thread);
		/* a thread that had not begun finds no file */
		if (waiters[i].ret != 1)
			assert_int_equal(waiters[i].error, EBADF);
	}
	close(fds[1]);
}

/* Looking at a socket in every way while it works does not disturb it. */
static void *look_on(void *arg)
{
	struct flow *flow = arg;

	while (!__atomic_load_n(&flow->flags, __ATOMIC_RELAXED)) {
		struct pollfd pfd = { .fd = flow->fd, .events = POLLIN | POLLOUT };
		struct ksc_info info;
		struct ksc_error error;
		socklen_t len = sizeof(info);
		int n;

		poll(&pfd, 1, 0);
		if (ioctl(flow->fd, FIONREAD, &n) || ioctl(flow->fd, TIOCOUTQ, &n) ||
		    getsockopt(flow->fd, SOL_KSCHANNEL, KSC_INFO, &info, &len))
			flow->error[0] = 'x';
		len = sizeof(error);
		if (getsockopt(flow->fd, SOL_KSCHANNEL, KSC_ERROR, &error, &len) || error.status)
			flow->error[0] = 'x';
		usleep(500);
	}
	return NULL;
}

static void test_onlookers(void **state)
{
	struct flow out, in, look[2];
	int fds[2];

	(void)state;
	flow_pair(fds);
	/* accept() does not wait for the handshake's end, before which KSC_INFO is ENOTCONN */
	t_exchange(fds[0], fds[1]);
	for (int i = 0; i < 2; i++) {
		look[i] = (struct flow){ .fd = fds[i] };
		t_thread(&look[i].thread, look_on, &look[i]);
	}
	out = (struct flow){ .fd = fds[0], .data = flow_data(0), .len = FLOW_MAX, .step = 3001 };
	in = (struct flow){ .fd = fds[1], .data = flow_data(0), .len = FLOW_MAX, .step = 2003 };
	flow_recv(&in);
	flow_send(&out);
	flow_join(&out);
	flow_join(&in);
	for (int i = 0; i < 2; i++) {
		__atomic_store_n(&look[i].flags, 1, __ATOMIC_RELAXED);
		t_join(look[i].thread);
		assert_int_equal(look[i].error[0], 0);
	}
	flow_close(fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T_CASE("both ways", test_both_ways, 0),
		T_CASE("both ways, small buffers", test_both_ways, 8192),
		T_CASE("writers", test_writers, 0),
		T_CASE("writers, small buffers", test_writers, 8192),
		cmocka_unit_test(test_readers),
		cmocka_unit_test(test_peeker),
		T_CASE("SHUT_RD while others read", test_shutdown_readers, 0),
		T_CASE("the peer's end while others read", test_shutdown_readers, 1),
		cmocka_unit_test(test_shutdown_writers),
		cmocka_unit_test(test_reset_waiters),
		cmocka_unit_test(test_close_by_other),
		cmocka_unit_test(test_onlookers),
	};

	return T_RUN(tests);
}
