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
 * struct transport - how tokens travel
 * @send: sends a token, or a part of one, to the peer; 0 or -1
 * @receive: waits for bytes of the peer's; how many came, 0 at the end, or -1
 * @arg: for both
 */
struct transport {
	int (*send)(void *arg, const void *token, size_t len);
	ssize_t (*receive)(void *arg, void *buf, size_t size);
	void *arg;
};

/**
 * struct session - a handshake, and what it leaves
 * @role: KSC_ROLE_CLIENT or KSC_ROLE_SERVER
 * @target: client: name of the server
 * @context: the context; NULL before
 * @extra: bytes from the peer that no step has used up
 * @len: how many; they are for kschannel_attach()
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
