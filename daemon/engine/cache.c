// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client's sessions that can be resumed. What is in here lets its holder go on
 * as the client that it was, with the server that was verified then: it is found
 * by exactly what led to that, used once (RFC 8446, C.4), and wiped.
 *
 * An entry takes 2 KiB with a chain of one certificate and a GnuTLS server's
 * ticket, so that a full cache is a few MiB.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cache.h"

/**
 * struct entry - a session
 * @key: what it is found by
 * @data: GnuTLS's, owned
 * @expires: when it is of no use any more
 * @used: number of the insertion, which orders entries by age; 0 if free
 */
struct entry {
	struct ksc_cache_key key;
	gnutls_datum_t data;
	time_t expires;
	uint64_t used;
};

/**
 * struct ksc_cache - the cache
 * @entries: in no order; few enough to be looked through at each handshake
 * @n: how many are in use
 * @clock: insertions so far
 * @generation: what a flush counts up
 * @lock: for all of it, since steps are made in several threads
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
 * @data: allocated by GnuTLS; set to nothing
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
 * ksc_cache_new() - make a cache
 *
 * Return: an empty one, or NULL without memory
 */
struct ksc_cache *ksc_cache_new(void)
{
	struct ksc_cache *cache = calloc(1, sizeof(*cache));

	if (cache)
		pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

/**
 * ksc_cache_free() - forget everything
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
 * ksc_cache_flush() - forget every session, since what they rest on has changed
 * @cache: the cache
 *
 * Sessions of handshakes that began before don't get in any more either.
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
 * ksc_cache_generation() - what a handshake has to remember when it begins
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

/* In place of the oldest of its key, in a free place, or in place of the oldest. */
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
 * ksc_cache_put() - keep a session
 * @cache: the cache
 * @key: what it will be found by
 * @generation: ksc_cache_generation() when its handshake began
 * @data: GnuTLS's session data; the cache's from now on, whatever comes of it
 * @now: the time
 * @expires: until when it is of use
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
 * ksc_cache_take() - take the newest session out
 * @cache: the cache
 * @key: what it is found by
 * @now: the time
 * @data: set to it; the caller's, who frees it with ksc_cache_forget()
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
 * ksc_cache_count() - how many sessions there are
 * @cache: the cache
 *
 * Return: their number, expired ones included
 */
size_t ksc_cache_count(struct ksc_cache *cache)
{
	size_t n;

	pthread_mutex_lock(&cache->lock);
	n = cache->n;
	pthread_mutex_unlock(&cache->lock);
	return n;
}
