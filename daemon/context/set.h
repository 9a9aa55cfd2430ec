/* SPDX-License-Identifier: GPL-2.0-only */
/* set.c: all contexts of applications, in their lists. */
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
 * struct ksc_contexts - all of them
 * @place: where their sessions are
 * @nl: leads to the kernel
 * @config: what new ones are begun with, and may have
 * @users: what there is
 * @netns: cookie of the daemon's network namespace
 * @listener: where applications connect
 * @listening: there is such a place
 * @batch: how many connections are accepted at once
 * @pause: until that is looked at again
 * @closer: closes what may take its time
 * @unlistened: what it has to do with the place where they connect
 * @refused: connections that count as nobody's, and are not closed yet
 * @settled: when the bytes of all users were last counted anew
 * @apps: all applications
 * @ready: those who have said something, users in turn
 * @dying: contexts that are to be freed
 * @turn: has them have their turn, each time that the loop turns
 * @again: has it turn again
 * @fed: turn of the loop that the kernel's answer was looked for in at once
 * @asked: contexts whose keys have gone to the kernel, in order
 * @kept: hash table of those that wait for tickets, by the number of their keys
 * @last_id: the last of these numbers
 * @draining: no new ones
 * @idle: told when there is nothing to wait for any more, then
 * @ptr: given to that
 * @buf: a message that has come
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
