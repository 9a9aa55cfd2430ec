/* SPDX-License-Identifier: GPL-2.0-only */
/* fiber.c: a function that can be suspended and resumed. */
#ifndef KSC_FIBER_H
#define KSC_FIBER_H

#include <stdbool.h>

struct ksc_fiber;

struct ksc_fiber *ksc_fiber_new(void);
void ksc_fiber_free(struct ksc_fiber *fiber);
bool ksc_fiber_run(struct ksc_fiber *fiber, int (*fn)(void *arg), void *arg, int *result);
bool ksc_fiber_paused(const struct ksc_fiber *fiber);
void ksc_fiber_pause(struct ksc_fiber *fiber);

#endif
