// SPDX-License-Identifier: GPL-2.0-only
/* libkschannel: the same steps as a program makes them, and the manual's examples. */
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/daemon.h"
#include "lib/lib.h"
#include "lib/nl.h"

/* Where the server of the manual listens. */
#define EXAMPLE_PORT "4433"
#define AWAIT_SERVER                                                          \
	"for i in $(seq 1000); do ss -Hltn 'sport = :" EXAMPLE_PORT           \
	"' | grep -q . && exit 0; usleep 20000; done; exit 1"

static void test_loop(void **state)
{
	uint8_t bindings[2][KSCHANNEL_BINDING_LEN];
	struct kschannel_sizes sizes;
	struct ksc_info info;
	size_t len = 0;
	int fds[2];
	char rest;

	(void)state;
	lib_handshake();
	assert_int_equal(client.step.status, KSC_STATUS_OK);
	assert_int_equal(server.step.status, KSC_STATUS_OK);
	assert_int_equal(side_step(&client, 0), -EISCONN);
	assert_int_equal(kschannel_query_sizes(client.ctx, &sizes), 0);
	assert_int_equal(sizes.header, 5);
	assert_int_equal(sizes.max_message, 16384);

	assert_int_equal(kschannel_attach(client.ctx, -1, NULL, 0), -EBADF);
	lib_attach(fds);
	assert_int_equal(kschannel_attach(server.ctx, fds[1], NULL, 0), -ESTALE);
	assert_int_equal(kschannel_query_info(client.ctx, &info), 0);
	assert_int_equal(info.version, t_info(fds[0]).version);
	assert_int_equal(info.cipher_suite, t_info(fds[0]).cipher_suite);
	assert_memory_equal(info.peer_fingerprint, t_info(fds[0]).peer_fingerprint, 32);
	assert_string_equal(info.peer_subject, "CN=server.test");
	t_exchange(fds[0], fds[1]);
	for (int i = 0; i < 2; i++)
		assert_int_equal(kschannel_channel_binding(fds[i], bindings[i]), 0);
	assert_memory_equal(bindings[0], bindings[1], KSCHANNEL_BINDING_LEN);

	assert_int_equal(kschannel_detach(fds[0], &rest, &len), -EBUSY);
	assert_int_equal(kschannel_apply_control(fds[0], KSCHANNEL_SHUTDOWN, 0), 0);
	t_expect_eof(fds[1]);
	assert_int_equal(kschannel_apply_control(fds[0], KSCHANNEL_ALERT, 80), -EPIPE);
	assert_int_equal(kschannel_apply_control(fds[1], KSCHANNEL_SHUTDOWN, 0), 0);
	t_expect_eof(fds[0]);
	for (int i = 0; i < 2; i++) {
		len = sizeof(rest);
		assert_int_equal(kschannel_detach(fds[i], &rest, &len), 0);
		assert_int_equal(len, 0);
	}
	t_exchange(fds[0], fds[1]);
	close(fds[0]);
	close(fds[1]);
}

static void expect_plain(int fd)
{
	char name[16] = "";
	socklen_t len = sizeof(name);

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_ULP, name, &len), 0);
	assert_int_equal(len, 0);
}

/* What can't be attached leaves a plain socket as it was. */
static void test_attach_in_vain(void **state)
{
	struct t_addr addr;
	int fds[2], used[2], listener, unconnected;

	(void)state;
	listener = t_listen(AF_INET, NULL, &addr);
	fds[0] = t_connect(&addr, NULL);
	fds[1] = t_accept(listener);
	close(listener);
	assert_int_equal(side_step(&client, 0), 0);
	assert_int_equal(kschannel_attach(client.ctx, fds[0], NULL, 0), -EINPROGRESS);
	expect_plain(fds[0]);
	kschannel_delete_context(client.ctx);
	client.ctx = NULL;
	lib_handshake();
	unconnected = t_plain(AF_INET);
	assert_int_equal(kschannel_attach(client.ctx, unconnected, NULL, 0), -ENOTCONN);
	expect_plain(unconnected);
	close(unconnected);
	lib_attach(used);
	assert_int_equal(kschannel_attach(client.ctx, fds[0], NULL, 0), -ESTALE);
	assert_int_equal(kschannel_attach(server.ctx, fds[1], NULL, 0), -ESTALE);
	expect_plain(fds[0]);
	expect_plain(fds[1]);
	t_exchange(fds[0], fds[1]);
	t_exchange(used[0], used[1]);
	for (int i = 0; i < 2; i++) {
		close(fds[i]);
		close(used[i]);
	}
}

/* What one side reports of itself is what the other reports of its peer. */
static void test_query(void **state)
{
	const void *chains[2][2];
	struct kschannel_session session;
	struct kschannel_cipher ciphers[2];
	uint8_t bindings[2][KSCHANNEL_END_POINT_MAX];
	size_t lens[2][2], n;
	struct ksc_info info;
	int fds[2];

	(void)state;
	lib_credentials("client", "mutual");
	assert_int_equal(side_step(&client, 0), 0);
	assert_int_equal(kschannel_query_cipher(client.ctx, &ciphers[0]), -ENOTCONN);
	assert_int_equal(kschannel_query_session(client.ctx, &session), -ENOTCONN);
	assert_int_equal(kschannel_query_chain(client.ctx, true, &chains[0][0], &n), -ENOTCONN);
	n = sizeof(bindings[0]);
	assert_int_equal(kschannel_query_end_point(client.ctx, bindings[0], &n), -ENOTCONN);
	kschannel_delete_context(client.ctx);
	client.ctx = NULL;
	lib_handshake();
	assert_int_equal(server.step.status, KSC_STATUS_OK);

	for (int i = 0; i < 2; i++) {
		struct kschannel_context *c = i ? server.ctx : client.ctx;

		n = 1;
		assert_int_equal(kschannel_query_end_point(c, bindings[i], &n), -ERANGE);
		n = sizeof(bindings[i]);
		assert_int_equal(kschannel_query_end_point(c, bindings[i], &n), 0);
		assert_int_equal(n, 32);
		assert_int_equal(kschannel_query_cipher(c, &ciphers[i]), 0);
		assert_int_equal(kschannel_query_session(c, &session), 0);
		assert_int_equal(session.verify, KSC_VERIFY_DEFAULT);
		assert_int_equal(session.traits,
				 KSC_TRAIT_VERIFIED | KSC_TRAIT_CERTIFICATE_SHOWN);
		assert_false(session.pick);
		assert_false(session.resumed);
		for (int local = 0; local < 2; local++)
			assert_int_equal(kschannel_query_chain(c, local, &chains[i][local],
							       &lens[i][local]), 0);
	}
	assert_memory_equal(bindings[0], bindings[1], 32);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(lens[i][0], lens[!i][1]);
		assert_memory_equal(chains[i][0], chains[!i][1], lens[i][0]);
	}
	assert_int_equal(kschannel_query_info(client.ctx, &info), 0);
	assert_int_equal(ciphers[0].version, info.version);
	assert_int_equal(ciphers[0].suite, info.cipher_suite);
	assert_int_equal(strncmp(ciphers[0].suite_name, "TLS_", 4), 0);
	assert_true(ciphers[0].cipher_bits == 128 || ciphers[0].cipher_bits == 256);
	assert_int_equal(ciphers[0].tag_bits, 128);
	assert_non_null(ciphers[0].group_name);
	assert_non_null(ciphers[0].signature_name);
	assert_int_equal(ciphers[0].group, ciphers[1].group);
	assert_int_equal(ciphers[0].signature, ciphers[1].signature);

	lib_attach(fds);
	/* what was asked before is known after */
	assert_int_equal(kschannel_query_chain(client.ctx, false, &chains[0][0], &n), 0);
	assert_int_equal(n, lens[0][0]);
	close(fds[0]);
	close(fds[1]);
}

/* Without a query before the sockets had the keys: the daemon has sent the facts anyway. */
static void test_query_late(void **state)
{
	struct kschannel_cipher cipher;
	struct ksc_info info;
	const void *chain;
	size_t len;
	int fds[2];

	(void)state;
	lib_handshake();
	lib_attach(fds);
	assert_int_equal(kschannel_query_info(client.ctx, &info), 0);
	assert_int_equal(kschannel_query_cipher(client.ctx, &cipher), 0);
	assert_int_equal(cipher.suite, info.cipher_suite);
	assert_int_equal(kschannel_query_chain(client.ctx, false, &chain, &len), 0);
	assert_true(len > 3);
	close(fds[0]);
	close(fds[1]);
}

/* One side shows nothing, and asks for nothing. */
static void test_query_server_only(void **state)
{
	struct kschannel_session session;
	const void *chain;
	size_t len;

	(void)state;
	lib_credentials("forgetful", NULL);
	lib_handshake();
	assert_int_equal(server.step.status, KSC_STATUS_OK);
	assert_int_equal(kschannel_query_chain(client.ctx, true, &chain, &len), -ENODATA);
	assert_int_equal(kschannel_query_chain(server.ctx, false, &chain, &len), -ENODATA);
	assert_int_equal(kschannel_query_session(client.ctx, &session), 0);
	assert_int_equal(session.traits, KSC_TRAIT_VERIFIED);
	assert_int_equal(kschannel_query_session(server.ctx, &session), 0);
	assert_int_equal(session.traits, KSC_TRAIT_CERTIFICATE_SHOWN);
}

/* A session that goes on with an earlier one shows no certificate. */
static void test_query_resumed(void **state)
{
	uint8_t binding[KSCHANNEL_END_POINT_MAX];
	struct kschannel_session session;
	struct kschannel_cipher cipher;
	const void *chain;
	size_t len;
	int fds[2];

	(void)state;
	lib_handshake();
	lib_attach(fds);
	/* the tickets come before that */
	t_exchange(fds[0], fds[1]);
	close(fds[0]);
	close(fds[1]);
	kschannel_delete_context(client.ctx);
	kschannel_delete_context(server.ctx);
	client.ctx = NULL;
	server.ctx = NULL;
	client.len = 0;
	server.len = 0;
	lib_handshake();
	assert_int_equal(kschannel_query_session(client.ctx, &session), 0);
	assert_true(session.resumed);
	assert_int_equal(session.traits, KSC_TRAIT_VERIFIED);
	assert_int_equal(kschannel_query_session(server.ctx, &session), 0);
	assert_true(session.resumed);
	assert_int_equal(session.traits, 0);
	assert_int_equal(kschannel_query_cipher(client.ctx, &cipher), 0);
	assert_int_equal(cipher.signature, 0);
	assert_int_equal(kschannel_query_chain(client.ctx, false, &chain, &len), 0);
	assert_int_equal(kschannel_query_chain(server.ctx, true, &chain, &len), -ENODATA);
	len = sizeof(binding);
	assert_int_equal(kschannel_query_end_point(client.ctx, binding, &len), 0);
	len = sizeof(binding);
	assert_int_equal(kschannel_query_end_point(server.ctx, binding, &len), -ENODATA);
}

/* Contexts derive what their sockets will. */
static void test_export(void **state)
{
	static const char label[] = "EXPORTER-kschannel-test";
	static uint8_t context[UINT16_MAX];
	uint8_t before[2][KSC_MAX_EXPORT], after[KSC_MAX_EXPORT];
	char longest[KSC_MAX_EXPORT_LABEL + 2];
	int fds[2];

	(void)state;
	memset(longest, 'l', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(side_step(&client, 0), 0);
	assert_int_equal(kschannel_context_binding(client.ctx, before[0]), -ENOTCONN);
	kschannel_delete_context(client.ctx);
	client.ctx = NULL;
	lib_handshake();
	for (int i = 0; i < 2; i++) {
		struct kschannel_context *c = i ? server.ctx : client.ctx;

		assert_int_equal(kschannel_context_export(c, "", NULL, 0, after, 1), -EINVAL);
		assert_int_equal(kschannel_context_export(c, longest, NULL, 0, after, 1), -EINVAL);
		assert_int_equal(kschannel_context_export(c, "a\nb", NULL, 0, after, 1), -EINVAL);
		assert_int_equal(kschannel_context_export(c, "master secret", NULL, 0, after, 1),
				 -EINVAL);
		assert_int_equal(kschannel_context_export(c, label, NULL, 0, after, 0), -EINVAL);
		assert_int_equal(kschannel_context_export(c, label, NULL, 0, after,
							  sizeof(after) + 1), -EINVAL);
		assert_int_equal(kschannel_context_export(c, label, context, sizeof(context) + 1,
							  after, 1), -EINVAL);
		assert_int_equal(kschannel_context_export(c, label, context, sizeof(context),
							  before[i], sizeof(before[i])), 0);
	}
	assert_memory_equal(before[0], before[1], sizeof(before[0]));
	assert_int_equal(kschannel_context_binding(client.ctx, before[0]), 0);
	assert_int_equal(kschannel_context_export(server.ctx, label, NULL, 0, before[1], 100), 0);
	lib_attach(fds);
	assert_int_equal(kschannel_context_binding(client.ctx, after), -ESTALE);
	assert_int_equal(kschannel_channel_binding(fds[1], after), 0);
	assert_memory_equal(before[0], after, KSCHANNEL_BINDING_LEN);
	assert_int_equal(kschannel_export(fds[0], label, NULL, 0, after, 100), 0);
	assert_memory_equal(before[1], after, 100);
	close(fds[0]);
	close(fds[1]);
}

static void test_failure(void **state)
{
	uint8_t binding[KSCHANNEL_BINDING_LEN];
	struct ksc_info info;

	(void)state;
	target = "wrong.test";
	lib_handshake();
	assert_int_equal(client.step.status, KSC_STATUS_PEER_REJECTED);
	assert_int_equal(client.step.direction, KSC_DIRECTION_SENT);
	assert_true(client.step.token_len);
	assert_non_null(strstr(client.step.text, "wrong.test"));
	assert_int_equal(server.step.status, KSC_STATUS_ALERT_RECEIVED);
	assert_int_equal(server.step.alert, client.step.alert);
	assert_int_equal(side_step(&client, 0), -ECONNABORTED);
	assert_int_equal(kschannel_fd(client.ctx), -1);
	assert_int_equal(kschannel_query_info(client.ctx, &info), -ENOTCONN);
	assert_int_equal(kschannel_context_binding(client.ctx, binding), -ECONNABORTED);
}

/* The client judges: both are at the point where it has to. */
static void open_manual(void)
{
	const struct kschannel_params params = { .role = KSC_ROLE_CLIENT,
						 .verify = KSC_VERIFY_MANUAL };

	kschannel_free_credential(client.cred);
	assert_int_equal(kschannel_acquire_credential(&client.cred, &params), 0);
	lib_handshake();
	assert_int_equal(client.step.status, KSC_STATUS_VERIFY_NEEDED);
	assert_true(client.step.chain_len > 3);
	assert_int_equal(((const uint8_t *)client.step.chain)[3], 0x30);
}

static int judge(enum ksc_verdict verdict, uint8_t alert)
{
	int rc = kschannel_judge_peer(client.ctx, verdict, alert, 0, client.in, client.len,
				      &client.step);

	if (!rc)
		client.len -= client.step.consumed;
	return rc;
}

static void test_manual(void **state)
{
	struct ksc_info info;

	(void)state;
	target = "wrong.test";
	open_manual();
	assert_int_equal(client.step.faults, KSC_FAULT_WRONG_NAME);
	assert_non_null(strstr(client.step.text, "wrong.test"));
	assert_int_equal(kschannel_query_info(client.ctx, &info), -ENOTCONN);
	assert_int_equal(side_step(&client, 0), -EINVAL);
	assert_int_equal(judge(KSC_VERDICT_NONE, 0), -EINVAL);
	assert_int_equal(kschannel_judge_peer(server.ctx, KSC_VERDICT_ACCEPT, 0, 0, NULL, 0,
					      &server.step), -ENODATA);
	assert_int_equal(judge(KSC_VERDICT_ACCEPT, 0), 0);
	assert_int_equal(client.step.status, KSC_STATUS_OK);
	assert_int_equal(client.step.chain_len, 0);
	side_take(&server, &client.step);
	assert_int_equal(side_step(&server, 0), 0);
	assert_int_equal(server.step.status, KSC_STATUS_OK);
	assert_int_equal(judge(KSC_VERDICT_ACCEPT, 0), -EISCONN);
}

static void test_manual_reject(void **state)
{
	(void)state;
	open_manual();
	assert_int_equal(client.step.faults, 0);
	assert_int_equal(judge(KSC_VERDICT_REJECT, 46), 0);
	assert_int_equal(client.step.status, KSC_STATUS_PEER_REJECTED);
	assert_int_equal(client.step.alert, 46);
	side_take(&server, &client.step);
	assert_int_equal(side_step(&server, 0), 0);
	assert_int_equal(server.step.status, KSC_STATUS_ALERT_RECEIVED);
	assert_int_equal(server.step.alert, 46);
	assert_int_equal(judge(KSC_VERDICT_ACCEPT, 0), -ECONNABORTED);
}

static void test_pick(void **state)
{
	struct kschannel_params params = { .role = KSC_ROLE_CLIENT, .flags = KSCHANNEL_PICK };
	struct kschannel_session session;

	(void)state;
	kschannel_free_credential(client.cred);
	kschannel_free_credential(server.cred);
	assert_int_equal(kschannel_acquire_credential(&client.cred, &params), 0);
	params = (struct kschannel_params) { .role = KSC_ROLE_SERVER, .name = "mutual" };
	assert_int_equal(kschannel_acquire_credential(&server.cred, &params), 0);
	lib_handshake();
	assert_int_equal(client.step.status, KSC_STATUS_INCOMPLETE_CREDENTIALS);
	assert_true(client.step.issuers_len > 2);
	assert_int_equal(((const uint8_t *)client.step.issuers)[2], 0x30);
	assert_int_equal(judge(KSC_VERDICT_ACCEPT, 0), -ENODATA);
	assert_int_equal(kschannel_pick_credential(server.ctx, NULL, 0, NULL, 0, &server.step),
			 -ENODATA);
	assert_int_equal(kschannel_pick_credential(client.ctx, "client", 0, client.in, client.len,
						   &client.step), 0);
	assert_int_equal(client.step.status, KSC_STATUS_OK);
	assert_int_equal(client.step.issuers_len, 0);
	assert_int_equal(kschannel_query_session(client.ctx, &session), 0);
	assert_true(session.pick);
	assert_int_equal(session.traits, KSC_TRAIT_VERIFIED | KSC_TRAIT_CERTIFICATE_SHOWN);
	side_take(&server, &client.step);
	assert_int_equal(side_step(&server, 0), 0);
	assert_int_equal(server.step.status, KSC_STATUS_OK);
}

static void test_misuse(void **state)
{
	struct kschannel_params params = { .role = KSC_ROLE_UNSPEC };
	struct kschannel_credential *none = NULL;
	struct kschannel_context *ctx = NULL;
	struct kschannel_step step;
	char name[KSC_MAX_NAME + 2];

	(void)state;
	assert_int_equal(kschannel_acquire_credential(&none, &params), -EINVAL);
	params.role = KSC_ROLE_CLIENT;
	params.alpn_len = KSC_MAX_ALPN + 1;
	assert_int_equal(kschannel_acquire_credential(&none, &params), -ENAMETOOLONG);
	assert_null(none);
	assert_int_equal(kschannel_accept_context(&ctx, client.cred, 0, NULL, 0, &step),
			 -EPROTOTYPE);
	assert_int_equal(kschannel_initialize_context(&ctx, client.cred, "a b", 0, NULL, 0, &step),
			 -EINVAL);
	assert_int_equal(kschannel_initialize_context(&ctx, client.cred, NULL, 64, NULL, 0, &step),
			 -EINVAL);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(kschannel_initialize_context(&ctx, client.cred, name, 0, NULL, 0, &step),
			 -ENAMETOOLONG);
	assert_null(ctx);
	assert_int_equal(side_step(&client, 0), 0);
	assert_int_equal(kschannel_accept_context(&client.ctx, server.cred, 0, NULL, 0, &step),
			 -EPROTOTYPE);
}

static void test_nonblock(void **state)
{
	struct pollfd p = { .events = POLLIN };
	struct kschannel_step step;
	pid_t pid = daemon_suspend();

	(void)state;
	assert_int_equal(side_step(&client, KSCHANNEL_NONBLOCK), -EAGAIN);
	assert_non_null(client.ctx);
	assert_int_equal(side_step(&client, KSCHANNEL_NONBLOCK), -EBUSY);
	assert_int_equal(kschannel_result(client.ctx, &step), -EAGAIN);
	assert_int_equal(kschannel_export_context(client.ctx, -1), -EBUSY);
	p.fd = kschannel_fd(client.ctx);
	assert_int_equal(poll(&p, 1, 0), 0);
	SYS(kill(pid, SIGCONT));
	assert_int_equal(SYS(poll(&p, 1, PATIENCE_S * 1000)), 1);
	assert_int_equal(kschannel_result(client.ctx, &step), 0);
	assert_int_equal(step.status, KSC_STATUS_CONTINUE_NEEDED);
	assert_true(step.token_len);
	/* once more, and nothing is forgotten */
	assert_int_equal(kschannel_result(client.ctx, &step), 0);
	assert_true(step.token_len);
}

/* What the first step came to may be an error: nothing has begun, and it may be tried again. */
static void test_nonblock_refused(void **state)
{
	struct pollfd p = { .events = POLLIN };
	struct kschannel_step step;

	(void)state;
	target = "a b";
	assert_int_equal(side_step(&client, KSCHANNEL_NONBLOCK), -EAGAIN);
	p.fd = kschannel_fd(client.ctx);
	assert_int_equal(SYS(poll(&p, 1, PATIENCE_S * 1000)), 1);
	assert_int_equal(kschannel_result(client.ctx, &step), -EINVAL);
	assert_int_equal(kschannel_result(client.ctx, &step), 0);
	assert_int_equal(step.status, KSC_STATUS_CONTINUE_NEEDED);
	assert_int_equal(step.token_len, 0);
	target = "server.test";
	assert_int_equal(side_step(&client, 0), 0);
	assert_true(client.step.token_len);
}

/* Case 42: the daemon exits while a step is pending, and between two. */
static void test_daemon_dies(void **state)
{
	struct kschannel_step step;

	(void)state;
	assert_int_equal(side_step(&client, 0), 0);
	side_take(&server, &client.step);
	daemon_suspend();
	assert_int_equal(side_step(&server, KSCHANNEL_NONBLOCK), -EAGAIN);
	daemon_do("kill");
	assert_int_equal(kschannel_result(server.ctx, &step), 0);
	assert_int_equal(step.status, KSC_STATUS_NO_DAEMON);
	assert_true(step.text[0]);
	assert_int_equal(step.token_len, 0);
	assert_int_equal(kschannel_fd(server.ctx), -1);
	assert_int_equal(side_step(&server, 0), -ECONNABORTED);
	/* the other end was not notified */
	assert_int_equal(side_step(&client, 0), 0);
	assert_int_equal(client.step.status, KSC_STATUS_NO_DAEMON);
	kschannel_delete_context(client.ctx);
	client.ctx = NULL;
	/* no daemon listens */
	assert_int_equal(side_step(&client, 0), -EHOSTDOWN);
	assert_null(client.ctx);
	daemon_do("start");
	assert_int_equal(side_step(&client, 0), 0);
	assert_int_equal(client.step.status, KSC_STATUS_CONTINUE_NEEDED);
}

static void test_timeout(void **state)
{
	const struct kschannel_params params = { .role = KSC_ROLE_CLIENT, .timeout = 100 };
	struct pollfd p = { .events = POLLIN };

	(void)state;
	kschannel_free_credential(client.cred);
	assert_int_equal(kschannel_acquire_credential(&client.cred, &params), 0);
	assert_int_equal(side_step(&client, 0), 0);
	p.fd = kschannel_fd(client.ctx);
	assert_int_equal(SYS(poll(&p, 1, PATIENCE_S * 1000)), 1);
	assert_int_equal(side_step(&client, 0), -ETIMEDOUT);
	assert_int_equal(side_step(&client, 0), -ETIMEDOUT);
	assert_int_equal(kschannel_fd(client.ctx), -1);
}

/* A process without a free descriptor does not lose the keys. */
static void test_no_descriptor(void **state)
{
	struct rlimit limit, none;
	int fds[2];

	(void)state;
	assert_int_equal(side_step(&client, 0), 0);
	side_take(&server, &client.step);
	assert_int_equal(side_step(&server, 0), 0);
	side_take(&client, &server.step);
	SYS(getrlimit(RLIMIT_NOFILE, &limit));
	none = (struct rlimit) { .rlim_cur = 3, .rlim_max = limit.rlim_max };
	SYS(setrlimit(RLIMIT_NOFILE, &none));
	assert_int_equal(side_step(&client, 0), -EMFILE);
	assert_int_equal(kschannel_result(client.ctx, &client.step), -EMFILE);
	SYS(setrlimit(RLIMIT_NOFILE, &limit));
	assert_int_equal(kschannel_result(client.ctx, &client.step), 0);
	assert_int_equal(client.step.status, KSC_STATUS_OK);
	client.len -= client.step.consumed;
	memmove(client.in, client.in + client.step.consumed, client.len);
	side_take(&server, &client.step);
	assert_int_equal(side_step(&server, 0), 0);
	lib_attach(fds);
	t_exchange(fds[0], fds[1]);
	close(fds[0]);
	close(fds[1]);
}

static void expect_success(pid_t pid)
{
	int status;

	SYS(waitpid(pid, &status, 0));
	assert_int_equal(status, 0);
}

static pid_t start(const char *const argv[], int out)
{
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;

	posix_spawn_file_actions_init(&actions);
	if (out >= 0)
		posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	assert_int_equal(posix_spawnp(&pid, argv[0], &actions, NULL, (char **)argv, environ),
			 0);
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

/* As the manual has them, in processes of their own */
static void test_examples(void **state)
{
	const char *const serve[] = { "library-server", EXAMPLE_PORT, NULL };
	const char *const await[] = { "sh", "-c", AWAIT_SERVER, NULL };
	const char *const fetch[] = { "library-client", "::1", EXAMPLE_PORT, "server.test", NULL };
	int out[2];
	pid_t pid;

	(void)state;
	pid = start(serve, -1);
	expect_success(start(await, -1));
	SYS(pipe(out));
	expect_success(start(fetch, out[1]));
	close(out[1]);
	{
		char got[16] = "";

		assert_int_equal(SYS(read(out[0], got, sizeof(got) - 1)), 6);
		assert_string_equal(got, "hello\n");
	}
	close(out[0]);
	expect_success(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_loop, lib_setup, lib_teardown),
		cmocka_unit_test_setup_teardown(test_attach_in_vain, lib_setup, lib_teardown),
		cmocka_unit_test_setup_teardown(test_query, lib_setup, lib_teardown),
		cmocka_unit_test_setup_teardown(test_query_late, lib_setup, lib_teardown),
		cmocka_unit_test_setup_teardown(test_query_server_only, lib_setup, lib_teardown),
		cmocka_unit_test_setup_teardown(test_query_resumed, lib_setup, lib_teardown),
		cmocka_unit_test_setup_teardown(test_export, lib_setup, lib_teardown),
		cmocka_unit_test_setup_teardown(test_failure, lib_setup, lib_teardown),
		cmocka_unit_test_setup_teardown(test_manual, lib_setup, lib_teardown),
		cmocka_unit_test_setup_teardown(test_manual_reject, lib_setup, lib_teardown),
		cmocka_unit_test_setup_teardown(test_pick, lib_setup, lib_teardown),
		cmocka_unit_test_setup_teardown(test_misuse, lib_setup, lib_teardown),
		cmocka_unit_test_setup_teardown(test_nonblock, lib_setup, lib_teardown),
		cmocka_unit_test_setup_teardown(test_nonblock_refused, lib_setup, lib_teardown),
		cmocka_unit_test_setup_teardown(test_daemon_dies, lib_setup, lib_teardown),
		cmocka_unit_test_setup_teardown(test_timeout, lib_setup, lib_teardown),
		cmocka_unit_test_setup_teardown(test_no_descriptor, lib_setup, lib_teardown),
		cmocka_unit_test_setup_teardown(test_examples, lib_setup, lib_teardown),
	};

	return T_RUN(tests);
}
