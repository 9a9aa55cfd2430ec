// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handshakes offered at twice the rate of this machine, whatever that is: each that is
 * finished starts two. OVERLOAD says how many, 200 if it is not set; of more than 4,000 not
 * all may wait.
 */
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/net.h"
#include "lib/nl.h"
#include "lib/own.h"

#define FIRST 16
#define FEW 64
#define INTERNAL_ERROR 80 /* RFC 8446, section 6.2 */
#define STRING(x) #x
#define TEXT(x) STRING(x)

/**
 * struct load - connections to a listener of ours
 * @epoll: watches all of them
 * @listener: the listener
 * @addr: its address
 * @begun: connections made
 * @done: those whose handshake was finished by the client
 * @served: those whose byte came to the server
 * @refused: those that ended since there were too many
 * @children: accepted and open
 * @displaced: how many places a connection was finished before one that began earlier
 * @longest: the longest queue
 */
struct load {
	int epoll;
	int listener;
	struct t_addr addr;
	unsigned int begun;
	unsigned int done;
	unsigned int served;
	unsigned int refused;
	unsigned int children;
	unsigned int displaced;
	unsigned int longest;
};

/* What an event is about; connections by descriptor have the number of their beginning. */
enum { LISTENER = -1, CHILD = -2 };

static struct own own;
static unsigned int offered;

static void watch(const struct load *load, int fd, uint32_t events, int what)
{
	struct epoll_event event = {
		.events = events,
		.data.u64 = (uint64_t)(uint32_t)what << 32 | (uint32_t)fd,
	};

	SYS(epoll_ctl(load->epoll, EPOLL_CTL_ADD, fd, &event));
}

static void load_open(struct load *load)
{
	const struct t_opts server = { .timeout = KSC_MAX_HANDSHAKE_TIMEOUT };

	memset(load, 0, sizeof(*load));
	load->epoll = (int)SYS(epoll_create1(EPOLL_CLOEXEC));
	load->listener = t_listen(AF_INET, &server, &load->addr);
	t_nonblock(load->listener, true);
	watch(load, load->listener, EPOLLIN, LISTENER);
}

static void load_close(const struct load *load)
{
	close(load->listener);
	close(load->epoll);
	tnl_await_counter(KSC_A_STATS_HANDSHAKES, 0);
}

static unsigned int open_now(const struct load *load)
{
	return load->begun - load->done - load->refused;
}

static void begin(struct load *load)
{
	const struct t_opts client = {
		.server_name = "server.test",
		.timeout = KSC_MAX_HANDSHAKE_TIMEOUT,
		.nonblock = true,
	};
	int fd = t_begin(&load->addr, &client);

	watch(load, fd, EPOLLOUT, (int)load->begun++);
	if (open_now(load) > load->longest)
		load->longest = open_now(load);
}

static void accept_all(struct load *load)
{
	int fd;

	while ((fd = accept4(load->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		watch(load, fd, EPOLLIN, CHILD);
		load->children++;
	}
	assert_int_equal(errno, EAGAIN);
}

static void on_client(struct load *load, int fd, unsigned int number)
{
	int error = t_so_error(fd);
	struct ksc_error why;

	if (!error) {
		if (number > load->done && number - load->done > load->displaced)
			load->displaced = number - load->done;
		load->done++;
		/* the server may have let it go since, see overload() */
		if (send(fd, "x", 1, MSG_NOSIGNAL) != 1)
			assert_true(errno == EPIPE || errno == ECONNRESET);
	} else {
		why = t_error(fd);
		/* it was ours, or the server's, which has said so or reset the connection */
		if (why.status != KSC_STATUS_OVERLOADED && why.alert != INTERNAL_ERROR &&
		    error != ECONNRESET && error != EPIPE)
			fail_msg("connection %u: %s (%s)", number, strerror(error), why.text);
		load->refused++;
	}
	close(fd);
}

static void on_child(struct load *load, int fd)
{
	char c;

	load->served += recv(fd, &c, 1, 0) == 1;
	load->children--;
	close(fd);
}

/* Deals with what has come, and waits for it so many milliseconds at most. */
static void turn(struct load *load, int wait)
{
	struct epoll_event events[64];
	int n = (int)SYS(epoll_wait(load->epoll, events, ARRAY_SIZE(events), wait));

	for (int i = 0; i < n; i++) {
		int fd = (int)(uint32_t)events[i].data.u64;
		int what = (int)(events[i].data.u64 >> 32);

		if (what == LISTENER)
			accept_all(load);
		else if (what == CHILD)
			on_child(load, fd);
		else
			on_client(load, fd, (unsigned int)what);
	}
}

static void finish(struct load *load)
{
	int64_t end = t_now_ms() + PATIENCE_LONG_S * 1000L;

	while (open_now(load) || load->children) {
		turn(load, 1000);
		if (t_now_ms() > end)
			fail_msg("%u connections and %u children are left", open_now(load),
				 load->children);
	}
}

/* Those that made room for others, in this namespace */
static uint64_t count_evicted(void)
{
	return tnl_counter(KSC_A_STATS_EVICTED_ALL) + tnl_counter(KSC_A_STATS_EVICTED_USER) +
	       tnl_counter(KSC_A_STATS_EVICTED_PREFIX) +
	       tnl_counter(KSC_A_STATS_EVICTED_LISTENER);
}

static void overload(unsigned int workers, const char *limits, struct load *load)
{
	uint64_t evicted;
	int64_t start;

	own.workers = workers;
	own_start(&own, limits);
	load_open(load);
	start = t_now_ms();
	while (load->begun < offered) {
		while (load->begun < offered && load->begun < FIRST + 2 * load->done)
			begin(load);
		turn(load, 1000);
	}
	print_message("# %u workers: offered %u in %ld ms, done until then %u, ", workers,
		      load->begun, (long)(t_now_ms() - start), load->done);
	finish(load);
	print_message("then %u in %ld ms, refused %u; at most %u at once, "
		      "%u places too early\n", load->done, (long)(t_now_ms() - start),
		      load->refused, load->longest, load->displaced);
	assert_int_equal(load->done + load->refused, load->begun);
	/*
	 * The server has finished all that the client has: no work was wasted. But where
	 * one has to go, its last flight may come too late, or not have been looked at.
	 */
	evicted = count_evicted();
	assert_in_range(load->served, load->done > evicted ? load->done - evicted : 0,
			load->done);
	assert_int_equal(tnl_counter(KSC_A_STATS_HANDSHAKES_TIMED_OUT), 0);
	load_close(load);
}

/* All are taken: they wait, and in the order of their coming. */
static void test_wait(void **state)
{
	struct load load;

	/* what a user may have at all: half of it is the clients' */
	overload((unsigned int)(uintptr_t)*state,
		 "[limits]\nhandshakes-per-listener = " TEXT(KSC_DEFAULT_HANDSHAKES_PER_USER) "\n",
		 &load);
	assert_int_equal(load.done, load.begun);
	assert_int_equal(load.served, load.done);
	assert_true(load.longest > offered / 3);
	/* but for those that are with workers, of which one may be held up */
	assert_true(load.displaced <= load.longest / 2);
}

/* There is room for few: others are refused at once, and those admitted are served. */
static void test_refuse(void **state)
{
	struct load load;

	overload((unsigned int)(uintptr_t)*state,
		 "[limits]\nhandshakes = " TEXT(FEW) "\nhandshakes-per-user = " TEXT(FEW) "\n"
		 "client-reserve = 16\nwindow = 4\n", &load);
	assert_true(load.refused > 0);
	assert_true(load.longest <= 2 * FEW);
}

static int setup(void **state)
{
	const struct rlimit limit = { .rlim_cur = 65536, .rlim_max = 65536 };

	(void)state;
	alarm(PATIENCE_LONG_S + offered);
	own_namespace();
	SYS(setrlimit(RLIMIT_NOFILE, &limit));
	assert_int_equal(t_shell("echo 1024 65535 >/proc/sys/net/ipv4/ip_local_port_range"), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
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
		CASE("one worker, they wait", test_wait, 1),
		CASE("two workers, they wait", test_wait, 2),
		CASE("four workers, they wait", test_wait, 4),
		CASE("one worker, they are refused", test_refuse, 1),
		CASE("two workers, they are refused", test_refuse, 2),
		CASE("four workers, they are refused", test_refuse, 4),
	};

	/* more than there is room for, at both ends */
	offered = t_kasan() ? 2 * FEW : 200;
	if (getenv("OVERLOAD"))
		offered = (unsigned int)strtoul(getenv("OVERLOAD"), NULL, 10);
	return T_RUN(tests);
}
