/* SPDX-License-Identifier: GPL-2.0-only */
/* side.c: our side of a handshake: an engine, and what the kernel does for it. */
#ifndef KSC_TEST_SIDE_H
#define KSC_TEST_SIDE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/engine.h"
#include "peer.h"
#include "records.h"

/* As a chunk: all that there is. */
#define WHOLE	((size_t)-1)

/**
 * struct side - our side of a handshake
 * @engine: the session
 * @in: from the peer, not yet consumed
 * @out: for the peer
 * @step: the last step
 * @steps: how many were made
 * @verdict: the automatic answer to verify-needed; none: by side_decide()
 * @asked: how often it was
 * @question: what was to be judged, the last time
 */
struct side {
	struct ksc_engine *engine;
	struct wire in;
	struct wire out;
	struct ksc_step step;
	unsigned int steps;
	enum ksc_verdict verdict;
	unsigned int asked;
	struct {
		uint32_t faults;
		char text[KSC_MAX_TEXT + 1];
		uint8_t chain[KSC_MAX_CHAIN];
		size_t chain_len;
	} question;
};

/* What a credential of the tests is made of; zeros are defaults. */
struct cred_options {
	const char *name;	/* "default" */
	unsigned int roles;	/* both */
	const char *cert;	/* name in certs/ */
	const char *ca;		/* trust, or NULL for none */
	bool not_default;
	enum ksc_verify verify;
	const char *alpn;
	const char *cipher;
	void (*negotiate)(struct ksc_priority *priority);	/* sets more of it */
	bool tls12;
	bool tls13;
	bool no_resumption;
	bool restricted;
	uid_t uid;
};

struct ksc_credential *cred_new(const struct cred_options *options);
struct ksc_credentials *creds_new(const struct cred_options *list, size_t n);

struct side *side_new(const struct ksc_engine_params *params);
void side_free(struct side *side);
enum ksc_status side_step(struct side *side, size_t len);
enum ksc_status side_decide(struct side *side, enum ksc_verdict verdict, uint8_t alert);
enum ksc_status side_deliver(struct side *side, const uint8_t *data, size_t len, size_t chunk);
enum ksc_status shake(struct side *side, struct peer *peer, size_t chunk);
enum ksc_status shake_on(struct side *side, struct peer *peer, size_t chunk);
enum ksc_status shake_sides(struct side *client, struct side *server);
enum ksc_status shake_sides_on(struct side *client, struct side *server);
void prove_keys(struct side *side, struct peer *peer);
int side_tickets(struct side *side);

#endif
