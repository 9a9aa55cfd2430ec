// SPDX-License-Identifier: GPL-2.0
/* Contexts whose tokens the test carries. */
#include <netlink/genl/genl.h>

#include "ctx.h"

/* The netlink socket that the tests' contexts belong to. */
struct tnl_conn ctx_nl;

/**
 * ctx_setup() - open the tests' netlink socket
 * @state: cmocka's
 * Return: 0, or not
 */
int ctx_setup(void **state)
{
	t_setup(state);
	return !tnl_open(&ctx_nl);
}

/**
 * ctx_teardown() - close it, which deletes what it has
 * @state: cmocka's
 * Return: 0
 */
int ctx_teardown(void **state)
{
	(void)state;
	tnl_close(&ctx_nl);
	tnl_await_counter(KSC_A_STATS_CONTEXTS, 0);
	return 0;
}

static uint32_t number(const struct nlattr *attr)
{
	return attr ? nla_get_u32(attr) : 0;
}

static void take_session(struct ctx_result *r, struct nlattr *nest)
{
	struct nlattr *tb[KSC_A_SESSION_MAX + 1];

	if (!nest || nla_parse_nested(tb, KSC_A_SESSION_MAX, nest, NULL))
		return;
	if (tb[KSC_A_SESSION_ALPN])
		nla_strlcpy(r->alpn, tb[KSC_A_SESSION_ALPN], sizeof(r->alpn));
	if (tb[KSC_A_SESSION_SERVER_NAME])
		nla_strlcpy(r->server_name, tb[KSC_A_SESSION_SERVER_NAME], sizeof(r->server_name));
}

static void take_result(struct ctx_result *r, struct nlattr **tb)
{
	const struct nlattr *token = tb[KSC_A_CONTEXT_TOKEN];
	const struct nlattr *chain = tb[KSC_A_CONTEXT_CHAIN];

	memset(r, 0, offsetof(struct ctx_result, token));
	r->status = number(tb[KSC_A_CONTEXT_STATUS]);
	r->consumed = number(tb[KSC_A_CONTEXT_CONSUMED]);
	r->need = number(tb[KSC_A_CONTEXT_NEED]);
	r->direction = number(tb[KSC_A_CONTEXT_DIRECTION]);
	r->busy = tb[KSC_A_CONTEXT_BUSY];
	if (tb[KSC_A_CONTEXT_ALERT])
		r->alert = nla_get_u8(tb[KSC_A_CONTEXT_ALERT]);
	if (tb[KSC_A_CONTEXT_VERSION])
		r->version = nla_get_u16(tb[KSC_A_CONTEXT_VERSION]);
	if (tb[KSC_A_CONTEXT_SUITE])
		r->suite = nla_get_u16(tb[KSC_A_CONTEXT_SUITE]);
	if (tb[KSC_A_CONTEXT_TEXT])
		nla_strlcpy(r->text, tb[KSC_A_CONTEXT_TEXT], sizeof(r->text));
	take_session(r, tb[KSC_A_CONTEXT_SESSION]);
	r->faults = number(tb[KSC_A_CONTEXT_FAULTS]);
	r->has_issuers = tb[KSC_A_CONTEXT_ISSUERS];
	if (r->has_issuers)
		r->issuers_len = (size_t)nla_len(tb[KSC_A_CONTEXT_ISSUERS]);
	if (chain) {
		r->chain_len = (size_t)nla_len(chain);
		memcpy(r->chain, nla_data(chain), r->chain_len);
	}
	if (token) {
		r->token_len = (size_t)nla_len(token);
		memcpy(r->token, nla_data(token), r->token_len);
	}
}

static void on_reply(struct nl_msg *msg, void *arg)
{
	struct nlattr *tb[KSC_A_CONTEXT_MAX + 1];
	struct ctx *ctx = arg;

	if (genlmsg_parse(nlmsg_hdr(msg), 0, tb, KSC_A_CONTEXT_MAX, NULL))
		return;
	if (tb[KSC_A_CONTEXT_ID])
		ctx->id = nla_get_u64(tb[KSC_A_CONTEXT_ID]);
	take_result(&ctx->last, tb);
}

static int do_request(struct ctx *ctx, struct nl_msg *msg)
{
	ctx->nl->reply = on_reply;
	ctx->nl->arg = ctx;
	return tnl_do(ctx->nl, msg);
}

/**
 * ctx_try_open() - begin a context, perhaps in vain
 * @ctx: gets it
 * @nl: the netlink socket that shall have it
 * @role: enum ksc_role
 * @opts: names, verification and timeout; of ALPN's protocols, one
 * Return: the negative errno, or 0
 */
int ctx_try_open(struct ctx *ctx, struct tnl_conn *nl, int role, const struct t_opts *opts)
{
	struct nl_msg *msg = tnl_request(nl, KSC_CMD_CONTEXT_OPEN);
	uint8_t alpn[KSC_MAX_NAME + 1];

	memset(ctx, 0, offsetof(struct ctx, last));
	ctx->nl = nl;
	ctx->role = role;
	nla_put_u32(msg, KSC_A_CONTEXT_ROLE, (uint32_t)role);
	if (opts->server_name)
		nla_put_string(msg, KSC_A_CONTEXT_SERVER_NAME, opts->server_name);
	if (opts->credential)
		nla_put_string(msg, KSC_A_CONTEXT_CREDENTIAL, opts->credential);
	if (opts->alpn) {
		alpn[0] = (uint8_t)strlen(opts->alpn);
		memcpy(alpn + 1, opts->alpn, alpn[0]);
		nla_put(msg, KSC_A_CONTEXT_ALPN, 1 + alpn[0], alpn);
	}
	if (opts->verify)
		nla_put_u32(msg, KSC_A_CONTEXT_VERIFY, (uint32_t)opts->verify);
	if (opts->pick)
		nla_put_flag(msg, KSC_A_CONTEXT_PICK);
	if (opts->timeout)
		nla_put_u32(msg, KSC_A_CONTEXT_DEADLINE, opts->timeout);
	return do_request(ctx, msg);
}

/**
 * ctx_open() - begin a context
 * @ctx: gets it
 * @nl: the netlink socket that shall have it
 * @role: enum ksc_role
 * @opts: as for ctx_try_open()
 */
void ctx_open(struct ctx *ctx, struct tnl_conn *nl, int role, const struct t_opts *opts)
{
	if (ctx_try_open(ctx, nl, role, opts))
		fail_msg("context-open: %s (%s)", strerror(-nl->error), nl->text);
}

/**
 * ctx_ask() - send a command that names the context and no more
 * @ctx: the context; what a reply says goes to its last
 * @cmd: enum ksc_cmd
 * Return: the negative errno, or 0
 */
int ctx_ask(struct ctx *ctx, int cmd)
{
	struct nl_msg *msg = tnl_request(ctx->nl, cmd);

	nla_put_u64(msg, KSC_A_CONTEXT_ID, ctx->id);
	return do_request(ctx, msg);
}

/**
 * ctx_try_offer() - offer a token, perhaps in vain
 * @ctx: the context
 * @role: which role is said to be its, or 0
 * @token: the token
 * @len: its bytes
 * Return: the negative errno, or 0
 */
int ctx_try_offer(struct ctx *ctx, int role, const void *token, size_t len)
{
	struct nl_msg *msg = tnl_request(ctx->nl, KSC_CMD_CONTEXT_STEP);

	nla_put_u64(msg, KSC_A_CONTEXT_ID, ctx->id);
	if (role)
		nla_put_u32(msg, KSC_A_CONTEXT_ROLE, (uint32_t)role);
	if (len)
		nla_put(msg, KSC_A_CONTEXT_TOKEN, (int)len, token);
	return do_request(ctx, msg);
}

/**
 * ctx_try_judge() - say how to go on after verify-needed, perhaps in vain
 * @ctx: the context; what has come goes along
 * @verdict: enum ksc_verdict
 * @alert: to reject: which alert, or 0
 * Return: the negative errno, or 0
 */
int ctx_try_judge(struct ctx *ctx, int verdict, uint8_t alert)
{
	struct nl_msg *msg = tnl_request(ctx->nl, KSC_CMD_CONTEXT_STEP);

	nla_put_u64(msg, KSC_A_CONTEXT_ID, ctx->id);
	nla_put_u32(msg, KSC_A_CONTEXT_VERDICT, (uint32_t)verdict);
	if (alert)
		nla_put_u8(msg, KSC_A_CONTEXT_ALERT, alert);
	if (ctx->in_len)
		nla_put(msg, KSC_A_CONTEXT_TOKEN, (int)ctx->in_len, ctx->in);
	return do_request(ctx, msg);
}

/* What the step has not used up stays for the next. */
static void eat(struct ctx *ctx)
{
	assert_in_range(ctx->last.consumed, 0, ctx->in_len);
	ctx->in_len -= ctx->last.consumed;
	memmove(ctx->in, ctx->in + ctx->last.consumed, ctx->in_len);
}

/**
 * ctx_judge() - say how to go on after verify-needed, and wait for what comes of it
 * @ctx: the context; what has come goes along
 * @verdict: accept or reject
 * @alert: to reject: which alert, or 0
 */
void ctx_judge(struct ctx *ctx, enum ksc_verdict verdict, uint8_t alert)
{
	assert_int_equal(ctx_try_judge(ctx, verdict, alert), 0);
	ctx_await(ctx);
	eat(ctx);
}

/**
 * ctx_try_pick() - say how to go on after incomplete-credentials, perhaps in vain
 * @ctx: the context; what has come goes along
 * @credential: its name, or NULL for none
 * Return: the negative errno, or 0
 */
int ctx_try_pick(struct ctx *ctx, const char *credential)
{
	struct nl_msg *msg = tnl_request(ctx->nl, KSC_CMD_CONTEXT_STEP);

	nla_put_u64(msg, KSC_A_CONTEXT_ID, ctx->id);
	if (credential)
		nla_put_string(msg, KSC_A_CONTEXT_CREDENTIAL, credential);
	if (ctx->in_len)
		nla_put(msg, KSC_A_CONTEXT_TOKEN, (int)ctx->in_len, ctx->in);
	return do_request(ctx, msg);
}

/**
 * ctx_pick() - say how to go on after incomplete-credentials, and wait for what comes of it
 * @ctx: the context; what has come goes along
 * @credential: its name, or NULL for none
 */
void ctx_pick(struct ctx *ctx, const char *credential)
{
	assert_int_equal(ctx_try_pick(ctx, credential), 0);
	ctx_await(ctx);
	eat(ctx);
}

/**
 * ctx_await() - wait for what a step comes to
 * @ctx: the context
 */
void ctx_await(struct ctx *ctx)
{
	struct tnl_event event;

	tnl_expect_event(ctx->nl, &event, KSC_CMD_CONTEXT_RESULT);
	assert_int_equal(nla_get_u64(event.attrs[KSC_A_CONTEXT_ID]), ctx->id);
	take_result(&ctx->last, event.attrs);
	tnl_free_event(&event);
}

/**
 * ctx_step() - offer a token and wait for what comes of it
 * @ctx: the context
 * @token: the token
 * @len: its bytes
 */
void ctx_step(struct ctx *ctx, const void *token, size_t len)
{
	if (ctx_try_offer(ctx, ctx->role, token, len))
		fail_msg("context-step: %s (%s)", strerror(-ctx->nl->error), ctx->nl->text);
	ctx_await(ctx);
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
 * ctx_feed() - bytes have come: step with all that there are
 * @ctx: the context
 * @data: bytes that follow those that no step has used up
 * @len: how many
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
 * ctx_close() - delete a context
 * @ctx: the context
 */
void ctx_close(struct ctx *ctx)
{
	assert_int_equal(ctx_ask(ctx, KSC_CMD_CONTEXT_CLOSE), 0);
}

static bool goes_on(const struct ctx *ctx)
{
	return ctx->last.status == KSC_STATUS_CONTINUE_NEEDED ||
	       ctx->last.status == KSC_STATUS_INCOMPLETE_MESSAGE;
}

/**
 * ctx_handshake() - two contexts talk until neither goes on
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
 * @chunk: how much is read at once, or 0 for what is said to be needed
 *
 * What was read and not used up is left in the context.
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
 * ctx_try_attach() - give a context to a socket, perhaps in vain
 * @ctx: the context
 * @fd: the socket, which has the ULP
 * Return: what setsockopt() returned
 */
int ctx_try_attach(struct ctx *ctx, int fd)
{
	static uint8_t room[sizeof(struct ksc_attach) + sizeof(ctx->in)];
	const struct ksc_attach a = { .context = ctx->id, .fd = nl_socket_get_fd(ctx->nl->sk) };

	memcpy(room, &a, sizeof(a));
	memcpy(room + sizeof(a), ctx->in, ctx->in_len);
	return setsockopt(fd, SOL_KSCHANNEL, KSC_ATTACH, room,
			  (socklen_t)(sizeof(a) + ctx->in_len));
}

/**
 * ctx_attach() - give a context to a socket
 * @ctx: the context
 * @fd: the socket, which gets the ULP
 */
void ctx_attach(struct ctx *ctx, int fd)
{
	t_attach(fd);
	SYS(ctx_try_attach(ctx, fd));
}
