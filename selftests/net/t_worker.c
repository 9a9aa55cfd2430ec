// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads of the daemon that are stopped within a step: each delays the handshake that it
 * serves, and no other.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/peer.h"
#include "lib/policy.h"
#include "preload/stop.h"

/* How many handshakes are done beside those that are held up */
#define OTHERS 6
/* What is held up has all the time that it needs, or too little of it */
#define LONG_MS (4 * PATIENCE_S * 1000)
#define SHORT_MS 1000

static const struct t_opts patient = { .server_name = "server.test", .timeout = LONG_MS };
static const struct t_opts patient_server = { .timeout = LONG_MS };

static struct stop *stop;

static void await_held(uint32_t n)
{
	int64_t end = t_now_ms() + PATIENCE_S * INT64_C(1000);

	while (stop->held != n) {
		if (t_now_ms() > end)
			fail_msg("%u threads are stopped, not %u", stop->held, n);
		usleep(1000);
	}
}

static void let_go(void)
{
	stop->want = 0;
	stop->round++;
	syscall(SYS_futex, &stop->round, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* A handshake whose first step is held up, as are @n now */
static int begin_held(const struct t_addr *addr, const struct t_opts *opts, uint32_t n)
{
	int fd;

	stop->want = 1;
	fd = t_begin(addr, opts);
	await_held(n);
	return fd;
}

static void expect_others(void)
{
	for (int i = 0; i < OTHERS; i++) {
		int fds[2];

		t_pair(AF_INET, fds);
		t_exchange(fds[0], fds[1]);
		close(fds[0]);
		close(fds[1]);
	}
}

/* It goes on, once a program has accepted the other end, which is the listener's next. */
static void finish(int fd, int listener)
{
	int child = t_accept(listener);

	t_finish(fd);
	t_exchange(fd, child);
	close(fd);
	close(child);
}

static void expect_waiting(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLOUT };

	assert_int_equal(SYS(poll(&pfd, 1, 0)), 0);
}

/* All but one of the threads; their handshakes wait, and are done when they go on. */
static void test_clients(void **state)
{
	const uint32_t n = (uint32_t)(uintptr_t)*state - 1;
	struct t_addr addr;
	int listener = t_listen(AF_INET, &patient_server, &addr), *fds;

	fds = calloc(n, sizeof(*fds));
	assert_non_null(fds);
	for (uint32_t i = 0; i < n; i++)
		fds[i] = begin_held(&addr, &patient, i + 1);
	expect_others();
	for (uint32_t i = 0; i < n; i++)
		expect_waiting(fds[i]);
	let_go();
	for (uint32_t i = 0; i < n; i++)
		finish(fds[i], listener);
	close(listener);
	free(fds);
}

/* A server's step, which its peer waits for. */
static void test_server(void **state)
{
	const struct peer_conf conf = { .library = PEER_OPENSSL };
	static struct peer peer;
	struct t_addr addr;
	int listener = t_listen(AF_INET, &patient_server, &addr), fd;

	(void)state;
	stop->want = 1;
	peer_connect(&peer, &conf, &addr, peer_echo);
	fd = t_accept(listener);
	await_held(1);
	expect_others();
	expect_waiting(fd);
	let_go();
	t_send(fd, "echo", 4);
	t_expect(fd, "echo");
	close(fd);
	close(listener);
	peer_join(&peer);
}

/* It times out while it is held up: it fails, and the thread goes on with others. */
static void test_late(void **state)
{
	const struct t_opts hasty = { .server_name = "server.test", .timeout = SHORT_MS };
	int listener, late, held;
	struct t_addr addr;

	(void)state;
	listener = t_listen(AF_INET, &patient_server, &addr);
	late = begin_held(&addr, &hasty, 1);
	FAILS(t_handshake(late), ETIMEDOUT);
	t_expect_error(late, KSC_STATUS_TIMED_OUT, ETIMEDOUT);
	assert_int_equal(stop->held, 1);
	expect_others();
	let_go();
	await_held(0);
	close(late);
	close(t_accept(listener));
	/* with one of them stopped nothing is done but by the other, whichever that is */
	for (int i = 0; i < 2; i++) {
		held = begin_held(&addr, &patient, 1);
		expect_others();
		let_go();
		finish(held, listener);
	}
	close(listener);
}

/* None is left: all wait, later ones too, and all are done. */
static void test_all(void **state)
{
	const uint32_t n = (uint32_t)(uintptr_t)*state;
	struct t_addr addr;
	int listener = t_listen(AF_INET, &patient_server, &addr), *fds;

	fds = calloc(n + 1, sizeof(*fds));
	assert_non_null(fds);
	for (uint32_t i = 0; i < n; i++)
		fds[i] = begin_held(&addr, &patient, i + 1);
	fds[n] = t_begin(&addr, &patient);
	/* it is the daemon's, which does not come to it */
	tnl_await_counter(KSC_A_STATS_OFFERS_UNANSWERED, n + 1);
	for (uint32_t i = 0; i <= n; i++)
		expect_waiting(fds[i]);
	let_go();
	for (uint32_t i = 0; i <= n; i++)
		finish(fds[i], listener);
	close(listener);
	free(fds);
}

#define PORT 1000
#define RULES "[rule server]\naction = require\ndirection = accept\nlocal-port = 1000\n" \
	"[rule client]\naction = require\ndirection = connect\nremote-port = 1000\n" \
	"server-name = server.test\n"

/* Meanwhile the daemon takes another configuration, and works by it. */
static void test_reload(void **state)
{
	struct t_addr addr;
	int listener = t_listen(AF_INET, &patient_server, &addr), held, fds[2];

	(void)state;
	held = begin_held(&addr, &patient, 1);
	assert_true(own_reload(&own, RULES));
	pair_on(PORT, fds);
	assert_protected_pair(fds[0], fds[1]);
	close_pair(fds);
	expect_others();
	expect_waiting(held);
	let_go();
	finish(held, listener);
	close(listener);
}

/* The daemon gets SIGTERM, and ends; the next one serves what was held up. */
static void test_end(void **state)
{
	struct t_addr addr;
	int listener = t_listen(AF_INET, &patient_server, &addr), held;

	(void)state;
	held = begin_held(&addr, &patient, 1);
	own_end(&own);
	assert_int_equal(stop->held, 1);
	stop->held = 0;
	expect_waiting(held);
	own_start(&own, "");
	finish(held, listener);
	expect_others();
	close(listener);
}

static int setup(void **state)
{
	char path[PATH_MAX];
	const char *here = getenv("KSC_TESTS");

	t_setup(state);
	own_namespace();
	memset(stop, 0, sizeof(*stop));
	own.workers = (unsigned int)(uintptr_t)*state;
	snprintf(path, sizeof(path), "%s/stop.so", here ? here : "/opt/net");
	assert_int_equal(setenv("LD_PRELOAD", path, 1), 0);
	own_start(&own, "");
	return unsetenv("LD_PRELOAD");
}

static int teardown(void **state)
{
	(void)state;
	let_go();
	own_end(&own);
	return 0;
}

#define CASE(name, test, workers)                                                                  \
	{                                                                                          \
		name, test, setup, teardown, (void *)(uintptr_t)(workers)                          \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE("a client's, one of two", test_clients, 2),
		CASE("clients', three of four", test_clients, 4),
		CASE("a server's", test_server, 2),
		CASE("too late", test_late, 2),
		CASE("all of two", test_all, 2),
		CASE("all of three", test_all, 3),
		CASE("another configuration", test_reload, 2),
		CASE("the daemon ends", test_end, 2),
	};
	int fd = open(STOP_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600), ret;

	if (fd < 0 || ftruncate(fd, sizeof(*stop)))
		return 1;
	stop = mmap(NULL, sizeof(*stop), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (stop == MAP_FAILED)
		return 1;
	ret = T_RUN(tests);
	close(fd);
	unlink(STOP_FILE);
	return ret;
}
