// SPDX-License-Identifier: GPL-2.0-only
/*
 * libkschannel, to which the test is the daemon, and may say anything: what is not in the
 * specification ends a context, and leaves nothing behind. The kernel's keys are the test's,
 * too.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/kschannel.h"
#include "message.h"

#define SYS(call) check((call), #call)

static char path[64];
static int listener = -1, peer = -1;
static struct kschannel_credential *cred;
static struct kschannel_context *ctx;
static struct kschannel_step step;
static int files;

static long check(long ret, const char *what)
{
	if (ret < 0)
		fail_msg("%s: %s", what, strerror(errno));
	return ret;
}

static int count_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* What the kernel says of keys, which are any pipe here. */
static struct ksc_info keys = { .version = 0x0304, .cipher_suite = 0x1301,
				.role = KSC_ROLE_CLIENT, .alpn = "h2" };
static int keys_error;

int __wrap_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	(void)fd;
	errno = keys_error;
	if (request == KSC_KEY_INFO && !keys_error)
		memcpy(arg, &keys, sizeof(keys));
	if (request == KSC_KEY_EXPORT && !keys_error)
		memset(arg, 'm', ((struct ksc_export *)arg)->out_len);
	return keys_error ? -1 : 0;
}

static void listen_at(int backlog)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	listener = (int)SYS(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	SYS(bind(listener, (struct sockaddr *)&addr, sizeof(addr)));
	SYS(listen(listener, backlog));
}

static int setup(void **state)
{
	const struct kschannel_params params = {
		.role = KSC_ROLE_CLIENT, .name = "mine", .alpn = "\2h2", .alpn_len = 3,
		.verify = KSC_VERIFY_MANUAL, .timeout = 1000, .flags = KSCHANNEL_PICK,
	};

	(void)state;
	snprintf(path, sizeof(path), "/tmp/test-client-%d.sock", getpid());
	setenv("KSCHANNEL_CONTEXT_SOCKET", path, 1);
	listen_at(8);
	keys_error = 0;
	ctx = NULL;
	files = count_files();
	return kschannel_acquire_credential(&cred, &params);
}

static void drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int teardown(void **state)
{
	(void)state;
	kschannel_delete_context(ctx);
	kschannel_free_credential(cred);
	drop(&peer);
	assert_int_equal(count_files(), files);
	drop(&listener);
	unlink(path);
	return 0;
}

/* ---- the daemon ---- */

static uint8_t request[KSC_MAX_MESSAGE] __attribute__((aligned(8)));
static struct nlattr *asked[KSC_M_MAX + 1];
static uint32_t number;

/* What the library asks, which has to be as it has to be. */
static void take_request(void)
{
	const char *why;
	ssize_t n;

	if (peer < 0)
		peer = (int)SYS(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	n = SYS(recv(peer, request, sizeof(request), 0));
	assert_int_equal(ksc_message_parse(request, (size_t)n, false, asked, &why),
			 KSC_MESSAGE_STEP);
	number = ((struct nlmsghdr *)request)->nlmsg_seq;
}

static void send_with(const void *data, size_t len, int fd, size_t count)
{
	char room[CMSG_SPACE(2 * sizeof(int))] __attribute__((aligned(8))) = "";
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg = (struct cmsghdr *)room;

	if (count) {
		m.msg_control = room;
		m.msg_controllen = CMSG_SPACE(count * sizeof(int));
		*cmsg = (struct cmsghdr){ .cmsg_len = CMSG_LEN(count * sizeof(int)),
					  .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
		for (size_t i = 0; i < count; i++)
			memcpy(CMSG_DATA(cmsg) + i * sizeof(fd), &fd, sizeof(fd));
	}
	SYS(sendmsg(peer, &m, MSG_NOSIGNAL));
}

/* With one descriptor or two, or none; the message is freed */
static void reply_with(struct nl_msg *msg, unsigned int count)
{
	const struct nlmsghdr *head = nlmsg_hdr(msg);
	int via[2] = { -1, -1 };

	if (count)
		SYS(pipe2(via, O_CLOEXEC));
	send_with(head, head->nlmsg_len, via[0], count);
	drop(&via[0]);
	drop(&via[1]);
	nlmsg_free(msg);
}

static struct nl_msg *make_result(uint32_t status, uint32_t consumed)
{
	struct nl_msg *msg = ksc_message_new(KSC_MESSAGE_RESULT, number,
					     2 * (size_t)KSC_MAX_CHAIN);

	nla_put_u32(msg, KSC_M_CONTEXT, nla_get_u32(asked[KSC_M_CONTEXT]));
	nla_put_u32(msg, KSC_M_STATUS, status);
	nla_put_u32(msg, KSC_M_CONSUMED, consumed);
	return msg;
}

/* Bytes of chains that a session has */
static int chain_len = 5;

static struct nl_msg *make_ok(void)
{
	static const uint8_t chain[KSC_MAX_CHAIN] = { 0, 0, 2, 0x30, 0 };
	struct nl_msg *msg = make_result(KSC_STATUS_OK, 0);
	struct nlattr *nest;

	nla_put(msg, KSC_M_TOKEN, 8, "finished");
	nla_put(msg, KSC_M_CHAIN, chain_len, chain);
	nla_put_u16(msg, KSC_M_VERSION, 0x0304);
	nla_put_u16(msg, KSC_M_SUITE, 0x1301);
	nest = nla_nest_start(msg, KSC_M_SESSION);
	nla_put_string(msg, KSC_M_SESSION_ALPN, "h2");
	nla_put_string(msg, KSC_M_SESSION_PEER_SUBJECT, "CN=peer");
	nla_put(msg, KSC_M_SESSION_PEER_FINGERPRINT, 32, "0123456789abcdef0123456789abcdef");
	nla_nest_end(msg, nest);
	nest = nla_nest_start(msg, KSC_M_DETAILS);
	nla_put_u16(msg, KSC_M_DETAILS_GROUP, 29);
	nla_put(msg, KSC_M_DETAILS_SESSION_ID, 3, "ids");
	nla_put(msg, KSC_M_DETAILS_END_POINT, 4, "hash");
	nla_put_u32(msg, KSC_M_DETAILS_TRAITS, KSC_TRAIT_ACCEPTED);
	nla_nest_end(msg, nest);
	nla_put(msg, KSC_M_LOCAL_CHAIN, chain_len, chain);
	return msg;
}

static void reply_error(uint32_t seq, uint32_t error, unsigned int rights)
{
	struct nl_msg *msg = ksc_message_new(KSC_MESSAGE_ERROR, seq, 0);

	nla_put_u32(msg, KSC_M_ERROR, error);
	reply_with(msg, rights);
}

/* ---- the application ---- */

/* A step whose request the daemon has taken */
static void begin_step(const void *token, size_t len)
{
	assert_int_equal(kschannel_initialize_context(&ctx, cred, "server.test",
						      KSCHANNEL_NONBLOCK, token, len, &step),
			 -EAGAIN);
	take_request();
}

static void begin_anew(void)
{
	kschannel_delete_context(ctx);
	ctx = NULL;
	drop(&peer);
	begin_step("token", 5);
}

/* A handshake that is done */
static void make_done(void)
{
	begin_anew();
	reply_with(make_ok(), 1);
	assert_int_equal(kschannel_result(ctx, &step), 0);
	assert_int_equal(step.status, KSC_STATUS_OK);
}

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
	assert_int_equal(nla_get_u32(begin[KSC_M_BEGIN_DEADLINE]), 1000);
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
			send_with(nlmsg_hdr(msg), len, -1, 0);
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
		{ "another context", spoil_context },
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
	send_with(request, sizeof(request), -1, 0);
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
		send_with(data, sizeof(data), via[0], rights);
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
	/* these would say that there is no answer yet */
	reply_error(number, EAGAIN, 0);
	assert_int_equal(kschannel_result(ctx, &step), -EIO);
	begin_step("again", 5);
	reply_error(number, EINTR, 0);
	assert_int_equal(kschannel_result(ctx, &step), -EIO);
	begin_step("again", 5);
	/* to nobody's question, and to another one */
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
	/* more than it has looked at, and nobody waits who said not to */
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

/* ---- to another process ---- */

static void *import(void *arg)
{
	struct kschannel_context *taken = NULL;
	const int sock = *(int *)arg;

	return kschannel_import_context(&taken, sock, &step) ? NULL : taken;
}

/* As much as there can be goes over a stream that takes it bit by bit, and does not wait. */
static void test_slow_stream(void **state)
{
	const int least = 1;
	const void *chain;
	size_t len;
	pthread_t thread;
	void *taken;
	int pair[2];

	(void)state;
	chain_len = KSC_MAX_CHAIN;
	make_done();
	chain_len = 5;
	SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
	SYS(fcntl(pair[1], F_SETFL, 0));
	SYS(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)));
	assert_int_equal(pthread_create(&thread, NULL, import, &pair[1]), 0);
	assert_int_equal(kschannel_export_context(ctx, pair[0]), 0);
	assert_int_equal(pthread_join(thread, &taken), 0);
	assert_non_null(taken);
	ctx = taken;
	for (int local = 0; local < 2; local++) {
		assert_int_equal(kschannel_query_chain(ctx, local, &chain, &len), 0);
		assert_int_equal(len, KSC_MAX_CHAIN);
	}
	/* and nothing behind it */
	assert_int_equal(recv(pair[1], &len, 1, MSG_DONTWAIT), -1);
	close(pair[0]);
	close(pair[1]);
}

/* The end comes in the middle of it, to either side. */
static void test_broken_stream(void **state)
{
	struct kschannel_context *taken = NULL;
	const int least = 1;
	char head[100];
	int pair[2];

	(void)state;
	make_done();
	SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	assert_int_equal(kschannel_export_context(ctx, pair[0]), 0);
	ctx = NULL;
	SYS(recv(pair[1], head, sizeof(head), 0));
	assert_int_equal(kschannel_import_context(&taken, pair[1], &step), -EBADMSG);
	SYS(send(pair[0], head, sizeof(head), 0));
	close(pair[0]);
	while (kschannel_import_context(&taken, pair[1], &step) != -ENODATA)
		assert_null(taken);
	close(pair[1]);

	chain_len = KSC_MAX_CHAIN;
	make_done();
	chain_len = 5;
	SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	SYS(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)));
	close(pair[1]);
	assert_int_equal(kschannel_export_context(ctx, pair[0]), -EPIPE);
	/* it is still ours */
	assert_int_equal(kschannel_context_binding(ctx, head), 0);
	close(pair[0]);
}

/* What is passed is no key, or of no use any more. */
static void test_no_keys(void **state)
{
	static const int errors[][2] = { { ENOTTY, EBADFD }, { EINVAL, EBADFD },
					 { ESTALE, ESTALE }, { EBUSY, EBUSY } };
	struct kschannel_context *taken = NULL;
	int pair[2];

	(void)state;
	SYS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		keys_error = 0;
		make_done();
		assert_int_equal(kschannel_export_context(ctx, pair[0]), 0);
		ctx = NULL;
		keys_error = errors[i][0];
		assert_int_equal(kschannel_import_context(&taken, pair[1], &step), -errors[i][1]);
		assert_null(taken);
	}
	close(pair[0]);
	close(pair[1]);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

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
		TEST(test_slow_stream),
		TEST(test_broken_stream),
		TEST(test_no_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
