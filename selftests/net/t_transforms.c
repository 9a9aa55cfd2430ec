// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ciphers are memory of the crypto API, which is charged to no socket and no memory cgroup:
 * how much of it a connection can have, and that it has none when it is idle.
 */
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/group.h"
#include "lib/nl.h"
#include "lib/raw.h"

#define OURS KSC_RAW_ULP_NAME
/* Connections, with a transform at either end: many, since slabs go by pages */
#define MANY 900
/* Of one direction; seen were up to 3,100 bytes */
#define MOST 4096
/* What slabs keep of what is freed: so much, and a quarter of it */
#define KEPT 256

static int fds[MANY][2];
static long many = MANY;

static void use_all(void)
{
	for (long i = 0; i < many; i++)
		t_send(fds[i][0], "x", 1);
	for (long i = 0; i < many; i++) {
		t_expect(fds[i][1], "x");
		t_await_acked(fds[i][0]);
	}
}

static void set_all(const struct raw_suite *suite, unsigned int generation)
{
	const struct raw_keys keys = raw_keys(suite, generation, 0);

	for (long i = 0; i < many; i++) {
		raw_set(fds[i][0], TLS_TX, &keys);
		raw_set(fds[i][1], TLS_RX, &keys);
	}
}

static void open_all(void)
{
	for (long i = 0; i < many; i++)
		raw_plain_pair(AF_INET, fds[i]);
	for (long i = 0; i < many; i++) {
		/* what TCP itself keeps is there before it is counted */
		t_send(fds[i][0], "x", 1);
		t_expect(fds[i][1], "x");
		t_await_acked(fds[i][0]);
	}
}

static void attach_all(const char *ulp)
{
	for (long i = 0; i < 2 * many; i++)
		raw_attach(fds[i / 2][i % 2], ulp);
}

static void close_all(void)
{
	for (long i = 0; i < many; i++)
		raw_close(fds[i]);
}

static int64_t each(int64_t bytes)
{
	return bytes / (2 * many);
}

/* More than before, for each direction; not with KASAN, whose redzones count */
static int64_t expect_at_most(int64_t before, int64_t most, const char *when)
{
	int64_t end = t_now_ms() + PATIENCE_S * INT64_C(1000), now;

	do {
		now = each(group_slabs() - before);
		if (now <= most || t_kasan()) {
			print_message("# %s: %lld bytes each\n", when, (long long)now);
			return now;
		}
		/* some of it is freed after a grace period */
		usleep(50000);
	} while (t_now_ms() < end);
	fail_msg("%s: %lld bytes each", when, (long long)now);
	return now;
}

/* What slabs have from the first time on is none of what is counted. */
static int warm_up(void **state)
{
	t_setup(state);
	open_all();
	attach_all(OURS);
	set_all(*state, 0);
	use_all();
	close_all();
	return 0;
}

static void test_ours(void **state)
{
	const struct raw_suite *suite = *state;
	int64_t before, used;
	uint64_t parked;

	/* none is idle before it is looked at */
	t_set_parameter("idle_seconds", 0);
	open_all();
	attach_all(OURS);
	set_all(suite, 0);
	parked = tnl_counter(KSC_A_STATS_CIPHERS_PARKED);
	before = group_slabs();
	use_all();
	expect_at_most(before, MOST, "in use");
	/* other keys take no more */
	for (unsigned int i = 1; i < 4 && suite->version == TLS_1_3_VERSION; i++) {
		set_all(suite, i);
		use_all();
	}
	used = expect_at_most(before, MOST, "after other keys");
	t_set_parameter("idle_seconds", 1);
	tnl_await_at_least(KSC_A_STATS_CIPHERS_PARKED, parked + 2 * (uint64_t)many);
	expect_at_most(before, KEPT + used / 4, "idle");
	use_all();
	expect_at_most(before, MOST, "in use again");
	close_all();
}

/* The same of the kernel's own, which has it as long as the connection lasts, to compare with */
static void test_in_tree(void **state)
{
	const struct raw_suite *suite = *state;
	int64_t before;

	if (!raw_have_in_tree())
		skip();
	open_all();
	before = group_slabs();
	attach_all(RAW_IN_TREE);
	print_message("# contexts: %lld bytes each\n", (long long)each(group_slabs() - before));
	before = group_slabs();
	set_all(suite, 0);
	use_all();
	print_message("# in use, and idle: %lld bytes each\n",
		      (long long)each(group_slabs() - before));
	close_all();
}

#define OURS_CASE(name, suite)                                                                     \
	{                                                                                          \
		name, test_ours, warm_up, NULL, (void *)&raw_suites[suite]                         \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		OURS_CASE("1.3 AES-128-GCM", 1),
		OURS_CASE("1.3 AES-256-GCM", 3),
		OURS_CASE("1.3 AES-128-CCM", 5),
		OURS_CASE("1.3 ChaCha20-Poly1305", 7),
		OURS_CASE("1.2 AES-128-GCM", 0),
		T_CASE("in-tree, 1.3 AES-128-GCM", test_in_tree, &raw_suites[1]),
		T_CASE("in-tree, 1.3 AES-256-GCM", test_in_tree, &raw_suites[3]),
		T_CASE("in-tree, 1.3 ChaCha20-Poly1305", test_in_tree, &raw_suites[7]),
	};
	const struct rlimit files = { 2048, 4096 };

	/* where no figure tells anything */
	if (t_kasan())
		many = 50;
	if (setrlimit(RLIMIT_NOFILE, &files))
		return 1;
	return T_RUN(tests);
}
