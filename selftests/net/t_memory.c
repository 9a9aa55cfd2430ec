// SPDX-License-Identifier: GPL-2.0-only
/* How much memory a peer, or an application, can make the kernel hold; and that it is freed. */
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/flow.h"
#include "lib/nl.h"
#include "lib/peer.h"
#include "lib/tcpmem.h"

#define RECORD 16384
/* A record in memory of its own: kmalloc() rounds up. */
#define RECORD_MEMORY 32768
/* How far TCP itself may go beyond a buffer: a packet, as loopback makes them. */
#define PACKET 131072

struct meminfo {
	uint32_t v[SK_MEMINFO_VARS];
};

static struct meminfo meminfo(int fd)
{
	struct meminfo m = { 0 };
	socklen_t len = sizeof(m.v);

	SYS(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, m.v, &len));
	return m;
}

/* A line of /proc/meminfo, in bytes. */
static int64_t system_memory(const char *what)
{
	FILE *file = fopen("/proc/meminfo", "re");
	int64_t kb = -1;
	char line[128];

	assert_non_null(file);
	while (kb < 0 && fgets(line, sizeof(line), file)) {
		size_t len = strlen(what);

		if (strncmp(line, what, len) == 0 && line[len] == ':')
			kb = strtoll(line + len + 1, NULL, 10);
	}
	fclose(file);
	assert_true(kb >= 0);
	return kb * 1024;
}

/* What CPUs keep for records to send, and give back after a pause */
#define KEPT 32768

/*
 * Memory that the kernel has not lost: the zones' own, what CPUs keep of it, what we keep,
 * and what programs have, as the daemon remembers sessions, up to 2 MiB here.
 */
static int64_t free_memory(void)
{
	FILE *file = fopen("/proc/zoneinfo", "re");
	int64_t pages = 0;
	char line[128];

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		const char *count = strstr(line, " count: ");

		if (count)
			pages += strtoll(count + 8, NULL, 10);
	}
	fclose(file);
	return system_memory("MemFree") + system_memory("AnonPages") + pages * getpagesize() +
	       (int64_t)t_parameter("kept_pages") * KEPT;
}

/* As flow_pair(), with buffers that were small before the first byte came. */
static void small_pair(int fds[2], int size)
{
	struct t_addr addr;
	int listener = t_listen(AF_INET, &t_server, &addr);

	SYS(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
	SYS(setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	fds[0] = t_socket(AF_INET, &t_client);
	SYS(setsockopt(fds[0], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
	SYS(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	t_begin_on(fds[0], &addr.ss, addr.len);
	fds[1] = t_accept(listener);
	t_finish(fds[0]);
	close(listener);
}

/* The peer does not read: what a sender may leave with us is what its buffers allow. */
static void test_sender(void **state)
{
	const int size = (int)(intptr_t)*state;
	struct meminfo out, in;
	size_t sent;
	int fds[2], n;

	for (int i = 0; i < 2; i++) {
		small_pair(fds, size);
		sent = flow_fill(fds[i], flow_data(0));
		out = meminfo(fds[i]);
		in = meminfo(fds[!i]);
		/* setsockopt() doubles */
		assert_int_equal(out.v[SK_MEMINFO_SNDBUF], 2 * size);
		assert_in_range(out.v[SK_MEMINFO_WMEM_QUEUED], 1, 2 * size + 2 * RECORD_MEMORY);
		assert_in_range(in.v[SK_MEMINFO_RMEM_ALLOC], 0, 2 * size + PACKET);
		SYS(ioctl(fds[i], SIOCOUTQ, &n));
		assert_in_range(n, 1, 2 * size + 2 * RECORD_MEMORY);
		/* a record that waits to be sent, and one that the receiver took out */
		assert_in_range(sent, 1, 4 * size + 2 * RECORD + PACKET);
		flow_expect(fds[!i], flow_data(0), sent);
		t_exchange(fds[0], fds[1]);
		flow_close(fds);
	}
}

/* A reader peeks as far as it can while the peer sends all that it can: eight records. */
static void test_peek(void **state)
{
	static uint8_t buf[FLOW_MAX];
	const int size = 100000;
	size_t sent;
	int fds[2];
	ssize_t n;

	(void)state;
	flow_pair(fds);
	flow_small_buffers(fds, size);
	sent = flow_fill(fds[0], flow_data(0));
	for (int i = 0; i < 200; i++) {
		n = SYS(recv(fds[1], buf, sizeof(buf), MSG_PEEK));
		assert_in_range(n, 1, 8 * RECORD);
		assert_memory_equal(buf, flow_data(0), n);
		if (i % 10)
			continue;
		n = send(fds[0], flow_data(0) + sent % FLOW_MAX, FLOW_MAX - sent % FLOW_MAX,
			 MSG_DONTWAIT);
		if (n > 0)
			sent += (size_t)n;
	}
	n = SYS(recv(fds[1], buf, sizeof(buf), MSG_PEEK | MSG_WAITALL));
	/* at least one record; more of them only where the buffer has room */
	assert_in_range(n, RECORD, 8 * RECORD);
	assert_in_range(sent, 1, 4 * size + 8 * RECORD + 65536 + PACKET + 2 * RECORD);
	flow_expect(fds[1], flow_data(0), sent);
	t_exchange(fds[0], fds[1]);
	flow_close(fds);
}

/*
 * What is decrypted ahead takes nothing of TCP's window: no update would go to the peer when it is
 * read.
 */
static void test_window(void **state)
{
	static uint8_t buf[8 * RECORD];
	const int size = 65536;
	int fds[2];

	(void)state;
	flow_pair(fds);
	SYS(setsockopt(fds[1], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
	for (size_t at = 0; at < sizeof(buf); at += RECORD) {
		t_send(fds[0], flow_data(0) + at, RECORD);
		t_await_acked(fds[0]);
		/* out of the queue with it, if it may be */
		SYS(recv(fds[1], buf, sizeof(buf), MSG_PEEK));
	}
	flow_expect(fds[1], flow_data(0), sizeof(buf));
	t_exchange(fds[0], fds[1]);
	flow_close(fds);
}

/* ---- parts of records ---- */

#define PEERS 40

static void send_part(struct peer *peer)
{
	/* nothing of it is checked before it is whole */
	static uint8_t part[5 + 16000] = { 23, 3, 3, 0x40, 0x11 };

	if (peer_handshake(peer) || peer_expect(peer, "go"))
		return;
	for (size_t done = 0; done < sizeof(part);) {
		ssize_t n = send(peer->fd, part + done, sizeof(part) - done, MSG_NOSIGNAL);

		if (n < 0) {
			peer_error(peer, "send: %s", strerror(errno));
			return;
		}
		done += (size_t)n;
	}
	/* "done" would be one more record: TCP alone knows that all has come */
	shutdown(peer->fd, SHUT_WR);
	peer_await_fin(peer);
}

static void await_all_in(const int *fds)
{
	int64_t end = t_now_ms() + PATIENCE_S * INT64_C(1000);

	for (int i = 0; i < PEERS; i++) {
		struct pollfd pfd = { .fd = fds[i], .events = POLLRDHUP };

		if (SYS(poll(&pfd, 1, (int)(end - t_now_ms()))) != 1)
			fail_msg("not all of a record's part came");
	}
}

/*
 * Many peers send most of a record that does not fit the receive buffer, and no more: for
 * each the kernel holds the buffer and one record at most, and gives both back.
 */
static void test_parts(void **state)
{
	const struct peer_conf conf = { .library = PEER_OPENSSL };
	static struct peer peers[PEERS];
	int64_t before, during, after, end;
	struct t_addr addr;
	int listener, size = 6000, fds[PEERS];
	uint32_t held = 0;

	(void)state;
	memset(peers, 0, sizeof(peers));
	listener = t_listen(AF_INET, &t_server, &addr);
	SYS(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
	for (int i = 0; i < PEERS; i++) {
		peer_connect(&peers[i], &conf, &addr, send_part);
		fds[i] = t_accept(listener);
		SYS(setsockopt(fds[i], SOL_KSCHANNEL, KSC_HANDSHAKE, &size, sizeof(size)));
	}
	before = system_memory("SUnreclaim");
	for (int i = 0; i < PEERS; i++)
		t_send(fds[i], "go", 2);
	await_all_in(fds);
	during = system_memory("SUnreclaim");
	for (int i = 0; i < PEERS; i++)
		held += meminfo(fds[i]).v[SK_MEMINFO_RMEM_ALLOC];
	/* of some the kernel has to have taken the part out of TCP's queue */
	assert_in_range(held, 0, PEERS * (2 * size + PACKET / 4));
	if (!t_kasan())
		assert_true(during - before < PEERS * (int64_t)(RECORD_MEMORY + 2 * size + 8192));
	for (int i = 0; i < PEERS; i++) {
		char c;

		FAILS(recv(fds[i], &c, 1, 0), ECONNRESET);
		t_expect_error(fds[i], KSC_STATUS_TRUNCATED, ECONNRESET);
		close(fds[i]);
	}
	for (int i = 0; i < PEERS; i++)
		peer_join(&peers[i]);
	close(listener);
	/* KASAN keeps what is freed for a while; it has kmemleak beside it */
	if (t_kasan())
		return;
	/* what is freed after a grace period, and what slabs keep */
	end = t_now_ms() + PATIENCE_S * 1000 / 2;
	do {
		after = system_memory("SUnreclaim");
		if (after - before < PEERS * (int64_t)RECORD / 2)
			return;
		usleep(50 * 1000);
	} while (t_now_ms() < end);
	fail_msg("%ld bytes are still held, %ld were", (long)(after - before),
		 (long)(during - before));
}

/* Everything that a connection can hold when it is closed. */
static void one_round(int i)
{
	static uint8_t buf[8 * RECORD];
	int fds[2];

	flow_pair(fds);
	/* decrypted and not read, received and not decrypted, half sent, held open */
	SYS(send(fds[0], flow_data(0), 200000, MSG_DONTWAIT));
	SYS(send(fds[1], "open", 4, MSG_MORE));
	t_wait(fds[1], POLLIN);
	SYS(recv(fds[1], buf, sizeof(buf), i % 2 ? MSG_PEEK : 0));
	if (i % 3 == 0)
		t_reset(fds[i % 2]);
	else
		close(fds[i % 2]);
	close(fds[!(i % 2)]);
}

#define ROUNDS 120

static void test_leaks(void **state)
{
	uint64_t sockets = tnl_counter(KSC_A_STATS_SOCKETS);
	int64_t before, after, end;

	(void)state;
	for (int i = 0; i < 30; i++)
		one_round(i);
	tnl_await_counter(KSC_A_STATS_SOCKETS, sockets);
	before = free_memory();
	for (int i = 0; i < ROUNDS; i++)
		one_round(i);
	tnl_await_counter(KSC_A_STATS_SOCKETS, sockets);
	if (t_kasan())
		return;
	end = t_now_ms() + PATIENCE_S * 1000 / 2;
	/* a leak of a record's memory in every round would be more than this, permanently */
	do {
		after = free_memory();
		if (before - after < ROUNDS * (int64_t)RECORD * 3 / 4)
			return;
		usleep(50 * 1000);
	} while (t_now_ms() < end);
	fail_msg("%ld bytes were lost", (long)(before - after));
}

/* ---- pressure ---- */

#define PAIRS 4
#define EACH 200000

/* TCP has less memory than it wants: slower, and nothing lost. */
static void test_pressure(void **state)
{
	const char *limits = *state;
	static struct flow out[2 * PAIRS], in[2 * PAIRS];
	static int fds[PAIRS][2];

	tcpmem_need();
	for (int i = 0; i < PAIRS; i++)
		flow_pair(fds[i]);
	tcpmem_set(limits);
	for (int i = 0; i < 2 * PAIRS; i++) {
		const int *pair = fds[i / 2];

		out[i] = (struct flow){ .fd = pair[i % 2], .data = flow_data((uint64_t)i % 4),
					.len = EACH, .step = 50000 };
		in[i] = (struct flow){ .fd = pair[!(i % 2)], .data = flow_data((uint64_t)i % 4),
				       .len = EACH, .step = 9000, .pause_ms = 1 };
		flow_recv(&in[i]);
		flow_send(&out[i]);
	}
	for (int i = 0; i < 2 * PAIRS; i++) {
		flow_join(&out[i]);
		flow_join(&in[i]);
	}
	assert_int_equal(tcpmem_restore(state), 0);
	for (int i = 0; i < PAIRS; i++) {
		t_exchange(fds[i][0], fds[i][1]);
		flow_close(fds[i]);
	}
}

#define TEST(name, test, arg)                                                                      \
	{                                                                                          \
		name, test, NULL, NULL, (void *)(arg)                                              \
	}
#define PRESSURE(limits)                                                                           \
	{                                                                                          \
		"tcp_mem " limits, test_pressure, tcpmem_setup, tcpmem_restore, (void *)(limits)   \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("a sender's buffers", test_sender, 65536),
		TEST("a sender's buffers, small", test_sender, 8192),
		cmocka_unit_test(test_peek),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_leaks),
		/* pages: pressure from the first on, and from the second */
		PRESSURE("16 512 1024"),
		PRESSURE("16 64 512"),
	};

	return T_RUN(tests);
}
