// SPDX-License-Identifier: GPL-2.0-only
/*
 * The daemon's side of the generic netlink family: offers come up, steps go down.
 * uapi/kschannel.yaml specifies them.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <gnutls/gnutls.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "common/extack.h"
#include "handshake/down.h"
#include "handshake/netlink.h"
#include "process/log.h"

/* Room for hundreds of flights, so that the kernel rarely has to hold offers back. */
#define RECEIVE_BUFFER	(8 << 20)
#define SEND_BUFFER	(1 << 20)
/* Room for everything but the token in a message. */
#define MESSAGE_REST	4096
/* The kernel replies before the call that sends the request returns. */
#define ANSWER_MS	10000

/**
 * struct ksc_netlink - a socket
 * @sock: libnl's socket
 * @family: ID of the family
 * @ops: callbacks
 * @ptr: argument of @ops
 * @awaited: number of the message whose reply is awaited
 * @answered: the reply was received
 * @answer: the reply, 0 or a negative errno
 * @inherited: gets the kernel's policy while it is being dumped
 * @overrun: messages were lost, and the queue has not been emptied since
 */
struct ksc_netlink {
	struct nl_sock *sock;
	int family;
	const struct ksc_netlink_ops *ops;
	void *ptr;
	uint32_t awaited;
	bool answered;
	int answer;
	struct ksc_inherited *inherited;
	bool overrun;
};

static struct nla_policy policy[KSC_A_CONTEXT_MAX + 1] = {
	[KSC_A_CONTEXT_ID] = { .type = NLA_U64 },
	[KSC_A_CONTEXT_SEQ] = { .type = NLA_U32 },
	[KSC_A_CONTEXT_ROLE] = { .type = NLA_U32 },
	[KSC_A_CONTEXT_SERVER_NAME] = { .maxlen = KSC_MAX_NAME + 1 },
	[KSC_A_CONTEXT_CREDENTIAL] = { .maxlen = KSC_MAX_NAME + 1 },
	[KSC_A_CONTEXT_ALPN] = { .maxlen = KSC_MAX_ALPN },
	[KSC_A_CONTEXT_VERIFY] = { .type = NLA_U32 },
	[KSC_A_CONTEXT_UID] = { .type = NLA_U32 },
	[KSC_A_CONTEXT_GID] = { .type = NLA_U32 },
	[KSC_A_CONTEXT_TOKEN] = { .maxlen = KSC_MAX_TOKEN },
	[KSC_A_CONTEXT_DEADLINE] = { .type = NLA_U32 },
	[KSC_A_CONTEXT_VERDICT] = { .type = NLA_U32 },
	[KSC_A_CONTEXT_ALERT] = { .type = NLA_U8 },
	[KSC_A_CONTEXT_STATUS] = { .type = NLA_U32 },
	[KSC_A_CONTEXT_TEXT] = { .maxlen = KSC_MAX_TEXT + 1 },
	[KSC_A_CONTEXT_GENERATION] = { .type = NLA_U64 },
	[KSC_A_CONTEXT_RULE] = { .type = NLA_U32 },
	[KSC_A_CONTEXT_DIRECTION] = { .type = NLA_U32 },
	[KSC_A_CONTEXT_FD] = { .type = NLA_U32 },
	[KSC_A_CONTEXT_RULE_NAME] = { .maxlen = KSC_MAX_RULE_NAME + 1 },
};

static void get_name(const struct nlattr *attr, char *name)
{
	if (attr) {
		size_t len = strnlen(nla_data(attr), (size_t)nla_len(attr));

		if (len > KSC_MAX_NAME)
			len = KSC_MAX_NAME;
		memcpy(name, nla_data(attr), len);
		name[len] = '\0';
	}
}

static uint32_t get_number(struct nlattr *attr, uint32_t otherwise)
{
	return attr ? nla_get_u32(attr) : otherwise;
}

static void get_address(const struct nlattr *attr, struct sockaddr_storage *addr)
{
	if (attr && (size_t)nla_len(attr) <= sizeof(*addr))
		memcpy(addr, nla_data(attr), (size_t)nla_len(attr));
}

static void get_bytes(const struct nlattr *attr, const uint8_t **bytes, size_t *len)
{
	if (attr) {
		*bytes = nla_data(attr);
		*len = (size_t)nla_len(attr);
	}
}

static void read_answer(struct nlattr **attrs, struct ksc_answer *answer)
{
	answer->verdict = (enum ksc_verdict)get_number(attrs[KSC_A_CONTEXT_VERDICT],
						       KSC_VERDICT_NONE);
	if (attrs[KSC_A_CONTEXT_ALERT])
		answer->alert = nla_get_u8(attrs[KSC_A_CONTEXT_ALERT]);
	answer->status = (enum ksc_status)get_number(attrs[KSC_A_CONTEXT_STATUS], KSC_STATUS_OK);
	if (attrs[KSC_A_CONTEXT_TEXT])
		nla_strlcpy(answer->text, attrs[KSC_A_CONTEXT_TEXT], sizeof(answer->text));
}

static void read_offer(struct nlattr **attrs, struct ksc_offer *offer)
{
	memset(offer, 0, sizeof(*offer));
	offer->id = nla_get_u64(attrs[KSC_A_CONTEXT_ID]);
	offer->seq = get_number(attrs[KSC_A_CONTEXT_SEQ], 0);
	offer->role = (enum ksc_role)get_number(attrs[KSC_A_CONTEXT_ROLE], KSC_ROLE_UNSPEC);
	get_name(attrs[KSC_A_CONTEXT_SERVER_NAME], offer->server_name);
	get_name(attrs[KSC_A_CONTEXT_CREDENTIAL], offer->credential);
	get_bytes(attrs[KSC_A_CONTEXT_ALPN], &offer->alpn, &offer->alpn_len);
	offer->verify = (enum ksc_verify)get_number(attrs[KSC_A_CONTEXT_VERIFY],
						    KSC_VERIFY_DEFAULT);
	/* Nobody rather than root if the kernel does not send it. */
	offer->uid = get_number(attrs[KSC_A_CONTEXT_UID], (uint32_t)-1);
	offer->gid = get_number(attrs[KSC_A_CONTEXT_GID], (uint32_t)-1);
	offer->deadline_ms = get_number(attrs[KSC_A_CONTEXT_DEADLINE],
					KSC_DEFAULT_HANDSHAKE_TIMEOUT);
	get_address(attrs[KSC_A_CONTEXT_LOCAL], &offer->local);
	get_address(attrs[KSC_A_CONTEXT_PEER], &offer->peer);
	get_bytes(attrs[KSC_A_CONTEXT_TOKEN], &offer->token, &offer->token_len);
	read_answer(attrs, &offer->answer);
	if (attrs[KSC_A_CONTEXT_GENERATION])
		offer->generation = nla_get_u64(attrs[KSC_A_CONTEXT_GENERATION]);
	offer->by_policy = attrs[KSC_A_CONTEXT_BY_POLICY];
	offer->rule = get_number(attrs[KSC_A_CONTEXT_RULE], KSC_NO_RULE);
}

static void on_failed(const struct ksc_netlink *nl, struct nlattr **attrs)
{
	struct ksc_failed failed = {
		.role = (enum ksc_role)get_number(attrs[KSC_A_CONTEXT_ROLE], KSC_ROLE_UNSPEC),
		.uid = get_number(attrs[KSC_A_CONTEXT_UID], (uint32_t)-1),
		.status = (enum ksc_status)get_number(attrs[KSC_A_CONTEXT_STATUS],
						      KSC_STATUS_PROTOCOL_ERROR),
		.direction = (enum ksc_direction)get_number(attrs[KSC_A_CONTEXT_DIRECTION],
							    KSC_DIRECTION_NONE),
	};

	get_address(attrs[KSC_A_CONTEXT_LOCAL], &failed.local);
	get_address(attrs[KSC_A_CONTEXT_PEER], &failed.peer);
	if (attrs[KSC_A_CONTEXT_ALERT])
		failed.alert = nla_get_u8(attrs[KSC_A_CONTEXT_ALERT]);
	if (attrs[KSC_A_CONTEXT_TEXT])
		nla_strlcpy(failed.text, attrs[KSC_A_CONTEXT_TEXT], sizeof(failed.text));
	if (attrs[KSC_A_CONTEXT_RULE_NAME])
		nla_strlcpy(failed.rule, attrs[KSC_A_CONTEXT_RULE_NAME], sizeof(failed.rule));
	nl->ops->failed(nl->ptr, &failed);
}

static void on_policy(struct ksc_netlink *nl, struct nlmsghdr *head)
{
	struct nlattr *attrs[KSC_A_POLICY_MAX + 1];

	if (nl->inherited && (genlmsg_parse(head, 0, attrs, KSC_A_POLICY_MAX, NULL) < 0 ||
			      ksc_inherit_take(nl->inherited, attrs)))
		ksc_log(KSC_LOG_WARNING,
			"event=inherit-failed reason=\"unknown rule in the previous policy\"");
}

static int on_message(struct nl_msg *msg, void *ptr)
{
	struct ksc_netlink *nl = ptr;
	struct nlmsghdr *head = nlmsg_hdr(msg);
	struct nlattr *attrs[KSC_A_CONTEXT_MAX + 1];
	struct ksc_offer offer;

	if (head->nlmsg_type != nl->family)
		return NL_SKIP;
	if (genlmsg_hdr(head)->cmd == KSC_CMD_POLICY_GET) {
		on_policy(nl, head);
		return NL_OK;
	}
	if (genlmsg_parse(head, 0, attrs, KSC_A_CONTEXT_MAX, policy) < 0 ||
	    !attrs[KSC_A_CONTEXT_ID]) {
		ksc_log(KSC_LOG_WARNING, "event=bad-netlink-message");
		return NL_SKIP;
	}
	switch (genlmsg_hdr(head)->cmd) {
	case KSC_CMD_CONTEXT_NEW:
		read_offer(attrs, &offer);
		nl->ops->context_new(nl->ptr, &offer);
		break;
	case KSC_CMD_TOKEN:
		read_offer(attrs, &offer);
		nl->ops->token(nl->ptr, &offer);
		break;
	case KSC_CMD_TICKET:
		read_offer(attrs, &offer);
		nl->ops->ticket(nl->ptr, offer.id, offer.token, offer.token_len);
		break;
	case KSC_CMD_CONTEXT_DEL:
		nl->ops->context_del(nl->ptr, nla_get_u64(attrs[KSC_A_CONTEXT_ID]));
		break;
	case KSC_CMD_CONTEXT_FAILED:
		on_failed(nl, attrs);
		break;
	case KSC_CMD_KEY_NEW:
		if (attrs[KSC_A_CONTEXT_FD])
			nl->ops->key(nl->ptr, head->nlmsg_seq,
				     (int)nla_get_u32(attrs[KSC_A_CONTEXT_FD]));
		break;
	}
	return NL_OK;
}

static int on_error(struct sockaddr_nl *who, struct nlmsgerr *err, void *ptr)
{
	struct ksc_netlink *nl = ptr;
	char text[KSC_MAX_EXTACK];

	(void)who;
	ksc_extack_text(err, text);
	if (nl->awaited && err->msg.nlmsg_seq == nl->awaited) {
		nl->answered = true;
		nl->answer = err->error;
		if (err->error)
			ksc_log(KSC_LOG_DEBUG, "event=kernel-error error=\"%s\" reason=\"%s\"",
				strerror(-err->error), text);
	} else if (err->error) {
		nl->ops->refused(nl->ptr, err->msg.nlmsg_seq, -err->error, text);
	}
	return NL_SKIP;
}

static int on_ack(struct nl_msg *msg, void *ptr)
{
	struct ksc_netlink *nl = ptr;

	if (nl->awaited && nlmsg_hdr(msg)->nlmsg_seq == nl->awaited) {
		nl->answered = true;
		nl->answer = 0;
	}
	return NL_OK;
}

/* The end of a dump. */
static int on_finish(struct nl_msg *msg, void *ptr)
{
	on_ack(msg, ptr);
	return NL_OK;
}

static int on_sequence(struct nl_msg *msg, void *ptr)
{
	(void)msg;
	(void)ptr;
	return NL_OK;
}

static void set_option(struct nl_sock *sock, int level, int option, int value)
{
	if (setsockopt(nl_socket_get_fd(sock), level, option, &value, sizeof(value)))
		ksc_log(KSC_LOG_DEBUG, "event=setsockopt-failed option=%d reason=\"%s\"", option,
			strerror(errno));
}

/**
 * ksc_netlink_open() - open a socket to the module
 * @ops: callbacks for messages of the kernel
 * @ptr: argument of @ops
 *
 * Return: the socket, or NULL with errno: ENOENT if the family does not exist because the module is
 * not loaded, or another error
 */
struct ksc_netlink *ksc_netlink_open(const struct ksc_netlink_ops *ops, void *ptr)
{
	struct ksc_netlink *nl = calloc(1, sizeof(*nl));
	int rc;

	if (!nl)
		return NULL;
	nl->ops = ops;
	nl->ptr = ptr;
	nl->sock = nl_socket_alloc();
	if (!nl->sock) {
		free(nl);
		errno = ENOMEM;
		return NULL;
	}
	rc = genl_connect(nl->sock);
	if (rc < 0)
		goto failed;
	nl_socket_set_buffer_size(nl->sock, RECEIVE_BUFFER, SEND_BUFFER);
	set_option(nl->sock, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER);
	/* An error message must not echo the keys. */
	set_option(nl->sock, SOL_NETLINK, NETLINK_CAP_ACK, 1);
	set_option(nl->sock, SOL_NETLINK, NETLINK_EXT_ACK, 1);
	nl_socket_set_msg_buf_size(nl->sock, KSC_MAX_TOKEN + MESSAGE_REST);
	nl_socket_disable_auto_ack(nl->sock);
	nl->family = genl_ctrl_resolve(nl->sock, KSC_FAMILY_NAME);
	if (nl->family < 0) {
		rc = -NLE_OBJ_NOTFOUND;
		goto failed;
	}
	nl_socket_set_nonblocking(nl->sock);
	nl_socket_modify_cb(nl->sock, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, on_sequence, nl);
	nl_socket_modify_cb(nl->sock, NL_CB_VALID, NL_CB_CUSTOM, on_message, nl);
	nl_socket_modify_cb(nl->sock, NL_CB_ACK, NL_CB_CUSTOM, on_ack, nl);
	nl_socket_modify_cb(nl->sock, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, nl);
	nl_socket_modify_err_cb(nl->sock, NL_CB_CUSTOM, on_error, nl);
	return nl;
failed:
	nl_socket_free(nl->sock);
	free(nl);
	errno = rc == -NLE_OBJ_NOTFOUND ? ENOENT : rc == -NLE_PERM ? EPERM : EIO;
	return NULL;
}

/**
 * ksc_netlink_close() - close a socket, which ends its registration
 * @nl: the socket, or NULL
 */
void ksc_netlink_close(struct ksc_netlink *nl)
{
	if (!nl)
		return;
	nl_socket_free(nl->sock);
	free(nl);
}

/**
 * ksc_netlink_fd() - get the descriptor to poll
 * @nl: the socket
 *
 * Return: its file descriptor
 */
int ksc_netlink_fd(const struct ksc_netlink *nl)
{
	return nl_socket_get_fd(nl->sock);
}

/* Wipes the message as well, because it can contain keys. */
static int send_message(struct ksc_netlink *nl, struct nl_msg *msg, int flags, uint32_t *number)
{
	int rc;

	nl_complete_msg(nl->sock, msg);
	nlmsg_hdr(msg)->nlmsg_flags |= (uint16_t)flags;
	if (number)
		*number = nlmsg_hdr(msg)->nlmsg_seq;
	rc = nl_send(nl->sock, msg);
	explicit_bzero(nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len);
	nlmsg_free(msg);
	return rc < 0 ? -EIO : 0;
}

/**
 * ksc_netlink_message() - begin a command
 * @nl: the socket
 * @cmd: enum ksc_cmd
 * @size: its maximum size in bytes
 *
 * Return: the message, or NULL
 */
struct nl_msg *ksc_netlink_message(struct ksc_netlink *nl, int cmd, size_t size)
{
	struct nl_msg *msg = nlmsg_alloc_size(size);

	if (msg && !genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, nl->family, 0, 0, (uint8_t)cmd,
				KSC_FAMILY_VERSION)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	return msg;
}

/*
 * The kernel has queued its reply when the message was sent; offers may precede it. After an
 * overrun, the reply was lost if it is not among the rest of the queue.
 */
static int await(struct ksc_netlink *nl)
{
	struct pollfd pfd = { .fd = nl_socket_get_fd(nl->sock), .events = POLLIN };

	while (!nl->answered) {
		int rc = nl_recvmsgs_default(nl->sock);

		if (nl->answered || rc >= 0 || rc == -NLE_INTR)
			continue;
		if (rc == -NLE_NOMEM) {
			nl->overrun = true;
			continue;
		}
		if (rc == -NLE_AGAIN && nl->overrun)
			return -ENOBUFS;
		if (rc != -NLE_AGAIN || (poll(&pfd, 1, ANSWER_MS) <= 0 && errno != EINTR))
			return -EIO;
	}
	return nl->answer;
}

/* Everything that was not lost has been read: a reply that has not arrived was lost. */
static void settle(struct ksc_netlink *nl)
{
	if (!nl->overrun)
		return;
	nl->overrun = false;
	nl->ops->lost(nl->ptr);
}

/**
 * ksc_netlink_ask() - send a command and receive the kernel's reply
 * @nl: the socket
 * @msg: the command; freed
 *
 * Offers that precede the reply are handled.
 *
 * Return: 0 or a negative errno of the kernel; -ENOBUFS if its reply was lost, -EIO without a reply
 */
int ksc_netlink_ask(struct ksc_netlink *nl, struct nl_msg *msg)
{
	int rc;

	nl->answered = false;
	rc = send_message(nl, msg, NLM_F_ACK, &nl->awaited);
	if (!rc)
		rc = await(nl);
	nl->awaited = 0;
	if (rc == -ENOBUFS)
		settle(nl);
	return rc;
}

/**
 * ksc_netlink_register() - become the daemon of this network namespace
 * @nl: the socket
 *
 * Return: 0 or a negative errno: -EBUSY if another daemon is registered, -EPERM
 */
int ksc_netlink_register(struct ksc_netlink *nl)
{
	struct nl_msg *msg = ksc_netlink_message(nl, KSC_CMD_REGISTER, MESSAGE_REST);

	return msg ? ksc_netlink_ask(nl, msg) : -ENOMEM;
}

/**
 * ksc_netlink_inherit() - dump the kernel's policy
 * @nl: the socket
 * @inherited: filled in; the caller frees it, also after an error
 *
 * Return: 0 or a negative errno
 */
int ksc_netlink_inherit(struct ksc_netlink *nl, struct ksc_inherited *inherited)
{
	struct nl_msg *msg = ksc_netlink_message(nl, KSC_CMD_POLICY_GET, MESSAGE_REST);
	int rc;

	memset(inherited, 0, sizeof(*inherited));
	if (!msg)
		return -ENOMEM;
	nl->inherited = inherited;
	nl->answered = false;
	rc = send_message(nl, msg, NLM_F_DUMP, &nl->awaited);
	if (!rc)
		rc = await(nl);
	nl->awaited = 0;
	nl->inherited = NULL;
	return rc;
}

/**
 * ksc_netlink_drain() - stop receiving new contexts
 * @nl: the socket, registered
 *
 * Return: 0 or a negative errno
 */
int ksc_netlink_drain(struct ksc_netlink *nl)
{
	struct nl_msg *msg = ksc_netlink_message(nl, KSC_CMD_DRAIN, MESSAGE_REST);

	return msg ? ksc_netlink_ask(nl, msg) : -ENOMEM;
}

/**
 * ksc_netlink_receive() - receive and handle messages
 * @nl: the socket
 * @max: maximum number of messages unless some were lost, so that a flood of offers does not hold
 *	up the rest of the loop
 *
 * Return: 0, or a negative errno if the socket can no longer be used
 */
int ksc_netlink_receive(struct ksc_netlink *nl, int max)
{
	int i;

	for (i = 0; i < max || (nl->overrun && i < KSC_MAX_RECEIVES); i++) {
		int rc = nl_recvmsgs_default(nl->sock);

		if (rc == -NLE_AGAIN)
			settle(nl);
		if (rc == -NLE_AGAIN || rc == -NLE_INTR)
			return 0;
		if (rc == -NLE_NOMEM) {
			nl->overrun = true;
			/* ENOBUFS: the kernel knows what it could not send, and sends it again. */
			ksc_log_peer(KSC_LOG_FAILED, KSC_LOG_WARNING,
				     "event=netlink-overrun");
			continue;
		}
		if (rc < 0) {
			ksc_log(KSC_LOG_ERROR, "event=netlink-failed reason=\"%s\"",
				nl_geterror(rc));
			return -EIO;
		}
	}
	return 0;
}

/* The message can contain keys already when the rest does not fit. */
static int wipe(struct nl_msg *msg)
{
	explicit_bzero(nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len);
	nlmsg_free(msg);
	return -ENOMEM;
}

/**
 * ksc_netlink_step() - reply to an offer
 * @nl: the socket
 * @id: the context
 * @seq: number of the step, as in the offer
 * @step: the result
 * @number: set to the message's number, by which a refusal refers to it
 *
 * Return: 0 or a negative errno
 */
int ksc_netlink_step(struct ksc_netlink *nl, uint64_t id, uint32_t seq,
		     const struct ksc_step *step, uint32_t *number)
{
	const size_t size = step->token_len + step->chain_len + MESSAGE_REST;
	struct nl_msg *msg = ksc_netlink_message(nl, KSC_CMD_STEP, size);

	if (!msg)
		return -ENOMEM;
	if (ksc_down_step(msg, id, seq, step))
		return wipe(msg);
	return send_message(nl, msg, 0, number);
}

/**
 * ksc_netlink_key() - make the kernel create a key file
 * @nl: the registered socket
 * @request: the keys and their attributes
 * @number: set to the message's number, by which the callbacks refer to it
 *
 * The kernel has created it, or refused, when this returns; ksc_netlink_receive() receives the
 * reply. If the reply is lost, the callback @lost is called.
 *
 * Return: 0 or a negative errno
 */
int ksc_netlink_key(struct ksc_netlink *nl, const struct ksc_key_request *request,
		    uint32_t *number)
{
	struct nl_msg *msg = ksc_netlink_message(nl, KSC_CMD_KEY_NEW, MESSAGE_REST);

	if (!msg)
		return -ENOMEM;
	if (ksc_down_key(msg, request))
		return wipe(msg);
	return send_message(nl, msg, 0, number);
}
