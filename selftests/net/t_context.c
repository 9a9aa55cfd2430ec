// SPDX-License-Identifier: GPL-2.0-only
/* The security context as applications have it: steps over the daemon's socket, by hand. */
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/message.h"
#include "lib/ctx.h"
#include "lib/daemon.h"

static struct ctx client, server;

static void open_both(void)
{
	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &t_client);
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &t_server);
}

/* A ClientHello as a token */
static void make_hello(struct ctx *ctx)
{
	ctx_open(ctx, &ctx_sock, KSC_ROLE_CLIENT, &t_client);
	ctx_step(ctx, NULL, 0);
	assert_int_equal(ctx->last.status, KSC_STATUS_CONTINUE_NEEDED);
	assert_true(ctx->last.token_len);
}

static void test_handshake(void **state)
{
	const struct t_opts alpn = { .server_name = "server.test", .alpn = "h2" };
	uint32_t id;

	(void)state;
	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &alpn);
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &alpn);
	ctx_handshake(&client, &server);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
	assert_int_equal(server.last.status, KSC_STATUS_OK);
	assert_int_equal(client.last.version, 0x0304);
	assert_int_equal(client.last.suite, server.last.suite);
	assert_string_equal(client.last.alpn, "h2");
	assert_string_equal(server.last.alpn, "h2");
	assert_string_equal(server.last.server_name, "server.test");
	/* each side has what the other has shown */
	assert_true(client.last.chain_len > 3);
	assert_int_equal(server.last.chain_len, 0);
	/* both are deleted, and their numbers are free */
	assert_int_equal(ctx_try_step(&client, "x", 1), -ENOENT);
	id = server.id;
	ctx_close(&server);
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &alpn);
	server.id = id;
	ctx_step(&server, NULL, 0);
	assert_int_equal(server.last.status, KSC_STATUS_INCOMPLETE_MESSAGE);
}

/* Cases 2 and 3: too little changes nothing, however often. */
static void case_02_03_incomplete(void **state)
{
	uint8_t hello[KSC_MAX_TOKEN];
	size_t len;

	(void)state;
	make_hello(&client);
	len = client.last.token_len;
	memcpy(hello, client.last.token, len);
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &t_server);
	for (int i = 0; i < 3; i++) {
		ctx_step(&server, NULL, 0);
		assert_int_equal(server.last.status, KSC_STATUS_INCOMPLETE_MESSAGE);
		assert_int_equal(server.last.consumed, 0);
		assert_int_equal(server.last.token_len, 0);
		assert_int_equal(server.last.need, 5);
		ctx_step(&server, hello, len - 1);
		assert_int_equal(server.last.status, KSC_STATUS_INCOMPLETE_MESSAGE);
		assert_int_equal(server.last.consumed, 0);
		assert_int_equal(server.last.need, 1);
	}
	ctx_step(&server, hello, len);
	assert_int_equal(server.last.status, KSC_STATUS_CONTINUE_NEEDED);
	assert_int_equal(server.last.consumed, len);
	assert_true(server.last.token_len);
}

/* Passes a flight in pieces of the needed size; the result goes to answer. */
static size_t feed_as_needed(struct ctx *to, const uint8_t *flight, size_t len, uint8_t *answer)
{
	size_t at = 0, out = 0;

	for (;;) {
		ctx_feed(to, NULL, 0);
		if (to->last.status != KSC_STATUS_INCOMPLETE_MESSAGE || at == len)
			break;
		while (to->last.status == KSC_STATUS_INCOMPLETE_MESSAGE) {
			size_t need = to->last.need;

			assert_in_range(need, 1, len - at);
			ctx_feed(to, flight + at, need);
			at += need;
		}
		assert_in_range(to->last.status, KSC_STATUS_OK, KSC_STATUS_CONTINUE_NEEDED);
		memcpy(answer + out, to->last.token, to->last.token_len);
		out += to->last.token_len;
		if (to->last.status == KSC_STATUS_OK)
			break;
	}
	return out;
}

/* Case 4: with the number of bytes that is reported as needed it completes. */
static void case_04_need(void **state)
{
	static uint8_t flights[2][KSC_MAX_TOKEN];
	struct ctx *to = &server, *from = &client;
	size_t len;

	(void)state;
	open_both();
	ctx_step(&client, NULL, 0);
	len = client.last.token_len;
	memcpy(flights[0], client.last.token, len);
	server.last.status = KSC_STATUS_CONTINUE_NEEDED;
	for (int i = 0; len && to->last.status != KSC_STATUS_OK; i = !i) {
		len = feed_as_needed(to, flights[i], len, flights[!i]);
		to = from;
		from = to == &client ? &server : &client;
	}
	assert_int_equal(client.last.status, KSC_STATUS_OK);
	assert_int_equal(server.last.status, KSC_STATUS_OK);
}

/* Cases 5 and 8: what follows the end of the handshake is left alone. */
static void case_05_08_extra(void **state)
{
	static const uint8_t record[] = { 23, 3, 3, 0, 32, 'e', 'x', 't', 'r', 'a' };
	uint8_t flight[KSC_MAX_TOKEN];
	size_t len;

	(void)state;
	open_both();
	ctx_step(&client, NULL, 0);
	ctx_step(&server, client.last.token, client.last.token_len);
	ctx_step(&client, server.last.token, server.last.token_len);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
	len = client.last.token_len;
	memcpy(flight, client.last.token, len);
	/* it might be a record, of which the handshake has no notion */
	memcpy(flight + len, record, sizeof(record));
	ctx_step(&server, flight, len + sizeof(record));
	assert_int_equal(server.last.status, KSC_STATUS_OK);
	assert_int_equal(server.last.consumed, len);
}

/* Case 12: an end that fails sends an alert to the peer, and an error to its caller. */
static void case_12_failure(void **state)
{
	const struct t_opts wrong = { .server_name = "wrong.test" };

	(void)state;
	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &wrong);
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &t_server);
	ctx_handshake(&client, &server);
	assert_int_equal(client.last.status, KSC_STATUS_PEER_REJECTED);
	assert_int_equal(client.last.direction, KSC_DIRECTION_SENT);
	assert_true(client.last.alert);
	assert_true(client.last.token_len);
	assert_true(client.last.text[0]);
	assert_int_equal(server.last.status, KSC_STATUS_ALERT_RECEIVED);
	assert_int_equal(server.last.alert, client.last.alert);
	assert_int_equal(client.key, -1);
	/* it is deleted */
	assert_int_equal(ctx_try_step(&client, "x", 1), -ENOENT);
	assert_true(ctx_sock.text[0]);
}

/* Case 16: what is no token at all. */
static void case_16_http(void **state)
{
	(void)state;
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &t_server);
	ctx_step(&server, "GET / HTTP/1.0\r\n\r\n", 18);
	assert_int_equal(server.last.status, KSC_STATUS_PROTOCOL_ERROR);
	assert_true(server.last.text[0]);
}

/* Case 16: the wrong role. */
static void case_16_wrong_role(void **state)
{
	struct ctx other;

	(void)state;
	make_hello(&client);
	make_hello(&other);
	/* a ClientHello is none of a server's flights */
	ctx_step(&client, other.last.token, other.last.token_len);
	assert_in_range(client.last.status, KSC_STATUS_INTERNAL_ERROR, KSC_STATUS_KEY_LIMIT);
}

/* A number says something on its own connection only. */
static void test_no_context(void **state)
{
	struct ctx_sock foreign;
	struct ctx thief;

	(void)state;
	make_hello(&client);
	ctx_dial(&foreign, NULL);
	thief = client;
	thief.sock = &foreign;
	assert_int_equal(ctx_try_step(&thief, "x", 1), -ENOENT);
	assert_true(foreign.text[0]);
	ctx_close(&thief);
	/* the same number, of one's own */
	ctx_open(&thief, &foreign, KSC_ROLE_SERVER, &t_server);
	thief.id = client.id;
	ctx_step(&thief, client.last.token, client.last.token_len);
	assert_int_equal(thief.last.status, KSC_STATUS_CONTINUE_NEEDED);
	/* which is the other one's peer still */
	ctx_feed(&client, thief.last.token, thief.last.token_len);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
	ctx_hang_up(&foreign);

	make_hello(&client);
	ctx_close(&client);
	assert_int_equal(ctx_try_step(&client, "x", 1), -ENOENT);
	ctx_close(&client);
	client.id += 1000;
	assert_int_equal(ctx_try_step(&client, "x", 1), -ENOENT);
	client.id = 0;
	assert_int_equal(ctx_try_step(&client, "x", 1), -ENOENT);
	/* and goes on meanwhile */
	make_hello(&client);
}

static void test_bad_options(void **state)
{
	const struct t_opts name = { .server_name = "blank in it" };
	const struct t_opts alpn = { .alpn = "" };
	const struct t_opts timeout = { .timeout = KSC_MAX_HANDSHAKE_TIMEOUT + 1 };
	const struct t_opts verify = { .verify = KSC_VERIFY_MANUAL + 1 };
	const struct t_opts *const bad[] = { &name, &alpn, &timeout, &verify };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, bad[i]);
		assert_int_equal(ctx_try_step(&client, NULL, 0), -EINVAL);
		assert_true(ctx_sock.text[0]);
		/* nothing has begun */
		client.begin_len = 0;
		assert_int_equal(ctx_try_step(&client, NULL, 0), -ENOENT);
	}
	ctx_open(&client, &ctx_sock, KSC_ROLE_UNSPEC, &t_client);
	assert_int_equal(ctx_try_step(&client, NULL, 0), -EINVAL);
}

/* Begun twice: the first goes on. */
static void test_begun_twice(void **state)
{
	struct ctx twice;

	(void)state;
	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &t_client);
	twice = client;
	ctx_step(&client, NULL, 0);
	assert_int_equal(ctx_try_step(&twice, NULL, 0), -EEXIST);
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &t_server);
	ctx_feed(&server, client.last.token, client.last.token_len);
	ctx_feed(&client, server.last.token, server.last.token_len);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
}

/* So many that their steps wait for each other. */
#define MANY 40

/* Cases 41 and 43: the second step is EBUSY; deletion comes at any time. */
static void case_41_43_busy(void **state)
{
	static struct ctx many[MANY];
	struct ctx *last = &many[MANY - 1];
	pid_t pid;
	int rc;

	(void)state;
	for (int i = 0; i < MANY; i++)
		ctx_open(&many[i], &ctx_sock, KSC_ROLE_CLIENT, &t_client);
	pid = daemon_suspend();
	for (int i = 0; i < MANY; i++)
		ctx_offer(&many[i], NULL, 0);
	last->begin_len = 0;
	ctx_offer(last, NULL, 0);
	ctx_close(&many[MANY - 2]);
	SYS(kill(pid, SIGCONT));
	assert_int_equal(ctx_try_await(last), -EBUSY);
	assert_true(ctx_sock.text[0]);
	ctx_await(last);
	assert_int_equal(last->last.status, KSC_STATUS_CONTINUE_NEEDED);
	for (int i = 0; i < MANY - 2; i++) {
		ctx_await(&many[i]);
		assert_int_equal(many[i].last.status, KSC_STATUS_CONTINUE_NEEDED);
	}
	/* of the one that was deleted nothing comes, unless its step was over before */
	many[MANY - 2].begin_len = 0;
	rc = ctx_try_step(&many[MANY - 2], NULL, 0);
	assert_int_equal(rc ?: ctx_try_await(&many[MANY - 2]), -ENOENT);
	ctx_expect_none(&ctx_sock);
}

/* Case 41: at each step, whatever the daemon is about. */
static void case_41_deleted(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		open_both();
		ctx_offer(&client, NULL, 0);
		if (i & 1) {
			ctx_await(&client);
			ctx_offer(&server, client.last.token, client.last.token_len);
		}
		if ((i & 3) == 3)
			ctx_await(&server);
		ctx_close(&client);
		ctx_close(&server);
	}
	/* answers that came meanwhile are dropped */
	ctx_hang_up(&ctx_sock);
	ctx_dial(&ctx_sock, NULL);
	open_both();
	ctx_handshake(&client, &server);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
}

/* Case 42: a daemon's pending contexts die with it, and the next daemon does not know them. */
static void case_42_daemon_dies(void **state)
{
	(void)state;
	make_hello(&client);
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &t_server);
	daemon_suspend();
	ctx_offer(&server, client.last.token, client.last.token_len);
	daemon_do("kill");
	assert_int_equal(ctx_try_await(&server), -EPIPE);
	ctx_hang_up(&ctx_sock);
	assert_false(ctx_try_dial(&ctx_sock, NULL));
	assert_true(errno == ECONNREFUSED || errno == ENOENT);
	daemon_do("start");
	ctx_hang_up(&ctx_sock);
	ctx_dial(&ctx_sock, NULL);
	client.sock = &ctx_sock;
	assert_int_equal(ctx_try_step(&client, "x", 1), -ENOENT);
	open_both();
	ctx_handshake(&client, &server);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
}

/* Case 42: keys that were handed out are their owner's. */
static void case_42_keys_stay(void **state)
{
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fds[2];

	(void)state;
	open_both();
	ctx_handshake(&client, &server);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
	assert_int_equal(server.last.status, KSC_STATUS_OK);
	assert_int_equal(tnl_counter(KSC_A_STATS_KEYS), 2);
	daemon_do("kill");
	tnl_await_counter(KSC_A_STATS_DAEMON, 0);
	fds[0] = t_connect(&addr, NULL);
	fds[1] = t_accept(listener);
	ctx_attach(&client, fds[0]);
	daemon_do("start");
	ctx_attach(&server, fds[1]);
	t_exchange(fds[0], fds[1]);
	close(fds[0]);
	close(fds[1]);
	close(listener);
}

/* Case 18: the cap is on one token, too. */
static void case_18_too_long(void **state)
{
	(void)state;
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &t_server);
	assert_int_equal(ctx_try_step(&server, server.in, KSC_MAX_TOKEN + 1), -EINVAL);
	assert_true(ctx_sock.text[0]);
	ctx_step(&server, NULL, 0);
	assert_int_equal(server.last.status, KSC_STATUS_INCOMPLETE_MESSAGE);
}

static void test_timeout(void **state)
{
	const struct t_opts opts = { .timeout = 200 };

	(void)state;
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &opts);
	ctx_step(&server, NULL, 0);
	/* without a request */
	assert_int_equal(ctx_try_await(&server), -ETIMEDOUT);
	assert_int_equal(ctx_try_step(&server, "x", 1), -ENOENT);
	ctx_expect_none(&ctx_sock);
}

/* The daemon is late: there are no keys of a handshake that has run out of time. */
static void test_late(void **state)
{
	const struct t_opts opts = { .server_name = "server.test", .timeout = 500 };
	int64_t end;
	pid_t pid;
	int rc;

	(void)state;
	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &opts);
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &t_server);
	ctx_step(&client, NULL, 0);
	end = t_now_ms() + 1000;
	ctx_feed(&server, client.last.token, client.last.token_len);
	pid = daemon_suspend();
	ctx_offer(&client, server.last.token, server.last.token_len);
	/* only the clock can show it */
	while (t_now_ms() < end)
		poll(NULL, 0, 50);
	SYS(kill(pid, SIGCONT));
	rc = ctx_try_await(&client);
	if (rc)
		assert_int_equal(rc, -ETIMEDOUT);
	else
		assert_int_equal(client.last.status, KSC_STATUS_TIMED_OUT);
	assert_int_equal(client.key, -1);
	assert_int_equal(tnl_counter(KSC_A_STATS_KEYS), 0);
}

/* What was asked for, and when; or a word to the peer instead. */
static void test_order(void **state)
{
	const struct t_opts manual = { .server_name = "server.test", .verify = KSC_VERIFY_MANUAL };
	struct nl_msg *msg;

	(void)state;
	make_hello(&client);
	assert_int_equal(ctx_try_judge(&client, KSC_VERDICT_ACCEPT, 0), -ENODATA);
	assert_int_equal(ctx_try_pick(&client, "client"), -ENODATA);
	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &manual);
	assert_int_equal(ctx_try_judge(&client, KSC_VERDICT_ACCEPT, 0), -ENODATA);
	client.begin_len = 0;
	assert_int_equal(ctx_try_step(&client, NULL, 0), -ENOENT);

	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &manual);
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &t_server);
	ctx_handshake(&client, &server);
	assert_int_equal(client.last.status, KSC_STATUS_VERIFY_NEEDED);
	assert_int_equal(ctx_try_step(&client, client.in, client.in_len), -EINVAL);
	assert_int_equal(ctx_try_pick(&client, "client"), -EINVAL);
	/* 80, internal_error */
	msg = ksc_message_new(KSC_MESSAGE_STEP, ++ctx_sock.seq, 0);
	nla_put_u32(msg, KSC_M_CONTEXT, client.id);
	nla_put_u8(msg, KSC_M_ALERT, 80);
	ctx_send(&ctx_sock, msg);
	ctx_await(&client);
	assert_int_equal(client.last.status, KSC_STATUS_CANCELLED);
	assert_int_equal(client.last.alert, 80);
	assert_int_equal(client.last.direction, KSC_DIRECTION_SENT);
	ctx_feed(&server, client.last.token, client.last.token_len);
	assert_int_equal(server.last.status, KSC_STATUS_ALERT_RECEIVED);
	assert_int_equal(server.last.alert, 80);
}

#define TOGETHER 100

/* One connection has any number of them, and each is answered on its own. */
static void test_many(void **state)
{
	static struct ctx clients[TOGETHER], servers[TOGETHER];
	struct t_opts client_opts = t_client, server_opts = t_server;

	(void)state;
	/* they wait for each other, on a machine that may be busy */
	client_opts.timeout = KSC_MAX_HANDSHAKE_TIMEOUT;
	server_opts.timeout = KSC_MAX_HANDSHAKE_TIMEOUT;
	for (int i = 0; i < TOGETHER; i++) {
		ctx_open(&clients[i], &ctx_sock, KSC_ROLE_CLIENT, &client_opts);
		ctx_open(&servers[i], &ctx_sock, KSC_ROLE_SERVER, &server_opts);
		ctx_offer(&clients[i], NULL, 0);
	}
	for (int i = TOGETHER - 1; i >= 0; i--) {
		ctx_await(&clients[i]);
		ctx_offer(&servers[i], clients[i].last.token, clients[i].last.token_len);
	}
	for (int i = 0; i < TOGETHER; i++) {
		ctx_await(&servers[i]);
		ctx_feed(&clients[i], servers[i].last.token, servers[i].last.token_len);
		assert_int_equal(clients[i].last.status, KSC_STATUS_OK);
		ctx_feed(&servers[i], clients[i].last.token, clients[i].last.token_len);
		assert_int_equal(servers[i].last.status, KSC_STATUS_OK);
		ctx_close(&clients[i]);
		ctx_close(&servers[i]);
	}
	assert_int_equal(tnl_counter(KSC_A_STATS_KEYS), 0);
}

/* An unprivileged user: the socket is for everyone. */
static void test_unprivileged(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (!pid) {
		if (setgid(65534) || setuid(65534) || !ctx_try_dial(&ctx_sock, NULL))
			_exit(1);
		ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &t_client);
		_exit(ctx_try_step(&client, NULL, 0) ||
		      client.last.status != KSC_STATUS_CONTINUE_NEEDED);
	}
	SYS(waitpid(pid, &status, 0));
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CTX_TEST(test_handshake),
		CTX_TEST(case_02_03_incomplete),
		CTX_TEST(case_04_need),
		CTX_TEST(case_05_08_extra),
		CTX_TEST(case_12_failure),
		CTX_TEST(case_16_http),
		CTX_TEST(case_16_wrong_role),
		CTX_TEST(test_no_context),
		CTX_TEST(test_bad_options),
		CTX_TEST(test_begun_twice),
		CTX_TEST(case_18_too_long),
		CTX_TEST(case_41_43_busy),
		CTX_TEST(case_41_deleted),
		CTX_TEST(case_42_daemon_dies),
		CTX_TEST(case_42_keys_stay),
		CTX_TEST(test_timeout),
		CTX_TEST(test_late),
		CTX_TEST(test_order),
		CTX_TEST(test_many),
		CTX_TEST(test_unprivileged),
	};

	return T_RUN(tests);
}
