// SPDX-License-Identifier: GPL-2.0-only
/*
 * Socket options: valid values, when they may be set, and inheritance; and what KSC_ALPN
 * chooses.
 */
#include <netinet/tcp.h>
#include <unistd.h>

#include "lib/net.h"
#include "lib/peer.h"

#define SET(fd, option, value)                                                                     \
	setsockopt(fd, SOL_KSCHANNEL, option, &(__typeof__(value)){ value }, sizeof(value))

static void test_set_get(void **state)
{
	static const uint8_t alpn[] = "\x02h2\x08http/1.1";
	int fd = t_socket(AF_INET, &t_server), value;
	socklen_t len;
	char buf[600];

	(void)state;
	SYS(SET(fd, KSC_ROLE, (int)KSC_ROLE_CLIENT));
	len = sizeof(value);
	SYS(getsockopt(fd, SOL_KSCHANNEL, KSC_ROLE, &value, &len));
	assert_int_equal(value, KSC_ROLE_CLIENT);
	SYS(SET(fd, KSC_VERIFY, (int)KSC_VERIFY_REQUEST));
	len = sizeof(value);
	SYS(getsockopt(fd, SOL_KSCHANNEL, KSC_VERIFY, &value, &len));
	assert_int_equal(value, KSC_VERIFY_REQUEST);
	len = sizeof(value);
	SYS(getsockopt(fd, SOL_KSCHANNEL, KSC_HANDSHAKE_TIMEOUT, &value, &len));
	assert_int_equal(value, KSC_DEFAULT_HANDSHAKE_TIMEOUT);
	SYS(SET(fd, KSC_HANDSHAKE_TIMEOUT, 1U));
	SYS(SET(fd, KSC_HANDSHAKE_TIMEOUT, (unsigned int)KSC_MAX_HANDSHAKE_TIMEOUT));
	SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_SERVER_NAME, "a.test", 6));
	len = sizeof(buf);
	SYS(getsockopt(fd, SOL_KSCHANNEL, KSC_SERVER_NAME, buf, &len));
	assert_int_equal(len, 6);
	assert_memory_equal(buf, "a.test", 6);
	SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_CREDENTIAL, "web", 3));
	len = sizeof(buf);
	SYS(getsockopt(fd, SOL_KSCHANNEL, KSC_CREDENTIAL, buf, &len));
	assert_int_equal(len, 3);
	assert_memory_equal(buf, "web", 3);
	SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_ALPN, alpn, sizeof(alpn) - 1));
	len = sizeof(buf);
	SYS(getsockopt(fd, SOL_KSCHANNEL, KSC_ALPN, buf, &len));
	assert_int_equal(len, sizeof(alpn) - 1);
	assert_memory_equal(buf, alpn, len);
	close(fd);
}

static void test_bad_values(void **state)
{
	int fd = t_socket(AF_INET, &t_server);
	char buf[4096];

	(void)state;
	memset(buf, 'a', sizeof(buf));
	FAILS(SET(fd, KSC_ROLE, 3), EINVAL);
	FAILS(SET(fd, KSC_ROLE, -1), EINVAL);
	FAILS(SET(fd, KSC_VERIFY, (int)KSC_VERIFY_MANUAL + 1), EINVAL);
	FAILS(SET(fd, KSC_HANDSHAKE_TIMEOUT, 0U), EINVAL);
	FAILS(SET(fd, KSC_HANDSHAKE_TIMEOUT, KSC_MAX_HANDSHAKE_TIMEOUT + 1U), EINVAL);
	FAILS(setsockopt(fd, SOL_KSCHANNEL, KSC_ROLE, buf, 1), EINVAL);
	FAILS(setsockopt(fd, SOL_KSCHANNEL, KSC_SERVER_NAME, buf, KSC_MAX_NAME + 1), ENAMETOOLONG);
	FAILS(setsockopt(fd, SOL_KSCHANNEL, KSC_CREDENTIAL, buf, KSC_MAX_NAME + 1), ENAMETOOLONG);
	FAILS(setsockopt(fd, SOL_KSCHANNEL, KSC_SERVER_NAME, "a\0b", 3), EINVAL);
	FAILS(setsockopt(fd, SOL_KSCHANNEL, KSC_ALPN, buf, 3), EINVAL);
	FAILS(setsockopt(fd, SOL_KSCHANNEL, KSC_ALPN, "\0", 1), EINVAL);
	FAILS(setsockopt(fd, SOL_KSCHANNEL, KSC_ALPN, "\2h2\5htt", 7), EINVAL);
	FAILS(setsockopt(fd, SOL_KSCHANNEL, KSC_ALPN, buf, sizeof(buf)), ENAMETOOLONG);
	FAILS(SET(fd, 99, 0), ENOPROTOOPT);
	FAILS(SET(fd, KSC_INFO, 0), ENOPROTOOPT);
	FAILS(getsockopt(fd, SOL_KSCHANNEL, 99, buf, &(socklen_t){ 4 }), ENOPROTOOPT);
	FAILS(setsockopt(fd, SOL_KSCHANNEL, KSC_SERVER_NAME, (void *)16, 4), EFAULT);
	/* nothing of that changed anything */
	t_expect_error(fd, KSC_STATUS_OK, 0);
	close(fd);
	fd = t_plain(AF_INET);
	FAILS(SET(fd, KSC_ROLE, 1), ENOPROTOOPT);
	close(fd);
}

/**
 * struct tunable - an option that may be set at any time
 * @option: the option
 * @initial: its default
 * @good: values that it takes
 * @bad: values that it does not, up to a 0
 */
struct tunable {
	int option;
	int initial;
	int good[3];
	int bad[2];
};

static const struct tunable tunables[] = {
	{ KSC_REKEY_AFTER, 0, { 1, 1000, -1 }, { 0 } },
	{ KSC_PADDING, 0, { 1, 100, 16384 }, { -1, 16385 } },
	{ KSC_TX_MAX_PAYLOAD, 16384, { 64, 1000, 16384 }, { 63, 16385 } },
	{ KSC_RECORD_SIZING, KSC_SIZING_DYNAMIC,
	  { KSC_SIZING_FULL, KSC_SIZING_DYNAMIC, KSC_SIZING_FULL }, { -1, 2 } },
};

static int get_int(int fd, int option)
{
	int value = -2;
	socklen_t len = sizeof(value);

	SYS(getsockopt(fd, SOL_KSCHANNEL, option, &value, &len));
	assert_int_equal(len, sizeof(value));
	return value;
}

static void try_tunable(int fd, const struct tunable *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(t->good); i++) {
		SYS(SET(fd, t->option, t->good[i]));
		assert_int_equal(get_int(fd, t->option), t->good[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(t->bad) && t->bad[i]; i++)
		FAILS(SET(fd, t->option, t->bad[i]), EINVAL);
	FAILS(setsockopt(fd, SOL_KSCHANNEL, t->option, &t->good[0], 1), EINVAL);
	FAILS(setsockopt(fd, SOL_KSCHANNEL, t->option, &t->good[0], 8), EINVAL);
	FAILS(setsockopt(fd, SOL_KSCHANNEL, t->option, (void *)16, 4), EFAULT);
	assert_int_equal(get_int(fd, t->option), t->good[2]);
	SYS(SET(fd, t->option, t->initial));
}

/* Before the connection and while it is used, on both sides. */
static void test_tunables(void **state)
{
	int fd = t_socket(AF_INET, &t_client), fds[2];

	(void)state;
	t_pair(AF_INET, fds);
	for (size_t i = 0; i < ARRAY_SIZE(tunables); i++) {
		assert_int_equal(get_int(fd, tunables[i].option), tunables[i].initial);
		try_tunable(fd, &tunables[i]);
		try_tunable(fds[0], &tunables[i]);
		try_tunable(fds[1], &tunables[i]);
		t_exchange(fds[0], fds[1]);
	}
	close(fd);
	close(fds[0]);
	close(fds[1]);
}

/* What a listener has when a connection is accepted is that connection's. */
static void test_tunables_inherited(void **state)
{
	struct t_addr addr;
	int listener = t_listen(AF_INET, &t_server, &addr), fd, child;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tunables); i++)
		SYS(SET(listener, tunables[i].option, tunables[i].good[1]));
	fd = t_begin(&addr, &t_client);
	child = t_accept(listener);
	for (size_t i = 0; i < ARRAY_SIZE(tunables); i++)
		SYS(SET(listener, tunables[i].option, tunables[i].good[0]));
	t_exchange(fd, child);
	for (size_t i = 0; i < ARRAY_SIZE(tunables); i++) {
		assert_int_equal(get_int(child, tunables[i].option), tunables[i].good[1]);
		assert_int_equal(get_int(listener, tunables[i].option), tunables[i].good[0]);
		assert_int_equal(get_int(fd, tunables[i].option), tunables[i].initial);
	}
	close(fd);
	close(child);
	close(listener);
}

static void test_rekey_errors(void **state)
{
	const struct peer_conf conf = { .library = PEER_OPENSSL, .server = true,
					.version = 0x0303 };
	int fd = t_socket(AF_INET, &t_client), listener, fds[2], value;
	struct peer peer = { 0 };
	struct t_addr addr;

	(void)state;
	FAILS(SET(fd, KSC_REKEY, 0), ENOTCONN);
	FAILS(SET(fd, KSC_REKEY, 2), EINVAL);
	FAILS(SET(fd, KSC_REKEY, -1), EINVAL);
	FAILS(getsockopt(fd, SOL_KSCHANNEL, KSC_REKEY, &value, &(socklen_t){ sizeof(value) }),
	      ENOPROTOOPT);
	close(fd);
	t_pair(AF_INET, fds);
	/* the server is done then, too */
	t_exchange(fds[0], fds[1]);
	SYS(SET(fds[0], KSC_REKEY, 0));
	SYS(SET(fds[1], KSC_REKEY, 1));
	t_exchange(fds[0], fds[1]);
	SYS(shutdown(fds[0], SHUT_WR));
	FAILS(SET(fds[0], KSC_REKEY, 0), EPIPE);
	t_expect_eof(fds[1]);
	/* our side is open still */
	SYS(SET(fds[1], KSC_REKEY, 0));
	t_send(fds[1], "bye", 3);
	t_expect(fds[0], "bye");
	close(fds[0]);
	close(fds[1]);
	listener = t_listen(AF_INET, NULL, &addr);
	peer_accept(&peer, &conf, listener, peer_greet);
	fd = t_connect(&addr, &t_client);
	FAILS(SET(fd, KSC_REKEY, 0), EOPNOTSUPP);
	t_expect(fd, "hello");
	close(fd);
	peer_join(&peer);
	close(listener);
}

static void test_not_yet(void **state)
{
	int fd = t_socket(AF_INET, &t_client);
	struct ksc_info info;
	socklen_t len = sizeof(info);
	char c;

	(void)state;
	FAILS(getsockopt(fd, SOL_KSCHANNEL, KSC_INFO, &info, &len), ENOTCONN);
	FAILS(SET(fd, KSC_HANDSHAKE, 1), ENOTCONN);
	FAILS(recv(fd, &c, 1, 0), ENOTCONN);
	FAILS(send(fd, &c, 1, MSG_NOSIGNAL), ENOTCONN);
	close(fd);
}

static void test_too_late(void **state)
{
	int fds[2];

	(void)state;
	t_pair(AF_INET, fds);
	t_exchange(fds[0], fds[1]);
	for (size_t i = 0; i < 2; i++) {
		FAILS(setsockopt(fds[i], SOL_KSCHANNEL, KSC_SERVER_NAME, "x", 1), EBUSY);
		FAILS(setsockopt(fds[i], SOL_KSCHANNEL, KSC_CREDENTIAL, "x", 1), EBUSY);
		FAILS(setsockopt(fds[i], SOL_KSCHANNEL, KSC_ALPN, "\1x", 2), EBUSY);
		FAILS(SET(fds[i], KSC_ROLE, 1), EBUSY);
		FAILS(SET(fds[i], KSC_VERIFY, 1), EBUSY);
		FAILS(SET(fds[i], KSC_HANDSHAKE_TIMEOUT, 1000U), EBUSY);
		/* done already */
		SYS(SET(fds[i], KSC_HANDSHAKE, 1));
	}
	close(fds[0]);
	close(fds[1]);
}

static void test_lengths(void **state)
{
	struct ksc_info info;
	socklen_t len = 4;
	char more[sizeof(info) + 100];
	int fds[2];

	(void)state;
	t_pair(AF_INET, fds);
	memset(&info, 0xee, sizeof(info));
	SYS(getsockopt(fds[0], SOL_KSCHANNEL, KSC_INFO, &info, &len));
	assert_int_equal(len, 4);
	assert_int_equal(info.version, 0x0304);
	assert_int_equal(info.role, 0xeeeeeeee);
	len = sizeof(more);
	SYS(getsockopt(fds[0], SOL_KSCHANNEL, KSC_INFO, more, &len));
	assert_int_equal(len, sizeof(info));
	close(fds[0]);
	close(fds[1]);
}

static void test_ulp(void **state)
{
	const char name[] = KSC_ULP_NAME;
	int fd = (int)SYS(socket(AF_INET, SOCK_DGRAM, 0));
	struct t_addr addr;
	int listener, client;

	(void)state;
	assert_true(setsockopt(fd, IPPROTO_TCP, TCP_ULP, name, sizeof(name)) < 0);
	close(fd);
	assert_true(socket(AF_INET, SOCK_DGRAM, IPPROTO_KSCHANNEL) < 0);
	assert_true(socket(AF_UNIX, SOCK_STREAM, IPPROTO_KSCHANNEL) < 0);
	fd = t_socket(AF_INET, &t_client);
	FAILS(setsockopt(fd, IPPROTO_TCP, TCP_ULP, name, sizeof(name)), EEXIST);
	close(fd);
	listener = t_listen(AF_INET, NULL, &addr);
	client = t_connect(&addr, NULL);
	t_attach(client);
	/* which role is ours? */
	FAILS(SET(client, KSC_HANDSHAKE, 1), EDESTADDRREQ);
	SYS(SET(client, KSC_ROLE, (int)KSC_ROLE_CLIENT));
	close(client);
	close(listener);
}

/* A listener's options are its children's, each as it was when the connection came. */
static void test_inherited(void **state)
{
	const struct t_opts server = { .credential = "other" };
	const struct t_opts client = { .server_name = "other.test" };
	struct t_addr addr;
	int listener = t_listen(AF_INET, &server, &addr), fds[2];

	(void)state;
	fds[0] = t_begin(&addr, &client);
	fds[1] = t_accept(listener);
	t_finish(fds[0]);
	assert_string_equal(t_info(fds[0]).peer_subject, "CN=other.test");
	close(fds[0]);
	close(fds[1]);
	SYS(setsockopt(listener, SOL_KSCHANNEL, KSC_CREDENTIAL, "server", 6));
	fds[0] = t_begin(&addr, &t_client);
	fds[1] = t_accept(listener);
	t_finish(fds[0]);
	assert_string_equal(t_info(fds[0]).peer_subject, "CN=server.test");
	close(fds[0]);
	close(fds[1]);
	close(listener);
}

static void alpn_case(const char *client_list, const char *server_list, const char *chosen)
{
	const struct t_opts client = { .server_name = "server.test", .alpn = client_list };
	const struct t_opts server = { .alpn = server_list };
	int fds[2];

	t_pair_opts(AF_INET, &client, &server, fds);
	t_exchange(fds[0], fds[1]);
	assert_string_equal(t_info(fds[0]).alpn, chosen);
	assert_string_equal(t_info(fds[1]).alpn, chosen);
	close(fds[0]);
	close(fds[1]);
}

/* Case 28: a protocol that both have. */
static void case_28_alpn(void **state)
{
	(void)state;
	alpn_case("h2,http/1.1", "http/1.1", "http/1.1");
	/* the server's preference counts */
	alpn_case("h2,http/1.1", "http/1.1,h2", "http/1.1");
	alpn_case("h2", NULL, "");
	alpn_case(NULL, "h2", "");
}

/* Case 28: and none. */
static void case_28_alpn_mismatch(void **state)
{
	const struct t_opts client = { .server_name = "server.test", .alpn = "h2" };
	const struct t_opts server = { .alpn = "http/1.1" };
	struct t_addr addr;
	int listener = t_listen(AF_INET, &server, &addr), fd, child;
	char c;

	(void)state;
	fd = t_begin(&addr, &client);
	child = t_accept(listener);
	FAILS(t_handshake(fd), EPROTO);
	t_expect_error(fd, KSC_STATUS_ALERT_RECEIVED, EPROTO);
	assert_int_equal(t_error(fd).alert, 120);
	FAILS(recv(child, &c, 1, 0), EPROTO);
	assert_int_equal(t_error(child).alert, 120);
	assert_int_equal(t_error(child).direction, KSC_DIRECTION_SENT);
	close(fd);
	close(child);
	close(listener);
}

/* With another library on either side. */
static void test_alpn_peer(void **state)
{
	const struct t_opts ours = { .server_name = "server.test", .alpn = "h2,http/1.1" };
	struct peer_conf conf = *(const struct peer_conf *)*state;
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener, fd;

	conf.alpn = "http/1.1";
	listener = t_listen(AF_INET, conf.server ? NULL : &ours, &addr);
	if (conf.server) {
		peer_accept(&peer, &conf, listener, peer_greet);
		fd = t_connect(&addr, &ours);
	} else {
		peer_connect(&peer, &conf, &addr, peer_greet);
		fd = t_accept(listener);
	}
	t_expect(fd, "hello");
	assert_string_equal(t_info(fd).alpn, "http/1.1");
	close(fd);
	peer_join(&peer);
	close(listener);
}

int main(void)
{
	static const struct peer_conf openssl_server = { .library = PEER_OPENSSL, .server = true };
	static const struct peer_conf openssl_client = { .library = PEER_OPENSSL };
	static const struct peer_conf gnutls_server = { .library = PEER_GNUTLS, .server = true };
	static const struct peer_conf gnutls_client = { .library = PEER_GNUTLS };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_get),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_tunables),
		cmocka_unit_test(test_tunables_inherited),
		cmocka_unit_test(test_rekey_errors),
		cmocka_unit_test(test_not_yet),
		cmocka_unit_test(test_too_late),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_ulp),
		cmocka_unit_test(test_inherited),
		cmocka_unit_test(case_28_alpn),
		cmocka_unit_test(case_28_alpn_mismatch),
		T_CASE("ALPN, OpenSSL server", test_alpn_peer, &openssl_server),
		T_CASE("ALPN, OpenSSL client", test_alpn_peer, &openssl_client),
		T_CASE("ALPN, GnuTLS server", test_alpn_peer, &gnutls_server),
		T_CASE("ALPN, GnuTLS client", test_alpn_peer, &gnutls_client),
	};

	return T_RUN(tests);
}
