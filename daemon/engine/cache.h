/* SPDX-License-Identifier: GPL-2.0-only */
/* cache.c: a client's sessions that can be resumed. */
#ifndef KSC_CACHE_H
#define KSC_CACHE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <gnutls/gnutls.h>

#define KSC_CACHE_KEY_LEN	32

/* Entries in all, and of one key; several connections may want to resume at once. */
#define KSC_CACHE_SIZE		1024
#define KSC_CACHE_PER_KEY	4

/* Of one entry: GnuTLS's session data has the server's chain and the ticket in it. */
#define KSC_CACHE_MAX_DATA	32768

/**
 * struct ksc_cache_key - all that decides who we are and whom we trust
 * @digest: SHA-256 of it
 */
struct ksc_cache_key {
	uint8_t digest[KSC_CACHE_KEY_LEN];
};

struct ksc_cache;

struct ksc_cache *ksc_cache_new(void);
void ksc_cache_free(struct ksc_cache *cache);
void ksc_cache_flush(struct ksc_cache *cache);
uint64_t ksc_cache_generation(struct ksc_cache *cache);
int ksc_cache_put(struct ksc_cache *cache, const struct ksc_cache_key *key,
		  uint64_t generation, gnutls_datum_t *data, time_t now, time_t expires);
int ksc_cache_take(struct ksc_cache *cache, const struct ksc_cache_key *key, time_t now,
		   gnutls_datum_t *data);
size_t ksc_cache_count(struct ksc_cache *cache);
void ksc_cache_forget(gnutls_datum_t *data);

#endif
