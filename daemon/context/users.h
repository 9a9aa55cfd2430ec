/* SPDX-License-Identifier: GPL-2.0-only */
/* users.c: what the applications of each user use. */
#ifndef KSC_USERS_H
#define KSC_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "common/hash.h"
#include "config/allowance.h"
#include "process/turns.h"

/* Clients' sessions that wait for tickets after the handshake: of all users, and of one user. */
#define KSC_MAX_KEPT		1000
#define KSC_MAX_KEPT_PER_USER	250

/* enum ksc_limit - which limit was reached */
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
 * struct ksc_users - all users who have something
 * @table: hash table of users by @uid
 * @may: the limits
 * @descriptors: maximum number of connections
 * @contexts: number of contexts
 * @connections: number of connections
 * @kept: number of contexts that wait for tickets
 * @bytes: bytes of tokens and of output that was not read
 * @refused: how often each limit was reached
 * @guessed: connections whose part of @bytes is an upper bound
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
 * @uid: user ID
 * @users: all users
 * @refs: references
 * @contexts: number of contexts, until they are freed
 * @connections: number of connections, until they are closed
 * @kept: number of contexts that wait for tickets
 * @bytes: bytes of its contexts and connections
 * @steps: its lane in the pool
 * @closings: its lane in the closer
 * @requests: its lane among connections with requests
 * @settled: when its bytes were last updated
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
