/* SPDX-License-Identifier: GPL-2.0-only */
/* renew.c: when to reload the configuration without a request. */
#ifndef KSC_RENEW_H
#define KSC_RENEW_H

#include <ev.h>
#include <stdbool.h>

#define KSC_RENEW_TRIES	2

/**
 * struct ksc_renew_times - delays in seconds
 * @settle: after a change, for other changes that belong to it
 * @pause: minimum between automatic reloads
 * @retry: after each failure
 */
struct ksc_renew_times {
	double settle;
	double pause;
	double retry[KSC_RENEW_TRIES];
};

extern const struct ksc_renew_times ksc_renew_times;

/**
 * typedef ksc_renew_fn - request a load
 * @ptr: argument of ksc_renew_new()
 * @retry: nothing has changed, but the last load failed
 *
 * The callee calls ksc_renew_begin(), now or later, and then ksc_renew_done().
 */
typedef void ksc_renew_fn(void *ptr, bool retry);

struct ksc_renew;

struct ksc_renew *ksc_renew_new(struct ev_loop *loop, const struct ksc_renew_times *times,
				ksc_renew_fn *due, void *ptr);
void ksc_renew_changed(struct ksc_renew *renew);
void ksc_renew_begin(struct ksc_renew *renew);
void ksc_renew_done(struct ksc_renew *renew, bool taken);
void ksc_renew_free(struct ksc_renew *renew);

#endif
