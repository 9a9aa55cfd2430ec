// SPDX-License-Identifier: GPL-2.0
/*
 * Handshakes that nobody means to finish, and honest ones between them. HALF_OPEN says how
 * many, 2000 if it is not set; with 8192 and more the limits are those of every daemon.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net.h"
#include "nl.h"
#include "own.h"

#define HONEST 20
/* The first record of a ClientHello that is never whole. */
#define HELLO "\x16\x03\x01\x00\x08\x01\x00\x01\x00\x03\x03\x00\x00"
#define HELLO_LEN 13

static struct own own;
static unsigned int half_open;
static int *fds;

static const char few[] = "[limits]\nhandshakes = 1024\nhandshakes-per-user = 512\n"
			  "client-reserve = 128\nhandshakes-per-address = 64\n";

static int setup(void **state)
{
	const struct rlimit limit = { .rlim_cur = 2 * half_open + 1000,
				      .rlim_max = 2 * half_open + 1000 };

	(void)state;
	alarm(half_open < KSC_DEFAULT_HANDSHAKES ? PATIENCE_LONG_S : 6 * PATIENCE_LONG_S);
	own_namespace();
	SYS(setrlimit(RLIMIT_NOFILE, &limit));
	assert_int_equal(t_shell("for i in 1 2 3; do ip addr add 10.1.0.$i/32 dev lo; done;"
				 "echo 1024 65535 >/proc/sys/net/ipv4/ip_local_port_range"), 0);
	fds = calloc(2UL * half_open, sizeof(*fds));
	assert_non_null(fds);
	own_start(&own, half_open < KSC_DEFAULT_HANDSHAKES ? few : "");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(fds);
	own_end(&own);
	return 0;
}

/* What the machine has left, or uses, in KiB. */
static long memory(const char *what)
{
	FILE *file = fopen("/proc/meminfo", "r");
	char line[128];
	long kib = -1;

	assert_non_null(file);
	while (kib < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, what, strlen(what)))
			kib = strtol(line + strlen(what), NULL, 10);
	fclose(file);
	return kib;
}

static void show_memory(const char *when)
{
	print_message("# %s: MemAvailable %ld KiB, Slab %ld KiB, %lu handshakes\n", when,
		      memory("MemAvailable:"), memory("Slab:"),
		      (unsigned long)tnl_counter(KSC_A_STATS_HANDSHAKES));
}

static struct t_addr address(const char *text)
{
	struct t_addr addr = { .len = sizeof(struct sockaddr_in) };
	struct sockaddr_in *in = (struct sockaddr_in *)&addr.ss;

	in->sin_family = AF_INET;
	assert_int_equal(inet_pton(AF_INET, text, &in->sin_addr), 1);
	return addr;
}

static int listen_at(const char *text, const struct t_opts *opts, struct t_addr *addr)
{
	int fd = t_socket(AF_INET, opts);

	*addr = address(text);
	SYS(bind(fd, (struct sockaddr *)&addr->ss, addr->len));
	SYS(listen(fd, 4096));
	SYS(getsockname(fd, (struct sockaddr *)&addr->ss, &addr->len));
	return fd;
}

/* Those of so many handshakes from an address that come to their end. */
static unsigned int count_honest(const char *from, int most)
{
	/* all that were there before get their turn, on whatever machine this is */
	const struct t_opts client = { .server_name = "server.test", .timeout = 600000 };
	const struct t_opts server = { .timeout = 600000 };
	const struct t_addr source = address(from);
	unsigned int done = 0;
	struct t_addr addr;
	int listener = listen_at("10.1.0.1", &server, &addr);

	for (int i = 0; i < most; i++) {
		int fd = t_socket(AF_INET, &client), child;
		char c = 0;

		SYS(bind(fd, (const struct sockaddr *)&source.ss, source.len));
		SYS(fcntl(fd, F_SETFL, O_NONBLOCK));
		if (connect(fd, (struct sockaddr *)&addr.ss, addr.len))
			assert_int_equal(errno, EINPROGRESS);
		child = t_accept(listener);
		SYS(poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1,
			 PATIENCE_LONG_S * 1000));
		if (!t_so_error(fd) && send(fd, "x", 1, MSG_NOSIGNAL) == 1 &&
		    recv(child, &c, 1, 0) == 1 && c == 'x')
			done++;
		close(fd);
		close(child);
	}
	close(listener);
	return done;
}

/**
 * struct flood - connections that are left half open
 * @listener: who accepts them
 * @addr: its address
 * @remote: server's, from another address; else a local user's own
 * @made: how many there are
 */
struct flood {
	int listener;
	struct t_addr addr;
	bool remote;
	unsigned int made;
};

static void *run_flood(void *arg)
{
	const struct t_opts client = { .timeout = KSC_MAX_HANDSHAKE_TIMEOUT, .nonblock = true };
	struct flood *flood = arg;
	const struct t_addr from = address("10.1.0.2");

	for (unsigned int i = 0; i < half_open; i++) {
		int fd = flood->remote ? t_plain(AF_INET) : t_socket(AF_INET, &client);

		if (flood->remote)
			SYS(bind(fd, (const struct sockaddr *)&from.ss, from.len));
		else
			SYS(fchown(fd, 1001, 1001));
		if (connect(fd, (struct sockaddr *)&flood->addr.ss, flood->addr.len) &&
		    errno != EINPROGRESS && errno != EBUSY)
			break;
		if (flood->remote && send(fd, HELLO, HELLO_LEN, MSG_NOSIGNAL) < 0)
			break;
		fds[2 * i] = fd;
		fds[2 * i + 1] = (int)SYS(accept(flood->listener, NULL, NULL));
		__atomic_store_n(&flood->made, i + 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void await_made(const struct flood *flood, unsigned int count)
{
	while (__atomic_load_n(&flood->made, __ATOMIC_RELAXED) < count)
		usleep(1000);
}

static void flood_by(bool remote)
{
	struct flood flood = { .remote = remote };
	/* a local user's wait for the daemon with them */
	const int during = remote ? HONEST : 3;
	/* none goes by itself, however long it takes to make them */
	const struct t_opts server = { .timeout = KSC_MAX_HANDSHAKE_TIMEOUT };
	unsigned int other, same;
	pthread_t thread;
	int64_t start;

	flood.listener = listen_at(remote ? "10.1.0.1" : "127.0.0.1", remote ? &server : NULL,
				   &flood.addr);
	assert_int_equal(count_honest("10.1.0.3", HONEST), HONEST);
	show_memory("before");
	start = t_now_ms();
	t_thread(&thread, run_flood, &flood);
	await_made(&flood, half_open / 2);
	other = count_honest("10.1.0.3", during);
	same = count_honest("10.1.0.2", during);
	print_message("# during: of %d each %u from another address, %u from the same\n", during,
		      other, same);
	t_join(thread);
	assert_int_equal(flood.made, half_open);
	print_message("# %u half open in %ld ms\n", half_open, (long)(t_now_ms() - start));
	show_memory("half open");
	assert_int_equal(other, during);
	assert_true(same > 0);
	other = count_honest("10.1.0.3", HONEST);
	same = count_honest("10.1.0.2", HONEST);
	print_message("# afterwards: %u from another address, %u from the same\n", other, same);
	assert_int_equal(other, HONEST);
	assert_int_equal(same, HONEST);
	print_message("# ended: %lu by prefix, %lu by user, %lu by all\n",
		      (unsigned long)tnl_counter(KSC_A_STATS_EVICTED_PREFIX),
		      (unsigned long)tnl_counter(KSC_A_STATS_EVICTED_USER),
		      (unsigned long)tnl_counter(KSC_A_STATS_EVICTED_ALL));
	assert_true(tnl_counter(remote ? KSC_A_STATS_EVICTED_PREFIX : KSC_A_STATS_EVICTED_USER));
	assert_true(tnl_counter(KSC_A_STATS_HANDSHAKES) <= tnl_counter(KSC_A_STATS_LIMIT_PER_USER));
	for (unsigned int i = 0; i < 2 * flood.made; i++)
		close(fds[i]);
	close(flood.listener);
	tnl_await_counter(KSC_A_STATS_HANDSHAKES, 0);
	tnl_await_counter(KSC_A_STATS_CONTEXTS, 0);
	show_memory("after");
}

static void test_one_address(void **state)
{
	(void)state;
	flood_by(true);
}

static void test_local_user(void **state)
{
	(void)state;
	flood_by(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_address, setup, teardown),
		cmocka_unit_test_setup_teardown(test_local_user, setup, teardown),
	};

	/* more than the limits below let in; with all checks on, each costs a multiple */
	half_open = t_kasan() ? 800 : 2000;
	if (getenv("HALF_OPEN"))
		half_open = (unsigned int)strtoul(getenv("HALF_OPEN"), NULL, 10);
	return T_RUN(tests);
}
