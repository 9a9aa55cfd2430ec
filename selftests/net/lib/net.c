// SPDX-License-Identifier: GPL-2.0-only
/* Sockets as the tests use them: create, connect, wait, read and write. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "net.h"

const struct t_opts t_client = { .server_name = "server.test" };
const struct t_opts t_server = { 0 };

static void set_patience(int fd, int s)
{
	const struct timeval tv = { .tv_sec = s };

	SYS(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	SYS(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
}

/**
 * t_plain() - make a TCP socket
 * @family: AF_INET or AF_INET6
 * Return: the socket
 */
int t_plain(int family)
{
	int fd = (int)SYS(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));

	set_patience(fd, PATIENCE_S);
	return fd;
}

/**
 * t_attach() - give a socket the ULP
 * @fd: the socket
 */
void t_attach(int fd)
{
	SYS(setsockopt(fd, IPPROTO_TCP, TCP_ULP, KSC_ULP_NAME, sizeof(KSC_ULP_NAME)));
}

static void set_alpn(int fd, const char *list)
{
	uint8_t wire[KSC_MAX_ALPN];
	size_t used = 0;

	for (;;) {
		size_t len = strcspn(list, ",");

		wire[used++] = (uint8_t)len;
		memcpy(wire + used, list, len);
		used += len;
		if (!list[len])
			break;
		list += len + 1;
	}
	SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_ALPN, wire, (socklen_t)used));
}

/**
 * t_set_opts() - set the options of a socket that has the ULP
 * @fd: the socket
 * @opts: the options
 */
void t_set_opts(int fd, const struct t_opts *opts)
{
	if (opts->server_name)
		SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_SERVER_NAME, opts->server_name,
			       (socklen_t)strlen(opts->server_name)));
	if (opts->credential)
		SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_CREDENTIAL, opts->credential,
			       (socklen_t)strlen(opts->credential)));
	if (opts->alpn)
		set_alpn(fd, opts->alpn);
	if (opts->verify)
		SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_VERIFY, &opts->verify, sizeof(int)));
	if (opts->timeout)
		SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_HANDSHAKE_TIMEOUT, &opts->timeout,
			       sizeof(unsigned int)));
	if (opts->nonblock)
		t_nonblock(fd, true);
}

/**
 * t_socket() - make a protected socket
 * @family: AF_INET or AF_INET6
 * @opts: how; NULL: it is not protected
 * Return: the socket
 */
int t_socket(int family, const struct t_opts *opts)
{
	int fd;

	if (!opts)
		return t_plain(family);
	if (opts->by_proto) {
		fd = (int)SYS(socket(family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_KSCHANNEL));
		set_patience(fd, PATIENCE_S);
	} else {
		fd = t_plain(family);
		t_attach(fd);
	}
	t_set_opts(fd, opts);
	/* a handshake that may last for longer is waited for */
	if (opts->timeout > PATIENCE_S * 1000)
		set_patience(fd, opts->timeout / 1000);
	return fd;
}

/**
 * t_listen() - listen on a free port of the loopback address
 * @family: AF_INET or AF_INET6
 * @opts: how it is protected; NULL: it is not
 * @addr: gets the address
 * Return: the listener
 */
int t_listen(int family, const struct t_opts *opts, struct t_addr *addr)
{
	int fd = t_socket(family, opts);

	memset(addr, 0, sizeof(*addr));
	addr->ss.ss_family = (sa_family_t)family;
	if (family == AF_INET6)
		((struct sockaddr_in6 *)&addr->ss)->sin6_addr = in6addr_loopback;
	else
		((struct sockaddr_in *)&addr->ss)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	addr->len = family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	SYS(bind(fd, (struct sockaddr *)&addr->ss, addr->len));
	SYS(listen(fd, 512));
	SYS(getsockname(fd, (struct sockaddr *)&addr->ss, &addr->len));
	return fd;
}

/**
 * t_deafen() - fill a listener's queue, so that it answers no SYN
 * @fd: the listener, whose queue is empty
 * @addr: its address
 * Return: what fills it, for t_hear()
 */
int t_deafen(int fd, const struct t_addr *addr)
{
	int filler;

	SYS(listen(fd, 0));
	filler = t_connect(addr, NULL);
	t_wait(fd, POLLIN);
	return filler;
}

/**
 * t_hear() - empty it again: the next SYN is answered
 * @fd: the listener
 * @filler: of t_deafen()
 */
void t_hear(int fd, int filler)
{
	close(t_accept(fd));
	close(filler);
}

/**
 * t_try_connect() - connect, which may fail
 * @addr: where to
 * @opts: how it is protected; NULL: it is not
 * Return: the socket, on which errno tells how connect() went
 */
int t_try_connect(const struct t_addr *addr, const struct t_opts *opts)
{
	int fd = t_socket(addr->ss.ss_family, opts);

	errno = 0;
	if (!connect(fd, (const struct sockaddr *)&addr->ss, addr->len))
		errno = 0;
	return fd;
}

/**
 * t_connect() - connect
 * @addr: where to
 * @opts: how it is protected; NULL: it is not
 * Return: the connected socket
 */
int t_connect(const struct t_addr *addr, const struct t_opts *opts)
{
	int fd = t_try_connect(addr, opts);

	if (errno) {
		struct ksc_error error = { 0 };
		socklen_t len = sizeof(error);
		int saved = errno;

		getsockopt(fd, SOL_KSCHANNEL, KSC_ERROR, &error, &len);
		print_error("connect: %s (%s)\n", strerror(saved), error.text);
		fail();
	}
	return fd;
}

/**
 * t_begin_on() - connect, and leave the handshake to go on by itself
 * @fd: the socket
 * @addr: where to; the server may be one that this thread has yet to accept
 * @len: of @addr
 */
void t_begin_on(int fd, const void *addr, socklen_t len)
{
	bool nonblock = SYS(fcntl(fd, F_GETFL)) & O_NONBLOCK;

	t_nonblock(fd, true);
	if (connect(fd, addr, len))
		assert_int_equal(errno, EINPROGRESS);
	t_nonblock(fd, nonblock);
}

/**
 * t_begin() - t_begin_on() with a socket of its own
 * @addr: where to
 * @opts: how it is protected
 * Return: the socket
 */
int t_begin(const struct t_addr *addr, const struct t_opts *opts)
{
	int fd = t_socket(addr->ss.ss_family, opts);

	t_begin_on(fd, &addr->ss, addr->len);
	return fd;
}

/**
 * t_handshake() - wait for the handshake's end
 * @fd: the socket
 * Return: 0; or -1, and errno
 */
int t_handshake(int fd)
{
	bool nonblock = SYS(fcntl(fd, F_GETFL)) & O_NONBLOCK;
	int one = 1, ret, error;

	t_nonblock(fd, false);
	ret = setsockopt(fd, SOL_KSCHANNEL, KSC_HANDSHAKE, &one, sizeof(one));
	error = errno;
	t_nonblock(fd, nonblock);
	errno = error;
	return ret;
}

/**
 * t_finish() - wait until the handshake is done
 * @fd: the socket
 */
void t_finish(int fd)
{
	struct ksc_error error = { 0 };
	socklen_t len = sizeof(error);
	int saved;

	if (!t_handshake(fd))
		return;
	saved = errno;
	getsockopt(fd, SOL_KSCHANNEL, KSC_ERROR, &error, &len);
	print_error("handshake: %s (%s)\n", strerror(saved), error.text);
	fail();
}

/**
 * t_accept() - accept a connection
 * @fd: the listener
 * Return: the connection
 */
int t_accept(int fd)
{
	int child = (int)SYS(accept4(fd, NULL, NULL, SOCK_CLOEXEC));

	set_patience(child, PATIENCE_S);
	return child;
}

/**
 * t_pair_opts() - two protected sockets that are connected with each other
 * @family: AF_INET or AF_INET6
 * @client: how the client is protected
 * @server: how the server is protected
 * @fds: gets the client and the server
 */
void t_pair_opts(int family, const struct t_opts *client, const struct t_opts *server, int fds[2])
{
	struct t_addr addr;
	int fd = t_listen(family, server, &addr);

	fds[0] = t_begin(&addr, client);
	fds[1] = t_accept(fd);
	t_finish(fds[0]);
	close(fd);
	/* a client may be done before its server is */
	if (server)
		SYS(setsockopt(fds[1], SOL_KSCHANNEL, KSC_HANDSHAKE, &(int){ 1 }, sizeof(int)));
}

/**
 * t_pair() - two protected sockets that are connected with each other
 * @family: AF_INET or AF_INET6
 * @fds: gets the client and the server
 */
void t_pair(int family, int fds[2])
{
	t_pair_opts(family, &t_client, &t_server, fds);
}

/**
 * t_nonblock() - set O_NONBLOCK
 * @fd: the socket
 * @on: or clear it
 */
void t_nonblock(int fd, bool on)
{
	int flags = (int)SYS(fcntl(fd, F_GETFL));

	SYS(fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
}

/**
 * t_watch() - watch a descriptor with an epoll instance of its own
 * @fd: the descriptor, which events have as their data
 * @events: EPOLL*
 * Return: the instance
 */
int t_watch(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };
	int ep = (int)SYS(epoll_create1(EPOLL_CLOEXEC));

	SYS(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
	return ep;
}

/**
 * t_await_event() - wait for an event of what is watched
 * @ep: by t_watch()
 */
void t_await_event(int ep)
{
	struct epoll_event event;

	if (SYS(epoll_wait(ep, &event, 1, PATIENCE_S * 1000)) != 1)
		fail_msg("no event");
}

/**
 * t_wait() - wait for an event of a socket
 * @fd: the socket
 * @events: as for poll()
 */
void t_wait(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	if (SYS(poll(&pfd, 1, PATIENCE_S * 1000)) != 1)
		fail_msg("no event in %d s", PATIENCE_S);
}

/**
 * t_await_acked() - wait until all that was sent has been acknowledged
 * @fd: the socket that has sent it, TCP's own or in raw mode
 *
 * It is in the receiver's queue then. To ask the receiver's end would be to have it decrypted.
 */
void t_await_acked(int fd)
{
	int64_t end = t_now_ms() + PATIENCE_S * 1000;
	int queued;

	for (;;) {
		SYS(ioctl(fd, SIOCOUTQ, &queued));
		if (!queued)
			return;
		if (t_now_ms() > end)
			fail_msg("%d bytes are not acknowledged", queued);
		usleep(1000);
	}
}

/**
 * t_so_error() - take a socket's pending error
 * @fd: the socket
 * Return: the errno, or 0
 */
int t_so_error(int fd)
{
	socklen_t len = sizeof(int);
	int error;

	SYS(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	return error;
}

/**
 * t_reset() - close a connection by RST
 * @fd: the socket
 */
void t_reset(int fd)
{
	const struct linger linger = { .l_onoff = 1 };

	SYS(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	SYS(close(fd));
}

/**
 * t_send() - send all of it
 * @fd: the socket
 * @data: the data
 * @len: how much
 */
void t_send(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = SYS(send(fd, p, len, MSG_NOSIGNAL));

		p += n;
		len -= (size_t)n;
	}
}

/**
 * t_recv() - receive all of it
 * @fd: the socket
 * @data: where to put it
 * @len: how much
 */
void t_recv(int fd, void *data, size_t len)
{
	char *p = data;

	while (len) {
		/* io_uring has something for the thread to do, and a time-out is set */
		ssize_t n = SYS(TEMP_FAILURE_RETRY(recv(fd, p, len, 0)));

		if (!n)
			fail_msg("end of file with %zu bytes to come", len);
		p += n;
		len -= (size_t)n;
	}
}

/**
 * t_expect() - receive a text
 * @fd: the socket
 * @text: what it has to be
 */
void t_expect(int fd, const char *text)
{
	char got[256] = "";

	t_recv(fd, got, strlen(text));
	assert_string_equal(got, text);
}

/**
 * t_expect_eof() - insist on the end of the peer's data
 * @fd: the socket
 */
void t_expect_eof(int fd)
{
	char c;

	assert_int_equal(SYS(recv(fd, &c, 1, 0)), 0);
}

/**
 * t_exchange() - send something both ways
 * @a: one socket
 * @b: the other
 */
void t_exchange(int a, int b)
{
	t_send(a, "there", 5);
	t_expect(b, "there");
	t_send(b, "and back", 8);
	t_expect(a, "and back");
}

/**
 * t_info() - get the negotiated parameters
 * @fd: the socket
 * Return: KSC_INFO
 */
struct ksc_info t_info(int fd)
{
	struct ksc_info info;
	socklen_t len = sizeof(info);

	memset(&info, 0xee, sizeof(info));
	SYS(getsockopt(fd, SOL_KSCHANNEL, KSC_INFO, &info, &len));
	assert_int_equal(len, sizeof(info));
	return info;
}

/**
 * t_error() - why it failed
 * @fd: the socket
 * Return: KSC_ERROR
 */
struct ksc_error t_error(int fd)
{
	struct ksc_error error;
	socklen_t len = sizeof(error);

	memset(&error, 0xee, sizeof(error));
	SYS(getsockopt(fd, SOL_KSCHANNEL, KSC_ERROR, &error, &len));
	assert_int_equal(len, sizeof(error));
	return error;
}

/**
 * t_expect_error() - insist on an explanation
 * @fd: the socket
 * @status: the status that is right
 * @error: its errno
 */
void t_expect_error(int fd, enum ksc_status status, int error)
{
	struct ksc_error got = t_error(fd);

	if (got.status != status || got.error != error)
		fail_msg("status %u, error %d (%s), not %u, %d", got.status, got.error, got.text,
			 status, error);
	if (status != KSC_STATUS_OK && !got.text[0])
		fail_msg("there is no explanation");
}
