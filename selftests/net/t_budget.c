// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many records one call decrypts at most, however many are queued: a peer may put a byte
 * in each record.
 */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/raw.h"
#include "lib/wire.h"

#define BUDGET 64
#define BYTES 2000

/**
 * struct mode - where records come from
 * @name: for people
 * @raw: raw mode, of TLS 1.3
 * @version: the TLS version
 * @role: of the socket that gets them
 */
struct mode {
	const char *name;
	bool raw;
	uint16_t version;
	int role;
};

static const struct mode modes[] = {
	{ "TLS 1.3", false, WIRE_13, KSC_ROLE_SERVER },
	{ "TLS 1.2", false, WIRE_12, KSC_ROLE_CLIENT },
	{ "raw mode", true, WIRE_13, KSC_ROLE_SERVER },
};

/**
 * struct conn - a connection
 * @raw: raw mode
 * @w: the other mode's; its descriptors are valid in both
 * @keys: of raw mode
 * @seq: of raw mode, the next record's number
 */
struct conn {
	bool raw;
	struct wire w;
	struct raw_keys keys;
	uint64_t seq;
};

static void begin(struct conn *c, const struct mode *mode)
{
	int fds[2];

	memset(c, 0, sizeof(*c));
	c->raw = mode->raw;
	if (mode->raw) {
		c->keys = raw_keys(raw_13, 0, 0);
		raw_plain_pair(AF_INET, fds);
		c->w.fd = fds[0];
		c->w.peer = fds[1];
		raw_attach(c->w.fd, KSC_RAW_ULP_NAME);
		raw_set(c->w.fd, TLS_RX, &c->keys);
		return;
	}
	wire_start_as(&c->w, mode->role, mode->version);
}

static void says(struct conn *c, uint8_t type, const void *data, size_t len)
{
	if (c->raw)
		raw_craft(c->w.peer, &c->keys, c->seq++, type, data, len, 0);
	else
		wire_send(&c->w, type, data, len, 0);
}

/* Data sent with @on comes in large packets, and is in the receiver's queue afterwards */
static void together(struct conn *c, int on)
{
	SYS(setsockopt(c->w.peer, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)));
	if (!on)
		t_await_acked(c->w.peer);
}

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i % 251);
}

/* A record for each of @count bytes */
static void queue_bytes(struct conn *c, size_t count)
{
	together(c, 1);
	for (size_t i = 0; i < count; i++) {
		uint8_t byte = byte_at(i);

		says(c, WIRE_DATA, &byte, 1);
	}
	together(c, 0);
}

/* Records that have no content, and one that has */
static void queue_empty(struct conn *c, size_t count)
{
	together(c, 1);
	while (count--)
		says(c, WIRE_DATA, NULL, 0);
	says(c, WIRE_DATA, "x", 1);
	together(c, 0);
}

/* A call has given @n of them, of which @at is the first: no more than it may */
static size_t check_bytes(const uint8_t *buf, ssize_t n, size_t at)
{
	assert_in_range(n, 1, BUDGET);
	for (ssize_t i = 0; i < n; i++)
		assert_int_equal(buf[i], byte_at(at + (size_t)i));
	return at + (size_t)n;
}

/* ---- ways to read ---- */

static uint8_t buf[65536];

static ssize_t by_recv(int fd, bool wait)
{
	return recv(fd, buf, sizeof(buf), wait ? 0 : MSG_DONTWAIT);
}

/* By way of a pipe */
static ssize_t by_splice(int fd, bool wait)
{
	int ends[2], error;
	ssize_t n;

	SYS(pipe2(ends, O_CLOEXEC));
	t_nonblock(fd, !wait);
	n = splice(fd, NULL, ends[1], NULL, sizeof(buf), wait ? 0 : SPLICE_F_NONBLOCK);
	error = errno;
	if (n > 0)
		assert_int_equal(SYS(read(ends[0], buf, sizeof(buf))), n);
	close(ends[0]);
	close(ends[1]);
	t_nonblock(fd, false);
	errno = error;
	return n;
}

typedef ssize_t (*way)(int fd, bool wait);

/* What a call leaves, the next one goes on with, and it need not wait for that. */
static void read_on(const struct mode *mode, way take)
{
	size_t at = 0;
	struct conn c;

	begin(&c, mode);
	queue_bytes(&c, BYTES);
	while (at < BYTES)
		at = check_bytes(buf, SYS(take(c.w.fd, at % 2)), at);
	FAILS(take(c.w.fd, false), EAGAIN);
	wire_close(&c.w);
}

static void test_recv(void **state)
{
	read_on(*state, by_recv);
}

static void test_splice(void **state)
{
	read_on(*state, by_splice);
}

/* poll() reports that there is more. */
static void test_poll(void **state)
{
	size_t at = 0;
	struct conn c;

	begin(&c, *state);
	queue_bytes(&c, BYTES);
	while (at < BYTES) {
		t_wait(c.w.fd, POLLIN);
		at = check_bytes(buf, SYS(by_recv(c.w.fd, false)), at);
	}
	wire_close(&c.w);
}

/* One with edges reads until a call gives less than it asked for, and waits then. */
static void read_edges(const struct mode *mode, bool peeked)
{
	size_t at = 0;
	struct conn c;
	int ep;

	begin(&c, mode);
	queue_bytes(&c, BYTES);
	/* when it is watched there is something to read, or it was not polled yet */
	if (peeked)
		SYS(recv(c.w.fd, buf, 1, MSG_PEEK));
	ep = t_watch(c.w.fd, EPOLLIN | EPOLLET);
	while (at < BYTES) {
		ssize_t n;

		t_await_event(ep);
		n = by_recv(c.w.fd, false);
		/* notified of data that is read already */
		if (n < 0 && errno == EAGAIN)
			continue;
		at = check_bytes(buf, SYS(n), at);
	}
	close(ep);
	wire_close(&c.w);
}

static void test_edges(void **state)
{
	read_edges(*state, false);
	read_edges(*state, true);
}

static void test_peek(void **state)
{
	size_t at = 0;
	struct conn c;

	begin(&c, *state);
	queue_bytes(&c, BYTES);
	while (at < BYTES) {
		ssize_t n = SYS(recv(c.w.fd, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT));

		check_bytes(buf, n, at);
		memset(buf, 0, sizeof(buf));
		at = check_bytes(buf, SYS(recv(c.w.fd, buf, (size_t)n, MSG_WAITALL)), at);
	}
	wire_close(&c.w);
}

/* A reader that asks for all of it gets it; the end behind it does not make the read short. */
static void test_all(void **state)
{
	struct conn c;

	begin(&c, *state);
	queue_bytes(&c, BYTES);
	if (!c.raw)
		says(&c, WIRE_ALERT, "\1", 2);
	SYS(shutdown(c.w.peer, SHUT_WR));
	t_await_acked(c.w.peer);
	assert_int_equal(SYS(recv(c.w.fd, buf, BYTES, MSG_WAITALL)), BYTES);
	for (size_t i = 0; i < BYTES; i++)
		assert_int_equal(buf[i], byte_at(i));
	t_expect_eof(c.w.fd);
	wire_close(&c.w);
}

/* Neither do records without data hide what is before the end. */
static void test_end(void **state)
{
	struct conn c;

	begin(&c, *state);
	queue_empty(&c, 3 * BUDGET + 1);
	if (!c.raw)
		says(&c, WIRE_ALERT, "\1", 2);
	SYS(shutdown(c.w.peer, SHUT_WR));
	t_await_acked(c.w.peer);
	t_expect(c.w.fd, "x");
	t_expect_eof(c.w.fd);
	wire_close(&c.w);
}

/*
 * What is no data is no reason for close() to reset the connection, however much it is. In raw
 * mode it is the application's, as data are.
 */
static void test_close(void **state)
{
	struct conn c;
	char end;

	for (int ends = 0; ends < 2; ends++) {
		begin(&c, *state);
		together(&c, 1);
		for (int i = 0; i < 3 * BUDGET + 1; i++)
			says(&c, WIRE_DATA, NULL, 0);
		if (ends)
			says(&c, WIRE_ALERT, "\1", 2);
		together(&c, 0);
		SYS(close(c.w.fd));
		if (c.raw) {
			FAILS(recv(c.w.peer, &end, 1, 0), ECONNRESET);
		} else {
			wire_expect_alert(&c.w, 1, 0);
			assert_int_equal(SYS(recv(c.w.peer, &end, 1, 0)), 0);
		}
		close(c.w.peer);
	}
}

/* As much as SO_RCVLOWAT asks for is waited for. */
static void test_lowat(void **state)
{
	const int least = 1000;
	struct conn c;
	ssize_t n;

	begin(&c, *state);
	SYS(setsockopt(c.w.fd, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof(least)));
	queue_bytes(&c, BYTES);
	n = SYS(by_recv(c.w.fd, true));
	assert_in_range(n, least, least + BUDGET);
	wire_close(&c.w);
}

/* ---- time ---- */

/* Tries that have as much time as there may be: one jiffy each, in which none reads it all */
#define TRIES 20

static void hurry(int fd, bool on)
{
	const struct timeval timeout = { .tv_usec = on };

	SYS(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
}

/* A reader that asks for all of it waits no longer than its time-out, though all is queued. */
static void test_time_all(void **state)
{
	int tries = TRIES;
	struct conn c;
	ssize_t n;

	begin(&c, *state);
	do {
		assert_true(tries--);
		queue_bytes(&c, BYTES);
		hurry(c.w.fd, true);
		n = SYS(recv(c.w.fd, buf, BYTES, MSG_WAITALL));
		hurry(c.w.fd, false);
		if (n < BYTES)
			t_recv(c.w.fd, buf + n, (size_t)(BYTES - n));
		for (size_t i = 0; i < BYTES; i++)
			assert_int_equal(buf[i], byte_at(i));
	} while (n == BYTES);
	wire_close(&c.w);
}

/* The same, of records that have no content. */
static void time_empty(const struct mode *mode, way take)
{
	int tries = TRIES;
	struct conn c;
	ssize_t n;

	begin(&c, mode);
	do {
		assert_true(tries--);
		queue_empty(&c, BYTES);
		hurry(c.w.fd, true);
		n = take(c.w.fd, true);
		if (n < 0)
			assert_int_equal(errno, EAGAIN);
		hurry(c.w.fd, false);
		if (n < 0)
			t_expect(c.w.fd, "x");
	} while (n == 1);
	wire_close(&c.w);
}

static void test_time_recv(void **state)
{
	time_empty(*state, by_recv);
}

static void test_time_splice(void **state)
{
	time_empty(*state, by_splice);
}

/* Of which the handshake takes the more, but leaves enough for anything. */
#define TIME_S 20
#define HANDSHAKE_S 12

struct reader {
	int fd;
	ssize_t n;
	int error;
};

static void *read_in_time(void *arg)
{
	struct reader *r = arg;

	r->n = recv(r->fd, buf, 1, 0);
	r->error = errno;
	return NULL;
}

/* How long a call has waited for the handshake is counted once. */
static void test_time_handshake(void **state)
{
	const struct timeval timeout = { .tv_sec = TIME_S };
	uint8_t material[2][WIRE_MATERIAL];
	struct t_addr addr;
	struct conn c = { 0 };
	struct reader r = { 0 };
	struct wire first;
	pthread_t thread;
	int listener;

	(void)state;
	t_fill(material, sizeof(material), 1);
	wire_keys(&c.w.tx, wire_suite(WIRE_13, 0x1301), material[0]);
	wire_keys(&c.w.rx, wire_suite(WIRE_13, 0x1301), material[1]);
	c.w.role = KSC_ROLE_SERVER;
	listener = t_listen(AF_INET, &t_server, &addr);
	c.w.peer = t_connect(&addr, NULL);
	t_send(c.w.peer, "\x16\x03\x01\x00\x01\x01", 6);
	c.w.fd = t_accept(listener);
	SYS(setsockopt(c.w.fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
	r.fd = c.w.fd;
	t_thread(&thread, read_in_time, &r);
	sleep(HANDSHAKE_S);
	/* the offer was made long ago, and has no more than the hello */
	first = c.w;
	queue_empty(&c, (size_t)3 * BUDGET);
	wire_answer(&first);
	t_join(thread);
	if (r.n != 1)
		fail_msg("recv: %s", strerror(r.error));
	assert_int_equal(buf[0], 'x');
	close(listener);
	wire_close(&c.w);
}

/* A splice() that does not block skips empty records; an event follows for the one with content. */
static void test_splice_empty(void **state)
{
	unsigned int calls = 1;
	struct conn c;
	int ep;

	begin(&c, *state);
	queue_empty(&c, (size_t)5 * BUDGET);
	FAILS(by_splice(c.w.fd, false), EAGAIN);
	ep = t_watch(c.w.fd, EPOLLIN | EPOLLET);
	do {
		t_await_event(ep);
		calls++;
	} while (by_splice(c.w.fd, false) < 0 && errno == EAGAIN);
	assert_int_equal(buf[0], 'x');
	/* in raw mode no pump decrypts them */
	if (c.raw)
		assert_in_range(calls, 5, 8);
	close(ep);
	wire_close(&c.w);
}

int main(void)
{
	static const struct {
		const char *name;
		CMUnitTestFunction test;
	} each[] = {
		{ "recv()", test_recv },
		{ "splice()", test_splice },
		{ "poll()", test_poll },
		{ "edges", test_edges },
		{ "MSG_PEEK", test_peek },
		{ "MSG_WAITALL", test_all },
		{ "end", test_end },
		{ "close()", test_close },
		{ "SO_RCVLOWAT", test_lowat },
		{ "time-out, MSG_WAITALL", test_time_all },
		{ "time-out, recv()", test_time_recv },
		{ "time-out, splice()", test_time_splice },
		{ "splice(), empty records", test_splice_empty },
	};
	static struct CMUnitTest tests[ARRAY_SIZE(each) * ARRAY_SIZE(modes) + 1];
	static char names[ARRAY_SIZE(tests)][64];
	size_t count = 0;
	int ret;

	for (size_t i = 0; i < ARRAY_SIZE(each); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(modes); k++, count++) {
			snprintf(names[count], sizeof(names[count]), "%s: %s", each[i].name,
				 modes[k].name);
			tests[count] = (struct CMUnitTest){ names[count], each[i].test, t_unlimited,
							    t_limited, (void *)&modes[k] };
		}
	}
	tests[count] = (struct CMUnitTest)cmocka_unit_test_setup_teardown(test_time_handshake,
									  t_unlimited, t_limited);
	if (wire_begin())
		return 1;
	ret = T_RUN(tests);
	return wire_end() ? 1 : ret;
}
