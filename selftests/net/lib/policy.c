// SPDX-License-Identifier: GPL-2.0-only
/* Sockets that are subject to the policy. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "net.h"
#include "own.h"
#include "policy.h"

struct own own;

/**
 * policy_setup() - a test's setup: a network namespace of its own
 * @state: unused
 * Return: 0
 */
int policy_setup(void **state)
{
	(void)state;
	own_namespace();
	return 0;
}

/**
 * policy_teardown() - its teardown: the daemon, if it has started one, stops
 * @state: unused
 * Return: 0
 */
int policy_teardown(void **state)
{
	(void)state;
	own_end(&own);
	return 0;
}

/**
 * by_policy() - let the policy decide about a socket
 * @fd: the socket
 */
void by_policy(int fd)
{
	const int one = 1;

	SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_POLICY, &one, sizeof(one)));
}

/**
 * policy_socket() - make a socket as a shim gives it to the module
 * @family: AF_INET or AF_INET6
 * @opts: what its program sets besides
 * Return: the socket
 */
int policy_socket(int family, const struct t_opts *opts)
{
	int fd = t_socket(family, opts);

	by_policy(fd);
	return fd;
}

/**
 * bind_to() - bind a socket
 * @fd: the socket
 * @host: IPv4 address
 * @port: port, 0 for any
 */
void bind_to(int fd, const char *host, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	const int one = 1;

	assert_int_equal(inet_pton(AF_INET, host, &in.sin_addr), 1);
	SYS(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
	SYS(bind(fd, (struct sockaddr *)&in, sizeof(in)));
}

/**
 * listen_on() - listen on all of IPv4's addresses
 * @fd: the socket
 * @port: port
 * Return: the socket
 */
int listen_on(int fd, uint16_t port)
{
	bind_to(fd, "0.0.0.0", port);
	SYS(listen(fd, 64));
	return fd;
}

/**
 * try_connect_to() - connect, which may fail
 * @fd: the socket
 * @host: IPv4 address
 * @port: port
 * Return: as connect()
 */
int try_connect_to(int fd, const char *host, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

	assert_int_equal(inet_pton(AF_INET, host, &in.sin_addr), 1);
	return connect(fd, (struct sockaddr *)&in, sizeof(in));
}

/**
 * connect_to() - connect to the loopback address, and leave the handshake to go on by itself
 * @fd: the socket; TCP's own is connected then, if it is to block
 * @port: port
 * Return: the socket
 */
int connect_to(int fd, uint16_t port)
{
	struct pollfd connected = { .fd = fd, .events = POLLOUT };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	t_begin_on(fd, &in, sizeof(in));
	if (what_is(fd) == NONE && !(SYS(fcntl(fd, F_GETFL)) & O_NONBLOCK))
		assert_int_equal(SYS(poll(&connected, 1, PATIENCE_S * 1000)), 1);
	return fd;
}

/**
 * what_is() - look what a socket is now
 * @fd: the socket
 * Return: protected; TCP's without the ULP; or TCP's own, the ULP doing nothing
 */
enum is what_is(int fd)
{
	char ulp[16] = "";
	socklen_t len = sizeof(ulp);
	int role;

	SYS(getsockopt(fd, IPPROTO_TCP, TCP_ULP, ulp, &len));
	if (!len)
		return NONE;
	assert_string_equal(ulp, KSC_ULP_NAME);
	len = sizeof(role);
	return getsockopt(fd, SOL_KSCHANNEL, KSC_ROLE, &role, &len) ? LEFT : PROTECTED;
}

static void assert_plain(int fd)
{
	int role, one = 1;
	socklen_t len = sizeof(role);

	assert_int_not_equal(what_is(fd), PROTECTED);
	/* no level of TCP's: IPv4 and IPv6 say so in their own ways */
	assert_int_equal(getsockopt(fd, SOL_KSCHANNEL, KSC_ROLE, &role, &len), -1);
	assert_true(errno == EOPNOTSUPP || errno == ENOPROTOOPT);
	/* what our operations refuse */
	SYS(setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)));
	assert_int_equal(SYS(send(fd, "z", 1, MSG_ZEROCOPY)), 1);
}

/**
 * assert_plain_pair() - both ends are plain, and what one says the other reads
 * @a: one
 * @b: the other
 */
void assert_plain_pair(int a, int b)
{
	char c;

	assert_plain(a);
	t_recv(b, &c, 1);
	assert_plain(b);
	t_recv(a, &c, 1);
	t_exchange(a, b);
}

/**
 * assert_protected_pair() - both ends are protected, and understand each other
 * @a: one
 * @b: the other
 */
void assert_protected_pair(int a, int b)
{
	t_exchange(a, b);
	assert_int_equal(t_info(a).phase, KSC_PHASE_ESTABLISHED);
	assert_int_equal(t_info(b).phase, KSC_PHASE_ESTABLISHED);
}

const char policy_basic[] =
	"[rule secret]\naction = require\nremote-port = 1000-1999\ndirection = connect\n"
	"server-name = server.test\n"
	"[rule secret-server]\naction = require\nlocal-port = 1000-1999\ndirection = accept\n"
	"credential = server\n"
	"[rule open]\naction = never\nremote-port = 2000-2999\ndirection = connect\n"
	"[rule opened]\naction = never\nlocal-port = 2000-2999\ndirection = accept\n"
	"[rule perhaps]\naction = prefer\nremote-port = 3000-3999\ndirection = connect\n"
	"server-name = server.test\n"
	"[rule perhaps-server]\naction = prefer\nlocal-port = 3000-3999\ndirection = accept\n";

const struct t_opts policy_nothing;

/**
 * pair_on() - a connection whose ends both are left to the policy
 * @port: the server's port
 * @fds: gets the client's and the server's end
 */
void pair_on(uint16_t port, int fds[2])
{
	int listener = listen_on(policy_socket(AF_INET, &policy_nothing), port);

	fds[0] = connect_to(policy_socket(AF_INET, &policy_nothing), port);
	fds[1] = t_accept(listener);
	close(listener);
}

/**
 * close_pair() - close both ends
 * @fds: the ends
 */
void close_pair(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}
