// SPDX-License-Identifier: GPL-2.0-only
/*
 * The daemon reads its configuration again and again while connections are made. RELOADS
 * says how often, 8 if it is not set; there are 17 connections to each.
 */
#include <stdlib.h>
#include <unistd.h>

#include "lib/net.h"
#include "lib/nl.h"
#include "lib/own.h"
#include "lib/policy.h"

#define THREADS 4
#define CONNECTIONS 17

#define PORT 1000
#define SERVER "[rule server]\naction = require\ndirection = accept\nlocal-port = 1000-1003\n"
#define CLIENT "action = require\ndirection = connect\nremote-port = 1000-1003\n" \
	"server-name = server.test\n"

/* each has what the other has not, so that no handshake can mix both */
static const char *const configurations[] = {
	SERVER "[rule one]\n" CLIENT "credential = client\n",
	"[rule unused]\naction = never\nremote-port = 1\n" SERVER
	"[rule two]\n" CLIENT "credential = more\n"
	"[credential more]\nrole = client\ntrust = " PKI "ca.pem\n",
};

static unsigned int reloads, made;
static bool over;

static void *run_connections(void *arg)
{
	uint16_t port = *(const uint16_t *)arg;
	int fds[2];

	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
		pair_on(port, fds);
		assert_protected_pair(fds[0], fds[1]);
		close_pair(fds);
		__atomic_fetch_add(&made, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void await_made(unsigned int count)
{
	int64_t end = t_now_ms() + PATIENCE_LONG_S * 1000L;

	while (__atomic_load_n(&made, __ATOMIC_RELAXED) < count) {
		assert_true(t_now_ms() < end);
		usleep(10000);
	}
}

static void test_reloads(void **state)
{
	static const uint16_t ports[THREADS] = { PORT, PORT + 1, PORT + 2, PORT + 3 };
	pthread_t threads[THREADS];
	uint64_t failed = tnl_counter(KSC_A_STATS_HANDSHAKES_FAILED);

	(void)state;
	for (int i = 0; i < THREADS; i++)
		t_thread(&threads[i], run_connections, (void *)&ports[i]);
	for (unsigned int i = 0; i < reloads; i++) {
		assert_true(own_reload(&own, configurations[i % ARRAY_SIZE(configurations)]));
		await_made(i * CONNECTIONS);
	}
	await_made(reloads * CONNECTIONS);
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	for (int i = 0; i < THREADS; i++)
		t_join(threads[i]);
	print_message("# %u connections, %u reloads\n", made, reloads);
	assert_int_equal(tnl_counter(KSC_A_STATS_HANDSHAKES_FAILED), failed);
	assert_int_equal(tnl_counter(KSC_A_STATS_HANDSHAKES_OK), 2UL * made);
}

static int setup(void **state)
{
	(void)state;
	alarm(2 * PATIENCE_LONG_S);
	own_namespace();
	own_start(&own, configurations[ARRAY_SIZE(configurations) - 1]);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	own_end(&own);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reloads, setup, teardown),
	};

	reloads = getenv("RELOADS") ? (unsigned int)strtoul(getenv("RELOADS"), NULL, 10) : 8;
	return T_RUN(tests);
}
