/* SPDX-License-Identifier: GPL-2.0-only */
/* application.c: an application that is connected, and its contexts. */
#ifndef KSC_APPLICATION_H
#define KSC_APPLICATION_H

#include "context/caller.h"
#include "context/connection.h"
#include "context/context.h"
#include "process/turns.h"

/**
 * struct ksc_application - a connected application
 * @link: its place among all applications
 * @conn: its connection
 * @of: all contexts
 * @user: the user that it counts for
 * @caller: its identity
 * @counted: it counts as one of the user's connections
 * @turn: its place among applications with requests
 * @contexts: hash table of its contexts by number
 * @wanted: contexts whose keys are queued for the kernel
 * @asking: the context whose keys were sent to the kernel, and not yet to the application
 * @held: no further keys are sent
 * @charged: size of its list of groups in bytes
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
