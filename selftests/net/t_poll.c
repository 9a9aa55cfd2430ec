// SPDX-License-Identifier: GPL-2.0-only
/*
 * What poll() reports: application data, the end, an error, and nothing else. It neither waits
 * for the owner of the socket's lock nor decrypts records; the pump does, before it wakes
 * pollers.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/raw.h"
#include "lib/stall.h"
#include "lib/wire.h"

/* NewSessionTicket of little content: lifetime, age, no nonce, a ticket, no extensions */
static const uint8_t ticket[] = { 4, 0, 0, 14, 0, 0, 0, 60, 0, 0, 0, 1, 0, 0, 1, '!', 0, 0 };

static void begin(struct wire *w)
{
	wire_start(w, wire_suite(WIRE_13, 0x1301), 7);
}

static void says(struct wire *w, const char *text)
{
	wire_send(w, WIRE_DATA, text, strlen(text), 0);
}

static bool readable(int fd)
{
	const struct timeval none = { 0 };
	struct timeval tv = none;
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return SYS(select(fd + 1, &set, NULL, NULL, &tv)) == 1;
}

/* Which one of those that are watched has an event; -1 if none has, for a while */
static int event_of(int ep, int ms)
{
	struct epoll_event event;

	return SYS(epoll_wait(ep, &event, 1, ms)) == 1 ? event.data.fd : -1;
}

/**
 * struct reader - a call that waits for data
 * @fd: of which
 * @n: what it gave
 * @text: what was read
 */
struct reader {
	int fd;
	ssize_t n;
	char text[16];
};

static void *read_once(void *arg)
{
	struct reader *r = arg;

	r->n = recv(r->fd, r->text, sizeof(r->text), 0);
	return NULL;
}

/* Tickets are no data, however many they are: a call that is made for them would wait. */
static void test_tickets(void **state)
{
	const unsigned int count = (unsigned int)(uintptr_t)*state;
	uint64_t before = tnl_counter(KSC_A_STATS_TICKETS);
	struct reader r;
	pthread_t thread;
	struct wire w;
	int ep;

	begin(&w);
	assert_false(readable(w.fd));
	ep = t_watch(w.fd, EPOLLIN);
	for (unsigned int i = 0; i < count; i++)
		wire_send(&w, WIRE_HANDSHAKE, ticket, sizeof(ticket), 0);
	/* no thread reads, and they are processed, without a single event */
	while (tnl_counter(KSC_A_STATS_TICKETS) < before + count) {
		assert_false(readable(w.fd));
		assert_int_equal(event_of(ep, 1), -1);
	}
	assert_false(readable(w.fd));
	assert_int_equal(event_of(ep, 50), -1);
	r = (struct reader){ .fd = w.fd };
	t_thread(&thread, read_once, &r);
	wire_send(&w, WIRE_HANDSHAKE, ticket, sizeof(ticket), 0);
	says(&w, "data");
	t_join(thread);
	assert_int_equal(r.n, 4);
	assert_memory_equal(r.text, "data", 4);
	/* and with data behind them there is one */
	wire_send(&w, WIRE_HANDSHAKE, ticket, sizeof(ticket), 0);
	says(&w, "more");
	assert_int_equal(event_of(ep, PATIENCE_S * 1000), w.fd);
	assert_true(readable(w.fd));
	t_expect(w.fd, "more");
	assert_false(readable(w.fd));
	close(ep);
	wire_close(&w);
}

/* Whole records behind what was read are as readable as they would be without TLS. */
static void test_exact(void **state)
{
	struct wire w;
	char c;

	(void)state;
	begin(&w);
	assert_false(readable(w.fd));
	for (int i = 0; i < 20; i++) {
		says(&w, "a");
		wire_send(&w, WIRE_HANDSHAKE, ticket, sizeof(ticket), 0);
		says(&w, "b");
		wire_send(&w, WIRE_HANDSHAKE, ticket, sizeof(ticket), 0);
		t_wait(w.fd, POLLIN);
		assert_int_equal(SYS(recv(w.fd, &c, 1, 0)), 1);
		t_wait(w.fd, POLLIN);
		assert_int_equal(SYS(recv(w.fd, &c, 1, 0)), 1);
		assert_int_equal(c, 'b');
		assert_false(readable(w.fd));
	}
	/* data that is left when a call returns is reported at once */
	for (int i = 0; i < 20; i++) {
		says(&w, "a");
		says(&w, "b");
		says(&w, "c");
		t_recv(w.fd, &c, 1);
		t_wait(w.fd, POLLIN);
		t_recv(w.fd, &c, 1);
		t_wait(w.fd, POLLIN);
		t_recv(w.fd, &c, 1);
		assert_int_equal(c, 'c');
	}
	wire_close(&w);
}

/* A thread that sleeps in poll() is woken for what one that sleeps in recv() leaves. */
static void test_leftover(void **state)
{
	struct wire w;

	(void)state;
	begin(&w);
	for (int i = 0; i < 200; i++) {
		char text[] = "0123456789abcdefghij";
		struct reader r = { .fd = w.fd };
		pthread_t thread;
		size_t len;

		t_thread(&thread, read_once, &r);
		len = sizeof(r.text) + 1 + (size_t)i % 4;
		text[len] = '\0';
		says(&w, text);
		t_join(thread);
		assert_int_equal(r.n, sizeof(r.text));
		t_wait(w.fd, POLLIN);
		t_expect(w.fd, text + sizeof(r.text));
	}
	wire_close(&w);
}

static void *poll_once(void *arg)
{
	t_wait(*(int *)arg, POLLIN);
	return NULL;
}

/* The same at the same time: both are woken by the one record. */
static void test_together(void **state)
{
	struct wire w;

	(void)state;
	begin(&w);
	for (int i = 0; i < 200; i++) {
		struct reader r = { .fd = w.fd };
		pthread_t reading, polling;

		t_thread(&polling, poll_once, &w.fd);
		t_thread(&reading, read_once, &r);
		says(&w, "0123456789abcdefghij");
		t_join(reading);
		t_join(polling);
		assert_int_equal(r.n, sizeof(r.text));
		t_expect(w.fd, "ghij");
	}
	wire_close(&w);
}

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
	(void)number;
	signals++;
}

/* SIGIO is for data alone, too. */
static void test_signal(void **state)
{
	uint64_t before = tnl_counter(KSC_A_STATS_TICKETS);
	struct sigaction action = { .sa_handler = on_signal };
	struct timespec pause = { .tv_nsec = 10000000 };
	struct wire w;

	(void)state;
	begin(&w);
	signals = 0;
	SYS(sigaction(SIGIO, &action, NULL));
	SYS(fcntl(w.fd, F_SETOWN, getpid()));
	SYS(fcntl(w.fd, F_SETFL, fcntl(w.fd, F_GETFL) | O_ASYNC));
	for (int i = 0; i < 5; i++)
		wire_send(&w, WIRE_HANDSHAKE, ticket, sizeof(ticket), 0);
	tnl_await_at_least(KSC_A_STATS_TICKETS, before + 5);
	assert_int_equal(signals, 0);
	says(&w, "data");
	for (int i = 0; i < PATIENCE_S * 100 && !signals; i++)
		nanosleep(&pause, NULL);
	assert_true(signals > 0);
	t_expect(w.fd, "data");
	wire_close(&w);
	signal(SIGIO, SIG_DFL);
}

/* ---- room ---- */

#define MANY 1500

/**
 * struct sender - a thread that sends all the time
 * @fd: where
 * @wrong: whether a call gave less than it was to
 * @done: set when it has sent everything
 */
struct sender {
	int fd;
	bool wrong;
	atomic_int done;
};

static void *send_many(void *arg)
{
	/* copied by TCP, or its pages; more than is sealed in one piece */
	static const size_t sizes[] = { 300, 1900, 6000 };
	static uint8_t data[6000];
	struct sender *s = arg;

	for (size_t i = 0; i < MANY; i++) {
		size_t len = sizes[i % ARRAY_SIZE(sizes)];

		s->wrong |= send(s->fd, data, len, MSG_NOSIGNAL) != (ssize_t)len;
	}
	s->done = 1;
	return NULL;
}

/* While another thread sends there is as much room as there is: what it works on takes none. */
static void test_room(void **state)
{
	/* more than all of it takes */
	const int size = 1 << 24;
	struct pollfd pfd = { .events = POLLOUT };
	struct sender s = { 0 };
	unsigned int polls = 0, none = 0;
	pthread_t thread;
	struct wire w;
	int fds[2];

	if (*state) {
		raw_pair(raw_13, KSC_RAW_ULP_NAME, KSC_RAW_ULP_NAME, fds);
	} else {
		begin(&w);
		fds[0] = w.fd;
		fds[1] = w.peer;
	}
	SYS(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)));
	s.fd = fds[0];
	pfd.fd = fds[0];
	t_thread(&thread, send_many, &s);
	do {
		polls++;
		none += SYS(poll(&pfd, 1, 0)) != 1;
	} while (!s.done);
	t_join(thread);
	assert_false(s.wrong);
	if (none)
		fail_msg("%u of %u polls reported no room", none, polls);
	raw_close(fds);
}

/* ---- a lock owner that is blocked ---- */

/* The lock owner of one socket of a set is blocked: the others have their events. */
static void expect_unharmed(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct stall stall;
	int ep, pipes[2];

	SYS(pipe(pipes));
	stall_send(&stall, fd);
	ep = t_watch(fd, EPOLLIN | EPOLLRDHUP);
	event.data.fd = pipes[0];
	SYS(epoll_ctl(ep, EPOLL_CTL_ADD, pipes[0], &event));
	SYS(write(pipes[1], "x", 1));
	for (int i = 0; i < 10; i++)
		assert_int_equal(event_of(ep, PATIENCE_S * 1000), pipes[0]);
	stall_end(&stall);
	close(ep);
	close(pipes[0]);
	close(pipes[1]);
}

static void test_stuck(void **state)
{
	struct wire w;
	int ep;

	(void)state;
	stall_needed();
	begin(&w);
	expect_unharmed(w.fd);
	wire_close(&w);
	/* not polled when it came, and then no task can decrypt it: poll() does not wait for it */
	begin(&w);
	says(&w, "there");
	expect_unharmed(w.fd);
	/* now the pump can decrypt it */
	ep = t_watch(w.fd, EPOLLIN);
	assert_int_equal(event_of(ep, PATIENCE_S * 1000), w.fd);
	t_expect(w.fd, "there");
	close(ep);
	wire_close(&w);
}

static void test_stuck_raw(void **state)
{
	struct raw_keys keys = raw_keys(raw_13, 0, 0);
	int fds[2];

	(void)state;
	stall_needed();
	raw_plain_pair(AF_INET, fds);
	raw_attach(fds[0], KSC_RAW_ULP_NAME);
	raw_set(fds[0], TLS_RX, &keys);
	raw_set(fds[0], TLS_TX, &keys);
	expect_unharmed(fds[0]);
	raw_craft(fds[1], &keys, 0, RAW_DATA, "there", 5, 0);
	t_wait(fds[0], POLLIN);
	t_expect(fds[0], "there");
	raw_close(fds);
}

/* ---- the beginning ---- */

#define SOMEBODY 1234

/* A handshake that poll() begins belongs to the caller, as one that recv() begins. */
static void test_begin(void **state)
{
	struct tnl_event event;
	struct t_addr addr;
	struct tnl_conn nl;
	int listener = t_listen(AF_INET, NULL, &addr);
	int fd = t_connect(&addr, NULL), peer = t_accept(listener);

	(void)state;
	assert_int_equal(wire_end(), 0);
	assert_int_equal(t_shell("ksc-daemon stop"), 0);
	assert_true(tnl_open(&nl));
	assert_int_equal(tnl_register(&nl), 0);
	t_attach(fd);
	SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_ROLE, &(int){ KSC_ROLE_CLIENT }, sizeof(int)));
	/* of this thread alone */
	SYS(syscall(SYS_setresgid, -1, SOMEBODY, -1));
	assert_false(readable(fd));
	SYS(syscall(SYS_setresgid, -1, 0, -1));
	tnl_expect_event(&nl, &event, KSC_CMD_CONTEXT_NEW);
	assert_int_equal(nla_get_u32(event.attrs[KSC_A_CONTEXT_GID]), SOMEBODY);
	assert_int_equal(nla_get_u32(event.attrs[KSC_A_CONTEXT_UID]), 0);
	tnl_free_event(&event);
	tnl_close(&nl);
	close(fd);
	close(peer);
	close(listener);
	assert_int_equal(wire_begin(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T_CASE("two tickets", test_tickets, 2),
		T_CASE("many tickets", test_tickets, 200),
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_leftover),
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_signal),
		T_CASE("room", test_room, 0),
		T_CASE("room, raw mode", test_room, 1),
		cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_stuck_raw),
		cmocka_unit_test(test_begin),
	};
	int ret;

	if (wire_begin())
		return 1;
	ret = T_RUN(tests);
	return wire_end() ? 1 : ret;
}
