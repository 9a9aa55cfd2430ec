// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink family as an application speaks it. The kernel answers a request
 * before sendmsg() returns; only a step's outcome takes time.
 */
#include <errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/netlink.h>

#include "internal.h"

/* Everything that may be around a token in a message. */
#define MESSAGE_REST 4096
#define MESSAGE_MAX (KSC_MAX_TOKEN + 2 * KSC_MAX_CHAIN + MESSAGE_REST)

static uint32_t number(const struct nlattr *attr)
{
	return attr ? nla_get_u32(attr) : 0;
}

static void get_text(const struct nlattr *attr, char *text, size_t size)
{
	if (attr)
		nla_strlcpy(text, attr, size);
}

static void take_session(struct ksc_info *info, struct nlattr *nest)
{
	struct nlattr *tb[KSC_A_SESSION_MAX + 1];

	if (!nest || nla_parse_nested(tb, KSC_A_SESSION_MAX, nest, NULL))
		return;
	get_text(tb[KSC_A_SESSION_ALPN], info->alpn, sizeof(info->alpn));
	get_text(tb[KSC_A_SESSION_SERVER_NAME], info->server_name, sizeof(info->server_name));
	get_text(tb[KSC_A_SESSION_PEER_SUBJECT], info->peer_subject, sizeof(info->peer_subject));
	if (tb[KSC_A_SESSION_RESUMED])
		info->flags |= KSC_INFO_F_RESUMED;
	if (tb[KSC_A_SESSION_PEER_FINGERPRINT] &&
	    nla_len(tb[KSC_A_SESSION_PEER_FINGERPRINT]) == sizeof(info->peer_fingerprint)) {
		info->flags |= KSC_INFO_F_PEER_CERT;
		memcpy(info->peer_fingerprint, nla_data(tb[KSC_A_SESSION_PEER_FINGERPRINT]),
		       sizeof(info->peer_fingerprint));
	}
}

static int take_token(struct kschannel_context *c, const struct nlattr *attr)
{
	size_t len = attr ? (size_t)nla_len(attr) : 0;
	uint8_t *bigger;

	if (len > c->token_size) {
		bigger = realloc(c->token, len);
		if (!bigger)
			return -ENOMEM;
		c->token = bigger;
		c->token_size = len;
	}
	if (len)
		memcpy(c->token, nla_data(attr), len);
	c->step.token = c->token;
	c->step.token_len = len;
	return 0;
}

/* There is a chain, or a list of issuers, or neither. */
static int take_list(struct kschannel_context *c, struct nlattr **tb)
{
	const struct nlattr *chain = tb[KSC_A_CONTEXT_CHAIN];
	const struct nlattr *attr = chain ? chain : tb[KSC_A_CONTEXT_ISSUERS];
	size_t len = attr ? (size_t)nla_len(attr) : 0;

	free(c->list);
	c->list = NULL;
	if (!len)
		return 0;
	c->list = malloc(len);
	if (!c->list)
		return -ENOMEM;
	memcpy(c->list, nla_data(attr), len);
	if (chain) {
		c->step.chain = c->list;
		c->step.chain_len = len;
	} else {
		c->step.issuers = c->list;
		c->step.issuers_len = len;
	}
	return 0;
}

static int take_step(struct kschannel_context *c, struct nlattr **tb)
{
	struct kschannel_step *step = &c->step;

	memset(step, 0, sizeof(*step));
	step->status = (enum ksc_status)number(tb[KSC_A_CONTEXT_STATUS]);
	step->consumed = number(tb[KSC_A_CONTEXT_CONSUMED]);
	step->need = number(tb[KSC_A_CONTEXT_NEED]);
	step->direction = (enum ksc_direction)number(tb[KSC_A_CONTEXT_DIRECTION]);
	if (tb[KSC_A_CONTEXT_ALERT])
		step->alert = nla_get_u8(tb[KSC_A_CONTEXT_ALERT]);
	get_text(tb[KSC_A_CONTEXT_TEXT], step->text, sizeof(step->text));
	if (tb[KSC_A_CONTEXT_VERSION] && tb[KSC_A_CONTEXT_SUITE]) {
		c->info.version = nla_get_u16(tb[KSC_A_CONTEXT_VERSION]);
		c->info.cipher_suite = nla_get_u16(tb[KSC_A_CONTEXT_SUITE]);
		take_session(&c->info, tb[KSC_A_CONTEXT_SESSION]);
	}
	step->faults = number(tb[KSC_A_CONTEXT_FAULTS]);
	c->pending = false;
	return take_list(c, tb) ?: take_token(c, tb[KSC_A_CONTEXT_TOKEN]);
}

/* What was asked for besides a step's outcome. */
static int take_reply(struct kschannel_context *c, int cmd, struct nlattr **tb)
{
	const struct nlattr *material = tb[KSC_A_CONTEXT_MATERIAL];

	if (cmd == KSC_CMD_CONTEXT_EXPORT && c->material.out && material &&
	    (size_t)nla_len(material) == c->material.len) {
		memcpy(c->material.out, nla_data(material), c->material.len);
		c->material.done = true;
	}
	if (cmd == KSC_CMD_CONTEXT_GET && tb[KSC_A_CONTEXT_ROLE])
		c->role = (enum ksc_role)nla_get_u32(tb[KSC_A_CONTEXT_ROLE]);
	if (cmd == KSC_CMD_CONTEXT_GET && tb[KSC_A_CONTEXT_SUITE])
		return kschannel_details_take(&c->details, tb);
	return 0;
}

static int take_message(struct kschannel_context *c, struct nlmsghdr *head)
{
	struct nlattr *tb[KSC_A_CONTEXT_MAX + 1];
	int cmd, rc;

	if (head->nlmsg_type == NLMSG_ERROR) {
		if (head->nlmsg_seq == c->seq && nlmsg_datalen(head) >= (int)sizeof(int)) {
			c->acked = true;
			c->error = *(int *)nlmsg_data(head);
		}
		return 0;
	}
	if (head->nlmsg_type != c->family ||
	    genlmsg_parse(head, 0, tb, KSC_A_CONTEXT_MAX, NULL) || !tb[KSC_A_CONTEXT_ID])
		return 0;
	cmd = genlmsg_hdr(head)->cmd;
	if (cmd == KSC_CMD_CONTEXT_OPEN)
		c->id = nla_get_u64(tb[KSC_A_CONTEXT_ID]);
	if (nla_get_u64(tb[KSC_A_CONTEXT_ID]) != c->id)
		return 0;
	rc = take_reply(c, cmd, tb);
	if (!rc && c->pending &&
	    (cmd == KSC_CMD_CONTEXT_RESULT ||
	     (cmd == KSC_CMD_CONTEXT_GET && !tb[KSC_A_CONTEXT_BUSY])))
		return take_step(c, tb);
	return rc;
}

/* Takes what one datagram has. -EAGAIN when there is none. */
static int receive(struct kschannel_context *c)
{
	uint8_t *buf = malloc(MESSAGE_MAX);
	struct nlmsghdr *head = (struct nlmsghdr *)buf;
	ssize_t got;
	int rc = 0, left;

	if (!buf)
		return -ENOMEM;
	got = recv(nl_socket_get_fd(c->sock), buf, MESSAGE_MAX, MSG_DONTWAIT);
	if (got < 0) {
		rc = -errno;
		if (rc == -ENOBUFS) {
			c->lost = true;
			rc = 0;
		}
		got = 0;
	}
	for (left = (int)got; !rc && nlmsg_ok(head, left); head = nlmsg_next(head, &left))
		rc = take_message(c, head);
	free(buf);
	return rc;
}

static int request(struct kschannel_context *c, struct nl_msg *msg)
{
	int rc;

	nl_complete_msg(c->sock, msg);
	c->seq = nlmsg_hdr(msg)->nlmsg_seq;
	c->acked = false;
	rc = nl_send(c->sock, msg);
	nlmsg_free(msg);
	if (rc < 0)
		return rc == -NLE_NOMEM ? -ENOMEM : -EIO;
	while (!c->acked) {
		rc = receive(c);
		if (rc == -EINTR)
			continue;
		if (rc)
			return rc == -EAGAIN ? -EIO : rc;
	}
	return c->error;
}

static struct nl_msg *new_message(struct kschannel_context *c, int cmd, size_t room)
{
	struct nl_msg *msg = nlmsg_alloc_size(room + MESSAGE_REST);

	if (msg && !genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, c->family, 0, NLM_F_ACK,
				(uint8_t)cmd, KSC_FAMILY_VERSION)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	return msg;
}

static int put_params(struct nl_msg *msg, const struct kschannel_credential *cred,
		      const char *target)
{
	if (nla_put_u32(msg, KSC_A_CONTEXT_ROLE, cred->role) ||
	    nla_put_u32(msg, KSC_A_CONTEXT_VERIFY, cred->verify) ||
	    (cred->pick && nla_put_flag(msg, KSC_A_CONTEXT_PICK)) ||
	    (cred->timeout && nla_put_u32(msg, KSC_A_CONTEXT_DEADLINE, cred->timeout)) ||
	    (target && *target && nla_put_string(msg, KSC_A_CONTEXT_SERVER_NAME, target)) ||
	    (*cred->name && nla_put_string(msg, KSC_A_CONTEXT_CREDENTIAL, cred->name)) ||
	    (cred->alpn_len &&
	     nla_put(msg, KSC_A_CONTEXT_ALPN, (int)cred->alpn_len, cred->alpn)))
		return -ENOMEM;
	return 0;
}

/**
 * kschannel_msg_connect() - have a socket for a context
 * @c: new; gets it
 *
 * Return: 0 or a negative errno; -ENOENT without the module
 */
int kschannel_msg_connect(struct kschannel_context *c)
{
	const int one = 1, room = 2 * KSC_MAX_TOKEN;

	c->sock = nl_socket_alloc();
	if (!c->sock)
		return -ENOMEM;
	if (genl_connect(c->sock) < 0)
		return -EIO;
	/* libnl's own choice is less than what keying material may be derived from */
	setsockopt(nl_socket_get_fd(c->sock), SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	setsockopt(nl_socket_get_fd(c->sock), SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	c->family = genl_ctrl_resolve(c->sock, KSC_FAMILY_NAME);
	return c->family < 0 ? -ENOENT : 0;
}

/**
 * kschannel_msg_open() - have the kernel make a context
 * @c: new; gets its socket and number
 * @cred: what it is begun with
 * @target: client: name of the server
 *
 * Return: 0 or a negative errno; -ENOENT without the module
 */
int kschannel_msg_open(struct kschannel_context *c, const struct kschannel_credential *cred,
		       const char *target)
{
	struct nl_msg *msg;
	int rc;

	rc = kschannel_msg_connect(c);
	if (rc)
		return rc;
	msg = new_message(c, KSC_CMD_CONTEXT_OPEN, 0);
	if (!msg)
		return -ENOMEM;
	if (put_params(msg, cred, target)) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	c->role = cred->role;
	return request(c, msg);
}

/**
 * kschannel_msg_move() - have a context that another netlink socket has
 * @c: with its number
 * @fd: that socket
 *
 * Return: 0 or a negative errno
 */
int kschannel_msg_move(struct kschannel_context *c, int fd)
{
	struct nl_msg *msg = new_message(c, KSC_CMD_CONTEXT_MOVE, 0);

	if (!msg)
		return -ENOMEM;
	if (nla_put_u64(msg, KSC_A_CONTEXT_ID, c->id) ||
	    nla_put_u32(msg, KSC_A_CONTEXT_FD, (uint32_t)fd)) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	return request(c, msg);
}

/**
 * kschannel_msg_step() - offer a token
 * @c: the context
 * @answer: what goes with it
 * @token: the token
 * @len: its bytes; no more than KSC_MAX_TOKEN are offered at once
 *
 * Return: 0 or a negative errno
 */
int kschannel_msg_step(struct kschannel_context *c, const struct kschannel_answer *answer,
		       const void *token, size_t len)
{
	struct nl_msg *msg;
	int rc;

	if (len > KSC_MAX_TOKEN)
		len = KSC_MAX_TOKEN;
	msg = new_message(c, KSC_CMD_CONTEXT_STEP, len);
	if (!msg)
		return -ENOMEM;
	if (nla_put_u64(msg, KSC_A_CONTEXT_ID, c->id) ||
	    nla_put_u32(msg, KSC_A_CONTEXT_ROLE, c->role) ||
	    (answer->verdict != KSC_VERDICT_NONE &&
	     nla_put_u32(msg, KSC_A_CONTEXT_VERDICT, answer->verdict)) ||
	    (answer->alert && nla_put_u8(msg, KSC_A_CONTEXT_ALERT, answer->alert)) ||
	    (answer->credential &&
	     nla_put_string(msg, KSC_A_CONTEXT_CREDENTIAL, answer->credential)) ||
	    (len && nla_put(msg, KSC_A_CONTEXT_TOKEN, (int)len, token))) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	c->pending = true;
	rc = request(c, msg);
	if (rc)
		c->pending = false;
	return rc;
}

/**
 * kschannel_msg_get() - have the kernel say what it knows
 * @c: the context; gets the last step's outcome if that is awaited, and the details if
 *	it is established
 *
 * Return: 0 or a negative errno
 */
int kschannel_msg_get(struct kschannel_context *c)
{
	struct nl_msg *msg = new_message(c, KSC_CMD_CONTEXT_GET, 0);

	if (!msg)
		return -ENOMEM;
	c->lost = false;
	if (nla_put_u64(msg, KSC_A_CONTEXT_ID, c->id)) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	return request(c, msg);
}

/**
 * kschannel_msg_export() - have the kernel derive keying material
 * @c: the context
 * @what: the request, with the label behind it
 * @label_context: of @what->context_len bytes, or NULL for none
 * @out: gets @what->out_len bytes
 *
 * Return: 0 or a negative errno
 */
int kschannel_msg_export(struct kschannel_context *c, const struct ksc_export *what,
			 const void *label_context, void *out)
{
	struct nl_msg *msg = new_message(c, KSC_CMD_CONTEXT_EXPORT, what->context_len);
	int rc;

	if (!msg)
		return -ENOMEM;
	if (nla_put_u64(msg, KSC_A_CONTEXT_ID, c->id) ||
	    nla_put(msg, KSC_A_CONTEXT_LABEL, what->label_len, what->data) ||
	    (label_context && nla_put(msg, KSC_A_CONTEXT_LABEL_CONTEXT, what->context_len,
				      label_context)) ||
	    nla_put_u32(msg, KSC_A_CONTEXT_LENGTH, what->out_len)) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	c->material = (struct kschannel_material) { .out = out, .len = what->out_len };
	rc = request(c, msg);
	c->material.out = NULL;
	return rc || c->material.done ? rc : -EIO;
}

/**
 * kschannel_msg_await() - take the outcome of a step
 * @c: the context
 * @wait: until it is there
 *
 * Return: 0, -EAGAIN if it is not there, -EINTR, or another negative errno
 */
int kschannel_msg_await(struct kschannel_context *c, bool wait)
{
	struct pollfd p = { .fd = nl_socket_get_fd(c->sock), .events = POLLIN };
	int rc = 0;

	while (c->pending && !rc) {
		rc = c->lost ? kschannel_msg_get(c) : receive(c);
		if (rc != -EAGAIN || !wait)
			continue;
		rc = poll(&p, 1, -1) < 0 ? -errno : 0;
	}
	return rc;
}
