// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client's sessions for resumption. A session allows its holder to continue as the client that it
 * was, with the server that was verified then: it is found by exactly what led to it, used once
 * (RFC 8446, C.4), and wiped.
 *
 * An entry needs 2 KiB with a chain of one certificate and a GnuTLS server's ticket, so a full
 * cache has a few MiB.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cache.h"

/**
 * struct entry - a session
 * @key: its key
 * @data: GnuTLS's session data, owned
 * @expires: when it expires
 * @used: number of its insertion, which orders entries by age; 0 if unused
 */
struct entry {
	struct ksc_cache_key key;
	gnutls_datum_t data;
	time_t expires;
	uint64_t used;
};

/**
 * struct ksc_cache - the cache
 * @entries: entries in no order; few enough for a linear search in each handshake
 * @n: number of entries in use
 * @clock: number of insertions so far
 * @generation: incremented by a flush
 * @lock: protects everything, because steps run in several threads
 */
struct ksc_cache {
	struct entry entries[KSC_CACHE_SIZE];
	size_t n;
	uint64_t clock;
	uint64_t generation;
	pthread_mutex_t lock;
};

/**
 * ksc_cache_forget() - wipe and free session data
 * @data: allocated by GnuTLS; cleared
 */
void ksc_cache_forget(gnutls_datum_t *data)
{
	if (data->data)
		explicit_bzero(data->data, data->size);
	gnutls_free(data->data);
	data->data = NULL;
	data->size = 0;
}

static void drop(struct ksc_cache *cache, struct entry *entry)
{
	ksc_cache_forget(&entry->data);
	explicit_bzero(entry, sizeof(*entry));
	cache->n--;
}

/**
 * ksc_cache_new() - create a cache
 *
 * Return: an empty cache, or NULL if out of memory
 */
struct ksc_cache *ksc_cache_new(void)
{
	struct ksc_cache *cache = calloc(1, sizeof(*cache));

	if (cache)
		pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

/**
 * ksc_cache_free() - wipe and free a cache
 * @cache: the cache, or NULL
 */
void ksc_cache_free(struct ksc_cache *cache)
{
	if (!cache)
		return;
	ksc_cache_flush(cache);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

/**
 * ksc_cache_flush() - wipe all sessions, because the configuration has changed
 * @cache: the cache
 *
 * Sessions of handshakes in progress are not inserted either.
 */
void ksc_cache_flush(struct ksc_cache *cache)
{
	size_t i;

	pthread_mutex_lock(&cache->lock);
	for (i = 0; i < KSC_CACHE_SIZE; i++)
		if (cache->entries[i].used)
			drop(cache, &cache->entries[i]);
	cache->generation++;
	pthread_mutex_unlock(&cache->lock);
}

/**
 * ksc_cache_generation() - get the generation, for a handshake that begins
 * @cache: the cache
 *
 * Return: for ksc_cache_put()
 */
uint64_t ksc_cache_generation(struct ksc_cache *cache)
{
	uint64_t generation;

	pthread_mutex_lock(&cache->lock);
	generation = cache->generation;
	pthread_mutex_unlock(&cache->lock);
	return generation;
}

static bool is_key(const struct entry *entry, const struct ksc_cache_key *key)
{
	return entry->used && !memcmp(&entry->key, key, sizeof(*key));
}

/* Replaces the oldest with the key, or uses a free entry, or replaces the oldest. */
static struct entry *find_place(struct ksc_cache *cache, const struct ksc_cache_key *key,
				time_t now)
{
	struct entry *oldest = NULL, *oldest_of_key = NULL, *unused = NULL;
	size_t i, of_key = 0;

	for (i = 0; i < KSC_CACHE_SIZE; i++) {
		struct entry *entry = &cache->entries[i];

		if (entry->used && entry->expires <= now)
			drop(cache, entry);
		if (!entry->used) {
			unused = entry;
			continue;
		}
		if (!oldest || entry->used < oldest->used)
			oldest = entry;
		if (!is_key(entry, key))
			continue;
		of_key++;
		if (!oldest_of_key || entry->used < oldest_of_key->used)
			oldest_of_key = entry;
	}
	if (of_key >= KSC_CACHE_PER_KEY)
		return oldest_of_key;
	return unused ? unused : oldest;
}

static void insert(struct ksc_cache *cache, const struct ksc_cache_key *key, gnutls_datum_t *data,
		   time_t now, time_t expires)
{
	struct entry *entry = find_place(cache, key, now);

	if (entry->used)
		drop(cache, entry);
	entry->key = *key;
	entry->data = *data;
	data->data = NULL;
	data->size = 0;
	entry->expires = expires;
	entry->used = ++cache->clock;
	cache->n++;
}

/**
 * ksc_cache_put() - insert a session
 * @cache: the cache
 * @key: its key
 * @generation: ksc_cache_generation() when its handshake began
 * @data: GnuTLS's session data, consumed, also on error
 * @now: the time
 * @expires: when it expires
 *
 * Return: 0; -ESTALE after a flush, -EINVAL if it is too long or has expired
 */
int ksc_cache_put(struct ksc_cache *cache, const struct ksc_cache_key *key,
		  uint64_t generation, gnutls_datum_t *data, time_t now, time_t expires)
{
	int rc = 0;

	pthread_mutex_lock(&cache->lock);
	if (generation != cache->generation)
		rc = -ESTALE;
	else if (!data->size || data->size > KSC_CACHE_MAX_DATA || expires <= now)
		rc = -EINVAL;
	else
		insert(cache, key, data, now, expires);
	pthread_mutex_unlock(&cache->lock);
	if (rc)
		ksc_cache_forget(data);
	return rc;
}

/**
 * ksc_cache_take() - remove the newest session with a key
 * @cache: the cache
 * @key: the key
 * @now: the time
 * @data: set to it; the caller frees it with ksc_cache_forget()
 *
 * Return: 0, or -ENOENT
 */
int ksc_cache_take(struct ksc_cache *cache, const struct ksc_cache_key *key, time_t now,
		   gnutls_datum_t *data)
{
	struct entry *newest = NULL;
	size_t i;

	pthread_mutex_lock(&cache->lock);
	for (i = 0; i < KSC_CACHE_SIZE; i++) {
		struct entry *entry = &cache->entries[i];

		if (is_key(entry, key) && entry->expires > now &&
		    (!newest || entry->used > newest->used))
			newest = entry;
	}
	if (newest) {
		*data = newest->data;
		newest->data.data = NULL;
		drop(cache, newest);
	}
	pthread_mutex_unlock(&cache->lock);
	return newest ? 0 : -ENOENT;
}

/**
 * ksc_cache_count() - number of sessions
 * @cache: the cache
 *
 * Return: the number, including expired ones
 */
size_t ksc_cache_count(struct ksc_cache *cache)
{
	size_t n;

	pthread_mutex_lock(&cache->lock);
	n = cache->n;
	pthread_mutex_unlock(&cache->lock);
	return n;
}
