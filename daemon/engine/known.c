// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptions of peers that were made lately. To write a name GnuTLS takes as long as for all
 * keys of a connection, and most peers are met again and again. A description depends on the
 * certificate alone, byte for byte. What comes to a place that is taken replaces what is there:
 * a peer can take places, but no more memory than there is.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/known.h"

/**
 * struct entry - a description
 * @len: bytes of the certificate, 0 where there is none
 * @peer: who it is for
 * @der: the certificate; what was never used takes no memory
 */
struct entry {
	size_t len;
	struct ksc_peer peer;
	uint8_t der[KSC_MAX_KNOWN_LEN];
};

/**
 * struct ksc_known - descriptions
 * @lock: for them
 * @entries: each at its certificate's place
 */
struct ksc_known {
	pthread_mutex_t lock;
	struct entry entries[KSC_MAX_KNOWN];
};

/**
 * ksc_known_new() - make room for descriptions
 *
 * Return: the room, or NULL without memory
 */
struct ksc_known *ksc_known_new(void)
{
	struct ksc_known *known = calloc(1, sizeof(*known));

	if (known)
		pthread_mutex_init(&known->lock, NULL);
	return known;
}

/**
 * ksc_known_free() - forget descriptions
 * @known: the room for them, or NULL
 */
void ksc_known_free(struct ksc_known *known)
{
	if (known)
		pthread_mutex_destroy(&known->lock);
	free(known);
}

/* The end of a certificate is its signature's. NULL for one that is not kept */
static struct entry *place(struct ksc_known *known, const gnutls_datum_t *der)
{
	if (!known || !der->size || der->size > KSC_MAX_KNOWN_LEN)
		return NULL;
	return &known->entries[der->data[der->size - 1] % KSC_MAX_KNOWN];
}

/**
 * ksc_known_find() - find the description of a certificate
 * @known: descriptions, or NULL
 * @der: the certificate
 * @peer: filled in, or NULL
 *
 * What is described was met in a handshake that was done, so its key was small enough.
 *
 * Context: any thread.
 *
 * Return: false, and @peer is as it was, if there is none
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
 * ksc_known_keep() - keep the description of a certificate, perhaps in another's place
 * @known: descriptions, or NULL
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
