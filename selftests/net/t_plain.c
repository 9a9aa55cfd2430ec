// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sockets that the policy left plain, and that are used again: a connection that has to be
 * protected is never established in plaintext.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/policy.h"

#define REQUIRED 1000
#define LEFT_PLAIN 2000

static void disconnect(int fd)
{
	const struct sockaddr unspec = { .sa_family = AF_UNSPEC };

	SYS(connect(fd, &unspec, sizeof(unspec)));
}

static void set_sysctl(const char *name, const char *value)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	fd = (int)SYS(open(path, O_WRONLY | O_CLOEXEC));
	SYS(write(fd, value, strlen(value)));
	close(fd);
}

/* @fd, which is disconnected, connects to where that has to be protected, and is */
static void expect_protected(int fd)
{
	int listener = listen_on(policy_socket(AF_INET, &policy_nothing), REQUIRED), child;

	connect_to(fd, REQUIRED);
	child = t_accept(listener);
	assert_protected_pair(fd, child);
	close(child);
	close(listener);
}

static void test_client(void **state)
{
	int fds[2];

	(void)state;
	own_start(&own, policy_basic);
	pair_on(LEFT_PLAIN, fds);
	assert_plain_pair(fds[0], fds[1]);
	disconnect(fds[0]);
	expect_protected(fds[0]);
	close_pair(fds);
}

/* One that has ended is not used again before it is disconnected; what came is there still. */
static void test_ended(void **state)
{
	int fds[2];

	(void)state;
	own_start(&own, policy_basic);
	pair_on(LEFT_PLAIN, fds);
	t_send(fds[1], "left", 4);
	t_wait(fds[0], POLLIN);
	t_reset(fds[1]);
	t_wait(fds[0], POLLHUP);
	FAILS(listen(fds[0], 1), EINVAL);
	t_expect(fds[0], "left");
	disconnect(fds[0]);
	expect_protected(fds[0]);
	close(fds[0]);
}

static void test_child(void **state)
{
	int fds[2];

	(void)state;
	own_start(&own, policy_basic);
	pair_on(LEFT_PLAIN, fds);
	assert_plain_pair(fds[0], fds[1]);
	disconnect(fds[1]);
	/* its own port is the listener's, which the rules for what is accepted do not mind */
	expect_protected(fds[1]);
	close_pair(fds);
}

/* A server that prefers TLS falls back, and what it fell back on is used again */
static void test_fallen_back(void **state)
{
	int listener, fds[2];

	(void)state;
	own_start(&own, policy_basic);
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), 3000);
	fds[0] = connect_to(t_plain(AF_INET), 3000);
	fds[1] = t_accept(listener);
	t_send(fds[0], "hello", 5);
	t_expect(fds[1], "hello");
	close(listener);
	disconnect(fds[1]);
	expect_protected(fds[1]);
	close_pair(fds);
}

/* shutdown() before it is decided that the connection is plain holds afterwards */
static void test_fallen_back_shut(void **state)
{
	static const int hows[] = { SHUT_WR, SHUT_RD, SHUT_RDWR };
	const struct timespec pause = { .tv_nsec = 1000000 };
	int listener, fds[2], how;
	int64_t end;
	char got[8];
	ssize_t n;

	(void)state;
	own_start(&own, policy_basic);
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), 3000);
	for (size_t i = 0; i < ARRAY_SIZE(hows); i++) {
		how = hows[i];
		fds[0] = connect_to(t_plain(AF_INET), 3000);
		fds[1] = t_accept(listener);
		assert_int_equal(what_is(fds[1]), PROTECTED);
		SYS(shutdown(fds[1], how));
		t_send(fds[0], "hello", 5);
		end = t_now_ms() + PATIENCE_S * 1000L;
		while (what_is(fds[1]) != LEFT) {
			assert_true(t_now_ms() < end);
			nanosleep(&pause, NULL);
		}
		if (how == SHUT_WR) {
			t_expect(fds[1], "hello");
		} else {
			/* what had come before may still be had */
			do {
				n = SYS(recv(fds[1], got, sizeof(got), 0));
			} while (n);
		}
		if (how == SHUT_RD) {
			t_send(fds[1], "plain", 5);
			t_expect(fds[0], "plain");
		} else {
			t_expect_eof(fds[0]);
			FAILS(send(fds[1], "x", 1, MSG_NOSIGNAL), EPIPE);
		}
		close_pair(fds);
	}
	close(listener);
}

/* Or it listens: what comes is protected */
static void test_listens(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(REQUIRED),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fds[2], client, child;

	(void)state;
	own_start(&own, policy_basic);
	for (int i = 0; i < 2; i++) {
		pair_on(LEFT_PLAIN, fds);
		assert_plain_pair(fds[0], fds[1]);
		disconnect(fds[i]);
		SYS(setsockopt(fds[i], SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)));
		if (!i)
			SYS(bind(fds[i], (struct sockaddr *)&in, sizeof(in)));
		SYS(listen(fds[i], 1));
		if (!i) {
			client = connect_to(policy_socket(AF_INET, &policy_nothing), REQUIRED);
			child = t_accept(fds[i]);
			assert_protected_pair(client, child);
			close(client);
			close(child);
		}
		close_pair(fds);
	}
}

#define MAYBE 3000

/* A listener's next children: as the policy has them, and as their clients do */
static void expect_as_before(int parent, uint16_t port)
{
	int client = connect_to(policy_socket(AF_INET, &policy_nothing), port);
	int child = t_accept(parent);

	if (port == MAYBE)
		assert_protected_pair(client, child);
	else
		assert_plain_pair(client, child);
	close(client);
	close(child);
}

static int plain_child(int parent, uint16_t port)
{
	int client = connect_to(t_plain(AF_INET), port), child = t_accept(parent);

	t_send(client, "hello", 5);
	t_expect(child, "hello");
	close(client);
	return child;
}

/*
 * A child that was left plain, or has fallen back, listens and comes to its end: what it
 * accepts is protected, and its parent goes on.
 */
static void test_child_listens(void **state)
{
	static const uint16_t ports[] = { LEFT_PLAIN, MAYBE };
	enum { CLOSED, SHUT, DISCONNECTED, ENDS };
	int parent, child, waiting, fds[2];

	(void)state;
	own_start(&own, policy_basic);
	for (int i = 0; i < ENDS * (int)ARRAY_SIZE(ports); i++) {
		uint16_t port = ports[i / ENDS];

		parent = listen_on(policy_socket(AF_INET, &policy_nothing), port);
		child = plain_child(parent, port);
		FAILS(listen(child, 4), EINVAL);
		disconnect(child);
		listen_on(child, REQUIRED);
		waiting = connect_to(policy_socket(AF_INET, &policy_nothing), port);
		fds[0] = connect_to(policy_socket(AF_INET, &policy_nothing), REQUIRED);
		fds[1] = t_accept(child);
		assert_protected_pair(fds[0], fds[1]);
		close_pair(fds);
		if (i % ENDS == SHUT)
			SYS(shutdown(child, SHUT_RD));
		else if (i % ENDS == DISCONNECTED)
			disconnect(child);
		close(child);
		/* one that it had by then, and others */
		fds[0] = waiting;
		fds[1] = t_accept(parent);
		t_exchange(fds[0], fds[1]);
		close_pair(fds);
		expect_as_before(parent, port);
		close(plain_child(parent, port));
		close(parent);
	}
}

/* TCP's own ways to begin a connection with data, past connect() */
static void test_fast_open(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(REQUIRED),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener, fds[2], on = 1;

	(void)state;
	own_start(&own, policy_basic);
	set_sysctl("tcp_fastopen", "0x603");
	listener = listen_on(t_plain(AF_INET), REQUIRED);
	t_nonblock(listener, true);
	for (int i = 0; i < 2; i++) {
		pair_on(LEFT_PLAIN, fds);
		assert_plain_pair(fds[0], fds[1]);
		disconnect(fds[i]);
		assert_int_equal(sendto(fds[i], "secret", 6, MSG_FASTOPEN | MSG_NOSIGNAL,
					(struct sockaddr *)&in, sizeof(in)), -1);
		assert_int_equal(setsockopt(fds[i], IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on,
					    sizeof(on)), -1);
		FAILS(accept4(listener, NULL, NULL, SOCK_CLOEXEC), EAGAIN);
		close_pair(fds);
	}
	close(listener);
	set_sysctl("tcp_fastopen", "1");
}

#define FAST_OPEN_ROUNDS 150

/**
 * struct fast_opener - a thread that tries to send before it is connected, again and again
 * @fd: the socket
 * @flags: for sendto()
 * @calls: how often it has
 * @stop: that is enough
 */
struct fast_opener {
	int fd;
	int flags;
	atomic_uint calls;
	atomic_bool stop;
};

static void *fast_open(void *arg)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(REQUIRED),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct fast_opener *opener = arg;

	while (!atomic_load(&opener->stop)) {
		(void)sendto(opener->fd, "secret", 6, MSG_FASTOPEN | MSG_NOSIGNAL | opener->flags,
			     (struct sockaddr *)&in, sizeof(in));
		atomic_fetch_add(&opener->calls, 1);
	}
	return NULL;
}

/* Clients send only TLS until they close, or nothing */
static void hear_only_tls(int listener)
{
	char got[512] = "";
	int child;
	ssize_t n;

	while ((child = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		t_wait(child, POLLIN);
		n = recv(child, got, sizeof(got) - 1, 0);
		if (n > 0 && got[0] != 0x16)
			fail_msg("the peer received %zd bytes of plaintext: %s", n, got);
		t_reset(child);
	}
	assert_int_equal(errno, EAGAIN);
}

/*
 * Another thread is in TCP's sendmsg, and waits for the lock, while the socket is
 * disconnected: it does not connect unprotected when it has it.
 */
static void test_fast_open_meets_disconnect(void **state)
{
	const struct sockaddr unspec = { .sa_family = AF_UNSPEC };
	const struct timeval tv = { .tv_usec = 200000 };
	int listener, fds[2];
	pthread_t thread;

	(void)state;
	own_start(&own, policy_basic);
	listener = listen_on(t_plain(AF_INET), REQUIRED);
	t_nonblock(listener, true);
	for (int i = 0; i < 2 * FAST_OPEN_ROUNDS; i++) {
		/* with the SYN, though there is no cookie; and after the handshake */
		bool with_syn = i < FAST_OPEN_ROUNDS;
		struct fast_opener opener = { .flags = with_syn ? MSG_DONTWAIT : 0 };

		set_sysctl("tcp_fastopen", with_syn ? "0x607" : "1");
		pair_on(LEFT_PLAIN, fds);
		assert_plain_pair(fds[0], fds[1]);
		opener.fd = fds[i & 1];
		SYS(setsockopt(opener.fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
		t_thread(&thread, fast_open, &opener);
		while (atomic_load(&opener.calls) < 10)
			sched_yield();
		for (int n = 0; n < 10; n++)
			(void)connect(opener.fd, &unspec, sizeof(unspec));
		atomic_store(&opener.stop, true);
		t_join(thread);
		close_pair(fds);
		hear_only_tls(listener);
	}
	close(listener);
	set_sysctl("tcp_fastopen", "1");
}

/* IPV6_ADDRFORM, which would give it IPv4's operations, is refused */
static void test_addrform(void **state)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(LEFT_PLAIN) };
	int listener, fds[2], family = AF_INET;

	(void)state;
	own_start(&own, policy_basic);
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), LEFT_PLAIN);
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &in6.sin6_addr);
	fds[0] = policy_socket(AF_INET6, &policy_nothing);
	t_begin_on(fds[0], &in6, sizeof(in6));
	fds[1] = t_accept(listener);
	assert_plain_pair(fds[0], fds[1]);
	FAILS(setsockopt(fds[0], IPPROTO_IPV6, IPV6_ADDRFORM, &family, sizeof(family)), EBUSY);
	close_pair(fds);
	close(listener);
}

#define GROUP 8

/* A member of a reuseport group */
static int member(int fd, uint16_t port)
{
	SYS(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){ 1 }, sizeof(int)));
	return listen_on(fd, port);
}

/*
 * The children of a listener that goes move to another one of its group: they are what
 * that one's program wants, not what they were.
 */
static void test_migrated(void **state)
{
	const struct t_opts *const wishes[] = { NULL, &policy_nothing };
	int from, to, clients[GROUP], child, n;

	(void)state;
	own_start(&own, policy_basic);
	set_sysctl("tcp_migrate_req", "1");
	/* from one that is TCP's, and from one whose children are plain by the policy */
	for (size_t i = 0; i < ARRAY_SIZE(wishes); i++) {
		const uint16_t port = i ? LEFT_PLAIN : REQUIRED;

		from = member(i ? policy_socket(AF_INET, wishes[i]) : t_plain(AF_INET), port);
		for (n = 0; n < GROUP; n++)
			clients[n] = connect_to(t_plain(AF_INET), port);
		to = member(t_socket(AF_INET, &t_server), port);
		t_wait(from, POLLIN);
		close(from);
		for (n = 0; n < GROUP; n++) {
			child = t_accept(to);
			assert_int_equal(what_is(child), PROTECTED);
			FAILS(send(child, "secret", 6, MSG_DONTWAIT | MSG_NOSIGNAL), EAGAIN);
			close(child);
		}
		for (n = 0; n < GROUP; n++)
			close(clients[n]);
		close(to);
	}
	/* and to one that is TCP's: nothing passes */
	from = member(t_socket(AF_INET, &t_server), REQUIRED);
	for (n = 0; n < GROUP; n++)
		clients[n] = connect_to(t_plain(AF_INET), REQUIRED);
	to = member(t_plain(AF_INET), REQUIRED);
	close(from);
	for (n = 0; n < GROUP; n++) {
		child = t_accept(to);
		assert_true(send(child, "secret", 6, MSG_DONTWAIT | MSG_NOSIGNAL) < 0);
		close(child);
	}
	for (n = 0; n < GROUP; n++)
		close(clients[n]);
	close(to);
	set_sysctl("tcp_migrate_req", "0");
}

static void *connect_plain(void *arg)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(LEFT_PLAIN),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	SYS(connect(*(int *)arg, (struct sockaddr *)&in, sizeof(in)));
	return NULL;
}

/* A poller is woken when a connection turns out to be plain */
static void test_wakes(void **state)
{
	struct epoll_event event = { .events = EPOLLOUT | EPOLLET };
	int epoll, listener, fd;
	pthread_t thread;

	(void)state;
	if (!t_failpoint(T_CONNECTED, 500))
		skip();
	epoll = (int)SYS(epoll_create1(EPOLL_CLOEXEC));
	own_start(&own, policy_basic);
	listener = listen_on(t_plain(AF_INET), LEFT_PLAIN);
	fd = policy_socket(AF_INET, &policy_nothing);
	SYS(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	t_thread(&thread, connect_plain, &fd);
	/* a socket that never connected has an event, too */
	do {
		assert_int_equal(SYS(epoll_wait(epoll, &event, 1, PATIENCE_S * 1000)), 1);
	} while (!(event.events & EPOLLOUT) || event.events & EPOLLHUP);
	t_join(thread);
	t_failpoint(T_CONNECTED, 0);
	assert_int_equal(SYS(send(fd, "x", 1, MSG_NOSIGNAL)), 1);
	close(fd);
	close(listener);
	close(epoll);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		POLICY_TEST(test_client),    POLICY_TEST(test_child),
		POLICY_TEST(test_fallen_back), POLICY_TEST(test_listens),
		POLICY_TEST(test_fast_open), POLICY_TEST(test_addrform),
		POLICY_TEST(test_migrated),  POLICY_TEST(test_wakes),
		POLICY_TEST(test_fallen_back_shut), POLICY_TEST(test_ended),
		POLICY_TEST(test_fast_open_meets_disconnect), POLICY_TEST(test_child_listens),
	};

	return T_RUN(tests);
}
