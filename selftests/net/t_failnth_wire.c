// SPDX-License-Identifier: GPL-2.0-only
/* Out of memory on an established connection, with keys of the test's; see t_failnth.c. */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <time.h>
#include <unistd.h>

#include "lib/fault.h"
#include "lib/wire.h"

#define BULK 20000

static struct wire w;
static uint8_t data[BULK], got[BULK], plain[WIRE_MAX_RECORD];
static size_t done;

static void make_wire_of(const struct wire_suite *suite)
{
	t_fill(data, sizeof(data), 1);
	memset(got, 0, sizeof(got));
	done = 0;
	wire_start(&w, suite, 7);
}

static void make_wire(void)
{
	make_wire_of(wire_suite(WIRE_13, 0x1301));
}

static void make_wire_12(void)
{
	make_wire_of(wire_suite(WIRE_12, 0xc02b));
}

/* Takes data until it is all there; a KeyUpdate may come between. */
static void expect_data(size_t len)
{
	size_t at = 0;

	while (at < len) {
		uint8_t type;
		size_t n = wire_recv(&w, &type, plain);

		if (type == WIRE_HANDSHAKE) {
			assert_memory_equal(plain, "\x18\0\0\1", 4);
			wire_update(&w.tx);
			continue;
		}
		assert_int_equal(type, WIRE_DATA);
		assert_true(n <= len - at);
		assert_memory_equal(plain, data + at, n);
		at += n;
	}
}

static int did(ssize_t n)
{
	if (n < 0)
		return -1;
	done += (size_t)n;
	return 0;
}

static int act_send(void)
{
	return did(send(w.fd, data + done, BULK - done, MSG_NOSIGNAL));
}

static int act_send_little(void)
{
	return did(send(w.fd, data, 3, MSG_NOSIGNAL));
}

/* It arrives without anything else being sent. */
static void after_send_little(int error)
{
	if (error)
		SYS(act_send_little());
	expect_data(3);
	wire_close(&w);
}

static int act_more(void)
{
	return did(send(w.fd, data + done, 100 - done % 100, MSG_NOSIGNAL | MSG_MORE));
}

static int file = -1;

static int act_sendfile(void)
{
	off_t at = (off_t)done;

	return did(sendfile(w.fd, file, &at, BULK - done));
}

/* What was not taken can be sent still, and nothing comes twice or is lost. */
static void after_send(int error)
{
	(void)error;
	while (done < BULK)
		SYS(act_send());
	expect_data(BULK);
	wire_close(&w);
}

static int act_rekey(void)
{
	return setsockopt(w.fd, SOL_KSCHANNEL, KSC_REKEY, &(int){ 0 }, sizeof(int));
}

static void after_rekey(int error)
{
	if (error)
		SYS(act_rekey());
	after_send(0);
}

static void await_received(void)
{
	wire_send(&w, WIRE_DATA, data, 16384, 0);
	wire_send(&w, WIRE_DATA, data + 16384, BULK - 16384, 0);
	t_wait(w.fd, POLLIN);
}

static void make_received(void)
{
	make_wire();
	await_received();
}

static void make_received_12(void)
{
	make_wire_12();
	await_received();
}

static int act_recv(void)
{
	return did(recv(w.fd, got + done, BULK - done, 0));
}

static int act_peek(void)
{
	return recv(w.fd, got, BULK, MSG_PEEK) < 0 ? -1 : 0;
}

static void after_recv(int error)
{
	(void)error;
	while (done < BULK)
		SYS(act_recv());
	assert_memory_equal(got, data, BULK);
	wire_close(&w);
}

static int ends[2], ep;

static void make_spliced(void)
{
	make_received();
	SYS(pipe2(ends, O_CLOEXEC));
}

static int act_splice(void)
{
	return splice(w.fd, NULL, ends[1], NULL, BULK - done, 0) < 0 ? -1 : 0;
}

/* What has come into the pipe is what was sent; the rest is still there. */
static void after_splice(int error)
{
	if (error)
		SYS(act_splice());
	SYS(close(ends[1]));
	while (1) {
		ssize_t n = SYS(read(ends[0], got + done, BULK - done));

		if (!n)
			break;
		done += (size_t)n;
	}
	SYS(close(ends[0]));
	assert_true(done > 0);
	after_recv(0);
}

#define PEEK_MS 3000
/* A guest that is paused charges that to the running thread, but not each time */
#define PEEK_TRIES 3

static int64_t spent_ms(void)
{
	struct timespec t;

	SYS(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t));
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

static void on_signal(int sig)
{
	(void)sig;
}

/* Has a call that waits end, with EINTR, if not at the first signal then at the next. */
static timer_t interrupt_calls(void)
{
	const struct itimerspec each = { .it_value.tv_sec = PEEK_MS / 1000,
					 .it_interval.tv_sec = PEEK_MS / 1000 };
	const struct sigaction action = { .sa_handler = on_signal };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	timer_t timer;

	SYS(sigaction(SIGUSR1, &action, NULL));
	SYS(timer_create(CLOCK_MONOTONIC, &event, &timer));
	SYS(timer_settime(timer, 0, &each, NULL));
	return timer;
}

/* On allocation failure, a peek at a record fails, or sleeps, but does not spin. */
static void peek_in_vain(size_t had, int flags)
{
	size_t len = had ? BULK : 16384;
	int64_t spent = PEEK_MS, since = 0;
	timer_t timer;
	ssize_t n = -1;
	int error = 0;

	make_wire();
	if (had) {
		wire_send(&w, WIRE_DATA, data, had, 0);
		assert_int_equal(SYS(recv(w.fd, got, BULK, MSG_PEEK)), had);
	}
	wire_send(&w, WIRE_DATA, data + had, len - had, 0);
	for (int i = 0; i < PEEK_TRIES && spent >= PEEK_MS / 4; i++) {
		timer = interrupt_calls();
		fault_always(true);
		spent = spent_ms();
		since = t_now_ms();
		n = recv(w.fd, got, len, MSG_PEEK | flags);
		error = errno;
		spent = spent_ms() - spent;
		since = t_now_ms() - since;
		fault_always(false);
		SYS(timer_delete(timer));
		if (n < 0)
			assert_true(!had && (error == ENOMEM || error == EINTR));
		else
			assert_int_equal(n, had);
	}
	if (spent >= PEEK_MS / 4)
		fail_msg("it spun for %lld ms of %lld", (long long)spent, (long long)since);
	/* nothing is lost by it */
	assert_int_equal(SYS(recv(w.fd, got, len, MSG_PEEK | MSG_WAITALL)), len);
	assert_memory_equal(got, data, len);
	t_recv(w.fd, got, len);
	assert_memory_equal(got, data, len);
	wire_close(&w);
}

static struct wire holders[4];
static cpu_set_t cpus;

/* Records that are decrypted and not read use up this CPU's buffers. */
static void take_room(void)
{
	cpu_set_t one = { 0 };

	SYS(sched_getaffinity(0, sizeof(cpus), &cpus));
	CPU_SET(sched_getcpu(), &one);
	SYS(sched_setaffinity(0, sizeof(one), &one));
	for (size_t i = 0; i < ARRAY_SIZE(holders); i++) {
		wire_start(&holders[i], wire_suite(WIRE_13, 0x1301), 7);
		wire_send(&holders[i], WIRE_DATA, data, 16384, 0);
		assert_int_equal(SYS(recv(holders[i].fd, got, 1, MSG_PEEK)), 1);
	}
}

static void give_room(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(holders); i++)
		wire_close(&holders[i]);
	SYS(sched_setaffinity(0, sizeof(cpus), &cpus));
}

static void test_peek(void **state)
{
	(void)state;
	take_room();
	peek_in_vain(0, 0);
	/* what was read has given its room back */
	wire_send(&holders[0], WIRE_DATA, data, 16384, 0);
	assert_int_equal(SYS(recv(holders[0].fd, got, BULK, MSG_PEEK | MSG_WAITALL)), BULK);
	/* too long to be moved to memory of its size */
	peek_in_vain(5000, MSG_WAITALL);
	give_room();
}

/* EPOLLET has signalled two records, of which the second is not decrypted. */
static void make_edges(void)
{
	make_wire();
	ep = t_watch(w.fd, EPOLLIN | EPOLLET);
	for (size_t i = 0; i < 2; i++) {
		wire_send(&w, WIRE_DATA, data + 100 * i, 100, 0);
		t_await_event(ep);
	}
	take_room();
}

/* Without a copy: only missing bytes would show one that failed. */
static int act_edges(void)
{
	return did(recv(w.fd, NULL, BULK, MSG_TRUNC));
}

/* The reader takes a short read for the end, and comes back at the event for the rest. */
static void after_edges(int error)
{
	if (error || done < 200) {
		t_await_event(ep);
		SYS(act_edges());
	}
	assert_int_equal(done, 200);
	close(ep);
	wire_close(&w);
	give_room();
}

/* Out of memory all the time: the record to be decrypted ahead, for the next read, is not lost. */
static void test_edges(void **state)
{
	(void)state;
	make_edges();
	fault_always(true);
	SYS(act_edges());
	fault_always(false);
	assert_int_equal(done, 100);
	after_edges(0);
}

/* Its keys are the peer's next. */
static void make_updated(void)
{
	make_wire();
	wire_send(&w, WIRE_HANDSHAKE, "\x18\0\0\1\1", 5, 0);
	wire_update(&w.rx);
	await_received();
}

static int act_shutdown(void)
{
	return shutdown(w.fd, SHUT_WR);
}

static int act_close(void)
{
	int ret = close(w.fd);

	w.fd = -1;
	return ret;
}

/* The peer's end comes, with a close_notify or without. */
static void after_close(int error)
{
	struct pollfd pfd = { .fd = w.peer, .events = POLLIN };
	ssize_t n;

	(void)error;
	if (w.fd >= 0)
		SYS(close(w.fd));
	do {
		assert_int_equal(poll(&pfd, 1, PATIENCE_S * 1000), 1);
		n = recv(w.peer, plain, sizeof(plain), 0);
	} while (n > 0);
	assert_true(!n || errno == ECONNRESET);
	SYS(close(w.peer));
}

static int setup_wire(void **state)
{
	char name[] = "/tmp/failnth-XXXXXX";

	if (wire_begin())
		return -1;
	t_fill(data, sizeof(data), 1);
	file = mkstemp(name);
	unlink(name);
	if (file < 0 || write(file, data, sizeof(data)) != sizeof(data))
		return -1;
	return fault_setup(state);
}

static int teardown_wire(void **state)
{
	fault_teardown(state);
	close(file);
	return wire_end();
}

#define WIRE(...) FAULT_CASE(setup_wire, teardown_wire, __VA_ARGS__)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WIRE("send", make_wire, act_send, after_send),
		WIRE("send a little", make_wire, act_send_little, after_send_little),
		WIRE("MSG_MORE", make_wire, act_more, after_send),
		WIRE("sendfile", make_wire, act_sendfile, after_send),
		WIRE("send, TLS 1.2", make_wire_12, act_send, after_send),
		WIRE("rekey", make_wire, act_rekey, after_rekey),
		WIRE("receive", make_received, act_recv, after_recv),
		WIRE("receive, TLS 1.2", make_received_12, act_recv, after_recv),
		WIRE("splice", make_spliced, act_splice, after_splice),
		WIRE("MSG_PEEK", make_received, act_peek, after_recv),
		cmocka_unit_test_setup_teardown(test_peek, setup_wire, teardown_wire),
		WIRE("edges", make_edges, act_edges, after_edges),
		cmocka_unit_test_setup_teardown(test_edges, setup_wire, teardown_wire),
		WIRE("receive a KeyUpdate", make_updated, act_recv, after_recv),
		WIRE("shutdown", make_wire, act_shutdown, after_close),
		WIRE("close", make_wire, act_close, after_close),
	};

	if (!fault_possible())
		return T_SKIP(tests, "the kernel has no fault injection");
	return T_RUN(tests);
}
