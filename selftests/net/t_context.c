// SPDX-License-Identifier: GPL-2.0
/* The security context as applications have it: steps over netlink, by hand. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctx.h"
#include "daemon.h"

static struct ctx client, server;

static void open_both(void)
{
	ctx_open(&client, &ctx_nl, KSC_ROLE_CLIENT, &t_client);
	ctx_open(&server, &ctx_nl, KSC_ROLE_SERVER, &t_server);
}

/* A ClientHello as a token */
static void make_hello(struct ctx *ctx)
{
	ctx_open(ctx, &ctx_nl, KSC_ROLE_CLIENT, &t_client);
	ctx_step(ctx, NULL, 0);
	assert_int_equal(ctx->last.status, KSC_STATUS_CONTINUE_NEEDED);
	assert_true(ctx->last.token_len);
}

static void test_handshake(void **state)
{
	const struct t_opts alpn = { .server_name = "server.test", .alpn = "h2" };

	(void)state;
	ctx_open(&client, &ctx_nl, KSC_ROLE_CLIENT, &alpn);
	ctx_open(&server, &ctx_nl, KSC_ROLE_SERVER, &alpn);
	ctx_handshake(&client, &server);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
	assert_int_equal(server.last.status, KSC_STATUS_OK);
	assert_int_equal(client.last.version, 0x0304);
	assert_int_equal(client.last.suite, server.last.suite);
	assert_string_equal(client.last.alpn, "h2");
	assert_string_equal(server.last.alpn, "h2");
	assert_string_equal(server.last.server_name, "server.test");
	/* it can be asked for again, without the token that was delivered */
	assert_int_equal(ctx_ask(&server, KSC_CMD_CONTEXT_GET), 0);
	assert_int_equal(server.last.status, KSC_STATUS_OK);
	assert_int_equal(server.last.version, 0x0304);
	assert_int_equal(server.last.token_len, 0);
	assert_int_equal(ctx_try_offer(&client, 0, "x", 1), -EISCONN);
	ctx_close(&client);
	ctx_close(&server);
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
	ctx_open(&server, &ctx_nl, KSC_ROLE_SERVER, &t_server);
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

/* Brings a flight piece by piece, as said to be needed; what comes of it goes to answer. */
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

/* Case 4: as many bytes as are said to be needed bring it to its end. */
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

/* Case 12: what fails says so to the peer, and to its caller. */
static void case_12_failure(void **state)
{
	const struct t_opts wrong = { .server_name = "wrong.test" };

	(void)state;
	ctx_open(&client, &ctx_nl, KSC_ROLE_CLIENT, &wrong);
	ctx_open(&server, &ctx_nl, KSC_ROLE_SERVER, &t_server);
	ctx_handshake(&client, &server);
	assert_int_equal(client.last.status, KSC_STATUS_PEER_REJECTED);
	assert_int_equal(client.last.direction, KSC_DIRECTION_SENT);
	assert_true(client.last.alert);
	assert_true(client.last.token_len);
	assert_true(client.last.text[0]);
	assert_int_equal(server.last.status, KSC_STATUS_ALERT_RECEIVED);
	assert_int_equal(server.last.alert, client.last.alert);
	assert_int_equal(ctx_try_offer(&client, 0, "x", 1), -ECONNABORTED);
	assert_int_equal(ctx_ask(&client, KSC_CMD_CONTEXT_GET), 0);
	assert_int_equal(client.last.status, KSC_STATUS_PEER_REJECTED);
	ctx_close(&client);
	ctx_close(&server);
}

/* Case 16: what is no token at all. */
static void case_16_http(void **state)
{
	(void)state;
	ctx_open(&server, &ctx_nl, KSC_ROLE_SERVER, &t_server);
	ctx_step(&server, "GET / HTTP/1.0\r\n\r\n", 18);
	assert_int_equal(server.last.status, KSC_STATUS_PROTOCOL_ERROR);
	assert_true(server.last.text[0]);
}

/* Case 16: the wrong role, in words and in deeds. */
static void case_16_wrong_role(void **state)
{
	struct ctx other;

	(void)state;
	make_hello(&client);
	assert_int_equal(ctx_try_offer(&client, KSC_ROLE_SERVER, "x", 1), -EPROTOTYPE);
	assert_true(ctx_nl.text[0]);
	make_hello(&other);
	/* a ClientHello is none of a server's flights */
	ctx_step(&client, other.last.token, other.last.token_len);
	assert_in_range(client.last.status, KSC_STATUS_INTERNAL_ERROR, KSC_STATUS_KEY_LIMIT);
}

static void test_no_context(void **state)
{
	struct tnl_conn foreign;
	struct ctx thief;

	(void)state;
	make_hello(&client);
	/* another socket, of the same process even */
	assert_true(tnl_open(&foreign));
	thief = client;
	thief.nl = &foreign;
	assert_int_equal(ctx_try_offer(&thief, 0, "x", 1), -EPERM);
	assert_true(foreign.text[0]);
	assert_int_equal(ctx_ask(&thief, KSC_CMD_CONTEXT_GET), -EPERM);
	assert_int_equal(ctx_ask(&thief, KSC_CMD_CONTEXT_CLOSE), -EPERM);
	tnl_close(&foreign);
	/* its end is not the context's */
	assert_int_equal(ctx_ask(&client, KSC_CMD_CONTEXT_GET), 0);
	ctx_close(&client);
	assert_int_equal(ctx_try_offer(&client, 0, "x", 1), -ESTALE);
	assert_int_equal(ctx_ask(&client, KSC_CMD_CONTEXT_CLOSE), -ESTALE);
	client.id += 1000;
	assert_int_equal(ctx_try_offer(&client, 0, "x", 1), -ENOENT);
	client.id = 0;
	assert_int_equal(ctx_try_offer(&client, 0, "x", 1), -ENOENT);
	assert_int_equal(tnl_do(&ctx_nl, tnl_request(&ctx_nl, KSC_CMD_CONTEXT_STEP)), -EINVAL);
}

static void test_bad_options(void **state)
{
	const struct t_opts name = { .server_name = "blank in it" };
	const struct t_opts alpn = { .alpn = "" };
	const struct t_opts timeout = { .timeout = KSC_MAX_HANDSHAKE_TIMEOUT + 1 };

	(void)state;
	assert_int_equal(ctx_try_open(&client, &ctx_nl, KSC_ROLE_UNSPEC, &t_client), -EINVAL);
	assert_int_equal(ctx_try_open(&client, &ctx_nl, KSC_ROLE_CLIENT, &name), -EINVAL);
	assert_int_equal(ctx_try_open(&client, &ctx_nl, KSC_ROLE_CLIENT, &alpn), -EINVAL);
	assert_int_equal(ctx_try_open(&client, &ctx_nl, KSC_ROLE_CLIENT, &timeout), -EINVAL);
	assert_int_equal(tnl_counter(KSC_A_STATS_CONTEXTS), 0);
}

static void test_quota(void **state)
{
	struct ctx some[4];

	(void)state;
	t_set_parameter("max_contexts", 3);
	for (int i = 0; i < 3; i++)
		ctx_open(&some[i], &ctx_nl, KSC_ROLE_CLIENT, &t_client);
	assert_int_equal(ctx_try_open(&some[3], &ctx_nl, KSC_ROLE_CLIENT, &t_client), -EDQUOT);
	assert_true(ctx_nl.text[0]);
	/* one less is one more */
	ctx_close(&some[0]);
	ctx_open(&some[3], &ctx_nl, KSC_ROLE_CLIENT, &t_client);
	t_set_parameter("max_contexts", 4096);
}

/* Case 18: the cap is on all that is offered together. */
static void case_18_too_long(void **state)
{
	uint8_t hello[KSC_MAX_TOKEN];
	unsigned int len;

	(void)state;
	make_hello(&client);
	len = (unsigned int)client.last.token_len;
	memcpy(hello, client.last.token, len);
	ctx_open(&server, &ctx_nl, KSC_ROLE_SERVER, &t_server);
	t_set_parameter("max_handshake", len);
	assert_int_equal(ctx_try_offer(&server, 0, hello, len + 1), -EMSGSIZE);
	assert_true(ctx_nl.text[0]);
	ctx_step(&server, hello, len);
	assert_int_equal(server.last.status, KSC_STATUS_CONTINUE_NEEDED);
	assert_int_equal(ctx_try_offer(&server, 0, "x", 1), -EMSGSIZE);
	t_set_parameter("max_handshake", 65536);
	ctx_step(&client, server.last.token, server.last.token_len);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
}

/* Cases 41 and 43: the second step is EBUSY; deletion comes at any time. */
static void case_41_43_busy(void **state)
{
	pid_t pid;

	(void)state;
	ctx_open(&client, &ctx_nl, KSC_ROLE_CLIENT, &t_client);
	ctx_open(&server, &ctx_nl, KSC_ROLE_CLIENT, &t_client);
	pid = daemon_suspend();
	assert_int_equal(ctx_try_offer(&client, 0, NULL, 0), 0);
	assert_int_equal(ctx_try_offer(&client, 0, NULL, 0), -EBUSY);
	assert_true(ctx_nl.text[0]);
	assert_int_equal(ctx_ask(&client, KSC_CMD_CONTEXT_GET), 0);
	assert_true(client.last.busy);
	assert_int_equal(ctx_try_offer(&server, 0, NULL, 0), 0);
	ctx_close(&server);
	SYS(kill(pid, SIGCONT));
	/* of the one that was deleted nothing comes */
	ctx_await(&client);
	assert_int_equal(client.last.status, KSC_STATUS_CONTINUE_NEEDED);
	assert_int_equal(ctx_nl.queued, 0);
}

/* Case 42: with the daemon gone before it answered, the next one gets the token. */
static void case_42_daemon_dies(void **state)
{
	(void)state;
	make_hello(&client);
	ctx_open(&server, &ctx_nl, KSC_ROLE_SERVER, &t_server);
	daemon_suspend();
	assert_int_equal(ctx_try_offer(&server, 0, client.last.token, client.last.token_len), 0);
	daemon_do("kill");
	daemon_do("start");
	ctx_await(&server);
	assert_int_equal(server.last.status, KSC_STATUS_CONTINUE_NEEDED);
	/* the client's session went with its daemon */
	assert_int_equal(ctx_try_offer(&client, 0, server.last.token, server.last.token_len),
			 -ECONNABORTED);
	assert_int_equal(ctx_ask(&client, KSC_CMD_CONTEXT_GET), 0);
	assert_int_equal(client.last.status, KSC_STATUS_NO_DAEMON);
}

static void test_timeout(void **state)
{
	const struct t_opts opts = { .timeout = 200 };
	uint64_t before = tnl_counter(KSC_A_STATS_HANDSHAKES_TIMED_OUT);

	(void)state;
	ctx_open(&server, &ctx_nl, KSC_ROLE_SERVER, &opts);
	tnl_await_at_least(KSC_A_STATS_HANDSHAKES_TIMED_OUT, before + 1);
	assert_int_equal(ctx_try_offer(&server, 0, "x", 1), -ETIMEDOUT);
	assert_int_equal(ctx_ask(&server, KSC_CMD_CONTEXT_GET), 0);
	assert_int_equal(server.last.status, KSC_STATUS_TIMED_OUT);
}

/* Sends a request and does not mind what becomes of it. */
static void send_only(struct ctx *ctx, int cmd, const void *token, size_t len)
{
	struct nl_msg *msg = tnl_request(ctx->nl, cmd);

	nla_put_u64(msg, KSC_A_CONTEXT_ID, ctx->id);
	if (len)
		nla_put(msg, KSC_A_CONTEXT_TOKEN, (int)len, token);
	nl_send_auto(ctx->nl->sk, msg);
	nlmsg_free(msg);
}

/* A result for which the socket had no room waits to be asked for. */
static void test_no_room(void **state)
{
	const int small = 1, large = 8 * TNL_MSG_MAX;
	struct ctx ctx;
	uint64_t steps;
	char text[64];
	int found = 0;

	(void)state;
	ctx_open(&ctx, &ctx_nl, KSC_ROLE_SERVER, &t_server);
	make_hello(&client);
	SYS(setsockopt(nl_socket_get_fd(ctx_nl.sk), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)));
	/* answers that nobody takes fill the queue */
	for (int i = 0; i < 16; i++)
		send_only(&ctx, KSC_CMD_CONTEXT_GET, NULL, 0);
	steps = tnl_counter(KSC_A_STATS_STEPS);
	send_only(&ctx, KSC_CMD_CONTEXT_STEP, client.last.token, client.last.token_len);
	tnl_await_at_least(KSC_A_STATS_STEPS, steps + 1);
	/* waits for whoever is still about the step */
	send_only(&ctx, KSC_CMD_CONTEXT_GET, NULL, 0);
	/* all that is there goes, and the error that tells of what was lost */
	while (recv(nl_socket_get_fd(ctx_nl.sk), text, sizeof(text), MSG_DONTWAIT) >= 0 ||
	       errno == ENOBUFS)
		found += errno == ENOBUFS;
	assert_true(found);
	SYS(setsockopt(nl_socket_get_fd(ctx_nl.sk), SOL_SOCKET, SO_RCVBUF, &large, sizeof(large)));
	assert_int_equal(ctx_ask(&ctx, KSC_CMD_CONTEXT_GET), 0);
	assert_false(ctx.last.busy);
	assert_int_equal(ctx.last.status, KSC_STATUS_CONTINUE_NEEDED);
	assert_true(ctx.last.token_len);
	assert_int_equal(ctx.last.consumed, client.last.token_len);
	/* once */
	assert_int_equal(ctx_ask(&ctx, KSC_CMD_CONTEXT_GET), 0);
	assert_int_equal(ctx.last.token_len, 0);
}

/* Nobody special: the commands are for everyone. */
static void test_unprivileged(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (!pid) {
		bool ok = !setgid(65534) && !setuid(65534) && tnl_open(&ctx_nl) &&
			  !ctx_try_open(&client, &ctx_nl, KSC_ROLE_CLIENT, &t_client) &&
			  !ctx_try_offer(&client, 0, NULL, 0);

		_exit(ok ? 0 : 1);
	}
	SYS(waitpid(pid, &status, 0));
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_handshake, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(case_02_03_incomplete, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(case_04_need, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(case_05_08_extra, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(case_12_failure, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(case_16_http, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(case_16_wrong_role, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(test_no_context, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(test_bad_options, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(test_quota, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(case_18_too_long, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(case_41_43_busy, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(case_42_daemon_dies, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(test_timeout, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(test_no_room, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(test_unprivileged, ctx_setup, ctx_teardown),
	};

	return T_RUN(tests);
}
