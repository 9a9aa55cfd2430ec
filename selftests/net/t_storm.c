// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything at once on one socket, for a bounded number of rounds: sockets that are closed,
 * killed, attached and disconnected while others use them. t_states says which classes of bugs
 * this is for. The rig judges the kernel's log, lockdep and KASAN included.
 */
#include <fcntl.h>
#include <linux/sockios.h>
#include <netlink/genl/genl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../random.h"
#include "lib/nl.h"
#include "lib/stream.h"
#include "lib/wire.h"

#define FLOOD (1 << 20)

static uint8_t data[FLOOD], records[2 * FLOOD];

static void rest(uint64_t *seed, unsigned int most_us)
{
	const struct timespec pause = { .tv_nsec = (long)(next_random(seed) % most_us) * 1000 };

	nanosleep(&pause, NULL);
}

/* ---- the end while records are in flight ---- */

/**
 * struct traffic - threads that use a connection until it breaks
 * @wire: the connection
 * @len: bytes of records for it
 */
struct traffic {
	struct wire wire;
	size_t len;
};

static void *feed(void *arg)
{
	struct traffic *t = arg;

	/* what is sent after the socket is gone is refused */
	for (size_t at = 0; at < t->len;) {
		ssize_t n = send(t->wire.peer, records + at, t->len - at, MSG_NOSIGNAL);

		if (n < 0)
			break;
		at += (size_t)n;
	}
	return NULL;
}

static void *swallow(void *arg)
{
	struct traffic *t = arg;
	uint8_t buf[10000];

	while (recv(t->wire.peer, buf, sizeof(buf), 0) > 0)
		;
	return NULL;
}

static void *read_some(void *arg)
{
	struct traffic *t = arg;
	uint8_t buf[30000];

	while (recv(t->wire.fd, buf, sizeof(buf), 0) > 0)
		;
	return NULL;
}

static void *write_some(void *arg)
{
	struct traffic *t = arg;

	while (send(t->wire.fd, data, 50000, MSG_NOSIGNAL) > 0)
		;
	return NULL;
}

static void *poll_some(void *arg)
{
	struct traffic *t = arg;
	struct pollfd pfd = { .fd = t->wire.fd, .events = POLLIN | POLLOUT };

	for (int i = 0; i < 200 && !(pfd.revents & (POLLHUP | POLLERR | POLLNVAL)); i++)
		poll(&pfd, 1, 1);
	return NULL;
}

static void make_records(struct traffic *t)
{
	t->len = 0;
	for (size_t at = 0; at < FLOOD; at += 8000)
		t->len += wire_seal(&t->wire.rx, records + t->len, WIRE_DATA, data + at,
				    FLOOD - at < 8000 ? FLOOD - at : 8000, 0);
}

#define ROUNDS 60

static void test_close_in_flight(void **state)
{
	static void *(*const users[])(void *) = { feed, swallow, read_some, write_some, poll_some };
	uint64_t sockets = tnl_counter(KSC_A_STATS_SOCKETS), seed = 5;
	static struct traffic t;

	(void)state;
	alarm(PATIENCE_LONG_S);
	for (int round = 0; round < ROUNDS; round++) {
		pthread_t threads[ARRAY_SIZE(users)];
		int copy;

		wire_start(&t.wire, wire_suite(round & 1 ? WIRE_13 : WIRE_12,
					       round & 1 ? 0x1301 : 0xcca9), (uint64_t)round);
		make_records(&t);
		copy = (int)SYS(dup(t.wire.fd));
		for (size_t i = 0; i < ARRAY_SIZE(users); i++)
			t_thread(&threads[i], users[i], &t);
		rest(&seed, 8000);
		switch (round % 4) {
		case 0:
			/* the users' calls are what still holds the socket */
			close(t.wire.fd);
			break;
		case 1:
			shutdown(t.wire.fd, SHUT_RDWR);
			close(t.wire.fd);
			break;
		case 2:
			SYS(setsockopt(t.wire.fd, SOL_SOCKET, SO_LINGER,
				       &(struct linger){ .l_onoff = 1 }, sizeof(struct linger)));
			close(t.wire.fd);
			break;
		default:
			close(t.wire.fd);
			rest(&seed, 2000);
			shutdown(copy, SHUT_RD);
		}
		close(copy);
		/* and the other end */
		rest(&seed, 2000);
		shutdown(t.wire.peer, SHUT_RDWR);
		for (size_t i = 0; i < ARRAY_SIZE(users); i++)
			t_join(threads[i]);
		close(t.wire.peer);
	}
	tnl_await_counter(KSC_A_STATS_SOCKETS, sockets);
}

static void test_kill(void **state)
{
	static void *(*const users[])(void *) = { feed, swallow, read_some, write_some, poll_some };
	uint64_t sockets = tnl_counter(KSC_A_STATS_SOCKETS), seed = 6;
	static struct traffic t;

	(void)state;
	alarm(PATIENCE_LONG_S);
	for (int round = 0; round < ROUNDS / 2; round++) {
		int status;
		pid_t pid;

		wire_start(&t.wire, wire_suite(WIRE_13, round & 1 ? 0x1302 : 0x1304),
			   (uint64_t)round);
		make_records(&t);
		pid = (pid_t)SYS(fork());
		if (!pid) {
			for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
				pthread_t thread;

				pthread_create(&thread, NULL, users[i], &t);
			}
			for (;;)
				pause();
		}
		/* all of it is the child's now */
		wire_close(&t.wire);
		rest(&seed, 30000);
		SYS(kill(pid, SIGKILL));
		SYS(waitpid(pid, &status, 0));
		assert_true(WIFSIGNALED(status));
	}
	tnl_await_counter(KSC_A_STATS_SOCKETS, sockets);
}

/* ---- all calls ---- */

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

static void get(int fd, int level, int option)
{
	char buf[2048];
	socklen_t len = sizeof(buf);

	getsockopt(fd, level, option, buf, &len);
}

/* A call that changes neither what is received nor whether there is anything to be. */
static void harmless(int fd, uint64_t r)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP };
	int n = (int)(r >> 8), value;
	uint8_t buf[3000];

	switch (r % 20) {
	case 0:
		set(fd, SOL_KSCHANNEL, KSC_PADDING, n % 2000);
		break;
	case 1:
		set(fd, SOL_KSCHANNEL, KSC_TX_MAX_PAYLOAD, 64 + n % 16000);
		break;
	case 2:
		set(fd, SOL_KSCHANNEL, KSC_RECORD_SIZING, n & 1);
		break;
	case 3:
		set(fd, SOL_KSCHANNEL, KSC_REKEY_AFTER, n % 50);
		break;
	case 4:
		set(fd, SOL_KSCHANNEL, KSC_REKEY, n & 1);
		break;
	case 5:
		/* refused by now, whatever they say */
		set(fd, SOL_KSCHANNEL, KSC_ROLE, n & 1);
		set(fd, SOL_KSCHANNEL, KSC_HANDSHAKE, 1);
		setsockopt(fd, SOL_KSCHANNEL, KSC_SERVER_NAME, "name", 4);
		break;
	case 6:
		set(fd, SOL_SOCKET, SO_RCVBUF, 4000 + n % 200000);
		break;
	case 7:
		set(fd, SOL_SOCKET, SO_SNDBUF, 4000 + n % 200000);
		break;
	case 8:
		set(fd, SOL_SOCKET, SO_RCVLOWAT, n % 3000);
		break;
	case 9:
		set(fd, IPPROTO_TCP, TCP_NODELAY, n & 1);
		break;
	case 10:
		get(fd, SOL_KSCHANNEL, KSC_INFO);
		get(fd, SOL_KSCHANNEL, KSC_ERROR);
		break;
	case 11:
		get(fd, IPPROTO_TCP, TCP_INFO);
		get(fd, IPPROTO_TCP, TCP_ULP);
		get(fd, SOL_SOCKET, SO_MEMINFO);
		break;
	case 12:
	case 13:
		ioctl(fd, SIOCINQ, &value);
		ioctl(fd, SIOCOUTQ, &value);
		break;
	case 14:
	case 15:
		recv(fd, buf, (size_t)n % sizeof(buf), MSG_PEEK | MSG_DONTWAIT);
		break;
	case 16:
		recv(fd, NULL, 100, MSG_PEEK | MSG_DONTWAIT);
		send(fd, NULL, 100, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case 17:
		set(fd, IPPROTO_TCP, TCP_CORK, 1);
		set(fd, IPPROTO_TCP, TCP_CORK, 0);
		break;
	default:
		poll(&pfd, 1, 0);
	}
}

/**
 * struct caller - a thread that makes calls at random
 * @fds: on these sockets
 * @seed: at random
 * @stop: until told to stop
 * @calls: how many it made
 */
struct caller {
	const int *fds;
	uint64_t seed;
	bool stop;
	unsigned long calls;
	pthread_t thread;
};

static void *call_harmless(void *arg)
{
	struct caller *c = arg;

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		uint64_t r = next_random(&c->seed);

		harmless(c->fds[r >> 63], r);
		c->calls++;
		rest(&c->seed, 300);
	}
	return NULL;
}

/* The netlink side of it, which finds sockets without their descriptors. */
static void *call_netlink(void *arg)
{
	struct caller *c = arg;
	struct tnl_conn nl;

	if (!tnl_open(&nl))
		return NULL;
	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		struct nl_msg *msg = nlmsg_alloc();

		if (c->calls % 4) {
			genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, nl.family, 0, NLM_F_ACK,
				    KSC_CMD_REKEY, KSC_FAMILY_VERSION);
			nla_put_u64(msg, KSC_A_SOCK_ID, next_random(&c->seed) % 2000);
		} else {
			genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, nl.family, 0, NLM_F_DUMP,
				    KSC_CMD_SOCK_GET, KSC_FAMILY_VERSION);
		}
		tnl_do(&nl, msg);
		c->calls++;
		rest(&c->seed, 1000);
	}
	tnl_close(&nl);
	return NULL;
}

#define CALLERS 4

/* CVE-2023-28466 and its kind: while data flow both ways, all that may be called is. */
static void test_all_calls(void **state)
{
	uint64_t sockets = tnl_counter(KSC_A_STATS_SOCKETS);
	/* not on the stack: threads use them still when an assertion fails */
	static struct caller callers[CALLERS + 1];
	static int fds[2];
	unsigned long calls = 0;
	int64_t ms;

	(void)state;
	alarm(PATIENCE_LONG_S);
	t_pair(AF_INET, fds);
	t_exchange(fds[0], fds[1]);
	for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
		callers[i].fds = fds;
		callers[i].seed = i + 7;
		t_thread(&callers[i].thread, i < CALLERS ? call_harmless : call_netlink,
			 &callers[i]);
	}
	ms = stream_both_ways(fds, 3 * STREAM_BLOCK);
	for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
		__atomic_store_n(&callers[i].stop, true, __ATOMIC_RELAXED);
		t_join(callers[i].thread);
		calls += callers[i].calls;
	}
	print_message("# %lu calls in %ld ms\n", calls, (long)ms);
	close(fds[0]);
	close(fds[1]);
	tnl_await_counter(KSC_A_STATS_SOCKETS, sockets);
}

/* What ends things, too. */
static void *call_harmful(void *arg)
{
	struct sockaddr unspec = { .sa_family = AF_UNSPEC };
	static const char name[] = KSC_ULP_NAME;
	struct caller *c = arg;
	uint8_t buf[3000];

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		uint64_t r = next_random(&c->seed);
		int fd = c->fds[r >> 63];

		switch (r % 64) {
		case 0:
			shutdown(fd, (int)(r >> 8) % 3);
			break;
		case 1:
			(void)connect(fd, &unspec, sizeof(unspec));
			break;
		case 2:
			listen(fd, 5);
			setsockopt(fd, IPPROTO_TCP, TCP_ULP, name, sizeof(name));
			break;
		case 3:
			set(fd, SOL_SOCKET, SO_LINGER, 0);
			break;
		case 4 ... 20:
			send(fd, buf, r >> 8 & 1023, MSG_DONTWAIT | MSG_NOSIGNAL |
			     (r & 1 << 20 ? MSG_MORE : 0));
			break;
		case 21 ... 40:
			recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
			break;
		default:
			harmless(fd, r >> 6);
		}
		c->calls++;
	}
	return NULL;
}

static void test_harmful_calls(void **state)
{
	uint64_t sockets = tnl_counter(KSC_A_STATS_SOCKETS);

	(void)state;
	alarm(PATIENCE_LONG_S);
	for (uint64_t round = 0; round < 15; round++) {
		const struct timespec pause = { .tv_nsec = 100000000 };
		struct caller callers[CALLERS + 1] = { 0 };
		int fds[2];

		t_pair(AF_INET, fds);
		t_nonblock(fds[0], true);
		t_nonblock(fds[1], true);
		for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
			callers[i].fds = fds;
			callers[i].seed = 100 * round + i + 7;
			t_thread(&callers[i].thread, i < CALLERS ? call_harmful : call_netlink,
				 &callers[i]);
		}
		nanosleep(&pause, NULL);
		for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
			__atomic_store_n(&callers[i].stop, true, __ATOMIC_RELAXED);
			t_join(callers[i].thread);
		}
		t_reset(fds[0]);
		t_reset(fds[1]);
	}
	tnl_await_counter(KSC_A_STATS_SOCKETS, sockets);
}

/* ---- attached, connected, disconnected and closed by different threads ---- */

/**
 * struct race - a socket that several threads want something different of
 * @fd: the socket
 * @addr: where it may connect to
 * @start: all begin at once
 */
struct race {
	int fd;
	struct t_addr addr;
	pthread_barrier_t start;
};

static void *race_attach(void *arg)
{
	static const char name[] = KSC_ULP_NAME;
	struct race *race = arg;

	pthread_barrier_wait(&race->start);
	setsockopt(race->fd, IPPROTO_TCP, TCP_ULP, name, sizeof(name));
	set(race->fd, SOL_KSCHANNEL, KSC_ROLE, KSC_ROLE_CLIENT);
	send(race->fd, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	return NULL;
}

static void *race_connect(void *arg)
{
	struct race *race = arg;
	char c;

	pthread_barrier_wait(&race->start);
	(void)connect(race->fd, (struct sockaddr *)&race->addr.ss, race->addr.len);
	recv(race->fd, &c, 1, MSG_DONTWAIT);
	return NULL;
}

static void *race_disconnect(void *arg)
{
	struct sockaddr unspec = { .sa_family = AF_UNSPEC };
	struct race *race = arg;

	pthread_barrier_wait(&race->start);
	(void)connect(race->fd, &unspec, sizeof(unspec));
	listen(race->fd, 3);
	return NULL;
}

static void *race_close(void *arg)
{
	struct race *race = arg;
	int copy = dup(race->fd);

	pthread_barrier_wait(&race->start);
	shutdown(copy, SHUT_RDWR);
	close(copy);
	return NULL;
}

/* CVE-2024-36489, CVE-2025-37756: concurrent calls see all of the state or none. */
static void test_attach_race(void **state)
{
	static void *(*const racers[])(void *) = { race_attach, race_connect, race_attach,
						   race_disconnect, race_close };
	uint64_t sockets = tnl_counter(KSC_A_STATS_SOCKETS);
	struct race race;
	int listener = t_listen(AF_INET, NULL, &race.addr);

	(void)state;
	alarm(PATIENCE_LONG_S);
	t_nonblock(listener, true);
	for (int round = 0; round < 200; round++) {
		/* with more and more of them; the first two are in each */
		unsigned int count = 2 + (unsigned int)round % 4;
		pthread_t threads[ARRAY_SIZE(racers)];
		int child;

		race.fd = t_plain(AF_INET);
		t_nonblock(race.fd, true);
		pthread_barrier_init(&race.start, NULL, count);
		for (size_t i = 0; i < count; i++)
			t_thread(&threads[i], racers[i], &race);
		for (size_t i = 0; i < count; i++)
			t_join(threads[i]);
		pthread_barrier_destroy(&race.start);
		t_reset(race.fd);
		while ((child = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
			close(child);
	}
	close(listener);
	tnl_await_counter(KSC_A_STATS_SOCKETS, sockets);
}

static int play_daemon(void **state)
{
	t_setup(state);
	t_fill(data, sizeof(data), 4);
	return wire_begin();
}

static int stop_playing(void **state)
{
	(void)state;
	return wire_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_close_in_flight, play_daemon, stop_playing),
		cmocka_unit_test_setup_teardown(test_kill, play_daemon, stop_playing),
		/* a KeyUpdate after each small record is asked for: the peer is to bear it */
		cmocka_unit_test_setup_teardown(test_all_calls, t_unlimited, t_limited),
		cmocka_unit_test(test_harmful_calls),
		cmocka_unit_test(test_attach_race),
	};

	return T_RUN(tests);
}
