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
 * @link: its place among those that are to be freed
 * @keys: its place among those whose keys are to go to the kernel, or have gone
 * @hh: its place in its application's table by @number; later, among those that wait for tickets,
 *	by @id
 * @session: the handshake
 * @number: the application's of it
 * @of: all contexts
 * @app: whose it is; NULL when it is no more, but for tickets
 * @user: whom it counts for
 * @seq: number of the request that is under way
 * @status: what the last step came to
 * @step: the last step, whose keys the kernel has not taken yet, or NULL
 * @fixed: bytes that it takes whatever it is given
 * @given: bytes that steps have used up
 * @charged: both, and those of the step under way, as far as they count
 * @verify: what was asked of the peer's certificate
 * @credential: the credential asked for by name, or picked, or ""
 * @id: our number of its keys, 0 before there are some
 * @msg: number of the message with these
 * @tries: how often it was sent
 * @refused: told when the kernel does not take its keys: ksc_context_refused()
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
