// SPDX-License-Identifier: GPL-2.0-only
/*
 * Invalid messages on the daemon's context socket: each is rejected with an error or ends the
 * connection, leaves nothing behind, and does not affect others.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/message.h"
#include "lib/ctx.h"
#include "lib/daemon.h"

static unsigned int descriptors;
static struct ctx client, server;

/* Other applications are served. */
static void expect_service(struct ctx_sock *sock)
{
	ctx_open(&client, sock, KSC_ROLE_CLIENT, &t_client);
	ctx_open(&server, sock, KSC_ROLE_SERVER, &t_server);
	ctx_handshake(&client, &server);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
	assert_int_equal(server.last.status, KSC_STATUS_OK);
	ctx_close(&client);
	ctx_close(&server);
}

static int setup(void **state)
{
	if (ctx_setup(state))
		return -1;
	/* the daemon has the connection, and nothing besides */
	expect_service(&ctx_sock);
	descriptors = daemon_descriptors();
	return 0;
}

static int teardown(void **state)
{
	expect_service(&ctx_sock);
	daemon_await_descriptors(descriptors);
	return ctx_teardown(state);
}

/* A step with all that a step can have, but for answers to questions */
static struct nl_msg *make_full(uint32_t id)
{
	struct nl_msg *msg = ksc_message_new(KSC_MESSAGE_STEP, ++ctx_sock.seq, 256);
	struct nlattr *nest;

	nla_put_u32(msg, KSC_M_CONTEXT, id);
	nest = nla_nest_start(msg, KSC_M_BEGIN);
	nla_put_u32(msg, KSC_M_BEGIN_ROLE, KSC_ROLE_SERVER);
	nla_put_string(msg, KSC_M_BEGIN_CREDENTIAL, "server");
	nla_put(msg, KSC_M_BEGIN_ALPN, 3, "\2h2");
	nla_put_u32(msg, KSC_M_BEGIN_VERIFY, KSC_VERIFY_NONE);
	nla_put_u32(msg, KSC_M_BEGIN_DEADLINE, 10000);
	nla_nest_end(msg, nest);
	nla_put(msg, KSC_M_TOKEN, 4, "\x16\x03\x01\x02");
	return msg;
}

/* Numbers that no other test uses */
static uint32_t next_id(void)
{
	static uint32_t last = 1000000;

	return ++last;
}

static void send_bytes(const struct ctx_sock *sock, const void *data, size_t len)
{
	ssize_t n = send(sock->fd, data, len, MSG_NOSIGNAL);

	if (n < 0 && errno != EPIPE)
		fail_msg("send: %s", strerror(errno));
}

/* The message makes an error, and the connection goes on. */
static void expect_invalid(struct nl_msg *msg)
{
	const uint32_t number = nlmsg_hdr(msg)->nlmsg_seq;
	uint32_t seq;

	ctx_send(&ctx_sock, msg);
	assert_int_equal(ctx_next_error(&ctx_sock, &seq), -EINVAL);
	assert_int_equal(seq, number);
}

/* The full message itself is good. */
static void test_full(void **state)
{
	(void)state;
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &t_server);
	ctx_send(&ctx_sock, make_full(server.id));
	server.seq = ctx_sock.seq;
	ctx_await(&server);
	assert_int_equal(server.last.status, KSC_STATUS_INCOMPLETE_MESSAGE);
	assert_int_equal(server.last.need, 1);
	ctx_close(&server);
}

/* A datagram that is shorter than it says is no message. */
static void test_cut_off(void **state)
{
	struct nl_msg *msg = make_full(next_id());
	const struct nlmsghdr *head = nlmsg_hdr(msg);
	struct ctx_sock sock;

	(void)state;
	for (size_t len = 0; len < head->nlmsg_len; len++) {
		ctx_dial(&sock, NULL);
		send_bytes(&sock, head, len);
		ctx_expect_closed(&sock);
		ctx_hang_up(&sock);
	}
	nlmsg_free(msg);
}

/* A short message with the right length may lack attributes, but is answered. */
static void test_short(void **state)
{
	struct nl_msg *whole = make_full(0);
	const size_t all = nlmsg_hdr(whole)->nlmsg_len;

	(void)state;
	nlmsg_free(whole);
	for (size_t len = NLMSG_HDRLEN; len < all; len++) {
		struct nl_msg *msg;
		int rc;

		ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &t_server);
		msg = make_full(server.id);
		server.seq = ctx_sock.seq;
		nlmsg_hdr(msg)->nlmsg_len = (uint32_t)len;
		/* without the number of a context, the answer can't be matched by that */
		if (len < NLMSG_HDRLEN + 8) {
			expect_invalid(msg);
			continue;
		}
		ctx_send(&ctx_sock, msg);
		rc = ctx_try_await(&server);
		if (rc)
			assert_true(rc == -EINVAL || rc == -ENOENT);
		else
			assert_int_equal(server.last.status, KSC_STATUS_INCOMPLETE_MESSAGE);
		ctx_close(&server);
	}
}

/* What has another head than a request ends the connection. */
static void test_heads(void **state)
{
	static const struct nlmsghdr bad[] = {
		{ .nlmsg_type = 0 },
		{ .nlmsg_type = NLMSG_ERROR },
		{ .nlmsg_type = NLMSG_DONE },
		{ .nlmsg_type = KSC_MESSAGE_STEP - 1 },
		{ .nlmsg_type = KSC_MESSAGE_RESULT },
		{ .nlmsg_type = KSC_MESSAGE_ERROR },
		{ .nlmsg_type = KSC_MESSAGE_MAX + 1 },
		{ .nlmsg_type = UINT16_MAX },
		{ .nlmsg_type = KSC_MESSAGE_STEP, .nlmsg_flags = NLM_F_REQUEST },
		{ .nlmsg_type = KSC_MESSAGE_STEP, .nlmsg_pid = 1 },
		{ .nlmsg_type = KSC_MESSAGE_STEP, .nlmsg_len = 4 },
		{ .nlmsg_type = KSC_MESSAGE_STEP, .nlmsg_len = UINT32_MAX },
	};
	struct ctx_sock sock;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct nl_msg *msg = make_full(next_id());
		struct nlmsghdr *head = nlmsg_hdr(msg);
		const size_t len = head->nlmsg_len;

		ctx_dial(&sock, NULL);
		if (bad[i].nlmsg_len)
			head->nlmsg_len = bad[i].nlmsg_len;
		head->nlmsg_type = bad[i].nlmsg_type;
		head->nlmsg_flags = bad[i].nlmsg_flags;
		head->nlmsg_pid = bad[i].nlmsg_pid;
		send_bytes(&sock, head, len);
		nlmsg_free(msg);
		ctx_expect_closed(&sock);
		ctx_hang_up(&sock);
	}
}

/* A handover has all that it needs, and is for another process. */
static void test_handover(void **state)
{
	struct nl_msg *msg = ksc_message_new(KSC_MESSAGE_HANDOVER, ++ctx_sock.seq, 0);
	struct ctx_sock sock;
	struct nlattr *nest;

	(void)state;
	nla_put_u32(msg, KSC_M_FORMAT, 1);
	nest = nla_nest_start(msg, KSC_M_BEGIN);
	nla_put_u32(msg, KSC_M_BEGIN_ROLE, KSC_ROLE_SERVER);
	nla_nest_end(msg, nest);
	nla_put_u16(msg, KSC_M_VERSION, 0x0304);
	nla_put_u16(msg, KSC_M_SUITE, 0x1301);
	nest = nla_nest_start(msg, KSC_M_SESSION);
	nla_put_string(msg, KSC_M_SESSION_ALPN, "h2");
	nla_nest_end(msg, nest);
	ctx_dial(&sock, NULL);
	ctx_send(&sock, msg);
	ctx_expect_closed(&sock);
	ctx_hang_up(&sock);
}

/* No message is as long as that, and the daemon has no more room for one. */
static void test_too_long(void **state)
{
	static uint8_t data[KSC_MAX_MESSAGE + 4096];
	struct nlmsghdr *head = (struct nlmsghdr *)data;
	const int room = 4 * (int)sizeof(data);
	struct ctx_sock sock;

	(void)state;
	for (size_t len = KSC_MAX_MESSAGE - 4; len <= sizeof(data); len += 4) {
		if (len > KSC_MAX_MESSAGE + 4 && len < sizeof(data))
			continue;
		ctx_dial(&sock, NULL);
		SYS(setsockopt(sock.fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)));
		*head = (struct nlmsghdr){ .nlmsg_len = (uint32_t)len,
					   .nlmsg_type = KSC_MESSAGE_STEP, .nlmsg_seq = 1 };
		send_bytes(&sock, data, len);
		if (len > KSC_MAX_MESSAGE) {
			ctx_expect_closed(&sock);
		} else {
			uint32_t seq;

			assert_int_equal(ctx_next_error(&sock, &seq), -EINVAL);
			assert_int_equal(seq, 1);
		}
		ctx_hang_up(&sock);
	}
}

/* A type that is none, one of the daemon's, and one that was there already. */
static void test_unknown(void **state)
{
	static const int bad[] = {
		0, KSC_M_STATUS, KSC_M_CONSUMED, KSC_M_NEED, KSC_M_DIRECTION, KSC_M_TEXT,
		KSC_M_FAULTS, KSC_M_CHAIN, KSC_M_ISSUERS, KSC_M_VERSION, KSC_M_SUITE,
		KSC_M_SESSION, KSC_M_DETAILS, KSC_M_LOCAL_CHAIN, KSC_M_ERROR, KSC_M_FORMAT,
		KSC_M_MAX + 1, 31, 32, 63, 64, 65, 128, 4095, NLA_TYPE_MASK,
		KSC_M_CONTEXT, KSC_M_BEGIN, KSC_M_TOKEN,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct nl_msg *msg = make_full(next_id());

		nla_put_u32(msg, bad[i], 1);
		expect_invalid(msg);
	}
}

static void test_unknown_within(void **state)
{
	static const int bad[] = { 0, KSC_M_BEGIN_ROLE, KSC_M_BEGIN_MAX + 1, 63, 64, 4095 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct nl_msg *msg = ksc_message_new(KSC_MESSAGE_STEP, ++ctx_sock.seq, 0);
		struct nlattr *nest;

		nla_put_u32(msg, KSC_M_CONTEXT, next_id());
		nest = nla_nest_start(msg, KSC_M_BEGIN);
		nla_put_u32(msg, KSC_M_BEGIN_ROLE, KSC_ROLE_SERVER);
		nla_put_u32(msg, bad[i], 1);
		nla_nest_end(msg, nest);
		expect_invalid(msg);
	}
}

/**
 * struct value - an attribute that is not as it has to be
 * @type: enum ksc_m_message
 * @len: bytes
 * @data: which
 */
struct value {
	int type;
	int len;
	const void *data;
};

static const struct value values[] = {
	{ KSC_M_VERDICT, 0, "" },
	{ KSC_M_VERDICT, 1, "\1" },
	{ KSC_M_VERDICT, 8, "\1\0\0\0\0\0\0" },
	{ KSC_M_VERDICT, 4, "\3\0\0" },
	{ KSC_M_VERDICT, 4, "\377\377\377\377" },
	{ KSC_M_ALERT, 0, "" },
	{ KSC_M_ALERT, 4, "\1\0\0" },
	{ KSC_M_CREDENTIAL, 0, "" },
	{ KSC_M_CREDENTIAL, 2, "ab" },
};

static const struct value begins[] = {
	{ KSC_M_BEGIN_ROLE, 4, "\0\0\0" },
	{ KSC_M_BEGIN_ROLE, 4, "\3\0\0" },
	{ KSC_M_BEGIN_ROLE, 2, "\1" },
	{ KSC_M_BEGIN_SERVER_NAME, 0, "" },
	{ KSC_M_BEGIN_SERVER_NAME, 3, "abc" },
	{ KSC_M_BEGIN_VERIFY, 4, "\5\0\0" },
	{ KSC_M_BEGIN_DEADLINE, 4, "\0\0\0" },
	{ KSC_M_BEGIN_DEADLINE, 4, "\377\377\377\377" },
	{ KSC_M_BEGIN_DEADLINE, 8, "\1\0\0\0\0\0\0" },
	{ KSC_M_BEGIN_ALPN, 1, "\0" },
	{ KSC_M_BEGIN_ALPN, 2, "\2h" },
	{ KSC_M_BEGIN_PICK, 1, "\1" },
};

static void test_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct nl_msg *msg = make_full(next_id());

		nla_put(msg, values[i].type, values[i].len, values[i].data);
		expect_invalid(msg);
	}
	for (size_t i = 0; i < ARRAY_SIZE(begins); i++) {
		struct nl_msg *msg = ksc_message_new(KSC_MESSAGE_STEP, ++ctx_sock.seq, 0);
		struct nlattr *nest;

		nla_put_u32(msg, KSC_M_CONTEXT, next_id());
		nest = nla_nest_start(msg, KSC_M_BEGIN);
		if (begins[i].type != KSC_M_BEGIN_ROLE)
			nla_put_u32(msg, KSC_M_BEGIN_ROLE, KSC_ROLE_CLIENT);
		nla_put(msg, begins[i].type, begins[i].len, begins[i].data);
		nla_nest_end(msg, nest);
		expect_invalid(msg);
	}
}

/* Lengths of attributes that lead beyond the message, or nowhere. */
static void test_lengths(void **state)
{
	static const uint16_t bad[] = { 0, 1, 3, 9, 100, UINT16_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct nl_msg *msg = ksc_message_new(KSC_MESSAGE_STEP, ++ctx_sock.seq, 0);
		struct nlattr *attr;

		nla_put_u32(msg, KSC_M_CONTEXT, next_id());
		attr = nlmsg_find_attr(nlmsg_hdr(msg), 0, KSC_M_CONTEXT);
		attr->nla_len = bad[i];
		expect_invalid(msg);
	}
	for (int extra = 1; extra < NLA_HDRLEN; extra++) {
		struct nl_msg *msg = make_full(next_id());

		nlmsg_hdr(msg)->nlmsg_len += (uint32_t)extra;
		expect_invalid(msg);
	}
}

/* ---- descriptors ---- */

#define MOST 253

/* Whether they could be sent: newer kernels refuse that if the receiver has SO_PASSRIGHTS off */
static bool send_rights(const struct ctx_sock *sock, struct nl_msg *msg, int fd, int count)
{
	static char room[CMSG_SPACE(MOST * sizeof(int))] __attribute__((aligned(8)));
	const struct nlmsghdr *head = nlmsg_hdr(msg);
	struct iovec iov = { .iov_base = (void *)head, .iov_len = head->nlmsg_len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
			    .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int)) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&m);
	bool sent;

	*cmsg = (struct cmsghdr) { .cmsg_len = CMSG_LEN((size_t)count * sizeof(int)),
				   .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	for (int i = 0; i < count; i++)
		memcpy(CMSG_DATA(cmsg) + (size_t)i * sizeof(fd), &fd, sizeof(fd));
	sent = sendmsg(sock->fd, &m, MSG_NOSIGNAL) >= 0;
	if (!sent)
		assert_int_equal(errno, EPERM);
	nlmsg_free(msg);
	return sent;
}

/* They are closed, and so is the connection. */
static void test_rights(void **state)
{
	static const int counts[] = { 1, 2, 3, MOST };
	struct ctx_sock sock;
	int via[2];
	char c;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		SYS(pipe(via));
		ctx_dial(&sock, NULL);
		if (send_rights(&sock, make_full(next_id()), via[1], counts[i]))
			ctx_expect_closed(&sock);
		close(via[1]);
		/* no process has it open */
		assert_int_equal(SYS(read(via[0], &c, 1)), 0);
		close(via[0]);
		ctx_hang_up(&sock);
	}
}

/* A socket that is on its way through itself is no place to hide one. */
static void test_rights_to_itself(void **state)
{
	struct ctx_sock sock;

	(void)state;
	ctx_dial(&sock, NULL);
	if (send_rights(&sock, make_full(next_id()), sock.fd, 1))
		ctx_expect_closed(&sock);
	ctx_hang_up(&sock);
}

/* ---- applications that do not read, and many of them ---- */

/* An application that does not read answers gets no more, and is disconnected. */
static void test_never_reads(void **state)
{
	struct pollfd p = { .events = POLLOUT };
	struct ctx_sock sock;
	struct nl_msg *msg;
	ssize_t n;

	(void)state;
	ctx_dial(&sock, NULL);
	/* an unknown context: each has an answer */
	msg = ksc_message_new(KSC_MESSAGE_STEP, 1, 0);
	nla_put_u32(msg, KSC_M_CONTEXT, 1);
	p.fd = sock.fd;
	do {
		n = send(sock.fd, nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN) {
			/* others meanwhile, more than once */
			expect_service(&ctx_sock);
			assert_true(poll(&p, 1, PATIENCE_S * 1000) == 1);
		}
	} while (n >= 0 || errno == EAGAIN);
	/* it had not read all */
	assert_true(errno == EPIPE || errno == ECONNRESET);
	nlmsg_free(msg);
	ctx_hang_up(&sock);
}

#define CROWD 10000

/* Of another user: how many of its connections are good for something */
static int crowd(int ready, int end)
{
	static int fds[CROWD];
	struct ctx_sock first, last;
	char c = 'y';

	if (setgid(65534) || setuid(65534) || !ctx_try_dial(&first, NULL))
		return 1;
	for (int i = 0; i < CROWD; i++) {
		struct ctx_sock sock;

		if (!ctx_try_dial(&sock, NULL))
			return 2;
		fds[i] = sock.fd;
	}
	ctx_open(&client, &first, KSC_ROLE_CLIENT, &t_client);
	if (ctx_try_step(&client, NULL, 0))
		return 3;
	/* more than may be */
	last = (struct ctx_sock){ .fd = fds[CROWD - 1] };
	ctx_open(&client, &last, KSC_ROLE_CLIENT, &t_client);
	if (!ctx_try_step(&client, NULL, 0))
		return 4;
	if (write(ready, &c, 1) != 1 || read(end, &c, 1))
		return 5;
	return 0;
}

static void test_crowd(void **state)
{
	const struct rlimit files = { CROWD + 100, CROWD + 100 };
	int ready[2], end[2], status;
	struct ctx_sock sock;
	pid_t pid;
	char c;

	(void)state;
	SYS(pipe(ready));
	SYS(pipe(end));
	pid = (pid_t)SYS(fork());
	if (!pid) {
		close(end[1]);
		_exit(setrlimit(RLIMIT_NOFILE, &files) ? 9 : crowd(ready[1], end[0]));
	}
	close(ready[1]);
	close(end[0]);
	/* while it is at it, and when it is there */
	expect_service(&ctx_sock);
	assert_int_equal(SYS(read(ready[0], &c, 1)), 1);
	expect_service(&ctx_sock);
	ctx_dial(&sock, NULL);
	expect_service(&sock);
	ctx_hang_up(&sock);
	close(end[1]);
	SYS(waitpid(pid, &status, 0));
	assert_int_equal(status, 0);
	close(ready[0]);
}

#define LOST 100

/* It dies in the middle of all that it has, and the daemon lets go of it. */
static void test_killed(void **state)
{
	static struct ctx ctx;
	int ready[2];
	pid_t pid;
	char c;

	(void)state;
	SYS(pipe(ready));
	pid = (pid_t)SYS(fork());
	if (!pid) {
		for (int i = 0; i < LOST; i++) {
			ctx_open(&ctx, &ctx_sock, KSC_ROLE_CLIENT, &t_client);
			ctx_offer(&ctx, NULL, 0);
		}
		c = 'y';
		_exit(write(ready[1], &c, 1) == 1 && !pause());
	}
	close(ready[1]);
	assert_int_equal(SYS(read(ready[0], &c, 1)), 1);
	/* the connection ends with the last process that has it */
	ctx_hang_up(&ctx_sock);
	SYS(kill(pid, SIGKILL));
	SYS(waitpid(pid, NULL, 0));
	close(ready[0]);
	daemon_await_descriptors(descriptors - 1);
	ctx_dial(&ctx_sock, NULL);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_full),
		TEST(test_cut_off),
		TEST(test_short),
		TEST(test_heads),
		TEST(test_handover),
		TEST(test_too_long),
		TEST(test_unknown),
		TEST(test_unknown_within),
		TEST(test_values),
		TEST(test_lengths),
		TEST(test_rights),
		TEST(test_rights_to_itself),
		TEST(test_never_reads),
		TEST(test_crowd),
		TEST(test_killed),
	};

	return T_RUN(tests);
}
