// SPDX-License-Identifier: GPL-2.0-only
/*
 * libkschannel, to which the test plays the daemon, and may send anything: answers against the
 * specification end a context, and leave nothing behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <cmocka.h>

#include "client.h"

/* It has failed by what the daemon said, and all is closed but what the test has. */
static void expect_broken(const char *what)
{
	assert_int_equal(kschannel_result(ctx, &step), 0);
	if (step.status != KSC_STATUS_INTERNAL_ERROR)
		fail_msg("%s: status %d", what, step.status);
	assert_true(step.text[0]);
	assert_int_equal(step.token_len, 0);
	assert_int_equal(kschannel_fd(ctx), -1);
	assert_int_equal(kschannel_initialize_context(&ctx, cred, NULL, 0, NULL, 0, &step),
			 -ECONNABORTED);
	drop(&peer);
	if (count_files() != files)
		fail_msg("%s: a descriptor is left", what);
}

static void test_request(void **state)
{
	struct nlattr *begin[KSC_M_BEGIN_MAX + 1];
	struct nl_msg *msg;

	(void)state;
	begin_step(NULL, 0);
	assert_null(asked[KSC_M_TOKEN]);
	assert_int_equal(nla_parse_nested(begin, KSC_M_BEGIN_MAX, asked[KSC_M_BEGIN], NULL), 0);
	assert_int_equal(nla_get_u32(begin[KSC_M_BEGIN_ROLE]), KSC_ROLE_CLIENT);
	assert_string_equal(nla_get_string(begin[KSC_M_BEGIN_SERVER_NAME]), "server.test");
	assert_string_equal(nla_get_string(begin[KSC_M_BEGIN_CREDENTIAL]), "mine");
	assert_int_equal(nla_len(begin[KSC_M_BEGIN_ALPN]), 3);
	assert_int_equal(nla_get_u32(begin[KSC_M_BEGIN_VERIFY]), KSC_VERIFY_MANUAL);
	assert_int_equal(nla_get_u32(begin[KSC_M_BEGIN_DEADLINE]), CLIENT_TIMEOUT);
	assert_non_null(begin[KSC_M_BEGIN_PICK]);
	assert_int_equal(kschannel_result(ctx, &step), -EAGAIN);
	assert_int_equal(kschannel_export_context(ctx, peer), -EBUSY);
	msg = make_result(KSC_STATUS_INCOMPLETE_CREDENTIALS, 0);
	nla_put(msg, KSC_M_TOKEN, 5, "hello");
	nla_put(msg, KSC_M_ISSUERS, 4, "\0\2\x30\0");
	reply_with(msg, 0);
	assert_int_equal(kschannel_result(ctx, &step), 0);
	assert_int_equal(step.token_len, 5);
	assert_memory_equal(step.token, "hello", 5);
	assert_int_equal(step.issuers_len, 4);

	assert_int_equal(kschannel_pick_credential(ctx, "other", KSCHANNEL_NONBLOCK, "more", 4,
						   &step), -EAGAIN);
	take_request();
	assert_null(asked[KSC_M_BEGIN]);
	assert_int_equal(nla_len(asked[KSC_M_TOKEN]), 4);
	assert_string_equal(nla_get_string(asked[KSC_M_CREDENTIAL]), "other");
	msg = make_result(KSC_STATUS_VERIFY_NEEDED, 4);
	nla_put_u32(msg, KSC_M_FAULTS, KSC_FAULT_EXPIRED);
	nla_put(msg, KSC_M_CHAIN, 5, "\0\0\2\x30\0");
	reply_with(msg, 0);
	assert_int_equal(kschannel_result(ctx, &step), 0);
	assert_int_equal(step.consumed, 4);
	assert_int_equal(step.faults, KSC_FAULT_EXPIRED);
	assert_int_equal(step.chain_len, 5);
	assert_int_equal(kschannel_export_context(ctx, peer), -EINPROGRESS);

	assert_int_equal(kschannel_judge_peer(ctx, KSC_VERDICT_REJECT, 42, KSCHANNEL_NONBLOCK,
					      NULL, 0, &step), -EAGAIN);
	take_request();
	assert_int_equal(nla_get_u32(asked[KSC_M_VERDICT]), KSC_VERDICT_REJECT);
	assert_int_equal(nla_get_u8(asked[KSC_M_ALERT]), 42);
	msg = make_result(KSC_STATUS_PEER_REJECTED, 0);
	nla_put_u8(msg, KSC_M_ALERT, 42);
	nla_put_u32(msg, KSC_M_DIRECTION, KSC_DIRECTION_SENT);
	nla_put_string(msg, KSC_M_TEXT, "no");
	reply_with(msg, 0);
	assert_int_equal(kschannel_result(ctx, &step), 0);
	assert_int_equal(step.status, KSC_STATUS_PEER_REJECTED);
	assert_int_equal(step.alert, 42);
	assert_string_equal(step.text, "no");
	assert_int_equal(kschannel_fd(ctx), -1);
	assert_int_equal(kschannel_export_context(ctx, peer), -ECONNABORTED);
}

/* What a context was begun with is its own by then. */
static void test_credential_freed(void **state)
{
	const struct kschannel_params params = { .role = KSC_ROLE_CLIENT };
	struct kschannel_session session;

	(void)state;
	begin_anew();
	kschannel_free_credential(cred);
	reply_with(make_result(KSC_STATUS_VERIFY_NEEDED, 0), 0);
	assert_int_equal(kschannel_result(ctx, &step), 0);
	assert_int_equal(kschannel_judge_peer(ctx, KSC_VERDICT_ACCEPT, 0, KSCHANNEL_NONBLOCK,
					      NULL, 0, &step), -EAGAIN);
	take_request();
	reply_with(make_ok(), 1);
	assert_int_equal(kschannel_result(ctx, &step), 0);
	assert_int_equal(kschannel_query_session(ctx, &session), 0);
	assert_int_equal(session.verify, KSC_VERIFY_MANUAL);
	assert_true(session.pick);
	assert_int_equal(kschannel_acquire_credential(&cred, &params), 0);
}

static void test_done(void **state)
{
	uint8_t out[64];
	size_t len = sizeof(out);
	struct kschannel_session session;
	struct kschannel_cipher cipher;
	struct ksc_info info;
	const void *chain;

	(void)state;
	make_done();
	assert_int_equal(step.token_len, 8);
	assert_int_equal(step.chain_len, 0);
	assert_int_equal(kschannel_query_info(ctx, &info), 0);
	assert_string_equal(info.alpn, "h2");
	assert_string_equal(info.peer_subject, "CN=peer");
	assert_int_equal(info.flags, KSC_INFO_F_PEER_CERT);
	assert_int_equal(kschannel_query_cipher(ctx, &cipher), 0);
	assert_int_equal(cipher.group, 29);
	assert_int_equal(cipher.signature, 0);
	assert_int_equal(kschannel_query_session(ctx, &session), 0);
	assert_int_equal(session.traits, KSC_TRAIT_ACCEPTED);
	assert_int_equal(session.verify, KSC_VERIFY_MANUAL);
	assert_true(session.pick);
	assert_int_equal(session.id_len, 3);
	assert_int_equal(kschannel_query_chain(ctx, true, &chain, &len), 0);
	assert_int_equal(len, 5);
	len = sizeof(out);
	assert_int_equal(kschannel_query_end_point(ctx, out, &len), 0);
	assert_int_equal(len, 4);
	assert_int_equal(kschannel_context_binding(ctx, out), 0);
	assert_int_equal(out[KSCHANNEL_BINDING_LEN - 1], 'm');
	keys_error = ENODATA;
	assert_int_equal(kschannel_context_binding(ctx, out), -ENODATA);
	/* the daemon is done with it */
	assert_int_equal(recv(peer, out, 1, 0), 0);
}

/* ---- what the daemon may get wrong ---- */

static void test_cut_off(void **state)
{
	struct nl_msg *msg;
	size_t all;

	(void)state;
	begin_anew();
	msg = make_ok();
	all = nlmsg_hdr(msg)->nlmsg_len;
	nlmsg_free(msg);
	for (size_t len = 1; len < all; len++) {
		for (int honest = 0; honest < 2; honest++) {
			begin_anew();
			msg = make_ok();
			if (honest)
				nlmsg_hdr(msg)->nlmsg_len = (uint32_t)len;
			send_with(peer, nlmsg_hdr(msg), len, -1, 0);
			nlmsg_free(msg);
			expect_broken("a part");
		}
	}
}

static void spoil_number(struct nl_msg *msg)
{
	nlmsg_hdr(msg)->nlmsg_seq++;
}

static void spoil_context(struct nl_msg *msg)
{
	*(uint32_t *)nla_data(nlmsg_find_attr(nlmsg_hdr(msg), 0, KSC_M_CONTEXT)) += 1;
}

static void spoil_consumed(struct nl_msg *msg)
{
	*(uint32_t *)nla_data(nlmsg_find_attr(nlmsg_hdr(msg), 0, KSC_M_CONSUMED)) = 6;
}

static void spoil_status(struct nl_msg *msg)
{
	*(uint32_t *)nla_data(nlmsg_find_attr(nlmsg_hdr(msg), 0, KSC_M_STATUS)) = 20;
}

static void spoil_unknown(struct nl_msg *msg)
{
	nla_put_u32(msg, KSC_M_MAX + 1, 1);
}

static void spoil_repeated(struct nl_msg *msg)
{
	nla_put_u16(msg, KSC_M_VERSION, 0x0304);
}

static void spoil_other(struct nl_msg *msg)
{
	nla_put_u32(msg, KSC_M_VERDICT, KSC_VERDICT_ACCEPT);
}

static void spoil_flags(struct nl_msg *msg)
{
	nlmsg_hdr(msg)->nlmsg_flags = NLM_F_MULTI;
}

static void spoil_step(struct nl_msg *msg)
{
	nlmsg_hdr(msg)->nlmsg_type = KSC_MESSAGE_STEP;
}

static void spoil_handover(struct nl_msg *msg)
{
	nlmsg_hdr(msg)->nlmsg_type = KSC_MESSAGE_HANDOVER;
}

static void test_spoilt(void **state)
{
	static const struct {
		const char *what;
		void (*spoil)(struct nl_msg *msg);
	} ways[] = {
		{ "another's number", spoil_number },
		{ "context ID", spoil_context },
		{ "more used up than offered", spoil_consumed },
		{ "no such status", spoil_status },
		{ "unknown attribute", spoil_unknown },
		{ "repeated attribute", spoil_repeated },
		{ "a step's attribute", spoil_other },
		{ "flags", spoil_flags },
		{ "a step", spoil_step },
		{ "a handover", spoil_handover },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct nl_msg *msg;

		begin_anew();
		msg = make_ok();
		ways[i].spoil(msg);
		reply_with(msg, 1);
		expect_broken(ways[i].what);
	}
}

static void test_rights(void **state)
{
	(void)state;
	begin_anew();
	reply_with(make_ok(), 0);
	expect_broken("no keys");
	begin_anew();
	reply_with(make_ok(), 2);
	expect_broken("two descriptors");
	begin_anew();
	reply_with(make_result(KSC_STATUS_CONTINUE_NEEDED, 0), 1);
	expect_broken("a descriptor with no keys");
	begin_anew();
	reply_error(number, EINVAL, 1);
	expect_broken("a descriptor with an error");
	begin_anew();
	reply_with(make_result(KSC_STATUS_OK, 0), 1);
	expect_broken("no session");
	begin_anew();
	send_with(peer, request, sizeof(request), -1, 0);
	expect_broken("as long as a message can be");
	for (unsigned int rights = 0; rights < 2; rights++) {
		static uint8_t data[KSC_MAX_MESSAGE + 4];
		int via[2];

		begin_anew();
		SYS(pipe2(via, O_CLOEXEC));
		*(struct nlmsghdr *)data = (struct nlmsghdr) {
			.nlmsg_len = sizeof(data), .nlmsg_type = KSC_MESSAGE_RESULT,
			.nlmsg_seq = number,
		};
		send_with(peer, data, sizeof(data), via[0], rights);
		drop(&via[0]);
		drop(&via[1]);
		expect_broken("longer than a message can be");
	}
}

static void test_errors(void **state)
{
	static const int errors[] = { EINVAL, ENOENT, EEXIST, EBUSY, EDQUOT, EMSGSIZE, ENODATA,
				      ENOMEM };

	(void)state;
	begin_anew();
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		reply_error(number, (uint32_t)errors[i], 0);
		assert_int_equal(kschannel_result(ctx, &step), -errors[i]);
		/* it has not begun, and what was before is still what it came to */
		assert_int_equal(kschannel_result(ctx, &step), 0);
		assert_int_equal(step.status, KSC_STATUS_CONTINUE_NEEDED);
		begin_step("again", 5);
		assert_non_null(asked[KSC_M_BEGIN]);
	}
	/* these would mean that there is no answer yet */
	reply_error(number, EAGAIN, 0);
	assert_int_equal(kschannel_result(ctx, &step), -EIO);
	begin_step("again", 5);
	reply_error(number, EINTR, 0);
	assert_int_equal(kschannel_result(ctx, &step), -EIO);
	begin_step("again", 5);
	/* an answer without a question, and one to another */
	reply_error(0, ETIMEDOUT, 0);
	assert_int_equal(kschannel_result(ctx, &step), -ETIMEDOUT);
	assert_int_equal(kschannel_fd(ctx), -1);
	assert_int_equal(kschannel_initialize_context(&ctx, cred, NULL, 0, NULL, 0, &step),
			 -ETIMEDOUT);
	begin_anew();
	reply_error(0, EDQUOT, 0);
	assert_int_equal(kschannel_result(ctx, &step), -EDQUOT);
	assert_int_equal(kschannel_initialize_context(&ctx, cred, NULL, 0, NULL, 0, &step),
			 -ECONNABORTED);
	begin_anew();
	reply_error(number + 1, EINVAL, 0);
	expect_broken("an error of another's");
}

/* The time was over before the step was made: that is what the step says. */
static void test_timed_out_before(void **state)
{
	(void)state;
	begin_anew();
	reply_with(make_result(KSC_STATUS_CONTINUE_NEEDED, 5), 0);
	assert_int_equal(kschannel_result(ctx, &step), 0);
	reply_error(0, ETIMEDOUT, 0);
	drop(&peer);
	assert_int_equal(kschannel_initialize_context(&ctx, cred, NULL, 0, "more", 4, &step),
			 -ETIMEDOUT);
}

static void test_gone(void **state)
{
	(void)state;
	begin_anew();
	drop(&peer);
	assert_int_equal(kschannel_result(ctx, &step), 0);
	assert_int_equal(step.status, KSC_STATUS_NO_DAEMON);
	assert_true(step.text[0]);
	assert_int_equal(kschannel_fd(ctx), -1);
	/* between two steps; with what would be SIGPIPE */
	begin_anew();
	reply_with(make_result(KSC_STATUS_CONTINUE_NEEDED, 5), 0);
	assert_int_equal(kschannel_result(ctx, &step), 0);
	drop(&peer);
	assert_int_equal(kschannel_initialize_context(&ctx, cred, NULL, 0, "more", 4, &step), 0);
	assert_int_equal(step.status, KSC_STATUS_NO_DAEMON);
	/* it has read nothing, which is a reset, but has answered before */
	begin_anew();
	reply_with(make_result(KSC_STATUS_CONTINUE_NEEDED, 5), 0);
	SYS(send(kschannel_fd(ctx), "unread", 6, 0));
	drop(&peer);
	assert_int_equal(kschannel_result(ctx, &step), 0);
	assert_int_equal(step.status, KSC_STATUS_CONTINUE_NEEDED);
}

static int first_step(unsigned int flags)
{
	return kschannel_initialize_context(&ctx, cred, NULL, flags, NULL, 0, &step);
}

static void test_nobody(void **state)
{
	char name[200];

	(void)state;
	drop(&listener);
	files--;
	assert_int_equal(first_step(0), -EHOSTDOWN);
	unlink(path);
	assert_int_equal(first_step(0), -EHOSTDOWN);
	assert_null(ctx);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	setenv("KSCHANNEL_CONTEXT_SOCKET", name, 1);
	assert_int_equal(first_step(0), -ENAMETOOLONG);
	setenv("KSCHANNEL_CONTEXT_SOCKET", path, 1);
	/* more than it has accepted, and a non-blocking call does not wait */
	listen_at(0);
	assert_int_equal(first_step(KSCHANNEL_NONBLOCK), -EAGAIN);
	for (int rc = -EAGAIN, i = 0; rc != -ENOBUFS; i++) {
		struct kschannel_context *more = NULL;

		assert_in_range(i, 0, 3);
		rc = kschannel_initialize_context(&more, cred, NULL, KSCHANNEL_NONBLOCK, NULL, 0,
						  &step);
		if (rc == -ENOBUFS)
			assert_null(more);
		kschannel_delete_context(more);
	}
	drop(&listener);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* A signal ends the wait, and nothing is lost. */
static void test_interrupted(void **state)
{
	const struct itimerval soon = { .it_value.tv_usec = 20000 }, never = { 0 };
	const struct sigaction act = { .sa_handler = on_alarm };

	(void)state;
	SYS(sigaction(SIGALRM, &act, NULL));
	SYS(setitimer(ITIMER_REAL, &soon, NULL));
	assert_int_equal(first_step(0), -EINTR);
	SYS(setitimer(ITIMER_REAL, &never, NULL));
	assert_non_null(ctx);
	assert_int_equal(first_step(0), -EBUSY);
	take_request();
	reply_with(make_result(KSC_STATUS_CONTINUE_NEEDED, 0), 0);
	assert_int_equal(kschannel_result(ctx, &step), 0);
	assert_int_equal(step.status, KSC_STATUS_CONTINUE_NEEDED);
}

/* ---- it is connected, and sends nothing ---- */

/* A wait that has no end is one. */
static void expect_end(void)
{
	SYS(alarm(600));
}

static void use_short_time(void)
{
	const struct kschannel_params params = { .role = KSC_ROLE_CLIENT, .timeout = 1 };

	kschannel_free_credential(cred);
	assert_int_equal(kschannel_acquire_credential(&cred, &params), 0);
}

/* Its socket listens, and the daemon never accepts. */
static void test_never_accepts(void **state)
{
	struct kschannel_context *waits[4] = { NULL };
	size_t n = 0;

	(void)state;
	drop(&listener);
	unlink(path);
	listen_at(0);
	while (kschannel_initialize_context(&waits[n], cred, NULL, KSCHANNEL_NONBLOCK, NULL, 0,
					    &step) == -EAGAIN)
		assert_in_range(++n, 0, 3);
	use_short_time();
	expect_end();
	assert_int_equal(first_step(0), -EHOSTDOWN);
	assert_null(ctx);
	alarm(0);
	while (n--)
		kschannel_delete_context(waits[n]);
}

static void test_never_answers(void **state)
{
	(void)state;
	use_short_time();
	expect_end();
	assert_int_equal(first_step(0), -EHOSTDOWN);
	assert_null(ctx);
	alarm(0);
}

/* Without a call that waits: the time-out is a second after the daemon's. */
static void test_late_result(void **state)
{
	(void)state;
	clock_ms = 1000000;
	begin_step("token", 5);
	clock_ms += CLIENT_TIMEOUT + 999;
	assert_int_equal(kschannel_result(ctx, &step), -EAGAIN);
	clock_ms++;
	assert_int_equal(kschannel_result(ctx, &step), -EHOSTDOWN);
	assert_int_equal(kschannel_fd(ctx), -1);
	assert_int_equal(first_step(0), -ETIMEDOUT);
	/* the end of the daemon is an event, too */
	assert_int_equal(recv(peer, request, sizeof(request), 0), 0);
	/* an answer that came in time, and was not read in time */
	begin_anew();
	reply_with(make_result(KSC_STATUS_CONTINUE_NEEDED, 5), 0);
	clock_ms += CLIENT_TIMEOUT + 1000;
	assert_int_equal(kschannel_result(ctx, &step), 0);
	assert_int_equal(step.status, KSC_STATUS_CONTINUE_NEEDED);
	/* it has answered before: the handshake is late, and no daemon missing */
	assert_int_equal(first_step(0), 0);
	assert_int_equal(step.status, KSC_STATUS_TIMED_OUT);
	assert_true(step.text[0]);
	assert_int_equal(kschannel_fd(ctx), -1);
	assert_int_equal(first_step(0), -ETIMEDOUT);
}

/* What has not begun has used no time, and the time runs from the call that is made anew. */
static void test_late_refused(void **state)
{
	(void)state;
	clock_ms = 1000000;
	begin_step(NULL, 0);
	reply_error(number, EDQUOT, 0);
	assert_int_equal(kschannel_result(ctx, &step), -EDQUOT);
	clock_ms += 2L * CLIENT_TIMEOUT;
	begin_step(NULL, 0);
	clock_ms += CLIENT_TIMEOUT + 999;
	assert_int_equal(kschannel_result(ctx, &step), -EAGAIN);
	clock_ms++;
	assert_int_equal(kschannel_result(ctx, &step), 0);
	assert_int_equal(step.status, KSC_STATUS_TIMED_OUT);
}

/* The default is half a minute. */
static void test_late_default(void **state)
{
	const struct kschannel_params params = { .role = KSC_ROLE_CLIENT };

	(void)state;
	kschannel_free_credential(cred);
	assert_int_equal(kschannel_acquire_credential(&cred, &params), 0);
	clock_ms = 1000000;
	begin_step(NULL, 0);
	clock_ms += KSC_DEFAULT_HANDSHAKE_TIMEOUT + 999;
	assert_int_equal(kschannel_result(ctx, &step), -EAGAIN);
	clock_ms++;
	assert_int_equal(kschannel_result(ctx, &step), -EHOSTDOWN);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, client_setup, client_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_request),
		TEST(test_credential_freed),
		TEST(test_done),
		TEST(test_cut_off),
		TEST(test_spoilt),
		TEST(test_rights),
		TEST(test_errors),
		TEST(test_timed_out_before),
		TEST(test_gone),
		TEST(test_nobody),
		TEST(test_interrupted),
		TEST(test_never_accepts),
		TEST(test_never_answers),
		TEST(test_late_result),
		TEST(test_late_refused),
		TEST(test_late_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
