// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP's receive queue is not ours: its segments are merged, split, dropped and retransmitted
 * while records are read from it; and the reader's buffer may end, or fault, anywhere in a
 * record.
 */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../random.h"
#include "lib/wire.h"

#define STREAM 150000
/* records of any size, each with what it has besides */
#define RECORDS (2L * STREAM)

static uint8_t data[STREAM], got[STREAM], records[RECORDS];

/* Makes records of up to @most bytes, and none at all among them; returns their length. */
static size_t make_records(struct wire *w, size_t most, uint64_t seed)
{
	size_t len = 0;

	t_fill(data, sizeof(data), seed);
	for (size_t at = 0; at < STREAM;) {
		uint64_t r = next_random(&seed);
		size_t size = r % 8 ? 1 + (r >> 8) % most : 0;

		if (size > STREAM - at)
			size = STREAM - at;
		assert_true(len + size + 100 < RECORDS);
		len += wire_seal(&w->rx, records + len, WIRE_DATA, data + at, size, 0);
		at += size;
	}
	return len;
}

/**
 * struct feeder - sends what it has in small segments
 * @fd: the socket
 * @len: bytes of records
 * @most: largest segment
 * @seed: of the sizes
 * @error: errno
 */
struct feeder {
	int fd;
	size_t len;
	size_t most;
	uint64_t seed;
	int error;
};

static void *feed(void *arg)
{
	struct feeder *f = arg;

	for (size_t at = 0; !f->error && at < f->len;) {
		size_t size = 1 + next_random(&f->seed) % f->most;
		ssize_t n;

		if (size > f->len - at)
			size = f->len - at;
		n = send(f->fd, records + at, size, MSG_NOSIGNAL);
		if (n < 0)
			f->error = errno;
		else
			at += (size_t)n;
	}
	return NULL;
}

/**
 * struct onlooker - looks at a socket all the time
 * @fd: the socket
 * @stop: until told to stop
 */
struct onlooker {
	int fd;
	bool stop;
};

static void *look_on(void *arg)
{
	struct onlooker *o = arg;
	uint8_t buf[5000];

	while (!__atomic_load_n(&o->stop, __ATOMIC_RELAXED)) {
		struct pollfd pfd = { .fd = o->fd, .events = POLLIN };
		int n;

		poll(&pfd, 1, 1);
		ioctl(o->fd, FIONREAD, &n);
		if (recv(o->fd, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT) < 0)
			poll(NULL, 0, 1);
	}
	return NULL;
}

/**
 * struct queue - a stream of segments, and how it is read
 * @rcvbuf: SO_RCVBUF, 0: as it is
 * @record: largest record
 * @segment: largest segment
 * @netem: how netem treats the packets
 * @pause: how long the reader rests now and then, in microseconds
 * @counter: what has to have happened in TCP's queue
 */
struct queue {
	int rcvbuf;
	size_t record;
	size_t segment;
	const char *netem;
	unsigned int pause;
	const char *counter;
};

static bool has_happened(const struct queue *q, uint64_t before)
{
	return t_net_counter("netstat", "TcpExt", q->counter) > before;
}

static void read_stream(int fd, const struct queue *q, uint64_t before, uint64_t seed)
{
	for (size_t at = 0; at < STREAM;) {
		size_t size = 1 + next_random(&seed) % 30000;

		if (size > STREAM - at)
			size = STREAM - at;
		/* the sender's time to fill the queue: some always, more when it needs it */
		if (q->pause && size % 8 == 0)
			usleep(q->pause);
		for (int i = 0; q->pause && i < 10 && !has_happened(q, before); i++)
			usleep(q->pause);
		at += (size_t)SYS(recv(fd, got + at, size, 0));
	}
	assert_memory_equal(got, data, STREAM);
}

static int restore(void **state)
{
	(void)state;
	return t_shell("tc qdisc del dev lo root 2>/dev/null; true");
}

static void test_queue(void **state)
{
	const struct queue *q = *state;
	uint64_t before = t_net_counter("netstat", "TcpExt", q->counter);

	alarm(PATIENCE_LONG_S);

	/* how the pieces fall is not for us to say: as often as it takes, in reason */
	for (uint64_t seed = 1; seed <= 2 || (seed <= 100 && !has_happened(q, before)); seed++) {
		struct onlooker onlooker = { 0 };
		struct feeder f = { .most = q->segment, .seed = seed };
		pthread_t feeder, looker;
		char command[128];
		struct wire w;

		wire_start(&w, wire_suite(seed & 1 ? WIRE_13 : WIRE_12, seed & 1 ? 0x1301 : 0xc02b),
			   seed);
		if (q->rcvbuf)
			SYS(setsockopt(w.fd, SOL_SOCKET, SO_RCVBUF, &q->rcvbuf, sizeof(int)));
		SYS(setsockopt(w.peer, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)));
		snprintf(command, sizeof(command), "tc qdisc add dev lo root netem %s", q->netem);
		if (q->netem)
			assert_int_equal(t_shell(command), 0);
		f.fd = w.peer;
		f.len = make_records(&w, q->record, seed);
		onlooker.fd = w.fd;
		t_thread(&looker, look_on, &onlooker);
		t_thread(&feeder, feed, &f);
		read_stream(w.fd, q, before, seed);
		__atomic_store_n(&onlooker.stop, true, __ATOMIC_RELAXED);
		t_join(feeder);
		t_join(looker);
		assert_int_equal(f.error, 0);
		restore(NULL);
		wire_close(&w);
	}
	/* or the test would have shown nothing */
	assert_true(has_happened(q, before));
}

/* One full record in more pieces than there is room for in any list of them. */
static void test_pieces(void **state)
{
	struct wire w;
	size_t len;

	(void)state;
	wire_start(&w, wire_suite(WIRE_13, 0x1301), 5);
	SYS(setsockopt(w.peer, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)));
	t_fill(data, WIRE_MAX_PAYLOAD, 5);
	len = wire_seal(&w.rx, records, WIRE_DATA, data, WIRE_MAX_PAYLOAD, 0);
	for (size_t at = 0; at < len; at += 7)
		t_send(w.peer, records + at, len - at < 7 ? len - at : 7);
	t_recv(w.fd, got, WIRE_MAX_PAYLOAD);
	assert_memory_equal(got, data, WIRE_MAX_PAYLOAD);
	wire_close(&w);
}

/*
 * A header's first bytes come with the record before it, in a packet that fills the
 * receive buffer for as long as they are in it: nothing more can come then.
 */
static void test_part_of_header(void **state)
{
	const size_t part = 3;
	uint64_t seed = part;

	(void)state;
	t_fill(data, WIRE_MAX_PAYLOAD, seed);
	for (int rcvbuf = 4096; rcvbuf <= 8192; rcvbuf *= 2) {
		size_t len, sent = 0;
		struct wire w;

		wire_start(&w, wire_suite(WIRE_13, 0x1301), seed);
		SYS(setsockopt(w.fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf)));
		SYS(setsockopt(w.peer, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)));
		for (int i = 0; i < 100; i++) {
			size_t size = 1 + next_random(&seed) % (2 * (size_t)rcvbuf);

			/* behind the part that has arrived: its header is always the same */
			len = wire_seal(&w.rx, records, WIRE_DATA, data, size, 0);
			memcpy(records + len, "\x17\x03\x03", part);
			t_send(w.peer, records + sent, len - sent + part);
			sent = part;
			t_recv(w.fd, got, size);
			assert_memory_equal(got, data, size);
		}
		wire_close(&w);
	}
}

/* CVE-2025-39682: nothing in between, at every place of a read. */
static void test_empty_between(void **state)
{
	struct wire w;
	uint8_t buf[64];

	(void)state;
	for (int flags = 0; flags <= MSG_PEEK; flags += MSG_PEEK) {
		wire_start(&w, wire_suite(WIRE_13, 0x1301), 6);
		for (int i = 0; i < 3; i++) {
			wire_send(&w, WIRE_DATA, NULL, 0, 0);
			wire_send(&w, WIRE_DATA, "abc", 3, 0);
			wire_send(&w, WIRE_DATA, NULL, 0, 10);
			wire_send(&w, WIRE_HANDSHAKE, "\x18\0\0\1\0", 5, 0);
			wire_update(&w.rx);
		}
		wire_send(&w, WIRE_DATA, NULL, 0, 0);
		wire_send(&w, WIRE_DATA, "end", 3, 0);
		/* until all has come, a look shows a part */
		while (flags && SYS(recv(w.fd, buf, sizeof(buf), MSG_PEEK)) < 12)
			assert_memory_equal(buf, "abcabcabcend", 1);
		assert_int_equal(SYS(recv(w.fd, buf, 12, MSG_WAITALL)), 12);
		assert_memory_equal(buf, "abcabcabcend", 12);
		FAILS(recv(w.fd, buf, 1, MSG_DONTWAIT), EAGAIN);
		wire_close(&w);
	}
}

#define PAGE 4096L

/*
 * Memory that ends in the middle of a record: nothing of it is lost, and nothing comes
 * twice, whatever the call was.
 */
static void test_fault(void **state)
{
	static const size_t lens[] = { 100, PAGE, PAGE + 1, 3 * PAGE, WIRE_MAX_PAYLOAD };
	uint8_t *map = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(map != MAP_FAILED);
	SYS(mprotect(map + 2 * PAGE, 2 * PAGE, PROT_NONE));
	t_fill(data, sizeof(data), 8);
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		/* as much of it as there is, a byte, and nothing */
		const size_t room[] = { 2 * PAGE, 1, 0 };
		size_t at = 0;
		struct wire w;

		wire_start(&w, *state, i);
		for (int n = 0; n < 3; n++)
			wire_send(&w, WIRE_DATA, data + (size_t)n * lens[i], lens[i], 0);
		for (size_t j = 0; at < 3 * lens[i]; j++) {
			size_t some = room[j % 3];
			struct iovec iov[2] = { { map + 2 * PAGE - some, some },
						{ map + 2 * PAGE, 2 * PAGE } };
			struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
			int flags = j % 5 == 4 ? MSG_PEEK : 0;
			ssize_t n = recvmsg(w.fd, &msg, flags);

			if (n < 0) {
				assert_int_equal(errno, EFAULT);
				n = recv(w.fd, got, 1, MSG_PEEK);
				assert_int_equal(n, 1);
				assert_int_equal(got[0], data[at]);
				continue;
			}
			assert_in_range(n, 1, some);
			assert_memory_equal(iov[0].iov_base, data + at, (size_t)n);
			at += flags ? 0 : (size_t)n;
		}
		FAILS(recv(w.fd, got, 1, MSG_DONTWAIT), EAGAIN);
		/* and the other way: what was taken is what is sent */
		for (size_t j = 0; j < ARRAY_SIZE(room); j++) {
			struct iovec iov[2] = { { map + 2 * PAGE - room[j], room[j] },
						{ map + 2 * PAGE, 2 * PAGE } };
			struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
			uint8_t type, last = 0;
			size_t back = 0;
			ssize_t n;

			t_fill(map, 2 * PAGE, j);
			n = sendmsg(w.fd, &msg, MSG_NOSIGNAL);
			if (n < 0)
				assert_int_equal(errno, EFAULT);
			t_send(w.fd, "$", 1);
			for (n = n < 0 ? 0 : n; (ssize_t)back < n + 1;
			     back += wire_recv(&w, &type, got + back))
				;
			assert_int_equal(back, n + 1);
			assert_memory_equal(got, iov[0].iov_base, (size_t)n);
			last = got[n];
			assert_int_equal(last, '$');
		}
		wire_close(&w);
	}
	munmap(map, 4 * PAGE);
}

#define QUEUE(name)                                                                                \
	{                                                                                          \
		#name, test_queue, t_setup, restore, (void *)&(name)                               \
	}

int main(void)
{
	static const struct queue collapsed = { .rcvbuf = 8192, .record = 3000, .segment = 100,
						.pause = 3000, .counter = "TCPRcvCollapsed" };
	static const struct queue collapsed_large = { .rcvbuf = 30000, .record = WIRE_MAX_PAYLOAD,
						      .segment = 40, .pause = 3000,
						      .counter = "TCPRcvCollapsed" };
	static const struct queue reordered = { .record = WIRE_MAX_PAYLOAD, .segment = 9000,
						.netem = "delay 3ms 2ms reorder 30% duplicate 10%",
						.counter = "TCPOFOQueue" };
	static const struct queue lost = { .rcvbuf = 30000, .record = 5000, .segment = 2000,
					   .netem = "delay 1ms 1ms loss 3%",
					   .pause = 1000, .counter = "TCPOFOQueue" };
	const struct CMUnitTest tests[] = {
		QUEUE(collapsed),
		QUEUE(collapsed_large),
		QUEUE(reordered),
		QUEUE(lost),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_part_of_header),
		cmocka_unit_test(test_empty_between),
		{ "fault, TLS 1.3", test_fault, NULL, NULL, (void *)wire_suite(WIRE_13, 0x1302) },
		{ "fault, TLS 1.2", test_fault, NULL, NULL, (void *)wire_suite(WIRE_12, 0xcca9) },
	};
	int ret;

	if (wire_begin())
		return 1;
	ret = T_RUN(tests);
	return wire_end() ? 1 : ret;
}
