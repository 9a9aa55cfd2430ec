/* SPDX-License-Identifier: GPL-2.0-only */
/* connection.c: a connection to an application, which keeps messages apart. */
#ifndef KSC_CONNECTION_H
#define KSC_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <ev.h>

#include "context/closer.h"

/* How long an application may read nothing of what it was sent, or twice as long, in seconds */
#define KSC_SLOW_S	10

struct ksc_connection;
struct ksc_output;
struct ksc_user;
struct ksc_users;
struct nl_msg;

/**
 * struct ksc_connection_ops - who has a connection
 * @readable: there is something to receive; it is told once, until ksc_connection_watch()
 * @drained: output waits no more
 * @broken: it is of no use any more: the application has gone, or does not take its output
 * @closed: it is no more, and its memory the owner's again
 */
struct ksc_connection_ops {
	void (*readable)(struct ksc_connection *conn);
	void (*drained)(struct ksc_connection *conn);
	void (*broken)(struct ksc_connection *conn);
	void (*closed)(struct ksc_connection *conn);
};

/**
 * struct ksc_connection - a connection
 * @outputs: messages that wait
 * @ops: whose it is
 * @loop: watches it
 * @closer: closes what may take its time
 * @closing: what that has to do
 * @user: whom its bytes count for, or NULL
 * @fd: the socket
 * @guarded: no descriptors can be sent to it
 * @told: credentials come with each message, which is one then
 * @ended: the application has closed it, or its half
 * @bad: it is broken, which is to be told
 * @in: watches what comes
 * @out: watches for room
 * @retry: runs out when it is to be looked at again
 * @slow: runs out when nothing of what it was sent was read for too long
 * @waiting: bytes of output that waits
 * @unread: bytes that were sent and not read, or no less than these
 * @charged: both
 * @is_guessed: @unread is a guess
 * @stalled: nothing is received until it has read some
 * @guessed: among the users' connections of which that is so
 */
struct ksc_connection {
	STAILQ_HEAD(, ksc_output) outputs;
	const struct ksc_connection_ops *ops;
	struct ev_loop *loop;
	struct ksc_closer *closer;
	struct ksc_closing closing;
	struct ksc_user *user;
	int fd;
	bool guarded;
	bool told;
	bool ended;
	bool bad;
	ev_io in;
	ev_io out;
	ev_timer retry;
	ev_timer slow;
	size_t waiting;
	size_t unread;
	size_t charged;
	bool is_guessed;
	bool stalled;

	TAILQ_ENTRY(ksc_connection) guessed;
};

void ksc_connection_guard(int fd);
void ksc_connection_open(struct ksc_connection *conn, struct ev_loop *loop,
			 struct ksc_closer *closer, int fd, const struct ksc_connection_ops *ops);
void ksc_connection_watch(struct ksc_connection *conn);
ssize_t ksc_connection_receive(struct ksc_connection *conn, void *buf, size_t size);
void ksc_connection_send(struct ksc_connection *conn, struct nl_msg *msg, int key);
void ksc_connection_stall(struct ksc_connection *conn);
void ksc_connection_count(struct ksc_connection *conn);
void ksc_connection_count_guessed(struct ksc_users *users);
void ksc_connection_close(struct ksc_connection *conn);

/**
 * ksc_connection_settle() - count anew what an application that has left some has not read
 * @conn: the connection
 *
 * One that reads what it is sent is rarely asked about.
 */
static inline void ksc_connection_settle(struct ksc_connection *conn)
{
	if (conn->unread && !conn->is_guessed)
		ksc_connection_count(conn);
}

/**
 * ksc_connection_waits() - whether output waits for the application
 * @conn: the connection
 *
 * Return: true as long as nothing should be added to it
 */
static inline bool ksc_connection_waits(const struct ksc_connection *conn)
{
	return !STAILQ_EMPTY(&conn->outputs);
}

#endif
