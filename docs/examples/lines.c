// SPDX-License-Identifier: GPL-2.0-only
/* Lines of a protocol that upgrades from plaintext to TLS, as SMTP does by STARTTLS. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lines.h"

/**
 * read_line() - read a line
 * @l: the connection
 * @line: gets the line, without its end
 * @size: size of @line
 * Return: its length, or -1 at the end of the stream or if the line is too long
 */
int read_line(struct lines *l, char *line, size_t size)
{
	char *end;

	while (!(end = memchr(l->buf, '\n', l->len))) {
		ssize_t n = recv(l->fd, l->buf + l->len, sizeof(l->buf) - l->len, 0);

		if (n <= 0) {
			if (n < 0)
				perror("recv");
			return -1;
		}
		l->len += (size_t)n;
	}
	size_t used = (size_t)(end - l->buf) + 1, len = used - 1;

	if (len && l->buf[len - 1] == '\r')
		len--;
	if (len >= size)
		return -1;
	memcpy(line, l->buf, len);
	line[len] = '\0';
	l->len -= used;
	memmove(l->buf, l->buf + used, l->len);
	return (int)len;
}

/**
 * say() - send a line
 * @l: the connection
 * @text: the line, without its end
 * Return: 0 or -1
 */
int say(struct lines *l, const char *text)
{
	char line[1100];
	int len = snprintf(line, sizeof(line), "%s\r\n", text);

	if (len < 0 || (size_t)len >= sizeof(line))
		return -1;
	return send_all(l->fd, line, (size_t)len);
}

static int send_token(void *arg, const void *token, size_t len)
{
	const struct lines *l = arg;

	return send_all(l->fd, token, len);
}

static ssize_t receive_token(void *arg, void *buf, size_t size)
{
	const struct lines *l = arg;

	return recv(l->fd, buf, size, 0);
}

/**
 * go_protected() - run the handshake, and use TLS from then on
 * @l: the connection
 * @role: role of this end
 * @target: name of the server, for a client
 * Return: 0 or -1
 */
int go_protected(struct lines *l, enum ksc_role role, const char *target)
{
	const struct transport t = { .send = send_token, .receive = receive_token, .arg = l };
	static struct session s;

	memset(&s, 0, sizeof(s));
	s.role = role;
	s.target = target;
	/*
	 * RFC 3207 4.2: plaintext after the command, or after the reply, may be an attacker's, and
	 * must not be taken for a part of the protected session.
	 */
	if (l->len) {
		fprintf(stderr, "plaintext after STARTTLS\n");
		return -1;
	}
	if (handshake(&s, &t)) {
		give_up(&s, l->fd);
		return -1;
	}
	return protect(&s, l->fd);
}
