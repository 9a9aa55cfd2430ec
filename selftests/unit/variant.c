// SPDX-License-Identifier: GPL-2.0-only
/* Handshakes in every combination of library, role, version and suite. */
#include <string.h>

#include "common/names.h"
#include "common/suites.h"
#include "variant.h"

struct variant variants[N_VARIANTS];

void make_variants(void)
{
	unsigned int bits;
	size_t i, n = 0;

	for (i = 0; i < KSC_N_CIPHERS; i++)
		for (bits = 0; bits < 8; bits++)
			variants[n++] = (struct variant) {
				.type = bits & 1 ? &peer_openssl : &peer_gnutls,
				.we_serve = bits & 2,
				.tls12 = bits & 4,
				.cipher = ksc_ciphers[i].name,
			};
}

void setup(struct setup *s, const struct peer_type *type, const struct cred_options *cred,
	   struct ksc_engine_params params, struct peer_options peer)
{
	s->creds = creds_new(cred, 1);
	params.credentials = s->creds;
	s->side = side_new(&params);
	s->peer = peer_new(type, &peer);
}

void teardown(struct setup *s)
{
	side_free(s->side);
	peer_free(s->peer);
	ksc_credentials_put(s->creds);
}

void setup_variant(struct setup *s, const struct variant *v, struct peer_options peer)
{
	const struct cred_options cred = {
		.cert = v->we_serve ? "server" : NULL,
		.ca = "ca",
	};

	peer.server = !v->we_serve;
	peer.tls12 = v->tls12;
	peer.cipher = v->cipher;
	peer.cert = v->we_serve ? NULL : peer.cert ? peer.cert : "server";
	peer.ca = v->we_serve ? "ca" : NULL;
	peer.server_name = v->we_serve ? "server.test" : NULL;
	setup(s, v->type, &cred, (struct ksc_engine_params) {
		.role = v->we_serve ? KSC_ROLE_SERVER : KSC_ROLE_CLIENT,
		.server_name = v->we_serve ? NULL : "server.test",
	}, peer);
}

void check_ok(struct setup *s, const struct variant *v)
{
	const struct ksc_step *step = &s->side->step;

	if (step->status != KSC_STATUS_OK)
		fail_msg("%s, we %s, %s, %s: %s: %s", v->type->name,
			 v->we_serve ? "serve" : "connect", v->tls12 ? "1.2" : "1.3", v->cipher,
			 ksc_status_name(step->status), step->text);
	assert_int_equal(step->keys.version, v->tls12 ? 0x0303 : 0x0304);
	assert_string_equal(ksc_suite_cipher(step->keys.suite), v->cipher);
	assert_string_equal(step->info.server_name, "server.test");
	assert_int_equal(step->info.peer.present, !v->we_serve);
	if (!v->we_serve)
		assert_non_null(strstr(step->info.peer.subject, "CN=server"));
	assert_false(step->info.resumed);
	assert_int_equal(step->keys.tx.secret_len == 0, v->tls12);
	assert_int_equal(step->keys.tx.key_len == 0, !v->tls12);
}
