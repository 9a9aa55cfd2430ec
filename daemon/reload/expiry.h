/* SPDX-License-Identifier: GPL-2.0-only */
/* expiry.c: warns of our certificates before they expire. */
#ifndef KSC_EXPIRY_H
#define KSC_EXPIRY_H

#include <ev.h>
#include <time.h>

#include "engine/credential.h"

struct ksc_expiry;

struct ksc_expiry *ksc_expiry_new(struct ev_loop *loop);
void ksc_expiry_watch(struct ksc_expiry *expiry, struct ksc_credentials *set);
void ksc_expiry_free(struct ksc_expiry *expiry);

time_t ksc_expiry_last(time_t from, time_t to, time_t now);
time_t ksc_expiry_next(time_t from, time_t to, time_t now);

#endif
