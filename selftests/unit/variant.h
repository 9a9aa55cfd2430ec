/* SPDX-License-Identifier: GPL-2.0-only */
/* variant.c: handshakes in every combination of library, role, version and suite. */
#ifndef KSC_TEST_VARIANT_H
#define KSC_TEST_VARIANT_H

#include <stdbool.h>

#include "side.h"

/**
 * struct setup - a credential, both sides and what they are about
 * @creds: ours
 * @side: ours
 * @peer: the other one
 */
struct setup {
	struct ksc_credentials *creds;
	struct side *side;
	struct peer *peer;
};

/* A combination that a case has to hold in. */
struct variant {
	const struct peer_type *type;
	bool we_serve;
	bool tls12;
	const char *cipher;
};

#define N_VARIANTS	((size_t)2 * 2 * 2 * KSC_N_CIPHERS)
/* The first ones differ in all but the cipher. */
#define N_PLAIN_VARIANTS	8

extern struct variant variants[N_VARIANTS];

void make_variants(void);
void setup(struct setup *s, const struct peer_type *type, const struct cred_options *cred,
	   struct ksc_engine_params params, struct peer_options peer);
void setup_variant(struct setup *s, const struct variant *v, struct peer_options peer);
void teardown(struct setup *s);
void check_ok(struct setup *s, const struct variant *v);

#endif
