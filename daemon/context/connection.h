/* SPDX-License-Identifier: GPL-2.0-only */
/* connection.c: a connection to an application, which preserves message boundaries. */
#ifndef KSC_CONNECTION_H
#define KSC_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <ev.h>

#include "context/closer.h"

/* Timeout of an application that reads nothing of what was sent, or up to twice that, in seconds */
#define KSC_SLOW_S	10

struct ksc_connection;
struct ksc_output;
struct ksc_user;
struct ksc_users;
struct nl_msg;

/**
 * struct ksc_connection_ops - callbacks of a connection's owner
 * @readable: there is something to receive; called once until ksc_connection_watch()
 * @drained: the output queue is empty
 * @broken: the connection can no longer be used: the application is gone, or does not read
 * @closed: it is closed, and the owner may free its memory
 */
struct ksc_connection_ops {
	void (*readable)(struct ksc_connection *conn);
	void (*drained)(struct ksc_connection *conn);
	void (*broken)(struct ksc_connection *conn);
	void (*closed)(struct ksc_connection *conn);
};

/**
 * struct ksc_connection - a connection
 * @outputs: queued messages
 * @ops: its owner's callbacks
 * @loop: the event loop
 * @closer: closes descriptors whose close() can block
 * @closing: its part of the closer
 * @user: the user that its bytes count for, or NULL
 * @fd: the socket
 * @guarded: the kernel refuses descriptors
 * @told: it has SO_PASSCRED, so that each message carries credentials
 * @ended: the application has closed it, or shut down sending
 * @bad: @broken is due
 * @in: watches for messages
 * @out: watches for room
 * @retry: timer after which it is tried again
 * @slow: timer of an application that does not read
 * @waiting: size of the queued output in bytes
 * @unread: number of bytes that were sent and not read, or an upper bound
 * @charged: sum of both
 * @is_guessed: @unread is an upper bound
 * @stalled: nothing is received until the application has read something
 * @guessed: its place among connections with an upper bound
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
 * ksc_connection_settle() - update the number of unread bytes if some were left before
 * @conn: the connection
 *
 * For an application that reads, the kernel is rarely asked.
 */
static inline void ksc_connection_settle(struct ksc_connection *conn)
{
	if (conn->unread && !conn->is_guessed)
		ksc_connection_count(conn);
}

/**
 * ksc_connection_waits() - check whether output is queued
 * @conn: the connection
 *
 * Return: true as long as no output should be added
 */
static inline bool ksc_connection_waits(const struct ksc_connection *conn)
{
	return !STAILQ_EMPTY(&conn->outputs);
}

#endif
