/* SPDX-License-Identifier: GPL-2.0-only */
/* lib.c: two contexts of libkschannel that shake hands with each other. */
#ifndef KSC_TEST_LIB_H
#define KSC_TEST_LIB_H

#include <kschannel.h>

#include "net.h"

/**
 * struct side - one of two that talk
 * @cred: its credential
 * @ctx: its context
 * @step: the last step
 * @in: bytes that no step has used up
 * @len: number of bytes in @in
 */
struct side {
	struct kschannel_credential *cred;
	struct kschannel_context *ctx;
	struct kschannel_step step;
	uint8_t in[KSC_MAX_TOKEN];
	size_t len;
};

/* The client's server name: "server.test", unless a test sets another */
extern const char *target;
extern struct side client, server;

int side_step(struct side *side, unsigned int flags);
void side_take(struct side *side, const struct kschannel_step *step);
int lib_setup(void **state);
void lib_credentials(const char *ours, const char *theirs);
int lib_teardown(void **state);
void lib_handshake(void);
void lib_attach(int fds[2]);

#endif
