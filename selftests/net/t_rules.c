// SPDX-License-Identifier: GPL-2.0-only
/* What rules demand of connections, and of which. */
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/lib.h"
#include "lib/net.h"
#include "lib/nl.h"
#include "lib/own.h"
#include "lib/peer.h"
#include "lib/policy.h"

/* ---- a floor ---- */

static const char floor_rules[] =
	"[rule server]\naction = require\ndirection = accept\nlocal-port = 1000\n"
	"alpn = one, two\n"
	"[rule client]\naction = require\ndirection = connect\nremote-port = 1000\n"
	"server-name = server.test\ncredential = client\nverify = require\nalpn = one, two\n";

static void less(const struct t_opts *opts, const char *what)
{
	int listener = listen_on(t_plain(AF_INET), 1000), fd;
	struct ksc_error e;

	/* whether the module was asked for by the program itself or in its stead */
	for (int i = 0; i < 2; i++) {
		fd = i ? policy_socket(AF_INET, opts) : t_socket(AF_INET, opts);
		FAILS(try_connect_to(fd, "127.0.0.1", 1000), EPERM);
		e = t_error(fd);
		assert_int_equal(e.status, KSC_STATUS_POLICY);
		assert_int_equal(e.error, EPERM);
		assert_non_null(strstr(e.text, "\"client\""));
		assert_non_null(strstr(e.text, what));
		close(fd);
	}
	close(listener);
}

static void test_floor(void **state)
{
	const struct t_opts more = { .server_name = "SERVER.test", .credential = "client",
				     .alpn = "two", .verify = KSC_VERIFY_REQUIRE };
	const struct t_opts other = { .server_name = "other.test" };
	int listener, fds[2];

	(void)state;
	own_start(&own, floor_rules);
	less(&(struct t_opts){ .verify = KSC_VERIFY_NONE }, "verification");
	less(&(struct t_opts){ .verify = KSC_VERIFY_REQUEST }, "verification");
	less(&(struct t_opts){ .verify = KSC_VERIFY_MANUAL }, "verification");
	less(&(struct t_opts){ .credential = "anonymous" }, "credential");
	less(&(struct t_opts){ .alpn = "two,three" }, "protocols");
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), 1000);
	fds[0] = t_socket(AF_INET, &other);
	FAILS(try_connect_to(fds[0], "127.0.0.1", 1000), EPERM);
	assert_non_null(strstr(t_error(fds[0]).text, "server name"));
	close(fds[0]);
	close(t_accept(listener));
	/* what a program that knows nothing of us has looked up is no wish */
	fds[0] = connect_to(policy_socket(AF_INET, &other), 1000);
	fds[1] = t_accept(listener);
	assert_protected_pair(fds[0], fds[1]);
	assert_string_equal(t_info(fds[0]).server_name, "server.test");
	close_pair(fds);
	fds[0] = connect_to(policy_socket(AF_INET, &more), 1000);
	fds[1] = t_accept(listener);
	assert_protected_pair(fds[0], fds[1]);
	assert_string_equal(t_info(fds[0]).alpn, "two");
	close_pair(fds);
	fds[0] = connect_to(t_socket(AF_INET, &policy_nothing), 1000);
	fds[1] = t_accept(listener);
	assert_protected_pair(fds[0], fds[1]);
	assert_string_equal(t_info(fds[0]).alpn, "one");
	close_pair(fds);
	close(listener);
}

static void get_detach(int fd, int error)
{
	char rest[64];
	socklen_t len = sizeof(rest);

	FAILS(getsockopt(fd, SOL_KSCHANNEL, KSC_DETACH, rest, &len), error);
}

/* After TLS no plaintext follows where the policy requires protection. */
static void test_detach(void **state)
{
	const int one = 1;
	int fds[2];

	(void)state;
	own_start(&own, policy_basic);
	pair_on(1006, fds);
	assert_protected_pair(fds[0], fds[1]);
	SYS(setsockopt(fds[0], SOL_KSCHANNEL, KSC_CLOSE_NOTIFY, &one, sizeof(one)));
	SYS(setsockopt(fds[1], SOL_KSCHANNEL, KSC_CLOSE_NOTIFY, &one, sizeof(one)));
	t_expect_eof(fds[0]);
	t_expect_eof(fds[1]);
	get_detach(fds[0], EPERM);
	get_detach(fds[1], EPERM);
	close_pair(fds);
}

/* An application that carried the tokens itself is bound by the rule as well. */
static void test_detach_attached(void **state)
{
	const int one = 1;
	int fds[2], listener;

	(void)state;
	own_start(&own, policy_basic);
	SYS(setenv("KSCHANNEL_CONTEXT_SOCKET", own.context, 1));
	assert_int_equal(lib_setup(NULL), 0);
	lib_handshake();
	listener = listen_on(t_plain(AF_INET), 1009);
	fds[0] = connect_to(t_plain(AF_INET), 1009);
	fds[1] = t_accept(listener);
	close(listener);
	assert_int_equal(kschannel_attach(client.ctx, fds[0], client.in, client.len), 0);
	assert_int_equal(kschannel_attach(server.ctx, fds[1], server.in, server.len), 0);
	t_exchange(fds[0], fds[1]);
	for (int i = 0; i < 2; i++)
		SYS(setsockopt(fds[i], SOL_KSCHANNEL, KSC_CLOSE_NOTIFY, &one, sizeof(one)));
	for (int i = 0; i < 2; i++) {
		t_expect_eof(fds[i]);
		get_detach(fds[i], EPERM);
	}
	close_pair(fds);
	lib_teardown(NULL);
	unsetenv("KSCHANNEL_CONTEXT_SOCKET");
}

/* Which peers are allowed. */
static void test_peers(void **state)
{
	static const struct {
		const char *peers;
		bool allowed;
	} cases[] = {
		{ "dns:other.test, dns:*.test", true },
		{ "dns:server.test", true },
		{ "dns:other.test", false },
		{ "uri:server.test, email:*@server.test", false },
	};
	char rules[512];
	int listener, fds[2];

	(void)state;
	own_start(&own, "");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(rules, sizeof(rules),
			 "[rule peers]\naction = require\nremote-port = 1000\ndirection = connect\n"
			 "server-name = server.test\npeers = %s\n"
			 "[rule server]\naction = require\nlocal-port = 1000\n"
			 "direction = accept\n", cases[i].peers);
		assert_true(own_reload(&own, rules));
		listener = listen_on(policy_socket(AF_INET, &policy_nothing), 1000);
		/* twice: the second time there is a session to resume, judged as the first */
		for (int k = 0; k < 2; k++) {
			fds[0] = policy_socket(AF_INET, &policy_nothing);
			connect_to(fds[0], 1000);
			fds[1] = t_accept(listener);
			if (cases[i].allowed) {
				assert_protected_pair(fds[0], fds[1]);
			} else {
				FAILS(t_handshake(fds[0]), EKEYREJECTED);
				assert_non_null(strstr(t_error(fds[0]).text, "\"peers\""));
			}
			close_pair(fds);
		}
		close(listener);
	}
	/* a server's clients, likewise */
	for (int i = 0; i < 2; i++) {
		snprintf(rules, sizeof(rules),
			 "[rule server]\naction = require\nlocal-port = 1000\n"
			 "direction = accept\ncredential = mutual\npeers = dns:%s.test\n"
			 "[rule client]\naction = require\nremote-port = 1000\n"
			 "direction = connect\nserver-name = server.test\ncredential = client\n",
			 i ? "stranger" : "client");
		assert_true(own_reload(&own, rules));
		listener = listen_on(policy_socket(AF_INET, &policy_nothing), 1000);
		fds[0] = connect_to(policy_socket(AF_INET, &policy_nothing), 1000);
		fds[1] = t_accept(listener);
		if (i)
			FAILS(recv(fds[1], rules, 1, 0), EKEYREJECTED);
		else
			assert_protected_pair(fds[0], fds[1]);
		close_pair(fds);
		close(listener);
	}
}

static void test_versions(void **state)
{
	char rules[512];
	int fds[2];

	(void)state;
	own_start(&own, "");
	for (int i = 2; i <= 3; i++) {
		snprintf(rules, sizeof(rules),
			 "[rule server]\naction = require\nlocal-port = 1000\n"
			 "direction = accept\n%s-version = 1.%d\n"
			 "[rule client]\naction = require\nremote-port = 1000\n"
			 "direction = connect\nserver-name = server.test\n",
			 i == 2 ? "max" : "min", i);
		assert_true(own_reload(&own, rules));
		pair_on(1000, fds);
		assert_protected_pair(fds[0], fds[1]);
		assert_int_equal(t_info(fds[0]).version, 0x0301 + i);
		close_pair(fds);
	}
}

/* ---- the socket's owner ---- */

static int in_child(uid_t uid, gid_t gid, uint16_t port)
{
	int status;
	pid_t pid = (pid_t)SYS(fork());

	if (!pid) {
		int fd;

		if (setgid(gid) || setuid(uid))
			_exit(99);
		fd = policy_socket(AF_INET, &policy_nothing);
		_exit(what_is(connect_to(fd, port)));
	}
	SYS(waitpid(pid, &status, 0));
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_owner(void **state)
{
	int listener;

	(void)state;
	own_start(&own, "[rule uid]\naction = never\nuser = 2000-2009\n"
			"[rule gid]\naction = never\ngroup = 3000\n"
			"[rule rest]\naction = require\nserver-name = server.test\n"
			"direction = connect\n"
			"[rule server]\naction = require\ndirection = accept\n");
	listener = listen_on(t_socket(AF_INET, &t_server), 1000);
	assert_int_equal(in_child(2000, 1, 1000), LEFT);
	assert_int_equal(in_child(2009, 1, 1000), LEFT);
	assert_int_equal(in_child(1, 3000, 1000), LEFT);
	assert_int_equal(in_child(2010, 3001, 1000), PROTECTED);
	close(listener);
}

/* A server of another user than the key's, on a port */
static enum is served_as(uid_t uid, uint16_t port)
{
	int fds[2], listener;
	bool refused;
	char c;

	SYS(seteuid(uid));
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), port);
	fds[0] = connect_to(policy_socket(AF_INET, &policy_nothing), port);
	fds[1] = t_accept(listener);
	close(listener);
	/* fails when the alert has come */
	send(fds[0], "x", 1, MSG_NOSIGNAL);
	refused = recv(fds[1], &c, 1, 0) < 0;
	if (refused)
		assert_int_equal(errno, EACCES);
	else
		assert_protected_pair(fds[0], fds[1]);
	close_pair(fds);
	SYS(seteuid(0));
	return refused ? NONE : PROTECTED;
}

static void test_grant(void **state)
{
	(void)state;
	own_start(&own, "[rule named]\naction = require\nlocal-port = 1100\n"
			"direction = accept\ncredential = server\n"
			"[rule unnamed]\naction = require\ndirection = accept\n"
			"[rule out]\naction = require\ndirection = connect\n"
			"server-name = server.test\n");
	assert_int_equal(served_as(2010, 1100), PROTECTED);
	assert_int_equal(served_as(2010, 2100), NONE);
	assert_int_equal(served_as(0, 2100), PROTECTED);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void test_cgroup(void **state)
{
	const char *const root = "/sys/fs/cgroup";
	int listener;

	(void)state;
	if (access("/sys/fs/cgroup/cgroup.procs", F_OK))
		SYS(mount("cgroup2", root, "cgroup2", 0, NULL));
	mkdir("/sys/fs/cgroup/ksc-a", 0755);
	mkdir("/sys/fs/cgroup/ksc-a/b", 0755);
	mkdir("/sys/fs/cgroup/ksc-c", 0755);
	own_start(&own, "[rule scope]\naction = never\ncgroup = /ksc-a\n"
			"[rule rest]\naction = require\nserver-name = server.test\n"
			"direction = connect\n"
			"[rule server]\naction = require\ndirection = accept\n");
	listener = listen_on(t_socket(AF_INET, &t_server), 1000);
	write_file("/sys/fs/cgroup/ksc-a/b/cgroup.procs", "0");
	assert_int_equal(in_child(1, 1, 1000), LEFT);
	write_file("/sys/fs/cgroup/ksc-c/cgroup.procs", "0");
	assert_int_equal(in_child(1, 1, 1000), PROTECTED);
	write_file("/sys/fs/cgroup/ksc-a/cgroup.procs", "0");
	assert_int_equal(in_child(1, 1, 1000), LEFT);
	write_file("/sys/fs/cgroup/cgroup.procs", "0");
	assert_int_equal(in_child(1, 1, 1000), PROTECTED);
	close(listener);
	rmdir("/sys/fs/cgroup/ksc-a/b");
	rmdir("/sys/fs/cgroup/ksc-a");
	rmdir("/sys/fs/cgroup/ksc-c");
}

static void expect_listed(const char *command, const char *what)
{
	static char text[1 << 14];
	FILE *list = popen(command, "re");
	size_t len;

	assert_non_null(list);
	len = fread(text, 1, sizeof(text) - 1, list);
	text[len] = '\0';
	assert_int_equal(pclose(list), 0);
	if (!strstr(text, what))
		fail_msg("%s is not in: %s", what, text);
}

/* A certificate without a subject is known by its first subjectAltName. */
static void test_no_subject(void **state)
{
	static const char name[] = "uri:spiffe://kschannel.test/workload";
	struct peer_conf conf = { .library = PEER_OPENSSL, .cert = "workload" };
	struct t_addr addr = { .len = sizeof(addr.ss) };
	struct ksc_info info;
	struct peer peer;
	int listener, fd;

	(void)state;
	own_start(&own, "[rule server]\naction = require\ndirection = accept\n"
			"local-port = 1000\ncredential = mutual\nverify = require\n"
			"peers = uri:spiffe://kschannel.test/*\n");
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), 1000);
	SYS(getsockname(listener, (struct sockaddr *)&addr.ss, &addr.len));
	for (conf.version = 0x0303; conf.version <= 0x0304; conf.version++) {
		memset(&peer, 0, sizeof(peer));
		peer_connect(&peer, &conf, &addr, peer_echo);
		fd = t_accept(listener);
		t_send(fd, "who", 3);
		t_expect(fd, "who");
		info = t_info(fd);
		assert_true(info.flags & KSC_INFO_F_PEER_CERT);
		assert_string_equal(info.peer_subject, name);
		expect_listed("kschannelctl list", name);
		/* where slashes are escaped */
		expect_listed("kschannelctl list --json", "\"uri:spiffe:");
		close(fd);
		peer_join(&peer);
	}
	own_await_log(&own, "credential=mutual peer-subject=uri:spiffe://kschannel.test/workload");
	/* another of the same authority */
	memset(&peer, 0, sizeof(peer));
	conf.cert = "client";
	conf.version = 0x0304;
	peer_connect(&peer, &conf, &addr, peer_echo);
	fd = t_accept(listener);
	FAILS(recv(fd, &(char){ 0 }, 1, 0), EKEYREJECTED);
	close(fd);
	peer_join_failed(&peer, "access denied");
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		POLICY_TEST(test_floor),
		POLICY_TEST(test_detach),
		POLICY_TEST(test_detach_attached),
		POLICY_TEST(test_peers),
		POLICY_TEST(test_no_subject),
		POLICY_TEST(test_versions),
		POLICY_TEST(test_owner),
		POLICY_TEST(test_grant),
		POLICY_TEST(test_cgroup),
	};

	return T_RUN(tests);
}
