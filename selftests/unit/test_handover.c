// SPDX-License-Identifier: GPL-2.0-only
/*
 * libkschannel: contexts that are passed to another process, over any socket, with any
 * content.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <cmocka.h>

#include "client.h"

static void *import(void *arg)
{
	struct kschannel_context *taken = NULL;
	const int sock = *(int *)arg;

	return kschannel_import_context(&taken, sock, &step) ? NULL : taken;
}

/* As much as there can be goes over a stream that takes it bit by bit. */
static void test_slow_stream(void **state)
{
	const int least = 1;
	const void *chain;
	size_t len;
	pthread_t thread;
	void *taken;
	int pair[2];

	(void)state;
	chain_len = KSC_MAX_CHAIN;
	make_done();
	chain_len = 5;
	SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	SYS(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)));
	assert_int_equal(pthread_create(&thread, NULL, import, &pair[1]), 0);
	assert_int_equal(kschannel_export_context(ctx, pair[0]), 0);
	assert_int_equal(pthread_join(thread, &taken), 0);
	assert_non_null(taken);
	ctx = taken;
	for (int local = 0; local < 2; local++) {
		assert_int_equal(kschannel_query_chain(ctx, local, &chain, &len), 0);
		assert_int_equal(len, KSC_MAX_CHAIN);
	}
	/* and nothing behind it */
	assert_int_equal(recv(pair[1], &len, 1, MSG_DONTWAIT), -1);
	close(pair[0]);
	close(pair[1]);
}

/* The end comes in the middle of it, to either side. */
static void test_broken_stream(void **state)
{
	struct kschannel_context *taken = NULL;
	const int least = 1;
	char head[100];
	int pair[2];

	(void)state;
	make_done();
	SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	assert_int_equal(kschannel_export_context(ctx, pair[0]), 0);
	ctx = NULL;
	SYS(recv(pair[1], head, sizeof(head), 0));
	assert_int_equal(kschannel_import_context(&taken, pair[1], &step), -EBADMSG);
	SYS(send(pair[0], head, sizeof(head), 0));
	close(pair[0]);
	while (kschannel_import_context(&taken, pair[1], &step) != -ENODATA)
		assert_null(taken);
	close(pair[1]);

	chain_len = KSC_MAX_CHAIN;
	make_done();
	chain_len = 5;
	SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	SYS(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)));
	close(pair[1]);
	assert_int_equal(kschannel_export_context(ctx, pair[0]), -EPIPE);
	/* it is still ours */
	assert_int_equal(kschannel_context_binding(ctx, head), 0);
	close(pair[0]);
}

/* The passed descriptor is no key, or a stale one. */
static void test_no_keys(void **state)
{
	static const int errors[][2] = { { ENOTTY, EBADFD }, { EINVAL, EBADFD },
					 { ESTALE, ESTALE }, { EBUSY, EBUSY } };
	struct kschannel_context *taken = NULL;
	int pair[2];

	(void)state;
	SYS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		keys_error = 0;
		make_done();
		assert_int_equal(kschannel_export_context(ctx, pair[0]), 0);
		ctx = NULL;
		keys_error = errors[i][0];
		assert_int_equal(kschannel_import_context(&taken, pair[1], &step), -errors[i][1]);
		assert_null(taken);
	}
	close(pair[0]);
	close(pair[1]);
}

/* What goes over a socket, without its keys */
static uint8_t parcel[KSC_MAX_MESSAGE] __attribute__((aligned(8)));
static size_t parcel_len;

static void make_parcel(void)
{
	int pair[2];

	make_done();
	SYS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	assert_int_equal(kschannel_export_context(ctx, pair[0]), 0);
	ctx = NULL;
	parcel_len = (size_t)SYS(recv(pair[1], parcel, sizeof(parcel), 0));
	close(pair[0]);
	close(pair[1]);
}

/* Other files might answer a key's ioctl(); they are not even asked. */
static void test_other_files(void **state)
{
	struct kschannel_context *taken = NULL;
	int pair[2], pipes[2], others[4];

	(void)state;
	make_parcel();
	SYS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	SYS(pipe2(pipes, O_CLOEXEC));
	others[0] = pipes[0];
	others[1] = pair[1];
	others[2] = (int)SYS(open("/dev/null", O_RDWR | O_CLOEXEC));
	others[3] = (int)SYS(memfd_create("[kschannel-key]", MFD_CLOEXEC));
	keys_asked = 0;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		send_with(pair[0], parcel, parcel_len, others[i], 1);
		assert_int_equal(kschannel_import_context(&taken, pair[1], &step), -EBADFD);
		assert_null(taken);
	}
	assert_int_equal(keys_asked, 0);
	close(pipes[0]);
	close(pipes[1]);
	close(others[2]);
	close(others[3]);
	close(pair[0]);
	close(pair[1]);
}

static int pair[2];

static void open_pair(int type)
{
	SYS(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair));
}

static void close_pair(void)
{
	drop(&pair[0]);
	drop(&pair[1]);
}

/* Part of the parcel, with a key or without */
static void send_part(size_t from, size_t to, size_t keys)
{
	int key = keys ? (int)SYS(eventfd(0, EFD_CLOEXEC)) : -1;

	send_with(pair[0], parcel + from, to - from, key, keys);
	drop(&key);
}

static int import_it(void)
{
	assert_null(ctx);
	return kschannel_import_context(&ctx, pair[1], &step);
}

static void expect_import(void)
{
	assert_int_equal(import_it(), 0);
	kschannel_delete_context(ctx);
	ctx = NULL;
}

/* A non-blocking call gets all of it, or leaves it in the queue. */
static void test_piecemeal(void **state)
{
	struct nlmsghdr *head = (struct nlmsghdr *)parcel;

	(void)state;
	make_parcel();
	open_pair(SOCK_STREAM | SOCK_NONBLOCK);
	assert_int_equal(import_it(), -EAGAIN);
	send_part(0, sizeof(*head), 1);
	assert_int_equal(import_it(), -EAGAIN);
	send_part(sizeof(*head), parcel_len - 1, 0);
	assert_int_equal(import_it(), -EAGAIN);
	send_part(parcel_len - 1, parcel_len, 0);
	/* what follows is another's */
	send_part(0, parcel_len, 1);
	expect_import();
	expect_import();
	assert_int_equal(import_it(), -EAGAIN);
	/* less than a head, and nothing follows */
	send_part(0, 8, 1);
	assert_int_equal(import_it(), -EAGAIN);
	drop(&pair[0]);
	assert_int_equal(import_it(), -EBADMSG);
	assert_int_equal(import_it(), -ENODATA);
	close_pair();

	/* the end comes in the middle */
	open_pair(SOCK_STREAM | SOCK_NONBLOCK);
	send_part(0, parcel_len / 2, 1);
	assert_int_equal(import_it(), -EAGAIN);
	drop(&pair[0]);
	assert_int_equal(import_it(), -EBADMSG);
	assert_int_equal(import_it(), -ENODATA);
	close_pair();

	/* the rest of an invalid message is not awaited; it is dropped */
	open_pair(SOCK_STREAM | SOCK_NONBLOCK);
	head->nlmsg_len = KSC_MAX_MESSAGE + 1;
	send_part(0, sizeof(*head), 1);
	assert_int_equal(import_it(), -EBADMSG);
	assert_int_equal(import_it(), -EAGAIN);
	head->nlmsg_len = 0;
	send_part(0, sizeof(*head), 1);
	assert_int_equal(import_it(), -EBADMSG);
	assert_int_equal(import_it(), -EAGAIN);
	close_pair();
}

/* Nothing is no context, and is not in the way of one. */
static void test_nothing(void **state)
{
	static const int types[] = { SOCK_SEQPACKET, SOCK_DGRAM };

	(void)state;
	make_parcel();
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		open_pair(types[i] | SOCK_NONBLOCK);
		send_part(0, 0, 0);
		send_part(0, 0, 1);
		send_part(0, parcel_len, 1);
		assert_int_equal(import_it(), -EBADMSG);
		assert_int_equal(import_it(), -EBADMSG);
		expect_import();
		assert_int_equal(import_it(), -EAGAIN);
		close_pair();
	}
	open_pair(SOCK_SEQPACKET);
	send_part(0, 0, 0);
	send_part(0, parcel_len, 1);
	send_part(0, 0, 0);
	drop(&pair[0]);
	assert_int_equal(import_it(), -EBADMSG);
	expect_import();
	assert_int_equal(import_it(), -ENODATA);
	assert_int_equal(import_it(), -ENODATA);
	close_pair();
}

/* A blocking call has a time-out. */
static void test_patience(void **state)
{
	const struct timeval soon = { .tv_usec = 10000 };
	const int least = 1;
	uint8_t binding[KSCHANNEL_BINDING_LEN];

	(void)state;
	make_parcel();
	open_pair(SOCK_STREAM);
	SYS(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)));
	SYS(alarm(600));
	assert_int_equal(import_it(), -EAGAIN);
	send_part(0, parcel_len / 2, 1);
	assert_int_equal(import_it(), -EBADMSG);
	close_pair();

	chain_len = KSC_MAX_CHAIN;
	make_done();
	chain_len = 5;
	open_pair(SOCK_STREAM);
	SYS(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)));
	SYS(setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon)));
	assert_int_equal(kschannel_export_context(ctx, pair[0]), -ETIMEDOUT);
	alarm(0);
	assert_int_equal(kschannel_context_binding(ctx, binding), 0);
	close_pair();
}

/* All of it has room, or nothing goes; and a socket that can be written to has room. */
static void test_room(void **state)
{
	static uint8_t junk[4096];
	const int least = 1, usual = 212992 / 2;
	struct pollfd p = { .events = POLLOUT };
	size_t before = 0;

	(void)state;
	chain_len = KSC_MAX_CHAIN;
	make_done();
	chain_len = 5;
	open_pair(SOCK_STREAM | SOCK_NONBLOCK);
	SYS(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)));
	assert_int_equal(kschannel_export_context(ctx, pair[0]), -EMSGSIZE);
	assert_int_equal(recv(pair[1], junk, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);

	SYS(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &usual, sizeof(usual)));
	for (ssize_t n; (n = send(pair[0], junk, sizeof(junk), 0)) > 0; before += (size_t)n)
		;
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(kschannel_export_context(ctx, pair[0]), -EAGAIN);
	p.fd = pair[0];
	while (!SYS(poll(&p, 1, 0)))
		before -= (size_t)SYS(recv(pair[1], junk, sizeof(junk), 0));
	assert_int_equal(kschannel_export_context(ctx, pair[0]), 0);
	ctx = NULL;
	/* all of it is queued, behind earlier bytes */
	while (before--)
		SYS(recv(pair[1], junk, 1, 0));
	assert_int_equal(import_it(), 0);
	close_pair();
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, client_setup, client_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_slow_stream),
		TEST(test_broken_stream),
		TEST(test_no_keys),
		TEST(test_other_files),
		TEST(test_piecemeal),
		TEST(test_nothing),
		TEST(test_patience),
		TEST(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
