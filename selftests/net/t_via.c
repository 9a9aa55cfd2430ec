// SPDX-License-Identifier: GPL-2.0-only
/* Rules, where BPF programs replace the address of connect(). */
#include <arpa/inet.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <unistd.h>

#include "lib/net.h"
#include "lib/nl.h"
#include "lib/own.h"
#include "lib/policy.h"
#include "lib/rewrite.h"

/* No host has the service's address: a BPF program replaces it by a server's */
#define SERVICE	"10.96.0.1"
#define SERVER	"127.0.0.1"

#define SERVES	"[rule serves]\naction = require\ndirection = accept\nlocal-port = 1000-1999\n" \
		"credential = server\n"
#define NAMED	"server-name = server.test\n"

static const struct rewrite v4 = { AF_INET, SERVICE, SERVER };

static int setup(void **state)
{
	policy_setup(state);
	rewrite_begin(&v4);
	return 0;
}

static int teardown(void **state)
{
	rewrite_end();
	return policy_teardown(state);
}

static uint64_t differing(void)
{
	return tnl_counter(KSC_A_STATS_POLICY_DIFFERS);
}

/* To the service, by a socket that is the policy's; the other end is a server's */
static void connect_pair(int fds[2], const char *host, uint16_t port)
{
	bool secret = port < 2000;
	int listener = listen_on(secret ? policy_socket(AF_INET, &policy_nothing) :
					  t_plain(AF_INET), port);

	fds[0] = policy_socket(AF_INET, &policy_nothing);
	t_nonblock(fds[0], true);
	FAILS(try_connect_to(fds[0], host, port), EINPROGRESS);
	fds[1] = t_accept(listener);
	t_wait(fds[0], POLLOUT);
	assert_int_equal(t_so_error(fds[0]), 0);
	t_nonblock(fds[0], false);
	close(listener);
}

static void expect_plain(const char *host, uint64_t differs)
{
	uint64_t before = differing();
	int fds[2];

	connect_pair(fds, host, 2000);
	assert_int_equal(what_is(fds[0]), LEFT);
	assert_plain_pair(fds[0], fds[1]);
	close_pair(fds);
	assert_int_equal(differing(), before + differs);
}

static void expect_protected(const char *host, const char *name, uint64_t differs)
{
	uint64_t before = differing();
	int fds[2];

	connect_pair(fds, host, 1000);
	assert_protected_pair(fds[0], fds[1]);
	assert_string_equal(t_info(fds[0]).server_name, name);
	close_pair(fds);
	assert_int_equal(differing(), before + differs);
}

static void test_either(void **state)
{
	(void)state;
	/* as the field's case was: the service's address, and all else */
	own_start(&own, SERVES "[rule service]\naction = require\nremote = 10.96.0.0/12\n" NAMED
			"[rule rest]\naction = never\n");
	expect_protected(SERVICE, "server.test", 1);
	expect_plain(SERVER, 0);
	/* the server's */
	assert_true(own_reload(&own, SERVES "[rule server]\naction = require\nremote = " SERVER
			       "\ndirection = connect\n" NAMED));
	expect_protected(SERVICE, "server.test", 1);
	expect_protected(SERVER, "server.test", 0);
	assert_true(own_reload(&own, SERVES "[rule no]\naction = never\nremote = 10.96.0.0/12\n"
			       "[rule server]\naction = require\nremote = " SERVER
			       "\ndirection = connect\n" NAMED));
	expect_protected(SERVICE, "server.test", 1);
	/* neither */
	assert_true(own_reload(&own, SERVES "[rule other]\naction = require\nremote = 10.97.0.1\n"
			       "[rule no]\naction = never\nremote = " SERVER "\n"));
	expect_plain(SERVICE, 1);
	assert_true(own_reload(&own, "[rule no]\naction = never\n"));
	expect_plain(SERVICE, 0);
}

/* What asks for more comes before what is above it; of two alike, the first is taken. */
static void test_order(void **state)
{
	uint64_t fallbacks;
	int fds[2];

	(void)state;
	own_start(&own, SERVES "[rule no]\naction = never\nremote = " SERVER "\n"
			"direction = connect\n"
			"[rule perhaps]\naction = prefer\nremote = " SERVICE "\n" NAMED);
	expect_protected(SERVICE, "server.test", 1);
	assert_true(own_reload(&own, SERVES
			       "[rule perhaps]\naction = prefer\nremote = " SERVER
			       "\ndirection = connect\nserver-name = other.test\n"
			       "[rule must]\naction = require\nremote = " SERVICE "\n" NAMED));
	expect_protected(SERVICE, "server.test", 1);
	assert_true(own_reload(&own, SERVES
			       "[rule one]\naction = require\nremote = " SERVER
			       "\ndirection = connect\n" NAMED
			       "[rule two]\naction = require\nremote = " SERVICE
			       "\nserver-name = other.test\n"));
	expect_protected(SERVICE, "server.test", 1);
	assert_true(own_reload(&own, SERVES
			       "[rule two]\naction = require\nremote = " SERVICE "\n" NAMED
			       "[rule one]\naction = require\nremote = " SERVER
			       "\ndirection = connect\nserver-name = other.test\n"));
	expect_protected(SERVICE, "server.test", 1);
	/* what is required stays so without a daemon, what is preferred does not */
	assert_true(own_reload(&own, "[rule perhaps]\naction = prefer\nremote = " SERVICE "\n"));
	own_kill(&own);
	tnl_await_counter(KSC_A_STATS_DAEMON, 0);
	fallbacks = tnl_counter(KSC_A_STATS_POLICY_FALLBACKS);
	connect_pair(fds, SERVICE, 2000);
	assert_plain_pair(fds[0], fds[1]);
	close_pair(fds);
	assert_int_equal(tnl_counter(KSC_A_STATS_POLICY_FALLBACKS), fallbacks + 1);
}

/* What was asked for before counts for nothing. */
static void test_again(void **state)
{
	const struct sockaddr unspec = { .sa_family = AF_UNSPEC };
	uint64_t before;
	int listener, fds[2];

	(void)state;
	own_start(&own, SERVES "[rule service]\naction = require\nremote = " SERVICE "\n" NAMED
			"[rule rest]\naction = never\n");
	for (int i = 0; i < 3; i++) {
		listener = listen_on(t_plain(AF_INET), 2000);
		fds[0] = policy_socket(AF_INET, &policy_nothing);
		t_nonblock(fds[0], i);
		/* there is no listener */
		if (i) {
			FAILS(try_connect_to(fds[0], SERVICE, 2001), EINPROGRESS);
			if (i == 1) {
				t_wait(fds[0], POLLOUT);
				assert_int_equal(t_so_error(fds[0]), ECONNREFUSED);
			}
			SYS(connect(fds[0], &unspec, sizeof(unspec)));
			t_nonblock(fds[0], false);
		} else {
			FAILS(try_connect_to(fds[0], SERVICE, 2001), ECONNREFUSED);
		}
		before = differing();
		SYS(try_connect_to(fds[0], SERVER, 2000));
		fds[1] = t_accept(listener);
		assert_int_equal(what_is(fds[0]), LEFT);
		assert_plain_pair(fds[0], fds[1]);
		assert_int_equal(differing(), before);
		close(fds[1]);
		close(listener);
		/* nor does what was plain before */
		SYS(connect(fds[0], &unspec, sizeof(unspec)));
		listener = listen_on(policy_socket(AF_INET, &policy_nothing), 1000);
		t_nonblock(fds[0], true);
		FAILS(try_connect_to(fds[0], SERVICE, 1000), EINPROGRESS);
		fds[1] = t_accept(listener);
		t_wait(fds[0], POLLOUT);
		t_nonblock(fds[0], false);
		assert_protected_pair(fds[0], fds[1]);
		close_pair(fds);
		close(listener);
		assert_int_equal(differing(), before + 1);
	}
}

/* The unspecified address means loopback, by TCP itself: no program has changed it. */
static void test_unspecified(void **state)
{
	(void)state;
	own_start(&own, "[rule here]\naction = never\nremote = 127.0.0.0/8\n"
			"[rule rest]\naction = require\n");
	expect_plain("0.0.0.0", 0);
}

static void connect_v6(int fds[2], const char *host, const char *at)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(1000) };
	int listener = policy_socket(AF_INET6, &policy_nothing);

	assert_int_equal(inet_pton(AF_INET6, at, &in6.sin6_addr), 1);
	SYS(bind(listener, (struct sockaddr *)&in6, sizeof(in6)));
	SYS(listen(listener, 1));
	assert_int_equal(inet_pton(AF_INET6, host, &in6.sin6_addr), 1);
	fds[0] = policy_socket(AF_INET6, &policy_nothing);
	t_begin_on(fds[0], &in6, sizeof(in6));
	fds[1] = t_accept(listener);
	close(listener);
}

static void test_v6(void **state)
{
	static const struct {
		const char *from, *to, *at, *remote;
	} cases[] = {
		{ "fd00::1", "::1", "::1", "fd00::/8" },
		{ "::ffff:" SERVICE, "::ffff:" SERVER, "::ffff:" SERVER, SERVICE },
		/* from one family to the other */
		{ "fd00::1", "::ffff:" SERVER, "::ffff:" SERVER, "fd00::1" },
		{ "::ffff:" SERVICE, "::1", "::1", SERVICE },
	};
	char rules[512];
	uint64_t before;
	int fds[2];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct rewrite v6 = { AF_INET6, cases[i].from, cases[i].to };

		snprintf(rules, sizeof(rules), SERVES "[rule service]\naction = require\n"
			 "remote = %s\n" NAMED "[rule rest]\naction = never\n", cases[i].remote);
		if (i)
			assert_true(own_reload(&own, rules));
		else
			own_start(&own, rules);
		rewrite_begin(&v6);
		before = differing();
		connect_v6(fds, cases[i].from, cases[i].at);
		assert_protected_pair(fds[0], fds[1]);
		close_pair(fds);
		assert_int_equal(differing(), before + 1);
	}
}

static void test_uring(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(1000) };
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	int listener, fds[2];

	(void)state;
	own_start(&own, SERVES "[rule service]\naction = require\nremote = " SERVICE "\n" NAMED
			"[rule rest]\naction = never\n");
	assert_int_equal(inet_pton(AF_INET, SERVICE, &in.sin_addr), 1);
	assert_int_equal(io_uring_queue_init(4, &ring, 0), 0);
	for (int i = 0; i < 2; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

		listener = listen_on(policy_socket(AF_INET, &policy_nothing), 1000);
		fds[0] = policy_socket(AF_INET, &policy_nothing);
		io_uring_prep_connect(sqe, fds[0], (struct sockaddr *)&in, sizeof(in));
		if (i)
			io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
		SYS(io_uring_submit(&ring));
		fds[1] = t_accept(listener);
		assert_int_equal(io_uring_wait_cqe(&ring, &cqe), 0);
		assert_int_equal(cqe->res, 0);
		io_uring_cqe_seen(&ring, cqe);
		assert_protected_pair(fds[0], fds[1]);
		close_pair(fds);
		close(listener);
	}
	io_uring_queue_exit(&ring);
}

/* ---- two threads on one descriptor ---- */

/* How long one is held: the other has come as far by then, though the guest may be paused */
#define HELD_MS	3000

/**
 * struct call - a connect() in a thread of its own
 * @fd: the socket
 * @host: where to
 * @port: where to
 * @tid: the thread
 * @thread: the thread
 */
struct call {
	int fd;
	const char *host;
	uint16_t port;
	atomic_int tid;
	pthread_t thread;
};

static void *make_call(void *arg)
{
	struct call *call = arg;

	atomic_store(&call->tid, gettid());
	/* any result: it may be the other's connection that it finds */
	try_connect_to(call->fd, call->host, call->port);
	return NULL;
}

static int secret, open_to_all;

/* The one connection that there is falls under what was asked for it. */
static bool expect_own_rule(int fd)
{
	struct pollfd p[2] = { { secret, POLLIN, 0 }, { open_to_all, POLLIN, 0 } };
	bool is_secret;
	int child;

	assert_int_equal(SYS(poll(p, 2, PATIENCE_S * 1000)), 1);
	is_secret = p[0].revents;
	child = t_accept(is_secret ? secret : open_to_all);
	t_wait(fd, POLLOUT);
	assert_int_equal(t_so_error(fd), 0);
	t_nonblock(fd, false);
	if (is_secret)
		assert_protected_pair(fd, child);
	else
		assert_plain_pair(fd, child);
	close(child);
	return is_secret;
}

static void open_both(void)
{
	own_start(&own, SERVES "[rule service]\naction = require\nremote = " SERVICE "\n" NAMED
			"[rule rest]\naction = never\n");
	secret = listen_on(policy_socket(AF_INET, &policy_nothing), 1000);
	open_to_all = listen_on(t_plain(AF_INET), 2000);
}

static void close_both(void)
{
	close(secret);
	close(open_to_all);
}

static void test_threads(void **state)
{
	const int rounds = 200;
	int won[2] = { 0 };

	(void)state;
	open_both();
	for (int i = 0; i < rounds; i++) {
		int fd = policy_socket(AF_INET, &policy_nothing);
		struct call call = { .fd = fd, .host = SERVICE, .port = 1000 };

		t_nonblock(fd, true);
		t_thread(&call.thread, make_call, &call);
		try_connect_to(fd, SERVER, 2000);
		t_join(call.thread);
		won[expect_own_rule(fd)]++;
		close(fd);
	}
	print_message("# the service was faster %d times of %d\n", won[1], rounds);
	close_both();
}

/* Both have passed their addresses before TCP learns of either, or before either has the rule. */
static void test_held(void **state)
{
	static const struct {
		enum t_failpoint at;
		/* as long each is held there; the winner is whose turn at TCP is first */
		unsigned int ms[2];
		int winner;
	} cases[] = {
		{ T_CONNECT, { HELD_MS, 2 * HELD_MS }, 0 },
		{ T_CONNECT, { 2 * HELD_MS, 0 }, 1 },
		{ T_CONNECTED, { 2 * HELD_MS, 0 }, 0 },
	};

	(void)state;
	if (!t_failpoint(T_CONNECT, 0)) {
		print_message("# the module has no failpoints\n");
		skip();
	}
	open_both();
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = policy_socket(AF_INET, &policy_nothing), first = i % 2;
		struct call calls[2] = {
			{ .fd = fd, .host = SERVICE, .port = 1000 },
			{ .fd = fd, .host = SERVER, .port = 2000 },
		};

		t_nonblock(fd, true);
		for (int k = 0; k < 2; k++) {
			struct call *call = &calls[k ? !first : first];

			t_failpoint(cases[i / 2].at, cases[i / 2].ms[k]);
			t_thread(&call->thread, make_call, call);
			if (cases[i / 2].ms[k])
				t_await_held(&call->tid, true);
		}
		t_failpoint(T_CONNECT, 0);
		t_join(calls[0].thread);
		t_join(calls[1].thread);
		/* the service's is the first of the two calls */
		assert_int_equal(expect_own_rule(fd), (first ^ cases[i / 2].winner) == 0);
		close(fd);
	}
	close_both();
}

/* ---- what comes after us ---- */

#define NAT(what)	"nft 'table ip t_via { chain out { type nat hook output priority -100; " \
			"ip daddr " SERVICE " " what "; }; }'"

/* The packets' address is another; it was the socket's when the rule was looked for. */
static void test_nat(void **state)
{
	static const char *const ways[] = { NAT("redirect"), NAT("dnat to " SERVER) };

	(void)state;
	if (t_shell("command -v nft >/dev/null && nft list tables")) {
		print_message("# there is no nft, or nothing for it\n");
		skip();
	}
	assert_int_equal(t_shell("ip route add " SERVICE " dev lo src " SERVER), 0);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		assert_int_equal(t_shell(ways[i]), 0);
		own_start(&own, SERVES "[rule service]\naction = require\nremote = " SERVICE "\n"
				NAMED "[rule rest]\naction = never\n");
		expect_protected(SERVICE, "server.test", 0);
		expect_plain(SERVER, 0);
		/* the one after it */
		assert_true(own_reload(&own, SERVES "[rule server]\naction = require\nremote = "
				       SERVER "\ndirection = connect\n" NAMED
				       "[rule rest]\naction = never\n"));
		expect_plain(SERVICE, 0);
		expect_protected(SERVER, "server.test", 0);
		own_end(&own);
		assert_int_equal(t_shell("nft delete table ip t_via"), 0);
	}
}

/* ---- tracing ---- */

#define TRACING	"/sys/kernel/tracing/instances/"

/* an instance of our own, which does not disturb other tracers */
static char instance[64];

static int untrace(void **state)
{
	if (*instance && rmdir(instance))
		fail_msg("%s: %s", instance, strerror(errno));
	*instance = '\0';
	return teardown(state);
}

static void test_traced(void **state)
{
	static const char event[] = "events/kschannel/ksc_policy_differs/enable";
	char line[512], path[128];
	int found = 0;
	FILE *file;

	(void)state;
	snprintf(instance, sizeof(instance), TRACING "kschannel.%d", getpid());
	if (mkdir(instance, 0700)) {
		*instance = '\0';
		print_message("# the kernel traces no events\n");
		skip();
	}
	snprintf(path, sizeof(path), "%s/%s", instance, event);
	own_start(&own, SERVES "[rule service]\naction = require\nremote = " SERVICE "\n" NAMED
			"[rule rest]\naction = never\n");
	assert_true(t_write_file(path, "1"));
	expect_protected(SERVICE, "server.test", 1);
	expect_plain(SERVER, 0);
	assert_true(t_write_file(path, "0"));
	snprintf(path, sizeof(path), "%s/trace", instance);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (!strstr(line, "ksc_policy_differs:"))
			continue;
		found++;
		if (!strstr(line, "asked=" SERVICE ":1000 rule=1 remote=" SERVER
			    ":1000 rule=2 chosen=1"))
			fail_msg("%s", line);
	}
	fclose(file);
	assert_int_equal(found, 1);
}

#define VIA_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		VIA_TEST(test_either),
		VIA_TEST(test_order),
		VIA_TEST(test_again),
		VIA_TEST(test_unspecified),
		VIA_TEST(test_v6),
		VIA_TEST(test_uring),
		VIA_TEST(test_threads),
		VIA_TEST(test_held),
		cmocka_unit_test_setup_teardown(test_traced, setup, untrace),
		cmocka_unit_test_setup_teardown(test_nat, policy_setup, policy_teardown),
	};

	return T_RUN(tests);
}
