/* SPDX-License-Identifier: GPL-2.0-only */
/* Servers that accept late: the policy of these tests, and connects that are subject to it. */
#ifndef KSC_TEST_LATE_H
#define KSC_TEST_LATE_H

#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "nl.h"
#include "policy.h"

#define SECRET "nobody may see this"

/* By the port: connect() waits for the handshake, or for TCP; and so where TLS is preferred */
#define WAITS 1000
#define GOES_ON 1100
#define PERHAPS 3000
#define UNTRUSTED 1200
#define NOT_OURS 3100

static const char rules[] =
	"[rule waits]\naction = require\nremote-port = 1000-1099\ndirection = connect\n"
	"server-name = server.test\nconnect = handshake\n"
	"[rule goes-on]\naction = require\nremote-port = 1100-1199\ndirection = connect\n"
	"server-name = server.test\nconnect = tcp\n"
	"[rule untrusted]\naction = require\nremote-port = 1200-1299\ndirection = connect\n"
	"server-name = nobody.test\nconnect = tcp\n"
	"[rule perhaps]\naction = prefer\nremote-port = 3000-3099\ndirection = connect\n"
	"server-name = server.test\nconnect = tcp\n"
	"[rule not-ours]\naction = prefer\nremote-port = 3100-3199\ndirection = connect\n"
	"credential = restricted\nconnect = tcp\n"
	"[rule server]\naction = require\nlocal-port = 1000-1299\ndirection = accept\n"
	"credential = server\n"
	"[rule perhaps-server]\naction = prefer\nlocal-port = 3000-3099\ndirection = accept\n";

static const struct t_opts nonblock = { .nonblock = true };

static inline int server_on(uint16_t port)
{
	return listen_on(policy_socket(AF_INET, &policy_nothing), port);
}

static inline int begin_to(uint16_t port)
{
	int fd = policy_socket(AF_INET, &nonblock);

	FAILS(try_connect_to(fd, "127.0.0.1", port), EINPROGRESS);
	return fd;
}

static inline int connect_now(uint16_t port)
{
	int fd = policy_socket(AF_INET, &policy_nothing);

	SYS(try_connect_to(fd, "127.0.0.1", port));
	return fd;
}

static inline short polled(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	SYS(poll(&pfd, 1, 0));
	return pfd.revents;
}

/* It is connected, by all of TCP's interfaces */
static inline void assert_connected(int fd)
{
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	struct tcp_info info;

	SYS(getpeername(fd, (struct sockaddr *)&peer, &len));
	assert_int_equal(peer.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	len = sizeof(info);
	SYS(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	assert_int_equal(info.tcpi_state, TCP_ESTABLISHED);
	assert_int_equal(t_so_error(fd), 0);
}

#endif /* KSC_TEST_LATE_H */
