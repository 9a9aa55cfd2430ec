// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loopback connections with both ends in this process: one process never has
 * to be scheduled between a send and its receive, so runs repeat.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

/**
 * ksb_bind() - a TCP socket on loopback, on a port of the kernel's choice
 * @family: AF_INET or AF_INET6
 *
 * Return: the socket or a negative errno.
 */
int ksb_bind(int family)
{
	struct sockaddr_in6 a6 = {
		.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	struct sockaddr_in a4 = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	if (family == AF_INET6)
		err = bind(fd, (struct sockaddr *)&a6, sizeof(a6));
	else
		err = bind(fd, (struct sockaddr *)&a4, sizeof(a4));
	if (err) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/**
 * ksb_listen() - a plain TCP listener on loopback, on a port of the kernel's choice
 * @family: AF_INET or AF_INET6
 *
 * Return: the socket or a negative errno.
 */
int ksb_listen(int family)
{
	int fd = ksb_bind(family);

	if (fd >= 0 && listen(fd, KSB_BACKLOG)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

/**
 * ksb_pair_connect_by() - a connection, blocking
 * @p: gets both ends
 * @listener: listens on IPv4
 * @protocol: as for socket(2), of the end that connects
 *
 * Return: 0 or a negative errno.
 */
int ksb_pair_connect_by(struct ksb_pair *p, int listener, int protocol)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	int err = 0;

	*p = (struct ksb_pair){ .client.fd = -1, .server.fd = -1 };
	if (getsockname(listener, (struct sockaddr *)&addr, &len))
		return -errno;
	p->client.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, protocol);
	if (p->client.fd < 0 ||
	    connect(p->client.fd, (struct sockaddr *)&addr, len))
		err = -errno;
	if (!err) {
		p->server.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (p->server.fd < 0)
			err = -errno;
	}
	if (err)
		ksb_pair_close(p);
	return err;
}

/**
 * ksb_pair_connect_to() - a plain TCP connection, blocking
 * @p: gets both ends
 * @listener: from ksb_listen()
 *
 * Return: 0 or a negative errno.
 */
int ksb_pair_connect_to(struct ksb_pair *p, int listener)
{
	return ksb_pair_connect_by(p, listener, IPPROTO_TCP);
}

/**
 * ksb_pair_connect() - the same with a listener of its own
 * @p: gets both ends
 *
 * Return: 0 or a negative errno.
 */
int ksb_pair_connect(struct ksb_pair *p)
{
	int listener = ksb_listen(AF_INET);
	int err;

	*p = (struct ksb_pair){ .client.fd = -1, .server.fd = -1 };
	if (listener < 0)
		return listener;
	err = ksb_pair_connect_to(p, listener);
	close(listener);
	return err;
}

/**
 * ksb_pair_nonblock() - let both ends return EAGAIN
 * @p: the pair
 *
 * Return: 0 or a negative errno.
 */
int ksb_pair_nonblock(struct ksb_pair *p)
{
	if (fcntl(p->client.fd, F_SETFL, O_NONBLOCK) ||
	    fcntl(p->server.fd, F_SETFL, O_NONBLOCK))
		return -errno;
	return 0;
}

/**
 * ksb_pair_block() - let both ends wait
 * @p: the pair
 *
 * Return: 0 or a negative errno.
 */
int ksb_pair_block(struct ksb_pair *p)
{
	if (fcntl(p->client.fd, F_SETFL, 0) || fcntl(p->server.fd, F_SETFL, 0))
		return -errno;
	return 0;
}

/**
 * ksb_pair_nodelay() - let both ends send small segments at once
 * @p: the pair
 *
 * Return: 0 or a negative errno.
 */
int ksb_pair_nodelay(struct ksb_pair *p)
{
	const int on = 1;

	if (setsockopt(p->client.fd, SOL_TCP, TCP_NODELAY, &on, sizeof(on)) ||
	    setsockopt(p->server.fd, SOL_TCP, TCP_NODELAY, &on, sizeof(on)))
		return -errno;
	return 0;
}

/**
 * ksb_pair_delay() - leave them to Nagle's algorithm, as sockets begin
 * @p: the pair
 *
 * Return: 0 or a negative errno.
 */
int ksb_pair_delay(struct ksb_pair *p)
{
	const int off = 0;

	if (setsockopt(p->client.fd, SOL_TCP, TCP_NODELAY, &off, sizeof(off)) ||
	    setsockopt(p->server.fd, SOL_TCP, TCP_NODELAY, &off, sizeof(off)))
		return -errno;
	return 0;
}

/**
 * ksb_pair_close() - close the sockets
 * @p: the pair
 */
void ksb_pair_close(struct ksb_pair *p)
{
	if (p->client.fd >= 0)
		close(p->client.fd);
	if (p->server.fd >= 0)
		close(p->server.fd);
	p->client.fd = -1;
	p->server.fd = -1;
}

/**
 * ksb_wait() - wait for a socket
 * @fd: the socket
 * @events: as for poll(2)
 * @timeout_ms: how long at most
 *
 * Return: 0 or a negative errno, -ETIMEDOUT after @timeout_ms.
 */
int ksb_wait(int fd, short events, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int n = poll(&pfd, 1, timeout_ms);

	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

/* For transports whose socket does it all. */
ssize_t ksb_sock_send(struct ksb_end *e, const void *buf, size_t len)
{
	ssize_t n = send(e->fd, buf, len, MSG_NOSIGNAL);

	return n < 0 ? -errno : n;
}

ssize_t ksb_sock_recv(struct ksb_end *e, void *buf, size_t len)
{
	ssize_t n = recv(e->fd, buf, len, 0);

	return n < 0 ? -errno : n;
}

ssize_t ksb_sock_sendfile(struct ksb_end *e, int file, off_t off, size_t len)
{
	ssize_t n = sendfile(e->fd, file, &off, len);

	return n < 0 ? -errno : n;
}

static int plain_open(struct ksb_pair *p, enum ksb_suite suite)
{
	(void)suite;
	return ksb_pair_connect(p);
}

const struct ksb_transport ksb_plain = {
	.name		= "plain",
	.open		= plain_open,
	.send		= ksb_sock_send,
	.recv		= ksb_sock_recv,
	.close		= ksb_pair_close,
	.sendfile	= ksb_sock_sendfile,
	.splices	= true,
};
