/* SPDX-License-Identifier: GPL-2.0-only */
/* target.c: a deterministic engine. */
#ifndef KSC_FUZZ_TARGET_H
#define KSC_FUZZ_TARGET_H

#include "../unit/peer.h"
#include "engine/engine.h"

/* The role that the engine plays; the Makefile builds one program for each. */
extern const enum ksc_role target_role;

/* What a session is like, bits; TARGET_OPTIONS is all of them. */
#define TARGET_RESUME	1U	/* tickets: a client has one, a server takes them */
#define TARGET_CERT	2U	/* a client has a certificate, a server insists on one */
#define TARGET_TLS12	4U	/* nothing newer */
#define TARGET_OPTIONS	7U

struct ksc_engine *target_new(unsigned int options);
struct ksc_engine *target_partner(unsigned int options);
int target_ticket(struct ksc_engine *engine, const uint8_t *msg, size_t len);
enum ksc_status target_step(struct ksc_engine *engine, const uint8_t *data, size_t len,
			    struct ksc_step *step);

#endif
