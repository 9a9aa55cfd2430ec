// SPDX-License-Identifier: GPL-2.0-only
/* Clients resume sessions, by tickets that no application sees. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/net.h"
#include "lib/nl.h"
#include "lib/peer.h"

static const struct peer_conf servers[] = {
	{ .library = PEER_OPENSSL, .server = true, .version = 0x0304 },
	{ .library = PEER_OPENSSL, .server = true, .version = 0x0303 },
	{ .library = PEER_GNUTLS, .server = true, .version = 0x0304, .tickets = true },
	{ .library = PEER_GNUTLS, .server = true, .version = 0x0303, .tickets = true },
};

/* A connection to a peer; whether it was resumed. */
static bool greeted(int listener, const struct t_addr *addr, const struct peer_conf *conf,
		    const struct t_opts *opts)
{
	struct peer peer = { 0 };
	struct ksc_info info;
	int fd;

	peer_accept(&peer, conf, listener, peer_greet);
	fd = t_connect(addr, opts);
	/* what comes before it, tickets, was dealt with then */
	t_expect(fd, "hello");
	info = t_info(fd);
	assert_string_equal(info.peer_subject, "CN=server.test");
	assert_int_equal(info.version, conf->version);
	close(fd);
	peer_join(&peer);
	return info.flags & KSC_INFO_F_RESUMED;
}

/* Cases 29 and 33: of OpenSSL, two tickets at a time. */
static void test_resume(void **state)
{
	const struct peer_conf *conf = *state;
	uint64_t before = tnl_counter(KSC_A_STATS_TICKETS);
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);

	assert_false(greeted(listener, &addr, conf, &t_client));
	assert_int_equal(tnl_counter(KSC_A_STATS_TICKETS) > before, conf->version == 0x0304);
	for (int i = 0; i < 5; i++)
		assert_true(greeted(listener, &addr, conf, &t_client));
	close(listener);
}

/* Case 29: a client that asks for something else has a full handshake. */
static void test_others(void **state)
{
	const struct t_opts others[] = {
		{ .server_name = "localhost" },
		{ .server_name = "server.test", .alpn = "h2" },
		{ .server_name = "server.test", .verify = KSC_VERIFY_REQUEST },
		{ .server_name = "server.test", .credential = "forgetful" },
		{ .server_name = "server.test", .credential = "client" },
	};
	const struct t_opts forgetful = { .server_name = "server.test",
					  .credential = "forgetful" };
	const struct peer_conf *conf = *state;
	struct t_addr addr, other;
	int listener = t_listen(AF_INET, NULL, &addr), second = t_listen(AF_INET, NULL, &other);

	assert_false(greeted(listener, &addr, conf, &t_client));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (greeted(listener, &addr, conf, &others[i]))
			fail_msg("number %zu was resumed", i);
	}
	/* it does not even keep what it could use itself */
	assert_false(greeted(listener, &addr, conf, &forgetful));
	/* another port is another server */
	assert_false(greeted(second, &other, conf, &t_client));
	assert_true(greeted(listener, &addr, conf, &t_client));
	close(listener);
	close(second);
}

/* Case 29: another account does not go on with our session. */
static void test_other_account(void **state)
{
	const struct peer_conf *conf = *state;
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), status;
	pid_t pid;

	assert_false(greeted(listener, &addr, conf, &t_client));
	peer_accept(&peer, conf, listener, peer_greet);
	pid = (pid_t)SYS(fork());
	if (!pid) {
		struct ksc_info info;
		socklen_t len = sizeof(info);
		char hello[5];
		int fd;

		if (setgid(1000) || setuid(1000))
			_exit(2);
		fd = socket(AF_INET, SOCK_STREAM, IPPROTO_KSCHANNEL);
		setsockopt(fd, SOL_KSCHANNEL, KSC_SERVER_NAME, "server.test", 11);
		if (connect(fd, (struct sockaddr *)&addr.ss, addr.len) ||
		    recv(fd, hello, 5, MSG_WAITALL) != 5 ||
		    getsockopt(fd, SOL_KSCHANNEL, KSC_INFO, &info, &len))
			_exit(3);
		_exit(info.flags & KSC_INFO_F_RESUMED ? 4 : 0);
	}
	SYS(waitpid(pid, &status, 0));
	assert_int_equal(status, 0);
	peer_join(&peer);
	assert_true(greeted(listener, &addr, conf, &t_client));
	close(listener);
}

/* Both ends are ours; the server judges no certificate, or else sends no tickets. */
static void test_ours(void **state)
{
	const bool asks = *state;
	const struct t_opts server = { .credential = asks ? "mutual" : NULL };
	const struct t_opts client = { .server_name = "server.test",
				       .credential = asks ? "client" : NULL };
	struct t_addr addr;
	int listener = t_listen(AF_INET, &server, &addr);

	for (int i = 0; i < 4; i++) {
		int fd = t_begin(&addr, &client), child = t_accept(listener);
		bool wanted = i && !asks;

		t_exchange(fd, child);
		assert_int_equal(!!(t_info(fd).flags & KSC_INFO_F_RESUMED), wanted);
		assert_int_equal(!!(t_info(child).flags & KSC_INFO_F_RESUMED), wanted);
		assert_string_equal(t_info(fd).peer_subject, "CN=server.test");
		close(fd);
		t_expect_eof(child);
		close(child);
	}
	close(listener);
}

/* Case 30: a daemon that reads its configuration again has forgotten; so has a new one. */
static void test_reload(void **state)
{
	const struct peer_conf *conf = *state;
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);
	int64_t end;

	assert_false(greeted(listener, &addr, conf, &t_client));
	assert_true(greeted(listener, &addr, conf, &t_client));
	assert_int_equal(t_shell("kill -HUP $(cat /run/kschanneld.pid)"), 0);
	/* it may look at us before it looks at the signal, and reads for a while then */
	end = t_now_ms() + PATIENCE_S * 1000L;
	while (greeted(listener, &addr, conf, &t_client))
		assert_true(t_now_ms() < end);
	/* that one may have begun before, found no session, and left none */
	if (!greeted(listener, &addr, conf, &t_client))
		assert_true(greeted(listener, &addr, conf, &t_client));
	assert_int_equal(t_shell("ksc-daemon stop && ksc-daemon start"), 0);
	assert_false(greeted(listener, &addr, conf, &t_client));
	assert_true(greeted(listener, &addr, conf, &t_client));
	close(listener);
}

#define PEERS(name_, t)                                                                            \
	{ .name = name_ " OpenSSL 1.3", .test_func = (t), .initial_state = (void *)&servers[0] },  \
	{ .name = name_ " OpenSSL 1.2", .test_func = (t), .initial_state = (void *)&servers[1] },  \
	{ .name = name_ " GnuTLS 1.3", .test_func = (t), .initial_state = (void *)&servers[2] },   \
	{ .name = name_ " GnuTLS 1.2", .test_func = (t), .initial_state = (void *)&servers[3] }

int main(void)
{
	static const bool yes = true;
	const struct CMUnitTest tests[] = {
		PEERS("resume,", test_resume),
		PEERS("others,", test_others),
		PEERS("another account,", test_other_account),
		{ .name = "ours", .test_func = test_ours },
		{ .name = "ours, with client certificates", .test_func = test_ours,
		  .initial_state = (void *)&yes },
		{ .name = "a new daemon", .test_func = test_reload,
		  .initial_state = (void *)&servers[0] },
	};

	return T_RUN(tests);
}
