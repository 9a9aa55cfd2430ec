// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts that applications misuse, by mistake or on purpose: each case has an error of its
 * own, leaves nothing behind, and does not affect others.
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/ctx.h"
#include "lib/daemon.h"
#include "preload/heap.h"

static struct ctx client, server, other;

/* The step fails by the peer's fault, makes an alert, and is the last. */
static void expect_refused(struct ctx *ctx, const void *token, size_t len)
{
	ctx_step(ctx, token, len);
	assert_in_range(ctx->last.status, KSC_STATUS_INTERNAL_ERROR + 1, KSC_STATUS_KEY_LIMIT);
	assert_int_equal(ctx->last.direction, KSC_DIRECTION_SENT);
	assert_true(ctx->last.token_len);
	assert_true(ctx->last.text[0]);
	assert_int_equal(ctx_try_step(ctx, token, len), -ENOENT);
}

/* Two clients, and one gets what the server sent to the other. */
static void case_16_wrong_context(void **state)
{
	(void)state;
	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &t_client);
	ctx_open(&other, &ctx_sock, KSC_ROLE_CLIENT, &t_client);
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &t_server);
	ctx_step(&client, NULL, 0);
	ctx_step(&other, NULL, 0);
	ctx_step(&server, client.last.token, client.last.token_len);
	expect_refused(&other, server.last.token, server.last.token_len);
	/* its real owner has not lost anything */
	ctx_step(&client, server.last.token, server.last.token_len);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
}

/* What the client says first: its length */
static size_t make_hello(uint8_t *hello)
{
	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &t_client);
	ctx_step(&client, NULL, 0);
	memcpy(hello, client.last.token, client.last.token_len);
	return client.last.token_len;
}

/* A ClientHello again to the same context, and to a new one. */
static void case_17_replayed_hello(void **state)
{
	static uint8_t hello[KSC_MAX_TOKEN];
	size_t len;

	(void)state;
	len = make_hello(hello);
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &t_server);
	ctx_open(&other, &ctx_sock, KSC_ROLE_SERVER, &t_server);
	ctx_step(&server, hello, len);
	ctx_step(&other, hello, len);
	assert_int_equal(other.last.status, KSC_STATUS_CONTINUE_NEEDED);
	assert_true(other.last.token_len != server.last.token_len ||
		    memcmp(other.last.token, server.last.token, other.last.token_len) != 0);
	expect_refused(&other, hello, len);
	/* the client that sent it first goes on with the first server */
	ctx_step(&client, server.last.token, server.last.token_len);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
}

/* Each mistake has an error of its own, which is no result of a step. */
static void test_distinct(void **state)
{
	struct t_opts hasty = { .timeout = 1 };
	const struct t_opts bad = { .server_name = "a b" };
	int errors[8], n = 0;

	(void)state;
	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &bad);
	errors[n++] = ctx_try_step(&client, NULL, 0);
	assert_int_equal(errors[n - 1], -EINVAL);

	client.begin_len = 0;
	errors[n++] = ctx_try_step(&client, NULL, 0);
	assert_int_equal(errors[n - 1], -ENOENT);

	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &t_client);
	other = client;
	ctx_step(&client, NULL, 0);
	errors[n++] = ctx_try_step(&other, NULL, 0);
	assert_int_equal(errors[n - 1], -EEXIST);

	errors[n++] = ctx_try_judge(&client, KSC_VERDICT_ACCEPT, 0);
	assert_int_equal(errors[n - 1], -ENODATA);

	/* the step has to be faster, or its own result says that the handshake has timed out */
	for (;; hasty.timeout *= 2) {
		ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &hasty);
		ctx_step(&server, NULL, 0);
		if (server.last.status != KSC_STATUS_TIMED_OUT)
			break;
	}
	errors[n++] = ctx_try_await(&server);
	assert_int_equal(errors[n - 1], -ETIMEDOUT);

	for (int i = 0; i < n; i++)
		for (int k = 0; k < i; k++)
			assert_int_not_equal(errors[i], errors[k]);
	/* the context that they were about goes on */
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &t_server);
	ctx_feed(&server, client.last.token, client.last.token_len);
	ctx_feed(&client, server.last.token, server.last.token_len);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
}

/* 64 KiB of handshake, unless the administrator wants it otherwise. */
static void case_18_cap(void **state)
{
	/* records of a type that may come, of which none is the last of its message */
	static uint8_t part[5 + 16000] = { 22, 3, 1, 16000 >> 8, 16000 & 0xff, 1, 0, 250, 0 };
	size_t total = 0;
	int rc;

	(void)state;
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &t_server);
	for (;;) {
		rc = ctx_try_step(&server, part, sizeof(part));
		if (rc || server.last.status > KSC_STATUS_INCOMPLETE_MESSAGE)
			break;
		total += server.last.consumed;
		/* what follows has no header of a message */
		memset(part + 5, 0, 4);
		assert_true(total <= 65536);
	}
	/* it is counted, or the session has had enough before */
	if (rc)
		assert_int_equal(rc, -EMSGSIZE);
	else
		assert_int_equal(server.last.status, KSC_STATUS_RECORD_OVERFLOW);
	assert_true(total >= 3 * sizeof(part));
}

/* ---- floods ---- */

#define FLOOD 256
#define ROUNDS 6

/* Bytes that the daemon has allocated */
static long daemon_memory(void)
{
	FILE *file = fopen(HEAP_FILE, "r");
	long held;

	assert_non_null(file);
	assert_int_equal(fread(&held, sizeof(held), 1, file), 1);
	fclose(file);
	return held;
}

/**
 * struct flood - a process that has as many contexts as it may
 * @pid: the process
 * @ready: it says here that it has them
 * @end: closed when it is to end
 */
struct flood {
	pid_t pid;
	int ready;
	int end;
};

/* Of another user; each context has made, or got, a token. */
static bool open_many(int role, const void *token, size_t len)
{
	static struct ctx ctx;
	int rc, n;

	if (setgid(65534) || setuid(65534) || !ctx_try_dial(&ctx_sock, NULL))
		return false;
	for (n = 0; ; n++) {
		ctx_open(&ctx, &ctx_sock, role, &t_client);
		rc = ctx_try_step(&ctx, token, len);
		if (rc)
			break;
		/* a context that failed at once is deleted */
		if (n == FLOOD)
			return ctx.last.status > KSC_STATUS_VERIFY_NEEDED;
	}
	return rc == -EDQUOT && n == FLOOD;
}

static struct flood flood_start(int role, const void *token, size_t len)
{
	int ready[2], end[2];
	struct flood f;
	char c;

	SYS(pipe(ready));
	SYS(pipe(end));
	f.pid = (pid_t)SYS(fork());
	if (!f.pid) {
		close(end[1]);
		c = open_many(role, token, len) ? 'y' : 'n';
		if (write(ready[1], &c, 1) != 1 || read(end[0], &c, 1))
			_exit(1);
		_exit(0);
	}
	close(ready[1]);
	close(end[0]);
	f.ready = ready[0];
	f.end = end[1];
	/* while it is at it, others are served */
	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &t_client);
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &t_server);
	ctx_handshake(&client, &server);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
	ctx_close(&client);
	ctx_close(&server);
	assert_int_equal(SYS(read(f.ready, &c, 1)), 1);
	assert_int_equal(c, 'y');
	return f;
}

static void flood_end(const struct flood *f)
{
	int status;

	close(f->end);
	SYS(waitpid(f->pid, &status, 0));
	assert_int_equal(status, 0);
	close(f->ready);
}

/*
 * What may stay of a context. A leaked session is a thousand times as much; a round's own
 * handshake leaves four kilobytes in the cache.
 */
#define PER_CONTEXT 32

/*
 * The daemon notices a connection's end asynchronously, and frees its contexts then;
 * there is no event to wait for. On a machine that is too busy for this to be the end,
 * the test finds less.
 */
static long settled_memory(void)
{
	long last = -1, held;

	for (int same = 0; same < 20; same = held == last ? same + 1 : 0, last = held) {
		usleep(10000);
		held = daemon_memory();
	}
	return last;
}

static void await_memory(long limit)
{
	int64_t end = t_now_ms() + PATIENCE_S * 1000L;
	long held;

	while ((held = daemon_memory()) > limit) {
		if (t_now_ms() > end)
			fail_msg("the daemon holds %ld bytes, not %ld", held, limit);
		usleep(10000);
	}
}

/* As many contexts as may be, again and again: others do not notice, and nothing is left. */
static void flood(int role, const void *token, size_t len)
{
	long first = 0;
	int fds[2];

	for (int i = 0; i < ROUNDS; i++) {
		struct flood f = flood_start(role, token, len);

		/* neither sockets nor contexts of others */
		t_pair(AF_INET, fds);
		t_exchange(fds[0], fds[1]);
		close(fds[0]);
		close(fds[1]);
		ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &t_client);
		ctx_step(&client, NULL, 0);
		assert_int_equal(client.last.status, KSC_STATUS_CONTINUE_NEEDED);
		ctx_close(&client);
		flood_end(&f);
		/* the first round fills what is kept for later */
		if (!i)
			first = settled_memory();
	}
	await_memory(first + (ROUNDS - 1) * FLOOD * PER_CONTEXT);
}

#define CONF "/etc/kschannel/kschanneld.conf"

static int flood_setup(void **state)
{
	char command[320];
	int rc;

	snprintf(command, sizeof(command),
		 "cp " CONF " /tmp/flood.conf && "
		 "printf '[contexts]\nper-user = %d\n' >>" CONF " && ksc-daemon stop && "
		 "LD_PRELOAD=${KSC_TESTS:-/opt/net}/heap.so ksc-daemon start", FLOOD);
	rc = t_shell(command);
	return rc ? rc : ctx_setup(state);
}

static int flood_teardown(void **state)
{
	int rc = ctx_teardown(state);

	return t_shell("mv /tmp/flood.conf " CONF " && ksc-daemon stop && ksc-daemon start") | rc;
}

static void test_flood_of_clients(void **state)
{
	(void)state;
	flood(KSC_ROLE_CLIENT, NULL, 0);
}

static void test_flood_of_servers(void **state)
{
	static uint8_t hello[KSC_MAX_TOKEN];
	size_t len;

	(void)state;
	len = make_hello(hello);
	ctx_close(&client);
	flood(KSC_ROLE_SERVER, hello, len);
}

static void test_flood_of_garbage(void **state)
{
	(void)state;
	flood(KSC_ROLE_SERVER, "GET / HTTP/1.0\r\n\r\n", 18);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(case_16_wrong_context, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(case_17_replayed_hello, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(case_18_cap, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(test_distinct, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(test_flood_of_clients, flood_setup, flood_teardown),
		cmocka_unit_test_setup_teardown(test_flood_of_servers, flood_setup, flood_teardown),
		cmocka_unit_test_setup_teardown(test_flood_of_garbage, flood_setup, flood_teardown),
	};

	return T_RUN(tests);
}
