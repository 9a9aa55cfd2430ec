/* SPDX-License-Identifier: GPL-2.0-only */
/* What is before the C library where a test calls the preloaded library's functions. */
#ifndef KSC_FAKE_LIBC_H
#define KSC_FAKE_LIBC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <linux/kschannel.h>

/**
 * struct fake - what the test sets, and what came of the last connect()
 * @answer: the address of every name that is looked up
 * @stays: sockets remain what they were made, from one connect() to the next
 * @ulp: with that, they are ours
 * @cookie: with that, the socket's
 * @name: the socket's, or ""
 * @addr: where it was connected to
 * @len: that address's length
 */
struct fake {
	const char *answer;
	bool stays;
	bool ulp;
	uint64_t cookie;
	char name[KSC_MAX_NAME + 1];
	struct sockaddr_storage addr;
	socklen_t len;
};

extern struct fake fake;

#endif
