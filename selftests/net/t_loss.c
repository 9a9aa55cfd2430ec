// SPDX-License-Identifier: GPL-2.0-only
/*
 * What send() has taken arrives, or the end is a reset: no failed allocation makes an orderly
 * end of a connection of which something is missing.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/flow.h"
#include "lib/nl.h"
#include "lib/raw.h"
#include "lib/tcpmem.h"

#define OURS KSC_RAW_ULP_NAME
#define FAIL_NTH "/proc/thread-self/fail-nth"
#define IGNORE_WAIT "/sys/kernel/debug/failslab/ignore-gfp-wait"

/* No cipher is freed that was used within this time */
#define USED_MS 500

enum way { BY_CLOSE, BY_SHUTDOWN, BY_CLOSE_NOTIFY, BY_RAW_CLOSE, BY_RAW_SHUTDOWN };

/* End what @fd sends; 0, or -1 and it is as it was. close() tells nothing. */
static int end(int fd, enum way way)
{
	int one = 1;

	switch (way) {
	case BY_CLOSE_NOTIFY:
		return setsockopt(fd, SOL_KSCHANNEL, KSC_CLOSE_NOTIFY, &one, sizeof(one));
	case BY_SHUTDOWN:
	case BY_RAW_SHUTDOWN:
		return shutdown(fd, SHUT_WR);
	default:
		close(fd);
		return 0;
	}
}

static bool closes(enum way way)
{
	return way == BY_CLOSE || way == BY_RAW_CLOSE;
}

/* How much comes until the end; -1 if that is a reset. */
static ssize_t receive(int fd, const uint8_t *data)
{
	uint8_t buf[4096];
	ssize_t total = 0, n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != data[(size_t)(total + i) % FLOW_MAX])
				fail_msg("byte %zd is wrong", total + i);
		total += n;
	}
	if (n == 0)
		return total;
	assert_int_equal(errno, ECONNRESET);
	return -1;
}

/*
 * TCP has no memory: of what an application writes, some waits for room. At the end TCP has
 * all of it, as it would had it come without records; or the peer gets a reset.
 */
static void no_room(enum way way, size_t len)
{
	const uint8_t *data = flow_data(1);
	int fds[2], size = 20000;
	ssize_t sent, got;

	if (way == BY_RAW_CLOSE || way == BY_RAW_SHUTDOWN)
		raw_pair(raw_13, OURS, OURS, fds);
	else
		flow_pair(fds);
	/* or TCP makes it smaller, to help itself */
	SYS(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	tcpmem_set("1 1 1");
	sent = SYS(send(fds[0], data, len, MSG_DONTWAIT));
	SYS(end(fds[0], way));
	assert_int_equal(tcpmem_restore(NULL), 0);
	got = receive(fds[1], data);
	/* TCP itself resets an orphan that has too much, but that hides nothing */
	if (got != sent && (got >= 0 || !closes(way)))
		fail_msg("%zd of %zd bytes came", got, sent);
	if (!closes(way))
		close(fds[0]);
	close(fds[1]);
}

static void test_no_room(void **state)
{
	static const size_t lens[] = { 1000, 5000, 16384, 40000 };

	tcpmem_need();
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++)
		no_room((enum way)(intptr_t)*state, lens[i]);
}

/* Have this thread's Nth allocation, or copy to or from user memory, fail; 0: none */
static void fail_nth(int fd, unsigned int n)
{
	char text[16];
	ssize_t len = snprintf(text, sizeof(text), "%u", n);

	/* what is still to fail may be the copy of this */
	while (pwrite(fd, text, (size_t)len, 0) != len)
		assert_int_equal(errno, EFAULT);
}

/* Did it? Stops the faults; errno is as it was */
static bool failed(int fd)
{
	int error = errno;
	char text[16] = "";
	bool all = pread(fd, text, sizeof(text) - 1, 0) > 0 && strtoul(text, NULL, 10) == 0;

	fail_nth(fd, 0);
	errno = error;
	return all;
}

/* A record is open, and whichever allocation fails when it is to be sealed. */
static void test_open(void **state)
{
	enum way way = (enum way)(intptr_t)*state;
	const uint8_t *data = flow_data(2);
	unsigned int n, resets = 0;
	bool fault = true;
	int fail = -1;

	t_keep(IGNORE_WAIT);
	if (t_write_file(IGNORE_WAIT, "N"))
		fail = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (fail < 0) {
		print_message("this kernel can't have an allocation fail\n");
		skip();
	}
	for (n = 1; fault; n++) {
		ssize_t came;
		int fds[2], ret;

		flow_pair(fds);
		assert_int_equal(SYS(send(fds[0], data, 700, MSG_MORE)), 700);
		fail_nth(fail, n);
		ret = end(fds[0], way);
		fault = failed(fail);
		if (ret) {
			if (!fault)
				fail_msg("%u: %s", n, strerror(errno));
			/* nothing has happened, and it may be tried again */
			SYS(end(fds[0], way));
		}
		came = receive(fds[1], data);
		if (came < 0)
			resets++;
		else
			assert_int_equal(came, 700);
		if (!closes(way))
			close(fds[0]);
		close(fds[1]);
	}
	close(fail);
	assert_true(n > 2);
	print_message("%u allocations, %u resets\n", n - 2, resets);
}

/* The cipher that seals an open record is not freed though the connection is idle. */
static void test_idle(void **state)
{
	unsigned int before = t_parameter("idle_seconds");
	uint64_t parked;
	int64_t since;
	int a[2], b[2];

	(void)state;
	t_set_parameter("idle_seconds", 1);
	for (;;) {
		raw_pair(raw_13, OURS, OURS, a);
		parked = tnl_counter(KSC_A_STATS_CIPHERS_PARKED);
		since = t_ticks_ms();
		t_exchange(a[0], a[1]);
		SYS(send(a[0], "open", 4, MSG_MORE));
		/* or it was idle before, where the guest stood still */
		if (t_ticks_ms() - since < USED_MS)
			break;
		raw_close(a);
	}
	tnl_await_counter(KSC_A_STATS_CIPHERS_PARKED, parked + 3);
	/* by the time that these are, it would have been, too */
	raw_pair(raw_13, OURS, OURS, b);
	t_exchange(b[0], b[1]);
	tnl_await_counter(KSC_A_STATS_CIPHERS_PARKED, parked + 7);
	SYS(send(a[0], "ed", 2, 0));
	t_expect(a[1], "opened");
	t_set_parameter("idle_seconds", before);
	raw_close(a);
	raw_close(b);
}

/* An open record grows by small pieces, others' between them, and is the same in the end. */
static void test_pieces(void **state)
{
	int padding = (int)(intptr_t)*state;
	const uint8_t *data = flow_data(3);
	enum { PAIRS = 3, PIECES = 300, STEP = 37 };
	int fds[PAIRS][2];

	for (int i = 0; i < PAIRS; i++) {
		flow_pair(fds[i]);
		if (padding)
			SYS(setsockopt(fds[i][0], SOL_KSCHANNEL, KSC_PADDING, &padding,
				       sizeof(padding)));
	}
	for (size_t n = 0; n < PIECES; n++) {
		for (int i = 0; i < PAIRS; i++)
			SYS(send(fds[i][0], data + n * STEP, STEP, MSG_MORE));
	}
	for (int i = 0; i < PAIRS; i++) {
		t_send(fds[i][0], data + PIECES * STEP, 5000);
		flow_expect(fds[i][1], data, PIECES * STEP + 5000);
		t_exchange(fds[i][0], fds[i][1]);
		flow_close(fds[i]);
	}
}

#define NO_ROOM(name, way)                                                                         \
	{                                                                                          \
		"no room, " name, test_no_room, tcpmem_setup, tcpmem_restore,                      \
			(void *)(intptr_t)(way)                                                    \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NO_ROOM("close", BY_CLOSE),
		NO_ROOM("shutdown", BY_SHUTDOWN),
		NO_ROOM("close_notify", BY_CLOSE_NOTIFY),
		NO_ROOM("raw close", BY_RAW_CLOSE),
		NO_ROOM("raw shutdown", BY_RAW_SHUTDOWN),
		T_CASE("pieces", test_pieces, 0),
		T_CASE("pieces, padded", test_pieces, 512),
		cmocka_unit_test(test_idle),
		T_CASE("open, close", test_open, BY_CLOSE),
		T_CASE("open, shutdown", test_open, BY_SHUTDOWN),
		T_CASE("open, close_notify", test_open, BY_CLOSE_NOTIFY),
	};

	return T_RUN(tests);
}
