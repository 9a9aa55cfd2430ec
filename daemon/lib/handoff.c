// SPDX-License-Identifier: GPL-2.0-only
/*
 * Passes a context to another process: the descriptor of its keys, and a message with what the
 * kernel does not know. Any process with a descriptor can use the keys, but only one can attach
 * them.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <linux/sockios.h>

#include "lib/internal.h"

/* Version of the message's format: incompatible formats differ in it. */
#define FORMAT 1

static bool is_stream(int sock)
{
	int type;
	socklen_t len = sizeof(type);

	return !getsockopt(sock, SOL_SOCKET, SO_TYPE, &type, &len) && type == SOCK_STREAM;
}

static bool is_nonblocking(int sock)
{
	return fcntl(sock, F_GETFL) & O_NONBLOCK;
}

/* Returns whether nothing follows the data received so far. */
static bool is_at_end(int sock)
{
	struct pollfd p = { .fd = sock, .events = POLLRDHUP };

	return poll(&p, 1, 0);
}

static int put_session(struct nl_msg *msg, const struct ksc_info *info)
{
	struct nlattr *nest = nla_nest_start(msg, KSC_M_SESSION);

	if (!nest ||
	    (*info->alpn && nla_put_string(msg, KSC_M_SESSION_ALPN, info->alpn)) ||
	    (*info->server_name &&
	     nla_put_string(msg, KSC_M_SESSION_SERVER_NAME, info->server_name)) ||
	    (info->flags & KSC_INFO_F_RESUMED && nla_put_flag(msg, KSC_M_SESSION_RESUMED)))
		return -ENOMEM;
	if (info->flags & KSC_INFO_F_PEER_CERT &&
	    (nla_put_string(msg, KSC_M_SESSION_PEER_SUBJECT, info->peer_subject) ||
	     nla_put(msg, KSC_M_SESSION_PEER_FINGERPRINT, sizeof(info->peer_fingerprint),
		     info->peer_fingerprint)))
		return -ENOMEM;
	return nla_nest_end_keep_empty(msg, nest) ? -ENOMEM : 0;
}

static int put_begin(struct nl_msg *msg, const struct kschannel_context *c)
{
	struct nlattr *nest = nla_nest_start(msg, KSC_M_BEGIN);

	if (!nest || nla_put_u32(msg, KSC_M_BEGIN_ROLE, c->role) ||
	    nla_put_u32(msg, KSC_M_BEGIN_VERIFY, c->verify) ||
	    (c->pick && nla_put_flag(msg, KSC_M_BEGIN_PICK)))
		return -ENOMEM;
	return nla_nest_end(msg, nest) ? -ENOMEM : 0;
}

static int put_copy(struct nl_msg *msg, const struct nlattr *attr)
{
	return attr ? nla_put(msg, nla_type(attr), nla_len(attr), nla_data(attr)) : 0;
}

static size_t room_for(const struct nlattr *attr)
{
	return attr ? (size_t)nla_total_size(nla_len(attr)) : 0;
}

static struct nl_msg *make_parcel(const struct kschannel_context *c)
{
	struct nl_msg *msg = ksc_message_new(KSC_MESSAGE_HANDOVER, 0,
					     room_for(c->chain[0]) + room_for(c->chain[1]));

	if (!msg)
		return NULL;
	if (!nla_put_u32(msg, KSC_M_FORMAT, FORMAT) && !put_begin(msg, c) &&
	    !nla_put_u16(msg, KSC_M_VERSION, c->info.version) &&
	    !nla_put_u16(msg, KSC_M_SUITE, c->info.cipher_suite) && !put_session(msg, &c->info) &&
	    !put_copy(msg, c->details) && !put_copy(msg, c->chain[0]) &&
	    !put_copy(msg, c->chain[1]))
		return msg;
	nlmsg_free(msg);
	return NULL;
}

/*
 * A stream can accept a part of the message, and a non-blocking caller cannot send the rest. So
 * there has to be room for all of it; the kernel charges up to twice its size, and a little for
 * each piece. A socket is writable as long as at most a quarter of its buffer is in use.
 */
static int check_room(int sock, size_t len)
{
	const size_t need = 2 * len + 4096;
	int all, used;
	socklen_t size = sizeof(all);

	if (!is_stream(sock) || !is_nonblocking(sock))
		return 0;
	if (getsockopt(sock, SOL_SOCKET, SO_SNDBUF, &all, &size) || ioctl(sock, SIOCOUTQ, &used))
		return -errno;
	if (need > (size_t)(all - all / 4))
		return -EMSGSIZE;
	return need + (size_t)used > (size_t)all ? -EAGAIN : 0;
}

/* A blocking stream can accept a part first; the rest follows, unless SO_SNDTIMEO expires. */
static int send_parcel(int sock, const struct nlmsghdr *head, int fd)
{
	struct iovec iov = { .iov_base = (void *)head, .iov_len = head->nlmsg_len };
	union kschannel_rights control = { 0 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	size_t sent;
	ssize_t n;

	control.head.cmsg_len = CMSG_LEN(sizeof(fd));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	if (n < 0)
		return -errno;
	for (sent = (size_t)n; sent < head->nlmsg_len; sent += n < 0 ? 0 : (size_t)n) {
		n = send(sock, (const char *)head + sent, head->nlmsg_len - sent, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
	}
	return 0;
}

/* Why it cannot be passed on; 0 if it can */
static int is_ours(const struct kschannel_context *c)
{
	if (c->pending)
		return -EBUSY;
	switch (c->state) {
	case KSCHANNEL_DONE:
		return 0;
	case KSCHANNEL_OPEN:
		return -EINPROGRESS;
	case KSCHANNEL_ATTACHED:
		return -ESTALE;
	default:
		return -ECONNABORTED;
	}
}

/**
 * kschannel_export_context() - pass a context to another process
 * @context: the context, whose handshake is done; deleted on success
 * @sock: connected AF_UNIX socket, which preserves message boundaries or has no other data queued
 *
 * The last step's token must be sent before. Bytes that no step has consumed are the caller's to
 * pass. If the message is discarded before it is imported, the context is deleted.
 *
 * Return: 0; -EBUSY while a step is in progress, -EINPROGRESS before the handshake is done,
 * -ECONNABORTED if it has failed, -ESTALE after kschannel_attach(), -ENOMEM; or a negative errno of
 * sendmsg(): -EAGAIN if a non-blocking socket has no room now, -EMSGSIZE if its buffer is too
 * small. The context is then unchanged. -ETIMEDOUT if SO_SNDTIMEO expired in the middle: the stream
 * can no longer be used
 */
int kschannel_export_context(struct kschannel_context *context, int sock)
{
	struct nl_msg *parcel;
	int rc = is_ours(context);

	if (rc)
		return rc;
	parcel = make_parcel(context);
	if (!parcel)
		return -ENOMEM;
	rc = check_room(sock, nlmsg_hdr(parcel)->nlmsg_len);
	if (!rc)
		rc = send_parcel(sock, nlmsg_hdr(parcel), context->key);
	nlmsg_free(parcel);
	if (!rc)
		kschannel_delete_context(context);
	return rc;
}

/* Reads what was peeked at: a message, or @len bytes of a stream. */
static int read_parcel(int sock, void *data, size_t len)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = recv(sock, (char *)data + have, len - have, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno != EAGAIN || !have))
			return -errno;
		/* the stream has ended, or SO_RCVTIMEO has expired */
		if (n <= 0)
			return -EBADMSG;
		have += (size_t)n;
	}
	return 0;
}

/* Returns the parcel's size: a stream has no boundaries. An invalid parcel is read as it is. */
static size_t parcel_len(int sock, const struct nlmsghdr *head, size_t seen)
{
	if (!is_stream(sock) || seen < sizeof(*head) || head->nlmsg_len < seen ||
	    head->nlmsg_len > KSC_MAX_MESSAGE)
		return seen;
	return head->nlmsg_len;
}

/* A non-blocking caller leaves a partial message in the stream as long as more can follow. */
static bool is_on_its_way(int sock, size_t len)
{
	int there;

	return is_stream(sock) && is_nonblocking(sock) && !is_at_end(sock) &&
	       !ioctl(sock, SIOCINQ, &there) && (size_t)there < len;
}

/*
 * This is the end of the stream, or an empty message, which is consumed, because it would block
 * all that follow. The end stays, after everything that was sent before it.
 */
static int take_nothing(int sock)
{
	int there = 0;
	char none;

	if (is_stream(sock))
		return -ENODATA;
	recv(sock, &none, sizeof(none), MSG_DONTWAIT);
	if (is_at_end(sock) && (ioctl(sock, SIOCINQ, &there) || !there))
		return -ENODATA;
	return -EBADMSG;
}

/* A newer library's message can have unknown attributes; its format decides. */
static int check_format(struct nlmsghdr *head, size_t len)
{
	struct nlattr *attr;

	if (len < (size_t)NLMSG_HDRLEN || head->nlmsg_len != len ||
	    head->nlmsg_type != KSC_MESSAGE_HANDOVER)
		return -EBADMSG;
	attr = nlmsg_find_attr(head, 0, KSC_M_FORMAT);
	if (!attr || nla_len(attr) != sizeof(uint32_t))
		return -EBADMSG;
	return nla_get_u32(attr) == FORMAT ? 0 : -EPROTONOSUPPORT;
}

static void take_begin(struct kschannel_context *c, struct nlattr *nest)
{
	struct nlattr *tb[KSC_M_BEGIN_MAX + 1];

	if (nla_parse_nested(tb, KSC_M_BEGIN_MAX, nest, NULL))
		return;
	if (tb[KSC_M_BEGIN_VERIFY])
		c->verify = (enum ksc_verify)nla_get_u32(tb[KSC_M_BEGIN_VERIFY]);
	c->pick = tb[KSC_M_BEGIN_PICK];
}

/*
 * A key file has no file type, like all anonymous inodes, which belong to the kernel. The ioctl()
 * of another file may be served by a process that answers anything, or never. statx() asks no
 * process.
 */
static bool is_anonymous(int fd)
{
	struct statx file;

	return !statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &file) &&
	       !(file.stx_mode & S_IFMT);
}

/* What the kernel knows of the keys counts, not what the sender says. */
static int take_keys(struct kschannel_context *c)
{
	if (!is_anonymous(c->key))
		return -EBADFD;
	if (ioctl(c->key, KSC_KEY_INFO, &c->info))
		return errno == ENOTTY || errno == EINVAL || errno == EBADF ? -EBADFD : -errno;
	if (!c->info.version)
		return -EBADFD;
	c->role = (enum ksc_role)c->info.role;
	c->state = KSCHANNEL_DONE;
	c->step.status = KSC_STATUS_OK;
	return 0;
}

static int take_parcel(struct kschannel_context *c, size_t len)
{
	struct nlattr *tb[KSC_M_MAX + 1];
	const char *why;
	int rc = check_format(c->answer, len);

	if (rc)
		return rc;
	if (ksc_message_parse(c->answer, len, false, tb, &why) < 0)
		return -EBADMSG;
	take_begin(c, tb[KSC_M_BEGIN]);
	c->chain[0] = tb[KSC_M_CHAIN];
	c->chain[1] = tb[KSC_M_LOCAL_CHAIN];
	c->details = tb[KSC_M_DETAILS];
	return take_keys(c);
}

static int receive_parcel(struct kschannel_context *c, int sock)
{
	struct nlmsghdr head = { 0 };
	ssize_t seen;
	bool whole;
	size_t len;
	int rc;

	seen = kschannel_peek(sock, &head, sizeof(head), 0, &c->key, &whole);
	if (seen <= 0)
		return seen ? (int)seen : take_nothing(sock);
	/* the message waits until the table of descriptors has room */
	if (!whole && c->key < 0)
		return -EMFILE;
	len = parcel_len(sock, &head, (size_t)seen);
	if (is_on_its_way(sock, len < sizeof(head) ? sizeof(head) : len))
		return -EAGAIN;
	c->answer = malloc(len);
	if (!c->answer)
		return -ENOMEM;
	rc = read_parcel(sock, c->answer, len);
	if (rc)
		return rc;
	return whole && c->key >= 0 ? take_parcel(c, len) : -EBADMSG;
}

/**
 * kschannel_import_context() - receive a context from another process
 * @context: set to the context
 * @sock: the other end of the AF_UNIX socket of kschannel_export_context()
 * @step: gets the result of the last step, without its token, which was sent
 *
 * kschannel_query_info() returns what the daemon told the kernel; the other queries return what the
 * exporting process sent, unverified.
 *
 * Return: 0; -ENODATA if the other end was closed; -EBADMSG if the message is not a complete
 * context, -EPROTONOSUPPORT if it is from an incompatible version of this library; -EBADFD if the
 * descriptor is not a key file, -EPERM if its daemon is in a user namespace that the caller is not
 * in, -ESTALE if the keys were attached, -EBUSY if they are being attached; -EAGAIN if a
 * non-blocking socket does not have all of it; or another negative errno, including those of
 * recvmsg(). The message is consumed except with -EAGAIN, -EMFILE, -ENOMEM and errors of recvmsg().
 */
int kschannel_import_context(struct kschannel_context **context, int sock,
			     struct kschannel_step *step)
{
	struct kschannel_context *c = kschannel_new_context();
	int rc;

	if (!c)
		return -ENOMEM;
	rc = receive_parcel(c, sock);
	if (rc) {
		kschannel_delete_context(c);
		return rc;
	}
	*context = c;
	*step = c->step;
	return 0;
}
