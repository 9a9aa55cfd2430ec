// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections whose ciphers were freed because they were idle, and CPUs that freed their
 * pages: applications do not notice, and everything goes on as it would have.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "lib/flow.h"
#include "lib/nl.h"
#include "lib/raw.h"
#include "lib/wire.h"

#define OURS KSC_RAW_ULP_NAME
#define FAIL_NTH "/proc/thread-self/fail-nth"
#define IGNORE_WAIT "/sys/kernel/debug/failslab/ignore-gfp-wait"

static const uint8_t update[5] = { 24, 0, 0, 1, 0 };
static const uint8_t request[5] = { 24, 0, 0, 1, 1 };

/*
 * Nothing is freed that was used within this time. A guest that is paused for longer may
 * free meanwhile what is used again then.
 */
#define USED_MS 500
/* Within this time everything is freed that is not used */
#define IDLE_MS 5000

/* When the freed ciphers were counted last */
static int64_t counted;

/* How many directions had their ciphers freed so far */
static uint64_t parked(void)
{
	counted = t_ticks_ms();
	return tnl_counter(KSC_A_STATS_CIPHERS_PARKED);
}

/* The same when there is nothing left to be */
static uint64_t parked_all(void)
{
	uint64_t count = parked(), now;
	int64_t since = counted;

	while (t_ticks_ms() - since < IDLE_MS) {
		usleep(10000);
		now = parked();
		if (now != count)
			since = counted;
		count = now;
	}
	return count;
}

/* @more of them have to be, and no others. */
static void await_idle(uint64_t *count, unsigned int more)
{
	bool late = t_ticks_ms() - counted >= USED_MS;

	*count += more;
	if (late) {
		tnl_await_at_least(KSC_A_STATS_CIPHERS_PARKED, *count);
		*count = parked_all();
	} else {
		tnl_await_counter(KSC_A_STATS_CIPHERS_PARKED, *count);
	}
	counted = t_ticks_ms();
}

static void peer_says(struct wire *w, const char *text)
{
	wire_send(w, WIRE_DATA, text, strlen(text), 0);
	t_expect(w->fd, text);
}

static void says(struct wire *w, const char *text)
{
	t_send(w->fd, text, strlen(text));
	wire_expect(w, WIRE_DATA, text, strlen(text));
}

/* A connection that was used both ways, and then was not. */
static void begin(struct wire *w, const struct wire_suite *suite, uint64_t *count)
{
	wire_start(w, suite, suite->suite);
	*count = parked();
	says(w, "one");
	peer_says(w, "two");
	await_idle(count, 2);
}

/* A record of its own, several at once, and the other way. */
static void test_data(void **state)
{
	const struct wire_suite *suite = *state;
	const uint8_t *data = flow_data(1);
	uint8_t *plain = malloc(WIRE_MAX_RECORD), type;
	uint64_t count;
	struct wire w;

	assert_non_null(plain);
	begin(&w, suite, &count);
	for (int round = 0; round < 2; round++) {
		t_send(w.fd, data, 40000);
		for (size_t done = 0, n; done < 40000; done += n) {
			n = wire_recv(&w, &type, plain);
			assert_int_equal(type, WIRE_DATA);
			assert_in_range(n, 1, 40000 - done);
			assert_memory_equal(plain, data + done, n);
		}
		await_idle(&count, 1);
		for (size_t done = 0; done < 48000; done += 12000)
			wire_send(&w, WIRE_DATA, data + done, 12000, 0);
		flow_expect(w.fd, data, 48000);
		await_idle(&count, 1);
	}
	wire_close(&w);
	free(plain);
}

/* A cipher that a direction has never needed can't be freed. */
static void test_one_way(void **state)
{
	struct wire a, b;
	uint64_t count;

	(void)state;
	wire_start(&a, wire_suite(WIRE_13, 0x1301), 1);
	wire_start(&b, wire_suite(WIRE_13, 0x1302), 2);
	count = parked();
	says(&a, "out");
	peer_says(&b, "in");
	await_idle(&count, 2);
	/* by then the others would have been, too */
	says(&a, "out again");
	await_idle(&count, 1);
	peer_says(&a, "and in");
	says(&b, "and out");
	await_idle(&count, 2);
	wire_close(&a);
	wire_close(&b);
}

/* While another is in use, which is left alone. */
static void test_busy(void **state)
{
	int64_t last, now, gap = 0;
	uint64_t count, got;
	struct wire idle, busy;

	(void)state;
	begin(&idle, wire_suite(WIRE_13, 0x1301), &count);
	wire_start(&busy, wire_suite(WIRE_13, 0x1303), 3);
	says(&idle, "one");
	peer_says(&idle, "two");
	last = t_ticks_ms();
	do {
		says(&busy, "ping");
		peer_says(&busy, "pong");
		got = parked();
		now = t_ticks_ms();
		if (now - last > gap)
			gap = now - last;
		last = now;
	} while (got < count + 2);
	/* unless the machine stood still for so long that it was not used */
	if (gap < USED_MS)
		assert_int_equal(got, count + 2);
	wire_close(&idle);
	wire_close(&busy);
}

/* From either end, on request and without. */
static void test_update(void **state)
{
	uint64_t count;
	struct wire w;
	int both = 1;

	(void)state;
	begin(&w, wire_suite(WIRE_13, 0x1302), &count);
	/* the KeyUpdate needs the receiving keys, the answer the others */
	wire_send(&w, WIRE_HANDSHAKE, request, 5, 0);
	wire_update(&w.rx);
	peer_says(&w, "three");
	wire_expect(&w, WIRE_HANDSHAKE, update, 5);
	wire_update(&w.tx);
	says(&w, "four");
	await_idle(&count, 2);
	SYS(setsockopt(w.fd, SOL_KSCHANNEL, KSC_REKEY, &both, sizeof(both)));
	wire_expect(&w, WIRE_HANDSHAKE, request, 5);
	wire_update(&w.tx);
	wire_send(&w, WIRE_HANDSHAKE, update, 5, 0);
	wire_update(&w.rx);
	peer_says(&w, "five");
	says(&w, "six");
	await_idle(&count, 2);
	says(&w, "seven");
	peer_says(&w, "eight");
	wire_close(&w);
}

/* Records count from the key's first on, whatever lies between them. */
static void test_limit(void **state)
{
	const char *const text[] = { "two", "three", "four" };
	int records = 4;
	uint64_t count;
	struct wire w;

	(void)state;
	begin(&w, wire_suite(WIRE_13, 0x1301), &count);
	SYS(setsockopt(w.fd, SOL_KSCHANNEL, KSC_REKEY_AFTER, &records, sizeof(records)));
	for (size_t i = 0; i < ARRAY_SIZE(text); i++) {
		says(&w, text[i]);
		await_idle(&count, 1);
	}
	t_send(w.fd, "five", 4);
	wire_expect(&w, WIRE_HANDSHAKE, update, 5);
	wire_update(&w.tx);
	wire_expect(&w, WIRE_DATA, "five", 4);
	wire_close(&w);
}

static void test_close(void **state)
{
	const struct wire_suite *suite = *state;
	uint64_t count;
	struct wire w;

	/* ours */
	begin(&w, suite, &count);
	close(w.fd);
	wire_expect_alert(&w, 1, 0);
	t_expect_eof(w.peer);
	close(w.peer);
	/* ours, and the other direction stays open */
	begin(&w, suite, &count);
	SYS(shutdown(w.fd, SHUT_WR));
	wire_expect_alert(&w, 1, 0);
	t_expect_eof(w.peer);
	peer_says(&w, "three");
	wire_close(&w);
	/* the peer's */
	begin(&w, suite, &count);
	wire_send(&w, WIRE_ALERT, "\1", 2, 0);
	t_expect_eof(w.fd);
	says(&w, "three");
	wire_close(&w);
	/* without any record before */
	wire_start(&w, suite, 4);
	close(w.fd);
	wire_expect_alert(&w, 1, 0);
	close(w.peer);
	/* cut off, and in bad order */
	begin(&w, suite, &count);
	w.rx.seq++;
	wire_send(&w, WIRE_DATA, "later", 5, 0);
	wire_expect_refused(&w, KSC_STATUS_BAD_RECORD, EBADMSG, 20);
	wire_close(&w);
}

static void *read_text(void *arg)
{
	const struct wire *w = arg;
	char buf[16] = "";

	return recv(w->fd, buf, sizeof(buf), 0) == 5 && memcmp(buf, "awake", 5) == 0 ? arg : NULL;
}

/* One thread sleeps in recv() meanwhile, another polls. */
static void test_reader(void **state)
{
	struct pollfd pfd = { .events = POLLIN };
	pthread_t reader;
	uint64_t count;
	struct wire w;
	void *ok;

	(void)state;
	wire_start(&w, wire_suite(WIRE_13, 0x1301), 5);
	count = parked();
	says(&w, "one");
	peer_says(&w, "two");
	t_thread(&reader, read_text, &w);
	await_idle(&count, 2);
	pfd.fd = w.fd;
	assert_int_equal(SYS(poll(&pfd, 1, 0)), 0);
	pfd.events = POLLOUT;
	assert_int_equal(SYS(poll(&pfd, 1, 0)), 1);
	assert_int_equal(pfd.revents, POLLOUT);
	wire_send(&w, WIRE_DATA, "awake", 5, 0);
	assert_int_equal(pthread_join(reader, &ok), 0);
	assert_non_null(ok);
	wire_close(&w);
}

static void both_ways(int fds[2])
{
	const uint8_t *data = flow_data(1);

	for (int i = 0; i < 2; i++) {
		t_send(fds[i], data, 30000);
		flow_expect(fds[!i], data, 30000);
	}
}

static void test_raw(void **state)
{
	const struct raw_suite *suite = *state;
	struct raw_keys keys;
	uint64_t count, seq;
	int fds[2];

	raw_pair(suite, OURS, OURS, fds);
	count = parked();
	both_ways(fds);
	await_idle(&count, 4);
	/* getsockopt() returns the same keys as before */
	keys = raw_keys(suite, 0, 0);
	keys = raw_get(fds[0], TLS_TX, keys.len);
	seq = raw_seq(&keys);
	assert_true(seq > 0);
	both_ways(fds);
	await_idle(&count, 4);
	if (suite->version == TLS_1_3_VERSION) {
		keys = raw_keys(suite, 2, 0);
		raw_set(fds[0], TLS_TX, &keys);
		raw_set(fds[1], TLS_RX, &keys);
		both_ways(fds);
		await_idle(&count, 4);
	}
	raw_close(fds);
}

#define MANY 80UL

/* More than are checked in one pass; some are closed while it is in progress. */
static void test_many(void **state)
{
	static int fds[MANY][2];
	uint64_t count = parked();

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		raw_pair(raw_13, OURS, OURS, fds[i]);
		t_send(fds[i][0], "x", 1);
		t_expect(fds[i][1], "x");
	}
	tnl_await_at_least(KSC_A_STATS_CIPHERS_PARKED, count + 1);
	for (size_t i = 0; i < MANY; i += 4)
		raw_close(fds[i]);
	/* those may or may not have been */
	tnl_await_at_least(KSC_A_STATS_CIPHERS_PARKED, count + MANY * 2 / 4 * 3);
	for (size_t i = 1; i < MANY; i++) {
		if (i % 4 == 0)
			continue;
		both_ways(fds[i]);
		raw_close(fds[i]);
	}
}

/* ---- pages that records are built in ---- */

/* A CPU that has nothing to do is not woken for it, so each is given something. */
static void await_no_pages(void)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	int64_t end = t_now_ms() + PATIENCE_S * INT64_C(1000);
	cpu_set_t all, one;

	SYS(sched_getaffinity(0, sizeof(all), &all));
	while (t_parameter("kept_pages")) {
		if (t_now_ms() > end)
			fail_msg("%u pages are kept", t_parameter("kept_pages"));
		for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
			if (!CPU_ISSET(cpu, &all))
				continue;
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			SYS(sched_setaffinity(0, sizeof(one), &one));
			nanosleep(&pause, NULL);
		}
	}
	SYS(sched_setaffinity(0, sizeof(all), &all));
}

/*
 * Send until the socket takes no more. Meanwhile pages are kept: enough for half a MiB at some
 * time, unless it takes so long that the first are given back.
 */
static size_t fill(int fd, const uint8_t *data)
{
	int64_t start = t_ticks_ms(), took = 0;
	unsigned int kept = 0;
	size_t total = 0;
	int idle = 0;

	while (idle < 5) {
		size_t at = total % FLOW_MAX, len = FLOW_MAX - at < 65536 ? FLOW_MAX - at : 65536;
		ssize_t n = send(fd, data + at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		unsigned int now = t_parameter("kept_pages");

		kept = now > kept ? now : kept;
		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			usleep(50 * 1000);
			idle++;
			continue;
		}
		total += (size_t)n;
		took = t_ticks_ms() - start;
		idle = 0;
	}
	/* of 32 KiB or less */
	assert_in_range(kept, took < USED_MS ? 16 : 1, 1000);
	return total;
}

/* The CPUs give them back, those too that are not read yet; and take others. */
static void test_pages(void **state)
{
	const uint8_t *data = flow_data(2);
	uint8_t *plain = malloc(WIRE_MAX_RECORD), type;
	int fds[2], file = (int)SYS(memfd_create("t_idle", MFD_CLOEXEC));
	unsigned int kept;
	int64_t since;
	struct wire w;
	size_t sent;

	(void)state;
	assert_non_null(plain);
	raw_pair(raw_13, OURS, OURS, fds);
	for (int round = 0; round < 2; round++) {
		sent = fill(fds[0], data);
		assert_true(sent > 1 << 19);
		await_no_pages();
		for (size_t n; sent; sent -= n) {
			n = sent < FLOW_MAX ? sent : FLOW_MAX;
			flow_expect(fds[1], data, n);
		}
	}
	raw_close(fds);

	/* those of the other kind */
	assert_int_equal(SYS(write(file, data, 100000)), 100000);
	wire_start(&w, wire_suite(WIRE_13, 0x1301), 6);
	for (int round = 0; round < 2; round++) {
		off_t at = 0;

		since = t_ticks_ms();
		assert_int_equal(SYS(sendfile(w.fd, file, &at, 100000)), 100000);
		kept = t_parameter("kept_pages");
		if (t_ticks_ms() - since < USED_MS)
			assert_in_range(kept, 1, 1000);
		for (size_t done = 0, n; done < 100000; done += n) {
			n = wire_recv(&w, &type, plain);
			assert_int_equal(type, WIRE_DATA);
			assert_in_range(n, 1, 100000 - done);
			assert_memory_equal(plain, data + done, n);
		}
		await_no_pages();
	}
	wire_close(&w);
	close(file);
	free(plain);
}

/* ---- no memory ---- */

static int fail_fd = -1;

/* Have this thread's Nth allocation, or copy to or from user memory, fail; 0: none */
static void fail_nth(unsigned int n)
{
	char text[16];
	ssize_t len = snprintf(text, sizeof(text), "%u", n);

	/* what is still to fail may be the copy of this */
	while (pwrite(fail_fd, text, (size_t)len, 0) != len)
		assert_int_equal(errno, EFAULT);
}

/* Did it? Stops the faults; errno is as it was */
static bool failed(void)
{
	int error = errno;
	char text[16] = "";
	bool all = pread(fail_fd, text, sizeof(text) - 1, 0) > 0 && strtoul(text, NULL, 10) == 0;

	fail_nth(0);
	errno = error;
	return all;
}

/* A call failed, and by our doing: out of memory, which is @error, or unable to copy */
static bool refused(bool fault, unsigned int n, int error)
{
	if (!fault || (errno != error && errno != EFAULT))
		fail_msg("%u %s: %s", n, fault ? "failed" : "did not fail", strerror(errno));
	return errno == error;
}

static void need_faults(void)
{
	t_keep(IGNORE_WAIT);
	if (fail_fd < 0 && t_write_file(IGNORE_WAIT, "N"))
		fail_fd = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (fail_fd >= 0)
		return;
	print_message("this kernel can't have an allocation fail\n");
	skip();
}

/*
 * Which allocation fails makes no difference, and the next call finds all as it was. Some
 * of them can be done without, such as what the sanitizers note: then it is tried with
 * the next one, from an idle connection again.
 */
static void test_memory(void **state)
{
	const struct wire_suite *suite = *state;
	unsigned int n, refusals = 0;
	char buf[16];
	uint64_t count;
	struct wire w;
	ssize_t got;
	bool fault;

	need_faults();
	begin(&w, suite, &count);
	wire_send(&w, WIRE_DATA, "three", 5, 0);
	t_await_acked(w.peer);
	for (n = 1, fault = true; fault; n++) {
		fail_nth(n);
		got = recv(w.fd, buf, sizeof(buf), MSG_DONTWAIT);
		fault = failed();
		if (got < 0) {
			refusals += refused(fault, n, ENOMEM);
			continue;
		}
		assert_int_equal(got, 5);
		assert_memory_equal(buf, "three", 5);
		await_idle(&count, 1);
		if (!fault)
			break;
		wire_send(&w, WIRE_DATA, "three", 5, 0);
		t_await_acked(w.peer);
	}
	/* the transform and the request; what derives the key is there */
	assert_in_range(refusals, 2, 50);

	refusals = 0;
	for (n = 1, fault = true; fault; n++) {
		fail_nth(n);
		got = send(w.fd, "four", 4, MSG_DONTWAIT);
		fault = failed();
		if (got < 0) {
			refusals += refused(fault, n, EAGAIN);
			t_wait(w.fd, POLLOUT);
			continue;
		}
		assert_int_equal(got, 4);
		wire_expect(&w, WIRE_DATA, "four", 4);
		await_idle(&count, 1);
	}
	assert_in_range(refusals, 2, 50);
	says(&w, "five");
	peer_says(&w, "six");

	/* a call that waits succeeds nevertheless */
	await_idle(&count, 2);
	fail_nth(1);
	got = send(w.fd, "seven", 5, 0);
	assert_true(failed());
	assert_int_equal(got, 5);
	wire_expect(&w, WIRE_DATA, "seven", 5);
	wire_close(&w);
}

/* As before, with a KeyUpdate as what is to be sent; it is not lost. */
static void test_memory_update(void **state)
{
	int both = 0, ret;
	uint64_t count;
	struct wire w;
	bool fault = true;

	(void)state;
	need_faults();
	begin(&w, wire_suite(WIRE_13, 0x1301), &count);
	for (unsigned int n = 1; fault; n++) {
		fail_nth(n);
		ret = setsockopt(w.fd, SOL_KSCHANNEL, KSC_REKEY, &both, sizeof(both));
		fault = failed();
		if (ret) {
			/* the option's value could not be copied */
			refused(fault, n, EFAULT);
			continue;
		}
		wire_expect(&w, WIRE_HANDSHAKE, update, 5);
		wire_update(&w.tx);
	}
	says(&w, "new");
	peer_says(&w, "old");
	wire_close(&w);
}

int main(void)
{
	const struct wire_suite *const aes_13 = wire_suite(WIRE_13, 0x1301);
	const struct wire_suite *const aes_12 = wire_suite(WIRE_12, 0xc02b);
	const struct CMUnitTest tests[] = {
		T_CASE("data, 1.3 AES-128-GCM", test_data, aes_13),
		T_CASE("data, 1.3 AES-256-GCM", test_data, wire_suite(WIRE_13, 0x1302)),
		T_CASE("data, 1.3 ChaCha20-Poly1305", test_data, wire_suite(WIRE_13, 0x1303)),
		T_CASE("data, 1.3 AES-128-CCM", test_data, wire_suite(WIRE_13, 0x1304)),
		T_CASE("data, 1.2 AES-128-GCM", test_data, aes_12),
		T_CASE("data, 1.2 AES-256-GCM", test_data, wire_suite(WIRE_12, 0xc02c)),
		T_CASE("data, 1.2 ChaCha20-Poly1305", test_data, wire_suite(WIRE_12, 0xcca9)),
		T_CASE("data, 1.2 AES-128-CCM", test_data, wire_suite(WIRE_12, 0xc0ac)),
		cmocka_unit_test(test_one_way),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_update),
		cmocka_unit_test(test_limit),
		T_CASE("close, 1.3", test_close, aes_13),
		T_CASE("close, 1.2", test_close, aes_12),
		cmocka_unit_test(test_reader),
		T_CASE("raw, 1.3", test_raw, raw_13),
		T_CASE("raw, 1.2", test_raw, raw_12),
		T_CASE("raw, 1.2 ChaCha20-Poly1305", test_raw, &raw_suites[6]),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_pages),
		T_CASE("no memory, 1.3", test_memory, aes_13),
		T_CASE("no memory, 1.2", test_memory, aes_12),
		cmocka_unit_test(test_memory_update),
	};
	int ret;

	if (wire_begin())
		return 1;
	t_set_parameter("idle_seconds", 1);
	ret = T_RUN(tests);
	return wire_end() ? 1 : ret;
}
