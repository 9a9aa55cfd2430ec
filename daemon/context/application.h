/* SPDX-License-Identifier: GPL-2.0-only */
/* application.c: an application that is connected, and its contexts. */
#ifndef KSC_APPLICATION_H
#define KSC_APPLICATION_H

#include "context/caller.h"
#include "context/connection.h"
#include "context/context.h"
#include "process/turns.h"

/**
 * struct ksc_application - an application that is connected
 * @link: all applications
 * @conn: the connection
 * @of: all contexts
 * @user: whom it counts for
 * @caller: who that is
 * @counted: it counts as one of the user's connections
 * @turn: its place among those who have said something
 * @contexts: hash table of its contexts by their numbers
 * @wanted: those of them whose keys are to go to the kernel
 * @asking: the one whose keys have gone there, and that is not told yet
 * @held: no further ones are asked for
 * @charged: bytes of its groups
 */
struct ksc_application {
	TAILQ_ENTRY(ksc_application) link;
	struct ksc_connection conn;
	struct ksc_contexts *of;
	struct ksc_user *user;
	struct ksc_caller caller;
	bool counted;
	struct ksc_turn turn;
	struct ksc_context *contexts;
	struct ksc_context_list wanted;
	struct ksc_context *asking;
	bool held;
	size_t charged;
};

TAILQ_HEAD(ksc_application_list, ksc_application);

struct ksc_context *ksc_application_find(struct ksc_application *app, uint32_t number);
int ksc_application_add(struct ksc_application *app, struct ksc_context *context);
void ksc_application_remove(struct ksc_application *app, struct ksc_context *context);
void ksc_application_want(struct ksc_application *app, struct ksc_context *context);
void ksc_application_ask(struct ksc_application *app);

#endif
