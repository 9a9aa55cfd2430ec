// SPDX-License-Identifier: GPL-2.0-only
/*
 * An engine that does the same each time it is given the same: its randomness
 * and its clock stand still, so that a peer's recorded flights fit it, keys
 * and all, and a fuzzer gets as far as they do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <gnutls/crypto.h>

#include "target.h"

#ifndef KSC_FUZZ_ROLE
#define KSC_FUZZ_ROLE	KSC_ROLE_CLIENT
#endif

const enum ksc_role target_role = KSC_FUZZ_ROLE;

static uint64_t generator;
/* When the certificates were made; they are judged at that time. */
static time_t standing_time;

/* In the place of the library's, which calls it through its own table. */
int gnutls_rnd(gnutls_rnd_level_t level, void *data, size_t len)
{
	uint8_t *bytes = data;
	size_t i;

	(void)level;
	for (i = 0; i < len; i++) {
		generator ^= generator << 13;
		generator ^= generator >> 7;
		generator ^= generator << 17;
		bytes[i] = (uint8_t)(generator >> 32);
	}
	return 0;
}

static time_t standing_clock(time_t *at)
{
	if (at)
		*at = standing_time;
	return standing_time;
}

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

#define REQUIRE(condition)	require(condition, #condition)

static struct ksc_credential *credential(void)
{
	struct ksc_credential *cred = ksc_credential_new("fuzz", KSC_ROLE_BIT(target_role));

	REQUIRE(cred);
	cred->is_default = true;
	REQUIRE(ksc_credential_set_trust(cred, KSC_TEST_CERTS "/ca.pem") > 0);
	if (target_role == KSC_ROLE_SERVER) {
		REQUIRE(!ksc_credential_set_cert(cred, KSC_TEST_CERTS "/server.pem",
						 KSC_TEST_CERTS "/server.key"));
		/* Asking for a certificate brings more code into play. */
		cred->verify = KSC_VERIFY_REQUEST;
	}
	REQUIRE(!ksc_credential_add_alpn(cred, "h2"));
	REQUIRE(!ksc_credential_finish(cred));
	return cred;
}

/* A session; the randomness starts anew with it. */
struct ksc_engine *target_new(void)
{
	static struct ksc_credentials *set;
	struct ksc_engine_params params = {
		.role = target_role,
		.server_name = "server.test",
	};
	struct ksc_engine *engine;

	generator = 0x9e3779b97f4a7c15;
	if (!set) {
		struct stat made;

		REQUIRE(!stat(KSC_TEST_CERTS "/ca.pem", &made));
		standing_time = made.st_mtime;
		gnutls_global_set_time_function(standing_clock);
		set = ksc_credentials_new();
		REQUIRE(set);
		REQUIRE(!ksc_credentials_add(set, credential()));
		generator = 0x9e3779b97f4a7c15;
	}
	params.credentials = set;
	engine = ksc_engine_new(&params);
	REQUIRE(engine);
	return engine;
}

/* A step, and what has to be true of each. */
enum ksc_status target_step(struct ksc_engine *engine, const uint8_t *data, size_t len,
			    struct ksc_step *step)
{
	enum ksc_status status = ksc_engine_step(engine, data, len, step);

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
