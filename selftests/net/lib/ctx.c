// SPDX-License-Identifier: GPL-2.0-only
/* Contexts whose tokens the test carries: messages of its own to the daemon's socket. */
#include <stdlib.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/message.h"
#include "ctx.h"

/* The connection of most tests' contexts. */
struct ctx_sock ctx_sock = { .fd = -1 };

/* Descriptors of keys, which no test has to close */
static int held[256];
static size_t held_count;

/**
 * ctx_setup() - open the tests' connection
 * @state: cmocka's
 * Return: 0, or not
 */
int ctx_setup(void **state)
{
	t_setup(state);
	return !ctx_try_dial(&ctx_sock, NULL);
}

static void drop_key(struct ctx *ctx)
{
	for (size_t i = 0; i < held_count; i++)
		if (held[i] == ctx->key)
			held[i] = held[--held_count];
	if (ctx->key >= 0)
		close(ctx->key);
	ctx->key = -1;
}

static void hold_key(struct ctx *ctx, int key)
{
	ctx->key = key;
	if (key < 0)
		return;
	assert_in_range(held_count, 0, ARRAY_SIZE(held) - 1);
	held[held_count++] = key;
}

/**
 * ctx_teardown() - close it, which ends its contexts
 * @state: cmocka's
 * Return: 0
 */
int ctx_teardown(void **state)
{
	(void)state;
	ctx_hang_up(&ctx_sock);
	while (held_count)
		close(held[--held_count]);
	tnl_await_counter(KSC_A_STATS_CONTEXTS, 0);
	tnl_await_counter(KSC_A_STATS_KEYS, 0);
	return 0;
}

/* ---- messages ---- */

/**
 * ctx_try_dial() - connect to the daemon, which may fail
 * @sock: gets the connection
 * @path: where the daemon listens; NULL for the suite's
 * Return: whether that succeeded, with errno; no cmocka check is made here
 */
bool ctx_try_dial(struct ctx_sock *sock, const char *path)
{
	const struct timeval tv = { .tv_sec = PATIENCE_S };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	memset(sock, 0, sizeof(*sock));
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path ? path : KSC_CONTEXT_SOCKET);
	sock->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock->fd < 0)
		return false;
	setsockopt(sock->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(sock->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	return !connect(sock->fd, (struct sockaddr *)&addr, sizeof(addr));
}

/**
 * ctx_dial() - connect to the daemon
 * @sock: gets the connection
 * @path: where the daemon listens; NULL for the suite's
 */
void ctx_dial(struct ctx_sock *sock, const char *path)
{
	if (!ctx_try_dial(sock, path))
		fail_msg("the daemon's socket: %s", strerror(errno));
}

/**
 * ctx_hang_up() - close it
 * @sock: the connection
 */
void ctx_hang_up(struct ctx_sock *sock)
{
	for (size_t i = 0; i < sock->queued; i++) {
		free(sock->queue[i].head);
		if (sock->queue[i].key >= 0)
			close(sock->queue[i].key);
	}
	sock->queued = 0;
	if (sock->fd >= 0)
		close(sock->fd);
	sock->fd = -1;
}

/**
 * ctx_send() - send a message; the daemon may have closed the connection before
 * @sock: the connection
 * @msg: the message; freed
 */
void ctx_send(struct ctx_sock *sock, struct nl_msg *msg)
{
	const struct nlmsghdr *head = nlmsg_hdr(msg);
	ssize_t n = send(sock->fd, head, head->nlmsg_len, MSG_NOSIGNAL);

	if (n < 0 && errno != EPIPE && errno != ECONNRESET)
		fail_msg("send: %s", strerror(errno));
	nlmsg_free(msg);
}

/* The one descriptor that came along, or -1 */
static int take_rights(struct msghdr *msg)
{
	const struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	int fd;

	assert_int_equal(msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC), 0);
	if (!cmsg)
		return -1;
	assert_int_equal(cmsg->cmsg_type, SCM_RIGHTS);
	assert_int_equal(cmsg->cmsg_len, CMSG_LEN(sizeof(fd)));
	assert_null(CMSG_NXTHDR(msg, (struct cmsghdr *)cmsg));
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

/* Receives by one call; false at the end */
static bool receive(struct ctx_sock *sock, struct ctx_answer *answer)
{
	static uint8_t buf[KSC_MAX_MESSAGE] __attribute__((aligned(8)));
	char room[CMSG_SPACE(4 * sizeof(int))] __attribute__((aligned(8)));
	struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
			      .msg_controllen = sizeof(room) };
	struct nlattr *tb[KSC_M_MAX + 1];
	const char *why;
	ssize_t n;

	do
		n = recvmsg(sock->fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == ECONNRESET);
	if (n < 0)
		fail_msg("no answer from the daemon: %s", strerror(errno));
	answer->key = take_rights(&msg);
	if (!n)
		return false;
	if (ksc_message_parse(buf, (size_t)n, true, tb, &why) < 0)
		fail_msg("an answer that is none: %s", why);
	answer->head = malloc((size_t)n);
	assert_non_null(answer->head);
	memcpy(answer->head, buf, (size_t)n);
	return true;
}

static struct nlattr *find(const struct ctx_answer *answer, int type)
{
	return nlmsg_find_attr(answer->head, 0, type);
}

static bool is_about(const struct ctx_answer *answer, const struct ctx *ctx)
{
	const struct nlattr *id = find(answer, KSC_M_CONTEXT);

	/* where the request was malformed, the number of the context may have been, too */
	return id ? nla_get_u32(id) == ctx->id : answer->head->nlmsg_seq == ctx->seq;
}

/* Answers for others are queued; false at the connection's end */
static bool next_about(struct ctx *ctx, struct ctx_answer *answer)
{
	struct ctx_sock *sock = ctx->sock;

	for (size_t i = 0; i < sock->queued; i++) {
		if (!is_about(&sock->queue[i], ctx))
			continue;
		*answer = sock->queue[i];
		memmove(sock->queue + i, sock->queue + i + 1,
			(--sock->queued - i) * sizeof(*answer));
		return true;
	}
	while (receive(sock, answer)) {
		if (is_about(answer, ctx))
			return true;
		assert_in_range(sock->queued, 0, CTX_QUEUE_MAX - 1);
		sock->queue[sock->queued++] = *answer;
	}
	return false;
}

/**
 * ctx_next_error() - insist on an error, about any context
 * @sock: the connection
 * @seq: gets its number
 * Return: the negative errno
 */
int ctx_next_error(struct ctx_sock *sock, uint32_t *seq)
{
	struct ctx_answer answer;
	int rc;

	assert_true(receive(sock, &answer));
	assert_int_equal(answer.head->nlmsg_type, KSC_MESSAGE_ERROR);
	*seq = answer.head->nlmsg_seq;
	rc = -(int)nla_get_u32(find(&answer, KSC_M_ERROR));
	free(answer.head);
	return rc;
}

/**
 * ctx_expect_closed() - insist that the daemon closes the connection, without another answer
 * @sock: the connection
 */
void ctx_expect_closed(struct ctx_sock *sock)
{
	struct ctx_answer answer;

	if (!receive(sock, &answer))
		return;
	print_error("the daemon says something: %u\n", answer.head->nlmsg_type);
	free(answer.head);
	fail();
}

/**
 * ctx_expect_none() - insist that there is no unexpected answer
 * @sock: the connection
 */
void ctx_expect_none(struct ctx_sock *sock)
{
	char c;

	assert_int_equal(sock->queued, 0);
	FAILS(recv(sock->fd, &c, 1, MSG_DONTWAIT), EAGAIN);
}

/* ---- contexts ---- */

static uint32_t number(const struct nlattr *attr)
{
	return attr ? nla_get_u32(attr) : 0;
}

static void take_session(struct ctx_result *r, struct nlattr *nest)
{
	struct nlattr *tb[KSC_M_SESSION_MAX + 1];

	if (!nest || nla_parse_nested(tb, KSC_M_SESSION_MAX, nest, NULL))
		return;
	if (tb[KSC_M_SESSION_ALPN])
		nla_strlcpy(r->alpn, tb[KSC_M_SESSION_ALPN], sizeof(r->alpn));
	if (tb[KSC_M_SESSION_SERVER_NAME])
		nla_strlcpy(r->server_name, tb[KSC_M_SESSION_SERVER_NAME], sizeof(r->server_name));
}

static void take_result(struct ctx_result *r, struct nlattr **tb)
{
	const struct nlattr *token = tb[KSC_M_TOKEN];
	const struct nlattr *chain = tb[KSC_M_CHAIN];

	memset(r, 0, offsetof(struct ctx_result, token));
	r->status = number(tb[KSC_M_STATUS]);
	r->consumed = number(tb[KSC_M_CONSUMED]);
	r->need = number(tb[KSC_M_NEED]);
	r->direction = number(tb[KSC_M_DIRECTION]);
	if (tb[KSC_M_ALERT])
		r->alert = nla_get_u8(tb[KSC_M_ALERT]);
	if (tb[KSC_M_VERSION])
		r->version = nla_get_u16(tb[KSC_M_VERSION]);
	if (tb[KSC_M_SUITE])
		r->suite = nla_get_u16(tb[KSC_M_SUITE]);
	if (tb[KSC_M_TEXT])
		nla_strlcpy(r->text, tb[KSC_M_TEXT], sizeof(r->text));
	take_session(r, tb[KSC_M_SESSION]);
	r->faults = number(tb[KSC_M_FAULTS]);
	r->has_issuers = tb[KSC_M_ISSUERS];
	if (r->has_issuers)
		r->issuers_len = (size_t)nla_len(tb[KSC_M_ISSUERS]);
	if (chain) {
		r->chain_len = (size_t)nla_len(chain);
		memcpy(r->chain, nla_data(chain), r->chain_len);
	}
	if (token) {
		r->token_len = (size_t)nla_len(token);
		memcpy(r->token, nla_data(token), r->token_len);
	}
}

/**
 * ctx_open() - prepare a context, which the first step begins
 * @ctx: gets it
 * @sock: its connection
 * @role: enum ksc_role
 * @opts: names, verification and timeout; of ALPN's protocols, one
 */
void ctx_open(struct ctx *ctx, struct ctx_sock *sock, int role, const struct t_opts *opts)
{
	struct nl_msg *msg = nlmsg_alloc();
	static uint32_t last;
	uint8_t alpn[KSC_MAX_NAME + 1];

	memset(ctx, 0, offsetof(struct ctx, last.token));
	ctx->sock = sock;
	ctx->id = ++last;
	ctx->role = role;
	ctx->key = -1;
	nla_put_u32(msg, KSC_M_BEGIN_ROLE, (uint32_t)role);
	if (opts->server_name)
		nla_put_string(msg, KSC_M_BEGIN_SERVER_NAME, opts->server_name);
	if (opts->credential)
		nla_put_string(msg, KSC_M_BEGIN_CREDENTIAL, opts->credential);
	if (opts->alpn) {
		alpn[0] = (uint8_t)strlen(opts->alpn);
		memcpy(alpn + 1, opts->alpn, alpn[0]);
		nla_put(msg, KSC_M_BEGIN_ALPN, 1 + alpn[0], alpn);
	}
	if (opts->verify)
		nla_put_u32(msg, KSC_M_BEGIN_VERIFY, (uint32_t)opts->verify);
	if (opts->pick)
		nla_put_flag(msg, KSC_M_BEGIN_PICK);
	if (opts->timeout)
		nla_put_u32(msg, KSC_M_BEGIN_DEADLINE, opts->timeout);
	ctx->begin_len = (size_t)nlmsg_attrlen(nlmsg_hdr(msg), 0);
	assert_in_range(ctx->begin_len, 0, sizeof(ctx->begin));
	memcpy(ctx->begin, nlmsg_attrdata(nlmsg_hdr(msg), 0), ctx->begin_len);
	nlmsg_free(msg);
}

/* A step's message, to which more can be added */
static struct nl_msg *make_step(struct ctx *ctx, const void *token, size_t len)
{
	struct nl_msg *msg = ksc_message_new(KSC_MESSAGE_STEP, ++ctx->sock->seq,
					     len + sizeof(ctx->begin));

	ctx->seq = ctx->sock->seq;
	nla_put_u32(msg, KSC_M_CONTEXT, ctx->id);
	if (ctx->begin_len)
		nla_put(msg, KSC_M_BEGIN | NLA_F_NESTED, (int)ctx->begin_len, ctx->begin);
	if (len)
		nla_put(msg, KSC_M_TOKEN, (int)len, token);
	return msg;
}

/**
 * ctx_offer() - send a token, without waiting
 * @ctx: the context
 * @token: the token
 * @len: length of @token in bytes
 */
void ctx_offer(struct ctx *ctx, const void *token, size_t len)
{
	ctx_send(ctx->sock, make_step(ctx, token, len));
}

/**
 * ctx_try_await() - wait for a step's result, which may be an error
 * @ctx: the context
 * Return: 0, and its last is that; the negative errno of an error; -EPIPE when the daemon has
 * closed the connection
 */
int ctx_try_await(struct ctx *ctx)
{
	struct nlattr *tb[KSC_M_MAX + 1];
	struct ctx_answer answer;
	int rc = 0;

	if (!next_about(ctx, &answer))
		return -EPIPE;
	assert_int_equal(nlmsg_parse(answer.head, 0, tb, KSC_M_MAX, NULL), 0);
	if (answer.head->nlmsg_type == KSC_MESSAGE_ERROR) {
		rc = -(int)nla_get_u32(tb[KSC_M_ERROR]);
		ctx->sock->text[0] = '\0';
		if (tb[KSC_M_TEXT])
			nla_strlcpy(ctx->sock->text, tb[KSC_M_TEXT], sizeof(ctx->sock->text));
		assert_int_equal(answer.key, -1);
	} else {
		take_result(&ctx->last, tb);
		ctx->begin_len = 0;
		assert_int_equal(answer.key >= 0, ctx->last.status == KSC_STATUS_OK);
		hold_key(ctx, answer.key);
	}
	free(answer.head);
	return rc;
}

/**
 * ctx_await() - wait for a step's result
 * @ctx: the context
 */
void ctx_await(struct ctx *ctx)
{
	int rc = ctx_try_await(ctx);

	if (rc)
		fail_msg("step: %s (%s)", strerror(-rc), ctx->sock->text);
}

/**
 * ctx_try_step() - pass a token and wait for the result, which may be an error
 * @ctx: the context
 * @token: the token
 * @len: length of @token in bytes
 * Return: as ctx_try_await()
 */
int ctx_try_step(struct ctx *ctx, const void *token, size_t len)
{
	ctx_offer(ctx, token, len);
	return ctx_try_await(ctx);
}

/**
 * ctx_step() - pass a token and wait for the result
 * @ctx: the context
 * @token: the token
 * @len: length of @token in bytes
 */
void ctx_step(struct ctx *ctx, const void *token, size_t len)
{
	ctx_offer(ctx, token, len);
	ctx_await(ctx);
}

/* Bytes that the step has not consumed stay for the next. */
static void eat(struct ctx *ctx)
{
	assert_in_range(ctx->last.consumed, 0, ctx->in_len);
	ctx->in_len -= ctx->last.consumed;
	memmove(ctx->in, ctx->in + ctx->last.consumed, ctx->in_len);
}

/**
 * ctx_try_judge() - pass a verdict after verify-needed, which may fail
 * @ctx: the context; received bytes are passed along
 * @verdict: enum ksc_verdict
 * @alert: to reject: which alert, or 0
 * Return: as ctx_try_await()
 */
int ctx_try_judge(struct ctx *ctx, int verdict, uint8_t alert)
{
	struct nl_msg *msg = make_step(ctx, ctx->in, ctx->in_len);

	nla_put_u32(msg, KSC_M_VERDICT, (uint32_t)verdict);
	if (alert)
		nla_put_u8(msg, KSC_M_ALERT, alert);
	ctx_send(ctx->sock, msg);
	return ctx_try_await(ctx);
}

/**
 * ctx_judge() - pass a verdict after verify-needed, and wait for the result
 * @ctx: the context; received bytes are passed along
 * @verdict: accept or reject
 * @alert: to reject: which alert, or 0
 */
void ctx_judge(struct ctx *ctx, enum ksc_verdict verdict, uint8_t alert)
{
	assert_int_equal(ctx_try_judge(ctx, verdict, alert), 0);
	eat(ctx);
}

/**
 * ctx_try_pick() - choose a credential after incomplete-credentials, which may fail
 * @ctx: the context; received bytes are passed along
 * @credential: its name, or NULL for none
 * Return: as ctx_try_await()
 */
int ctx_try_pick(struct ctx *ctx, const char *credential)
{
	struct nl_msg *msg = make_step(ctx, ctx->in, ctx->in_len);

	if (credential)
		nla_put_string(msg, KSC_M_CREDENTIAL, credential);
	ctx_send(ctx->sock, msg);
	return ctx_try_await(ctx);
}

/**
 * ctx_pick() - choose a credential after incomplete-credentials, and wait for the result
 * @ctx: the context; received bytes are passed along
 * @credential: its name, or NULL for none
 */
void ctx_pick(struct ctx *ctx, const char *credential)
{
	assert_int_equal(ctx_try_pick(ctx, credential), 0);
	eat(ctx);
}

/* The question may have come with a change_cipher_spec (RFC 8446 D.4): it goes first */
static void judge_at_once(struct ctx *ctx)
{
	size_t len = ctx->last.token_len;
	uint8_t first[64];

	assert_in_range(len, 0, sizeof(first));
	memcpy(first, ctx->last.token, len);
	ctx_judge(ctx, ctx->verdict, 0);
	assert_in_range(ctx->last.token_len, 0, sizeof(ctx->last.token) - len);
	memmove(ctx->last.token + len, ctx->last.token, ctx->last.token_len);
	memcpy(ctx->last.token, first, len);
	ctx->last.token_len += len;
}

/**
 * ctx_feed() - step with newly received bytes and all that are left
 * @ctx: the context
 * @data: bytes that follow those that no step has consumed
 * @len: length of @data in bytes
 */
void ctx_feed(struct ctx *ctx, const void *data, size_t len)
{
	assert_in_range(ctx->in_len + len, 0, sizeof(ctx->in));
	if (len)
		memcpy(ctx->in + ctx->in_len, data, len);
	ctx->in_len += len;
	ctx_step(ctx, ctx->in, ctx->in_len);
	eat(ctx);
	if (ctx->last.status == KSC_STATUS_VERIFY_NEEDED && ctx->verdict != KSC_VERDICT_NONE)
		judge_at_once(ctx);
}

/**
 * ctx_close() - close a context, in any state
 * @ctx: the context
 */
void ctx_close(struct ctx *ctx)
{
	struct nl_msg *msg;

	drop_key(ctx);
	/* it has ended with its connection */
	if (ctx->sock->fd < 0)
		return;
	msg = ksc_message_new(KSC_MESSAGE_CLOSE, ++ctx->sock->seq, 0);
	nla_put_u32(msg, KSC_M_CONTEXT, ctx->id);
	ctx_send(ctx->sock, msg);
}

static bool goes_on(const struct ctx *ctx)
{
	return ctx->last.status == KSC_STATUS_CONTINUE_NEEDED ||
	       ctx->last.status == KSC_STATUS_INCOMPLETE_MESSAGE;
}

/**
 * ctx_handshake() - step two contexts until neither continues
 * @client: one that was not stepped yet
 * @server: the same
 */
void ctx_handshake(struct ctx *client, struct ctx *server)
{
	struct ctx *to = server, *from = client;

	server->last.status = KSC_STATUS_CONTINUE_NEEDED;
	ctx_step(client, NULL, 0);
	while (from->last.token_len && goes_on(to)) {
		ctx_feed(to, from->last.token, from->last.token_len);
		to = from;
		from = to == client ? server : client;
	}
	/* TLS 1.3: what follows the client's end is for its record layer */
	if (from->last.token_len && from->last.status == KSC_STATUS_OK) {
		memcpy(to->in + to->in_len, from->last.token, from->last.token_len);
		to->in_len += from->last.token_len;
	}
}

/**
 * ctx_run() - run a context's handshake over a socket
 * @ctx: one that was not stepped yet
 * @fd: the connected socket, which is not protected
 * @chunk: how much is read at once, or 0 for the size that is reported as needed
 *
 * Bytes that were read and not consumed are left in the context.
 */
void ctx_run(struct ctx *ctx, int fd, size_t chunk)
{
	uint8_t buf[KSC_MAX_TOKEN];
	size_t len = 0, want;

	for (;;) {
		if (ctx->role == KSC_ROLE_CLIENT || len)
			ctx_feed(ctx, buf, len);
		t_send(fd, ctx->last.token, ctx->last.token_len);
		if ((ctx->role == KSC_ROLE_CLIENT || len) && !goes_on(ctx))
			break;
		if (chunk)
			want = chunk;
		else
			/* a record's header tells the rest */
			want = ctx->last.status == KSC_STATUS_INCOMPLETE_MESSAGE ?
			       ctx->last.need : 5;
		len = (size_t)SYS(recv(fd, buf, want, 0));
		if (!len)
			fail_msg("end of file in the handshake");
	}
}

/**
 * ctx_try_attach() - attach a context's keys to a socket, which may fail
 * @ctx: the context
 * @fd: the socket, which has the ULP
 * Return: what setsockopt() returned
 */
int ctx_try_attach(struct ctx *ctx, int fd)
{
	static uint8_t room[sizeof(struct ksc_attach) + sizeof(ctx->in)];
	const struct ksc_attach a = { .fd = ctx->key };

	memcpy(room, &a, sizeof(a));
	memcpy(room + sizeof(a), ctx->in, ctx->in_len);
	return setsockopt(fd, SOL_KSCHANNEL, KSC_ATTACH, room,
			  (socklen_t)(sizeof(a) + ctx->in_len));
}

/**
 * ctx_attach() - give a context's keys to a socket
 * @ctx: the context
 * @fd: the socket, which gets the ULP
 */
void ctx_attach(struct ctx *ctx, int fd)
{
	t_attach(fd);
	SYS(ctx_try_attach(ctx, fd));
	drop_key(ctx);
}
