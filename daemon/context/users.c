// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the applications of each user use of the daemon. A user may have at most as much as remains
 * free, and so half if alone. The last sixteenth is reserved for users who have nothing: otherwise
 * a dozen users, each with half of the rest, would leave nothing to others.
 */
#include <stdlib.h>

#include "context/users.h"
#include "process/log.h"

/* One part in so many is reserved for users who have next to nothing. */
#define RESERVE		16

static const char *const texts[KSC_N_LIMITS] = {
	[KSC_LIMIT_TOTAL] = "more contexts than total leaves",
	[KSC_LIMIT_PER_USER] = "more contexts than per-user allows",
	[KSC_LIMIT_PER_CONNECTION] = "more contexts of one connection than per-connection allows",
	[KSC_LIMIT_CONNECTIONS] = "more connections than total, or RLIMIT_NOFILE, leaves",
	[KSC_LIMIT_CONNECTIONS_PER_USER] = "more connections than connections-per-user allows",
	[KSC_LIMIT_BYTES] = "more tokens than bytes leaves",
	[KSC_LIMIT_BYTES_PER_USER] = "more tokens than bytes-per-user allows",
	[KSC_LIMIT_HANDSHAKE_BYTES] = "more tokens of one handshake than handshake-bytes allows",
	[KSC_LIMIT_SLOW] = "a connection on which nothing was read is dropped",
};

/**
 * ksc_user_find() - find a user
 * @users: all users
 * @uid: user ID
 *
 * Return: the user with a reference; NULL if out of memory
 */
struct ksc_user *ksc_user_find(struct ksc_users *users, uid_t uid)
{
	struct ksc_user *user;

	HASH_FIND(hh, users->table, &uid, sizeof(uid), user);
	if (user)
		return ksc_user_get(user);
	user = calloc(1, sizeof(*user));
	if (!user)
		return NULL;
	user->uid = uid;
	user->users = users;
	user->refs = 1;
	HASH_ADD(hh, users->table, uid, sizeof(uid), user);
	if (ksc_hash_added(&user->hh))
		return user;
	free(user);
	return NULL;
}

/**
 * ksc_user_get() - take a reference
 * @user: the user
 *
 * Return: @user
 */
struct ksc_user *ksc_user_get(struct ksc_user *user)
{
	user->refs++;
	return user;
}

/**
 * ksc_user_put() - drop a reference; the last frees the user
 * @user: the user
 */
void ksc_user_put(struct ksc_user *user)
{
	if (--user->refs)
		return;
	HASH_DEL(user->users->table, user);
	free(user);
}

/**
 * ksc_user_refuse() - count and log that a limit was reached
 * @user: the user
 * @limit: the limit
 *
 * Return: text about the limit
 */
const char *ksc_user_refuse(struct ksc_user *user, enum ksc_limit limit)
{
	user->users->refused[limit]++;
	ksc_log_peer(KSC_LOG_ASKED, KSC_LOG_WARNING, "event=limit uid=%u count=%lu reason=\"%s\"",
		     user->uid, user->users->refused[limit], texts[limit]);
	return texts[limit];
}

/*
 * Whether a user's share with @more fits, and leaves as much free. Up to @little is also granted
 * from the reserve.
 */
static bool leaves(size_t all, size_t mine, size_t more, size_t limit, size_t little)
{
	const size_t common = limit - (limit + RESERVE - 1) / RESERVE;

	if (mine + more <= little)
		return all + more <= limit;
	return all + more <= common && mine + more <= common - all;
}

/**
 * ksc_user_add_connection() - count another connection, within limits
 * @user: the user
 *
 * Return: NULL, or why it is refused
 */
const char *ksc_user_add_connection(struct ksc_user *user)
{
	struct ksc_users *users = user->users;
	const unsigned int all = users->may.total < users->descriptors ? users->may.total :
									 users->descriptors;

	if (user->connections >= users->may.connections_per_user)
		return ksc_user_refuse(user, KSC_LIMIT_CONNECTIONS_PER_USER);
	if (!leaves(users->connections, user->connections, 1, all, 1))
		return ksc_user_refuse(user, KSC_LIMIT_CONNECTIONS);
	user->connections++;
	users->connections++;
	return NULL;
}

/**
 * ksc_user_remove_connection() - uncount a connection
 * @user: the user
 */
void ksc_user_remove_connection(struct ksc_user *user)
{
	user->connections--;
	user->users->connections--;
}

/**
 * ksc_user_add_context() - count another context, within limits
 * @user: the user
 * @on_connection: number of contexts of the connection
 *
 * Return: NULL, or why it is refused
 */
const char *ksc_user_add_context(struct ksc_user *user, unsigned int on_connection)
{
	struct ksc_users *users = user->users;

	if (on_connection >= users->may.per_connection)
		return ksc_user_refuse(user, KSC_LIMIT_PER_CONNECTION);
	if (user->contexts >= users->may.per_user)
		return ksc_user_refuse(user, KSC_LIMIT_PER_USER);
	if (!leaves(users->contexts, user->contexts, 1, users->may.total, 1))
		return ksc_user_refuse(user, KSC_LIMIT_TOTAL);
	user->contexts++;
	users->contexts++;
	return NULL;
}

/**
 * ksc_user_remove_context() - uncount a context that was freed
 * @user: the user
 */
void ksc_user_remove_context(struct ksc_user *user)
{
	user->contexts--;
	user->users->contexts--;
}

/**
 * ksc_user_keep_context() - count a context as waiting for tickets, within limits
 * @user: the user
 *
 * Return: whether it may wait
 */
bool ksc_user_keep_context(struct ksc_user *user)
{
	struct ksc_users *users = user->users;

	if (users->kept >= KSC_MAX_KEPT || user->kept >= KSC_MAX_KEPT_PER_USER)
		return false;
	user->kept++;
	users->kept++;
	ksc_user_remove_context(user);
	return true;
}

/**
 * ksc_user_remove_kept() - uncount a context that waited for tickets
 * @user: the user
 */
void ksc_user_remove_kept(struct ksc_user *user)
{
	user->kept--;
	user->users->kept--;
}

/**
 * ksc_user_leaves_bytes() - check whether a user leaves enough bytes to others
 * @user: the user
 * @more: bytes that will be added
 *
 * Return: whether it does
 */
bool ksc_user_leaves_bytes(const struct ksc_user *user, size_t more)
{
	const struct ksc_users *users = user->users;

	/* leave enough for a handshake: a user who has nothing could begin one, but not continue */
	return leaves(users->bytes, user->bytes, more, users->may.bytes,
		      users->may.handshake_bytes);
}

/**
 * ksc_user_add_bytes() - charge a token, within limits
 * @user: the user
 * @bytes: size of the token
 *
 * Return: NULL, or why it is refused
 */
const char *ksc_user_add_bytes(struct ksc_user *user, size_t bytes)
{
	struct ksc_users *users = user->users;

	if (user->bytes + bytes > users->may.bytes_per_user)
		return ksc_user_refuse(user, KSC_LIMIT_BYTES_PER_USER);
	if (!ksc_user_leaves_bytes(user, bytes))
		return ksc_user_refuse(user, KSC_LIMIT_BYTES);
	ksc_user_charge(user, bytes);
	return NULL;
}

/**
 * ksc_user_is_over() - check whether a user exceeds a limit of bytes
 * @user: the user
 * @more: bytes that will be added
 *
 * Output is charged without a limit, but requests are not handled while a limit is exceeded.
 *
 * Return: whether the user has too many, or leaves too few to others
 */
bool ksc_user_is_over(const struct ksc_user *user, size_t more)
{
	return user->bytes + more > user->users->may.bytes_per_user ||
	       !ksc_user_leaves_bytes(user, more);
}

/**
 * ksc_user_charge() - charge bytes, without a limit
 * @user: the user
 * @bytes: number of bytes
 */
void ksc_user_charge(struct ksc_user *user, size_t bytes)
{
	user->bytes += bytes;
	user->users->bytes += bytes;
}

/**
 * ksc_user_remove_bytes() - uncharge bytes
 * @user: the user
 * @bytes: number of bytes
 */
void ksc_user_remove_bytes(struct ksc_user *user, size_t bytes)
{
	user->bytes -= bytes;
	user->users->bytes -= bytes;
}
