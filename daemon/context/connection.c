// SPDX-License-Identifier: GPL-2.0-only
/*
 * A connection to an application. The application can send anything, and need not read what it is
 * sent: the memory that this costs is counted here, and the loop never waits for it.
 *
 * Descriptors are the worst that it can send. The reference in our queue may be a file's last, and
 * dropping it can take as long as the sender likes: a socket with SO_LINGER, or a file system in
 * userspace. If the kernel can refuse descriptors, none can be sent. Otherwise each message is
 * peeked at first, and a connection with descriptors in its queue is left to closer.c.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/sock_diag.h>
#include <netlink/msg.h>

#include "common/message.h"
#include "context/connection.h"
#include "context/users.h"

/* From <asm/socket.h>, if that is new enough. */
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS	83
#endif

/* Maximum number of messages that are checked before a connection is closed. */
#define MAX_LEFT	64
/* Delay until there may be room for descriptors again, or something was read, in seconds. */
#define RETRY_S		0.1
/* Bytes that are sent until the kernel is asked how many of them were read. */
#define MAX_GUESSED	(32 * 1024)

/**
 * struct ksc_output - a queued message
 * @link: its place in the queue
 * @msg: the message
 * @key: descriptor that it carries, or -1
 */
struct ksc_output {
	STAILQ_ENTRY(ksc_output) link;
	struct nl_msg *msg;
	int key;
};

/**
 * ksc_connection_guard() - refuse descriptors on a socket, if the kernel can
 * @fd: the socket; for a listener, this applies to later connections
 */
void ksc_connection_guard(int fd)
{
	const int none = 0;

	/* if this fails, messages are peeked at instead */
	(void)setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &none, sizeof(none));
}

static bool is_guarded(int fd)
{
	static bool unknown;
	socklen_t len = sizeof(int);
	int rights = 1;

	/* a kernel that lacks the option lacks it for all sockets */
	if (!unknown && getsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &rights, &len))
		unknown = errno == ENOPROTOOPT;
	return !rights;
}

static void charge(struct ksc_connection *conn, size_t bytes)
{
	if (conn->user) {
		ksc_user_remove_bytes(conn->user, conn->charged);
		ksc_user_charge(conn->user, bytes);
	}
	conn->charged = bytes;
}

static void set_guessed(struct ksc_connection *conn, bool is_guessed)
{
	if (!conn->user || conn->is_guessed == is_guessed)
		return;
	conn->is_guessed = is_guessed;
	if (is_guessed)
		TAILQ_INSERT_TAIL(&conn->user->users->guessed, conn, guessed);
	else
		TAILQ_REMOVE(&conn->user->users->guessed, conn, guessed);
}

/* @unread is the kernel's number, or a guess that is not too low. */
static void set_unread(struct ksc_connection *conn, size_t unread)
{
	const size_t bytes = conn->waiting + unread;

	conn->unread = unread;
	if (!bytes)
		ev_timer_stop(conn->loop, &conn->slow);
	else if (bytes < conn->charged || !ev_is_active(&conn->slow))
		ev_timer_again(conn->loop, &conn->slow);
	charge(conn, bytes);
}

/**
 * ksc_connection_count() - update the number of bytes that the application has not read
 * @conn: the connection
 *
 * If it has read something, the timeout for the rest starts again.
 */
void ksc_connection_count(struct ksc_connection *conn)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(conn->fd, SOL_SOCKET, SO_MEMINFO, info, &len))
		info[SK_MEMINFO_WMEM_ALLOC] = 0;
	set_guessed(conn, false);
	set_unread(conn, info[SK_MEMINFO_WMEM_ALLOC]);
}

/*
 * Most applications read what they are sent, so asking the kernel each time is a waste. It is asked
 * when the guess is large, when the application has left something unread before, and by the timer.
 */
static void count_sent(struct ksc_connection *conn, size_t sent)
{
	if ((conn->unread && !conn->is_guessed) || conn->unread + sent > MAX_GUESSED) {
		ksc_connection_count(conn);
		return;
	}
	set_guessed(conn, conn->unread + sent);
	set_unread(conn, conn->unread + sent);
}

/**
 * ksc_connection_count_guessed() - replace guesses of unread bytes by the kernel's numbers
 * @users: the users of the connections
 *
 * Called before a user is refused for it. The kernel is asked at most once for each message that
 * was sent.
 */
void ksc_connection_count_guessed(struct ksc_users *users)
{
	struct ksc_connection *conn;

	while ((conn = TAILQ_FIRST(&users->guessed)))
		ksc_connection_count(conn);
}

/* An upper bound of a message's memory, which is a power of two, and its sk_buff. */
static size_t cost(const struct nl_msg *msg)
{
	return 2 * (size_t)nlmsg_hdr((struct nl_msg *)msg)->nlmsg_len + 1024;
}

static void drop_output(struct ksc_connection *conn)
{
	struct ksc_output *output = STAILQ_FIRST(&conn->outputs);

	STAILQ_REMOVE_HEAD(&conn->outputs, link);
	conn->waiting -= nlmsg_get_max_size(output->msg);
	nlmsg_free(output->msg);
	if (output->key >= 0)
		close(output->key);
	free(output);
}

/* Not called by the function that found out, because its caller may still use the owner. */
static void fail(struct ksc_connection *conn)
{
	conn->bad = true;
	ev_feed_event(conn->loop, &conn->out, EV_CUSTOM);
}

/* The longest message has to fit; the kernel doubles the size for its overhead. */
static bool make_room(int fd)
{
	const int room = KSC_MAX_MESSAGE;

	return !setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) ||
	       !setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
}

static int send_output(const struct ksc_connection *conn, const struct ksc_output *output)
{
	struct nlmsghdr *head = nlmsg_hdr(output->msg);
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec part = { .iov_base = head, .iov_len = head->nlmsg_len };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (output->key >= 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(output->key));
		memcpy(CMSG_DATA(cmsg), &output->key, sizeof(output->key));
	}
	if (sendmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	/* few messages are that long */
	if (errno == EMSGSIZE && make_room(conn->fd) &&
	    sendmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	return -errno;
}

/* Sends output as long as there is room; returns whether the queue is empty. */
static bool flush(struct ksc_connection *conn)
{
	size_t sent = 0;
	int rc = 0;

	while (!rc && ksc_connection_waits(conn)) {
		rc = send_output(conn, STAILQ_FIRST(&conn->outputs));
		if (!rc) {
			sent += cost(STAILQ_FIRST(&conn->outputs)->msg);
			drop_output(conn);
		}
	}
	count_sent(conn, sent);
	/*
	 * The limit of descriptors in flight is reached: applications have to receive theirs. Or
	 * memory is short. Neither has an event.
	 */
	if (rc == -ETOOMANYREFS || rc == -ENOBUFS || rc == -ENOMEM)
		ev_timer_again(conn->loop, &conn->retry);
	else if (rc == -EAGAIN)
		ev_io_start(conn->loop, &conn->out);
	else if (rc)
		fail(conn);
	if (ksc_connection_waits(conn)) {
		ev_io_stop(conn->loop, &conn->in);
		return false;
	}
	ev_io_stop(conn->loop, &conn->out);
	return true;
}

static void go_on(struct ksc_connection *conn)
{
	if (conn->bad)
		conn->ops->broken(conn);
	else if (ksc_connection_waits(conn) && flush(conn))
		conn->ops->drained(conn);
}

static void on_room(struct ev_loop *loop, ev_io *io, int events)
{
	(void)loop;
	(void)events;
	go_on(io->data);
}

static void on_retry(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct ksc_connection *conn = timer->data;

	(void)events;
	ev_timer_stop(loop, timer);
	if (conn->bad || ksc_connection_waits(conn))
		go_on(conn);
	else if (conn->stalled)
		conn->ops->readable(conn);
}

static void on_slow(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct ksc_connection *conn = timer->data;
	const size_t before = conn->charged;

	(void)loop;
	(void)events;
	ksc_connection_count(conn);
	if (conn->charged < before)
		return;
	if (conn->user)
		ksc_user_refuse(conn->user, KSC_LIMIT_SLOW);
	conn->ops->broken(conn);
}

static void on_input(struct ev_loop *loop, ev_io *io, int events)
{
	struct ksc_connection *conn = io->data;

	(void)events;
	ev_io_stop(loop, io);
	conn->ops->readable(conn);
}

/**
 * ksc_connection_open() - take over a connection
 * @conn: zeroed, except for the user
 * @loop: the event loop
 * @closer: closes descriptors whose close() can block
 * @fd: the socket, non-blocking
 * @ops: its owner's callbacks
 */
void ksc_connection_open(struct ksc_connection *conn, struct ev_loop *loop,
			 struct ksc_closer *closer, int fd, const struct ksc_connection_ops *ops)
{
	const int one = 1;

	conn->ops = ops;
	conn->loop = loop;
	conn->closer = closer;
	conn->fd = fd;
	conn->guarded = is_guarded(fd);
	STAILQ_INIT(&conn->outputs);
	/* credentials distinguish an empty message from the end, see look() */
	if (!conn->guarded)
		conn->told = !setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one));
	ev_io_init(&conn->in, on_input, fd, EV_READ);
	ev_io_init(&conn->out, on_room, fd, EV_WRITE);
	ev_init(&conn->retry, on_retry);
	conn->retry.repeat = RETRY_S;
	ev_init(&conn->slow, on_slow);
	conn->slow.repeat = KSC_SLOW_S;
	conn->in.data = conn;
	conn->out.data = conn;
	conn->retry.data = conn;
	conn->slow.data = conn;
}

/**
 * ksc_connection_stall() - stop receiving for a while, because too much is unread
 * @conn: the connection
 *
 * @readable is called again after a delay.
 */
void ksc_connection_stall(struct ksc_connection *conn)
{
	conn->stalled = true;
	ev_timer_again(conn->loop, &conn->retry);
}

/**
 * ksc_connection_watch() - call @readable once there is something to receive
 * @conn: the connection; while output is queued, nothing is received
 */
void ksc_connection_watch(struct ksc_connection *conn)
{
	if (ksc_connection_waits(conn))
		return;
	conn->stalled = false;
	ev_io_start(conn->loop, &conn->in);
}

/* Room for a message's credentials, but for no descriptor */
union credentials {
	struct cmsghdr align;
	char buf[CMSG_SPACE(sizeof(struct ucred))];
};

/*
 * Peeks at the next message of a socket with SO_PASSCRED: 0 at the end, -EBADMSG for descriptors.
 * An empty message differs from the end by its credentials.
 */
static int look(int fd)
{
	union credentials control;
	char first;
	struct iovec part = { .iov_base = &first, .iov_len = sizeof(first) };
	struct msghdr msg = {
		.msg_iov = &part, .msg_iovlen = 1,
		.msg_control = control.buf, .msg_controllen = sizeof(control.buf),
	};

	if (recvmsg(fd, &msg, MSG_DONTWAIT | MSG_PEEK) < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return msg.msg_flags & MSG_CTRUNC ? -EBADMSG : msg.msg_controllen != 0;
}

/**
 * ksc_connection_receive() - receive a message
 * @conn: the connection
 * @buf: gets it
 * @size: size of @buf in bytes
 *
 * A message with descriptors stays in the queue.
 *
 * Return: its size in bytes; 0 if the application has closed the connection; -EAGAIN without a
 * message; -EBADMSG if it is too long or carries descriptors; or another negative errno
 */
ssize_t ksc_connection_receive(struct ksc_connection *conn, void *buf, size_t size)
{
	struct iovec part = { .iov_base = buf, .iov_len = size };
	union credentials control;
	/* no room for descriptors, or for control messages other than credentials */
	struct msghdr msg = {
		.msg_iov = &part, .msg_iovlen = 1,
		.msg_control = conn->told ? control.buf : NULL,
		.msg_controllen = conn->told ? sizeof(control.buf) : 0,
	};
	ssize_t len;

	if (!conn->guarded) {
		len = conn->told ? look(conn->fd) : -EBADMSG;
		conn->ended = !len;
		if (len <= 0)
			return len;
	}
	len = recvmsg(conn->fd, &msg, MSG_DONTWAIT);
	if (len < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return -EBADMSG;
	return len;
}

/**
 * ksc_connection_send() - send a message, now or when there is room
 * @conn: the connection
 * @msg: the message, consumed; NULL if memory was short, which ends the connection
 * @key: descriptor that it carries, consumed; or -1
 */
void ksc_connection_send(struct ksc_connection *conn, struct nl_msg *msg, int key)
{
	struct ksc_output *output = msg && !conn->bad ? malloc(sizeof(*output)) : NULL;
	const bool first = !ksc_connection_waits(conn);

	if (!output) {
		nlmsg_free(msg);
		if (key >= 0)
			close(key);
		if (!conn->bad)
			fail(conn);
		return;
	}
	/* once this is queued, the bytes that were read before can no longer be counted */
	ksc_connection_settle(conn);
	*output = (struct ksc_output) { .msg = msg, .key = key };
	STAILQ_INSERT_TAIL(&conn->outputs, output, link);
	conn->waiting += nlmsg_get_max_size(msg);
	if (first)
		flush(conn);
	else
		count_sent(conn, 0);
}

/*
 * Whether nothing is left in the queue that could block close(). Nothing more can be queued: the
 * other end is closed, or sees this end closed. What was queued between the check of the queue and
 * the check of the other end is still there.
 */
static bool is_clean(const struct ksc_connection *conn)
{
	int rc = 1, i;

	if (conn->guarded)
		return true;
	if (!conn->told || (!conn->ended && shutdown(conn->fd, SHUT_RDWR)))
		return false;
	for (i = 0; rc && i < MAX_LEFT; i++) {
		rc = look(conn->fd);
		/* reported once if the other end was closed before it had read everything */
		if (rc == -ECONNRESET)
			continue;
		if (rc < 0)
			return false;
		if (rc)
			(void)recv(conn->fd, NULL, 0, MSG_DONTWAIT);
	}
	return !rc;
}

static void on_closed(struct ksc_closing *closing)
{
	struct ksc_connection *conn = (void *)((char *)closing - offsetof(struct ksc_connection,
									  closing));

	conn->ops->closed(conn);
}

/**
 * ksc_connection_close() - close a connection
 * @conn: the connection; the only callback that follows is @closed, now or later
 */
void ksc_connection_close(struct ksc_connection *conn)
{
	struct ev_loop *loop = conn->loop;

	ev_io_stop(loop, &conn->in);
	ev_io_stop(loop, &conn->out);
	ev_timer_stop(loop, &conn->retry);
	ev_timer_stop(loop, &conn->slow);
	ev_clear_pending(loop, &conn->out);
	while (ksc_connection_waits(conn))
		drop_output(conn);
	set_guessed(conn, false);
	charge(conn, 0);
	if (is_clean(conn)) {
		close(conn->fd);
		conn->ops->closed(conn);
		return;
	}
	ksc_closer_add(conn->closer, &conn->closing, conn->fd,
		       conn->user ? &conn->user->closings : NULL, on_closed);
}
