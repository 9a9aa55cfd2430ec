/* SPDX-License-Identifier: GPL-2.0-only */
/* shared.c: objects that are shared by their content, whatever they are loaded from. */
#ifndef KSC_SHARED_H
#define KSC_SHARED_H

#include <stdbool.h>
#include <stdint.h>

/* SHA-256 */
#define KSC_SHARED_DIGEST	32

/**
 * struct ksc_shared - what an object begins with that is shared
 * @refs: references
 * @digest: SHA-256 of its content
 * @next: next object of its kind
 */
struct ksc_shared {
	unsigned int refs;
	uint8_t digest[KSC_SHARED_DIGEST];
	struct ksc_shared *next;
};

void *ksc_shared_find(struct ksc_shared *const *all, const uint8_t digest[KSC_SHARED_DIGEST]);
void ksc_shared_publish(struct ksc_shared **all, struct ksc_shared *shared);
void ksc_shared_get(struct ksc_shared *shared);
bool ksc_shared_put(struct ksc_shared **all, struct ksc_shared *shared);

#endif
