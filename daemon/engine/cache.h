/* SPDX-License-Identifier: GPL-2.0-only */
/* cache.c: a client's sessions for resumption. */
#ifndef KSC_CACHE_H
#define KSC_CACHE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <gnutls/gnutls.h>

#define KSC_CACHE_KEY_LEN	32

/* Maximum number of entries, and of one key; several connections can resume at once. */
#define KSC_CACHE_SIZE		1024
#define KSC_CACHE_PER_KEY	4

/* Maximum size of an entry: session data contain the server's chain and the ticket. */
#define KSC_CACHE_MAX_DATA	32768

/**
 * struct ksc_cache_key - everything that decides our identity and which servers are accepted
 * @digest: its SHA-256
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
