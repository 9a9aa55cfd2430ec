/* SPDX-License-Identifier: GPL-2.0-only */
/* set.c: the lists of all contexts of applications. */
#ifndef KSC_SET_H
#define KSC_SET_H

#include <stdbool.h>
#include <ev.h>

#include "config/config.h"
#include "context/application.h"
#include "context/users.h"
#include "handshake/netlink.h"
#include "process/batch.h"

/**
 * struct ksc_contexts - all contexts
 * @place: environment of their sessions
 * @nl: netlink socket
 * @config: configuration of new contexts
 * @users: users and limits
 * @netns: cookie of the daemon's network namespace
 * @listener: watches the listener
 * @listening: there is a listener
 * @batch: how many connections are accepted at once
 * @pause: timer until the next attempt to accept
 * @closer: closes descriptors whose close() can block
 * @unlistened: its part for the listener
 * @refused: number of refused connections that are not closed yet
 * @settled: when the bytes of all users were last updated
 * @apps: all applications
 * @ready: applications with requests, users in turn
 * @dying: contexts that will be freed
 * @turn: handles them in each turn of the loop
 * @again: requests another turn
 * @fed: turn of the loop in which the kernel's reply was read early
 * @asked: contexts whose keys were sent to the kernel, in order
 * @kept: hash table of contexts that wait for tickets, by the number of their keys
 * @last_id: last number of keys
 * @draining: nothing new is accepted
 * @idle: called when all work is done while draining
 * @ptr: argument of @idle
 * @buf: buffer for a message
 */
struct ksc_contexts {
	struct ksc_place *place;
	struct ksc_netlink *nl;
	const struct ksc_config *config;
	struct ksc_users users;
	uint64_t netns;
	ev_io listener;
	bool listening;
	struct ksc_batch batch;
	ev_timer pause;
	struct ksc_closer *closer;
	struct ksc_closing unlistened;
	unsigned int refused;
	double settled;
	struct ksc_application_list apps;
	struct ksc_turns ready;
	struct ksc_context_list dying;
	ev_check turn;
	ev_idle again;
	unsigned int fed;
	struct ksc_context_list asked;
	struct ksc_context *kept;
	uint64_t last_id;
	bool draining;
	void (*idle)(void *ptr);
	void *ptr;
	char buf[KSC_MAX_MESSAGE] __attribute__((aligned(8)));
};

void ksc_contexts_ask(struct ksc_contexts *contexts, struct ksc_context *context);
void ksc_contexts_forget(struct ksc_contexts *contexts, struct ksc_context *context);
void ksc_contexts_keep(struct ksc_contexts *contexts, struct ksc_context *context);
void ksc_contexts_bury(struct ksc_contexts *contexts, struct ksc_context *context);
void ksc_contexts_recount(struct ksc_contexts *contexts, struct ksc_user *user, size_t more);
void ksc_contexts_look(struct ksc_contexts *contexts);
void ksc_contexts_again(struct ksc_contexts *contexts);
struct ksc_context *ksc_contexts_find_kept(struct ksc_contexts *contexts, uint64_t id);

unsigned int ksc_contexts_count(const struct ksc_contexts *contexts);
bool ksc_contexts_busy(const struct ksc_contexts *contexts);

#endif
