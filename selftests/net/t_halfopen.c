// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handshakes that are never finished, and honest ones between them. HALF_OPEN says how many,
 * 2000 if it is not set; with 8192 and more the limits are those of every daemon.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/net.h"
#include "lib/nl.h"
#include "lib/own.h"

#define HONEST 20
/* Of a flood, while an honest handshake with the same shares is in progress: below any limit */
#define PACE 8
/* All that a peer may send of its ClientHello, of which a byte is missing. */
#define FLIGHT KSC_DEFAULT_FIRST_FLIGHT
/* And what they do send as a rule. */
#define HELLO_LEN 13
#define FLOODER 1001
#define ANOTHER 1002

/*
 * What one may cost, in KiB: a connection both ends of which the test has, in the kernel,
 * with all that it knows of a failure; a handshake there; and in the daemon.
 */
#define CONNECTION_KIB 16
#define HANDSHAKE_KIB 8
#define SESSION_KIB 32
/* And what there may be besides, of caches: in the daemon, and in all */
#define DAEMON_KIB 4096
#define BESIDES_KIB 16384

/**
 * struct kind - a flood
 * @remote: server's, from another address; else a local user's own
 * @flight: bytes that each peer sends, of a server's
 * @workers: the daemon's
 */
struct kind {
	bool remote;
	size_t flight;
	unsigned int workers;
};

static struct own own;
static unsigned int half_open;
static int *fds;
static uint8_t hello[FLIGHT];

static const char few[] = "[limits]\nhandshakes = 1024\nhandshakes-per-user = 512\n"
			  "client-reserve = 128\nhandshakes-per-address = 64\n";

/* The records of a ClientHello of one byte more than there is room for */
static void make_hello(void)
{
	const size_t body = FLIGHT - 10 - 4 + 1;
	const uint8_t first[] = { 0x16, 3, 1, 0x40, 0, 1, 0, (uint8_t)(body >> 8), (uint8_t)body,
				  3, 3 };
	const uint8_t second[] = { 0x16, 3, 1, (uint8_t)((FLIGHT - 16394) >> 8),
				   (uint8_t)(FLIGHT - 16394) };

	memset(hello, 0, sizeof(hello));
	memcpy(hello, first, sizeof(first));
	memcpy(hello + 16389, second, sizeof(second));
}

static int setup(void **state)
{
	const struct kind *kind = *state;
	const struct rlimit limit = { .rlim_cur = 2 * half_open + 1000,
				      .rlim_max = 2 * half_open + 1000 };

	alarm(half_open < KSC_DEFAULT_HANDSHAKES ? PATIENCE_LONG_S : 6 * PATIENCE_LONG_S);
	own_namespace();
	SYS(setrlimit(RLIMIT_NOFILE, &limit));
	assert_int_equal(t_shell("for i in 1 2 3; do ip addr add 10.1.0.$i/32 dev lo; done;"
				 "echo 1024 65535 >/proc/sys/net/ipv4/ip_local_port_range"), 0);
	fds = calloc(2UL * half_open, sizeof(*fds));
	assert_non_null(fds);
	make_hello();
	memset(&own, 0, sizeof(own));
	own.workers = kind->workers;
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

/* A line of a file in /proc, in KiB. */
static long kib(const char *path, const char *what)
{
	FILE *file = fopen(path, "r");
	char line[128];
	long found = -1;

	assert_non_null(file);
	while (found < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, what, strlen(what)))
			found = strtol(line + strlen(what), NULL, 10);
	fclose(file);
	assert_true(found >= 0);
	return found;
}

/**
 * struct memory - what is in use, in KiB
 * @all: by all of the machine, and not reclaimable
 * @slab: of it, the kernel's objects
 * @daemon: of it, the daemon's
 * @handshakes: how many there are
 */
struct memory {
	long all;
	long slab;
	long daemon;
	unsigned long handshakes;
};

static struct memory show_memory(const char *when)
{
	struct memory memory;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", own.pid);
	memory.all = kib("/proc/meminfo", "MemTotal:") - kib("/proc/meminfo", "MemAvailable:");
	memory.slab = kib("/proc/meminfo", "Slab:");
	memory.daemon = kib(path, "RssAnon:");
	memory.handshakes = (unsigned long)tnl_counter(KSC_A_STATS_HANDSHAKES);
	print_message("# %s: %ld KiB in use, of these slab %ld, the daemon %ld; %lu handshakes\n",
		      when, memory.all, memory.slab, memory.daemon, memory.handshakes);
	return memory;
}

/*
 * What handshakes hold goes by the limits, however many were begun; and so it is in the
 * daemon. The connections are the test's own.
 */
static bool check_memory(const struct kind *kind, unsigned int made, const struct memory *before,
			 const struct memory *now)
{
	const long most = (long)tnl_counter(KSC_A_STATS_LIMIT_PER_USER);
	/* what buffers grow to, or are rounded up to */
	const long flight = 2 * (long)(kind->flight / 1024);
	const long daemon = most * (SESSION_KIB + flight) + DAEMON_KIB;
	const long all = daemon + most * (HANDSHAKE_KIB + flight) + (long)made * CONNECTION_KIB +
			 BESIDES_KIB;

	print_message("# more than before: %ld KiB of at most %ld, the daemon %ld of %ld\n",
		      now->all - before->all, all, now->daemon - before->daemon, daemon);
	/* not so with all checks on */
	return now->daemon - before->daemon <= daemon &&
	       (t_kasan() || now->all - before->all <= all);
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

/**
 * struct flood - connections that are left half open
 * @kind: how
 * @listener: the listener that accepts them
 * @addr: its address
 * @many: how many there will be
 * @free: as many are made as fast as they can
 * @pace: and each of the others when this allows it
 * @made: how many there are
 */
struct flood {
	const struct kind *kind;
	int listener;
	struct t_addr addr;
	unsigned int many;
	unsigned int free;
	sem_t pace;
	unsigned int made;
};

static void *run_flood(void *arg)
{
	const struct t_opts client = { .timeout = KSC_MAX_HANDSHAKE_TIMEOUT, .nonblock = true };
	struct flood *flood = arg;
	const struct kind *kind = flood->kind;
	const struct t_addr from = address("10.1.0.2");

	for (unsigned int i = 0; i < flood->many; i++) {
		int fd = kind->remote ? t_plain(AF_INET) : t_socket(AF_INET, &client);

		while (i >= flood->free && sem_wait(&flood->pace))
			;
		if (kind->remote)
			SYS(bind(fd, (const struct sockaddr *)&from.ss, from.len));
		else
			SYS(fchown(fd, FLOODER, FLOODER));
		if (connect(fd, (struct sockaddr *)&flood->addr.ss, flood->addr.len) &&
		    errno != EINPROGRESS && errno != EBUSY)
			break;
		if (kind->remote &&
		    send(fd, hello, kind->flight, MSG_NOSIGNAL) != (ssize_t)kind->flight)
			break;
		fds[2 * i] = fd;
		fds[2 * i + 1] = (int)SYS(accept(flood->listener, NULL, NULL));
		__atomic_store_n(&flood->made, i + 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void await_made(const struct flood *flood, unsigned int count)
{
	const int64_t end = t_now_ms() + PATIENCE_LONG_S * 1000L;

	while (__atomic_load_n(&flood->made, __ATOMIC_RELAXED) < count) {
		assert_true(t_now_ms() < end);
		usleep(1000);
	}
}

/**
 * struct honest - handshakes that are meant
 * @from: the address that they come from
 * @uid: whose the clients are
 * @most: number of handshakes
 * @beside: a flood that goes on meanwhile, a few for each of them; or NULL
 */
struct honest {
	const char *from;
	unsigned int uid;
	unsigned int most;
	struct flood *beside;
};

/* Does one complete? */
static bool honest_one(const struct honest *honest, int listener, const struct t_addr *addr)
{
	/* all that were there before get their turn, on whatever machine this is */
	const struct t_opts client = { .server_name = "server.test", .timeout = 600000 };
	const struct t_addr source = address(honest->from);
	int fd = t_socket(AF_INET, &client), child;
	char c = 0;
	bool done;

	SYS(fchown(fd, honest->uid, honest->uid));
	SYS(bind(fd, (const struct sockaddr *)&source.ss, source.len));
	SYS(fcntl(fd, F_SETFL, O_NONBLOCK));
	if (connect(fd, (const struct sockaddr *)&addr->ss, addr->len))
		assert_int_equal(errno, EINPROGRESS);
	child = t_accept(listener);
	SYS(poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, PATIENCE_LONG_S * 1000));
	done = !t_so_error(fd) && send(fd, "x", 1, MSG_NOSIGNAL) == 1 &&
	       recv(child, &c, 1, 0) == 1 && c == 'x';
	close(fd);
	close(child);
	return done;
}

/* Those that complete. */
static unsigned int count_honest(const struct honest *honest)
{
	const struct t_opts server = { .timeout = 600000 };
	struct flood *flood = honest->beside;
	unsigned int done = 0;
	struct t_addr addr;
	int listener = listen_at("10.1.0.1", &server, &addr);

	for (unsigned int i = 0; i < honest->most; i++) {
		unsigned int made = flood ? flood->made : 0;

		for (int k = 0; flood && k < PACE; k++)
			SYS(sem_post(&flood->pace));
		done += honest_one(honest, listener, &addr);
		if (flood)
			await_made(flood, made + PACE);
	}
	close(listener);
	return done;
}

static void test_flood(void **state)
{
	const struct kind *kind = *state;
	/* none times out, however long it takes to make them */
	const struct t_opts server = { .timeout = KSC_MAX_HANDSHAKE_TIMEOUT };
	struct honest other = { .from = "10.1.0.3", .uid = ANOTHER, .most = HONEST };
	struct honest same = { .from = kind->remote ? "10.1.0.2" : "10.1.0.3",
			       .uid = kind->remote ? ANOTHER : FLOODER, .most = HONEST };
	struct flood flood = { .kind = kind };
	unsigned int others, sames;
	struct memory before, now;
	pthread_t thread;
	int64_t start, end;

	/* nevertheless more than there is room for */
	flood.many = kind->flight > HELLO_LEN ? half_open / 2 : half_open;
	flood.free = flood.many - 2 * HONEST * PACE;
	SYS(sem_init(&flood.pace, 0, 0));
	flood.listener = listen_at(kind->remote ? "10.1.0.1" : "127.0.0.1",
				   kind->remote ? &server : NULL, &flood.addr);
	assert_int_equal(count_honest(&other), HONEST);
	before = show_memory("before");
	start = t_now_ms();
	t_thread(&thread, run_flood, &flood);
	await_made(&flood, flood.free / 2);
	/* a local user's wait for the daemon with them */
	other.most = kind->remote ? HONEST : 3;
	others = count_honest(&other);
	print_message("# as fast as it can: of %u from elsewhere %u\n", other.most, others);
	assert_int_equal(others, other.most);
	await_made(&flood, flood.free);
	other.most = HONEST;
	other.beside = &flood;
	same.beside = &flood;
	others = count_honest(&other);
	sames = count_honest(&same);
	print_message("# %d for each of %d: %u from elsewhere, %u of the same\n", PACE, HONEST,
		      others, sames);
	assert_int_equal(others, HONEST);
	assert_int_equal(sames, HONEST);
	t_join(thread);
	assert_int_equal(flood.made, flood.many);
	print_message("# %u half open in %ld ms\n", flood.many, (long)(t_now_ms() - start));
	now = show_memory("half open");
	assert_true(check_memory(kind, flood.many, &before, &now));
	other.beside = NULL;
	same.beside = NULL;
	others = count_honest(&other);
	sames = count_honest(&same);
	print_message("# afterwards: %u from elsewhere, %u of the same\n", others, sames);
	assert_int_equal(others, HONEST);
	assert_int_equal(sames, HONEST);
	print_message("# ended: %lu by prefix, %lu by user, %lu by all\n",
		      (unsigned long)tnl_counter(KSC_A_STATS_EVICTED_PREFIX),
		      (unsigned long)tnl_counter(KSC_A_STATS_EVICTED_USER),
		      (unsigned long)tnl_counter(KSC_A_STATS_EVICTED_ALL));
	assert_true(tnl_counter(kind->remote ? KSC_A_STATS_EVICTED_PREFIX :
					       KSC_A_STATS_EVICTED_USER));
	assert_true(tnl_counter(KSC_A_STATS_HANDSHAKES) <= tnl_counter(KSC_A_STATS_LIMIT_PER_USER));
	for (unsigned int i = 0; i < 2 * flood.made; i++)
		close(fds[i]);
	close(flood.listener);
	tnl_await_counter(KSC_A_STATS_HANDSHAKES, 0);
	tnl_await_counter(KSC_A_STATS_CONTEXTS, 0);
	/* sockets go when all CPUs have seen that */
	end = t_now_ms() + PATIENCE_S * 1000L;
	for (;;) {
		now = show_memory("after");
		if (check_memory(kind, 0, &before, &now))
			break;
		assert_true(t_now_ms() < end);
		usleep(500 * 1000);
	}
}

#define CASE(name, ...)                                                                            \
	{                                                                                          \
		name, test_flood, setup, teardown, (void *)&(const struct kind){ __VA_ARGS__ }     \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE("one address, one worker", true, HELLO_LEN, 1),
		CASE("one address, four workers", true, HELLO_LEN, 4),
		CASE("one address, and all that it may send", true, FLIGHT, 4),
		CASE("local user, one worker", false, 0, 1),
		CASE("local user, four workers", false, 0, 4),
	};

	/* more than the limits below let in; with all checks on, each costs a multiple */
	half_open = t_kasan() ? 800 : 2000;
	if (getenv("HALF_OPEN"))
		half_open = (unsigned int)strtoul(getenv("HALF_OPEN"), NULL, 10);
	return T_RUN(tests);
}
