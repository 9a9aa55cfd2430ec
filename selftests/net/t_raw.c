// SPDX-License-Identifier: GPL-2.0-only
/* Raw mode: what in-tree kTLS does, by itself and with in-tree kTLS at the other end. */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/raw.h"

#define OURS KSC_RAW_ULP_NAME

/* ---- the ULP ---- */

static void test_attach(void **state)
{
	struct sockaddr unspec = { .sa_family = AF_UNSPEC };
	int fd = t_plain(AF_INET), fds[2], v = 0;
	socklen_t len = sizeof(v);
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);

	(void)state;
	FAILS(setsockopt(fd, IPPROTO_TCP, TCP_ULP, OURS, sizeof(OURS)), ENOTCONN);
	FAILS(setsockopt(listener, IPPROTO_TCP, TCP_ULP, OURS, sizeof(OURS)), ENOTCONN);
	close(fd);
	close(listener);

	raw_plain_pair(AF_INET6, fds);
	raw_attach(fds[0], OURS);
	FAILS(setsockopt(fds[0], IPPROTO_TCP, TCP_ULP, OURS, sizeof(OURS)), EEXIST);
	FAILS(setsockopt(fds[0], IPPROTO_TCP, TCP_ULP, KSC_ULP_NAME, sizeof(KSC_ULP_NAME)),
	      EEXIST);
	/* nothing of managed mode here, nothing of raw mode there */
	FAILS(setsockopt(fds[0], SOL_KSCHANNEL, KSC_ROLE, &v, sizeof(v)), ENOPROTOOPT);
	FAILS(getsockopt(fds[0], SOL_KSCHANNEL, KSC_ERROR, &v, &len), ENOPROTOOPT);
	t_attach(fds[1]);
	FAILS(setsockopt(fds[1], SOL_TLS, TLS_TX, &v, sizeof(v)), ENOPROTOOPT);
	FAILS(getsockopt(fds[1], SOL_TLS, TLS_TX, &v, &len), ENOPROTOOPT);
	/* it can't become anything else */
	FAILS(connect(fds[0], &unspec, sizeof(unspec)), EOPNOTSUPP);
	SYS(shutdown(fds[0], SHUT_RDWR));
	close(fds[1]);
	FAILS(listen(fds[0], 1), EINVAL);
	close(fds[0]);
}

/* Without keys it is plain TCP, and each direction is for as long as it has none. */
static void test_directions(void **state)
{
	struct raw_keys keys = raw_keys(raw_13, 0, 0);
	char buf[64];
	int fds[2];

	(void)state;
	raw_plain_pair(AF_INET, fds);
	raw_attach(fds[0], OURS);
	t_exchange(fds[0], fds[1]);
	/* sending keys alone: what comes is still plain */
	raw_set(fds[0], TLS_TX, &keys);
	t_send(fds[1], "plain", 5);
	t_expect(fds[0], "plain");
	t_send(fds[0], "secret", 6);
	assert_int_equal(SYS(recv(fds[1], buf, sizeof(buf), 0)), 5 + 6 + 1 + 16);
	assert_memory_equal(buf, "\x17\x03\x03\x00\x17", 5);
	/* and what came before there are keys for it, is of the protected stream */
	t_send(fds[0], "more", 4);
	keys = raw_keys(raw_13, 0, 1);
	raw_attach(fds[1], OURS);
	raw_set(fds[1], TLS_RX, &keys);
	t_expect(fds[1], "more");
	raw_close(fds);
}

/* ---- data ---- */

static void transfer(int from, int to)
{
	static uint8_t out[3 * RAW_MAX + 77], in[sizeof(out)];
	static const size_t sizes[] = { 1, 15, 16, 17, 2000, 2048, 2049, RAW_MAX, sizeof(out) };
	uint8_t type;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		t_fill(out, sizes[i], i + 1);
		t_send(from, out, sizes[i]);
		t_recv(to, in, sizes[i]);
		assert_memory_equal(in, out, sizes[i]);
		/* a record of another type in between */
		assert_int_equal(SYS(raw_send(from, RAW_ALERT, out, 2, 0)), 2);
		FAILS(recv(to, in, sizeof(in), 0), EIO);
		assert_int_equal(SYS(raw_recv(to, &type, in, sizeof(in), 0)), 2);
		assert_int_equal(type, RAW_ALERT);
		assert_memory_equal(in, out, 2);
	}
}

static void all_suites(const char *ulp, const char *other)
{
	int fds[2], i;

	for (i = 0; i < RAW_SUITES; i++) {
		raw_pair(&raw_suites[i], ulp, other, fds);
		transfer(fds[0], fds[1]);
		transfer(fds[1], fds[0]);
		raw_close(fds);
	}
}

static void test_suites(void **state)
{
	uint64_t tx = tnl_counter(KSC_A_STATS_TX_RECORDS), rx = tnl_counter(KSC_A_STATS_RX_RECORDS);

	(void)state;
	all_suites(OURS, OURS);
	assert_true(tnl_counter(KSC_A_STATS_TX_RECORDS) >= tx + RAW_SUITES * 2UL * 21);
	assert_true(tnl_counter(KSC_A_STATS_RX_RECORDS) >= rx + RAW_SUITES * 2UL * 21);
}

static void test_in_tree(void **state)
{
	(void)state;
	if (!raw_have_in_tree())
		skip();
	all_suites(OURS, RAW_IN_TREE);
}

static void test_types(void **state)
{
	char buf[64];
	uint8_t type;
	int fds[2], p[2];

	(void)state;
	raw_pair(raw_13, OURS, OURS, fds);
	SYS(pipe(p));
	/* each call gives records of one type */
	t_send(fds[0], "one", 3);
	t_send(fds[0], "two", 3);
	SYS(raw_send(fds[0], 100, "ctl1", 4, 0));
	SYS(raw_send(fds[0], 100, "ctl2", 4, 0));
	t_send(fds[0], "end", 3);
	while (SYS(raw_recv(fds[1], &type, buf, sizeof(buf), MSG_PEEK)) < 6)
		;
	assert_int_equal(SYS(raw_recv(fds[1], &type, buf, sizeof(buf), 0)), 6);
	assert_int_equal(type, RAW_DATA);
	FAILS(recv(fds[1], buf, sizeof(buf), 0), EIO);
	FAILS(splice(fds[1], NULL, p[1], NULL, sizeof(buf), 0), EINVAL);
	/* one that is no data alone, and its rest with the same type */
	assert_int_equal(SYS(raw_recv(fds[1], &type, buf, 2, 0)), 2);
	assert_int_equal(type, 100);
	assert_int_equal(SYS(raw_recv(fds[1], &type, buf, sizeof(buf), 0)), 2);
	assert_int_equal(type, 100);
	assert_memory_equal(buf, "l1", 2);
	assert_int_equal(SYS(raw_recv(fds[1], &type, buf, sizeof(buf), MSG_WAITALL)), 4);
	assert_memory_equal(buf, "ctl2", 4);
	assert_int_equal(SYS(splice(fds[1], NULL, p[1], NULL, sizeof(buf), 0)), 3);
	FAILS(splice(fds[1], NULL, p[1], NULL, sizeof(buf), SPLICE_F_NONBLOCK), EAGAIN);
	t_nonblock(fds[1], true);
	FAILS(splice(fds[1], NULL, p[1], NULL, sizeof(buf), 0), EAGAIN);
	t_nonblock(fds[1], false);
	/* a type closes what MSG_MORE left open */
	SYS(send(fds[0], "open", 4, MSG_MORE));
	FAILS(recv(fds[1], buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	SYS(raw_send(fds[0], RAW_ALERT, "al", 2, 0));
	assert_int_equal(SYS(raw_recv(fds[1], &type, buf, sizeof(buf), 0)), 4);
	assert_int_equal(type, RAW_DATA);
	assert_int_equal(SYS(raw_recv(fds[1], &type, buf, sizeof(buf), 0)), 2);
	/* what sendmsg() does not take */
	FAILS(raw_send(fds[0], 100, "x", 1, MSG_MORE), EINVAL);
	FAILS(send(fds[0], "x", 1, MSG_MORE | MSG_EOR), EINVAL);
	FAILS(send(fds[0], "x", 1, MSG_OOB), EOPNOTSUPP);
	assert_int_equal(SYS(send(fds[0], "", 0, 0)), 0);
	t_exchange(fds[0], fds[1]);
	close(p[0]);
	close(p[1]);
	raw_close(fds);
}

/* A cmsg of this level that is not the known one, or is cut short. */
static void test_bad_cmsg(void **state)
{
	char control[CMSG_SPACE(1)] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { .iov_base = (void *)"x", .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = (struct cmsghdr *)(void *)control;
	int fds[2];

	(void)state;
	raw_pair(raw_13, OURS, OURS, fds);
	cmsg->cmsg_level = SOL_TLS;
	cmsg->cmsg_type = TLS_GET_RECORD_TYPE;
	cmsg->cmsg_len = CMSG_LEN(1);
	FAILS(sendmsg(fds[0], &msg, 0), EINVAL);
	cmsg->cmsg_type = TLS_SET_RECORD_TYPE;
	cmsg->cmsg_len = CMSG_LEN(0);
	FAILS(sendmsg(fds[0], &msg, 0), EINVAL);
	cmsg->cmsg_len = CMSG_LEN(1) + 100;
	FAILS(sendmsg(fds[0], &msg, 0), EINVAL);
	cmsg->cmsg_level = IPPROTO_UDP;
	cmsg->cmsg_len = CMSG_LEN(1);
	FAILS(sendmsg(fds[0], &msg, 0), EINVAL);
	t_exchange(fds[0], fds[1]);
	raw_close(fds);
}

/* Empty records, and padding, which the record layer removes. */
static void test_empty(void **state)
{
	struct raw_keys keys = raw_keys(raw_13, 0, 0);
	uint8_t big[RAW_MAX], in[RAW_MAX], type;
	union { struct cmsghdr align; uint8_t room[2 * CMSG_SPACE(1)]; } control;
	struct iovec iov = { in, sizeof(in) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg;
	int fds[2];

	(void)state;
	raw_plain_pair(AF_INET, fds);
	raw_attach(fds[1], OURS);
	raw_set(fds[1], TLS_RX, &keys);
	raw_craft(fds[0], &keys, 0, RAW_DATA, NULL, 0, 0);
	FAILS(recv(fds[1], in, sizeof(in), MSG_DONTWAIT), EAGAIN);
	raw_craft(fds[0], &keys, 1, RAW_DATA, NULL, 0, 100);
	raw_craft(fds[0], &keys, 2, RAW_DATA, "after", 5, 0);
	t_expect(fds[1], "after");
	/* an empty one is not the end, though what follows is of another type */
	raw_craft(fds[0], &keys, 3, RAW_DATA, NULL, 0, 0);
	raw_craft(fds[0], &keys, 4, RAW_ALERT, "al", 2, 300);
	t_await_acked(fds[0]);
	assert_int_equal(SYS(raw_recv(fds[1], &type, in, sizeof(in), MSG_PEEK)), 2);
	assert_int_equal(SYS(raw_recv(fds[1], &type, in, sizeof(in), 0)), 2);
	assert_int_equal(type, RAW_ALERT);
	/* nor by a call without room for the type; one that has it gets it before the other */
	raw_craft(fds[0], &keys, 5, RAW_DATA, NULL, 0, 0);
	raw_craft(fds[0], &keys, 6, RAW_ALERT, "al", 2, 0);
	t_await_acked(fds[0]);
	FAILS(recv(fds[1], in, sizeof(in), 0), EIO);
	assert_int_equal(SYS(raw_recv(fds[1], &type, in, sizeof(in), 0)), 2);
	raw_craft(fds[0], &keys, 7, RAW_DATA, NULL, 0, 0);
	raw_craft(fds[0], &keys, 8, RAW_DATA, NULL, 0, 0);
	raw_craft(fds[0], &keys, 9, RAW_ALERT, "al", 2, 0);
	t_await_acked(fds[0]);
	assert_int_equal(SYS(recvmsg(fds[1], &msg, 0)), 0);
	cmsg = CMSG_FIRSTHDR(&msg);
	assert_non_null(cmsg);
	assert_int_equal(*CMSG_DATA(cmsg), RAW_DATA);
	assert_null(CMSG_NXTHDR(&msg, cmsg));
	assert_int_equal(msg.msg_flags & (MSG_EOR | MSG_CTRUNC), MSG_EOR);
	assert_int_equal(SYS(raw_recv(fds[1], &type, in, sizeof(in), 0)), 2);
	assert_int_equal(type, RAW_ALERT);
	/* that it was there is forgotten when more has to be waited for */
	raw_craft(fds[0], &keys, 10, RAW_DATA, NULL, 0, 0);
	t_await_acked(fds[0]);
	FAILS(raw_recv(fds[1], &type, in, sizeof(in), MSG_DONTWAIT), EAGAIN);
	raw_craft(fds[0], &keys, 11, 99, NULL, 0, 0);
	assert_int_equal(SYS(raw_recv(fds[1], &type, in, sizeof(in), 0)), 0);
	assert_int_equal(type, 99);
	/* and after data it is nothing */
	raw_craft(fds[0], &keys, 12, RAW_DATA, "data", 4, 0);
	raw_craft(fds[0], &keys, 13, RAW_DATA, NULL, 0, 0);
	raw_craft(fds[0], &keys, 14, 99, NULL, 0, 0);
	assert_int_equal(SYS(raw_recv(fds[1], &type, in, sizeof(in), MSG_WAITALL)), 4);
	assert_int_equal(type, RAW_DATA);
	assert_int_equal(SYS(raw_recv(fds[1], &type, in, sizeof(in), 0)), 0);
	assert_int_equal(type, 99);
	/* as large as they may be */
	t_fill(big, sizeof(big), 1);
	raw_craft(fds[0], &keys, 15, RAW_DATA, big, sizeof(big), 0);
	t_recv(fds[1], in, sizeof(in));
	assert_memory_equal(in, big, sizeof(in));
	raw_craft(fds[0], &keys, 16, RAW_DATA, big, 1000, RAW_MAX - 1000);
	t_recv(fds[1], in, 1000);
	assert_memory_equal(in, big, 1000);
	/* no type at all */
	raw_craft(fds[0], &keys, 17, 0, NULL, 0, 50);
	FAILS(recv(fds[1], in, sizeof(in), 0), EBADMSG);
	raw_close(fds);
}

/* ---- what a peer may do wrong ---- */

static void expect_header_error(const void *header, int error)
{
	struct raw_keys keys = raw_keys(raw_13, 0, 0);
	char buf[64];
	int fds[2];

	raw_plain_pair(AF_INET, fds);
	raw_attach(fds[1], OURS);
	raw_set(fds[1], TLS_RX, &keys);
	raw_craft(fds[0], &keys, 0, RAW_DATA, "good", 4, 0);
	t_send(fds[0], header, 5);
	/* the valid record before it can still be read */
	t_expect(fds[1], "good");
	FAILS(recv(fds[1], buf, sizeof(buf), 0), error);
	FAILS(recv(fds[1], buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	raw_craft(fds[0], &keys, 1, RAW_DATA, "good", 4, 0);
	FAILS(recv(fds[1], buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	raw_close(fds);
}

static void test_bad_header(void **state)
{
	(void)state;
	expect_header_error("\x17\x03\x03\x40\x12", EMSGSIZE);
	expect_header_error("\x17\x03\x03\xff\xff", EMSGSIZE);
	expect_header_error("\x17\x03\x03\x00\x0f", EBADMSG);
	expect_header_error("\x17\x03\x01\x00\x20", EINVAL);
	expect_header_error("GET /", EINVAL);
}

static void test_bad_record(void **state)
{
	struct raw_keys keys = raw_keys(raw_13, 0, 0), next = raw_keys(raw_13, 1, 0);
	char buf[64];
	int fds[2], p[2], i;

	(void)state;
	raw_plain_pair(AF_INET, fds);
	raw_attach(fds[1], OURS);
	raw_set(fds[1], TLS_RX, &keys);
	raw_craft(fds[0], &keys, 0, RAW_DATA, "good", 4, 0);
	/* of the next keys: wrong as long as these are not there */
	raw_craft(fds[0], &next, 0, RAW_DATA, "next", 4, 0);
	assert_int_equal(SYS(recv(fds[1], buf, sizeof(buf), 0)), 4);
	for (i = 0; i < 3; i++)
		FAILS(recv(fds[1], buf, sizeof(buf), i ? 0 : MSG_PEEK), EBADMSG);
	SYS(pipe(p));
	FAILS(splice(fds[1], NULL, p[1], NULL, sizeof(buf), SPLICE_F_NONBLOCK), EBADMSG);
	close(p[0]);
	close(p[1]);
	assert_int_equal(t_so_error(fds[1]), EBADMSG);
	raw_set(fds[1], TLS_RX, &next);
	t_expect(fds[1], "next");
	raw_close(fds);
}

/* ---- readers from before the keys ---- */

static void *read_plain(void *arg)
{
	static uint8_t in[RAW_MAX / 2];

	return (void *)recv(*(int *)arg, in, sizeof(in), MSG_WAITALL);
}

/* A reader of plain TCP when keys are set takes ciphertext away, but corrupts nothing. */
static void test_before_keys(void **state)
{
	struct raw_keys keys = raw_keys(raw_13, 0, 0);
	static uint8_t out[RAW_MAX + 100];
	pthread_t thread;
	int fds[2];
	void *got;
	ssize_t n;

	(void)state;
	raw_plain_pair(AF_INET, fds);
	raw_attach(fds[0], OURS);
	raw_attach(fds[1], OURS);
	t_thread(&thread, read_plain, &fds[1]);
	/* when the first byte is gone, the reader waits for more */
	t_send(fds[0], "x", 1);
	t_await_acked(fds[0]);
	while (recv(fds[1], out, 1, MSG_PEEK | MSG_DONTWAIT) == 1)
		usleep(500);
	assert_int_equal(errno, EAGAIN);
	raw_set(fds[0], TLS_TX, &keys);
	raw_set(fds[1], TLS_RX, &keys);
	t_send(fds[0], out, sizeof(out));
	SYS(pthread_join(thread, &got));
	assert_int_equal((ssize_t)got, RAW_MAX / 2);
	/* what is left is no record, whatever comes after it */
	while ((n = recv(fds[1], out, sizeof(out), MSG_DONTWAIT)) == -1 && errno == EAGAIN)
		assert_true(send(fds[0], out, 1000, MSG_NOSIGNAL) == 1000 || errno == EPIPE ||
			    errno == ECONNRESET);
	assert_int_equal(n, -1);
	assert_true(errno == EINVAL || errno == EMSGSIZE || errno == EBADMSG);
	raw_close(fds);
}

/* ---- buffers ---- */

/* A pipe that has no room for a record gets what it has room for; nothing is lost. */
static void test_splice(void **state)
{
	static uint8_t out[2 * RAW_MAX + 100], in[sizeof(out)];
	size_t got = 0;
	int fds[2], p[2];

	(void)state;
	raw_pair(raw_13, OURS, OURS, fds);
	SYS(pipe(p));
	SYS(fcntl(p[1], F_SETPIPE_SZ, 4096));
	t_fill(out, sizeof(out), 5);
	t_send(fds[0], out, sizeof(out));
	SYS(shutdown(fds[0], SHUT_WR));
	for (;;) {
		ssize_t n = SYS(splice(fds[1], NULL, p[1], NULL, sizeof(out), 0));

		if (!n)
			break;
		assert_true(n <= 4096);
		while (n) {
			ssize_t m = SYS(read(p[0], in + got, (size_t)n));

			got += (size_t)m;
			n -= m;
		}
	}
	assert_int_equal(got, sizeof(out));
	assert_memory_equal(in, out, sizeof(out));
	close(p[0]);
	close(p[1]);
	raw_close(fds);
}

/* A record that is larger than the receive buffer arrives nevertheless. */
static void test_small_buffer(void **state)
{
	static uint8_t out[8 * RAW_MAX], in[sizeof(out)];
	struct raw_keys keys = raw_keys(raw_13, 0, 0);
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fds[2], v = 2048;
	pid_t child;
	ssize_t n;

	(void)state;
	SYS(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &v, sizeof(v)));
	fds[0] = t_connect(&addr, NULL);
	fds[1] = t_accept(listener);
	close(listener);
	raw_attach(fds[0], OURS);
	raw_attach(fds[1], OURS);
	raw_set(fds[0], TLS_TX, &keys);
	raw_set(fds[1], TLS_RX, &keys);
	t_fill(out, sizeof(out), 9);
	child = (pid_t)SYS(fork());
	if (!child) {
		t_send(fds[0], out, sizeof(out));
		_exit(0);
	}
	/* only one is held besides what the buffer has room for, and read before the next */
	n = SYS(recv(fds[1], in, 4L * RAW_MAX, MSG_PEEK | MSG_WAITALL));
	assert_in_range(n, RAW_MAX, 2 * RAW_MAX);
	assert_memory_equal(in, out, n);
	t_recv(fds[1], in, RAW_MAX);
	/* by poll, too */
	t_wait(fds[1], POLLIN);
	t_recv(fds[1], in + RAW_MAX, sizeof(in) - RAW_MAX);
	assert_memory_equal(in, out, sizeof(in));
	raw_close(fds);
}

/* Fill a connection, whose buffer is such that it is full within a record or not. */
static size_t fill(int fds[2], int round, const uint8_t *out, size_t len)
{
	int v = 20000 + 3001 * round;
	size_t sent = 0;
	ssize_t n;

	raw_pair(raw_13, OURS, OURS, fds);
	SYS(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &v, sizeof(v)));
	while ((n = send(fds[0], out + sent, 50000, MSG_DONTWAIT)) > 0) {
		sent += (size_t)n;
		assert_true(sent < len - 50000);
	}
	assert_int_equal(errno, EAGAIN);
	return sent;
}

/* What send() has taken is sent, in whole records, though no call waits for it. */
static void test_full_then_close(void **state)
{
	static uint8_t out[16 << 20], in[RAW_MAX];
	int fds[2], round;
	size_t sent, got;
	ssize_t n;

	(void)state;
	t_fill(out, sizeof(out), 3);
	for (round = 0; round < 12; round++) {
		sent = fill(fds, round, out, sizeof(out));
		got = 0;
		if (round & 1)
			close(fds[0]);
		else
			SYS(shutdown(fds[0], SHUT_WR));
		while ((n = SYS(recv(fds[1], in, sizeof(in), 0)))) {
			assert_memory_equal(in, out + got, (size_t)n);
			got += (size_t)n;
		}
		assert_int_equal(got, sent);
		if (!(round & 1))
			close(fds[0]);
		close(fds[1]);
	}
}

/* What TCP had no room for goes when it has, without another call. */
static void test_pending(void **state)
{
	static uint8_t out[16 << 20], in[sizeof(out)];
	int fds[2], round;
	size_t sent;

	(void)state;
	t_fill(out, sizeof(out), 4);
	for (round = 0; round < 12; round++) {
		sent = fill(fds, round, out, sizeof(out));
		t_recv(fds[1], in, sent);
		assert_memory_equal(in, out, sent);
		raw_close(fds);
	}
}

/* An acknowledgment has the pump send, then comes a reset: its error is the reader's. */
static void test_reset(void **state)
{
	static uint8_t out[16 << 20], in[sizeof(out)];
	int fds[2];
	char c;

	(void)state;
	for (int round = 0; round < 96; round++) {
		size_t sent = fill(fds, round % 12, out, sizeof(out));

		t_nonblock(fds[1], false);
		t_recv(fds[1], in, sent * (size_t)(round % 24 + 1) / 25);
		t_reset(fds[1]);
		t_wait(fds[0], POLLIN);
		/* the pump is no slower than these */
		for (int i = 0; i < 20; i++)
			tnl_counter(KSC_A_STATS_SOCKETS);
		t_nonblock(fds[0], true);
		FAILS(recv(fds[0], &c, 1, 0), ECONNRESET);
		close(fds[0]);
	}
}

/* poll() does not report POLLOUT without room, and reports it with room. */
static void test_full_poll(void **state)
{
	static uint8_t block[50000], in[sizeof(block)];
	struct pollfd pfd = { .events = POLLOUT };
	size_t sent = 0, got = 0;
	int fds[2], round;
	ssize_t n;

	(void)state;
	raw_pair(raw_12, OURS, OURS, fds);
	t_nonblock(fds[0], true);
	pfd.fd = fds[0];
	for (round = 0; round < 20; round++) {
		while ((n = send(fds[0], block, sizeof(block), 0)) > 0)
			sent += (size_t)n;
		assert_int_equal(errno, EAGAIN);
		while (!SYS(poll(&pfd, 1, 0)))
			got += (size_t)SYS(recv(fds[1], in, sizeof(in), 0));
	}
	SYS(shutdown(fds[0], SHUT_WR));
	while ((n = SYS(recv(fds[1], in, sizeof(in), 0))))
		got += (size_t)n;
	assert_int_equal(got, sent);
	raw_close(fds);
}

/* ---- what others see of it ---- */

struct listed {
	unsigned int raw;
	unsigned int version_13;
	uint64_t id;
};

static void on_socket(struct nl_msg *msg, void *arg)
{
	struct nlattr *attrs[KSC_A_SOCK_MAX + 1];
	struct listed *listed = arg;

	nlmsg_parse(nlmsg_hdr(msg), GENL_HDRLEN, attrs, KSC_A_SOCK_MAX, NULL);
	if (!attrs[KSC_A_SOCK_RAW])
		return;
	listed->raw++;
	listed->id = nla_get_u64(attrs[KSC_A_SOCK_ID]);
	assert_int_equal(nla_get_u32(attrs[KSC_A_SOCK_PHASE]), KSC_PHASE_ESTABLISHED);
	if (attrs[KSC_A_SOCK_VERSION] && nla_get_u16(attrs[KSC_A_SOCK_VERSION]) == 0x0304) {
		listed->version_13++;
		assert_int_equal(nla_get_u16(attrs[KSC_A_SOCK_SUITE]), 0x1301);
	}
}

static void test_list(void **state)
{
	struct tnl_conn nl;
	struct listed listed = { 0 };
	struct nl_msg *msg;
	int fds[2], other[2];

	(void)state;
	/* those of tests before, which may be closed and not yet gone */
	tnl_await_counter(KSC_A_STATS_SOCKETS, 0);
	raw_pair(raw_13, OURS, OURS, fds);
	raw_plain_pair(AF_INET, other);
	raw_attach(other[0], OURS);
	assert_true(tnl_open(&nl));
	nl.reply = on_socket;
	nl.arg = &listed;
	msg = tnl_request(&nl, KSC_CMD_SOCK_GET);
	nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_DUMP;
	assert_int_equal(tnl_do(&nl, msg), 0);
	assert_int_equal(listed.raw, 3);
	assert_int_equal(listed.version_13, 2);
	/* its keys are the application's */
	nl.reply = NULL;
	msg = tnl_request(&nl, KSC_CMD_REKEY);
	nla_put_u64(msg, KSC_A_SOCK_ID, listed.id);
	assert_int_equal(tnl_do(&nl, msg), -EOPNOTSUPP);
	tnl_close(&nl);
	t_exchange(fds[0], fds[1]);
	raw_close(other);
	raw_close(fds);
}

static void test_ss(void **state)
{
	char all[16384] = "";
	int fds[2], p[2], status;
	size_t got = 0;
	pid_t child;
	ssize_t n;

	(void)state;
	raw_pair(raw_13, OURS, OURS, fds);
	SYS(pipe(p));
	child = (pid_t)SYS(fork());
	if (!child) {
		dup2(p[1], STDOUT_FILENO);
		execlp("ss", "ss", "-Htni", "state", "established", NULL);
		_exit(127);
	}
	close(p[1]);
	while ((n = SYS(read(p[0], all + got, sizeof(all) - 1 - got))))
		got += (size_t)n;
	close(p[0]);
	SYS(waitpid(child, &status, 0));
	assert_int_equal(status, 0);
	if (!strstr(all, "tcp-ulp-" OURS) || !strstr(all, "version: 1.3") ||
	    !strstr(all, "cipher: aes-gcm-128") || !strstr(all, "rxconf: sw") ||
	    !strstr(all, "txconf: sw")) {
		print_error("ss says: %s\n", all);
		fail();
	}
	raw_close(fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attach),
		cmocka_unit_test(test_directions),
		cmocka_unit_test(test_suites),
		cmocka_unit_test(test_in_tree),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_bad_cmsg),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_bad_header),
		cmocka_unit_test(test_bad_record),
		cmocka_unit_test(test_before_keys),
		cmocka_unit_test(test_splice),
		cmocka_unit_test(test_small_buffer),
		cmocka_unit_test(test_full_then_close),
		cmocka_unit_test(test_pending),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_full_poll),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_ss),
	};

	return t_run("raw", tests, ARRAY_SIZE(tests));
}
