// SPDX-License-Identifier: GPL-2.0-only
/*
 * KeyUpdate (RFC 8446 4.6.3) while the peer does not read: the send buffer is full, and the
 * answers are pending.
 */
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/flow.h"
#include "lib/update.h"

/* ---- a send that is blocked ---- */

#define BLOCKED (3L << 20)

/**
 * struct blocked - a send that waits for the peer to read
 * @fd: the socket
 * @data: BLOCKED bytes
 * @error: errno
 */
struct blocked {
	int fd;
	const uint8_t *data;
	int error;
};

static void *send_blocked(void *arg)
{
	struct blocked *b = arg;
	ssize_t n = send(b->fd, b->data, BLOCKED, MSG_NOSIGNAL);

	b->error = n == BLOCKED ? 0 : n < 0 ? errno : -1;
	return NULL;
}

/* No buffer grows while a test looks at how full it is. */
static void begin_fixed(struct wire *w)
{
	int size = 100000;

	begin(w, WIRE_13);
	SYS(setsockopt(w->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	SYS(setsockopt(w->peer, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
}

/* Returns once the socket takes no more. */
static void await_full(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	const struct timespec pause = { .tv_nsec = 20000000 };
	int before = -1, now = -1, same = 0;

	/* there is no event: the sender sleeps when its queue does not change */
	while (same < 10) {
		before = now;
		nanosleep(&pause, NULL);
		SYS(ioctl(fd, SIOCOUTQ, &now));
		same = !SYS(poll(&pfd, 1, 0)) && now == before && now ? same + 1 : 0;
	}
}

/* Reads until all of the data is there; returns how often the keys changed. */
static unsigned int drain(struct wire *w, const uint8_t *data, size_t len)
{
	static uint8_t plain[WIRE_MAX_RECORD];
	unsigned int updates = 0;

	for (size_t at = 0; at < len;) {
		uint8_t type;
		size_t n = wire_recv(w, &type, plain);

		if (type == WIRE_HANDSHAKE) {
			assert_int_equal(n, 5);
			wire_update(&w->tx);
			updates++;
			continue;
		}
		assert_int_equal(type, WIRE_DATA);
		assert_true(n <= len - at);
		assert_memory_equal(plain, data + at, n);
		at += n;
	}
	return updates;
}

/*
 * Case 32: the buffers are full, and the peer does not read; then it asks for new
 * keys, and so do the administrator and the peer again. Reading goes on meanwhile.
 */
static void test_blocked(void **state)
{
	static uint8_t data[BLOCKED];
	struct tnl_conn nl;
	struct wire w;
	struct blocked b = { .data = data };
	pthread_t thread;

	(void)state;
	alarm(PATIENCE_LONG_S);
	assert_true(tnl_open(&nl));
	begin_fixed(&w);
	t_fill(data, sizeof(data), 9);
	b.fd = w.fd;
	t_thread(&thread, send_blocked, &b);
	await_full(w.fd);
	peer_updates(&w, request);
	peer_says(&w, "in between");
	t_expect(w.fd, "in between");
	assert_int_equal(ask_rekey(&nl, tnl_find_socket(w.fd).id, false), 0);
	peer_updates(&w, request);
	peer_updates(&w, update);
	peer_says(&w, "again");
	t_expect(w.fd, "again");
	/*
	 * All of that is owed, and one new generation of keys pays for what finds no
	 * room; TCP may have had room in between, as acknowledgments come. Two requests
	 * and a command are never answered by more than three.
	 */
	assert_in_range(drain(&w, data, sizeof(data)), 1, 3);
	t_join(thread);
	assert_int_equal(b.error, 0);
	says(&w, "goes on");
	wire_close(&w);
	tnl_close(&nl);
}

/* KSC_REKEY without room returns EAGAIN, or waits. */
static void test_command_blocked(void **state)
{
	const struct timeval brief = { .tv_usec = 50000 };
	struct wire w;
	size_t sent;

	(void)state;
	alarm(PATIENCE_LONG_S);
	begin_fixed(&w);
	/* what is on its way to the peer still makes room, too little for POLLOUT */
	sent = flow_fill(w.fd, flow_data(1));
	t_nonblock(w.fd, true);
	FAILS(rekey(w.fd, 0), EAGAIN);
	t_nonblock(w.fd, false);
	SYS(setsockopt(w.fd, SOL_SOCKET, SO_SNDTIMEO, &brief, sizeof(brief)));
	FAILS(rekey(w.fd, 0), EAGAIN);
	assert_in_range(sent, 1, FLOW_MAX);
	drain(&w, flow_data(1), sent);
	t_wait(w.fd, POLLOUT);
	SYS(rekey(w.fd, 1));
	expect_update(&w, request);
	says(&w, "goes on");
	wire_close(&w);
}

/* ---- a flood ---- */

#define FLOOD 2000
/* header, message, type, tag */
#define ANSWER (5 + 5 + 1 + 16)

static int64_t cpu_ms(void)
{
	struct rusage usage;

	SYS(getrusage(RUSAGE_SELF, &usage));
	return usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000 +
	       usage.ru_stime.tv_sec * 1000 + usage.ru_stime.tv_usec / 1000;
}

/*
 * Case 22: a peer that asks for new keys all the time, and never reads the answers.
 * They are bounded by the send buffer, others get their turn, and what is owed at the
 * end is paid.
 */
static void test_flood(void **state)
{
	int small = 4096, queued, most = 0;
	socklen_t len = sizeof(int);
	static uint8_t plain[WIRE_MAX_RECORD];
	struct wire w, other;
	unsigned int answers = 0;
	uint64_t sent;
	int64_t cpu, start;
	int limit, window;

	(void)state;
	alarm(PATIENCE_LONG_S);
	t_set_parameter("max_dataless", 0);
	t_set_parameter("max_key_updates", 0);
	begin(&w, WIRE_13);
	begin(&other, WIRE_13);
	SYS(setsockopt(w.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)));
	SYS(setsockopt(w.peer, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)));
	SYS(getsockopt(w.fd, SOL_SOCKET, SO_SNDBUF, &limit, &len));
	SYS(getsockopt(w.peer, SOL_SOCKET, SO_RCVBUF, &window, &len));
	cpu = cpu_ms();
	start = t_now_ms();
	for (int i = 0; i < FLOOD; i++) {
		peer_updates(&w, request);
		if (i % 50)
			continue;
		FAILS(recv(w.fd, plain, 1, MSG_DONTWAIT), EAGAIN);
		assert_false(readable(w.fd));
		SYS(ioctl(w.fd, SIOCOUTQ, &queued));
		most = queued > most ? queued : most;
		if (i % 1000 == 0)
			says(&other, "unharmed");
	}
	peer_says(&w, "end");
	t_expect(w.fd, "end");
	print_message("# %d KeyUpdates: %ld ms, %ld of CPU, at most %d bytes queued\n", FLOOD,
		      (long)(t_now_ms() - start), (long)(cpu_ms() - cpu), most);
	/* one record at most goes beyond what TCP lets in */
	assert_true(most <= 2 * limit);
	sent = tnl_find_socket(w.fd).updates_sent;
	assert_int_equal(tnl_find_socket(w.fd).updates_received, FLOOD);
	/* what is not in our buffer is in the peer's */
	assert_in_range(sent, 1, 2 * (limit + window) / ANSWER);
	assert_true(2 * (limit + window) / ANSWER < FLOOD);
	/* the peer reads at last, and finds all the answers */
	t_nonblock(w.fd, true);
	assert_true(send(w.fd, "late", 4, MSG_NOSIGNAL) == 4 || errno == EAGAIN);
	t_nonblock(w.fd, false);
	for (;;) {
		uint8_t type;
		size_t n = wire_recv(&w, &type, plain);

		if (type == WIRE_DATA) {
			assert_int_equal(n, 4);
			break;
		}
		assert_int_equal(type, WIRE_HANDSHAKE);
		assert_memory_equal(plain, update, 5);
		wire_update(&w.tx);
		if (++answers == sent + 1)
			t_send(w.fd, "late", 4);
	}
	assert_in_range(answers, sent, sent + 1);
	wire_close(&w);
	wire_close(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocked),
		cmocka_unit_test(test_command_blocked),
		{ "flood", test_flood, NULL, update_limited, NULL },
	};
	int ret;

	if (wire_begin())
		return 1;
	ret = T_RUN(tests);
	return wire_end() ? 1 : ret;
}
