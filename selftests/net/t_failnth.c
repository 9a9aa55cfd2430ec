// SPDX-License-Identifier: GPL-2.0-only
/*
 * Out of memory: of each operation, every allocation that the module makes for it fails once.
 * The operation fails cleanly or copes, and can be repeated. Whether something was leaked or
 * corrupted is for the debug kernel to say, the only one that has fault injection.
 */
#include <poll.h>
#include <unistd.h>
#include <kschannel.h>

#include "lib/fault.h"
#include "lib/nl.h"
#include "lib/wire.h"

/* ---- sockets, with the daemon ---- */

static int fd = -1, fds[2];

static void make_plain(void)
{
	fd = t_plain(AF_INET);
}

static int act_attach(void)
{
	return setsockopt(fd, IPPROTO_TCP, TCP_ULP, KSC_ULP_NAME, strlen(KSC_ULP_NAME));
}

static void after_attach(int error)
{
	if (error)
		SYS(act_attach());
	SYS(close(fd));
}

static int act_socket(void)
{
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_KSCHANNEL);
	return fd < 0 ? -1 : 0;
}

static void after_socket(int error)
{
	if (error)
		SYS(act_socket());
	t_set_opts(fd, &t_client);
	SYS(close(fd));
}

static void make_socket(void)
{
	fd = t_socket(AF_INET, &t_server);
}

static int act_options(void)
{
	return setsockopt(fd, SOL_KSCHANNEL, KSC_SERVER_NAME, "server.test", 11) ||
	       setsockopt(fd, SOL_KSCHANNEL, KSC_CREDENTIAL, "server", 6) ||
	       setsockopt(fd, SOL_KSCHANNEL, KSC_ALPN, "\2h2\10http/1.1", 12) ?
		       -1 :
		       0;
}

static void after_options(int error)
{
	char name[KSC_MAX_NAME + 1] = "";
	socklen_t len = sizeof(name);

	if (error)
		SYS(act_options());
	SYS(getsockopt(fd, SOL_KSCHANNEL, KSC_CREDENTIAL, name, &len));
	assert_memory_equal(name, "server", 6);
	SYS(close(fd));
}

static int act_listen(void)
{
	return listen(fd, 8);
}

static void after_listen(int error)
{
	if (error)
		SYS(act_listen());
	SYS(close(fd));
}

/* Serves connections until their end, and ends with the one that sends a 'q' */
static int listener = -1;
static struct t_addr addr;
static pthread_t thread;

static void *serve(void *arg)
{
	bool more = true;

	(void)arg;
	while (more) {
		int child = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		char buf[64];
		ssize_t n;

		if (child < 0)
			continue;
		while ((n = recv(child, buf, sizeof(buf), 0)) > 0) {
			more = buf[0] != 'q';
			if (send(child, buf, (size_t)n, MSG_NOSIGNAL) != n)
				break;
		}
		close(child);
	}
	return NULL;
}

static void make_client(void)
{
	fd = t_socket(AF_INET, &t_client);
}

static int act_connect(void)
{
	return connect(fd, (struct sockaddr *)&addr.ss, addr.len);
}

static void talk(int with, char what)
{
	char got;

	t_send(with, &what, 1);
	t_recv(with, &got, 1);
	assert_int_equal(got, what);
}

static void after_connect(int error)
{
	if (!error)
		talk(fd, 'c');
	SYS(close(fd));
	/* the next one is not the worse for it */
	if (error) {
		fd = t_connect(&addr, &t_client);
		talk(fd, 'd');
		SYS(close(fd));
	}
}

static void test_connect(void **state)
{
	static const struct fault_walk walk = {
		.name = "connect", .before = make_client, .act = act_connect,
		/* the handshake's own */
		.after = after_connect, .error = EIO,
	};

	(void)state;
	listener = t_listen(AF_INET, &t_server, &addr);
	t_thread(&thread, serve, NULL);
	fault_walk(&walk);
	fd = t_connect(&addr, &t_client);
	talk(fd, 'q');
	SYS(close(fd));
	t_join(thread);
	SYS(close(listener));
}

/* The other way round: the acceptor is out of memory. */
static void *connect_once(void *arg)
{
	int client = t_try_connect(&addr, &t_client);
	char c = 'a';

	(void)arg;
	/* as far as it goes */
	if (send(client, &c, 1, MSG_NOSIGNAL) == 1)
		(void)!recv(client, &c, 1, 0);
	close(client);
	return NULL;
}

static void make_listener(void)
{
	listener = t_listen(AF_INET, &t_server, &addr);
	t_thread(&thread, connect_once, NULL);
	t_wait(listener, POLLIN);
}

static int act_accept(void)
{
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	return fd < 0 ? -1 : 0;
}

static void after_accept(int error)
{
	char c;

	/* its handshake may have failed for the same reason */
	if (!error) {
		if (recv(fd, &c, 1, 0) == 1)
			t_send(fd, &c, 1);
		else
			assert_int_equal(t_error(fd).status, KSC_STATUS_INTERNAL_ERROR);
		SYS(close(fd));
	}
	/* a connection that was not accepted is reset */
	SYS(close(listener));
	t_join(thread);
}

static void make_pair(void)
{
	t_pair(AF_INET, fds);
}

static int act_export(void)
{
	uint8_t out[100];
	int error = kschannel_export(fds[0], "EXPORTER-kschannel-test", "context", 7, out,
				     sizeof(out));

	errno = -error;
	return error ? -1 : 0;
}

static void after_export(int error)
{
	(void)error;
	t_exchange(fds[0], fds[1]);
	for (int i = 0; i < 2; i++)
		SYS(close(fds[i]));
}

/* ---- the daemon's requests ---- */

static struct tnl_event event;
static const uint8_t secret[32] = "not secret at all";

static void make_offer(void)
{
	listener = t_listen(AF_INET, NULL, &addr);
	fd = t_try_connect(&addr,
			   &(struct t_opts){ .server_name = "server.test", .nonblock = true });
	assert_int_equal(errno, EINPROGRESS);
	while (tnl_next_event(&fault_nl, &event) && event.cmd != KSC_CMD_CONTEXT_NEW)
		tnl_free_event(&event);
}

static int act_step(void)
{
	struct nl_msg *msg = tnl_step(&fault_nl, &event, KSC_STATUS_OK);
	struct nlattr *nest = nla_nest_start(msg, KSC_A_CONTEXT_KEYS), *dir;

	nla_put_u16(msg, KSC_A_KEYS_VERSION, WIRE_13);
	nla_put_u16(msg, KSC_A_KEYS_SUITE, 0x1301);
	nla_put(msg, KSC_A_KEYS_EXPORTER, sizeof(secret), secret);
	for (int i = 0; i < 2; i++) {
		dir = nla_nest_start(msg, i ? KSC_A_KEYS_RX : KSC_A_KEYS_TX);
		nla_put(msg, KSC_A_KEY_SECRET, sizeof(secret), secret);
		nla_nest_end(msg, dir);
	}
	nla_nest_end(msg, nest);
	nla_put(msg, KSC_A_CONTEXT_TOKEN, 5, "token");
	return fault_request(msg);
}

static void after_step(int error)
{
	if (error && act_step()) {
		fault_refused(fd);
	} else {
		t_finish(fd);
		assert_int_equal(t_info(fd).version, WIRE_13);
	}
	tnl_free_event(&event);
	SYS(close(fd));
	SYS(close(listener));
}

static int act_policy(void)
{
	struct nl_msg *msg = tnl_request(&fault_nl, KSC_CMD_POLICY_BEGIN);
	static uint64_t generation;

	nla_put_u64(msg, KSC_A_POLICY_GENERATION, ++generation);
	nla_put_u32(msg, KSC_A_POLICY_COUNT, 3);
	if (fault_request(msg))
		return -1;
	for (int i = 0; i < 3; i++) {
		struct nlattr *nest;

		msg = tnl_request(&fault_nl, KSC_CMD_POLICY_ADD);
		nest = nla_nest_start(msg, KSC_A_POLICY_RULE);
		nla_put_string(msg, KSC_A_RULE_NAME, "a rule");
		nla_put_u32(msg, KSC_A_RULE_ACTION, KSC_RULE_ACTION_NEVER);
		nla_nest_end(msg, nest);
		if (fault_request(msg))
			return -1;
	}
	return fault_request(tnl_request(&fault_nl, KSC_CMD_POLICY_COMMIT));
}

static void after_policy(int error)
{
	if (error)
		SYS(act_policy());
}

/* ---- at random, in the module's own threads too ---- */

#define ROUNDS 40
#define PERCENT 5

/* A client and a server, as far as they come: nothing of it may hang. */
static void try_pair(void)
{
	const struct t_opts client = { .server_name = "server.test", .timeout = 4000 };
	int a = t_plain(AF_INET);
	char buf[256] = "";

	if (setsockopt(a, IPPROTO_TCP, TCP_ULP, KSC_ULP_NAME, strlen(KSC_ULP_NAME)) == 0 &&
	    setsockopt(a, SOL_KSCHANNEL, KSC_SERVER_NAME, client.server_name, 11) == 0 &&
	    setsockopt(a, SOL_KSCHANNEL, KSC_HANDSHAKE_TIMEOUT, &client.timeout,
		       sizeof(client.timeout)) == 0 &&
	    connect(a, (struct sockaddr *)&addr.ss, addr.len) == 0) {
		for (int i = 0; i < 8; i++) {
			if (send(a, buf, sizeof(buf), MSG_NOSIGNAL) <= 0 ||
			    recv(a, buf, sizeof(buf), 0) <= 0)
				break;
			setsockopt(a, SOL_KSCHANNEL, KSC_REKEY, &(int){ i & 1 }, sizeof(int));
		}
		shutdown(a, SHUT_WR);
	}
	close(a);
}

static void test_random(void **state)
{
	const struct t_opts server = { .timeout = 4000 };
	/* it waits for all that failed before: the server takes one by one */
	const struct t_opts patient = { .server_name = "server.test", .timeout = 600000 };
	uint64_t contexts = tnl_counter(KSC_A_STATS_CONTEXTS);
	unsigned int references = fault_references();

	(void)state;
	listener = t_listen(AF_INET, &server, &addr);
	t_thread(&thread, serve, NULL);
	fault_random(PERCENT);
	for (int i = 0; i < ROUNDS; i++)
		try_pair();
	fault_random(0);
	fd = t_connect(&addr, &patient);
	talk(fd, 'q');
	SYS(close(fd));
	t_join(thread);
	SYS(close(listener));
	tnl_await_counter(KSC_A_STATS_CONTEXTS, contexts);
	fault_await_references("at random", references);
}

#define WALK(...) FAULT_CASE(fault_setup, fault_teardown, __VA_ARGS__)
#define OWN(...) FAULT_CASE(fault_own_setup, fault_own_teardown, __VA_ARGS__)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WALK("attach", make_plain, act_attach, after_attach),
		WALK("socket", NULL, act_socket, after_socket),
		WALK("options", make_socket, act_options, after_options),
		/* TCP's own, for the port that it has no memory for */
		WALK("listen", make_socket, act_listen, after_listen, .error = EADDRINUSE),
		cmocka_unit_test_setup_teardown(test_connect, fault_setup, fault_teardown),
		WALK("accept", make_listener, act_accept, after_accept),
		WALK("export", make_pair, act_export, after_export),
		cmocka_unit_test_setup_teardown(test_random, fault_setup, fault_teardown),
		/* these leave the namespace */
		OWN("a step", make_offer, act_step, after_step),
		OWN("a policy", NULL, act_policy, after_policy),
	};

	if (!fault_possible())
		return T_SKIP(tests, "the kernel has no fault injection");
	return T_RUN(tests);
}
