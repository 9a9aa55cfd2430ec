// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receives mail from one client by SMTP with STARTTLS (RFC 5321, RFC 3207), and writes
 * it to stdout: smtp-server PORT. Mail is refused without TLS.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lines.h"

static int take_message(struct lines *l)
{
	char line[1024];

	if (say(l, "354 go on"))
		return -1;
	for (;;) {
		if (read_line(l, line, sizeof(line)) < 0)
			return -1;
		if (!strcmp(line, "."))
			break;
		puts(*line == '.' ? line + 1 : line);
	}
	fflush(stdout);
	return say(l, "250 accepted");
}

static bool is(const char *line, const char *verb)
{
	return !strncasecmp(line, verb, strlen(verb));
}

/* Answers a command; returns 1 when the session ends, -1 on error. */
static int answer(struct lines *l, const char *line, bool *protected)
{
	if (is(line, "QUIT"))
		return say(l, "221 goodbye") ? -1 : 1;
	if (is(line, "EHLO") || is(line, "HELO")) {
		if (*protected || is(line, "HELO"))
			return say(l, "250 server.test");
		return say(l, "250-server.test\r\n250 STARTTLS");
	}
	if (is(line, "NOOP") || is(line, "RSET"))
		return say(l, "250 done");
	if (is(line, "STARTTLS")) {
		if (*protected)
			return say(l, "503 TLS is already in use");
		if (say(l, "220 begin") || go_protected(l, KSC_ROLE_SERVER, NULL))
			return -1;
		*protected = true;
		return 0;
	}
	if (!*protected)
		return say(l, "530 STARTTLS first");
	if (is(line, "MAIL FROM:") || is(line, "RCPT TO:"))
		return say(l, "250 fine");
	if (is(line, "DATA"))
		return take_message(l);
	return say(l, "500 unknown command");
}

int main(int argc, char **argv)
{
	struct lines l = { .fd = -1 };
	bool protected = false;
	char line[1024];
	int rc = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: smtp-server PORT\n");
		return 2;
	}
	l.fd = listen_once(argv[1]);
	if (l.fd < 0 || say(&l, "220 server.test"))
		return 1;
	while (!rc) {
		if (read_line(&l, line, sizeof(line)) < 0)
			return 1;
		fprintf(stderr, "client: %s\n", line);
		rc = answer(&l, line, &protected);
	}
	close(l.fd);
	return rc < 0;
}
