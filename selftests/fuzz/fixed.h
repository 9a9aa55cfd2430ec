/* SPDX-License-Identifier: GPL-2.0-only */
/* fixed.c: randomness, a clock and certificates that are the same each time. */
#ifndef KSC_FUZZ_FIXED_H
#define KSC_FUZZ_FIXED_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "engine/credential.h"

/* What randomness comes from; to be set, and swapped, by who wants the same again. */
extern uint64_t fixed_generator;
/* When the certificates were made; they are judged at that time. */
extern time_t fixed_time;

void fixed_begin(void);
void fixed_trust(struct ksc_credential *cred);
void fixed_cert(struct ksc_credential *cred, const char *cert_name, const char *key_name);
void fixed_require(bool condition, const char *what);

#define REQUIRE(condition)	fixed_require(condition, #condition)

#endif
