/* SPDX-License-Identifier: GPL-2.0-only */
/* users.c: what the applications of each user have. */
#ifndef KSC_USERS_H
#define KSC_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "common/hash.h"
#include "config/allowance.h"
#include "process/turns.h"

/* Clients' sessions of applications that wait for tickets after the handshake, and one user's. */
#define KSC_MAX_KEPT		1000
#define KSC_MAX_KEPT_PER_USER	250

/* enum ksc_limit - what was met */
enum ksc_limit {
	KSC_LIMIT_TOTAL,
	KSC_LIMIT_PER_USER,
	KSC_LIMIT_PER_CONNECTION,
	KSC_LIMIT_CONNECTIONS,
	KSC_LIMIT_CONNECTIONS_PER_USER,
	KSC_LIMIT_BYTES,
	KSC_LIMIT_BYTES_PER_USER,
	KSC_LIMIT_HANDSHAKE_BYTES,
	KSC_LIMIT_SLOW,
	KSC_N_LIMITS,
};

/**
 * struct ksc_users - all users that have something
 * @table: hash table of them by @uid
 * @may: what they may have
 * @descriptors: connections that there is room for
 * @contexts: those that there are
 * @connections: likewise
 * @kept: sessions that wait for tickets
 * @bytes: tokens that contexts were given, and output that is not taken
 * @refused: how often each limit was met
 * @guessed: connections whose part of @bytes is a guess
 */
struct ksc_users {
	struct ksc_user *table;
	struct ksc_allowance may;
	unsigned int descriptors;
	unsigned int contexts;
	unsigned int connections;
	unsigned int kept;
	size_t bytes;
	unsigned long refused[KSC_N_LIMITS];

	TAILQ_HEAD(, ksc_connection) guessed;
};

/**
 * struct ksc_user - a user
 * @uid: its number
 * @users: where it is
 * @refs: what it has, and who looks at it
 * @contexts: those under way, or on their way out
 * @connections: likewise
 * @kept: sessions that wait for tickets
 * @bytes: of its contexts and connections
 * @steps: its lane in the pool
 * @closings: its lane of connections that are closed, if it may hold that up
 * @requests: its lane of connections that have said something
 * @settled: when its bytes were last counted anew
 * @hh: its place in @users
 */
struct ksc_user {
	uid_t uid;
	struct ksc_users *users;
	unsigned int refs;
	unsigned int contexts;
	unsigned int connections;
	unsigned int kept;
	size_t bytes;
	struct ksc_lane steps;
	struct ksc_lane closings;
	struct ksc_lane requests;
	double settled;
	UT_hash_handle hh;
};

struct ksc_user *ksc_user_find(struct ksc_users *users, uid_t uid);
struct ksc_user *ksc_user_get(struct ksc_user *user);
void ksc_user_put(struct ksc_user *user);

const char *ksc_user_add_connection(struct ksc_user *user);
void ksc_user_remove_connection(struct ksc_user *user);
const char *ksc_user_add_context(struct ksc_user *user, unsigned int on_connection);
void ksc_user_remove_context(struct ksc_user *user);
bool ksc_user_keep_context(struct ksc_user *user);
void ksc_user_remove_kept(struct ksc_user *user);
bool ksc_user_leaves_bytes(const struct ksc_user *user, size_t more);
const char *ksc_user_add_bytes(struct ksc_user *user, size_t bytes);
bool ksc_user_is_over(const struct ksc_user *user, size_t more);
void ksc_user_charge(struct ksc_user *user, size_t bytes);
void ksc_user_remove_bytes(struct ksc_user *user, size_t bytes);
const char *ksc_user_refuse(struct ksc_user *user, enum ksc_limit limit);

#endif
