// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading and writing: every call and flag behaves as on a TCP socket. What poll() and its like
 * say is for t_ready.c.
 */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/held.h"
#include "lib/net.h"
#include "lib/peer.h"

static void close_pair(int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

static void test_dontwait(void **state)
{
	int fds[2];
	char c;

	(void)state;
	t_pair(AF_INET, fds);
	t_exchange(fds[0], fds[1]);
	FAILS(recv(fds[0], &c, 1, MSG_DONTWAIT), EAGAIN);
	t_nonblock(fds[0], true);
	FAILS(recv(fds[0], &c, 1, 0), EAGAIN);
	FAILS(read(fds[0], &c, 1), EAGAIN);
	t_send(fds[1], "x", 1);
	t_wait(fds[0], POLLIN);
	assert_int_equal(SYS(recv(fds[0], &c, 1, 0)), 1);
	assert_int_equal(c, 'x');
	close_pair(fds);
}

static void test_peek(void **state)
{
	char buf[16] = "";
	int fds[2], available = 0;

	(void)state;
	t_pair(AF_INET, fds);
	t_send(fds[0], "one", 3);
	assert_int_equal(SYS(recv(fds[1], buf, sizeof(buf), MSG_PEEK)), 3);
	assert_memory_equal(buf, "one", 3);
	assert_int_equal(SYS(recv(fds[1], buf, 2, MSG_PEEK)), 2);
	SYS(ioctl(fds[1], FIONREAD, &available));
	assert_int_equal(available, 3);
	assert_int_equal(SYS(recv(fds[1], buf, 1, 0)), 1);
	assert_int_equal(SYS(recv(fds[1], buf, sizeof(buf), MSG_PEEK)), 2);
	assert_memory_equal(buf, "ne", 2);
	/* a peek that waits for more than one record holds */
	t_send(fds[0], "two", 3);
	assert_int_equal(SYS(recv(fds[1], buf, 5, MSG_PEEK | MSG_WAITALL)), 5);
	assert_memory_equal(buf, "netwo", 5);
	t_expect(fds[1], "netwo");
	FAILS(recv(fds[1], buf, 1, MSG_PEEK | MSG_DONTWAIT), EAGAIN);
	close_pair(fds);
}

struct sender {
	int fd;
	ssize_t ret;
};

static void *send_piecewise(void *arg)
{
	struct sender *sender = arg;

	for (const char *p = "piece by piece"; *p; p++) {
		sender->ret = send(sender->fd, p, 1, 0);
		if (sender->ret != 1)
			break;
	}
	return NULL;
}

static void test_waitall(void **state)
{
	struct sender sender;
	char buf[15] = "";
	pthread_t thread;
	int fds[2];

	(void)state;
	t_pair(AF_INET, fds);
	sender.fd = fds[0];
	t_thread(&thread, send_piecewise, &sender);
	assert_int_equal(SYS(recv(fds[1], buf, 14, MSG_WAITALL)), 14);
	assert_string_equal(buf, "piece by piece");
	t_join(thread);
	assert_int_equal(sender.ret, 1);
	/* the end of the data ends the wait */
	t_send(fds[0], "last", 4);
	SYS(shutdown(fds[0], SHUT_WR));
	assert_int_equal(SYS(recv(fds[1], buf, 14, MSG_WAITALL)), 4);
	close_pair(fds);
}

/* Without MSG_WAITALL recv() returns what is available, even from several records. */
static void test_short_read(void **state)
{
	char buf[64];
	int fds[2];

	(void)state;
	t_pair(AF_INET, fds);
	t_send(fds[0], "abc", 3);
	t_send(fds[0], "def", 3);
	assert_int_equal(SYS(recv(fds[1], buf, 6, MSG_WAITALL | MSG_PEEK)), 6);
	assert_int_equal(SYS(recv(fds[1], buf, sizeof(buf), 0)), 6);
	assert_memory_equal(buf, "abcdef", 6);
	close_pair(fds);
}

/* Data that is sent with MSG_MORE waits for more, and is sent at the latest at the end. */
static void test_more(void **state)
{
	const struct peer_conf conf = { .library = PEER_OPENSSL, .server = true };
	struct peer_records records;
	int64_t since, took;
	const int on = 1;

	(void)state;
	do {
		struct peer peer = { .arg = &records };
		int fd = peer_serve(&peer, &conf, peer_note_records);

		/* data without MSG_MORE does not wait for an acknowledgment */
		SYS(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
		since = t_ticks_ms();
		assert_int_equal(SYS(send(fd, "in ", 3, MSG_MORE)), 3);
		assert_int_equal(SYS(send(fd, "one ", 4, MSG_MORE)), 4);
		assert_int_equal(SYS(send(fd, "go", 2, 0)), 2);
		took = t_ticks_ms() - since;
		assert_int_equal(SYS(send(fd, "held", 4, MSG_MORE)), 4);
		SYS(shutdown(fd, SHUT_WR));
		t_expect_eof(fd);
		close(fd);
		peer_join(&peer);
		/* it is not held forever */
	} while (took >= HELD_MS);
	assert_string_equal(records.text, "in one go|held|");
}

static void test_vectors(void **state)
{
	char one[4] = "", two[4] = "", three[8] = "";
	struct iovec out[] = { { "vec", 3 }, { "", 0 }, { "tors", 4 }, { "!", 1 } };
	struct iovec in[] = { { one, 2 }, { two, 0 }, { three, 6 } };
	struct mmsghdr batch[2] = { { .msg_hdr = { .msg_iov = &out[0], .msg_iovlen = 1 } },
				    { .msg_hdr = { .msg_iov = &out[2], .msg_iovlen = 1 } } };
	int fds[2];

	(void)state;
	t_pair(AF_INET, fds);
	assert_int_equal(SYS(writev(fds[0], out, 4)), 8);
	assert_int_equal(SYS(readv(fds[1], in, 3)), 8);
	assert_string_equal(one, "ve");
	assert_string_equal(two, "");
	assert_memory_equal(three, "ctors!", 6);
	assert_int_equal(SYS(sendmmsg(fds[0], batch, 2, 0)), 2);
	t_expect(fds[1], "vectors");
	assert_int_equal(SYS(writev(fds[0], &out[1], 1)), 0);
	assert_int_equal(SYS(write(fds[0], "w", 1)), 1);
	assert_int_equal(SYS(read(fds[1], one, 4)), 1);
	close_pair(fds);
}

static void test_bad_address(void **state)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fds[2];

	(void)state;
	assert_true(page != MAP_FAILED);
	SYS(mprotect(page + 4096, 4096, PROT_NONE));
	t_pair(AF_INET, fds);
	FAILS(send(fds[0], page + 4096, 10, 0), EFAULT);
	t_send(fds[0], "intact", 6);
	FAILS(recv(fds[1], page + 4096, 6, 0), EFAULT);
	/* what could not be delivered is still there */
	t_expect(fds[1], "intact");
	t_exchange(fds[0], fds[1]);
	munmap(page, 8192);
	close_pair(fds);
}

/* Case 36. */
static void case_36_sizes(void **state)
{
	static const size_t sizes[] = { 0, 1, 16383, 16384, 16385, 1048576 };
	static uint8_t out[1048576], in[1048576];
	const struct peer_conf conf = { .library = PEER_OPENSSL, .server = true };
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fd;

	(void)state;
	peer_accept(&peer, &conf, listener, peer_echo);
	fd = t_connect(&addr, &t_client);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t back = 0, gone = 0;

		t_fill(out, sizes[i], i);
		if (!sizes[i]) {
			assert_int_equal(SYS(send(fd, out, 0, 0)), 0);
			assert_int_equal(SYS(write(fd, out, 0)), 0);
		}
		/* the peer echoes while we send: read when sending would block */
		while (gone < sizes[i]) {
			ssize_t n = send(fd, out + gone, sizes[i] - gone, MSG_DONTWAIT);

			if (n >= 0) {
				gone += (size_t)n;
				continue;
			}
			assert_int_equal(errno, EAGAIN);
			t_wait(fd, POLLIN | POLLOUT);
			n = recv(fd, in + back, sizes[i] - back, MSG_DONTWAIT);
			if (n >= 0)
				back += (size_t)n;
		}
		t_recv(fd, in + back, sizes[i] - back);
		assert_memory_equal(in, out, sizes[i]);
	}
	close(fd);
	peer_join(&peer);
	close(listener);
}

static void *send_megabyte(void *arg)
{
	static uint8_t data[1048576];
	struct sender *sender = arg;

	t_fill(data, sizeof(data), 11);
	sender->ret = send(sender->fd, data, sizeof(data), 0);
	return NULL;
}

/* A blocking send takes all of it, however long that takes. */
static void test_blocking_send(void **state)
{
	static uint8_t want[1048576], got[1048576];
	struct sender sender;
	pthread_t thread;
	int fds[2];

	(void)state;
	t_pair(AF_INET, fds);
	sender.fd = fds[1];
	t_thread(&thread, send_megabyte, &sender);
	t_recv(fds[0], got, sizeof(got));
	t_join(thread);
	assert_int_equal(sender.ret, sizeof(want));
	t_fill(want, sizeof(want), 11);
	assert_memory_equal(got, want, sizeof(want));
	close_pair(fds);
}

static void test_sendfile(void **state)
{
	static uint8_t want[200000], got[200000];
	int file, fds[2];
	off_t offset = 0;

	(void)state;
	file = (int)SYS(memfd_create("file", MFD_CLOEXEC));
	t_fill(want, sizeof(want), 13);
	assert_int_equal(SYS(write(file, want, sizeof(want))), sizeof(want));
	t_pair(AF_INET, fds);
	t_nonblock(fds[0], true);
	for (size_t back = 0; back < sizeof(want);) {
		ssize_t n = sendfile(fds[0], file, &offset, sizeof(want) - (size_t)offset);

		if (n < 0)
			assert_int_equal(errno, EAGAIN);
		n = recv(fds[1], got + back, sizeof(got) - back,
			 (size_t)offset == sizeof(want) ? 0 : MSG_DONTWAIT);
		if (n < 0)
			assert_int_equal(errno, EAGAIN);
		else
			back += (size_t)n;
	}
	assert_memory_equal(got, want, sizeof(want));
	close(file);
	close_pair(fds);
}

static void test_fork(void **state)
{
	int fds[2], status;
	pid_t pid;

	(void)state;
	t_pair(AF_INET, fds);
	t_exchange(fds[0], fds[1]);
	pid = (pid_t)SYS(fork());
	if (!pid) {
		char buf[8];

		/* the child goes on with the same connection, and its end does not close it */
		_exit(send(fds[0], "child", 5, 0) == 5 && recv(fds[0], buf, 2, 0) == 2 ? 0 : 1);
	}
	t_expect(fds[1], "child");
	t_send(fds[1], "ok", 2);
	SYS(waitpid(pid, &status, 0));
	assert_int_equal(status, 0);
	t_exchange(fds[0], fds[1]);
	close_pair(fds);
}

static void send_fd(int via, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = "", byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	SYS(sendmsg(via, &msg, 0));
}

static int recv_fd(int via)
{
	char control[CMSG_SPACE(sizeof(int))] = "", byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	int fd = -1;

	if (recvmsg(via, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

static void test_pass_fd(void **state)
{
	int fds[2], via[2], status;
	pid_t pid;

	(void)state;
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, via));
	pid = (pid_t)SYS(fork());
	if (!pid) {
		int fd = recv_fd(via[1]);
		char buf[8];

		_exit(fd >= 0 && recv(fd, buf, 5, MSG_WAITALL) == 5 && send(fd, buf, 5, 0) == 5 ?
			      0 :
			      1);
	}
	t_pair(AF_INET, fds);
	send_fd(via[0], fds[1]);
	close(fds[1]);
	t_send(fds[0], "hello", 5);
	t_expect(fds[0], "hello");
	SYS(waitpid(pid, &status, 0));
	assert_int_equal(status, 0);
	t_expect_eof(fds[0]);
	close(fds[0]);
	close(via[0]);
	close(via[1]);
}

static void test_dup(void **state)
{
	int fds[2], copy;

	(void)state;
	t_pair(AF_INET, fds);
	copy = (int)SYS(dup(fds[0]));
	close(fds[0]);
	t_exchange(copy, fds[1]);
	close(copy);
	t_expect_eof(fds[1]);
	close(fds[1]);
}

/* Ways around the protection that TCP has: each does the right thing or nothing. */
static void test_no_way_around(void **state)
{
	struct tcp_zerocopy_receive zc = { 0 };
	socklen_t len = sizeof(zc);
	int fds[2], on = 1, pipes[2];
	char buf[64] = "";
	ssize_t n;
	void *map;

	(void)state;
	t_pair(AF_INET, fds);
	assert_true(send(fds[0], "!", 1, MSG_OOB) < 0);
	t_exchange(fds[0], fds[1]);

	t_send(fds[0], "by pipe", 7);
	t_wait(fds[1], POLLIN);
	SYS(pipe2(pipes, O_CLOEXEC | O_NONBLOCK));
	n = splice(fds[1], NULL, pipes[1], NULL, 7, SPLICE_F_NONBLOCK);
	if (n > 0) {
		assert_int_equal(SYS(read(pipes[0], buf, sizeof(buf))), n);
		assert_memory_equal(buf, "by pipe", n);
	} else {
		n = 0;
	}
	t_expect(fds[1], &"by pipe"[n]);
	close(pipes[0]);
	close(pipes[1]);

	t_send(fds[0], "by map", 6);
	t_wait(fds[1], POLLIN);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fds[1], 0);
	if (map != MAP_FAILED) {
		zc.address = (uintptr_t)map;
		zc.length = 4096;
		if (!getsockopt(fds[1], IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, &zc, &len))
			assert_int_equal(zc.length, 0);
		munmap(map, 4096);
	}
	t_expect(fds[1], "by map");

	/* plaintext must not be put into TCP's queues either */
	if (!setsockopt(fds[0], IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on))) {
		on = 0;
		SYS(setsockopt(fds[0], IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)));
	}
	t_exchange(fds[0], fds[1]);
	close_pair(fds);
}

static void test_truncating(void **state)
{
	int fds[2];

	(void)state;
	t_pair(AF_INET, fds);
	t_send(fds[0], "dropkept", 8);
	assert_int_equal(SYS(recv(fds[1], NULL, 0, 0)), 0);
	/* TCP drops what MSG_TRUNC asks for; a socket that cannot must say so */
	if (recv(fds[1], NULL, 4, MSG_TRUNC | MSG_WAITALL) < 0)
		t_expect(fds[1], "drop");
	t_expect(fds[1], "kept");
	close_pair(fds);
}

static void test_tcp_options(void **state)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	struct sockaddr_storage a, b;
	char name[16] = "";
	int fds[2], value;

	(void)state;
	t_pair(AF_INET6, fds);
	SYS(getsockopt(fds[0], IPPROTO_TCP, TCP_INFO, &info, &len));
	assert_int_equal(info.tcpi_state, TCP_ESTABLISHED);
	value = 1;
	SYS(setsockopt(fds[0], IPPROTO_TCP, TCP_NODELAY, &value, sizeof(value)));
	value = 0;
	len = sizeof(value);
	SYS(getsockopt(fds[0], IPPROTO_TCP, TCP_NODELAY, &value, &len));
	assert_int_equal(value, 1);
	len = sizeof(name);
	SYS(getsockopt(fds[1], IPPROTO_TCP, TCP_ULP, name, &len));
	assert_string_equal(name, KSC_ULP_NAME);
	len = sizeof(value);
	SYS(getsockopt(fds[1], SOL_SOCKET, SO_PROTOCOL, &value, &len));
	assert_int_equal(value, IPPROTO_TCP);
	len = sizeof(a);
	SYS(getsockname(fds[0], (struct sockaddr *)&a, &len));
	len = sizeof(b);
	SYS(getpeername(fds[1], (struct sockaddr *)&b, &len));
	assert_memory_equal(&a, &b, sizeof(struct sockaddr_in6));
	close_pair(fds);
}

static void *receive_and_count(void *arg)
{
	struct sender *reader = arg;
	static uint8_t buf[65536];
	ssize_t n;

	reader->ret = 0;
	while ((n = recv(reader->fd, buf, sizeof(buf), 0)) > 0)
		reader->ret += n;
	if (n < 0)
		reader->ret = -errno;
	return NULL;
}

/* Sending and receiving on one socket at the same time, both ends. */
static void test_both_ways(void **state)
{
	struct sender a = { 0 }, b = { 0 };
	static uint8_t chunk[40000];
	pthread_t threads[2];
	int fds[2];

	(void)state;
	t_pair(AF_INET, fds);
	a.fd = fds[0];
	b.fd = fds[1];
	t_thread(&threads[0], receive_and_count, &a);
	t_thread(&threads[1], receive_and_count, &b);
	for (int i = 0; i < 50; i++) {
		t_send(fds[0], chunk, sizeof(chunk));
		t_send(fds[1], chunk, sizeof(chunk));
	}
	SYS(shutdown(fds[0], SHUT_WR));
	SYS(shutdown(fds[1], SHUT_WR));
	t_join(threads[0]);
	t_join(threads[1]);
	assert_int_equal(a.ret, 50 * sizeof(chunk));
	assert_int_equal(b.ret, 50 * sizeof(chunk));
	close_pair(fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dontwait),
		cmocka_unit_test(test_peek),
		cmocka_unit_test(test_waitall),
		cmocka_unit_test(test_short_read),
		cmocka_unit_test(test_more),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_bad_address),
		cmocka_unit_test(case_36_sizes),
		cmocka_unit_test(test_blocking_send),
		cmocka_unit_test(test_sendfile),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_pass_fd),
		cmocka_unit_test(test_dup),
		cmocka_unit_test(test_no_way_around),
		cmocka_unit_test(test_truncating),
		cmocka_unit_test(test_tcp_options),
		cmocka_unit_test(test_both_ways),
	};

	return T_RUN(tests);
}
