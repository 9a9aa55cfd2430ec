/* SPDX-License-Identifier: GPL-2.0-only */
/* contexts.c: applications that carry their handshakes' tokens themselves. */
#ifndef KSC_CONTEXTS_H
#define KSC_CONTEXTS_H

#include <stdbool.h>

#include "context/set.h"

struct ksc_contexts *ksc_contexts_new(struct ksc_place *place, void (*idle)(void *ptr), void *ptr);
int ksc_contexts_start(struct ksc_contexts *contexts);
void ksc_contexts_configure(struct ksc_contexts *contexts, const struct ksc_config *config);
void ksc_contexts_listen(struct ksc_contexts *contexts, struct ksc_netlink *nl, int fd);
void ksc_contexts_drain(struct ksc_contexts *contexts);
bool ksc_contexts_free(struct ksc_contexts *contexts);

void ksc_contexts_key(struct ksc_contexts *contexts, uint32_t msg, int fd);
bool ksc_contexts_refused(struct ksc_contexts *contexts, uint32_t msg, int error,
			  const char *text);
void ksc_contexts_lost(struct ksc_contexts *contexts);
void ksc_contexts_ticket(struct ksc_contexts *contexts, uint64_t id, const uint8_t *msg,
			 size_t len);
void ksc_contexts_gone(struct ksc_contexts *contexts, uint64_t id);

#endif
