// SPDX-License-Identifier: GPL-2.0-only
/* Data that comes or goes by way of files and pipes: sendfile, splice, vmsplice. */
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/flow.h"

/* Around a page's and a record's borders. */
static const size_t sizes[] = { 1, 4095, 4097, 16383, 16384, 16385, 32768, 100001 };

static int memfd_with(const uint8_t *data, size_t len)
{
	int fd = (int)SYS(memfd_create("data", MFD_CLOEXEC));

	assert_int_equal(SYS(write(fd, data, len)), len);
	return fd;
}

static int tmpfile_with(const uint8_t *data, size_t len)
{
	int fd = (int)SYS(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));

	assert_int_equal(SYS(write(fd, data, len)), len);
	return fd;
}

static void sendfile_all(int fd, int file, off_t offset, size_t len)
{
	off_t end = offset + (off_t)len;

	while (offset < end)
		if (SYS(sendfile(fd, file, &offset, (size_t)(end - offset))) == 0)
			fail_msg("sendfile: end of file at %ld of %ld", (long)offset, (long)end);
}

/* Whole files and parts, from either end, and with buffers that take no record as a whole. */
static void sendfile_sizes(int (*file_with)(const uint8_t *, size_t), int buffers)
{
	const uint8_t *data = flow_data(0);
	int fds[2];

	flow_pair(fds);
	if (buffers)
		flow_small_buffers(fds, buffers);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int file = file_with(data, sizes[i] + 5000);

		for (int end = 0; end < 2; end++) {
			static const off_t offsets[] = { 0, 1, 4097 };

			for (size_t j = 0; j < ARRAY_SIZE(offsets); j++) {
				struct flow in = { .fd = fds[!end], .data = data + offsets[j],
						   .len = sizes[i], .step = 9000 };

				flow_recv(&in);
				sendfile_all(fds[end], file, offsets[j], sizes[i]);
				flow_join(&in);
			}
		}
		close(file);
	}
	t_exchange(fds[0], fds[1]);
	flow_close(fds);
}

static void test_sendfile(void **state)
{
	(void)state;
	sendfile_sizes(memfd_with, 0);
	sendfile_sizes(tmpfile_with, 0);
}

static void test_sendfile_small(void **state)
{
	(void)state;
	sendfile_sizes(memfd_with, 8192);
}

/*
 * A program that does not know the file's size asks for more than there is. What there is goes
 * out nevertheless, without another call.
 */
static void test_sendfile_beyond(void **state)
{
	const uint8_t *data = flow_data(0);
	int fds[2];

	(void)state;
	flow_pair(fds);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int file = memfd_with(data, sizes[i]);
		struct flow in = { .fd = fds[1], .data = data, .len = sizes[i] };
		off_t offset = 0;

		flow_recv(&in);
		while ((size_t)offset < sizes[i])
			SYS(sendfile(fds[0], file, &offset, 0x7ffff000));
		flow_join(&in);
		/* as with read(), nothing is left */
		assert_int_equal(SYS(sendfile(fds[0], file, &offset, 0x7ffff000)), 0);
		close(file);
	}
	t_exchange(fds[0], fds[1]);
	flow_close(fds);
}

/* What sendfile() says was sent was, and nothing else. */
static void test_sendfile_nonblock(void **state)
{
	const int buffers = (int)(intptr_t)*state;
	const uint8_t *data = flow_data(1);
	struct flow in = { .data = data, .len = FLOW_MAX, .step = 30000, .pause_ms = 3 };
	int fds[2], file = memfd_with(data, FLOW_MAX), again = 0;
	off_t offset = 0;

	flow_pair(fds);
	flow_small_buffers(fds, buffers);
	t_nonblock(fds[0], true);
	/* nobody reads: it has to become full */
	while (sendfile(fds[0], file, &offset, FLOW_MAX - (size_t)offset) > 0)
		assert_true(offset < FLOW_MAX);
	assert_int_equal(errno, EAGAIN);
	in.fd = fds[1];
	flow_recv(&in);
	while (offset < FLOW_MAX) {
		off_t before = offset;
		ssize_t n = sendfile(fds[0], file, &offset, FLOW_MAX - (size_t)offset);

		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			assert_int_equal(offset, before);
			t_wait(fds[0], POLLOUT);
			again++;
			continue;
		}
		assert_int_equal(offset, before + n);
	}
	flow_join(&in);
	assert_true(again > 0);
	t_nonblock(fds[0], false);
	t_exchange(fds[0], fds[1]);
	close(file);
	flow_close(fds);
}

static void pipe_of(int pipes[2], int size)
{
	SYS(pipe2(pipes, O_CLOEXEC));
	SYS(fcntl(pipes[1], F_SETPIPE_SZ, size));
}

static void pipe_close(int pipes[2])
{
	close(pipes[0]);
	close(pipes[1]);
}

static int pipe_holds(int fd)
{
	int n;

	SYS(ioctl(fd, FIONREAD, &n));
	return n;
}

/* From a pipe that write() filled, and from one that a file was spliced to. */
static void test_from_pipe(void **state)
{
	const uint8_t *data = flow_data(2);
	int fds[2], pipes[2], file = memfd_with(data, FLOW_MAX);

	(void)state;
	flow_pair(fds);
	pipe_of(pipes, 131072);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (int from_file = 0; from_file < 2; from_file++) {
			int end = (int)(i + (size_t)from_file) % 2;
			struct flow in = { .fd = fds[!end], .data = data + 77, .len = sizes[i] };
			size_t left = sizes[i];
			off_t offset = 77;

			if (from_file)
				assert_int_equal(SYS(splice(file, &offset, pipes[1], NULL,
							    sizes[i], 0)), sizes[i]);
			else
				assert_int_equal(SYS(write(pipes[1], data + 77, sizes[i])),
						 sizes[i]);
			flow_recv(&in);
			while (left)
				left -= (size_t)SYS(splice(pipes[0], NULL, fds[end], NULL, left,
							   0));
			flow_join(&in);
		}
	}
	close(file);
	pipe_close(pipes);
	flow_close(fds);
}

/* SPLICE_F_MORE holds a record open, but not permanently: as TCP does, for a moment only. */
static void test_more(void **state)
{
	int fds[2], pipes[2];
	size_t left = 6;

	(void)state;
	flow_pair(fds);
	SYS(pipe2(pipes, O_CLOEXEC));
	assert_int_equal(SYS(write(pipes[1], "joined", 6)), 6);
	assert_int_equal(SYS(splice(pipes[0], NULL, fds[0], NULL, 3, SPLICE_F_MORE)), 3);
	left -= 3;
	while (left)
		left -= (size_t)SYS(splice(pipes[0], NULL, fds[0], NULL, left, 0));
	t_expect(fds[1], "joined");
	assert_int_equal(SYS(write(pipes[1], "held", 4)), 4);
	assert_int_equal(SYS(splice(pipes[0], NULL, fds[0], NULL, 4, SPLICE_F_MORE)), 4);
	t_expect(fds[1], "held");
	pipe_close(pipes);
	flow_close(fds);
}

/* A full pipe takes nothing, a pipe with some room takes as much, and nothing is lost. */
static void test_full_pipe(void **state)
{
	const uint8_t *data = flow_data(3);
	static uint8_t got[65536];
	int fds[2], pipes[2];
	size_t back = 0;

	(void)state;
	flow_pair(fds);
	pipe_of(pipes, 4 * 4096);
	/* SPLICE_F_NONBLOCK is about the pipe only, as with TCP */
	t_nonblock(fds[1], true);
	t_send(fds[0], data, 60000);
	t_wait(fds[1], POLLIN);
	/* full, but for the caller that looks at bytes: pages are what counts */
	for (int i = 0; i < 4; i++)
		assert_int_equal(SYS(write(pipes[1], got, 4096)), 4096);
	FAILS(splice(fds[1], NULL, pipes[1], NULL, 60000, SPLICE_F_NONBLOCK), EAGAIN);
	FAILS(splice(fds[1], NULL, pipes[1], NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	/* room for a quarter of a record */
	assert_int_equal(SYS(read(pipes[0], got, 4096)), 4096);
	assert_in_range(SYS(splice(fds[1], NULL, pipes[1], NULL, 60000, SPLICE_F_NONBLOCK)), 1,
			4096);
	FAILS(splice(fds[1], NULL, pipes[1], NULL, 60000, SPLICE_F_NONBLOCK), EAGAIN);
	assert_int_equal(SYS(read(pipes[0], got, 12288)), 12288);
	while (back < 60000) {
		ssize_t n;

		while (pipe_holds(pipes[0])) {
			n = SYS(read(pipes[0], got + back, 1000));
			back += (size_t)n;
			/* between any two steps */
			n = splice(fds[1], NULL, pipes[1], NULL, 5000, SPLICE_F_NONBLOCK);
			if (n < 0)
				assert_int_equal(errno, EAGAIN);
			if (back >= 60000)
				break;
		}
		/* what read() takes meanwhile belongs after what is in the pipe */
		if (back < 60000) {
			t_wait(fds[1], POLLIN);
			n = SYS(recv(fds[1], got + back, 700, 0));
			back += (size_t)n;
			n = splice(fds[1], NULL, pipes[1], NULL, 40000, SPLICE_F_NONBLOCK);
			if (n < 0)
				assert_int_equal(errno, EAGAIN);
		}
	}
	assert_memory_equal(got, data, 60000);
	t_nonblock(fds[1], false);
	t_exchange(fds[0], fds[1]);
	pipe_close(pipes);
	flow_close(fds);
}

/* What there is to say when there is nothing to splice. */
static void test_nothing(void **state)
{
	int fds[2], pipes[2];
	char c;

	(void)state;
	flow_pair(fds);
	SYS(pipe2(pipes, O_CLOEXEC));
	t_exchange(fds[0], fds[1]);
	t_nonblock(fds[1], true);
	FAILS(splice(fds[1], NULL, pipes[1], NULL, 100, 0), EAGAIN);
	FAILS(splice(fds[1], NULL, pipes[1], NULL, 100, SPLICE_F_NONBLOCK), EAGAIN);
	t_send(fds[0], "last", 4);
	SYS(shutdown(fds[0], SHUT_WR));
	t_wait(fds[1], POLLIN);
	assert_int_equal(SYS(splice(fds[1], NULL, pipes[1], NULL, 100, 0)), 4);
	t_nonblock(fds[1], false);
	assert_int_equal(SYS(splice(fds[1], NULL, pipes[1], NULL, 100, 0)), 0);
	assert_int_equal(SYS(splice(fds[1], NULL, pipes[1], NULL, 100, 0)), 0);
	assert_int_equal(pipe_holds(pipes[0]), 4);
	/* the other direction is open still; and then it is not */
	assert_int_equal(SYS(splice(pipes[0], NULL, fds[1], NULL, 4, 0)), 4);
	t_expect(fds[0], "last");
	assert_int_equal(SYS(write(pipes[1], "late", 4)), 4);
	FAILS(splice(pipes[0], NULL, fds[0], NULL, 4, 0), EPIPE);
	/* what could not be sent is in the pipe */
	assert_int_equal(pipe_holds(pipes[0]), 4);
	assert_int_equal(SYS(read(pipes[0], &c, 1)), 1);
	pipe_close(pipes);
	flow_close(fds);
}

/**
 * struct relay - from one socket through a pipe to another, never waiting but in poll()
 * @from: splice from it
 * @to: splice to it
 * @pipe_size: of the pipe
 * @len: how much
 * @error: what was wrong, or NULL
 */
struct relay {
	int from;
	int to;
	int pipe_size;
	size_t len;
	const char *error;
};

static const char *relay_wait(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	return poll(&pfd, 1, PATIENCE_S * 1000) == 1 ? NULL : "poll: no event";
}

static const char *relay_some(const struct relay *relay, int pipes[2], size_t *in, size_t *out)
{
	ssize_t n;

	if (*in < relay->len) {
		n = splice(relay->from, NULL, pipes[1], NULL, relay->len - *in, SPLICE_F_NONBLOCK);
		if (!n)
			return "end of file";
		if (n < 0 && errno != EAGAIN)
			return strerror(errno);
		if (n > 0)
			*in += (size_t)n;
	}
	if (*in == *out)
		return relay_wait(relay->from, POLLIN);
	n = splice(pipes[0], NULL, relay->to, NULL, *in - *out, SPLICE_F_NONBLOCK);
	if (n < 0)
		return errno == EAGAIN ? relay_wait(relay->to, POLLOUT) : strerror(errno);
	*out += (size_t)n;
	return NULL;
}

static void *relay_all(void *arg)
{
	struct relay *relay = arg;
	size_t in = 0, out = 0;
	int pipes[2];

	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK) < 0)
		return NULL;
	fcntl(pipes[1], F_SETPIPE_SZ, relay->pipe_size);
	while (out < relay->len && !relay->error)
		relay->error = relay_some(relay, pipes, &in, &out);
	close(pipes[0]);
	close(pipes[1]);
	return NULL;
}

/* A proxy in both directions, with pipes from one page up and small buffers or large. */
static void test_relay(void **state)
{
	const int buffers = (int)(intptr_t)*state;
	static const int pipe_sizes[] = { 4096, 65536 };
	const size_t len = 400000;

	for (size_t i = 0; i < ARRAY_SIZE(pipe_sizes); i++) {
		struct relay relay[2];
		pthread_t threads[2];
		struct flow send[2], recv[2];
		int left[2], right[2];

		flow_pair(left);
		flow_pair(right);
		if (buffers) {
			flow_small_buffers(left, buffers);
			flow_small_buffers(right, buffers);
		}
		t_nonblock(left[1], true);
		t_nonblock(right[0], true);
		relay[0] = (struct relay){ .from = left[1], .to = right[0],
					   .pipe_size = pipe_sizes[i], .len = len };
		relay[1] = (struct relay){ .from = right[0], .to = left[1],
					   .pipe_size = pipe_sizes[i], .len = len };
		send[0] = (struct flow){ .fd = left[0], .data = flow_data(0), .len = len };
		send[1] = (struct flow){ .fd = right[1], .data = flow_data(1), .len = len,
					 .step = 10001 };
		recv[0] = (struct flow){ .fd = right[1], .data = flow_data(0), .len = len,
					 .step = 3000 };
		recv[1] = (struct flow){ .fd = left[0], .data = flow_data(1), .len = len };
		for (int j = 0; j < 2; j++) {
			flow_recv(&recv[j]);
			t_thread(&threads[j], relay_all, &relay[j]);
			flow_send(&send[j]);
		}
		for (int j = 0; j < 2; j++) {
			t_join(threads[j]);
			if (relay[j].error)
				fail_msg("relay: %s", relay[j].error);
			flow_join(&send[j]);
			flow_join(&recv[j]);
		}
		flow_close(left);
		flow_close(right);
	}
}

/* From the socket to a file, blocking. */
static void test_to_file(void **state)
{
	static uint8_t got[300000];
	struct flow out = { .data = flow_data(2), .len = sizeof(got), .step = 20011 };
	int fds[2], pipes[2], file = (int)SYS(memfd_create("copy", MFD_CLOEXEC));
	size_t back = 0;

	(void)state;
	flow_pair(fds);
	pipe_of(pipes, 65536);
	out.fd = fds[1];
	flow_send(&out);
	while (back < sizeof(got)) {
		ssize_t n = SYS(splice(fds[0], NULL, pipes[1], NULL, sizeof(got) - back,
				       SPLICE_F_MOVE));

		assert_true(n > 0);
		back += (size_t)n;
		while (n)
			n -= SYS(splice(pipes[0], NULL, file, NULL, (size_t)n, SPLICE_F_MOVE));
	}
	flow_join(&out);
	assert_int_equal(SYS(pread(file, got, sizeof(got), 0)), sizeof(got));
	assert_memory_equal(got, flow_data(2), sizeof(got));
	close(file);
	pipe_close(pipes);
	flow_close(fds);
}

static uint8_t *some_pages(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

static void test_vmsplice(void **state)
{
	const unsigned int flags = (unsigned int)(uintptr_t)*state;
	const size_t len = 65536;
	uint8_t *pages = some_pages(len);
	struct iovec iov = { .iov_base = pages, .iov_len = len };
	struct flow in = { .data = flow_data(3), .len = len };
	int fds[2], pipes[2];
	size_t left = len;

	memcpy(pages, flow_data(3), len);
	flow_pair(fds);
	pipe_of(pipes, (int)len);
	in.fd = fds[1];
	flow_recv(&in);
	assert_int_equal(SYS(vmsplice(pipes[1], &iov, 1, flags)), len);
	while (left)
		left -= (size_t)SYS(splice(pipes[0], NULL, fds[0], NULL, left, flags));
	flow_join(&in);
	pipe_close(pipes);
	flow_close(fds);
	munmap(pages, len);
}

/* Pages that another thread writes to all the time. */
struct scribbler {
	uint8_t *pages;
	size_t len;
	atomic_bool stop;
};

static void *scribble(void *arg)
{
	struct scribbler *s = arg;

	for (uint8_t v = 0; !atomic_load(&s->stop); v = !v)
		memset(s->pages, v, s->len);
	return NULL;
}

/* Whatever is read while it changes, what is sent is authentic: no record fails at the peer. */
static void test_vmsplice_changed(void **state)
{
	struct scribbler s = { .len = 65536 };
	static uint8_t got[65536];
	struct iovec iov = { .iov_len = s.len };
	pthread_t thread;
	int fds[2], pipes[2];

	(void)state;
	s.pages = some_pages(s.len);
	iov.iov_base = s.pages;
	flow_pair(fds);
	pipe_of(pipes, (int)s.len);
	t_thread(&thread, scribble, &s);
	for (int i = 0; i < 40; i++) {
		size_t left = s.len;

		assert_int_equal(SYS(vmsplice(pipes[1], &iov, 1, 0)), s.len);
		while (left) {
			ssize_t n = SYS(splice(pipes[0], NULL, fds[0], NULL, left, 0));

			left -= (size_t)n;
			t_recv(fds[1], got, (size_t)n);
			for (ssize_t j = 0; j < n; j++)
				if (got[j] > 1)
					fail_msg("byte %zd is %u", j, got[j]);
		}
	}
	atomic_store(&s.stop, true);
	t_join(thread);
	t_expect_error(fds[1], KSC_STATUS_OK, 0);
	t_exchange(fds[0], fds[1]);
	pipe_close(pipes);
	flow_close(fds);
	munmap(s.pages, s.len);
}

/* The same with a file that is written to while it is sent. */
static void test_sendfile_changed(void **state)
{
	struct scribbler s = { .len = 65536 };
	static uint8_t got[65536];
	int fds[2], file;
	pthread_t thread;

	(void)state;
	file = memfd_with(got, sizeof(got));
	s.pages = mmap(NULL, s.len, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	assert_true(s.pages != MAP_FAILED);
	flow_pair(fds);
	t_thread(&thread, scribble, &s);
	for (int i = 0; i < 40; i++) {
		off_t offset = 0;

		while ((size_t)offset < s.len) {
			off_t before = offset;

			SYS(sendfile(fds[0], file, &offset, s.len - (size_t)offset));
			t_recv(fds[1], got, (size_t)(offset - before));
		}
	}
	atomic_store(&s.stop, true);
	t_join(thread);
	t_expect_error(fds[1], KSC_STATUS_OK, 0);
	t_exchange(fds[0], fds[1]);
	munmap(s.pages, s.len);
	close(file);
	flow_close(fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sendfile),
		cmocka_unit_test(test_sendfile_small),
		cmocka_unit_test(test_sendfile_beyond),
		T_CASE("sendfile, non-blocking", test_sendfile_nonblock, 100000),
		T_CASE("sendfile, non-blocking, small buffers", test_sendfile_nonblock, 8192),
		cmocka_unit_test(test_from_pipe),
		cmocka_unit_test(test_more),
		cmocka_unit_test(test_full_pipe),
		cmocka_unit_test(test_nothing),
		T_CASE("relay", test_relay, 0),
		T_CASE("relay, small buffers", test_relay, 8192),
		cmocka_unit_test(test_to_file),
		T_CASE("vmsplice", test_vmsplice, 0),
		T_CASE("vmsplice, SPLICE_F_GIFT", test_vmsplice, SPLICE_F_GIFT),
		cmocka_unit_test(test_vmsplice_changed),
		cmocka_unit_test(test_sendfile_changed),
	};

	return T_RUN(tests);
}
