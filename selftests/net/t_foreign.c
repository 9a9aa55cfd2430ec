// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts across network namespaces: the daemon may be that of another namespace, its keys
 * are for the namespace of the caller, and that one's policy applies.
 */
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "lib/ctx.h"
#include "lib/own.h"

#define PORT 2100

static int first = -1, second = -1;
static struct own own;
static struct ctx client, server;

static int here(void)
{
	return (int)SYS(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

static void enter(int ns)
{
	SYS(setns(ns, CLONE_NEWNET));
}

/* Ends in the second one, which has no daemon. */
static int setup(void **state)
{
	t_setup(state);
	first = here();
	own_namespace();
	second = here();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ctx_hang_up(&ctx_sock);
	own_end(&own);
	enter(first);
	tnl_await_counter(KSC_A_STATS_KEYS, 0);
	close(first);
	close(second);
	return 0;
}

/* With a server's credential that root may use from other namespaces, as it is listed */
static void open_both(void)
{
	static const struct t_opts asking = { .server_name = "other.test" };
	static const struct t_opts listed = { .credential = "other" };

	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &asking);
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &listed);
}

/* A handshake, begun where the test is */
static void handshake(const char *path)
{
	ctx_dial(&ctx_sock, path);
	open_both();
	ctx_handshake(&client, &server);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
	assert_int_equal(server.last.status, KSC_STATUS_OK);
}

/* Plain sockets that are connected here, on a port or any */
static void plain_pair(int fds[2], uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int listener = t_plain(AF_INET), one = 1;

	SYS(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
	SYS(bind(listener, (struct sockaddr *)&in, sizeof(in)));
	SYS(listen(listener, 1));
	SYS(getsockname(listener, (struct sockaddr *)&in, &len));
	fds[0] = t_plain(AF_INET);
	SYS(connect(fds[0], (struct sockaddr *)&in, sizeof(in)));
	fds[1] = (int)SYS(accept(listener, NULL, NULL));
	close(listener);
}

static void close_pair(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

/* Both get their keys, and talk. */
static void expect_attached(const int fds[2])
{
	ctx_attach(&client, fds[0]);
	ctx_attach(&server, fds[1]);
	t_exchange(fds[0], fds[1]);
	close_pair(fds);
}

static void expect_refused(int error)
{
	int fds[2];

	plain_pair(fds, 0);
	t_attach(fds[0]);
	FAILS(ctx_try_attach(&client, fds[0]), error);
	close_pair(fds);
}

/* It has seen the daemon's path, and that is all that it needs. */
static void test_container(void **state)
{
	int fds[2];

	(void)state;
	handshake(NULL);
	/* not in the daemon's own */
	enter(first);
	expect_refused(EXDEV);
	enter(second);
	plain_pair(fds, 0);
	expect_attached(fds);
	ctx_hang_up(&ctx_sock);

	/* nor the other way round */
	enter(first);
	handshake(NULL);
	enter(second);
	expect_refused(EXDEV);
	enter(first);
	plain_pair(fds, 0);
	expect_attached(fds);
	enter(second);
}

/* Where the connection to the daemon was made counts, not where its owner goes. */
static void test_moved(void **state)
{
	int fds[2];

	(void)state;
	ctx_dial(&ctx_sock, NULL);
	enter(first);
	open_both();
	ctx_handshake(&client, &server);
	expect_refused(EXDEV);
	enter(second);
	plain_pair(fds, 0);
	expect_attached(fds);
}

/* Another namespace is as foreign when the one that the keys are for is gone. */
static void test_gone(void **state)
{
	int third;

	(void)state;
	own_namespace();
	handshake(NULL);
	ctx_hang_up(&ctx_sock);
	enter(second);
	expect_refused(EXDEV);
	/* one that is new has a cookie of its own */
	own_namespace();
	third = here();
	expect_refused(EXDEV);
	ctx_close(&client);
	ctx_close(&server);
	enter(second);
	close(third);
}

static const char rules[] =
	"[rule protected]\naction = require\nremote-port = 2100\ndirection = connect\n"
	"[rule accepted]\naction = require\nlocal-port = 2100\ndirection = accept\n"
	"[rule wanted]\naction = prefer\nremote-port = 2101\n"
	"[rule rest]\naction = never\n";

/* With a policy of its own, another's keys are not what has to protect. */
static void test_policy(void **state)
{
	int fds[2];

	(void)state;
	own_start(&own, rules);
	handshake(NULL);
	plain_pair(fds, PORT);
	t_attach(fds[0]);
	t_attach(fds[1]);
	FAILS(ctx_try_attach(&client, fds[0]), EPERM);
	FAILS(ctx_try_attach(&server, fds[1]), EPERM);
	close_pair(fds);
	/* where the rule does not demand it, they are good, and were not lost */
	plain_pair(fds, PORT + 1);
	expect_attached(fds);
	ctx_hang_up(&ctx_sock);
	handshake(NULL);
	plain_pair(fds, 0);
	expect_attached(fds);
	ctx_hang_up(&ctx_sock);

	/* and its own daemon's are */
	handshake(own.context);
	plain_pair(fds, PORT);
	expect_attached(fds);
	ctx_hang_up(&ctx_sock);
	/* which are not for the first one */
	handshake(own.context);
	enter(first);
	expect_refused(EXDEV);
	enter(second);
	ctx_close(&client);
	ctx_close(&server);
}

/* It is root, but not the daemon's root: credentials that do not list it are denied. */
static void test_unlisted(void **state)
{
	(void)state;
	ctx_dial(&ctx_sock, NULL);
	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &t_client);
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &t_server);
	ctx_step(&client, NULL, 0);
	ctx_feed(&server, client.last.token, client.last.token_len);
	assert_int_equal(server.last.status, KSC_STATUS_ACCESS_DENIED);
	ctx_close(&client);
	ctx_close(&server);
	enter(first);
	ctx_hang_up(&ctx_sock);
	ctx_dial(&ctx_sock, NULL);
	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &t_client);
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &t_server);
	ctx_handshake(&client, &server);
	ctx_close(&client);
	ctx_close(&server);
	enter(second);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_container),
		TEST(test_unlisted),
		TEST(test_moved),
		TEST(test_gone),
		TEST(test_policy),
	};

	return T_RUN(tests);
}
