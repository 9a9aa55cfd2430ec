// SPDX-License-Identifier: GPL-2.0-only
/* Handshakes: both roles, all versions and suites, with OpenSSL, GnuTLS and ourselves. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/net.h"
#include "lib/peer.h"

#define DATA_LEN 100000

/**
 * struct combination - one case of the matrix
 * @conf: the peer
 * @suite: the one that has to be negotiated
 */
struct combination {
	struct peer_conf conf;
	uint16_t suite;
};

static uint8_t sent[DATA_LEN], received[DATA_LEN];

struct stream {
	int fd;
	bool ok;
};

static void *send_all(void *arg)
{
	struct stream *stream = arg;

	for (size_t done = 0; done < DATA_LEN;) {
		ssize_t n = send(stream->fd, sent + done, DATA_LEN - done, MSG_NOSIGNAL);

		if (n < 0)
			return NULL;
		done += (size_t)n;
	}
	stream->ok = !shutdown(stream->fd, SHUT_WR);
	return NULL;
}

/* More than the buffers between hold, so both ways at the same time. */
static void exchange_with_echo(int fd)
{
	struct stream stream = { .fd = fd };
	pthread_t thread;

	t_fill(sent, sizeof(sent), 1);
	memset(received, 0, sizeof(received));
	t_thread(&thread, send_all, &stream);
	t_recv(fd, received, sizeof(received));
	t_expect_eof(fd);
	t_join(thread);
	assert_true(stream.ok);
	assert_memory_equal(sent, received, sizeof(sent));
}

static void expect_info(int fd, const struct combination *c, uint32_t role)
{
	struct ksc_info info = t_info(fd);

	assert_int_equal(info.version, c->conf.version);
	assert_int_equal(info.cipher_suite, c->suite);
	assert_int_equal(info.role, role);
	assert_int_equal(info.phase, KSC_PHASE_ESTABLISHED);
	t_expect_error(fd, KSC_STATUS_OK, 0);
}

/* Case 47: the peer is a client, then we are the server, or the other way round. */
static void test_peer(void **state)
{
	const struct combination *c = *state;
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener, fd;

	listener = t_listen(AF_INET, c->conf.server ? NULL : &t_server, &addr);
	if (c->conf.server) {
		peer_accept(&peer, &c->conf, listener, peer_echo);
		fd = t_connect(&addr, &t_client);
		expect_info(fd, c, KSC_ROLE_CLIENT);
		assert_string_equal(t_info(fd).peer_subject, "CN=server.test");
	} else {
		peer_connect(&peer, &c->conf, &addr, peer_echo);
		fd = t_accept(listener);
		SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_HANDSHAKE, &(int){ 1 }, sizeof(int)));
		expect_info(fd, c, KSC_ROLE_SERVER);
		assert_string_equal(t_info(fd).server_name, "server.test");
	}
	exchange_with_echo(fd);
	close(fd);
	peer_join(&peer);
	close(listener);
}

static void pair_of_ours(int family, bool by_proto)
{
	const struct t_opts client = { .by_proto = by_proto, .server_name = "server.test" };
	const struct t_opts server = { .by_proto = by_proto };
	struct ksc_info a, b;
	int fds[2];

	t_pair_opts(family, &client, &server, fds);
	t_exchange(fds[0], fds[1]);
	a = t_info(fds[0]);
	b = t_info(fds[1]);
	assert_int_equal(a.role, KSC_ROLE_CLIENT);
	assert_int_equal(b.role, KSC_ROLE_SERVER);
	assert_int_equal(a.version, 0x0304);
	assert_int_equal(b.version, 0x0304);
	assert_int_equal(a.cipher_suite, b.cipher_suite);
	assert_string_equal(a.peer_subject, "CN=server.test");
	assert_true(a.flags & KSC_INFO_F_PEER_CERT);
	assert_false(b.flags & KSC_INFO_F_PEER_CERT);
	close(fds[0]);
	t_expect_eof(fds[1]);
	close(fds[1]);
}

static void test_ulp_v4(void **state)
{
	(void)state;
	pair_of_ours(AF_INET, false);
}

static void test_ulp_v6(void **state)
{
	(void)state;
	pair_of_ours(AF_INET6, false);
}

static void test_proto_v4(void **state)
{
	(void)state;
	pair_of_ours(AF_INET, true);
}

static void test_proto_v6(void **state)
{
	(void)state;
	pair_of_ours(AF_INET6, true);
}

/* An IPv6 socket with an IPv4 connection, both ends. */
static void test_v4_mapped(void **state)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = in6addr_any };
	int listener = t_socket(AF_INET6, &t_server), fds[2];
	socklen_t len = sizeof(in6);
	struct t_addr addr;

	(void)state;
	SYS(bind(listener, (struct sockaddr *)&in6, sizeof(in6)));
	SYS(listen(listener, 1));
	SYS(getsockname(listener, (struct sockaddr *)&in6, &len));
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &in6.sin6_addr);
	memcpy(&addr.ss, &in6, sizeof(in6));
	addr.len = sizeof(in6);
	fds[0] = t_begin(&addr, &t_client);
	fds[1] = t_accept(listener);
	t_finish(fds[0]);
	t_exchange(fds[0], fds[1]);
	close(fds[0]);
	close(fds[1]);
	close(listener);
}

static void attach_established(int fd, int role, const struct t_opts *opts)
{
	t_attach(fd);
	SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_ROLE, &role, sizeof(role)));
	t_set_opts(fd, opts);
}

/* Plain TCP first, then the ULP on both ends, as after a STARTTLS. */
static void test_established(void **state)
{
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);
	int client = t_connect(&addr, NULL);
	int server = t_accept(listener);
	char c;

	(void)state;
	t_exchange(client, server);
	attach_established(client, KSC_ROLE_CLIENT, &t_client);
	attach_established(server, KSC_ROLE_SERVER, &t_server);
	/* no call waits for the server's: poll() starts it */
	FAILS(recv(server, &c, 1, MSG_DONTWAIT), EAGAIN);
	SYS(setsockopt(client, SOL_KSCHANNEL, KSC_HANDSHAKE, &(int){ 1 }, sizeof(int)));
	t_exchange(client, server);
	assert_int_equal(t_info(client).role, KSC_ROLE_CLIENT);
	assert_int_equal(t_info(server).role, KSC_ROLE_SERVER);
	close(client);
	t_expect_eof(server);
	close(server);
	close(listener);
}

/* Sending starts the handshake too. */
static void test_established_send(void **state)
{
	const struct peer_conf conf = { .library = PEER_OPENSSL, .server = true };
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);
	int fd = t_connect(&addr, NULL);

	(void)state;
	peer_accept(&peer, &conf, listener, peer_echo);
	attach_established(fd, KSC_ROLE_CLIENT, &t_client);
	t_send(fd, "first", 5);
	t_expect(fd, "first");
	close(fd);
	peer_join(&peer);
	close(listener);
}

/* And so does waiting to receive: the server's role, nothing sent by us. */
static void test_established_poll(void **state)
{
	const struct peer_conf conf = { .library = PEER_OPENSSL };
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);
	int fd;

	(void)state;
	peer_connect(&peer, &conf, &addr, peer_greet);
	fd = t_accept(listener);
	attach_established(fd, KSC_ROLE_SERVER, &t_server);
	t_wait(fd, POLLIN);
	t_expect(fd, "hello");
	close(fd);
	peer_join(&peer);
	close(listener);
}

/* KSC_HANDSHAKE on a non-blocking socket starts it and returns EINPROGRESS. */
static void test_handshake_nonblocking(void **state)
{
	const struct peer_conf conf = { .library = PEER_OPENSSL, .server = true };
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);
	int fd = t_connect(&addr, NULL);

	(void)state;
	attach_established(fd, KSC_ROLE_CLIENT, &t_client);
	t_nonblock(fd, true);
	FAILS(setsockopt(fd, SOL_KSCHANNEL, KSC_HANDSHAKE, &(int){ 1 }, sizeof(int)), EINPROGRESS);
	peer_accept(&peer, &conf, listener, peer_echo);
	t_wait(fd, POLLOUT);
	assert_int_equal(t_so_error(fd), 0);
	assert_int_equal(t_info(fd).phase, KSC_PHASE_ESTABLISHED);
	t_nonblock(fd, false);
	t_send(fd, "done", 4);
	t_expect(fd, "done");
	close(fd);
	peer_join(&peer);
	close(listener);
}

static void test_nonblocking_connect(void **state)
{
	const struct t_opts client = { .server_name = "server.test", .nonblock = true };
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fd;
	struct peer peer = { 0 };
	struct pollfd pfd = { .events = POLLIN | POLLOUT };
	char c;

	fd = t_try_connect(&addr, &client);
	assert_int_equal(errno, EINPROGRESS);
	/* the peer does not answer yet: not ready for anything */
	pfd.fd = fd;
	assert_int_equal(SYS(poll(&pfd, 1, 0)), 0);
	FAILS(send(fd, "early", 5, 0), EAGAIN);
	FAILS(recv(fd, &c, 1, 0), EAGAIN);
	FAILS(connect(fd, (struct sockaddr *)&addr.ss, addr.len), EALREADY);
	assert_int_equal(t_so_error(fd), 0);
	peer_accept(&peer, *state, listener, peer_echo);
	t_wait(fd, POLLOUT);
	assert_int_equal(t_so_error(fd), 0);
	if (!connect(fd, (struct sockaddr *)&addr.ss, addr.len))
		errno = EISCONN;
	assert_int_equal(errno, EISCONN);
	FAILS(connect(fd, (struct sockaddr *)&addr.ss, addr.len), EISCONN);
	t_nonblock(fd, false);
	t_send(fd, "late", 4);
	t_expect(fd, "late");
	close(fd);
	peer_join(&peer);
	close(listener);
}

#define CASE(who, lib, is_server, ver, cph, num)                                                   \
	{                                                                                          \
		.name = (who), .test_func = test_peer, .initial_state = &(struct combination)      \
		{                                                                                  \
			.conf = { .library = (lib),                                                \
				  .server = (is_server),                                           \
				  .version = (ver),                                                \
				  .cipher = (cph) },                                               \
			.suite = (num),                                                            \
		}                                                                                  \
	}

#define SUITES(who, lib, is_server)                                                                \
	CASE(who " TLS 1.2 AES-128-GCM", lib, is_server, 0x0303, PEER_AES128, 0xc02b),             \
	CASE(who " TLS 1.2 AES-256-GCM", lib, is_server, 0x0303, PEER_AES256, 0xc02c),             \
	CASE(who " TLS 1.2 ChaCha20", lib, is_server, 0x0303, PEER_CHACHA, 0xcca9),                \
	CASE(who " TLS 1.2 AES-128-CCM", lib, is_server, 0x0303, PEER_CCM, 0xc0ac),                \
	CASE(who " TLS 1.3 AES-128-GCM", lib, is_server, 0x0304, PEER_AES128, 0x1301),             \
	CASE(who " TLS 1.3 AES-256-GCM", lib, is_server, 0x0304, PEER_AES256, 0x1302),             \
	CASE(who " TLS 1.3 ChaCha20", lib, is_server, 0x0304, PEER_CHACHA, 0x1303),                \
	CASE(who " TLS 1.3 AES-128-CCM", lib, is_server, 0x0304, PEER_CCM, 0x1304)

int main(void)
{
	static const struct peer_conf openssl_server = { .library = PEER_OPENSSL, .server = true };
	static const struct peer_conf gnutls_server = { .library = PEER_GNUTLS, .server = true };
	const struct CMUnitTest tests[] = {
		SUITES("client, OpenSSL server:", PEER_OPENSSL, true),
		SUITES("server, OpenSSL client:", PEER_OPENSSL, false),
		SUITES("client, GnuTLS server:", PEER_GNUTLS, true),
		SUITES("server, GnuTLS client:", PEER_GNUTLS, false),
		cmocka_unit_test(test_ulp_v4),
		cmocka_unit_test(test_ulp_v6),
		cmocka_unit_test(test_proto_v4),
		cmocka_unit_test(test_proto_v6),
		cmocka_unit_test(test_v4_mapped),
		cmocka_unit_test(test_established),
		cmocka_unit_test(test_established_send),
		cmocka_unit_test(test_established_poll),
		cmocka_unit_test(test_handshake_nonblocking),
		T_CASE("non-blocking connect, OpenSSL", test_nonblocking_connect, &openssl_server),
		T_CASE("non-blocking connect, GnuTLS", test_nonblocking_connect, &gnutls_server),
	};

	return T_RUN(tests);
}
