// SPDX-License-Identifier: GPL-2.0-only
/* Clients that are notified when the server asks for a certificate, and pick one. */
#include <unistd.h>

#include "lib/ctx.h"
#include "lib/daemon.h"
#include "lib/peer.h"

static const struct t_opts picks = { .server_name = "server.test", .pick = true };
static const struct t_opts asks = { .credential = "mutual" };

static struct ctx client, server;

/* To where the client has to pick. */
static void open_asked(const struct t_opts *opts)
{
	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, opts);
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &asks);
	ctx_step(&client, NULL, 0);
	ctx_feed(&server, client.last.token, client.last.token_len);
	ctx_feed(&client, server.last.token, server.last.token_len);
	assert_int_equal(client.last.status, KSC_STATUS_INCOMPLETE_CREDENTIALS);
	assert_true(client.last.has_issuers);
	/* the test's authority */
	assert_true(client.last.issuers_len > 2);
	/* a change_cipher_spec (RFC 8446 D.4) */
	if (client.last.token_len)
		ctx_feed(&server, client.last.token, client.last.token_len);
}

/* Case 26: the retry, with a certificate */
static void test_one(void **state)
{
	struct t_addr addr;
	int listener, fds[2];

	(void)state;
	open_asked(&picks);
	ctx_pick(&client, "client");
	assert_int_equal(client.last.status, KSC_STATUS_OK);
	ctx_feed(&server, client.last.token, client.last.token_len);
	assert_int_equal(server.last.status, KSC_STATUS_OK);
	listener = t_listen(AF_INET, NULL, &addr);
	fds[0] = t_connect(&addr, NULL);
	fds[1] = t_accept(listener);
	ctx_attach(&client, fds[0]);
	ctx_attach(&server, fds[1]);
	t_exchange(fds[0], fds[1]);
	assert_string_equal(t_info(fds[1]).peer_subject, "CN=client.test");
	close(listener);
	close(fds[0]);
	close(fds[1]);
}

/* Case 26: explicitly none, and a server that requires one fails the handshake */
static void test_none(void **state)
{
	(void)state;
	open_asked(&picks);
	ctx_pick(&client, NULL);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
	ctx_feed(&server, client.last.token, client.last.token_len);
	assert_int_equal(server.last.status, KSC_STATUS_PEER_REJECTED);
}

/* A client that did not ask for the notification sends no certificate, as before. */
static void test_not_asked(void **state)
{
	(void)state;
	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &t_client);
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &asks);
	ctx_handshake(&client, &server);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
	assert_int_equal(server.last.status, KSC_STATUS_PEER_REJECTED);
}

static void test_bad(void **state)
{
	static const struct {
		const char *name;
		uint32_t status;
	} bad[] = {
		{ "nobody", KSC_STATUS_NO_CREDENTIALS },
		/* a server's */
		{ "other", KSC_STATUS_NO_CREDENTIALS },
		/* without a certificate */
		{ "forgetful", KSC_STATUS_NO_CREDENTIALS },
		{ "restricted", KSC_STATUS_ACCESS_DENIED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		open_asked(&picks);
		ctx_pick(&client, bad[i].name);
		assert_int_equal(client.last.status, bad[i].status);
		assert_int_equal(client.last.direction, KSC_DIRECTION_SENT);
		assert_true(client.last.token_len);
		assert_non_null(strstr(client.last.text, bad[i].name));
		ctx_feed(&server, client.last.token, client.last.token_len);
		assert_int_equal(server.last.status, KSC_STATUS_ALERT_RECEIVED);
		ctx_close(&client);
		ctx_close(&server);
	}
}

static void test_errors(void **state)
{
	(void)state;
	open_asked(&picks);
	assert_int_equal(ctx_try_pick(&client, "blank in it"), -EINVAL);
	assert_int_equal(ctx_try_judge(&client, KSC_VERDICT_ACCEPT, 0), -ENODATA);
	assert_int_equal(ctx_try_pick(&server, "client"), -ENODATA);
	assert_true(ctx_sock.text[0]);
	ctx_pick(&client, "client");
	assert_int_equal(client.last.status, KSC_STATUS_OK);
	assert_int_equal(ctx_try_pick(&client, "client"), -ENOENT);
}

/* First the one question, then the other. */
static void test_both(void **state)
{
	struct t_opts both = picks;

	(void)state;
	both.verify = KSC_VERIFY_MANUAL;
	open_asked(&both);
	ctx_pick(&client, "client");
	assert_int_equal(client.last.status, KSC_STATUS_VERIFY_NEEDED);
	ctx_judge(&client, KSC_VERDICT_ACCEPT, 0);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
	ctx_feed(&server, client.last.token, client.last.token_len);
	assert_int_equal(server.last.status, KSC_STATUS_OK);
}

/* Against other libraries, over a socket. */
static void test_peer(void **state)
{
	const struct peer_conf *conf = *state;
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fd;
	uint8_t buf[4096];

	peer_accept(&peer, conf, listener, peer_greet);
	fd = t_connect(&addr, NULL);
	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &picks);
	ctx_run(&client, fd, 1000);
	assert_int_equal(client.last.status, KSC_STATUS_INCOMPLETE_CREDENTIALS);
	ctx_pick(&client, "client");
	t_send(fd, client.last.token, client.last.token_len);
	while (client.last.status != KSC_STATUS_OK) {
		size_t len = (size_t)SYS(recv(fd, buf, sizeof(buf), 0));

		assert_in_range(client.last.status, KSC_STATUS_CONTINUE_NEEDED,
				KSC_STATUS_INCOMPLETE_MESSAGE);
		assert_true(len);
		ctx_feed(&client, buf, len);
		t_send(fd, client.last.token, client.last.token_len);
	}
	ctx_attach(&client, fd);
	t_expect(fd, "hello");
	close(fd);
	close(listener);
	peer_join(&peer);
}

/* Its session is left in the middle of a message: the daemon has to let go of it. */
static void test_deleted(void **state)
{
	pid_t pid = daemon_pid();

	(void)state;
	for (int i = 0; i < 20; i++) {
		open_asked(&picks);
		ctx_close(&client);
		ctx_close(&server);
	}
	assert_int_equal(daemon_pid(), pid);
	open_asked(&picks);
	daemon_do("kill");
	ctx_expect_closed(&ctx_sock);
	daemon_do("start");
}

static const struct peer_conf servers[] = {
	{ .library = PEER_OPENSSL, .server = true, .version = 0x0304, .ask = true },
	{ .library = PEER_OPENSSL, .server = true, .version = 0x0303, .ask = true },
	{ .library = PEER_GNUTLS, .server = true, .version = 0x0304, .ask = true },
	{ .library = PEER_GNUTLS, .server = true, .version = 0x0303, .ask = true },
};

int main(void)
{
	const struct CMUnitTest tests[] = {
		CTX_TEST(test_one),
		CTX_TEST(test_none),
		CTX_TEST(test_not_asked),
		CTX_TEST(test_bad),
		CTX_TEST(test_errors),
		CTX_TEST(test_both),
		CTX_CASE("test_peer openssl 1.3", test_peer, &servers[0]),
		CTX_CASE("test_peer openssl 1.2", test_peer, &servers[1]),
		CTX_CASE("test_peer gnutls 1.3", test_peer, &servers[2]),
		CTX_CASE("test_peer gnutls 1.2", test_peer, &servers[3]),
		CTX_TEST(test_deleted),
	};

	return T_RUN(tests);
}
