// SPDX-License-Identifier: GPL-2.0-only
/* The loop of a handshake, for any transport of its tokens. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"

static int step(struct session *s, const struct kschannel_credential *cred,
		struct kschannel_step *step)
{
	int rc = s->role == KSC_ROLE_CLIENT ?
		 kschannel_initialize_context(&s->context, cred, s->target, 0, s->extra, s->len,
					      step) :
		 kschannel_accept_context(&s->context, cred, 0, s->extra, s->len, step);

	if (rc) {
		fprintf(stderr, "handshake: %s\n", strerror(-rc));
		return -1;
	}
	s->len -= step->consumed;
	memmove(s->extra, s->extra + step->consumed, s->len);
	return 0;
}

static int receive_more(struct session *s, const struct transport *t)
{
	ssize_t n = t->receive(t->arg, s->extra + s->len, sizeof(s->extra) - s->len);

	if (n <= 0) {
		fprintf(stderr, "handshake: the connection has ended\n");
		return -1;
	}
	s->len += (size_t)n;
	return 0;
}

static int run(struct session *s, const struct transport *t,
	       const struct kschannel_credential *cred)
{
	struct kschannel_step last;

	if (s->role == KSC_ROLE_SERVER && receive_more(s, t))
		return -1;
	for (;;) {
		if (step(s, cred, &last))
			return -1;
		/* with any status: an alert is a token, too */
		if (last.token_len && t->send(t->arg, last.token, last.token_len))
			return -1;
		if (last.status == KSC_STATUS_OK)
			return 0;
		if (last.status > KSC_STATUS_INCOMPLETE_MESSAGE) {
			fprintf(stderr, "handshake: %s\n", last.text);
			return -1;
		}
		/* the rest may hold the next message: receive more only if it does not */
		if (s->len && last.status == KSC_STATUS_CONTINUE_NEEDED)
			continue;
		if (receive_more(s, t))
			return -1;
	}
}

/**
 * handshake() - run a handshake
 * @s: role and target; gets the context and the bytes received after the handshake
 * @t: carries the tokens
 * Return: 0, or -1 with a line on stderr
 */
int handshake(struct session *s, const struct transport *t)
{
	const struct kschannel_params params = { .role = s->role };
	struct kschannel_credential *cred;
	int rc = kschannel_acquire_credential(&cred, &params);

	if (rc) {
		fprintf(stderr, "credential: %s\n", strerror(-rc));
		return -1;
	}
	rc = run(s, t, cred);
	kschannel_free_credential(cred);
	return rc;
}

/**
 * protect() - attach the keys to a socket
 * @s: a completed handshake; its context is deleted
 * @fd: the TCP socket, which uses TLS from then on
 * Return: 0, or -1 with a line on stderr
 */
int protect(struct session *s, int fd)
{
	struct ksc_info info;
	socklen_t len = sizeof(info);
	size_t extra = s->len;
	int rc = kschannel_attach(s->context, fd, s->extra, s->len);

	kschannel_delete_context(s->context);
	s->context = NULL;
	s->len = 0;
	if (rc) {
		fprintf(stderr, "attach: %s\n", strerror(-rc));
		return -1;
	}
	/* what the socket reports: the keys are in the kernel */
	if (getsockopt(fd, SOL_KSCHANNEL, KSC_INFO, &info, &len)) {
		perror("KSC_INFO");
		return -1;
	}
	fprintf(stderr, "protected: TLS %s, suite %#06x, peer \"%s\", %zu bytes came early\n",
		info.version == 0x0304 ? "1.3" : "1.2", info.cipher_suite, info.peer_subject,
		extra);
	return 0;
}

/**
 * give_up() - end a connection whose handshake has failed
 * @s: the handshake
 * @fd: the socket, which stays open
 *
 * If it were closed with bytes unread, it would be reset, and the alert might not arrive.
 */
void give_up(struct session *s, int fd)
{
	char rest[512];

	kschannel_delete_context(s->context);
	s->context = NULL;
	shutdown(fd, SHUT_WR);
	while (recv(fd, rest, sizeof(rest), 0) > 0)
		;
}

/**
 * send_all() - send all bytes
 * @fd: the socket
 * @data: the bytes
 * @len: number of bytes
 * Return: 0 or -1
 */
int send_all(int fd, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			perror("send");
			return -1;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/**
 * listen_once() - accept one connection
 * @port: number of the port
 * Return: the connection, or -1
 */
int listen_once(const char *port)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6 };
	int listener = socket(AF_INET6, SOCK_STREAM, 0), one = 1, fd = -1;

	addr.sin6_port = htons((uint16_t)strtoul(port, NULL, 10));
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&addr, sizeof(addr)) || listen(listener, 8))
		perror("listen");
	else
		fd = accept(listener, NULL, NULL);
	close(listener);
	return fd;
}

/**
 * connect_to() - connect to a server
 * @host: name or address
 * @port: number or name
 * Return: the connection, or -1
 */
int connect_to(const char *host, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list, *to;
	int fd = -1;

	if (getaddrinfo(host, port, &hints, &list))
		return -1;
	for (to = list; to && fd < 0; to = to->ai_next) {
		fd = socket(to->ai_family, SOCK_STREAM, 0);
		if (fd >= 0 && connect(fd, to->ai_addr, to->ai_addrlen)) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	return fd;
}
