// SPDX-License-Identifier: GPL-2.0-only
/* Out of memory where a socket gets keys, and in less common operations; see t_failnth.c. */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/ctx.h"
#include "lib/fault.h"
#include "lib/policy.h"
#include "lib/wire.h"

static int fd, fds[2];

/* ---- keys of contexts ---- */

static struct ctx client, server;

static const struct t_opts named = { .server_name = "server.test", .alpn = "h2" };

static void plain_pair(void)
{
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);

	fds[0] = t_connect(&addr, NULL);
	fds[1] = t_accept(listener);
	close(listener);
}

static void make_keys(void)
{
	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &named);
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &t_server);
	ctx_handshake(&client, &server);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
	assert_int_equal(server.last.status, KSC_STATUS_OK);
}

static struct ksc_info info;

static int act_info(void)
{
	return ioctl(client.key, KSC_KEY_INFO, &info);
}

static void after_info(int error)
{
	if (error)
		SYS(act_info());
	assert_int_equal(info.version, 0x0304);
	ctx_close(&client);
	ctx_close(&server);
}

/* A label of all bytes that it may have, so that there is no room on the stack */
static union {
	struct ksc_export head;
	uint8_t room[sizeof(struct ksc_export) + KSC_MAX_EXPORT];
} material;

static int act_export(void)
{
	material.head = (struct ksc_export) {
		.label_len = KSC_MAX_EXPORT_LABEL, .out_len = KSC_MAX_EXPORT,
	};
	memset(material.head.data, 'l', KSC_MAX_EXPORT_LABEL);
	return ioctl(client.key, KSC_KEY_EXPORT, &material.head);
}

static void after_export(int error)
{
	if (error)
		SYS(act_export());
	ctx_close(&client);
	ctx_close(&server);
}

/* With bytes of the server's that the handshake did not need */
static void make_attach(void)
{
	make_keys();
	assert_true(client.in_len > 0);
	plain_pair();
	t_attach(fds[0]);
	ctx_attach(&server, fds[1]);
}

static int act_attach(void)
{
	return ctx_try_attach(&client, fds[0]);
}

static void after_attach(int error)
{
	if (error)
		SYS(act_attach());
	t_exchange(fds[0], fds[1]);
	close_pair(fds);
	ctx_close(&client);
}

static int teardown_contexts(void **state)
{
	fault_teardown(state);
	return ctx_teardown(state);
}

static int setup_contexts(void **state)
{
	return ctx_setup(state) ? -1 : fault_setup(state);
}

/* ---- established, with keys of the test's ---- */

static struct wire w;
static uint8_t data[300], plain[WIRE_MAX_RECORD];

static void make_wire(void)
{
	t_fill(data, sizeof(data), 1);
	wire_start(&w, wire_suite(WIRE_13, 0x1301), 9);
	/* with something that waits to be sealed */
	assert_int_equal(SYS(send(w.fd, data, sizeof(data), MSG_MORE)), sizeof(data));
}

static int act_close_notify(void)
{
	return setsockopt(w.fd, SOL_KSCHANNEL, KSC_CLOSE_NOTIFY, &(int){ 0 }, sizeof(int));
}

static void after_close_notify(int error)
{
	if (error)
		SYS(act_close_notify());
	wire_expect(&w, WIRE_DATA, data, sizeof(data));
	wire_expect_alert(&w, 1, 0);
	/* the other direction goes on */
	wire_send(&w, WIRE_DATA, "more", 4, 0);
	t_expect(w.fd, "more");
	wire_close(&w);
}

#define CANCELED 90
#define FATAL 80

static int act_warning(void)
{
	return setsockopt(w.fd, SOL_KSCHANNEL, KSC_ALERT, &(int){ CANCELED }, sizeof(int));
}

static void after_warning(int error)
{
	if (error)
		SYS(act_warning());
	wire_expect(&w, WIRE_DATA, data, sizeof(data));
	wire_expect_alert(&w, 1, CANCELED);
	wire_close(&w);
}

static int act_fatal(void)
{
	return setsockopt(w.fd, SOL_KSCHANNEL, KSC_ALERT, &(int){ FATAL }, sizeof(int));
}

/* It has failed here; there the alert has come, or a reset, but never an end without one */
static void after_fatal(int error)
{
	ssize_t n;

	if (error)
		(void)act_fatal();
	/* in words, too, if there was memory for them */
	assert_int_equal(t_error(w.fd).status, KSC_STATUS_CANCELLED);
	SYS(close(w.fd));
	do
		n = recv(w.peer, plain, sizeof(plain), 0);
	while (n > 0);
	assert_true(!n || errno == ECONNRESET);
	SYS(close(w.peer));
}

static void make_said(void)
{
	wire_start(&w, wire_suite(WIRE_13, 0x1301), 9);
	SYS(act_close_notify());
	wire_expect_alert(&w, 1, 0);
	wire_send(&w, WIRE_ALERT, "\1\0", 2, 0);
	t_expect_eof(w.fd);
}

static int act_detach(void)
{
	socklen_t len = sizeof(plain);

	return getsockopt(w.fd, SOL_KSCHANNEL, KSC_DETACH, plain, &len);
}

/* EFAULT may have come before or after the detach. */
static void after_detach(int error)
{
	if (error)
		assert_true(!act_detach() || error == EFAULT);
	t_send(w.fd, "plain", 5);
	t_expect(w.peer, "plain");
	wire_close(&w);
}

/* The peer has said all; we have not, and a record is open. */
static void make_heard(void)
{
	make_wire();
	wire_send(&w, WIRE_ALERT, "\1\0", 2, 0);
	t_expect_eof(w.fd);
}

/* Without a close_notify of ours no plaintext may follow. */
static void after_heard(int error)
{
	if (error) {
		FAILS(act_detach(), EBUSY);
		SYS(act_close_notify());
	}
	wire_expect(&w, WIRE_DATA, data, sizeof(data));
	wire_expect_alert(&w, 1, 0);
	SYS(act_detach());
	t_send(w.fd, "plain", 5);
	t_expect(w.peer, "plain");
	wire_close(&w);
}

static int setup_wire(void **state)
{
	return wire_begin() ? -1 : fault_setup(state);
}

static int teardown_wire(void **state)
{
	fault_teardown(state);
	return wire_end();
}

/* ---- a handshake that poll() begins ---- */

static int listener = -1;
static struct t_addr addr;

/* No call waits for it but poll(): the module's own work does the handshake. */
static void make_polled(void)
{
	listener = t_listen(AF_INET, &(struct t_opts){ .timeout = 20000 }, &addr);
	fds[0] = t_connect(&addr, NULL);
	t_attach(fds[0]);
	t_set_opts(fds[0], &(struct t_opts){ .server_name = "server.test", .timeout = 20000 });
	SYS(setsockopt(fds[0], SOL_KSCHANNEL, KSC_ROLE, &(int){ KSC_ROLE_CLIENT }, sizeof(int)));
	fds[1] = t_accept(listener);
	SYS(close(listener));
}

static int act_polled(void)
{
	for (int i = 0; i < 2; i++) {
		struct pollfd p = { .fd = fds[i], .events = POLLOUT };

		assert_int_equal(SYS(poll(&p, 1, PATIENCE_S * 1000)), 1);
	}
	return 0;
}

/* Either end failed at once, if any did: no handshake waits for its time to be over. */
static void after_polled(int error)
{
	bool whole = true;

	(void)error;
	for (int i = 0; i < 2; i++) {
		struct ksc_error e = t_error(fds[i]);

		assert_int_not_equal(e.status, KSC_STATUS_TIMED_OUT);
		whole = whole && e.status == KSC_STATUS_OK;
	}
	if (whole)
		t_exchange(fds[0], fds[1]);
	close_pair(fds);
}

/* ---- a daemon's question, and its limits ---- */

static struct tnl_event event;

static void make_offer(void)
{
	const struct t_opts opts = { .server_name = "server.test", .nonblock = true,
				     .verify = KSC_VERIFY_MANUAL };

	listener = t_listen(AF_INET, NULL, &addr);
	fd = t_try_connect(&addr, &opts);
	assert_int_equal(errno, EINPROGRESS);
	tnl_expect_event(&fault_nl, &event, KSC_CMD_CONTEXT_NEW);
}

static const uint8_t chain[3 + 300] = { 0, 1, 0x2c, 0x30, 0x82, 1, 0x28 };

static int act_ask(void)
{
	struct nl_msg *msg = tnl_step(&fault_nl, &event, KSC_STATUS_VERIFY_NEEDED);

	nla_put_u32(msg, KSC_A_CONTEXT_FAULTS, KSC_FAULT_EXPIRED);
	nla_put(msg, KSC_A_CONTEXT_CHAIN, sizeof(chain), chain);
	nla_put(msg, KSC_A_CONTEXT_TOKEN, 5, "token");
	return fault_request(msg);
}

static int act_verify(void)
{
	struct ksc_verification v;
	socklen_t len = sizeof(v), chain_len = sizeof(plain);
	int verdict = KSC_VERDICT_ACCEPT;

	if (getsockopt(fd, SOL_KSCHANNEL, KSC_VERIFICATION, &v, &len) ||
	    getsockopt(fd, SOL_KSCHANNEL, KSC_PEER_CHAIN, plain, &chain_len))
		return -1;
	assert_int_equal(v.faults, KSC_FAULT_EXPIRED);
	assert_int_equal(v.chain_len, sizeof(chain));
	assert_int_equal(chain_len, sizeof(chain));
	assert_memory_equal(plain, chain, sizeof(chain));
	return setsockopt(fd, SOL_KSCHANNEL, KSC_VERDICT, &verdict, sizeof(verdict));
}

static void after_verify(int error)
{
	if (error)
		SYS(act_verify());
	tnl_free_event(&event);
	/* the verdict goes to the daemon */
	tnl_expect_event(&fault_nl, &event, KSC_CMD_TOKEN);
	assert_int_equal(nla_get_u32(event.attrs[KSC_A_CONTEXT_VERDICT]), KSC_VERDICT_ACCEPT);
	tnl_free_event(&event);
	SYS(close(fd));
	tnl_expect_event(&fault_nl, &event, KSC_CMD_CONTEXT_DEL);
	tnl_free_event(&event);
	SYS(close(listener));
}

static void after_ask(int error)
{
	if (error && act_ask()) {
		fault_refused(fd);
		SYS(close(fd));
		tnl_free_event(&event);
		tnl_expect_event(&fault_nl, &event, KSC_CMD_CONTEXT_DEL);
		tnl_free_event(&event);
		SYS(close(listener));
		return;
	}
	t_wait(fd, POLLPRI);
	SYS(act_verify());
	after_verify(0);
}

static void make_asked(void)
{
	make_offer();
	SYS(act_ask());
	t_wait(fd, POLLPRI);
}

static int act_limits(void)
{
	struct nl_msg *msg = tnl_request(&fault_nl, KSC_CMD_LIMITS_SET);
	const uint8_t trusted[17] = { [16] = 128 };

	nla_put_u32(msg, KSC_A_LIMITS_HANDSHAKES, 100);
	nla_put(msg, KSC_A_LIMITS_TRUSTED, sizeof(trusted), trusted);
	return fault_request(msg);
}

static void after_limits(int error)
{
	if (error)
		SYS(act_limits());
}

/* ---- what the policy left plain ---- */

#define REQUIRED 1000
#define LEFT_PLAIN 2000

static void make_left(void)
{
	pair_on(LEFT_PLAIN, fds);
	assert_plain_pair(fds[0], fds[1]);
}

/* A listener's child, which lives without a state until it is used again */
static int act_disconnect(void)
{
	return connect(fds[1], &(struct sockaddr){ .sa_family = AF_UNSPEC },
		       sizeof(struct sockaddr));
}

/* However it went, it never connects unprotected where a rule requires protection. */
static void expect_protected(int again)
{
	int child;

	listener = listen_on(policy_socket(AF_INET, &policy_nothing), REQUIRED);
	connect_to(again, REQUIRED);
	child = t_accept(listener);
	assert_protected_pair(again, child);
	close(child);
	close(listener);
}

static void after_disconnect(int error)
{
	if (error)
		SYS(act_disconnect());
	expect_protected(fds[1]);
	close_pair(fds);
}

static int act_listen(void)
{
	return listen(fds[1], 4);
}

static void make_ended(void)
{
	make_left();
	t_reset(fds[0]);
	t_wait(fds[1], POLLHUP);
	SYS(act_disconnect());
}

static void after_listen(int error)
{
	if (error)
		SYS(act_listen());
	SYS(close(fds[1]));
}

/* TCP refuses it, and a caller has to know that another thread may have disconnected it */
static int act_connect_twice(void)
{
	const struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(REQUIRED),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	assert_int_equal(connect(fds[1], (const struct sockaddr *)&in, sizeof(in)), -1);
	return errno == EISCONN ? 0 : -1;
}

static void after_connect_twice(int error)
{
	(void)error;
	assert_plain_pair(fds[0], fds[1]);
	close_pair(fds);
}

static void make_plain_accept(void)
{
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), LEFT_PLAIN);
	fds[0] = connect_to(t_plain(AF_INET), LEFT_PLAIN);
	t_wait(listener, POLLIN);
}

static int act_accept(void)
{
	fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	return fds[1] < 0 ? -1 : 0;
}

static void after_plain_accept(int error)
{
	if (!error) {
		t_exchange(fds[0], fds[1]);
		SYS(close(fds[1]));
	}
	SYS(close(fds[0]));
	SYS(close(listener));
}

static int setup_policy(void **state)
{
	policy_setup(state);
	own_start(&own, policy_basic);
	return fault_setup(state);
}

static int teardown_policy(void **state)
{
	fault_teardown(state);
	return policy_teardown(state);
}

#define CONTEXT(...) FAULT_CASE(setup_contexts, teardown_contexts, __VA_ARGS__)
#define WALK(...) FAULT_CASE(fault_setup, fault_teardown, __VA_ARGS__)
#define WIRE(...) FAULT_CASE(setup_wire, teardown_wire, __VA_ARGS__)
#define OWN(...) FAULT_CASE(fault_own_setup, fault_own_teardown, __VA_ARGS__)
#define POLICY(...) FAULT_CASE(setup_policy, teardown_policy, __VA_ARGS__)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTEXT("what keys are for", make_keys, act_info, after_info, .none = true),
		CONTEXT("keying material of keys", make_keys, act_export, after_export),
		CONTEXT("attach keys", make_attach, act_attach, after_attach),
		WALK("poll", make_polled, act_polled, after_polled, .workers = true),
		WIRE("close_notify", make_wire, act_close_notify, after_close_notify),
		WIRE("a warning", make_wire, act_warning, after_warning),
		WIRE("a fatal alert", make_wire, act_fatal, after_fatal, .error = ECANCELED),
		WIRE("close_notify before detach", make_heard, act_close_notify, after_heard),
		WIRE("detach", make_said, act_detach, after_detach, .none = true),
		/* these leave the namespace */
		OWN("a question", make_offer, act_ask, after_ask),
		OWN("a verdict", make_asked, act_verify, after_verify),
		OWN("limits", NULL, act_limits, after_limits, .none = true),
		POLICY("disconnect what is plain", make_left, act_disconnect, after_disconnect),
		POLICY("listen with what was plain", make_ended, act_listen, after_listen,
		       .error = EADDRINUSE),
		POLICY("connect what is plain", make_left, act_connect_twice,
		       after_connect_twice),
		POLICY("accept what is plain", make_plain_accept, act_accept, after_plain_accept,
		       .none = true),
	};

	if (!fault_possible())
		return T_SKIP(tests, "the kernel has no fault injection");
	return T_RUN(tests);
}
