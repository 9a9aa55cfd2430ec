// SPDX-License-Identifier: GPL-2.0-only
/* Peers that do not speak TLS, or stop to. */
#include <poll.h>
#include <unistd.h>

#include "lib/net.h"
#include "lib/nl.h"
#include "lib/peer.h"

#define SHORT_MS 300

static const struct t_opts hasty_server = { .timeout = SHORT_MS };
static const struct t_opts hasty_client = { .server_name = "server.test", .timeout = SHORT_MS };

static uint64_t contexts_before;

static int setup(void **state)
{
	t_setup(state);
	contexts_before = tnl_counter(KSC_A_STATS_CONTEXTS);
	return 0;
}

/**
 * struct nonsense - bytes, and what they come to
 * @data: the bytes
 * @len: number of bytes
 * @status: the status
 * @error: its errno
 * @alert: the alert that is sent; -1: whichever
 */
struct nonsense {
	const char *data;
	size_t len;
	enum ksc_status status;
	int error;
	int alert;
};

#define BYTES(text) .data = (text), .len = sizeof(text) - 1

static const struct nonsense http = {
	BYTES("GET / HTTP/1.1\r\nHost: server.test\r\n\r\n"),
	.status = KSC_STATUS_PROTOCOL_ERROR,
	.error = EPROTO,
	.alert = -1,
};

static const struct nonsense http_answer = {
	BYTES("HTTP/1.1 400 Bad Request\r\n\r\n"),
	.status = KSC_STATUS_PROTOCOL_ERROR,
	.error = EPROTO,
	.alert = -1,
};

static const struct nonsense oversized = {
	BYTES("\x16\x03\x01\xff\xff\x01\x00"),
	.status = KSC_STATUS_RECORD_OVERFLOW,
	.error = EMSGSIZE,
	.alert = 22,
};

static const struct nonsense wrong_version = {
	BYTES("\x16\x05\x01\x00\x10\x01\x00\x00\x0c"),
	.status = KSC_STATUS_PROTOCOL_ERROR,
	.error = EPROTO,
	.alert = -1,
};

static const struct nonsense wrong_type = {
	BYTES("\x17\x03\x03\x00\x04junk"),
	.status = KSC_STATUS_PROTOCOL_ERROR,
	.error = EPROTO,
	.alert = -1,
};

static const struct nonsense empty_record = {
	BYTES("\x16\x03\x01\x00\x00"),
	.status = KSC_STATUS_PROTOCOL_ERROR,
	.error = EPROTO,
	.alert = -1,
};

static const struct nonsense bad_hello = {
	BYTES("\x16\x03\x01\x00\x0a\x01\x00\x00\x06\x03\x03garb"),
	.status = KSC_STATUS_PROTOCOL_ERROR,
	.error = EPROTO,
	.alert = -1,
};

static const struct nonsense alert_first = {
	BYTES("\x15\x03\x03\x00\x02\x02\x28"),
	.status = KSC_STATUS_ALERT_RECEIVED,
	.error = EPROTO,
	.alert = 40,
};

/* A client has nothing to complain about before its ClientHello. */
static const struct nonsense alert_early = {
	BYTES("\x15\x03\x03\x00\x02\x02\x28"),
	.status = KSC_STATUS_PROTOCOL_ERROR,
	.error = EPROTO,
	.alert = -1,
};

/* Reads the end of what we are sent: returns the alert's number, -1 if there is none. */
static int read_alert(int fd)
{
	static uint8_t data[70000];
	size_t len = 0, i = 0;
	ssize_t n;
	int alert = -1;

	while ((n = recv(fd, data + len, sizeof(data) - len, 0)) > 0)
		len += (size_t)n;
	while (i + 5 <= len) {
		size_t size = (size_t)data[i + 3] << 8 | data[i + 4];

		if (data[i] == 21 && size == 2 && i + 7 <= len)
			alert = data[i + 6];
		i += 5 + size;
	}
	return alert;
}

static void expect_outcome(int fd, int peer, const struct nonsense *nonsense)
{
	struct ksc_error error;
	char c;

	FAILS(recv(fd, &c, 1, 0), nonsense->error);
	t_expect_error(fd, nonsense->status, nonsense->error);
	FAILS(getsockopt(fd, SOL_KSCHANNEL, KSC_INFO, &c, &(socklen_t){ 1 }), ENOTCONN);
	error = t_error(fd);
	if (nonsense->alert >= 0)
		assert_int_equal(error.alert, nonsense->alert);
	if (nonsense->status == KSC_STATUS_ALERT_RECEIVED) {
		assert_int_equal(error.direction, KSC_DIRECTION_RECEIVED);
	} else {
		assert_int_equal(error.direction, KSC_DIRECTION_SENT);
		assert_int_equal(read_alert(peer), error.alert);
	}
	tnl_await_counter(KSC_A_STATS_CONTEXTS, contexts_before);
}

static void test_server(void **state)
{
	const struct nonsense *nonsense = *state;
	struct t_addr addr;
	int listener = t_listen(AF_INET, &t_server, &addr);
	int peer = t_connect(&addr, NULL), fd;

	t_send(peer, nonsense->data, nonsense->len);
	fd = t_accept(listener);
	expect_outcome(fd, peer, nonsense);
	close(fd);
	close(peer);
	close(listener);
}

static void *connect_and_keep(void *arg)
{
	const struct t_addr *addr = arg;
	int fd = t_try_connect(addr, &t_client);

	/* the errno of connect() goes with the socket */
	return (void *)((intptr_t)errno << 32 | fd);
}

static void test_client(void **state)
{
	const struct nonsense *nonsense = *state;
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), peer, fd;
	pthread_t thread;
	void *ret;

	t_thread(&thread, connect_and_keep, &addr);
	peer = t_accept(listener);
	t_send(peer, nonsense->data, nonsense->len);
	assert_int_equal(pthread_join(thread, &ret), 0);
	fd = (int)(intptr_t)ret;
	assert_int_equal((intptr_t)ret >> 32, nonsense->error);
	expect_outcome(fd, peer, nonsense);
	close(fd);
	close(peer);
	close(listener);
}

/* Half a ClientHello, then silence: over when the time is, with everything that it took. */
static void test_server_silence(void **state)
{
	const struct nonsense *begin = *state;
	uint64_t timed_out = tnl_counter(KSC_A_STATS_HANDSHAKES_TIMED_OUT);
	int64_t start = t_ticks_ms();
	struct t_addr addr;
	int listener = t_listen(AF_INET, &hasty_server, &addr);
	int peer = t_connect(&addr, NULL), fd;
	char c;

	if (begin)
		t_send(peer, begin->data, begin->len);
	fd = t_accept(listener);
	FAILS(recv(fd, &c, 1, 0), ETIMEDOUT);
	assert_in_range(t_ticks_ms() - start, SHORT_MS / 3 * 2, 20000);
	t_expect_error(fd, KSC_STATUS_TIMED_OUT, ETIMEDOUT);
	tnl_await_counter(KSC_A_STATS_CONTEXTS, contexts_before);
	assert_int_equal(tnl_counter(KSC_A_STATS_HANDSHAKES_TIMED_OUT), timed_out + 1);
	close(fd);
	close(peer);
	close(listener);
}

static const struct nonsense half_hello = { BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") };
static const struct nonsense half_header = { BYTES("\x16\x03") };

static void test_client_silence(void **state)
{
	int64_t start = t_ticks_ms();
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fd;

	(void)state;
	fd = t_try_connect(&addr, &hasty_client);
	assert_int_equal(errno, ETIMEDOUT);
	assert_in_range(t_ticks_ms() - start, SHORT_MS / 3 * 2, 20000);
	t_expect_error(fd, KSC_STATUS_TIMED_OUT, ETIMEDOUT);
	tnl_await_counter(KSC_A_STATS_CONTEXTS, contexts_before);
	close(fd);
	close(listener);
}

/* SO_SNDTIMEO ends the wait of connect(), and the handshake goes on. */
static void test_client_sndtimeo(void **state)
{
	const struct peer_conf conf = { .library = PEER_OPENSSL, .server = true };
	const struct timeval tv = { .tv_usec = 100000 };
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);
	int fd = t_socket(AF_INET, &t_client);

	(void)state;
	SYS(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	FAILS(connect(fd, (struct sockaddr *)&addr.ss, addr.len), EINPROGRESS);
	peer_accept(&peer, &conf, listener, peer_greet);
	t_wait(fd, POLLOUT);
	assert_int_equal(t_so_error(fd), 0);
	t_expect(fd, "hello");
	close(fd);
	peer_join(&peer);
	close(listener);
}

static void test_server_fin(void **state)
{
	struct t_addr addr;
	int listener = t_listen(AF_INET, &t_server, &addr);
	int peer = t_connect(&addr, NULL), fd;
	char c;

	(void)state;
	t_send(peer, half_hello.data, half_hello.len);
	SYS(shutdown(peer, SHUT_WR));
	fd = t_accept(listener);
	FAILS(recv(fd, &c, 1, 0), ECONNRESET);
	t_expect_error(fd, KSC_STATUS_TRUNCATED, ECONNRESET);
	tnl_await_counter(KSC_A_STATS_CONTEXTS, contexts_before);
	close(fd);
	close(peer);
	close(listener);
}

static void test_server_reset(void **state)
{
	struct t_addr addr;
	int listener = t_listen(AF_INET, &t_server, &addr);
	int peer = t_connect(&addr, NULL), fd;
	char c;

	(void)state;
	fd = t_accept(listener);
	t_send(peer, half_hello.data, half_hello.len);
	tnl_await_at_least(KSC_A_STATS_CONTEXTS, contexts_before + 1);
	t_reset(peer);
	FAILS(recv(fd, &c, 1, 0), ECONNRESET);
	tnl_await_counter(KSC_A_STATS_CONTEXTS, contexts_before);
	close(fd);
	close(listener);
}

static void test_client_fin(void **state)
{
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), peer, fd;
	pthread_t thread;
	void *ret;

	(void)state;
	t_thread(&thread, connect_and_keep, &addr);
	peer = t_accept(listener);
	SYS(shutdown(peer, SHUT_WR));
	assert_int_equal(pthread_join(thread, &ret), 0);
	fd = (int)(intptr_t)ret;
	assert_int_equal((intptr_t)ret >> 32, ECONNRESET);
	t_expect_error(fd, KSC_STATUS_TRUNCATED, ECONNRESET);
	close(fd);
	close(peer);
	close(listener);
}

static void test_refused(void **state)
{
	const struct t_opts nonblock = { .nonblock = true };
	struct t_addr addr;
	int fd;

	(void)state;
	close(t_listen(AF_INET, NULL, &addr));
	fd = t_try_connect(&addr, &t_client);
	assert_int_equal(errno, ECONNREFUSED);
	close(fd);
	fd = t_try_connect(&addr, &nonblock);
	if (errno == EINPROGRESS) {
		t_wait(fd, POLLOUT);
		assert_int_equal(t_so_error(fd), ECONNREFUSED);
	} else {
		assert_int_equal(errno, ECONNREFUSED);
	}
	close(fd);
}

/* accept() and other connections do not wait for a peer that keeps quiet. */
static void test_slow_peer(void **state)
{
	struct t_addr addr;
	int listener = t_listen(AF_INET, &t_server, &addr);
	int slow = t_connect(&addr, NULL), half = t_connect(&addr, NULL);
	int fds[3], client;
	char c;

	(void)state;
	t_send(half, half_hello.data, half_hello.len);
	for (size_t i = 0; i < 2; i++)
		fds[i] = t_accept(listener);
	client = t_begin(&addr, &t_client);
	fds[2] = t_accept(listener);
	t_finish(client);
	t_exchange(client, fds[2]);
	for (size_t i = 0; i < 2; i++) {
		FAILS(recv(fds[i], &c, 1, MSG_DONTWAIT), EAGAIN);
		FAILS(send(fds[i], &c, 1, MSG_DONTWAIT), EAGAIN);
	}
	for (size_t i = 0; i < 3; i++)
		close(fds[i]);
	close(client);
	close(slow);
	close(half);
	close(listener);
	tnl_await_counter(KSC_A_STATS_CONTEXTS, contexts_before);
}

/* Once the connection is protected, nothing else is taken for data. */
static void inject(struct peer *peer)
{
	const struct nonsense *nonsense = peer->arg;

	if (peer_handshake(peer) || peer_write(peer, "real", 4))
		return;
	if (send(peer->fd, nonsense->data, nonsense->len, MSG_NOSIGNAL) < 0)
		peer_error(peer, "send: %s", strerror(errno));
	peer_expect_close(peer);
}

/* Case 20: plaintext records are rejected. */
static void test_injected(void **state)
{
	const struct peer_conf conf = { .library = PEER_OPENSSL, .server = true };
	const struct nonsense *nonsense = *state;
	struct peer peer = { .arg = *state };
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fd;
	char c;

	peer_accept(&peer, &conf, listener, inject);
	fd = t_connect(&addr, &t_client);
	t_expect(fd, "real");
	FAILS(recv(fd, &c, 1, 0), nonsense->error);
	t_expect_error(fd, nonsense->status, nonsense->error);
	assert_true(send(fd, "x", 1, MSG_NOSIGNAL) < 0);
	/* the peer gets an alert */
	peer_join_failed(&peer, "alert");
	close(fd);
	close(listener);
}

static const struct nonsense injected_http = {
	BYTES("HTTP/1.1 200 OK\r\n\r\n"),
	.status = KSC_STATUS_PROTOCOL_ERROR,
	.error = EPROTO,
};

static const struct nonsense injected_oversized = {
	BYTES("\x17\x03\x03\xff\xff\x00"),
	.status = KSC_STATUS_RECORD_OVERFLOW,
	.error = EMSGSIZE,
};

static const struct nonsense injected_plain_alert = {
	BYTES("\x15\x03\x03\x00\x02\x02\x28"),
	.status = KSC_STATUS_PROTOCOL_ERROR,
	.error = EPROTO,
};

static const struct nonsense injected_short = {
	BYTES("\x17\x03\x03\x00\x05short"),
	.status = KSC_STATUS_BAD_RECORD,
	.error = EBADMSG,
};

static void only_handshake(struct peer *peer)
{
	peer_handshake(peer);
}

static void test_old_version(void **state)
{
	const struct peer_conf conf = {
		.library = PEER_OPENSSL, .server = true, .version = 0x0302
	};
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fd;

	(void)state;
	peer_accept(&peer, &conf, listener, only_handshake);
	fd = t_try_connect(&addr, &t_client);
	assert_int_equal(errno, EPROTO);
	assert_true(t_error(fd).text[0]);
	close(fd);
	t_join(peer.thread);
	close(listener);
}

#define TEST(name, test, arg)                                                                      \
	{                                                                                          \
		name, test, setup, NULL, (void *)(arg)                                             \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("server: HTTP", test_server, &http),
		TEST("server: oversized record", test_server, &oversized),
		TEST("server: wrong version", test_server, &wrong_version),
		TEST("server: wrong type", test_server, &wrong_type),
		TEST("server: empty record", test_server, &empty_record),
		TEST("server: bad ClientHello", test_server, &bad_hello),
		TEST("server: alert", test_server, &alert_early),
		TEST("server: silence", test_server_silence, NULL),
		TEST("server: half a header", test_server_silence, &half_header),
		TEST("server: half a ClientHello", test_server_silence, &half_hello),
		TEST("server: FIN", test_server_fin, NULL),
		TEST("server: RST", test_server_reset, NULL),
		TEST("client: HTTP", test_client, &http_answer),
		TEST("client: oversized record", test_client, &oversized),
		TEST("client: wrong version", test_client, &wrong_version),
		TEST("client: wrong type", test_client, &wrong_type),
		TEST("client: alert", test_client, &alert_first),
		TEST("client: silence", test_client_silence, NULL),
		TEST("client: SO_SNDTIMEO", test_client_sndtimeo, NULL),
		TEST("client: FIN", test_client_fin, NULL),
		TEST("client: refused", test_refused, NULL),
		TEST("client: TLS 1.1", test_old_version, NULL),
		TEST("slow peers", test_slow_peer, NULL),
		TEST("established: HTTP", test_injected, &injected_http),
		TEST("established: oversized record", test_injected, &injected_oversized),
		TEST("established: plaintext alert", test_injected, &injected_plain_alert),
		TEST("established: record without a tag", test_injected, &injected_short),
	};

	return T_RUN(tests);
}
