/* SPDX-License-Identifier: GPL-2.0-only */
/* context.c: a handshake whose tokens an application carries itself. */
#ifndef KSC_CONTEXT_H
#define KSC_CONTEXT_H

#include <stdint.h>
#include <sys/queue.h>

#include "common/hash.h"
#include "common/message.h"
#include "handshake/session.h"

struct ksc_application;
struct ksc_contexts;
struct ksc_user;

/**
 * struct ksc_context - a context
 * @link: its place among contexts that will be freed
 * @keys: its place among contexts whose keys are queued for the kernel, or were sent
 * @hh: its place in its application's table by @number; later, among contexts that wait for
 *	tickets, by @id
 * @session: the handshake
 * @number: the application's number of it
 * @of: all contexts
 * @app: its application; NULL after its end, or while it waits for tickets
 * @user: the user that it counts for
 * @seq: number of the request in progress
 * @status: status of the last step
 * @step: the last step, whose keys the kernel has not accepted yet, or NULL
 * @fixed: bytes that it counts for, whatever its input
 * @given: bytes that its steps have consumed
 * @charged: bytes that are charged: both, and those of the step in progress
 * @verify: how the peer's certificate is verified
 * @credential: the requested credential, or the picked one, or ""
 * @id: number of its keys, 0 without keys
 * @msg: number of the message with the keys
 * @tries: how often the keys were sent
 * @refused: called if the kernel does not accept its keys: ksc_context_refused()
 */
struct ksc_context {
	TAILQ_ENTRY(ksc_context) link;
	TAILQ_ENTRY(ksc_context) keys;
	UT_hash_handle hh;
	struct ksc_session session;
	uint32_t number;
	struct ksc_contexts *of;
	struct ksc_application *app;
	struct ksc_user *user;
	uint32_t seq;
	enum ksc_status status;
	struct ksc_step *step;
	size_t fixed;
	size_t given;
	size_t charged;
	enum ksc_verify verify;
	char credential[KSC_MAX_NAME + 1];
	uint64_t id;
	uint32_t msg;
	unsigned int tries;
	void (*refused)(struct ksc_context *context, int error, const char *text);
};

TAILQ_HEAD(ksc_context_list, ksc_context);

int ksc_context_begin(struct ksc_application *app, uint32_t number, const struct nlattr *nest,
		      struct ksc_context **begun, const char **why);
int ksc_context_step(struct ksc_context *context, uint32_t seq, struct nlattr **tb,
		     const char **why);
void ksc_context_done(struct ksc_context *context, int key);
void ksc_context_refused(struct ksc_context *context, int error, const char *text);
void ksc_context_end(struct ksc_context *context);

#endif
