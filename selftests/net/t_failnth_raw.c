// SPDX-License-Identifier: GPL-2.0-only
/* Out of memory in raw mode; see t_failnth.c. */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/fault.h"
#include "lib/raw.h"

static char got[3];
static int fds[2];

static struct raw_keys keys;

static void make_raw(void)
{
	keys = raw_keys(raw_13, 0, 0);
	raw_plain_pair(AF_INET, fds);
	raw_attach(fds[0], KSC_RAW_ULP_NAME);
	raw_attach(fds[1], KSC_RAW_ULP_NAME);
}

static int act_raw_tx(void)
{
	return setsockopt(fds[0], SOL_TLS, TLS_TX, &keys, keys.len);
}

static int act_raw_rx(void)
{
	return setsockopt(fds[1], SOL_TLS, TLS_RX, &keys, keys.len);
}

static void raw_talk(void)
{
	t_send(fds[0], "raw", 3);
	t_expect(fds[1], "raw");
	raw_close(fds);
}

static void after_raw_tx(int error)
{
	if (error)
		SYS(act_raw_tx());
	SYS(act_raw_rx());
	raw_talk();
}

static void after_raw_rx(int error)
{
	if (error)
		SYS(act_raw_rx());
	SYS(act_raw_tx());
	raw_talk();
}

static void make_raw_keys(void)
{
	make_raw();
	SYS(act_raw_tx());
	SYS(act_raw_rx());
}

static int act_raw_send(void)
{
	return send(fds[0], "raw", 3, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static void after_raw_send(int error)
{
	if (error)
		SYS(act_raw_send());
	t_expect(fds[1], "raw");
	raw_talk();
}

static void make_raw_received(void)
{
	make_raw_keys();
	t_send(fds[0], "raw", 3);
	t_wait(fds[1], POLLIN);
}

static int act_raw_recv(void)
{
	return recv(fds[1], got, 3, 0) < 0 ? -1 : 0;
}

static void after_raw_recv(int error)
{
	if (error)
		SYS(act_raw_recv());
	assert_memory_equal(got, "raw", 3);
	raw_talk();
}

/* A record is open, and what comes then seals it. */
static void make_raw_open(void)
{
	make_raw_keys();
	assert_int_equal(SYS(send(fds[0], "raw", 3, MSG_MORE)), 3);
}

static int act_raw_more(void)
{
	return send(fds[0], "more", 4, MSG_NOSIGNAL | MSG_MORE) < 0 ? -1 : 0;
}

static void after_raw_more(int error)
{
	if (error)
		SYS(act_raw_more());
	t_send(fds[0], "!", 1);
	t_expect(fds[1], "rawmore!");
	raw_talk();
}

static int act_raw_shutdown(void)
{
	return shutdown(fds[0], SHUT_WR);
}

/* As in-tree kTLS does: the open record is not sealed, and the application sends close_notify */
static void expect_end(void)
{
	char c;
	ssize_t n = recv(fds[1], &c, 1, 0);

	assert_true(!n || (n < 0 && errno == ECONNRESET));
	SYS(close(fds[1]));
}

static void after_raw_shutdown(int error)
{
	if (error)
		SYS(act_raw_shutdown());
	expect_end();
	SYS(close(fds[0]));
}

static int act_raw_close(void)
{
	return close(fds[0]);
}

static void after_raw_close(int error)
{
	(void)error;
	expect_end();
}

static const uint8_t key_update[] = { 24, 0, 0, 1, 0 };
static struct raw_keys next;

static void make_raw_update(void)
{
	make_raw_keys();
	next = raw_keys(raw_13, 2, 0);
	SYS(raw_send(fds[0], RAW_HANDSHAKE, key_update, sizeof(key_update), 0));
}

static int act_raw_rekey_tx(void)
{
	return setsockopt(fds[0], SOL_TLS, TLS_TX, &next, next.len);
}

static int act_raw_rekey_rx(void)
{
	return setsockopt(fds[1], SOL_TLS, TLS_RX, &next, next.len);
}

static void read_update(void)
{
	uint8_t type, buf[sizeof(key_update)];

	assert_int_equal(SYS(raw_recv(fds[1], &type, buf, sizeof(buf), 0)), sizeof(buf));
	assert_int_equal(type, RAW_HANDSHAKE);
}

static void after_raw_rekey_tx(int error)
{
	if (error)
		SYS(act_raw_rekey_tx());
	read_update();
	SYS(act_raw_rekey_rx());
	raw_talk();
}

static void make_raw_updated(void)
{
	make_raw_update();
	SYS(act_raw_rekey_tx());
	read_update();
}

static void after_raw_rekey_rx(int error)
{
	if (error)
		SYS(act_raw_rekey_rx());
	raw_talk();
}

static int ends[2];

static void make_raw_spliced(void)
{
	make_raw_received();
	SYS(pipe2(ends, O_CLOEXEC));
}

static int act_raw_splice(void)
{
	return splice(fds[1], NULL, ends[1], NULL, 3, 0) < 0 ? -1 : 0;
}

static void after_raw_splice(int error)
{
	if (error)
		SYS(act_raw_splice());
	assert_int_equal(SYS(read(ends[0], got, 3)), 3);
	assert_memory_equal(got, "raw", 3);
	SYS(close(ends[0]));
	SYS(close(ends[1]));
	raw_talk();
}

/* Two records, of which one with edges knows. The first was seen; there is no room for another. */
static void test_edges(void **state)
{
	static uint8_t much[16384];
	cpu_set_t cpus, one;
	int holders[2], ep;

	(void)state;
	SYS(sched_getaffinity(0, sizeof(cpus), &cpus));
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	SYS(sched_setaffinity(0, sizeof(one), &one));
	make_raw_keys();
	ep = t_watch(fds[1], EPOLLIN | EPOLLET);
	t_send(fds[0], "a", 1);
	t_await_event(ep);
	assert_int_equal(SYS(recv(fds[1], got, 1, MSG_PEEK)), 1);
	t_send(fds[0], "b", 1);
	t_await_event(ep);
	raw_pair(raw_13, KSC_RAW_ULP_NAME, KSC_RAW_ULP_NAME, holders);
	t_send(holders[0], much, sizeof(much));
	assert_int_equal(SYS(recv(holders[1], got, 1, MSG_PEEK)), 1);
	fault_always(true);
	assert_int_equal(SYS(recv(fds[1], got, 2, 0)), 1);
	fault_always(false);
	assert_int_equal(got[0], 'a');
	/* a short read means empty, unless another event follows */
	t_await_event(ep);
	assert_int_equal(SYS(recv(fds[1], got, 2, 0)), 1);
	assert_int_equal(got[0], 'b');
	close(ep);
	raw_close(holders);
	SYS(sched_setaffinity(0, sizeof(cpus), &cpus));
	raw_talk();
}

#define WALK(...) FAULT_CASE(fault_setup, fault_teardown, __VA_ARGS__)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WALK("raw: keys to send with", make_raw, act_raw_tx, after_raw_tx),
		WALK("raw: keys to receive with", make_raw, act_raw_rx, after_raw_rx),
		WALK("raw: send", make_raw_keys, act_raw_send, after_raw_send),
		WALK("raw: receive", make_raw_received, act_raw_recv, after_raw_recv),
		cmocka_unit_test_setup_teardown(test_edges, fault_setup, fault_teardown),
		WALK("raw: MSG_MORE", make_raw_open, act_raw_more, after_raw_more),
		WALK("raw: shutdown", make_raw_open, act_raw_shutdown, after_raw_shutdown,
		     .none = true),
		WALK("raw: close", make_raw_open, act_raw_close, after_raw_close, .none = true),
		WALK("raw: other keys to send with", make_raw_update, act_raw_rekey_tx,
		     after_raw_rekey_tx),
		WALK("raw: other keys to receive with", make_raw_updated, act_raw_rekey_rx,
		     after_raw_rekey_rx),
		WALK("raw: splice", make_raw_spliced, act_raw_splice, after_raw_splice),
	};

	if (!fault_possible())
		return T_SKIP(tests, "the kernel has no fault injection");
	return T_RUN(tests);
}
