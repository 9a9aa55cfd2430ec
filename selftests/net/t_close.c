// SPDX-License-Identifier: GPL-2.0-only
/* Ends with data in flight, ends that cross, ends by alert; and what lingering means. */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/craft.h"
#include "lib/flow.h"
#include "lib/peer.h"

static const struct peer_conf crafty_13 = { .library = PEER_OPENSSL, .server = true,
					    .version = 0x0304, .cipher = PEER_AES128,
					    .no_tickets = true };
static const struct peer_conf crafty_12 = { .library = PEER_OPENSSL, .server = true,
					    .version = 0x0303, .cipher = PEER_AES128,
					    .no_tickets = true };

/* More than the buffers on the way hold. */
#define MUCH FLOW_MAX

static void close_then_take_much(struct peer *peer)
{
	static uint8_t buf[MUCH];

	if (peer_handshake(peer) || peer_close(peer) || peer_read_all(peer, buf, MUCH))
		return;
	if (memcmp(buf, flow_data(0), MUCH) != 0)
		peer_error(peer, "other data than was sent");
	peer_expect_close(peer);
}

/* After the peer's close_notify all our data is still sent. */
static void test_send_after_theirs(void **state)
{
	struct peer peer = { 0 };
	int fd = peer_serve(&peer, *state, close_then_take_much);

	t_expect_eof(fd);
	t_send(fd, flow_data(0), MUCH);
	t_expect_eof(fd);
	SYS(close(fd));
	peer_join(&peer);
}

static void take_close_then_send_much(struct peer *peer)
{
	if (peer_handshake(peer) || peer_expect_close(peer) ||
	    peer_write(peer, flow_data(1), MUCH))
		return;
	peer_close(peer);
	peer_await_fin(peer);
}

/* After our own everything that the peer has to say still comes. */
static void test_recv_after_ours(void **state)
{
	struct peer peer = { 0 };
	int fd = peer_serve(&peer, *state, take_close_then_send_much);

	SYS(shutdown(fd, SHUT_WR));
	flow_expect(fd, flow_data(1), MUCH);
	t_expect_eof(fd);
	t_expect_error(fd, KSC_STATUS_OK, 0);
	close(fd);
	peer_join(&peer);
}

/* One direction ends while the other is full of data, and then the other way round. */
static void test_half_closed(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct flow out = { .data = flow_data(0), .len = MUCH };
		struct flow in = { .data = flow_data(0), .len = MUCH, .step = 5000 };
		int fds[2];

		flow_pair(fds);
		if (*state)
			flow_small_buffers(fds, 16384);
		out.fd = fds[i];
		in.fd = fds[!i];
		flow_send(&out);
		t_wait(in.fd, POLLIN);
		SYS(shutdown(in.fd, SHUT_WR));
		t_expect_eof(out.fd);
		flow_recv(&in);
		flow_join(&out);
		SYS(shutdown(out.fd, SHUT_WR));
		flow_join(&in);
		t_expect_eof(in.fd);
		t_expect_error(in.fd, KSC_STATUS_OK, 0);
		t_expect_error(out.fd, KSC_STATUS_OK, 0);
		flow_close(fds);
	}
}

struct ender {
	int fd;
	pthread_barrier_t *barrier;
	char got[16];
	ssize_t last;
	struct ksc_error error;
};

static void *end_at_once(void *arg)
{
	struct ender *ender = arg;
	socklen_t len = sizeof(ender->error);
	size_t have = 0;

	pthread_barrier_wait(ender->barrier);
	if (send(ender->fd, "last", 4, MSG_NOSIGNAL) != 4)
		return NULL;
	shutdown(ender->fd, SHUT_WR);
	do {
		ender->last = recv(ender->fd, ender->got + have, sizeof(ender->got) - 1 - have, 0);
		have += ender->last > 0 ? (size_t)ender->last : 0;
	} while (ender->last > 0);
	getsockopt(ender->fd, SOL_KSCHANNEL, KSC_ERROR, &ender->error, &len);
	return NULL;
}

/* Both say close_notify and FIN at the same time: for each it is an orderly end. */
static void test_crossing(void **state)
{
	pthread_barrier_t barrier;

	(void)state;
	pthread_barrier_init(&barrier, NULL, 2);
	for (int i = 0; i < 30; i++) {
		struct ender enders[2] = { { .last = -2 }, { .last = -2 } };
		pthread_t threads[2];
		int fds[2];

		flow_pair(fds);
		for (int j = 0; j < 2; j++) {
			enders[j].fd = fds[j];
			enders[j].barrier = &barrier;
			t_thread(&threads[j], end_at_once, &enders[j]);
		}
		for (int j = 0; j < 2; j++) {
			t_join(threads[j]);
			assert_int_equal(enders[j].last, 0);
			assert_string_equal(enders[j].got, "last");
			assert_int_equal(enders[j].error.status, KSC_STATUS_OK);
		}
		flow_close(fds);
	}
	pthread_barrier_destroy(&barrier);
}

/* ---- what ends badly ---- */

/* What the peer sends after bulk data, all of it before the first read. */
struct bad_end {
	const char *name;
	int record;
	const char *content;
	int error;
	enum ksc_status status;
	uint8_t direction;
	uint8_t alert;
};

enum { FIN, RECORD, BAD_MAC, PART };

#define BEFORE 40000

static void send_part(struct peer *peer)
{
	/* a header, and less than it says */
	static const char part[] = "\27\3\3\1\0only so much";

	if (send(peer->fd, part, sizeof(part) - 1, MSG_NOSIGNAL) < 0)
		peer_error(peer, "send: %s", strerror(errno));
}

static void end_badly(struct peer *peer)
{
	const struct bad_end *bad = peer->arg;
	struct craft craft;

	if (peer_handshake(peer) || craft_init(&craft, peer))
		return;
	for (size_t at = 0; at < BEFORE; at += 8000)
		if (craft_send(&craft, CRAFT_DATA, flow_data(2) + at, 8000, 0))
			return;
	if (bad->record == RECORD)
		craft_send(&craft, CRAFT_ALERT, bad->content, 2, 0);
	if (bad->record == BAD_MAC) {
		craft.key[0] ^= 1;
		craft_send(&craft, CRAFT_DATA, "forged", 6, 0);
	}
	if (bad->record == PART)
		send_part(peer);
	shutdown(peer->fd, SHUT_WR);
	peer_await_fin(peer);
}

typedef ssize_t (*read_fn)(int fd, void *buf, size_t len);

static ssize_t by_recv(int fd, void *buf, size_t len)
{
	return recv(fd, buf, len, 0);
}

static ssize_t by_waitall(int fd, void *buf, size_t len)
{
	return recv(fd, buf, len, MSG_WAITALL);
}

static ssize_t by_peek(int fd, void *buf, size_t len)
{
	ssize_t seen = recv(fd, buf, len, MSG_PEEK | MSG_WAITALL);
	uint8_t again[1000];

	/* what was seen can be read, whatever came behind it */
	if (seen <= 0)
		return seen;
	return recv(fd, again, sizeof(again) < (size_t)seen ? sizeof(again) : (size_t)seen,
		    MSG_WAITALL);
}

static ssize_t by_splice(int fd, void *buf, size_t len)
{
	int pipes[2];
	ssize_t n;

	SYS(pipe2(pipes, O_CLOEXEC));
	n = splice(fd, NULL, pipes[1], NULL, len, 0);
	if (n > 0)
		n = SYS(read(pipes[0], buf, len));
	/* close() leaves errno alone when it succeeds */
	close(pipes[0]);
	close(pipes[1]);
	return n;
}

static void expect_bad_end(int fd, const struct bad_end *bad, read_fn how)
{
	static uint8_t buf[BEFORE + 1000];
	size_t got = 0;
	ssize_t n;

	t_wait(fd, POLLIN);
	while ((n = how(fd, buf, sizeof(buf))) > 0) {
		if (memcmp(buf, flow_data(2) + got, (size_t)n) != 0)
			fail_msg("%s: other data at %zu", bad->name, got);
		got += (size_t)n;
	}
	if (got != BEFORE)
		fail_msg("%s: %zu bytes came before the end", bad->name, got);
	FAILS(n, bad->error);
	FAILS(how(fd, buf, sizeof(buf)), bad->error);
	t_expect_error(fd, bad->status, bad->error);
	assert_int_equal(t_error(fd).direction, bad->direction);
	if (bad->direction != KSC_DIRECTION_NONE)
		assert_int_equal(t_error(fd).alert, bad->alert);
}

static void test_bad_end(void **state)
{
	static const read_fn ways[] = { by_recv, by_waitall, by_peek, by_splice };
	const struct bad_end *bad = *state;

	for (size_t i = 0; i < 2 * ARRAY_SIZE(ways); i++) {
		struct peer peer = { .arg = *state };
		int fd = peer_serve(&peer, i % 2 ? &crafty_12 : &crafty_13, end_badly);

		expect_bad_end(fd, bad, ways[i / 2]);
		close(fd);
		peer_join(&peer);
	}
}

/* ---- warnings ---- */

struct warning {
	const struct peer_conf *conf;
	const char *content;
};

static void warn(struct peer *peer)
{
	const struct warning *warning = peer->arg;
	struct craft craft;

	if (peer_handshake(peer) || craft_init(&craft, peer))
		return;
	craft_send(&craft, CRAFT_DATA, "one", 3, 0);
	craft_send(&craft, CRAFT_ALERT, warning->content, 2, 0);
	craft_send(&craft, CRAFT_DATA, "two", 3, 0);
	craft_send(&craft, CRAFT_ALERT, "\1", 2, 0);
	peer_expect_close(peer);
}

/* A warning is no end; it can be asked for. */
static void test_warning(void **state)
{
	const struct warning *warning = *state;
	struct peer peer = { .arg = *state };
	int fd = peer_serve(&peer, warning->conf, warn);

	t_expect(fd, "one");
	t_expect_error(fd, KSC_STATUS_OK, 0);
	t_expect(fd, "two");
	t_expect_error(fd, KSC_STATUS_OK, 0);
	assert_int_equal(t_error(fd).direction, KSC_DIRECTION_RECEIVED);
	assert_int_equal(t_error(fd).alert, (uint8_t)warning->content[1]);
	t_expect_eof(fd);
	t_expect_error(fd, KSC_STATUS_OK, 0);
	SYS(shutdown(fd, SHUT_WR));
	close(fd);
	peer_join(&peer);
}

/* ---- lingering, and what was not sent yet ---- */

static void set_linger(int fd, bool on, int seconds)
{
	const struct linger linger = { .l_onoff = on, .l_linger = seconds };

	SYS(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
}

/* close() with all buffers full and a record open; the peer reads only then. */
static void test_unsent(void **state)
{
	size_t sent;
	int fds[2];

	flow_pair(fds);
	flow_small_buffers(fds, (int)(intptr_t)*state);
	sent = flow_fill(fds[0], flow_data(3));
	SYS(close(fds[0]));
	flow_expect(fds[1], flow_data(3), sent);
	t_expect_eof(fds[1]);
	t_expect_error(fds[1], KSC_STATUS_OK, 0);
	close(fds[1]);
	/* a record that MSG_MORE holds */
	flow_pair(fds);
	assert_int_equal(SYS(send(fds[0], "open", 4, MSG_MORE)), 4);
	SYS(close(fds[0]));
	t_expect(fds[1], "open");
	t_expect_eof(fds[1]);
	close(fds[1]);
}

/* The same by shutdown(), which must not wait for the peer either. */
static void test_unsent_shutdown(void **state)
{
	int64_t start = t_now_ms();
	size_t sent;
	int fds[2];

	flow_pair(fds);
	flow_small_buffers(fds, (int)(intptr_t)*state);
	sent = flow_fill(fds[0], flow_data(3));
	SYS(shutdown(fds[0], SHUT_WR));
	assert_in_range(t_now_ms() - start, 0, PATIENCE_S * 500);
	t_send(fds[1], "answer", 6);
	t_expect(fds[0], "answer");
	flow_expect(fds[1], flow_data(3), sent);
	t_expect_eof(fds[1]);
	flow_close(fds);
}

/* No time to linger: a reset, and no close_notify before it. */
static void test_linger_none(void **state)
{
	int fds[2];
	char c;

	(void)state;
	flow_pair(fds);
	t_exchange(fds[0], fds[1]);
	set_linger(fds[0], true, 0);
	SYS(close(fds[0]));
	FAILS(recv(fds[1], &c, 1, 0), ECONNRESET);
	t_expect_error(fds[1], KSC_STATUS_TRUNCATED, ECONNRESET);
	close(fds[1]);
	/* off: as without the option */
	flow_pair(fds);
	set_linger(fds[0], false, 0);
	SYS(close(fds[0]));
	t_expect_eof(fds[1]);
	close(fds[1]);
}

/* With time to linger close() waits until the peer's TCP has all, if that time is enough. */
static void test_linger(void **state)
{
	struct flow in = { .data = flow_data(0), .step = 30000, .pause_ms = 2 };
	int64_t start;
	int fds[2];

	(void)state;
	flow_pair(fds);
	flow_small_buffers(fds, 30000);
	in.len = flow_fill(fds[0], flow_data(0));
	in.fd = fds[1];
	set_linger(fds[0], true, PATIENCE_S);
	flow_recv(&in);
	start = t_now_ms();
	SYS(close(fds[0]));
	assert_in_range(t_now_ms() - start, 0, PATIENCE_S * 500);
	flow_join(&in);
	t_expect_eof(fds[1]);
	close(fds[1]);

	flow_pair(fds);
	flow_small_buffers(fds, 30000);
	in = (struct flow){ .data = flow_data(0), .fd = fds[1] };
	in.len = flow_fill(fds[0], flow_data(0));
	set_linger(fds[0], true, 1);
	start = t_ticks_ms();
	SYS(close(fds[0]));
	/* nobody reads: it takes that second */
	assert_in_range(t_ticks_ms() - start, 500, PATIENCE_S * 500);
	flow_recv(&in);
	flow_join(&in);
	t_expect_eof(fds[1]);
	t_expect_error(fds[1], KSC_STATUS_OK, 0);
	close(fds[1]);
}

/* The process ends with its sockets open: as if it had closed them. */
static void test_exit(void **state)
{
	int fds[2];
	pid_t pid;

	(void)state;
	flow_pair(fds);
	pid = (pid_t)SYS(fork());
	if (!pid) {
		if (send(fds[0], "legacy", 6, 0) != 6)
			_exit(1);
		close(fds[1]);
		/* by the kernel, not by a close() of ours */
		_exit(0);
	}
	close(fds[0]);
	t_expect(fds[1], "legacy");
	t_expect_eof(fds[1]);
	t_expect_error(fds[1], KSC_STATUS_OK, 0);
	close(fds[1]);
}

#define TEST(name, test, arg)                                                                      \
	{                                                                                          \
		name, test, NULL, NULL, (void *)(arg)                                              \
	}
#define BAD(...)                                                                                   \
	{                                                                                          \
		((const struct bad_end){ __VA_ARGS__ }).name, test_bad_end, NULL, NULL,            \
			(void *)&(const struct bad_end){ __VA_ARGS__ }                             \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("data after their close_notify, TLS 1.3", test_send_after_theirs, &crafty_13),
		/* OpenSSL reads no more from a TLS 1.2 peer to which it said close_notify */
		TEST("data after our close_notify, TLS 1.3", test_recv_after_ours, &crafty_13),
		TEST("data after our close_notify, TLS 1.2", test_recv_after_ours, &crafty_12),
		TEST("half closed", test_half_closed, 0),
		TEST("half closed, small buffers", test_half_closed, 1),
		cmocka_unit_test(test_crossing),
		BAD("FIN", FIN, NULL, ECONNRESET, KSC_STATUS_TRUNCATED, KSC_DIRECTION_NONE, 0),
		BAD("FIN in a record", PART, NULL, ECONNRESET, KSC_STATUS_TRUNCATED,
		    KSC_DIRECTION_NONE, 0),
		BAD("a bad record", BAD_MAC, NULL, EBADMSG, KSC_STATUS_BAD_RECORD,
		    KSC_DIRECTION_SENT, 20),
		BAD("internal_error", RECORD, "\2\120", EPROTO, KSC_STATUS_ALERT_RECEIVED,
		    KSC_DIRECTION_RECEIVED, 80),
		BAD("decrypt_error", RECORD, "\2\63", EPROTO, KSC_STATUS_ALERT_RECEIVED,
		    KSC_DIRECTION_RECEIVED, 51),
		TEST("user_canceled, TLS 1.3", test_warning,
		     (&(const struct warning){ &crafty_13, "\1\132" })),
		TEST("user_canceled, TLS 1.2", test_warning,
		     (&(const struct warning){ &crafty_12, "\1\132" })),
		TEST("unrecognized_name, a warning in TLS 1.2", test_warning,
		     (&(const struct warning){ &crafty_12, "\1\160" })),
		TEST("close with data unsent", test_unsent, 30000),
		TEST("close with data unsent, small buffers", test_unsent, 4096),
		TEST("shutdown with data unsent", test_unsent_shutdown, 30000),
		TEST("shutdown with data unsent, small buffers", test_unsent_shutdown, 4096),
		cmocka_unit_test(test_linger_none),
		cmocka_unit_test(test_linger),
		cmocka_unit_test(test_exit),
	};

	return T_RUN(tests);
}
