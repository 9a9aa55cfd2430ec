/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines of a protocol that upgrades from plaintext to TLS, as SMTP does by STARTTLS. */
#ifndef EXAMPLES_LINES_H
#define EXAMPLES_LINES_H

#include <stddef.h>
#include <sys/types.h>

#include "loop.h"

/**
 * struct lines - a connection
 * @fd: the socket
 * @buf: bytes that were received and not yet read as lines
 * @len: number of bytes
 */
struct lines {
	int fd;
	char buf[2048];
	size_t len;
};

int read_line(struct lines *l, char *line, size_t size);
int say(struct lines *l, const char *text);
int go_protected(struct lines *l, enum ksc_role role, const char *target);

#endif /* EXAMPLES_LINES_H */
