/* SPDX-License-Identifier: GPL-2.0-only */
/* target.c: an engine that does the same each time it is given the same. */
#ifndef KSC_FUZZ_TARGET_H
#define KSC_FUZZ_TARGET_H

#include "engine.h"

/* The role that the engine plays; the Makefile builds one program for each. */
extern const enum ksc_role target_role;

struct ksc_engine *target_new(void);
enum ksc_status target_step(struct ksc_engine *engine, const uint8_t *data, size_t len,
			    struct ksc_step *step);

#endif
