// SPDX-License-Identifier: GPL-2.0-only
/*
 * Peers that send only records without data: how many one call processes, and how many they
 * may send before the connection fails.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/raw.h"
#include "lib/wire.h"

#define UNEXPECTED_MESSAGE 10
#define NO_RENEGOTIATION 100

/* What one call opens at most */
#define BUDGET 64

/**
 * struct kind - records without data
 * @name: for people
 * @version: of which TLS version
 * @role: of the socket that gets them
 * @type: their type
 * @bytes: their content
 * @len: length of it
 */
struct kind {
	const char *name;
	uint16_t version;
	int role;
	uint8_t type;
	uint8_t bytes[24];
	size_t len;
};

#define CLIENT KSC_ROLE_CLIENT
#define SERVER KSC_ROLE_SERVER
/* NewSessionTicket of little content: lifetime, age, no nonce, a ticket, no extensions */
#define TICKET_BYTES { 4, 0, 0, 14, 0, 0, 0, 60, 0, 0, 0, 1, 0, 0, 1, '!', 0, 0 }

static const struct kind kinds[] = {
	{ "KeyUpdate", WIRE_13, CLIENT, WIRE_HANDSHAKE, { 24, 0, 0, 1, 0 }, 5 },
	{ "KeyUpdate, requested", WIRE_13, SERVER, WIRE_HANDSHAKE, { 24, 0, 0, 1, 1 }, 5 },
	{ "ticket", WIRE_13, CLIENT, WIRE_HANDSHAKE, TICKET_BYTES, 18 },
	{ "empty", WIRE_13, SERVER, WIRE_DATA, { 0 }, 0 },
	{ "user_canceled", WIRE_13, CLIENT, WIRE_ALERT, { 1, 90 }, 2 },
	{ "empty, TLS 1.2", WIRE_12, CLIENT, WIRE_DATA, { 0 }, 0 },
	{ "warning, TLS 1.2", WIRE_12, SERVER, WIRE_ALERT, { 1, 41 }, 2 },
	{ "HelloRequest, TLS 1.2", WIRE_12, CLIENT, WIRE_HANDSHAKE, { 0, 0, 0, 0 }, 4 },
	{ "ClientHello, TLS 1.2", WIRE_12, SERVER, WIRE_HANDSHAKE, { 1, 0, 0, 2, 3, 3 }, 6 },
};

static void begin(struct wire *w, const struct kind *kind)
{
	wire_start_as(w, kind->role, kind->version);
}

/* Makes @count records of a kind; returns how many bytes these are. */
static size_t seal(struct wire *w, const struct kind *kind, size_t count, uint8_t *to)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++) {
		len += wire_seal(&w->rx, to + len, kind->type, kind->bytes, kind->len, 0);
		if (kind->version == WIRE_13 && kind->type == WIRE_HANDSHAKE &&
		    kind->bytes[0] == 24)
			wire_update(&w->rx);
	}
	return len;
}

static void flood(struct wire *w, const struct kind *kind, size_t count)
{
	static uint8_t records[512 * 64];

	assert_true(count <= 512);
	t_send(w->peer, records, seal(w, kind, count, records));
}

static void says(struct wire *w, const char *text)
{
	wire_send(w, WIRE_DATA, text, strlen(text), 0);
}

/* One call returns with more of them left than it opens; the pump goes on. */
static void test_nonblocking(void **state)
{
	const struct kind *kind = *state;
	struct wire w;
	char buf[8];
	ssize_t n;
	int ep;

	t_flood_limits(0, 0);
	begin(&w, kind);
	flood(&w, kind, 5 * BUDGET);
	says(&w, "data");
	FAILS(recv(w.fd, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	/* nothing more is sent, and no thread reads: the event comes nevertheless */
	ep = t_watch(w.fd, EPOLLIN | EPOLLET);
	do {
		t_await_event(ep);
		n = recv(w.fd, buf, sizeof(buf), MSG_DONTWAIT);
	} while (n < 0 && errno == EAGAIN);
	assert_int_equal(n, 4);
	assert_memory_equal(buf, "data", 4);
	close(ep);
	wire_close(&w);
}

/* The same for MSG_PEEK, and for a reader that has found data before them. */
static void test_nonblocking_more(void **state)
{
	const struct kind *kind = *state;
	struct wire w;
	char buf[16];
	int ep;

	t_flood_limits(0, 0);
	begin(&w, kind);
	flood(&w, kind, 5 * BUDGET);
	says(&w, "data");
	FAILS(recv(w.fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_PEEK), EAGAIN);
	t_expect(w.fd, "data");
	says(&w, "before");
	flood(&w, kind, 5 * BUDGET);
	says(&w, "behind");
	/* a short read, after which one with edges waits for another */
	assert_int_equal(SYS(recv(w.fd, buf, sizeof(buf), MSG_DONTWAIT)), 6);
	assert_memory_equal(buf, "before", 6);
	ep = t_watch(w.fd, EPOLLIN | EPOLLET);
	t_await_event(ep);
	t_expect(w.fd, "behind");
	close(ep);
	wire_close(&w);
}

/* With EPOLLET all the way: each edge leads to the data, with any number of records before it. */
static void test_edges(void **state)
{
	const struct kind *kind = *state;
	struct wire w;
	char c;
	int ep;

	t_flood_limits(0, 0);
	begin(&w, kind);
	ep = t_watch(w.fd, EPOLLIN | EPOLLET);
	for (int i = 0; i < 5; i++) {
		flood(&w, kind, 3 * BUDGET);
		says(&w, "x");
		do {
			t_await_event(ep);
		} while (recv(w.fd, &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
		assert_int_equal(c, 'x');
		FAILS(recv(w.fd, &c, 1, MSG_DONTWAIT), EAGAIN);
	}
	close(ep);
	wire_close(&w);
}

/* ---- time ---- */

#define MANY 10000

/**
 * struct pourer - sends without a pause
 * @fd: where to
 * @data: what
 * @len: how much
 */
struct pourer {
	int fd;
	const uint8_t *data;
	size_t len;
};

static void *pour(void *arg)
{
	const struct pourer *p = arg;
	size_t at = 0;
	ssize_t n;

	while (at < p->len && (n = send(p->fd, p->data + at, p->len - at, MSG_NOSIGNAL)) > 0)
		at += (size_t)n;
	return NULL;
}

/* Does a recv() in a flood time out? What came in the end is read in any case. */
static bool times_out(struct wire *w, const struct kind *kind, uint8_t *records)
{
	const struct timeval least = { .tv_usec = 1 }, none = { 0 };
	struct pourer p = { .fd = w->peer, .data = records };
	pthread_t thread;
	ssize_t n;
	char c;

	p.len = seal(w, kind, MANY, records);
	p.len += wire_seal(&w->rx, records + p.len, WIRE_DATA, "x", 1, 0);
	SYS(setsockopt(w->fd, SOL_SOCKET, SO_RCVTIMEO, &least, sizeof(least)));
	t_thread(&thread, pour, &p);
	/* a jiffy each, in which none opens all of them */
	n = recv(w->fd, &c, 1, 0);
	if (n < 0) {
		assert_int_equal(errno, EAGAIN);
		n = recv(w->fd, &c, 1, 0);
		if (n < 0)
			assert_int_equal(errno, EAGAIN);
	}
	SYS(setsockopt(w->fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none)));
	if (n < 0)
		t_expect(w->fd, "x");
	else
		assert_int_equal(c, 'x');
	t_join(thread);
	return n < 0;
}

/* SO_RCVTIMEO runs while there is always a next one: where the clock does, once in a while. */
static void test_timeout(void **state)
{
	static const struct kind *const kind = &kinds[3];
	uint8_t *records = malloc((size_t)MANY * 64);
	int tries = 10;
	struct wire w;

	(void)state;
	assert_non_null(records);
	t_flood_limits(0, 0);
	begin(&w, kind);
	while (!times_out(&w, kind, records))
		assert_true(--tries);
	wire_close(&w);
	free(records);
}

/* ---- limits ---- */

static void expect_flood(struct wire *w, const char *text, uint64_t floods)
{
	char c;

	FAILS(recv(w->fd, &c, 1, 0), EPROTO);
	t_expect_error(w->fd, KSC_STATUS_PROTOCOL_ERROR, EPROTO);
	assert_int_equal(t_error(w->fd).direction, KSC_DIRECTION_SENT);
	assert_int_equal(t_error(w->fd).alert, UNEXPECTED_MESSAGE);
	assert_string_equal(t_error(w->fd).text, text);
	assert_int_equal(tnl_counter(KSC_A_STATS_RX_FLOODS), floods);
}

/* As many as may come do, again and again with data between; one more is too many. */
static void test_limit(void **state)
{
	uint64_t floods = tnl_counter(KSC_A_STATS_RX_FLOODS);
	const struct kind *kind = *state;
	struct wire w;

	t_flood_limits(20, 0);
	begin(&w, kind);
	for (int i = 0; i < 3; i++) {
		flood(&w, kind, 20);
		says(&w, "data");
		t_expect(w.fd, "data");
	}
	assert_int_equal(tnl_counter(KSC_A_STATS_RX_FLOODS), floods);
	says(&w, "last");
	flood(&w, kind, 21);
	says(&w, "never");
	t_expect(w.fd, "last");
	expect_flood(&w, "too many records without data", floods + 1);
	wire_close(&w);
}

/* One of each kind counts, too; and so do pieces of a message, of one byte each. */
static void test_limit_mixed(void **state)
{
	uint64_t floods = tnl_counter(KSC_A_STATS_RX_FLOODS);
	static const uint8_t ticket[] = TICKET_BYTES;
	struct wire w;

	(void)state;
	t_flood_limits(20, 0);
	begin(&w, &kinds[0]);
	for (int i = 0; i < 5; i++) {
		flood(&w, &kinds[0], 1);
		flood(&w, &kinds[2], 1);
		flood(&w, &kinds[3], 1);
		flood(&w, &kinds[4], 1);
	}
	says(&w, "data");
	t_expect(w.fd, "data");
	for (int i = 0; i < 21; i++)
		wire_send(&w, WIRE_HANDSHAKE, &ticket[i % sizeof(ticket)], 1, 0);
	expect_flood(&w, "too many records without data", floods + 1);
	wire_close(&w);
}

/* Out of the box */
static void test_limit_default(void **state)
{
	uint64_t floods = tnl_counter(KSC_A_STATS_RX_FLOODS);
	struct wire w;

	(void)state;
	assert_int_equal(t_parameter("max_dataless"), T_DATALESS);
	assert_int_equal(t_parameter("max_key_updates"), T_KEY_UPDATES);
	begin(&w, &kinds[3]);
	flood(&w, &kinds[3], T_DATALESS);
	says(&w, "data");
	t_expect(w.fd, "data");
	flood(&w, &kinds[3], T_DATALESS + 1);
	expect_flood(&w, "too many records without data", floods + 1);
	wire_close(&w);
}

/* A record full of requests to renegotiate is answered once, and no cheaper than records. */
static void test_full_record(void **state)
{
	uint64_t floods = tnl_counter(KSC_A_STATS_RX_FLOODS);
	static uint8_t hellos[WIRE_MAX_PAYLOAD];
	struct wire w;

	(void)state;
	t_flood_limits(20, 0);
	begin(&w, &kinds[7]);
	for (int i = 0; i < 3; i++) {
		wire_send(&w, WIRE_HANDSHAKE, hellos, 4 * 20, 0);
		says(&w, "data");
		t_expect(w.fd, "data");
		wire_expect_alert(&w, 1, NO_RENEGOTIATION);
	}
	t_send(w.fd, "back", 4);
	wire_expect(&w, WIRE_DATA, "back", 4);
	wire_send(&w, WIRE_HANDSHAKE, hellos, sizeof(hellos), 0);
	expect_flood(&w, "too many records without data", floods + 1);
	wire_expect_alert(&w, 1, NO_RENEGOTIATION);
	wire_expect_alert(&w, 2, UNEXPECTED_MESSAGE);
	wire_close(&w);
}

/* Data between them does not make changes of keys cheap. */
static void test_key_updates(void **state)
{
	uint64_t floods = tnl_counter(KSC_A_STATS_RX_FLOODS);
	static char buf[256];
	struct wire w;

	(void)state;
	t_flood_limits(20, 4);
	begin(&w, &kinds[0]);
	/* a guest that is paused between every four of them can't be tested */
	for (int i = 0; i < 200; i++) {
		flood(&w, &kinds[0], 1);
		says(&w, "x");
	}
	while (recv(w.fd, buf, sizeof(buf), 0) > 0)
		;
	expect_flood(&w, "too many KeyUpdates", floods + 1);
	wire_close(&w);
}

/* A peer that sends enough data in between may change its keys any number of times. */
static void test_key_updates_bulk(void **state)
{
	static uint8_t data[WIRE_MAX_PAYLOAD], got[sizeof(data)];
	struct wire w;

	(void)state;
	t_flood_limits(20, 1);
	begin(&w, &kinds[0]);
	for (int i = 0; i < 50; i++) {
		t_fill(data, sizeof(data), (uint64_t)i);
		wire_send(&w, WIRE_DATA, data, sizeof(data), 0);
		flood(&w, &kinds[0], 1);
		t_recv(w.fd, got, sizeof(got));
		assert_memory_equal(got, data, sizeof(got));
	}
	wire_close(&w);
}

/* One that is asked for new keys may send them, and need not say anything else. */
static void test_solicited(void **state)
{
	struct wire w;

	(void)state;
	t_flood_limits(5, 1);
	begin(&w, &kinds[0]);
	for (int i = 0; i < 20; i++) {
		SYS(setsockopt(w.fd, SOL_KSCHANNEL, KSC_REKEY, &(int){ 1 }, sizeof(int)));
		wire_expect(&w, WIRE_HANDSHAKE, (const uint8_t[]){ 24, 0, 0, 1, 1 }, 5);
		wire_update(&w.tx);
		flood(&w, &kinds[0], 1);
	}
	says(&w, "data");
	t_expect(w.fd, "data");
	wire_close(&w);
}

/* ---- raw mode ---- */

static void test_raw(void **state)
{
	struct raw_keys keys = raw_keys(raw_13, 0, 0);
	uint64_t seq = 0;
	uint8_t type;
	char buf[8];
	int fds[2], ep;

	(void)state;
	raw_plain_pair(AF_INET, fds);
	raw_attach(fds[0], KSC_RAW_ULP_NAME);
	raw_set(fds[0], TLS_RX, &keys);
	for (int i = 0; i < 5 * BUDGET; i++)
		raw_craft(fds[1], &keys, seq++, RAW_DATA, NULL, 0, 0);
	raw_craft(fds[1], &keys, seq++, RAW_DATA, "data", 4, 0);
	FAILS(recv(fds[0], buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	FAILS(recv(fds[0], buf, sizeof(buf), MSG_DONTWAIT | MSG_PEEK), EAGAIN);
	ep = t_watch(fds[0], EPOLLIN | EPOLLET);
	do {
		t_await_event(ep);
	} while (recv(fds[0], buf, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	assert_int_equal(buf[0], 'd');
	/* a short read, and a call that waits */
	for (int i = 0; i < 5 * BUDGET; i++)
		raw_craft(fds[1], &keys, seq++, RAW_DATA, NULL, 0, 0);
	raw_craft(fds[1], &keys, seq++, RAW_DATA, "more", 4, 0);
	assert_int_equal(SYS(recv(fds[0], buf, sizeof(buf), MSG_DONTWAIT)), 3);
	assert_int_equal(SYS(raw_recv(fds[0], &type, buf, 4, 0)), 4);
	assert_memory_equal(buf, "more", 4);
	close(ep);
	raw_close(fds);
}

int main(void)
{
	static const struct {
		const char *name;
		CMUnitTestFunction test;
	} each[] = {
		{ "one call", test_nonblocking },
		{ "one call, more", test_nonblocking_more },
		{ "edges", test_edges },
		{ "limit", test_limit },
	};
	static const struct CMUnitTest others[] = {
		{ "time-out", test_timeout, NULL, t_limited, NULL },
		{ "limit: mixed", test_limit_mixed, NULL, t_limited, NULL },
		{ "limit: default", test_limit_default, NULL, t_limited, NULL },
		{ "limit: a record full of messages", test_full_record, NULL, t_limited, NULL },
		{ "KeyUpdates", test_key_updates, NULL, t_limited, NULL },
		{ "KeyUpdates, bulk", test_key_updates_bulk, NULL, t_limited, NULL },
		{ "KeyUpdates, solicited", test_solicited, NULL, t_limited, NULL },
		{ "raw mode", test_raw, NULL, NULL, NULL },
	};
	static struct CMUnitTest tests[ARRAY_SIZE(each) * ARRAY_SIZE(kinds) + ARRAY_SIZE(others)];
	static char names[ARRAY_SIZE(tests)][64];
	size_t count = 0;
	int ret;

	for (size_t i = 0; i < ARRAY_SIZE(each); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++, count++) {
			snprintf(names[count], sizeof(names[count]), "%s: %s", each[i].name,
				 kinds[k].name);
			tests[count] = (struct CMUnitTest){ names[count], each[i].test, NULL,
							    t_limited, (void *)&kinds[k] };
		}
	}
	memcpy(&tests[count], others, sizeof(others));
	if (wire_begin())
		return 1;
	ret = T_RUN(tests);
	return wire_end() ? 1 : ret;
}
