// SPDX-License-Identifier: GPL-2.0-only
/*
 * A cache of recent descriptions of peers. GnuTLS needs as much time to format a name as to derive
 * all keys of a connection, and most peers connect repeatedly. A description depends only on the
 * certificate's bytes. A new description replaces the one in its entry: a peer can evict entries,
 * but the cache does not grow.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/known.h"

/**
 * struct entry - a description
 * @len: size in bytes of the certificate, 0 for an unused entry
 * @peer: the peer
 * @der: the certificate; pages that were never written use no memory
 */
struct entry {
	size_t len;
	struct ksc_peer peer;
	uint8_t der[KSC_MAX_KNOWN_LEN];
};

/**
 * struct ksc_known - cache of descriptions
 * @lock: guards @entries
 * @entries: indexed by the certificate's last byte
 */
struct ksc_known {
	pthread_mutex_t lock;
	struct entry entries[KSC_MAX_KNOWN];
};

/**
 * ksc_known_new() - allocate a cache
 *
 * Return: the cache, or NULL if out of memory
 */
struct ksc_known *ksc_known_new(void)
{
	struct ksc_known *known = calloc(1, sizeof(*known));

	if (known)
		pthread_mutex_init(&known->lock, NULL);
	return known;
}

/**
 * ksc_known_free() - free a cache
 * @known: the cache, or NULL
 */
void ksc_known_free(struct ksc_known *known)
{
	if (known)
		pthread_mutex_destroy(&known->lock);
	free(known);
}

/* A certificate ends with its signature. NULL for a certificate that is not cached */
static struct entry *place(struct ksc_known *known, const gnutls_datum_t *der)
{
	if (!known || !der->size || der->size > KSC_MAX_KNOWN_LEN)
		return NULL;
	return &known->entries[der->data[der->size - 1] % KSC_MAX_KNOWN];
}

/**
 * ksc_known_find() - find the description of a certificate
 * @known: the cache, or NULL
 * @der: the certificate
 * @peer: filled in, or NULL
 *
 * Only certificates of completed handshakes are cached, so the key was small enough.
 *
 * Context: any thread.
 *
 * Return: false if it is not cached; @peer is unchanged then
 */
bool ksc_known_find(struct ksc_known *known, const gnutls_datum_t *der, struct ksc_peer *peer)
{
	const struct entry *entry = place(known, der);
	bool is_known;

	if (!entry)
		return false;
	pthread_mutex_lock(&known->lock);
	is_known = entry->len == der->size && !memcmp(entry->der, der->data, der->size);
	if (is_known && peer)
		*peer = entry->peer;
	pthread_mutex_unlock(&known->lock);
	return is_known;
}

/**
 * ksc_known_keep() - cache the description of a certificate; it may replace another one
 * @known: the cache, or NULL
 * @der: the certificate
 * @peer: the description
 *
 * Context: any thread.
 */
void ksc_known_keep(struct ksc_known *known, const gnutls_datum_t *der,
		    const struct ksc_peer *peer)
{
	struct entry *entry = place(known, der);

	if (!entry)
		return;
	pthread_mutex_lock(&known->lock);
	entry->len = der->size;
	entry->peer = *peer;
	memcpy(entry->der, der->data, der->size);
	pthread_mutex_unlock(&known->lock);
}
