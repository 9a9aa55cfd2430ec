// SPDX-License-Identifier: GPL-2.0-only
/* How connections end, and handshakes that are aborted. */
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/net.h"
#include "lib/nl.h"
#include "lib/peer.h"

static const struct peer_conf openssl_server = { .library = PEER_OPENSSL, .server = true };
static const struct peer_conf openssl_12_server = { .library = PEER_OPENSSL, .server = true,
						    .version = 0x0303 };
static const struct peer_conf gnutls_server = { .library = PEER_GNUTLS, .server = true };
/* tickets that come to a socket which is shut both ways make TCP reset it */
static const struct peer_conf no_tickets = { .library = PEER_OPENSSL, .server = true,
					     .no_tickets = true };
static const struct peer_conf openssl_client = { .library = PEER_OPENSSL };
static const struct peer_conf openssl_12_client = { .library = PEER_OPENSSL, .version = 0x0303 };
static const struct peer_conf gnutls_client = { .library = PEER_GNUTLS };

/* Sockets and handshakes that there were before a test. */
static uint64_t sockets_before, contexts_before;

static int setup(void **state)
{
	t_setup(state);
	sockets_before = tnl_counter(KSC_A_STATS_SOCKETS);
	contexts_before = tnl_counter(KSC_A_STATS_CONTEXTS);
	return 0;
}

static void expect_nothing_left(void)
{
	tnl_await_counter(KSC_A_STATS_CONTEXTS, contexts_before);
	tnl_await_counter(KSC_A_STATS_SOCKETS, sockets_before);
}

static void expect_close_and_echo(struct peer *peer)
{
	if (peer_handshake(peer) || peer_expect(peer, "bye") || peer_expect_close(peer))
		return;
	/* our side is still open */
	if (!peer_write(peer, "still here", 10))
		peer_close(peer);
	peer_await_fin(peer);
}

/* Case 40: one direction. */
static void test_half_close(void **state)
{
	struct peer peer = { 0 };
	int fd = peer_serve(&peer, *state, expect_close_and_echo);

	t_send(fd, "bye", 3);
	SYS(shutdown(fd, SHUT_WR));
	t_expect(fd, "still here");
	t_expect_eof(fd);
	assert_true(t_info(fd).flags & KSC_INFO_F_READ_CLOSED);
	assert_true(t_info(fd).flags & KSC_INFO_F_WRITE_CLOSED);
	t_expect_error(fd, KSC_STATUS_OK, 0);
	close(fd);
	peer_join(&peer);
	expect_nothing_left();
}

static void expect_close_only(struct peer *peer)
{
	if (!peer_handshake(peer) && !peer_expect(peer, "bye"))
		peer_expect_close(peer);
}

/* close() says close_notify too. */
static void test_close(void **state)
{
	struct peer peer = { 0 };
	int fd = peer_serve(&peer, *state, expect_close_only);

	t_send(fd, "bye", 3);
	SYS(close(fd));
	peer_join(&peer);
	expect_nothing_left();
}

static void close_then_read(struct peer *peer)
{
	if (peer_handshake(peer) || peer_close(peer))
		return;
	if (!peer_expect(peer, "reply"))
		peer_expect_close(peer);
}

/* A TLS 1.2 peer may send no more after close_notify, a TLS 1.3 peer may read on. */
static void test_peer_closes_first(void **state)
{
	struct peer peer = { 0 };
	int fd = peer_serve(&peer, *state, close_then_read);
	struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP };

	t_expect_eof(fd);
	t_expect_eof(fd);
	assert_int_equal(SYS(poll(&pfd, 1, 0)), 1);
	assert_int_equal(pfd.revents, POLLIN | POLLOUT | POLLRDHUP);
	t_send(fd, "reply", 5);
	SYS(shutdown(fd, SHUT_WR));
	close(fd);
	peer_join(&peer);
	expect_nothing_left();
}

static void test_send_after_close(void **state)
{
	int fds[2], status;
	pid_t pid;

	(void)state;
	t_pair(AF_INET, fds);
	SYS(shutdown(fds[0], SHUT_WR));
	FAILS(send(fds[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	FAILS(send(fds[0], "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT), EPIPE);
	pid = (pid_t)SYS(fork());
	if (!pid) {
		signal(SIGPIPE, SIG_DFL);
		_exit(send(fds[0], "x", 1, 0) < 0);
	}
	SYS(waitpid(pid, &status, 0));
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGPIPE);
	t_expect_eof(fds[1]);
	t_send(fds[1], "one way", 7);
	t_expect(fds[0], "one way");
	close(fds[0]);
	close(fds[1]);
	expect_nothing_left();
}

/* Case 40: both at once. */
static void test_crossing(void **state)
{
	int fds[2];

	(void)state;
	t_pair(AF_INET, fds);
	t_send(fds[0], "a", 1);
	t_send(fds[1], "b", 1);
	SYS(shutdown(fds[0], SHUT_WR));
	SYS(shutdown(fds[1], SHUT_WR));
	t_expect(fds[0], "b");
	t_expect(fds[1], "a");
	t_expect_eof(fds[0]);
	t_expect_eof(fds[1]);
	close(fds[0]);
	close(fds[1]);
	expect_nothing_left();
}

static void test_shut_read(void **state)
{
	int fds[2];

	(void)state;
	t_pair(AF_INET, fds);
	SYS(shutdown(fds[0], SHUT_RD));
	t_expect_eof(fds[0]);
	t_send(fds[0], "out", 3);
	t_expect(fds[1], "out");
	close(fds[0]);
	close(fds[1]);
	expect_nothing_left();
}

static void vanish(struct peer *peer)
{
	if (peer_handshake(peer) || peer_write(peer, "half of", 7))
		return;
	/* FIN without close_notify, everything else having been read */
	if (peer_expect(peer, "more?"))
		return;
	close(peer->fd);
	peer->fd = -1;
}

/* Case 40: what was authenticated is delivered; that more is missing is no end. */
static void test_truncated(void **state)
{
	struct peer peer = { 0 };
	int fd = peer_serve(&peer, *state, vanish);
	char c;

	t_send(fd, "more?", 5);
	peer_join(&peer);
	t_expect(fd, "half of");
	FAILS(recv(fd, &c, 1, 0), ECONNRESET);
	FAILS(recv(fd, &c, 1, 0), ECONNRESET);
	t_expect_error(fd, KSC_STATUS_TRUNCATED, ECONNRESET);
	assert_true(send(fd, &c, 1, MSG_NOSIGNAL) < 0);
	close(fd);
	expect_nothing_left();
}

static void reset(struct peer *peer)
{
	const struct linger linger = { .l_onoff = 1 };

	if (peer_handshake(peer) || peer_expect(peer, "more?"))
		return;
	setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(peer->fd);
	peer->fd = -1;
}

static void expect_reset_told(int fd)
{
	t_expect_error(fd, KSC_STATUS_TRUNCATED, ECONNRESET);
	assert_string_equal(t_error(fd).text, "the connection was reset");
}

static void test_reset(void **state)
{
	struct peer peer = { 0 };
	int fd = peer_serve(&peer, *state, reset);
	char c;

	t_send(fd, "more?", 5);
	peer_join(&peer);
	FAILS(recv(fd, &c, 1, 0), ECONNRESET);
	expect_reset_told(fd);
	assert_true(send(fd, &c, 1, MSG_NOSIGNAL) < 0);
	close(fd);
	expect_nothing_left();
}

static void garbage_after_close(struct peer *peer)
{
	if (peer_handshake(peer) || peer_write(peer, "end", 3) || peer_close(peer))
		return;
	if (send(peer->fd, "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL) != 18)
		peer_error(peer, "send: %s", strerror(errno));
	peer_expect_close(peer);
}

/* Case 40: what comes after close_notify is ignored. */
static void test_data_after_close(void **state)
{
	struct peer peer = { 0 };
	int fd = peer_serve(&peer, *state, garbage_after_close);

	t_expect(fd, "end");
	t_expect_eof(fd);
	SYS(shutdown(fd, SHUT_WR));
	peer_join(&peer);
	t_expect_eof(fd);
	close(fd);
	expect_nothing_left();
}

static void *receive_one(void *arg)
{
	char c;

	return (void *)(intptr_t)recv(*(int *)arg, &c, 1, 0);
}

/* A thread that waits for data is woken when another shuts the socket down. */
static void test_shutdown_wakes(void **state)
{
	pthread_t thread;
	void *ret;
	int fds[2];

	(void)state;
	t_pair(AF_INET, fds);
	t_thread(&thread, receive_one, &fds[0]);
	SYS(shutdown(fds[0], SHUT_RDWR));
	assert_int_equal(pthread_join(thread, &ret), 0);
	assert_int_equal((intptr_t)ret, 0);
	t_expect_eof(fds[1]);
	close(fds[0]);
	close(fds[1]);
	expect_nothing_left();
}

/* Case 41: the socket is closed with the peer's first flight outstanding. */
static void test_close_in_handshake(void **state)
{
	const struct t_opts opts = { .server_name = "server.test", .nonblock = true };
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fd, peer;
	char byte;

	(void)state;
	fd = t_try_connect(&addr, &opts);
	assert_int_equal(errno, EINPROGRESS);
	peer = t_accept(listener);
	/* the ClientHello has come */
	t_recv(peer, &byte, 1);
	assert_int_equal(byte, 22);
	tnl_await_at_least(KSC_A_STATS_CONTEXTS, contexts_before + 1);
	close(fd);
	close(peer);
	close(listener);
	expect_nothing_left();
}

/* Both ends of a handshake that no call waited for. */
static void test_close_at_once(void **state)
{
	const struct t_opts opts = { .server_name = "server.test", .nonblock = true };
	struct t_addr addr;
	int listener = t_listen(AF_INET, &t_server, &addr), fd, child;

	(void)state;
	for (int i = 0; i < 10; i++) {
		fd = t_try_connect(&addr, &opts);
		assert_int_equal(errno, EINPROGRESS);
		child = t_accept(listener);
		close(i % 2 ? fd : child);
		close(i % 2 ? child : fd);
	}
	/* and without a server that takes note */
	for (int i = 0; i < 10; i++) {
		fd = t_try_connect(&addr, &opts);
		assert_int_equal(errno, EINPROGRESS);
		close(fd);
	}
	close(listener);
	expect_nothing_left();
}

/* Closing a listener resets the children that were not accepted. */
static void test_close_listener(void **state)
{
	struct t_addr addr;
	int listener = t_listen(AF_INET, &t_server, &addr), fds[4], idle;
	char c;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = t_begin(&addr, &t_client);
	/* and one that sends nothing */
	idle = t_connect(&addr, NULL);
	close(listener);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		assert_true(recv(fds[i], &c, 1, 0) <= 0);
		close(fds[i]);
	}
	close(idle);
	expect_nothing_left();
}

static void *connect_blocking(void *arg)
{
	const struct t_addr *addr = arg;
	int fd = t_try_connect(addr, &t_client), error = errno;

	close(fd);
	return (void *)(intptr_t)error;
}

/* A connect() that waits for the handshake fails when the peer closes the connection. */
static void test_peer_closes(void **state)
{
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), peer;
	pthread_t thread;
	char byte;
	void *ret;

	(void)state;
	t_thread(&thread, connect_blocking, &addr);
	peer = t_accept(listener);
	t_recv(peer, &byte, 1);
	t_reset(peer);
	assert_int_equal(pthread_join(thread, &ret), 0);
	assert_int_equal((intptr_t)ret, ECONNRESET);
	close(listener);
	expect_nothing_left();
}

/**
 * struct unread - data of which not all is read
 * @sent: bytes sent
 * @read: bytes read
 * @ended: close_notify comes after them
 */
struct unread {
	size_t sent;
	size_t read;
	bool ended;
};

/* Closing with unread data resets the connection, as TCP does: the sender gets an error. */
static void test_close_unread(void **state)
{
	const struct unread *unread = *state;
	static char data[50000];
	int fds[2];
	char c;

	t_pair(AF_INET, fds);
	t_send(fds[0], data, unread->sent);
	if (unread->ended)
		SYS(shutdown(fds[0], SHUT_WR));
	t_wait(fds[1], POLLIN);
	t_recv(fds[1], data, unread->read);
	SYS(close(fds[1]));
	FAILS(recv(fds[0], &c, 1, 0), ECONNRESET);
	expect_reset_told(fds[0]);
	assert_true(send(fds[0], &c, 1, MSG_NOSIGNAL) < 0);
	close(fds[0]);
	expect_nothing_left();
}

/* Nothing to read but records that are not data: an orderly end. */
static void test_close_all_read(void **state)
{
	const struct unread *unread = *state;
	static char data[50000];
	int fds[2];

	t_pair(AF_INET, fds);
	t_send(fds[0], data, unread->sent);
	t_recv(fds[1], data, unread->sent);
	if (unread->ended) {
		SYS(shutdown(fds[0], SHUT_WR));
		/* it is queued, and not read */
		t_wait(fds[1], POLLIN);
	}
	SYS(close(fds[1]));
	t_expect_eof(fds[0]);
	t_expect_error(fds[0], KSC_STATUS_OK, 0);
	close(fds[0]);
	expect_nothing_left();
}

static void test_reuse_after_disconnect(void **state)
{
	struct sockaddr unspec = { .sa_family = AF_UNSPEC };
	int fds[2];

	(void)state;
	t_pair(AF_INET, fds);
	/* refused or done, but never a socket that sends plaintext */
	if (!connect(fds[0], &unspec, sizeof(unspec)))
		assert_true(send(fds[0], "x", 1, MSG_NOSIGNAL) < 0);
	close(fds[0]);
	close(fds[1]);
	expect_nothing_left();
}

/**
 * struct shut - a socket that is shut down before its handshake is done
 * @conf: its peer
 * @how: what is shut
 */
struct shut {
	const struct peer_conf *conf;
	int how;
};

/* The peer may begin. */
static sem_t begin;

static void wait_then_talk(struct peer *peer)
{
	const struct shut *shut = peer->arg;

	sem_wait(&begin);
	if (peer_handshake(peer))
		return;
	if (shut->how == SHUT_RD && peer_expect(peer, "out"))
		return;
	if (peer_expect_close(peer))
		return;
	/* what comes to a socket that is shut both ways is answered by a reset */
	if (shut->how == SHUT_WR && !peer_write(peer, "still here", 10))
		peer_close(peer);
	peer_await_fin(peer);
}

static void expect_shut(int fd, int how)
{
	if (how == SHUT_WR)
		t_expect(fd, "still here");
	t_expect_eof(fd);
	if (how == SHUT_RD) {
		t_send(fd, "out", 3);
	} else {
		FAILS(send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
		assert_true(t_info(fd).flags & KSC_INFO_F_WRITE_CLOSED);
	}
	t_expect_error(fd, KSC_STATUS_OK, 0);
}

/* A program that accepts and shuts at once what it does not use, before the peer's first byte. */
static void test_server_shut(void **state)
{
	const struct shut *shut = *state;
	struct peer peer = { .arg = *state };
	struct t_addr addr;
	int listener = t_listen(AF_INET, &t_server, &addr), fd;

	SYS(sem_init(&begin, 0, 0));
	peer_connect(&peer, shut->conf, &addr, wait_then_talk);
	fd = t_accept(listener);
	SYS(shutdown(fd, shut->how));
	if (shut->how == SHUT_WR)
		FAILS(recv(fd, (char[1]){ 0 }, 1, MSG_DONTWAIT), EAGAIN);
	SYS(sem_post(&begin));
	expect_shut(fd, shut->how);
	close(fd);
	peer_join(&peer);
	close(listener);
	expect_nothing_left();
}

/* The same with the ClientHello sent, and no answer to it. */
static void test_client_shut(void **state)
{
	const struct t_opts opts = { .server_name = "server.test", .nonblock = true };
	const struct shut *shut = *state;
	struct peer peer = { .arg = *state };
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fd;

	SYS(sem_init(&begin, 0, 1));
	fd = t_try_connect(&addr, &opts);
	assert_int_equal(errno, EINPROGRESS);
	/* TCP's own connection is there */
	t_wait(listener, POLLIN);
	tnl_await_at_least(KSC_A_STATS_CONTEXTS, contexts_before + 1);
	SYS(shutdown(fd, shut->how));
	peer_accept(&peer, shut->conf, listener, wait_then_talk);
	t_wait(fd, POLLOUT);
	assert_int_equal(t_so_error(fd), 0);
	t_nonblock(fd, false);
	expect_shut(fd, shut->how);
	close(fd);
	peer_join(&peer);
	close(listener);
	expect_nothing_left();
}

/* Both ends, as two programs that only wanted to see whether the other is there. */
static void test_both_shut(void **state)
{
	const struct t_opts opts = { .server_name = "server.test", .nonblock = true };
	struct t_addr addr;
	int listener = t_listen(AF_INET, &t_server, &addr), fd, child;

	(void)state;
	fd = t_try_connect(&addr, &opts);
	assert_int_equal(errno, EINPROGRESS);
	child = t_accept(listener);
	SYS(shutdown(child, SHUT_WR));
	SYS(shutdown(fd, SHUT_WR));
	t_nonblock(fd, false);
	t_expect_eof(fd);
	t_expect_eof(child);
	FAILS(send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
	FAILS(send(child, "x", 1, MSG_NOSIGNAL), EPIPE);
	close(fd);
	close(child);
	close(listener);
	expect_nothing_left();
}

#define TEST(name, test, arg)                                                                      \
	{                                                                                          \
		name, test, setup, NULL, (void *)(arg)                                             \
	}
#define PEERS(name, test)                                                                          \
	TEST(name ", OpenSSL TLS 1.3", test, &openssl_server),                                     \
	TEST(name ", OpenSSL TLS 1.2", test, &openssl_12_server),                                  \
	TEST(name ", GnuTLS", test, &gnutls_server)

int main(void)
{
	const struct unread undecrypted = { .sent = 10 }, decrypted = { .sent = 10, .read = 1 };
	const struct unread much = { .sent = 50000, .read = 20000 };
	const struct unread ended = { .sent = 10, .ended = true };
	const struct unread none_sent = { .ended = true }, half_sent = { .sent = 50000 };
	const struct CMUnitTest tests[] = {
		PEERS("half close", test_half_close),
		PEERS("close", test_close),
		TEST("peer closes first", test_peer_closes_first, &openssl_server),
		TEST("send after close", test_send_after_close, NULL),
		TEST("crossing", test_crossing, NULL),
		TEST("SHUT_RD", test_shut_read, NULL),
		PEERS("truncated", test_truncated),
		TEST("reset", test_reset, &openssl_server),
		TEST("data after close", test_data_after_close, &openssl_server),
		TEST("shutdown wakes", test_shutdown_wakes, NULL),
		TEST("close in the handshake", test_close_in_handshake, NULL),
		TEST("close at once", test_close_at_once, NULL),
		TEST("close of a listener", test_close_listener, NULL),
		TEST("peer closes in the handshake", test_peer_closes, NULL),
		TEST("server: SHUT_WR in the handshake, OpenSSL TLS 1.3", test_server_shut,
		     (&(const struct shut){ &openssl_client, SHUT_WR })),
		TEST("server: SHUT_WR in the handshake, OpenSSL TLS 1.2", test_server_shut,
		     (&(const struct shut){ &openssl_12_client, SHUT_WR })),
		TEST("server: SHUT_WR in the handshake, GnuTLS", test_server_shut,
		     (&(const struct shut){ &gnutls_client, SHUT_WR })),
		TEST("server: SHUT_RD in the handshake, OpenSSL TLS 1.3", test_server_shut,
		     (&(const struct shut){ &openssl_client, SHUT_RD })),
		TEST("server: SHUT_RD in the handshake, OpenSSL TLS 1.2", test_server_shut,
		     (&(const struct shut){ &openssl_12_client, SHUT_RD })),
		TEST("server: SHUT_RD in the handshake, GnuTLS", test_server_shut,
		     (&(const struct shut){ &gnutls_client, SHUT_RD })),
		TEST("server: SHUT_RDWR in the handshake, OpenSSL TLS 1.3", test_server_shut,
		     (&(const struct shut){ &openssl_client, SHUT_RDWR })),
		TEST("server: SHUT_RDWR in the handshake, OpenSSL TLS 1.2", test_server_shut,
		     (&(const struct shut){ &openssl_12_client, SHUT_RDWR })),
		TEST("server: SHUT_RDWR in the handshake, GnuTLS", test_server_shut,
		     (&(const struct shut){ &gnutls_client, SHUT_RDWR })),
		TEST("client: SHUT_WR in the handshake, OpenSSL TLS 1.3", test_client_shut,
		     (&(const struct shut){ &openssl_server, SHUT_WR })),
		TEST("client: SHUT_WR in the handshake, OpenSSL TLS 1.2", test_client_shut,
		     (&(const struct shut){ &openssl_12_server, SHUT_WR })),
		TEST("client: SHUT_WR in the handshake, GnuTLS", test_client_shut,
		     (&(const struct shut){ &gnutls_server, SHUT_WR })),
		TEST("client: SHUT_RD in the handshake, OpenSSL TLS 1.3", test_client_shut,
		     (&(const struct shut){ &openssl_server, SHUT_RD })),
		TEST("client: SHUT_RD in the handshake, OpenSSL TLS 1.2", test_client_shut,
		     (&(const struct shut){ &openssl_12_server, SHUT_RD })),
		TEST("client: SHUT_RD in the handshake, GnuTLS", test_client_shut,
		     (&(const struct shut){ &gnutls_server, SHUT_RD })),
		TEST("client: SHUT_RDWR in the handshake, OpenSSL TLS 1.3", test_client_shut,
		     (&(const struct shut){ &no_tickets, SHUT_RDWR })),
		TEST("client: SHUT_RDWR in the handshake, OpenSSL TLS 1.2", test_client_shut,
		     (&(const struct shut){ &openssl_12_server, SHUT_RDWR })),
		TEST("both: SHUT_WR in the handshake", test_both_shut, NULL),
		TEST("close with unread data: a record", test_close_unread, &undecrypted),
		TEST("close with unread data: part of a record", test_close_unread, &decrypted),
		TEST("close with unread data: records", test_close_unread, &much),
		TEST("close with unread data: to their end", test_close_unread, &ended),
		TEST("close with all data read", test_close_all_read, &half_sent),
		TEST("close with close_notify unread", test_close_all_read, &none_sent),
		TEST("disconnect", test_reuse_after_disconnect, NULL),
	};

	return T_RUN(tests);
}
