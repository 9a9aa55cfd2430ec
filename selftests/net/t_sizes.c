// SPDX-License-Identifier: GPL-2.0-only
/* How large records are on the wire: padding, the largest payload, and while TCP starts. */
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/held.h"
#include "lib/net.h"
#include "lib/relay.h"

#define DATA 23
#define TAG 16
#define HEADER 5
#define FULL 16384
#define LOG_MAX 4096

/**
 * struct sized - a client, its server, and the lengths of what the client sends
 * @relay: between the two
 * @listener: the server's listener
 * @client: the client
 * @server: the server
 * @lens: of each application_data record, what the header says
 * @count: number of records
 */
struct sized {
	struct relay relay;
	int listener;
	int client;
	int server;
	unsigned int lens[LOG_MAX];
	atomic_uint count;
};

static enum relay_verdict note(struct relay *relay, struct relay_record *record)
{
	struct sized *s = relay->arg;

	if (record->direction == RELAY_TO_SERVER && record->type == DATA) {
		unsigned int i = atomic_load(&s->count);

		s->lens[i % LOG_MAX] = (unsigned int)record->len - HEADER;
		atomic_store(&s->count, i + 1);
	}
	return RELAY_PASS;
}

static struct sized *sized_open(int maxseg, const struct t_opts *client)
{
	struct sized *s = calloc(1, sizeof(*s));
	struct t_addr addr;

	assert_non_null(s);
	s->relay.judge = note;
	s->relay.arg = s;
	s->listener = t_listen(AF_INET, &t_server, &addr);
	relay_start(&s->relay, &addr);
	s->client = t_socket(AF_INET, client);
	if (maxseg)
		SYS(setsockopt(s->client, IPPROTO_TCP, TCP_MAXSEG, &maxseg, sizeof(maxseg)));
	t_begin_on(s->client, &s->relay.addr.ss, s->relay.addr.len);
	s->server = t_accept(s->listener);
	t_finish(s->client);
	return s;
}

static void sized_close(struct sized *s)
{
	close(s->client);
	close(s->server);
	close(s->listener);
	relay_join(&s->relay);
	free(s);
}

static void set(int fd, int optname, int v)
{
	int got = -1;
	socklen_t len = sizeof(got);

	SYS(setsockopt(fd, SOL_KSCHANNEL, optname, &v, sizeof(v)));
	SYS(getsockopt(fd, SOL_KSCHANNEL, optname, &got, &len));
	assert_int_equal(got, v);
}

/* Sends @len bytes by one call and receives them; earlier records are forgotten. */
static void move(struct sized *s, size_t len)
{
	uint8_t *out = malloc(len), *in = malloc(len);

	assert_non_null(out);
	assert_non_null(in);
	t_exchange(s->client, s->server);
	atomic_store(&s->count, 0);
	t_fill(out, len, len);
	t_send(s->client, out, len);
	t_recv(s->server, in, len);
	assert_memory_equal(in, out, len);
	free(out);
	free(in);
}

static void test_padding(void **state)
{
	static const int blocks[] = { 0, 1, 2, 64, 100, 4096, 9999, FULL };
	static const size_t sizes[] = { 1, 62, 63, 64, 100, 2048, 2049, 5000, FULL, 3 * FULL + 1 };
	struct sized *s = sized_open(0, &t_client);

	(void)state;
	for (size_t b = 0; b < ARRAY_SIZE(blocks); b++) {
		set(s->client, KSC_PADDING, blocks[b]);
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			move(s, sizes[i]);
			for (unsigned int r = 0; r < atomic_load(&s->count); r++) {
				unsigned int inner = s->lens[r] - TAG;

				/* RFC 8446 5.4: nothing is longer than a full record */
				assert_in_range(inner, 2, FULL + 1);
				if (blocks[b] > 1 && inner != FULL + 1)
					assert_int_equal(inner % (unsigned int)blocks[b], 0);
			}
			assert_int_equal(atomic_load(&s->count), (sizes[i] + FULL - 1) / FULL);
			if (blocks[b] <= 1 && sizes[i] <= FULL)
				assert_int_equal(s->lens[0], sizes[i] + 1 + TAG);
		}
	}
	sized_close(s);
}

/* What closes the connection looks like what was sent before. */
static void test_padded_alert(void **state)
{
	static const int blocks[] = { 512, FULL };

	(void)state;
	for (size_t b = 0; b < ARRAY_SIZE(blocks); b++) {
		struct sized *s = sized_open(0, &t_client);

		set(s->client, KSC_PADDING, blocks[b]);
		move(s, 10);
		SYS(shutdown(s->client, SHUT_WR));
		t_expect_eof(s->server);
		assert_int_equal(atomic_load(&s->count), 2);
		assert_int_equal(s->lens[0], blocks[b] + TAG);
		assert_int_equal(s->lens[1], blocks[b] + TAG);
		sized_close(s);
	}
}

/* Written in pieces, in a record that is open between them. */
static void test_padding_more(void **state)
{
	struct sized *s = sized_open(0, &t_client);
	int64_t since, took;
	char in[900];

	(void)state;
	set(s->client, KSC_PADDING, 4096);
	do {
		/* nor is the connection idle, whose records are small */
		since = t_ticks_ms();
		t_exchange(s->client, s->server);
		atomic_store(&s->count, 0);
		for (int i = 0; i < 9; i++) {
			char part[100];

			memset(part, 'a' + i, sizeof(part));
			assert_int_equal(send(s->client, part, sizeof(part), i < 8 ? MSG_MORE : 0),
					 sizeof(part));
		}
		took = t_ticks_ms() - since;
		t_recv(s->server, in, sizeof(in));
		for (size_t i = 0; i < sizeof(in); i++)
			assert_int_equal(in[i], 'a' + i / 100);
		/* a record is not open for longer than that, if the guest is paused */
	} while (took >= HELD_MS);
	assert_int_equal(atomic_load(&s->count), 1);
	assert_int_equal(s->lens[0], 4096 + TAG);
	sized_close(s);
}

/* An open record keeps the padding that was set when it was begun. */
static void test_padding_set(void **state)
{
	static const int blocks[] = { 0, 1024, 0 };
	struct sized *s = sized_open(0, &t_client);
	int64_t since, took;

	(void)state;
	for (size_t b = 0; b + 1 < ARRAY_SIZE(blocks); b++) {
		unsigned int first = blocks[b] ? (unsigned int)blocks[b] : 11;
		unsigned int second = blocks[b + 1] ? (unsigned int)blocks[b + 1] : 11;

		do {
			set(s->client, KSC_PADDING, blocks[b]);
			t_exchange(s->client, s->server);
			atomic_store(&s->count, 0);
			since = t_ticks_ms();
			assert_int_equal(send(s->client, "0123456789", 10, MSG_MORE), 10);
			set(s->client, KSC_PADDING, blocks[b + 1]);
			t_send(s->client, "abcdefghij", 10);
			took = t_ticks_ms() - since;
			t_expect(s->server, "0123456789abcdefghij");
		} while (took >= HELD_MS);
		assert_int_equal(atomic_load(&s->count), 2);
		assert_int_equal(s->lens[0], first + TAG);
		assert_int_equal(s->lens[1], second + TAG);
	}
	sized_close(s);
}

static void test_max_payload(void **state)
{
	static const int most[] = { 64, 100, 1000, 2047, 2048, 2049, 8000, FULL };
	struct sized *s = sized_open(0, &t_client);
	char open_record[80];

	(void)state;
	for (size_t m = 0; m < ARRAY_SIZE(most); m++) {
		const size_t len = 20000;
		unsigned int whole = (unsigned int)(len / (size_t)most[m]);

		set(s->client, KSC_TX_MAX_PAYLOAD, most[m]);
		move(s, len);
		for (unsigned int r = 0; r < whole; r++)
			assert_int_equal(s->lens[r], most[m] + 1 + TAG);
		assert_int_equal(atomic_load(&s->count), whole + !!(len % (size_t)most[m]));
		/* smaller ones stay as they are */
		move(s, 40);
		assert_int_equal(atomic_load(&s->count), 1);
		assert_int_equal(s->lens[0], 40 + 1 + TAG);
	}
	/* an open record that is longer than what is allowed by now is sent as it is */
	t_exchange(s->client, s->server);
	atomic_store(&s->count, 0);
	memset(open_record, 'o', sizeof(open_record));
	assert_int_equal(send(s->client, open_record, 80, MSG_MORE), 80);
	set(s->client, KSC_TX_MAX_PAYLOAD, 64);
	t_send(s->client, "end", 3);
	t_recv(s->server, open_record, 80);
	t_expect(s->server, "end");
	assert_int_equal(s->lens[0], 80 + 1 + TAG);
	sized_close(s);
}

/* Nothing but time makes a connection idle. */
static void idle(void)
{
	const struct timespec t = { .tv_sec = 1, .tv_nsec = 300000000 };

	SYS(clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL));
}

/* Records that fit a segment come first; returns how many bytes they carry. */
static size_t small_first(const struct sized *s, unsigned int segment)
{
	unsigned int i = 0;
	size_t bytes = 0;

	while (i < s->count && s->lens[i] + HEADER <= segment)
		bytes += s->lens[i++] - 1 - TAG;
	/* all that follow are full, but for the last */
	for (; i + 1 < s->count; i++)
		assert_int_equal(s->lens[i], FULL + 1 + TAG);
	return bytes;
}

/* What is moved in test_dynamic(): a few full records behind those that fit a segment */
#define MOVED 100000
/* Nothing sent for longer makes a connection idle; it is a second, in ticks */
#define IDLE_MS 900

/* Moves data by an idle connection; not if the guest has stood still, which makes it so again. */
static void move_after_idle(struct sized *s)
{
	int64_t since;

	do {
		idle();
		since = t_ticks_ms();
		move(s, MOVED);
	} while (t_ticks_ms() - since >= IDLE_MS);
}

static void test_dynamic(void **state)
{
	const int maxseg = 1460, full = KSC_SIZING_FULL, dynamic = KSC_SIZING_DYNAMIC;
	int64_t since = t_ticks_ms();
	struct sized *s = sized_open(maxseg, &t_client);
	size_t small;

	(void)state;
	/* about TCP's initial window of ten segments */
	move(s, MOVED);
	if (t_ticks_ms() - since >= IDLE_MS)
		move_after_idle(s);
	small = small_first(s, maxseg);
	assert_in_range(small, 8 * maxseg, 11 * maxseg);
	/* in bulk there is nothing to wait for */
	do {
		since = t_ticks_ms();
		move(s, MOVED / 2);
		move(s, MOVED / 2);
	} while (t_ticks_ms() - since >= IDLE_MS);
	assert_int_equal(small_first(s, maxseg), 0);
	move_after_idle(s);
	small = small_first(s, maxseg);
	assert_in_range(small, 8 * maxseg, 11 * maxseg);

	idle();
	set(s->client, KSC_RECORD_SIZING, full);
	move(s, 200000);
	assert_int_equal(small_first(s, maxseg), 0);
	set(s->client, KSC_RECORD_SIZING, dynamic);
	sized_close(s);
}

/* Where segments are larger than records, nothing is different. */
static void test_large_segments(void **state)
{
	struct sized *s = sized_open(0, &t_client);

	(void)state;
	move(s, 200000);
	assert_int_equal(small_first(s, 10000), 0);
	sized_close(s);
}

/* A listener's wishes are its children's. */
static void test_inherited(void **state)
{
	int fds[2], listener, got;
	struct t_addr addr;
	socklen_t len = sizeof(got);

	(void)state;
	listener = t_listen(AF_INET, &t_server, &addr);
	set(listener, KSC_PADDING, 128);
	set(listener, KSC_TX_MAX_PAYLOAD, 1000);
	set(listener, KSC_RECORD_SIZING, KSC_SIZING_FULL);
	set(listener, KSC_REKEY_AFTER, 5);
	fds[0] = t_begin(&addr, &t_client);
	fds[1] = t_accept(listener);
	t_finish(fds[0]);
	SYS(getsockopt(fds[1], SOL_KSCHANNEL, KSC_PADDING, &got, &len));
	assert_int_equal(got, 128);
	SYS(getsockopt(fds[1], SOL_KSCHANNEL, KSC_TX_MAX_PAYLOAD, &got, &len));
	assert_int_equal(got, 1000);
	SYS(getsockopt(fds[1], SOL_KSCHANNEL, KSC_RECORD_SIZING, &got, &len));
	assert_int_equal(got, KSC_SIZING_FULL);
	SYS(getsockopt(fds[1], SOL_KSCHANNEL, KSC_REKEY_AFTER, &got, &len));
	assert_int_equal(got, 5);
	for (int i = 0; i < 20; i++)
		t_exchange(fds[1], fds[0]);
	close(fds[0]);
	close(fds[1]);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_padded_alert),
		cmocka_unit_test(test_padding_more),
		cmocka_unit_test(test_padding_set),
		cmocka_unit_test(test_max_payload),
		cmocka_unit_test(test_dynamic),
		cmocka_unit_test(test_large_segments),
		cmocka_unit_test(test_inherited),
	};

	return T_RUN(tests);
}
