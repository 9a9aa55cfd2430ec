// SPDX-License-Identifier: GPL-2.0-only
/* A policy is loaded into the kernel, and another one replaces it. */
#include <fcntl.h>
#include <netlink/genl/genl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/net.h"
#include "lib/nl.h"
#include "lib/own.h"
#include "lib/policy.h"
#include "lib/wire.h"

/* ---- loading ---- */

static struct nl_msg *begin(struct tnl_conn *nl, uint64_t generation, uint32_t count)
{
	struct nl_msg *msg = tnl_request(nl, KSC_CMD_POLICY_BEGIN);

	nla_put_u64(msg, KSC_A_POLICY_GENERATION, generation);
	nla_put_u32(msg, KSC_A_POLICY_COUNT, count);
	return msg;
}

static void put_rule(struct nl_msg *msg, const char *name, uint16_t port, uint32_t action)
{
	struct nlattr *nest = nla_nest_start(msg, KSC_A_POLICY_RULE);

	if (name)
		nla_put_string(msg, KSC_A_RULE_NAME, name);
	nla_put_u32(msg, KSC_A_RULE_ACTION, action);
	nla_put_u16(msg, KSC_A_RULE_REMOTE_PORT_MIN, port);
	nla_put_u16(msg, KSC_A_RULE_REMOTE_PORT_MAX, port);
	nla_nest_end(msg, nest);
}

static struct nl_msg *add(struct tnl_conn *nl, const char *name, uint16_t port, uint32_t action)
{
	struct nl_msg *msg = tnl_request(nl, KSC_CMD_POLICY_ADD);

	put_rule(msg, name, port, action);
	return msg;
}

#define refused TNL_REFUSED
#define taken(nl, msg) assert_int_equal(tnl_do(nl, msg), 0)

/**
 * struct shown - the kernel's dump of its policy
 * @generation: its number, 0 for none loaded
 * @count: rules, as the policy says
 * @rules: rules that came
 * @name: name of the last
 * @number: and number
 */
struct shown {
	uint64_t generation;
	uint32_t count;
	uint32_t rules;
	char name[KSC_MAX_RULE_NAME + 1];
	uint32_t number;
};

static void take_policy(struct nl_msg *msg, void *arg)
{
	struct nlattr *tb[KSC_A_POLICY_MAX + 1], *rule[KSC_A_RULE_MAX + 1];
	struct shown *shown = arg;

	if (nlmsg_parse(nlmsg_hdr(msg), GENL_HDRLEN, tb, KSC_A_POLICY_MAX, NULL) < 0)
		return;
	if (tb[KSC_A_POLICY_GENERATION])
		shown->generation = nla_get_u64(tb[KSC_A_POLICY_GENERATION]);
	if (tb[KSC_A_POLICY_COUNT])
		shown->count = nla_get_u32(tb[KSC_A_POLICY_COUNT]);
	if (!tb[KSC_A_POLICY_RULE] ||
	    nla_parse_nested(rule, KSC_A_RULE_MAX, tb[KSC_A_POLICY_RULE], NULL) < 0)
		return;
	shown->rules++;
	nla_strlcpy(shown->name, rule[KSC_A_RULE_NAME], sizeof(shown->name));
	shown->number = nla_get_u32(rule[KSC_A_RULE_NUMBER]);
}

static struct shown show(struct tnl_conn *nl, struct nl_msg *msg)
{
	struct shown shown = { 0 };

	nl->reply = take_policy;
	nl->arg = &shown;
	assert_int_equal(tnl_do(nl, msg), 0);
	nl->reply = NULL;
	return shown;
}

static struct shown show_all(struct tnl_conn *nl)
{
	struct nl_msg *msg = tnl_request(nl, KSC_CMD_POLICY_GET);

	nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_DUMP;
	return show(nl, msg);
}

static struct shown try_port(struct tnl_conn *nl, uint16_t port)
{
	struct nl_msg *msg = tnl_request(nl, KSC_CMD_POLICY_TEST);
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

	nla_put_u32(msg, KSC_A_POLICY_DIRECTION, KSC_RULE_DIRECTION_CONNECT);
	nla_put(msg, KSC_A_POLICY_PEER, sizeof(in), &in);
	nla_put(msg, KSC_A_POLICY_LOCAL, sizeof(in), &in);
	return show(nl, msg);
}

static void test_load(void **state)
{
	struct tnl_conn daemon, other;
	struct shown shown;

	(void)state;
	assert_true(tnl_open(&daemon));
	assert_true(tnl_open(&other));
	refused(&daemon, begin(&daemon, 1, 0), EPERM);
	assert_int_equal(tnl_register(&daemon), 0);
	refused(&daemon, add(&daemon, "a", 1, 0), ENOENT);
	refused(&daemon, tnl_request(&daemon, KSC_CMD_POLICY_COMMIT), ENOENT);
	refused(&daemon, begin(&daemon, 0, 0), EINVAL);
	refused(&daemon, begin(&daemon, 1, KSC_MAX_RULES + 1), E2BIG);
	taken(&daemon, begin(&daemon, 7, 2));
	refused(&other, begin(&other, 1, 0), EPERM);
	refused(&other, add(&other, "a", 1, 0), EPERM);
	refused(&other, tnl_request(&other, KSC_CMD_POLICY_COMMIT), EPERM);
	refused(&daemon, add(&daemon, NULL, 1, KSC_RULE_ACTION_NEVER), EINVAL);
	/* which would come to the kernel's log as it is */
	refused(&daemon, add(&daemon, "x\nforged", 1, KSC_RULE_ACTION_PREFER), EINVAL);
	assert_int_equal(tnl_do(&daemon, add(&daemon, "a", 1, 3)), -ERANGE);
	taken(&daemon, add(&daemon, "first", 80, KSC_RULE_ACTION_REQUIRE));
	refused(&daemon, tnl_request(&daemon, KSC_CMD_POLICY_COMMIT), EINVAL);
	taken(&daemon, add(&daemon, "second", 443, KSC_RULE_ACTION_NEVER));
	refused(&daemon, add(&daemon, "third", 1, 0), EINVAL);
	/* nothing of it is to be seen yet */
	shown = show_all(&other);
	assert_int_equal(shown.generation, 0);
	assert_int_equal(try_port(&other, 80).generation, 0);
	taken(&daemon, tnl_request(&daemon, KSC_CMD_POLICY_COMMIT));
	refused(&daemon, tnl_request(&daemon, KSC_CMD_POLICY_COMMIT), ENOENT);
	shown = show_all(&other);
	assert_int_equal(shown.generation, 7);
	assert_int_equal(shown.count, 2);
	assert_int_equal(shown.rules, 2);
	assert_string_equal(shown.name, "second");
	assert_int_equal(shown.number, 1);
	shown = try_port(&other, 80);
	assert_int_equal(shown.rules, 1);
	assert_string_equal(shown.name, "first");
	assert_int_equal(try_port(&other, 81).rules, 0);
	/* what was begun goes with the next begin, and with the socket; the policy stays */
	taken(&daemon, begin(&daemon, 8, 1));
	taken(&daemon, add(&daemon, "forgotten", 80, 0));
	taken(&daemon, begin(&daemon, 9, 1));
	refused(&daemon, tnl_request(&daemon, KSC_CMD_POLICY_COMMIT), EINVAL);
	tnl_close(&daemon);
	tnl_await_counter(KSC_A_STATS_DAEMON, 0);
	assert_int_equal(show_all(&other).generation, 7);
	assert_int_equal(tnl_register(&other), 0);
	refused(&other, tnl_request(&other, KSC_CMD_POLICY_COMMIT), ENOENT);
	taken(&other, begin(&other, 10, 0));
	taken(&other, tnl_request(&other, KSC_CMD_POLICY_COMMIT));
	shown = show_all(&other);
	assert_int_equal(shown.generation, 10);
	assert_int_equal(shown.rules, 0);
	tnl_close(&other);
}

/* A policy that takes many messages, either way. */
static void test_many(void **state)
{
	enum { MANY = 10000, AT_ONCE = 250 };
	struct tnl_conn nl;
	struct shown shown;

	(void)state;
	assert_true(tnl_open(&nl));
	assert_int_equal(tnl_register(&nl), 0);
	taken(&nl, begin(&nl, 3, MANY));
	for (int i = 0; i < MANY;) {
		struct nl_msg *msg = tnl_request(&nl, KSC_CMD_POLICY_ADD);

		for (int k = 0; k < AT_ONCE; k++, i++) {
			char name[16];

			snprintf(name, sizeof(name), "rule-%d", i);
			put_rule(msg, name, (uint16_t)(1 + i), KSC_RULE_ACTION_REQUIRE);
		}
		taken(&nl, msg);
	}
	taken(&nl, tnl_request(&nl, KSC_CMD_POLICY_COMMIT));
	shown = show_all(&nl);
	assert_int_equal(shown.count, MANY);
	assert_int_equal(shown.rules, MANY);
	assert_string_equal(shown.name, "rule-9999");
	shown = try_port(&nl, 5001);
	assert_int_equal(shown.number, 5000);
	assert_int_equal(try_port(&nl, 0).rules, 0);
	tnl_close(&nl);
}

static void test_unprivileged(void **state)
{
	static const int cmds[] = { KSC_CMD_POLICY_BEGIN, KSC_CMD_POLICY_ADD, KSC_CMD_POLICY_COMMIT,
				    KSC_CMD_POLICY_GET, KSC_CMD_POLICY_TEST };
	struct tnl_conn nl;
	int status;
	pid_t pid;

	(void)state;
	pid = (pid_t)SYS(fork());
	if (!pid) {
		if (setgid(1000) || setuid(1000) || !tnl_open(&nl))
			_exit(255);
		for (size_t i = 0; i < ARRAY_SIZE(cmds); i++) {
			struct nl_msg *msg = tnl_request(&nl, cmds[i]);

			if (cmds[i] == KSC_CMD_POLICY_GET)
				nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_DUMP;
			if (tnl_do(&nl, msg) != -EPERM)
				_exit((int)i + 1);
		}
		_exit(0);
	}
	SYS(waitpid(pid, &status, 0));
	assert_int_equal(status, 0);
}

/* ---- reload ---- */

static void test_bad_reload(void **state)
{
	struct tnl_conn nl;
	uint64_t generation;

	(void)state;
	own_start(&own, policy_basic);
	assert_true(tnl_open(&nl));
	generation = show_all(&nl).generation;
	assert_int_equal(show_all(&nl).rules, 6);
	assert_false(own_reload(&own, "[rule x]\naction = sometimes\n"));
	assert_false(own_reload(&own, "[rule x]\naction = require\ncredential = nobody\n"));
	assert_false(own_reload(&own, "[rule x]\naction = never\n"
				      "[rule y]\naction = require\nremote-port = 1\n"));
	assert_int_equal(show_all(&nl).generation, generation);
	assert_true(own_reload(&own, "[rule x]\naction = never\n"));
	assert_int_not_equal(show_all(&nl).generation, generation);
	assert_int_equal(show_all(&nl).rules, 1);
	/* the same once more is the same policy */
	generation = show_all(&nl).generation;
	assert_true(own_reload(&own, "[rule x]\naction = never\n"));
	assert_int_equal(show_all(&nl).generation, generation);
	tnl_close(&nl);
}

/**
 * struct storm - connections without end
 * @port: of 2000 to 2999, see connect_either()
 * @stop: enough
 * @count: how many there were
 * @mixed: that were of both policies
 * @failed: that failed
 * @seen: of each policy
 * @plain: that were left plain by either
 */
struct storm {
	uint16_t port;
	volatile bool stop;
	volatile unsigned int count;
	unsigned int mixed;
	unsigned int failed;
	unsigned int seen[2];
	unsigned int plain;
};

/* Servers' policies: certificate and protocol are of the same one. */
static void *connect_on(void *arg)
{
	const struct t_opts any = { .verify = KSC_VERIFY_NONE, .alpn = "one,two" };
	struct storm *storm = arg;

	while (!storm->stop) {
		int fd = t_socket(AF_INET, &any);
		struct ksc_info info = { 0 };
		socklen_t len = sizeof(info);
		bool other, two;

		if (try_connect_to(fd, "127.0.0.1", 1000) ||
		    getsockopt(fd, SOL_KSCHANNEL, KSC_INFO, &info, &len)) {
			storm->failed++;
		} else {
			other = strstr(info.peer_subject, "other");
			two = !strcmp(info.alpn, "two");
			storm->mixed += other != two;
			storm->seen[two]++;
		}
		storm->count++;
		close(fd);
	}
	return NULL;
}

static void *accept_on(void *arg)
{
	int listener = *(int *)arg, fd;
	char c;

	/* until the client has seen what it wants to see */
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		recv(fd, &c, 1, 0);
		close(fd);
	}
	return NULL;
}

/*
 * Clients' policies, seen from a peer of no TLS's. Of two ports 1000 apart the upper is
 * protected by the first policy, with its protocol, and the lower by the second; the other
 * one is plain. It stays with the port that is plain until that changes, but for one
 * connection in a while, as plain connections are the fastest.
 */
static void *connect_either(void *arg)
{
	const struct linger now = { .l_onoff = 1 };
	int listeners[2], port = 0;
	struct storm *storm = arg;

	for (int i = 0; i < 2; i++)
		listeners[i] = listen_on((int)SYS(socket(AF_INET, SOCK_STREAM, 0)),
					 (uint16_t)(storm->port + 1000 * i));
	while (!storm->stop) {
		int fd = policy_socket(AF_INET, &policy_nothing), peer;
		struct sockaddr_in in = { .sin_family = AF_INET,
					  .sin_port = htons((uint16_t)(storm->port + 1000 * port)),
					  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		uint8_t hello[2048];
		ssize_t n;

		/* so that there is one thread's work in a connection, and no waiting */
		SYS(fcntl(fd, F_SETFL, O_NONBLOCK));
		SYS(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
		if (connect(fd, (struct sockaddr *)&in, sizeof(in)) && errno != EINPROGRESS)
			storm->failed++;
		peer = (int)SYS(accept(listeners[port], NULL, NULL));
		if (send(fd, "plain", 5, MSG_NOSIGNAL) != 5 && errno != EAGAIN)
			storm->failed++;
		n = recv(peer, hello, sizeof(hello), 0);
		if (n == 5 && !memcmp(hello, "plain", 5)) {
			storm->plain++;
		} else if (n > 5 && hello[0] == WIRE_HANDSHAKE) {
			bool one = memmem(hello, (size_t)n, "\3one", 4);
			bool two = memmem(hello, (size_t)n, "\3two", 4);

			storm->mixed += one == two || port == two;
			storm->seen[two]++;
			port = !port;
		} else {
			storm->failed++;
		}
		if (++storm->count % 64 == 0)
			port = !port;
		close(peer);
		close(fd);
	}
	close(listeners[0]);
	close(listeners[1]);
	return NULL;
}

static const char *const load_rules[] = {
	"[rule server]\naction = require\ndirection = accept\nlocal-port = 1000\n"
	"credential = server\nalpn = one\n"
	"[rule plain]\naction = never\ndirection = connect\nremote-port = 2000-2999\n"
	"[rule client]\naction = require\ndirection = connect\nremote-port = 3000-3999\n"
	"server-name = server.test\nalpn = one\n",
	"[rule client]\naction = require\ndirection = connect\nremote-port = 2000-2999\n"
	"server-name = server.test\nalpn = two\n"
	"[rule plain]\naction = never\ndirection = connect\nremote-port = 3000-3999\n"
	"[rule other]\naction = require\ndirection = accept\nlocal-port = 1000\n"
	"credential = other\nalpn = two\n",
};

static bool seen_enough(const struct storm *storms, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (storms[i].seen[0] < 10 || storms[i].seen[1] < 10)
			return false;
	return true;
}

static unsigned int sum(const struct storm *storms, size_t n)
{
	unsigned int count = 0;

	while (n--)
		count += storms[n].count;
	return count;
}

/*
 * No connection is of the one policy in this and of the other in that. Between loading it
 * and loading it again there are some, as what that costs the machine is not to be all it
 * does.
 */
static void reload_under(void *(*first)(void *), void *(*second)(void *), unsigned int between)
{
	struct storm storms[2] = { { .port = 2000 }, { .port = 2001 } };
	pthread_t threads[ARRAY_SIZE(storms)], server;
	unsigned int rounds = 0, count;
	int64_t start, ms;
	int listener;

	own_start(&own, load_rules[0]);
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), 1000);
	t_thread(&server, accept_on, &listener);
	start = t_now_ms();
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		t_thread(&threads[i], i ? second : first, &storms[i]);
	while ((rounds < 20 || !seen_enough(storms, ARRAY_SIZE(storms))) &&
	       t_now_ms() - start < PATIENCE_LONG_S * 1000L) {
		count = sum(storms, ARRAY_SIZE(storms));
		while (sum(storms, ARRAY_SIZE(storms)) - count < between &&
		       t_now_ms() - start < PATIENCE_LONG_S * 1000L)
			usleep(1000);
		assert_true(own_reload(&own, load_rules[++rounds % 2]));
	}
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		storms[i].stop = true;
		t_join(threads[i]);
	}
	count = sum(storms, ARRAY_SIZE(storms));
	ms = t_now_ms() - start;
	shutdown(listener, SHUT_RDWR);
	t_join(server);
	close(listener);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		print_message("# %u connections, %u and %u by policy, %u plain, %u failed\n",
			      storms[i].count, storms[i].seen[0], storms[i].seen[1],
			      storms[i].plain, storms[i].failed);
		assert_int_equal(storms[i].mixed, 0);
		assert_int_equal(storms[i].failed, 0);
	}
	assert_true(seen_enough(storms, ARRAY_SIZE(storms)));
	print_message("# %u policies, %u connections in a second\n", rounds,
		      (unsigned int)(count * 1000 / (unsigned int)ms));
}

static void test_reload_handshakes(void **state)
{
	(void)state;
	reload_under(connect_on, connect_on, 2);
}

static void test_reload_connections(void **state)
{
	(void)state;
	reload_under(connect_either, connect_either, 1000);
}

static void test_reload_both(void **state)
{
	(void)state;
	reload_under(connect_on, connect_either, 200);
}

/* ---- namespaces ---- */

/* Each has its own, and one that is deleted takes its policy along. */
static void test_namespaces(void **state)
{
	struct own other = { 0 };
	struct tnl_conn nl;
	int fds[2], status;
	pid_t pid;

	(void)state;
	own_start(&own, policy_basic);
	pair_on(1000, fds);
	assert_protected_pair(fds[0], fds[1]);
	pid = (pid_t)SYS(fork());
	if (!pid) {
		int pair[2];

		/* its sockets stay in the namespace where they were made */
		own_namespace();
		assert_true(tnl_open(&nl));
		assert_int_equal(show_all(&nl).generation, 0);
		tnl_close(&nl);
		own_start(&other, "[rule all]\naction = never\n");
		pair_on(1000, pair);
		assert_plain_pair(pair[0], pair[1]);
		assert_protected_pair(fds[0], fds[1]);
		/* the namespace goes with us, open connections and all */
		_exit(0);
	}
	SYS(waitpid(pid, &status, 0));
	assert_int_equal(status, 0);
	assert_protected_pair(fds[0], fds[1]);
	assert_true(tnl_open(&nl));
	assert_int_equal(show_all(&nl).rules, 6);
	tnl_close(&nl);
	close_pair(fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		POLICY_TEST(test_load),
		POLICY_TEST(test_many),
		POLICY_TEST(test_unprivileged),
		POLICY_TEST(test_bad_reload),
		POLICY_TEST(test_reload_handshakes),
		POLICY_TEST(test_reload_connections),
		POLICY_TEST(test_reload_both),
		POLICY_TEST(test_namespaces),
	};

	return T_RUN(tests);
}
