// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits on the daemon's contexts, by user, by connection and in total: in a namespace with a
 * daemon whose limits are low.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/ctx.h"
#include "lib/own.h"

#define USER 65534
#define OTHER 65533
/* Whose ids SUBORDINATE and those that follow it are */
#define OWNER 4242
#define SUBORDINATE 500000

#define SUBUID "/etc/subuid"

static struct own own;
static struct ctx client, server, some[32];
static struct ctx_sock socks[8];

static int setup(void **state)
{
	t_setup(state);
	own_namespace();
	own_start(&own, *state);
	for (size_t i = 0; i < ARRAY_SIZE(socks); i++)
		socks[i].fd = -1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(socks); i++)
		ctx_hang_up(&socks[i]);
	own_end(&own);
	tnl_await_counter(KSC_A_STATS_KEYS, 0);
	return 0;
}

/* A connection of another user: its owner is the user that connects */
static void dial_as(struct ctx_sock *sock, uid_t uid)
{
	SYS(seteuid(uid));
	ctx_dial(sock, own.context);
	SYS(seteuid(0));
}

/* Users that are within their limits are served. */
static void expect_service(void)
{
	struct ctx_sock sock;

	ctx_dial(&sock, own.context);
	ctx_open(&client, &sock, KSC_ROLE_CLIENT, &t_client);
	ctx_open(&server, &sock, KSC_ROLE_SERVER, &t_server);
	ctx_handshake(&client, &server);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
	assert_int_equal(server.last.status, KSC_STATUS_OK);
	ctx_close(&client);
	ctx_close(&server);
	ctx_hang_up(&sock);
}

/* What the first step of another context comes to */
static int begin(struct ctx *ctx, struct ctx_sock *sock)
{
	ctx_open(ctx, sock, KSC_ROLE_SERVER, &t_server);
	sock->text[0] = '\0';
	return ctx_try_step(ctx, NULL, 0);
}

static void expect_full(struct ctx_sock *sock)
{
	struct ctx more;

	assert_int_equal(begin(&more, sock), -EDQUOT);
	assert_true(sock->text[0]);
}

/* The daemon notices an end asynchronously, and frees contexts in their turn. */
static void await_room(struct ctx_sock *sock)
{
	int64_t end = t_now_ms() + PATIENCE_S * 1000L;
	struct ctx ctx;
	int rc;

	while ((rc = begin(&ctx, sock)) == -EDQUOT) {
		assert_true(t_now_ms() < end);
		usleep(1000);
	}
	assert_int_equal(rc, 0);
}

/* Over all connections of a user; what one user has taken is not counted for others. */
static void test_user(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		dial_as(&socks[i], USER);
	dial_as(&socks[3], OTHER);
	for (int i = 0; i < 3; i++)
		assert_int_equal(begin(&some[i], &socks[i & 1]), 0);
	for (int i = 0; i < 3; i++)
		expect_full(&socks[i]);
	for (int i = 3; i < 6; i++)
		assert_int_equal(begin(&some[i], &socks[3]), 0);
	expect_full(&socks[3]);
	expect_service();
	/* one less is one more */
	ctx_close(&some[0]);
	await_room(&socks[2]);
	expect_full(&socks[0]);
	/* one that has ended does not count */
	ctx_step(&some[1], "GET / HTTP/1.0\r\n\r\n", 18);
	assert_int_equal(some[1].last.status, KSC_STATUS_PROTOCOL_ERROR);
	await_room(&socks[0]);
	expect_full(&socks[1]);
}

/* What a process has is free when it is killed. */
static void test_killed(void **state)
{
	int ready[2];
	pid_t pid;
	char c = 'y';

	(void)state;
	SYS(pipe(ready));
	pid = (pid_t)SYS(fork());
	if (!pid) {
		dial_as(&socks[0], USER);
		for (int i = 0; i < 3; i++)
			if (begin(&some[i], &socks[0]))
				_exit(1);
		_exit(write(ready[1], &c, 1) == 1 && !pause());
	}
	close(ready[1]);
	assert_int_equal(SYS(read(ready[0], &c, 1)), 1);
	close(ready[0]);
	dial_as(&socks[1], USER);
	expect_full(&socks[1]);
	SYS(kill(pid, SIGKILL));
	SYS(waitpid(pid, NULL, 0));
	await_room(&socks[1]);
	assert_int_equal(begin(&some[1], &socks[1]), 0);
	assert_int_equal(begin(&some[2], &socks[1]), 0);
	expect_full(&socks[1]);
}

/* Subordinate IDs count for their user: user namespaces do not multiply the limits. */
static void test_subordinate(void **state)
{
	static const uid_t uids[] = { OWNER, SUBORDINATE, SUBORDINATE + 1, SUBORDINATE + 65535 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(uids); i++)
		dial_as(&socks[i], uids[i]);
	for (int i = 0; i < 3; i++)
		assert_int_equal(begin(&some[i], &socks[i + 1]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(uids); i++)
		expect_full(&socks[i]);
	/* an ID in no subordinate range is a user of its own */
	dial_as(&socks[4], SUBORDINATE + 65536);
	assert_int_equal(begin(&some[4], &socks[4]), 0);
}

static int setup_subordinate(void **state)
{
	FILE *file = fopen(SUBUID, "we");

	if (!file)
		return -1;
	fprintf(file, "%d:%d:65536\n", OWNER, SUBORDINATE);
	if (fclose(file))
		return -1;
	return setup(state);
}

static int teardown_subordinate(void **state)
{
	unlink(SUBUID);
	return teardown(state);
}

static void test_connection(void **state)
{
	(void)state;
	dial_as(&socks[0], USER);
	dial_as(&socks[1], USER);
	for (int i = 0; i < 2; i++)
		assert_int_equal(begin(&some[i], &socks[0]), 0);
	expect_full(&socks[0]);
	assert_int_equal(begin(&some[2], &socks[1]), 0);
	ctx_close(&some[0]);
	await_room(&socks[0]);
	expect_full(&socks[0]);
}

/* One connection more gets an error, and ends. */
static void test_connections(void **state)
{
	int64_t end = t_now_ms() + PATIENCE_S * 1000L;
	struct ctx_sock more;
	uint32_t seq;
	int rc;

	(void)state;
	for (int i = 0; i < 3; i++) {
		dial_as(&socks[i], USER);
		assert_int_equal(begin(&some[i], &socks[i]), 0);
	}
	dial_as(&more, USER);
	assert_int_equal(ctx_next_error(&more, &seq), -EDQUOT);
	assert_int_equal(seq, 0);
	ctx_expect_closed(&more);
	ctx_hang_up(&more);
	expect_service();
	for (int i = 0; i < 3; i++)
		ctx_step(&some[i], NULL, 0);
	ctx_hang_up(&socks[0]);
	/* the daemon may look at this one first */
	dial_as(&socks[0], USER);
	while ((rc = begin(&some[0], &socks[0]))) {
		assert_true(rc == -EDQUOT || rc == -EPIPE || rc == -ECONNRESET);
		assert_true(t_now_ms() < end);
		ctx_hang_up(&socks[0]);
		dial_as(&socks[0], USER);
	}
}

/*
 * Of all users together: no user gets more than it leaves, and of the last sixteenth, two,
 * nobody a second.
 */
static void test_total(void **state)
{
	static const int shares[] = { 15, 8, 4, 2, 1, 1, 1 };
	int n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shares); i++) {
		dial_as(&socks[i], USER - (uid_t)i);
		for (int k = 0; k < shares[i]; k++)
			assert_int_equal(begin(&some[n++], &socks[i]), 0);
		expect_full(&socks[i]);
	}
	dial_as(&socks[7], USER - 7);
	expect_full(&socks[7]);
	ctx_close(&some[0]);
	await_room(&socks[7]);
	expect_full(&socks[7]);
}

/* The first part of a ClientHello that says it has more */
static const uint8_t part[5 + 14000] = { 22, 3, 1, 14000 >> 8, 14000 & 0xff, 1, 0, 250, 0 };

static void await_bytes(struct ctx *ctx)
{
	int64_t end = t_now_ms() + PATIENCE_S * 1000L;
	int rc;

	while ((rc = ctx_try_step(ctx, part, sizeof(part))) == -EDQUOT) {
		assert_true(t_now_ms() < end);
		usleep(1000);
	}
	assert_int_equal(rc, 0);
}

/* What the daemon has been given and keeps, of all contexts of the user. */
static void test_bytes(void **state)
{
	(void)state;
	dial_as(&socks[0], USER);
	dial_as(&socks[1], USER);
	for (int i = 0; i < 5; i++)
		assert_int_equal(begin(&some[i], &socks[i & 1]), 0);
	for (int i = 0; i < 4; i++) {
		ctx_step(&some[i], part, sizeof(part));
		assert_int_equal(some[i].last.consumed, sizeof(part));
	}
	assert_int_equal(ctx_try_step(&some[4], part, sizeof(part)), -EDQUOT);
	assert_true(socks[0].text[0]);
	/* what was refused has changed nothing, and others have what they had */
	expect_service();
	ctx_close(&some[0]);
	await_bytes(&some[4]);
	assert_int_equal(some[4].last.consumed, sizeof(part));
}

/* Case 18: the cap is on all that is offered together. */
static void case_18_handshake(void **state)
{
	(void)state;
	dial_as(&socks[0], USER);
	assert_int_equal(begin(&some[0], &socks[0]), 0);
	assert_int_equal(ctx_try_step(&some[0], part, sizeof(part) + 1 - 5), -EMSGSIZE);
	assert_true(socks[0].text[0]);
	ctx_step(&some[0], part, 4);
	assert_int_equal(some[0].last.status, KSC_STATUS_INCOMPLETE_MESSAGE);
	/* an honest handshake has less */
	expect_service();
}

#define CASE(test, limits) { #test, test, setup, teardown, "[contexts]\n" limits }

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_user, "per-user = 3\n"),
		CASE(test_killed, "per-user = 3\n"),
		{ "test_subordinate", test_subordinate, setup_subordinate, teardown_subordinate,
		  "[contexts]\nper-user = 3\n" },
		CASE(test_connection, "per-connection = 2\n"),
		CASE(test_connections, "connections-per-user = 3\n"),
		CASE(test_total, "total = 32\n"),
		CASE(test_bytes, "bytes-per-user = 65536\n"),
		CASE(case_18_handshake, "handshake-bytes = 14000\n"),
	};

	return T_RUN(tests);
}
