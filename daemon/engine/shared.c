// SPDX-License-Identifier: GPL-2.0-only
/* Objects that are shared by their content, whatever they are loaded from and however often. */
#include <pthread.h>
#include <string.h>

#include "engine/shared.h"

/* Of all kinds: they are looked for and dropped in any thread, but not often. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/**
 * ksc_shared_find() - find an object by its content, and take a reference
 * @all: the objects of its kind
 * @digest: SHA-256 of the content
 *
 * Return: the object, or NULL
 */
void *ksc_shared_find(struct ksc_shared *const *all, const uint8_t digest[KSC_SHARED_DIGEST])
{
	struct ksc_shared *shared;

	pthread_mutex_lock(&lock);
	for (shared = *all; shared && memcmp(shared->digest, digest, KSC_SHARED_DIGEST);
	     shared = shared->next)
		;
	if (shared)
		shared->refs++;
	pthread_mutex_unlock(&lock);
	return shared;
}

/**
 * ksc_shared_publish() - let others find an object
 * @all: the objects of its kind
 * @shared: the object, with its digest; the caller has a reference
 */
void ksc_shared_publish(struct ksc_shared **all, struct ksc_shared *shared)
{
	pthread_mutex_lock(&lock);
	shared->refs = 1;
	shared->next = *all;
	*all = shared;
	pthread_mutex_unlock(&lock);
}

/**
 * ksc_shared_get() - take another reference
 * @shared: the object
 */
void ksc_shared_get(struct ksc_shared *shared)
{
	pthread_mutex_lock(&lock);
	shared->refs++;
	pthread_mutex_unlock(&lock);
}

/**
 * ksc_shared_put() - drop a reference
 * @all: the objects of its kind
 * @shared: the object
 *
 * Return: true if it was the last one: no one finds the object now, and the caller frees it
 */
bool ksc_shared_put(struct ksc_shared **all, struct ksc_shared *shared)
{
	struct ksc_shared **at;
	bool last;

	pthread_mutex_lock(&lock);
	last = !--shared->refs;
	for (at = all; last && *at; at = &(*at)->next)
		if (*at == shared) {
			*at = shared->next;
			break;
		}
	pthread_mutex_unlock(&lock);
	return last;
}
