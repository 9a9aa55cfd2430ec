// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records that can't arrive as a whole are moved out of TCP's queue: the memory of one grows
 * with the bytes that have arrived, and is charged to the socket.
 */
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/flow.h"
#include "lib/group.h"
#include "lib/nl.h"
#include "lib/raw.h"
#include "lib/tcpmem.h"
#include "lib/wire.h"

#define OURS KSC_RAW_ULP_NAME
#define RECORD 16384
#define MANY 300
#define SOME 32

/**
 * struct end - a receiver whose records a test makes
 * @fd: the receiver
 * @peer: what is sent there comes to it
 * @record: a record of full size
 * @len: its length
 * @w: its connection, if it is not in raw mode
 */
struct end {
	int fd;
	int peer;
	uint8_t record[WIRE_MAX_RECORD];
	size_t len;
	struct wire w;
};

static void half_pair(int fds[2], const struct raw_keys *keys)
{
	raw_plain_pair(AF_INET, fds);
	raw_attach(fds[1], OURS);
	raw_set(fds[1], TLS_RX, keys);
}

/* Makes a record by another pair of sockets, and takes it from the wire */
static void take_record(struct end *end, const struct raw_keys *keys)
{
	int fds[2];

	raw_plain_pair(AF_INET, fds);
	raw_craft(fds[0], keys, 0, RAW_DATA, flow_data(1), RECORD, 0);
	end->len = WIRE_HEADER + RECORD + 1 + WIRE_TAG;
	t_recv(fds[1], end->record, end->len);
	raw_close(fds);
}

static void raw_end(struct end *end)
{
	struct raw_keys keys = raw_keys(raw_13, 0, 0);
	int fds[2];

	take_record(end, &keys);
	half_pair(fds, &keys);
	end->peer = fds[0];
	end->fd = fds[1];
}

static void managed_end(struct end *end)
{
	assert_int_equal(wire_begin(), 0);
	wire_start(&end->w, wire_suite(WIRE_13, 0x1301), 1);
	end->len = wire_seal(&end->w.rx, end->record, WIRE_DATA, flow_data(1), RECORD, 0);
	end->peer = end->w.peer;
	end->fd = end->w.fd;
}

/*
 * What a socket is charged for beside TCP's queues, but for whole pages: its account as a
 * whole goes by these.
 */
static unsigned int part_of_page(int fd)
{
	return -group_known(fd) % (unsigned int)getpagesize();
}

/* TCP gives back what it has for a packet a little later than it is taken out of the queue */
static void await_charged(int fd, unsigned int least, unsigned int most)
{
	int64_t end = t_now_ms() + PATIENCE_S * INT64_C(1000);
	unsigned int now;

	do {
		now = part_of_page(fd);
		if (now >= least && now <= most)
			return;
		usleep(1000);
	} while (t_now_ms() < end);
	fail_msg("%u bytes are charged, %u to %u had to be", now, least, most);
}

/* Room grows by halves or so, and kmalloc() rounds up. */
static unsigned int most_for(size_t staged)
{
	return 3 * (unsigned int)staged + 64;
}

static void test_growth(void **state)
{
	void (*const begin)(struct end *) = (void (*)(struct end *))*state;
	/* only less than a page is reported */
	static const size_t steps[] = { 6, 40, 300, 1100 };
	static struct end end;
	uint8_t *buf = malloc(RECORD);
	uint64_t before;
	size_t sent = 0;

	assert_non_null(buf);
	begin(&end);
	tcpmem_press();
	before = tnl_counter(KSC_A_STATS_RX_STAGED);
	await_charged(end.fd, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		t_send(end.peer, end.record + sent, steps[i] - sent);
		sent = steps[i];
		/* when no more has come for a while */
		tnl_await_counter(KSC_A_STATS_RX_STAGED, before + sent);
		await_charged(end.fd, (unsigned int)sent, most_for(sent));
	}
	t_send(end.peer, end.record + sent, end.len - sent);
	t_recv(end.fd, buf, RECORD);
	assert_memory_equal(buf, flow_data(1), RECORD);
	await_charged(end.fd, 0, 0);
	free(buf);
	close(end.fd);
	close(end.peer);
}

/* A raw one's daemon is still the one that there was */
static int end_growth(void **state)
{
	int rc = tcpmem_restore(state);

	return *state == (void *)managed_end && wire_end() ? -1 : rc;
}

/* Many have sent a header and a byte of the record: for each a few bytes are held. */
static void test_many(void **state)
{
	const struct raw_keys keys = raw_keys(raw_13, 0, 0);
	static const uint8_t begin[6] = { 23, 3, 3, 0x40, 0x11, 0 };
	static int fds[MANY][2];
	uint64_t staged;
	int64_t before, grown;

	(void)state;
	tcpmem_press();
	for (int i = 0; i < MANY; i++)
		half_pair(fds[i], &keys);
	staged = tnl_counter(KSC_A_STATS_RX_STAGED);
	before = group_slabs();
	for (int i = 0; i < MANY; i++)
		t_send(fds[i][0], begin, sizeof(begin));
	tnl_await_counter(KSC_A_STATS_RX_STAGED, staged + MANY * sizeof(begin));
	grown = group_slabs() - before;
	for (int i = 0; i < MANY; i++) {
		await_charged(fds[i][1], sizeof(begin), most_for(sizeof(begin)));
		raw_close(fds[i]);
	}
	print_message("# %lld bytes each\n", (long long)grown / MANY);
	/* KASAN keeps what is freed for a while */
	if (!t_kasan())
		assert_true(grown < MANY * INT64_C(4096));
}

/* ---- a receive buffer that is full ---- */

/* Less than is sent, in what the kernel makes of it */
#define BUFFER 2048
/* More than the buffer has room for, and much less than a record */
#define PART 6000

static void small_half(int listener, const struct t_addr *addr, const struct raw_keys *keys,
		       int fds[2])
{
	fds[0] = t_connect(addr, NULL);
	fds[1] = t_accept(listener);
	raw_attach(fds[1], OURS);
	raw_set(fds[1], TLS_RX, keys);
}

/* What is charged beside TCP's queues, when it is at least that much */
static int64_t await_beside(int fds[][2], int64_t least)
{
	int64_t end = t_now_ms() + PATIENCE_S * INT64_C(1000), now;

	do {
		now = group_beside(fds[0], 2 * SOME);
		if (now >= least)
			return now;
		usleep(10000);
	} while (t_now_ms() < end);
	fail_msg("%lld bytes are charged, and %lld are staged", (long long)now, (long long)least);
	return 0;
}

static void await_given_back(int64_t before)
{
	int64_t end = t_now_ms() + PATIENCE_S * INT64_C(1000), now;

	do {
		now = group_charged() - before;
		if (now < SOME * INT64_C(1024))
			return;
		usleep(10000);
	} while (t_now_ms() < end);
	fail_msg("%lld bytes are charged, and nothing is staged", (long long)now);
}

static void test_shut_window(void **state)
{
	const struct raw_keys keys = raw_keys(raw_13, 0, 0);
	static struct end end;
	static int fds[SOME][2];
	int64_t before, staged, charged;
	int listener, size = BUFFER;
	struct t_addr addr;

	(void)state;
	group_need();
	take_record(&end, &keys);
	listener = t_listen(AF_INET, NULL, &addr);
	SYS(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
	before = group_charged_all();
	staged = (int64_t)tnl_counter(KSC_A_STATS_RX_STAGED);
	for (int i = 0; i < SOME; i++) {
		small_half(listener, &addr, &keys, fds[i]);
		t_send(fds[i][0], end.record, PART);
	}
	for (int i = 0; i < SOME; i++)
		t_await_acked(fds[i][0]);
	staged = (int64_t)tnl_counter(KSC_A_STATS_RX_STAGED) - staged;
	/* the buffer, and a packet beyond it */
	assert_in_range(staged, SOME * PART / 4, SOME * PART);
	charged = await_beside(fds, staged);
	print_message("# %lld bytes each are staged, and %lld charged\n", (long long)staged / SOME,
		      (long long)charged / SOME);
	/* the figure is late; and the account goes by pages */
	charged = group_charged_all() - before;
	for (int i = 0; i < 2 * SOME; i++)
		charged -= group_known(fds[i / 2][i % 2]);
	assert_in_range(charged, staged, SOME * most_for(PART));
	/* the other half of them stays, in part, until its socket is closed */
	for (int i = 0; i < SOME / 2; i++) {
		uint8_t *buf = malloc(RECORD);

		assert_non_null(buf);
		t_send(fds[i][0], end.record + PART, end.len - PART);
		t_recv(fds[i][1], buf, RECORD);
		assert_memory_equal(buf, flow_data(1), RECORD);
		free(buf);
	}
	for (int i = 0; i < SOME; i++)
		raw_close(fds[i]);
	close(listener);
	await_given_back(before);
}

#define GROWTH(name, begin)                                                                        \
	{                                                                                          \
		name, test_growth, tcpmem_setup, end_growth, (void *)(begin)                       \
	}
#define WITH(test, setup, teardown) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		GROWTH("growth, raw", raw_end),
		GROWTH("growth, managed", managed_end),
		WITH(test_many, tcpmem_setup, tcpmem_restore),
		WITH(test_shut_window, group_setup, group_leave),
	};
	const struct rlimit files = { 2048, 4096 };

	if (setrlimit(RLIMIT_NOFILE, &files))
		return 1;
	return T_RUN(tests);
}
