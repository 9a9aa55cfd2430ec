/* SPDX-License-Identifier: GPL-2.0-only */
/* The loop of a handshake, for any transport of its tokens. */
#ifndef EXAMPLES_LOOP_H
#define EXAMPLES_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <kschannel.h>

/**
 * struct transport - carries tokens
 * @send: sends a token, or a part of one, to the peer; returns 0 or -1
 * @receive: waits for bytes from the peer; returns their number, 0 at the end, or -1
 * @arg: argument of both
 */
struct transport {
	int (*send)(void *arg, const void *token, size_t len);
	ssize_t (*receive)(void *arg, void *buf, size_t size);
	void *arg;
};

/**
 * struct session - a handshake, and its result
 * @role: KSC_ROLE_CLIENT or KSC_ROLE_SERVER
 * @target: name of the server, for a client
 * @context: the context, NULL before the first step
 * @extra: bytes from the peer that no step has consumed; kschannel_attach() gets the rest
 * @len: number of these bytes
 */
struct session {
	enum ksc_role role;
	const char *target;
	struct kschannel_context *context;
	uint8_t extra[65536];
	size_t len;
};

int handshake(struct session *s, const struct transport *t);
int protect(struct session *s, int fd);
void give_up(struct session *s, int fd);
int send_all(int fd, const void *data, size_t len);
int listen_once(const char *port);
int connect_to(const char *host, const char *port);

#endif /* EXAMPLES_LOOP_H */
