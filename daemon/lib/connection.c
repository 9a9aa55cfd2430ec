// SPDX-License-Identifier: GPL-2.0-only
/*
 * A context's connection to the daemon: one request at a time, and its reply. Any process could
 * listen at the path and send anything; a message that violates the specification ends the context.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/internal.h"

/* A connection has only one context. */
#define NUMBER 1

/* Milliseconds that the daemon gets to report a timeout before we do */
#define GRACE_MS 1000

/**
 * kschannel_drop() - close a descriptor unless it is -1
 * @fd: set to -1
 */
void kschannel_drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void start_clock(struct kschannel_context *c, unsigned int timeout)
{
	c->deadline = now_ms() + (timeout ? timeout : KSC_DEFAULT_HANDSHAKE_TIMEOUT) + GRACE_MS;
}

/* Returns milliseconds, or 0 after the deadline. */
static int time_left(const struct kschannel_context *c)
{
	const int64_t left = c->deadline - now_ms();

	if (left <= 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

/* No event reports room in a listener's backlog, but connect() can wait for it, with a timeout. */
static int connect_in(int fd, const struct sockaddr_un *addr, int ms)
{
	const struct timeval wait = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000L };

	if (fcntl(fd, F_SETFL, 0) || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)))
		return -errno;
	return connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) ? -errno : 0;
}

/* @wait: wait for room, up to @ms milliseconds. Later sends and receives never block. */
static int dial(const char *path, bool wait, int ms)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, rc;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	rc = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) ? -errno : 0;
	if (rc == -EAGAIN && wait)
		rc = connect_in(fd, &addr, ms);
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

/**
 * kschannel_connect() - connect to the daemon
 * @c: the context, whose deadline is set
 * @timeout: time limit of its handshake in milliseconds, or 0 for the default
 * @wait: block while the daemon's backlog is full
 *
 * Return: 0; -EHOSTDOWN without a daemon, or if its backlog is full until the deadline; -ENOBUFS if
 * the backlog is full and @wait is false; or another negative errno, including -EINTR
 */
int kschannel_connect(struct kschannel_context *c, unsigned int timeout, bool wait)
{
	const char *path = secure_getenv("KSCHANNEL_CONTEXT_SOCKET");
	int fd;

	start_clock(c, timeout);
	fd = dial(path ? path : KSC_CONTEXT_SOCKET, wait, time_left(c));
	switch (fd) {
	case -ECONNREFUSED:
	case -ENOENT:
	case -ENOTDIR:
		return -EHOSTDOWN;
	case -EAGAIN:
		return wait ? -EHOSTDOWN : -ENOBUFS;
	default:
		if (fd < 0)
			return fd;
		c->fd = fd;
		return 0;
	}
}

/* The step fails on our side. */
static int fail(struct kschannel_context *c, enum ksc_status status, const char *what,
		const char *why)
{
	struct kschannel_step *step = &c->step;

	memset(step, 0, sizeof(*step));
	step->status = status;
	snprintf(step->text, sizeof(step->text), "%s%s", what, why);
	c->state = KSCHANNEL_FAILED;
	c->pending = false;
	kschannel_drop(&c->fd);
	return 0;
}

static int put_begin(struct nl_msg *msg, const struct kschannel_request *request)
{
	const struct kschannel_credential *cred = request->begin;
	struct nlattr *nest = nla_nest_start(msg, KSC_M_BEGIN);

	if (!nest || nla_put_u32(msg, KSC_M_BEGIN_ROLE, cred->role) ||
	    (request->target && *request->target &&
	     nla_put_string(msg, KSC_M_BEGIN_SERVER_NAME, request->target)) ||
	    (*cred->name && nla_put_string(msg, KSC_M_BEGIN_CREDENTIAL, cred->name)) ||
	    (cred->alpn_len && nla_put(msg, KSC_M_BEGIN_ALPN, (int)cred->alpn_len, cred->alpn)) ||
	    nla_put_u32(msg, KSC_M_BEGIN_VERIFY, cred->verify) ||
	    (cred->timeout && nla_put_u32(msg, KSC_M_BEGIN_DEADLINE, cred->timeout)) ||
	    (cred->pick && nla_put_flag(msg, KSC_M_BEGIN_PICK)))
		return -ENOMEM;
	return nla_nest_end(msg, nest) ? -ENOMEM : 0;
}

static int put_step(struct nl_msg *msg, const struct kschannel_request *request, const void *token,
		    size_t len)
{
	if (nla_put_u32(msg, KSC_M_CONTEXT, NUMBER) ||
	    (request->begin && put_begin(msg, request)) ||
	    (len && nla_put(msg, KSC_M_TOKEN, (int)len, token)) ||
	    (request->verdict != KSC_VERDICT_NONE &&
	     nla_put_u32(msg, KSC_M_VERDICT, request->verdict)) ||
	    (request->alert && nla_put_u8(msg, KSC_M_ALERT, request->alert)) ||
	    (request->pick && nla_put_string(msg, KSC_M_CREDENTIAL, request->pick)))
		return -ENOMEM;
	return 0;
}

/* If the daemon is gone, what it sent before tells why, so this is no error. */
static int send_request(const struct kschannel_context *c, const struct nlmsghdr *head)
{
	if (send(c->fd, head, head->nlmsg_len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 ||
	    errno == EPIPE || errno == ECONNRESET)
		return 0;
	/* the daemon has read everything sent before, so waiting would not help */
	return errno == EAGAIN ? -ENOBUFS : -errno;
}

/**
 * kschannel_offer() - offer a token
 * @c: the context, without a step in progress
 * @request: what else the step brings
 * @token: the token
 * @len: its size in bytes; at most KSC_MAX_TOKEN are sent at once
 *
 * Return: 0, and the result is pending; or a negative errno
 */
int kschannel_offer(struct kschannel_context *c, const struct kschannel_request *request,
		    const void *token, size_t len)
{
	struct nl_msg *msg;
	int rc;

	if (len > KSC_MAX_TOKEN)
		len = KSC_MAX_TOKEN;
	msg = ksc_message_new(KSC_MESSAGE_STEP, ++c->seq, len);
	if (!msg)
		return -ENOMEM;
	rc = put_step(msg, request, token, len);
	if (!rc)
		rc = send_request(c, nlmsg_hdr(msg));
	nlmsg_free(msg);
	if (rc)
		return rc;
	c->pending = true;
	c->offered = len;
	c->beginning = request->begin;
	c->begun = true;
	/* the first attempt was refused, and the daemon starts its clock again, too */
	if (request->begin && c->answered)
		start_clock(c, request->begin->timeout);
	return 0;
}

static uint32_t number(const struct nlattr *attr)
{
	return attr ? nla_get_u32(attr) : 0;
}

static const void *bytes(const struct nlattr *attr, size_t *len)
{
	*len = attr ? (size_t)nla_len(attr) : 0;
	return *len ? nla_data(attr) : NULL;
}

static void get_text(const struct nlattr *attr, char *text, size_t size)
{
	if (attr)
		nla_strlcpy(text, attr, size);
}

static void take_session(struct kschannel_context *c, struct nlattr **of)
{
	struct nlattr *tb[KSC_M_SESSION_MAX + 1];
	struct ksc_info *info = &c->info;

	info->version = nla_get_u16(of[KSC_M_VERSION]);
	info->cipher_suite = nla_get_u16(of[KSC_M_SUITE]);
	if (nla_parse_nested(tb, KSC_M_SESSION_MAX, of[KSC_M_SESSION], NULL))
		return;
	get_text(tb[KSC_M_SESSION_ALPN], info->alpn, sizeof(info->alpn));
	get_text(tb[KSC_M_SESSION_SERVER_NAME], info->server_name, sizeof(info->server_name));
	get_text(tb[KSC_M_SESSION_PEER_SUBJECT], info->peer_subject, sizeof(info->peer_subject));
	if (tb[KSC_M_SESSION_RESUMED])
		info->flags |= KSC_INFO_F_RESUMED;
	if (tb[KSC_M_SESSION_PEER_FINGERPRINT]) {
		info->flags |= KSC_INFO_F_PEER_CERT;
		memcpy(info->peer_fingerprint, nla_data(tb[KSC_M_SESSION_PEER_FINGERPRINT]),
		       sizeof(info->peer_fingerprint));
	}
}

/* Everything else stays in the message. */
static void take_done(struct kschannel_context *c, struct nlattr **tb)
{
	take_session(c, tb);
	c->chain[0] = tb[KSC_M_CHAIN];
	c->chain[1] = tb[KSC_M_LOCAL_CHAIN];
	c->details = tb[KSC_M_DETAILS];
}

/* Checks what the specification's types do not cover; NULL if valid */
static const char *check_result(const struct kschannel_context *c, struct nlattr **tb, bool keys)
{
	const bool done = nla_get_u32(tb[KSC_M_STATUS]) == KSC_STATUS_OK;

	if (nla_get_u32(tb[KSC_M_CONTEXT]) != NUMBER)
		return "unexpected context ID";
	if (nla_get_u32(tb[KSC_M_CONSUMED]) > c->offered)
		return "it consumed more than was offered";
	if (keys != done)
		return keys ? "unexpected descriptor" : "the keys are missing";
	if (done && (!tb[KSC_M_VERSION] || !tb[KSC_M_SUITE] || !tb[KSC_M_SESSION]))
		return "the session is missing";
	return NULL;
}

static void take_result(struct kschannel_context *c, struct nlattr **tb)
{
	const bool done = nla_get_u32(tb[KSC_M_STATUS]) == KSC_STATUS_OK;
	struct kschannel_step *step = &c->step;

	memset(step, 0, sizeof(*step));
	step->status = (enum ksc_status)nla_get_u32(tb[KSC_M_STATUS]);
	step->consumed = nla_get_u32(tb[KSC_M_CONSUMED]);
	step->need = number(tb[KSC_M_NEED]);
	step->token = bytes(tb[KSC_M_TOKEN], &step->token_len);
	step->direction = (enum ksc_direction)number(tb[KSC_M_DIRECTION]);
	if (tb[KSC_M_ALERT])
		step->alert = nla_get_u8(tb[KSC_M_ALERT]);
	get_text(tb[KSC_M_TEXT], step->text, sizeof(step->text));
	step->faults = number(tb[KSC_M_FAULTS]);
	if (!done)
		step->chain = bytes(tb[KSC_M_CHAIN], &step->chain_len);
	step->issuers = bytes(tb[KSC_M_ISSUERS], &step->issuers_len);
	c->pending = false;
	c->answered = true;
	if (done)
		take_done(c, tb);
	if (done)
		c->state = KSCHANNEL_DONE;
	else if (step->status == KSC_STATUS_TIMED_OUT)
		c->state = KSCHANNEL_TIMED_OUT;
	else if (step->status > KSC_STATUS_VERIFY_NEEDED)
		c->state = KSCHANNEL_FAILED;
	if (c->state != KSCHANNEL_OPEN)
		kschannel_drop(&c->fd);
}

/* It replies to a step, or reports that the context has ended. */
static int take_error(struct kschannel_context *c, uint32_t seq, int error)
{
	c->pending = false;
	c->answered = true;
	if (c->beginning)
		c->begun = false;
	if (!seq) {
		c->state = error == ETIMEDOUT ? KSCHANNEL_TIMED_OUT : KSCHANNEL_FAILED;
		kschannel_drop(&c->fd);
	}
	/* these have another meaning for the caller */
	return error == EAGAIN || error == EINTR ? -EIO : -error;
}

/**
 * kschannel_peek() - peek at the next message
 * @sock: an AF_UNIX socket
 * @head: gets its first bytes
 * @size: number of bytes
 * @flags: MSG_DONTWAIT or 0
 * @fd: set to a duplicate of the descriptor that it carries, or -1
 * @whole: set to whether all descriptors that it carries were received
 *
 * Return: size of the message in bytes, on a stream at most @size; 0 at the end; or a negative
 * errno. The message stays in the queue.
 */
ssize_t kschannel_peek(int sock, void *head, size_t size, int flags, int *fd, bool *whole)
{
	struct iovec iov = { .iov_base = head, .iov_len = size };
	union kschannel_rights control = { 0 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = CMSG_LEN(sizeof(int)),
	};
	ssize_t got = recvmsg(sock, &msg, flags | MSG_PEEK | MSG_TRUNC | MSG_CMSG_CLOEXEC);

	*fd = -1;
	*whole = !(msg.msg_flags & MSG_CTRUNC);
	if (got < 0)
		return -errno;
	/* there is room for one descriptor only */
	if (CMSG_FIRSTHDR(&msg) && control.head.cmsg_level == SOL_SOCKET &&
	    control.head.cmsg_type == SCM_RIGHTS && control.head.cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(&control.head), sizeof(*fd));
	return got;
}

static int take_message(struct kschannel_context *c, struct nlmsghdr *head, size_t len, int *key)
{
	struct nlattr *tb[KSC_M_MAX + 1];
	const char *why;
	int kind = ksc_message_parse(head, len, true, tb, &why);

	if (kind == KSC_MESSAGE_ERROR && *key < 0 &&
	    (!head->nlmsg_seq || head->nlmsg_seq == c->seq))
		return take_error(c, head->nlmsg_seq, (int)nla_get_u32(tb[KSC_M_ERROR]));
	if (kind == KSC_MESSAGE_RESULT) {
		why = head->nlmsg_seq == c->seq ? check_result(c, tb, *key >= 0) :
						  "unexpected message type";
		if (!why) {
			take_result(c, tb);
			free(c->answer);
			c->answer = head;
			c->key = *key;
			*key = -1;
			return 0;
		}
	} else if (kind > 0) {
		why = "unexpected message type";
	}
	return fail(c, KSC_STATUS_INTERNAL_ERROR, "invalid answer from the daemon: ", why);
}

/* Reads the message that was peeked at; the descriptors that come with it again are dropped. */
static int read_message(struct kschannel_context *c, size_t len, int *key)
{
	struct nlmsghdr *head = malloc(len);
	int rc;

	if (!head)
		return -ENOMEM;
	if (recv(c->fd, head, len, MSG_DONTWAIT) == (ssize_t)len)
		rc = take_message(c, head, len, key);
	else
		rc = fail(c, KSC_STATUS_INTERNAL_ERROR, "cannot read the daemon's answer", "");
	if (c->answer != head)
		free(head);
	return rc;
}

/* Receives one message; -EAGAIN if there is none */
static int receive(struct kschannel_context *c)
{
	bool whole;
	int key, rc;
	ssize_t len;
	char none;

	len = kschannel_peek(c->fd, &none, sizeof(none), MSG_DONTWAIT, &key, &whole);
	/* the daemon closed with data unread: reported once, then come the messages that it sent */
	if (len == -ECONNRESET)
		return 0;
	if (len < 0)
		return (int)len;
	if (!len)
		return fail(c, KSC_STATUS_NO_DAEMON,
			    "the daemon closed the connection during the handshake", "");
	if (!whole && key < 0)
		/* the message waits until the table of descriptors has room */
		return -EMFILE;
	if (!whole || len > KSC_MAX_MESSAGE)
		rc = fail(c, KSC_STATUS_INTERNAL_ERROR, "the daemon's answer is too long", "");
	else
		rc = read_message(c, (size_t)len, &key);
	kschannel_drop(&key);
	return rc;
}

/* The daemon would have reported this if it were responding. */
static int end_late(struct kschannel_context *c)
{
	fail(c, KSC_STATUS_TIMED_OUT, "the daemon did not answer in time", "");
	c->state = KSCHANNEL_TIMED_OUT;
	return c->answered ? 0 : -EHOSTDOWN;
}

/**
 * kschannel_await() - receive the result of a step
 * @c: the context
 * @wait: wait for it, at most until the deadline
 *
 * Return: 0; -EAGAIN, -EINTR, -EMFILE or -ENOMEM if it was not received and is still pending;
 * -EHOSTDOWN if the deadline has passed and the daemon has never replied; or the negative errno of
 * the daemon's reply
 */
int kschannel_await(struct kschannel_context *c, bool wait)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	int rc = 0;

	while (c->pending && !rc) {
		if (wait && poll(&p, 1, time_left(c)) < 0)
			return -errno;
		rc = receive(c);
		if (rc != -EAGAIN)
			continue;
		if (!time_left(c))
			rc = end_late(c);
		else if (wait)
			rc = 0;
	}
	return rc;
}
