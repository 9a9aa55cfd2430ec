// SPDX-License-Identifier: GPL-2.0-only
/* io_uring on a protected socket: every operation works or fails cleanly. */
#include <fcntl.h>
#include <liburing.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/flow.h"
#include "lib/raw.h"

static struct io_uring ring;

/*
 * Completions come when they are asked for: else the kernel interrupts system calls to post
 * them, and those of the tests have timeouts, with which nothing is restarted.
 */
static int open_ring(void)
{
	int err = io_uring_queue_init(64, &ring, IORING_SETUP_SINGLE_ISSUER |
				      IORING_SETUP_DEFER_TASKRUN);

	if (err)
		print_error("io_uring: %s\n", strerror(-err));
	return err;
}

static struct io_uring_sqe *sqe(uint64_t data)
{
	struct io_uring_sqe *s = io_uring_get_sqe(&ring);

	assert_non_null(s);
	io_uring_sqe_set_data64(s, data);
	return s;
}

/**
 * struct completion - of a struct io_uring_cqe what is looked at
 * @user_data: which request it is of
 * @res: its result
 * @flags: IORING_CQE_F_*
 */
struct completion {
	uint64_t user_data;
	int res;
	unsigned int flags;
};

/* The next one; what was not looked at is gone afterwards. */
static struct completion next(void)
{
	struct __kernel_timespec ts = { .tv_sec = PATIENCE_S };
	struct io_uring_cqe *cqe;
	struct completion copy;
	int err = io_uring_wait_cqe_timeout(&ring, &cqe, &ts);

	if (err)
		fail_msg("no completion: %s", strerror(-err));
	copy = (struct completion){ cqe->user_data, cqe->res, cqe->flags };
	io_uring_cqe_seen(&ring, cqe);
	return copy;
}

static void prep(struct io_uring_sqe *s, int op, int fd, void *buf, size_t len, int flags)
{
	uint64_t data = s->user_data;

	if (op == IORING_OP_SEND)
		io_uring_prep_send(s, fd, buf, len, flags);
	else
		io_uring_prep_recv(s, fd, buf, len, flags);
	io_uring_sqe_set_data64(s, data);
}

static int64_t run(int op, int fd, void *buf, size_t len, int flags, uint16_t ioprio)
{
	struct io_uring_sqe *s = sqe(1);

	prep(s, op, fd, buf, len, flags);
	s->ioprio |= ioprio;
	SYS(io_uring_submit(&ring));
	return next().res;
}

/* Data both ways, both ends by io_uring in one thread: full buffers and empty ones. */
static void test_both(void **state)
{
	const uint16_t ioprio = (uint16_t)(uintptr_t)*state;
	const size_t total = 500000, chunk = 30000;
	static uint8_t in[2][30000];
	size_t sent[2] = { 0 }, got[2] = { 0 };
	int fds[2], under_way = 0;

	flow_pair(fds);
	flow_small_buffers(fds, 20000);
	for (unsigned int i = 0; i < 4; i++) {
		struct io_uring_sqe *s = sqe(i);

		prep(s, i < 2 ? IORING_OP_SEND : IORING_OP_RECV, fds[i % 2],
		     i < 2 ? (void *)flow_data(i) : in[i % 2], chunk, 0);
		s->ioprio |= ioprio;
		under_way++;
	}
	while (under_way) {
		struct completion cqe;
		size_t end, left, n;
		struct io_uring_sqe *s;

		SYS(io_uring_submit(&ring));
		cqe = next();
		under_way--;
		end = cqe.user_data % 2;
		if (cqe.res <= 0)
			fail_msg("%s %zu: %s", cqe.user_data < 2 ? "send" : "recv", end,
				 strerror(-cqe.res));
		n = (size_t)cqe.res;
		if (cqe.user_data < 2) {
			sent[end] += n;
			left = total - sent[end];
		} else {
			assert_memory_equal(in[end], flow_data(!end) + got[end], n);
			got[end] += n;
			left = total - got[end];
		}
		if (!left)
			continue;
		s = sqe(cqe.user_data);
		left = left < chunk ? left : chunk;
		if (cqe.user_data < 2)
			prep(s, IORING_OP_SEND, fds[end], (void *)(flow_data(end) + sent[end]),
			     left, 0);
		else
			prep(s, IORING_OP_RECV, fds[end], in[end], left, 0);
		s->ioprio |= ioprio;
		under_way++;
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(sent[i], total);
		assert_int_equal(got[i], total);
	}
	t_exchange(fds[0], fds[1]);
	flow_close(fds);
}

/* One request for much, with MSG_WAITALL: it is retried until it is done. */
static void test_waitall(void **state)
{
	static uint8_t got[FLOW_MAX];
	struct flow in = { .data = flow_data(0), .len = FLOW_MAX, .step = 9999 };
	struct flow out = { .data = flow_data(1), .len = FLOW_MAX, .step = 9999 };
	int fds[2];

	(void)state;
	flow_pair(fds);
	flow_small_buffers(fds, 20000);
	in.fd = fds[1];
	flow_recv(&in);
	assert_int_equal(run(IORING_OP_SEND, fds[0], (void *)flow_data(0), FLOW_MAX, MSG_WAITALL,
			     0), FLOW_MAX);
	flow_join(&in);
	out.fd = fds[1];
	flow_send(&out);
	assert_int_equal(run(IORING_OP_RECV, fds[0], got, FLOW_MAX, MSG_WAITALL, 0), FLOW_MAX);
	flow_join(&out);
	assert_memory_equal(got, flow_data(1), FLOW_MAX);
	flow_close(fds);
}

static void test_messages(void **state)
{
	char a[4] = "", b[8] = "";
	struct iovec out[] = { { "io", 2 }, { "", 0 }, { "_uring", 6 } };
	struct iovec in[] = { { a, 3 }, { b, 5 } };
	struct msghdr to = { .msg_iov = out, .msg_iovlen = 3 };
	struct msghdr from = { .msg_iov = in, .msg_iovlen = 2 };
	struct io_uring_sqe *s;
	int fds[2];

	(void)state;
	flow_pair(fds);
	s = sqe(0);
	io_uring_prep_recvmsg(s, fds[1], &from, 0);
	io_uring_sqe_set_data64(s, 2);
	SYS(io_uring_submit(&ring));
	s = sqe(0);
	io_uring_prep_sendmsg(s, fds[0], &to, 0);
	io_uring_sqe_set_data64(s, 1);
	SYS(io_uring_submit(&ring));
	for (int i = 0; i < 2; i++)
		assert_int_equal(next().res, 8);
	assert_memory_equal(a, "io_", 3);
	assert_memory_equal(b, "uring", 5);
	/* read and write are the same thing */
	s = sqe(0);
	io_uring_prep_write(s, fds[1], "written", 7, 0);
	SYS(io_uring_submit(&ring));
	assert_int_equal(next().res, 7);
	s = sqe(0);
	io_uring_prep_read(s, fds[0], b, 7, 0);
	SYS(io_uring_submit(&ring));
	assert_int_equal(next().res, 7);
	assert_memory_equal(b, "written", 7);
	flow_close(fds);
}

/* Zero-copy sends would encrypt data that changes: refused, and nothing is sent. */
static void test_zero_copy(void **state)
{
	struct iovec iov = { "zero", 4 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[2];

	(void)state;
	flow_pair(fds);
	for (int i = 0; i < 2; i++) {
		struct io_uring_sqe *s = sqe(0);
		struct completion cqe;

		if (i)
			io_uring_prep_sendmsg_zc(s, fds[0], &msg, 0);
		else
			io_uring_prep_send_zc(s, fds[0], "zero", 4, 0, 0);
		SYS(io_uring_submit(&ring));
		cqe = next();
		if (cqe.res == -EINVAL && i)
			/* this kernel has no such request */
			break;
		assert_int_equal(cqe.res, -EOPNOTSUPP);
		/* and the notification that the memory is free */
		if (cqe.flags & IORING_CQE_F_MORE)
			assert_true(next().flags & IORING_CQE_F_NOTIF);
	}
	t_exchange(fds[0], fds[1]);
	flow_close(fds);
}

#define BUFFERS 16
#define BUFFER 5000

/* One request that completes again and again, with buffers from a ring. */
static void test_multishot(void **state)
{
	static uint8_t buffers[BUFFERS][BUFFER];
	struct flow out = { .data = flow_data(2), .len = 300000, .step = 11111, .pause_ms = 1 };
	struct io_uring_buf_reg reg = { .ring_entries = BUFFERS, .bgid = 1 };
	const int mask = io_uring_buf_ring_mask(BUFFERS);
	struct io_uring_buf_ring *br;
	struct completion cqe = { 0 };
	size_t got = 0;
	int fds[2];

	(void)state;
	br = aligned_alloc(4096, 4096);
	assert_non_null(br);
	memset(br, 0, 4096);
	reg.ring_addr = (uintptr_t)br;
	assert_int_equal(io_uring_register_buf_ring(&ring, &reg, 0), 0);
	io_uring_buf_ring_init(br);
	for (int i = 0; i < BUFFERS; i++)
		io_uring_buf_ring_add(br, buffers[i], BUFFER, (unsigned short)i, mask, i);
	io_uring_buf_ring_advance(br, BUFFERS);
	flow_pair(fds);
	out.fd = fds[0];
	flow_send(&out);
	while (got < out.len) {
		unsigned int id;

		if (!(cqe.flags & IORING_CQE_F_MORE)) {
			struct io_uring_sqe *s = sqe(7);

			io_uring_prep_recv_multishot(s, fds[1], NULL, 0, 0);
			s->flags |= IOSQE_BUFFER_SELECT;
			s->buf_group = 1;
			SYS(io_uring_submit(&ring));
		}
		cqe = next();
		/* all buffers were in use */
		if (cqe.res == -ENOBUFS)
			continue;
		if (cqe.res <= 0)
			fail_msg("recv: %s", strerror(-cqe.res));
		assert_true(cqe.flags & IORING_CQE_F_BUFFER);
		id = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
		assert_memory_equal(buffers[id], out.data + got, (size_t)cqe.res);
		got += (size_t)cqe.res;
		io_uring_buf_ring_add(br, buffers[id], BUFFER, (unsigned short)id, mask, 0);
		io_uring_buf_ring_advance(br, 1);
	}
	flow_join(&out);
	SYS(shutdown(fds[0], SHUT_WR));
	/* the end is a completion of its own, and the last */
	if (!(cqe.flags & IORING_CQE_F_MORE)) {
		assert_int_equal(run(IORING_OP_RECV, fds[1], buffers[0], 1, 0, 0), 0);
	} else {
		do {
			cqe = next();
		} while (cqe.res == -ENOBUFS && cqe.flags & IORING_CQE_F_MORE);
		assert_int_equal(cqe.res, 0);
		assert_false(cqe.flags & IORING_CQE_F_MORE);
	}
	flow_close(fds);
	io_uring_unregister_buf_ring(&ring, 1);
	free(br);
}

/* A request that waits is taken back: what comes later is for the next. */
static void test_cancel(void **state)
{
	char buf[8] = "";
	int fds[2], ends = 0;

	(void)state;
	flow_pair(fds);
	for (int i = 0; i < 10; i++) {
		struct io_uring_sqe *s = sqe(5);

		prep(s, IORING_OP_RECV, fds[1], buf, 5, 0);
		SYS(io_uring_submit(&ring));
		s = sqe(6);
		io_uring_prep_cancel64(s, 5, 0);
		io_uring_sqe_set_data64(s, 6);
		SYS(io_uring_submit(&ring));
		for (ends = 0; ends < 2; ends++) {
			struct completion cqe = next();

			assert_int_equal(cqe.res, cqe.user_data == 5 ? -ECANCELED : 0);
		}
		t_send(fds[0], "later", 5);
		t_expect(fds[1], "later");
	}
	flow_close(fds);
}

/* Requests that are linked: the answer is written, then the next question is read. */
static void test_linked(void **state)
{
	char buf[8] = "";
	int fds[2];

	(void)state;
	flow_pair(fds);
	for (int i = 0; i < 10; i++) {
		struct io_uring_sqe *s = sqe(1);

		prep(s, IORING_OP_SEND, fds[0], "answer", 6, 0);
		s->flags |= IOSQE_IO_LINK;
		prep(sqe(2), IORING_OP_RECV, fds[0], buf, 8, MSG_WAITALL);
		SYS(io_uring_submit(&ring));
		t_expect(fds[1], "answer");
		t_send(fds[1], "question", 8);
		assert_int_equal(next().res, 6);
		assert_int_equal(next().res, 8);
		assert_memory_equal(buf, "question", 8);
	}
	flow_close(fds);
}

/* Both directions of a proxy, by IORING_OP_SPLICE, which runs where it may block. */
static void test_splice(void **state)
{
	struct flow out = { .data = flow_data(0), .len = 200000 }, in = out;
	int left[2], right[2], pipes[2];
	size_t done = 0;

	(void)state;
	flow_pair(left);
	flow_pair(right);
	SYS(pipe2(pipes, O_CLOEXEC));
	out.fd = left[0];
	in.fd = right[1];
	flow_send(&out);
	flow_recv(&in);
	while (done < out.len) {
		struct io_uring_sqe *s = sqe(0);
		int n;

		io_uring_prep_splice(s, left[1], -1, pipes[1], -1, 60000, 0);
		SYS(io_uring_submit(&ring));
		n = next().res;
		if (n <= 0)
			fail_msg("splice in: %s", strerror(-n));
		done += (size_t)n;
		while (n) {
			int m;

			s = sqe(0);
			io_uring_prep_splice(s, pipes[0], -1, right[0], -1, (unsigned int)n, 0);
			SYS(io_uring_submit(&ring));
			m = next().res;
			if (m <= 0)
				fail_msg("splice out: %s", strerror(-m));
			n -= m;
		}
	}
	flow_join(&out);
	flow_join(&in);
	close(pipes[0]);
	close(pipes[1]);
	flow_close(left);
	flow_close(right);
}

/* connect, accept and shutdown by io_uring: protected like others. */
static void test_connect(void **state)
{
	struct t_addr addr;
	int listener, fd, child = -1, ends;
	struct io_uring_sqe *s;

	(void)state;
	listener = t_listen(AF_INET, &t_server, &addr);
	fd = t_socket(AF_INET, &t_client);
	s = sqe(0);
	io_uring_prep_accept(s, listener, NULL, NULL, SOCK_CLOEXEC);
	io_uring_sqe_set_data64(s, 1);
	s = sqe(0);
	io_uring_prep_connect(s, fd, (struct sockaddr *)&addr.ss, addr.len);
	io_uring_sqe_set_data64(s, 2);
	SYS(io_uring_submit(&ring));
	for (ends = 0; ends < 2; ends++) {
		struct completion cqe = next();

		if (cqe.res < 0)
			fail_msg("request %d: %s", (int)cqe.user_data, strerror(-cqe.res));
		if (cqe.user_data == 1)
			child = cqe.res;
	}
	t_exchange(fd, child);
	s = sqe(0);
	io_uring_prep_shutdown(s, fd, SHUT_WR);
	SYS(io_uring_submit(&ring));
	assert_int_equal(next().res, 0);
	t_expect_eof(child);
	s = sqe(0);
	io_uring_prep_close(s, child);
	SYS(io_uring_submit(&ring));
	assert_int_equal(next().res, 0);
	t_expect_eof(fd);
	close(fd);
	close(listener);
}

/* A record of no data wakes a request that then waits on: of that the next is not told. */
static void test_empty_record(void **state)
{
	struct raw_keys keys = raw_keys(raw_13, 0, 0);
	union { struct cmsghdr align; uint8_t room[2 * CMSG_SPACE(1)]; } control = {};
	uint8_t in[16];
	struct iovec iov = { in, sizeof(in) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct io_uring_sqe *s = sqe(1);
	struct tcp_info info;
	socklen_t len = sizeof(info);
	struct cmsghdr *cmsg;
	int fds[2], left;

	raw_plain_pair(AF_INET, fds);
	raw_attach(fds[1], KSC_RAW_ULP_NAME);
	raw_set(fds[1], TLS_RX, &keys);
	(void)state;
	io_uring_prep_recvmsg(s, fds[1], &msg, 0);
	io_uring_sqe_set_data64(s, 1);
	SYS(io_uring_submit(&ring));
	raw_craft(fds[0], &keys, 0, RAW_DATA, NULL, 0, 0);
	/* the request has looked at it when it has come and is gone */
	do {
		SYS(io_uring_get_events(&ring));
		SYS(getsockopt(fds[1], IPPROTO_TCP, TCP_INFO, &info, &len));
		SYS(ioctl(fds[1], SIOCINQ, &left));
	} while (!info.tcpi_bytes_received || left);
	raw_craft(fds[0], &keys, 1, RAW_ALERT, "al", 2, 0);
	assert_int_equal(next().res, 2);
	assert_memory_equal(in, "al", 2);
	cmsg = CMSG_FIRSTHDR(&msg);
	assert_non_null(cmsg);
	assert_int_equal(*CMSG_DATA(cmsg), RAW_ALERT);
	assert_null(CMSG_NXTHDR(&msg, cmsg));
	raw_close(fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T_CASE("both ways", test_both, 0),
		T_CASE("both ways, IORING_RECVSEND_POLL_FIRST", test_both,
		       IORING_RECVSEND_POLL_FIRST),
		T_CASE("MSG_WAITALL", test_waitall, 0),
		T_CASE("messages", test_messages, 0),
		T_CASE("IORING_OP_SEND_ZC", test_zero_copy, 0),
		T_CASE("multishot", test_multishot, 0),
		T_CASE("cancel", test_cancel, 0),
		T_CASE("linked", test_linked, 0),
		T_CASE("splice", test_splice, 0),
		T_CASE("connect", test_connect, 0),
		T_CASE("an empty record, then an alert", test_empty_record, 0),
	};

	/*
	 * io_uring of 6.12 keeps what it allocated for a request, and takes KASAN's note in it
	 * for a pointer when it uses it again.
	 */
	if (t_kasan())
		return T_SKIP(tests, "io_uring does not stand KASAN");
	if (open_ring())
		return 1;
	return T_RUN(tests);
}
