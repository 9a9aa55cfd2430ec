/* SPDX-License-Identifier: GPL-2.0-only */
/* resume.c: session resumption of clients. */
#ifndef KSC_RESUME_H
#define KSC_RESUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <gnutls/gnutls.h>

#include "engine/cache.h"

/**
 * struct ksc_resume - a client's state of resumption
 * @cache: cache of sessions; NULL for no resumption
 * @key: key of this session in the cache
 * @generation: the cache's generation when the session began
 * @judged: the server's certificate was verified, and its expiry limits the lifetime
 */
struct ksc_resume {
	struct ksc_cache *cache;
	struct ksc_cache_key key;
	uint64_t generation;
	bool judged;
};

/**
 * struct ksc_resume_part - a part of the key
 * @data: the bytes
 * @len: number of bytes
 */
struct ksc_resume_part {
	const void *data;
	size_t len;
};

void ksc_resume_init(struct ksc_resume *resume, struct ksc_cache *cache);
int ksc_resume_begin(struct ksc_resume *resume, gnutls_session_t tls,
		     const struct ksc_resume_part *parts, size_t n);
bool ksc_resume_done(struct ksc_resume *resume, gnutls_session_t tls, bool judged);
int ksc_resume_ticket(struct ksc_resume *resume, gnutls_session_t tls, const uint8_t *msg,
		      size_t len);

#endif
