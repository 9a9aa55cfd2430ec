// SPDX-License-Identifier: GPL-2.0-only
/*
 * A deterministic engine: its randomness and its clock are fixed, so that a peer's recorded
 * flights fit it, keys included, and a fuzzer gets as far as they do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../unit/records.h"
#include "engine/name.h"
#include "fixed.h"
#include "target.h"

#ifndef KSC_FUZZ_ROLE
#define KSC_FUZZ_ROLE	KSC_ROLE_CLIENT
#endif

const enum ksc_role target_role = KSC_FUZZ_ROLE;

/* The other end's, kept while it does not run; and which end that is. */
static uint64_t other_generator;
static const struct ksc_engine *partner;

static void swap_generators(void)
{
	const uint64_t ours = fixed_generator;

	fixed_generator = other_generator;
	other_generator = ours;
}

/* Whether a session runs, and not the fuzzer, whose clock has to go on. */
static bool working;

/* The age of a ticket is in milliseconds, which GnuTLS takes from here. */
int clock_gettime(clockid_t clock, struct timespec *at)
{
	if (!working || clock != CLOCK_REALTIME)
		return (int)syscall(SYS_clock_gettime, clock, at);
	*at = (struct timespec){ .tv_sec = fixed_time };
	return 0;
}

/**
 * struct world - what sessions of one role are made of
 * @role: which
 * @set: a credential for each of the options
 * @cache: a client's sessions
 */
struct world {
	enum ksc_role role;
	struct ksc_credentials *set;
	struct ksc_cache *cache;
};

static struct world worlds[2] = { { .role = KSC_ROLE_CLIENT }, { .role = KSC_ROLE_SERVER } };

static void name_of(unsigned int options, char name[8])
{
	snprintf(name, 8, "fuzz%u", options);
}

static struct ksc_credential *credential(enum ksc_role role, unsigned int options)
{
	struct ksc_credential *cred;
	char name[8];

	name_of(options, name);
	cred = ksc_credential_new(name, KSC_ROLE_BIT(role));
	REQUIRE(cred);
	fixed_trust(cred);
	if (role == KSC_ROLE_SERVER) {
		fixed_cert(cred, KSC_TEST_CERTS "/server.pem", KSC_TEST_CERTS "/server.key");
		/* Asking for a certificate brings more code into play, but no tickets. */
		cred->verify = options & TARGET_CERT ? KSC_VERIFY_REQUIRE :
			       options & TARGET_RESUME ? KSC_VERIFY_NONE : KSC_VERIFY_REQUEST;
	} else if (options & TARGET_CERT) {
		fixed_cert(cred, KSC_TEST_CERTS "/client.pem", KSC_TEST_CERTS "/client.key");
	}
	if (options & TARGET_TLS12)
		cred->priority.max_version = GNUTLS_TLS1_2;
	cred->resumption = options & TARGET_RESUME;
	REQUIRE(!ksc_alpn_add(&cred->alpn, &cred->alpn_len, "h2"));
	REQUIRE(!ksc_credential_finish(cred));
	return cred;
}

static void make_world(struct world *w)
{
	unsigned int i;

	if (w->set)
		return;
	fixed_begin();
	w->set = ksc_credentials_new();
	REQUIRE(w->set);
	for (i = 0; i <= TARGET_OPTIONS; i++)
		REQUIRE(!ksc_credentials_add(w->set, credential(w->role, i)));
	w->cache = ksc_cache_new();
	REQUIRE(w->cache);
}

static struct ksc_engine *engine_new(struct world *w, unsigned int options)
{
	struct ksc_engine_params params = {
		.role = w->role,
		.server_name = "server.test",
		.cache = w->cache,
	};
	struct ksc_engine *engine;
	char name[8];

	make_world(w);
	params.cache = w->cache;
	params.credentials = w->set;
	name_of(options & TARGET_OPTIONS, name);
	params.credential = name;
	working = true;
	engine = ksc_engine_new(&params);
	working = false;
	REQUIRE(engine);
	return engine;
}

/* A ticket for a client's session; as ksc_engine_ticket() */
int target_ticket(struct ksc_engine *engine, const uint8_t *msg, size_t len)
{
	int rc;

	working = true;
	rc = ksc_engine_ticket(engine, msg, len);
	working = false;
	return rc;
}

/* A handshake of a client that goes on to have a ticket. */
static struct ksc_engine *first_session(uint8_t *ticket, size_t size, size_t *len)
{
	struct ksc_engine *client = engine_new(&worlds[0], TARGET_RESUME);
	struct ksc_engine *server = engine_new(&worlds[1], TARGET_RESUME);
	struct wire *to[2] = { calloc(1, sizeof(**to)), calloc(1, sizeof(**to)) };
	struct ksc_engine *ends[2] = { client, server };
	struct ksc_step steps[2] = { 0 };
	uint8_t type;
	int i, n;

	fixed_generator = 0xd1342543de82ef95;
	REQUIRE(to[0] && to[1]);
	for (i = 0; !i || to[i % 2]->len; i++) {
		struct wire *in = to[i % 2];

		if (i > 1 && steps[i % 2].status == KSC_STATUS_OK)
			break;
		target_step(ends[i % 2], in->data, in->len, &steps[i % 2]);
		wire_eat(in, steps[i % 2].consumed);
		wire_put(to[(i + 1) % 2], steps[i % 2].token, steps[i % 2].token_len);
	}
	REQUIRE(steps[0].status == KSC_STATUS_OK && steps[1].status == KSC_STATUS_OK);
	n = record_open(&steps[0].keys, &steps[0].keys.rx, to[0], &type, ticket, size);
	REQUIRE(n > 4);
	*len = 4 + ((size_t)ticket[2] << 8 | ticket[3]);
	ksc_step_wipe(&steps[0]);
	ksc_step_wipe(&steps[1]);
	ksc_engine_free(server);
	free(to[0]);
	free(to[1]);
	return client;
}

/* A client's next session finds the one ticket, as if it had just come. */
static void give_ticket(void)
{
	static struct ksc_engine *first;
	static uint8_t ticket[1 << 14];
	static size_t len;

	if (!first)
		first = first_session(ticket, sizeof(ticket), &len);
	REQUIRE(target_ticket(first, ticket, len) >= 0);
}

static struct ksc_engine *begin(enum ksc_role role, unsigned int options, uint64_t seed)
{
	struct ksc_engine *engine;

	if (role == KSC_ROLE_CLIENT && options & TARGET_RESUME)
		give_ticket();
	engine = engine_new(&worlds[role == KSC_ROLE_SERVER], options);
	fixed_generator = seed;
	return engine;
}

/* A session; the randomness starts anew with it. */
struct ksc_engine *target_new(unsigned int options)
{
	return begin(target_role, options, 0x9e3779b97f4a7c15);
}

/* The role that the fuzzed session does not play, to be recorded. */
struct ksc_engine *target_partner(unsigned int options)
{
	const uint64_t ours = fixed_generator;
	struct ksc_engine *engine;

	engine = begin(target_role == KSC_ROLE_CLIENT ? KSC_ROLE_SERVER : KSC_ROLE_CLIENT, options,
		       0xd1342543de82ef95);
	other_generator = fixed_generator;
	fixed_generator = ours;
	partner = engine;
	return engine;
}

/* A step, and what has to be true of each. */
enum ksc_status target_step(struct ksc_engine *engine, const uint8_t *data, size_t len,
			    struct ksc_step *step)
{
	enum ksc_status status;

	if (engine == partner)
		swap_generators();
	working = true;
	status = ksc_engine_step(engine, data, len, step);
	working = false;
	if (engine == partner)
		swap_generators();
	REQUIRE(status == step->status);
	REQUIRE(step->consumed <= len);
	REQUIRE(step->token_len <= KSC_MAX_TOKEN);
	REQUIRE(!step->token_len == !step->token);
	REQUIRE(memchr(step->text, '\0', sizeof(step->text)));
	if (status == KSC_STATUS_INCOMPLETE_MESSAGE) {
		REQUIRE(!step->consumed && !step->token_len);
		REQUIRE(step->need);
	}
	if (status == KSC_STATUS_CONTINUE_NEEDED)
		REQUIRE(step->consumed || !len);
	REQUIRE(!ksc_status_is_failure(status) == !*step->text);
	if (status != KSC_STATUS_OK) {
		REQUIRE(!step->keys.version);
		return status;
	}
	REQUIRE(step->keys.version == 0x0303 || step->keys.version == 0x0304);
	REQUIRE(step->keys.tx.secret_len || (step->keys.tx.key_len && step->keys.tx.iv_len));
	REQUIRE(step->keys.rx.secret_len || (step->keys.rx.key_len && step->keys.rx.iv_len));
	return status;
}
