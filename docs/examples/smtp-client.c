// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delivers the message on stdin by SMTP with STARTTLS (RFC 5321, RFC 3207):
 * smtp-client HOST PORT NAME FROM TO. The certificate must match NAME.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lines.h"

/* Reads a reply of one or more lines; returns its code or -1. @found: whether a line has @word */
static int reply(struct lines *l, const char *word, bool *found)
{
	char line[1024];

	do {
		if (read_line(l, line, sizeof(line)) < 4)
			return -1;
		if (word && !strcmp(line + 4, word))
			*found = true;
	} while (line[3] == '-');
	fprintf(stderr, "server: %s\n", line);
	return (int)strtol(line, NULL, 10);
}

static int command(struct lines *l, int wanted, const char *text)
{
	if (say(l, text) || reply(l, NULL, NULL) != wanted) {
		fprintf(stderr, "failed: %s\n", text);
		return -1;
	}
	return 0;
}

static int with_address(struct lines *l, const char *verb, const char *address)
{
	char text[600];

	snprintf(text, sizeof(text), "%s:<%s>", verb, address);
	return command(l, 250, text);
}

static int send_message(struct lines *l)
{
	char line[1000];

	if (command(l, 354, "DATA"))
		return -1;
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		/* RFC 5321 4.5.2: a leading dot is doubled */
		if ((*line == '.' && send_all(l->fd, ".", 1)) || say(l, line))
			return -1;
	}
	return command(l, 250, ".");
}

int main(int argc, char **argv)
{
	struct lines l = { .fd = -1 };
	bool offered = false;

	if (argc != 6) {
		fprintf(stderr, "usage: smtp-client HOST PORT NAME FROM TO <MESSAGE\n");
		return 2;
	}
	l.fd = connect_to(argv[1], argv[2]);
	if (l.fd < 0) {
		perror(argv[1]);
		return 1;
	}
	if (reply(&l, NULL, NULL) != 220 || say(&l, "EHLO client.test") ||
	    reply(&l, "STARTTLS", &offered) != 250)
		return 1;
	if (!offered) {
		fprintf(stderr, "the server does not offer STARTTLS\n");
		return 1;
	}
	if (command(&l, 220, "STARTTLS") || go_protected(&l, KSC_ROLE_CLIENT, argv[3]))
		return 1;
	/* capabilities that were sent in plaintext do not count */
	if (command(&l, 250, "EHLO client.test") || with_address(&l, "MAIL FROM", argv[4]) ||
	    with_address(&l, "RCPT TO", argv[5]) || send_message(&l) || command(&l, 221, "QUIT"))
		return 1;
	close(l.fd);
	return 0;
}
