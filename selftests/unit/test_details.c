// SPDX-License-Identifier: GPL-2.0-only
/* What may be queried about an established session. */
#include <stdlib.h>
#include <string.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "issue.h"
#include "variant.h"

/* The chain begins with that certificate, and is nothing but certificates. */
static void check_chain(const uint8_t *chain, size_t len, const char *name)
{
	gnutls_datum_t first = load_der(name);
	const uint8_t *p = chain, *end = chain + len;
	size_t n;

	assert_true(len > 3 + first.size || len == 3 + first.size);
	assert_memory_equal(chain + 3, first.data, first.size);
	while (p < end) {
		n = (size_t)(p[0] << 16 | p[1] << 8 | p[2]);
		assert_in_range(n, 1, end - p - 3);
		assert_int_equal(p[3], 0x30);
		p += 3 + n;
	}
	gnutls_free(first.data);
}

static void check_end_point(const struct ksc_details *details, const char *name)
{
	gnutls_datum_t der = load_der(name);
	uint8_t hash[32];

	assert_int_equal(gnutls_hash_fast(GNUTLS_DIG_SHA256, der.data, der.size, hash), 0);
	assert_int_equal(details->end_point.len, sizeof(hash));
	assert_memory_equal(details->end_point.hash, hash, sizeof(hash));
	gnutls_free(der.data);
}

/* Both sides show a certificate. */
static void every_variant(void **state)
{
	struct ksc_details details;
	struct setup s;
	size_t i;

	(void)state;
	for (i = 0; i < N_PLAIN_VARIANTS; i++) {
		const struct variant *v = &variants[i];
		const char *ours = v->we_serve ? "server" : "client";
		const char *theirs = v->we_serve ? "client" : "server";
		const struct cred_options cred = {
			.cert = ours, .ca = "ca",
			.verify = v->we_serve ? KSC_VERIFY_REQUIRE : KSC_VERIFY_DEFAULT,
		};

		setup(&s, v->type, &cred, (struct ksc_engine_params) {
			.role = v->we_serve ? KSC_ROLE_SERVER : KSC_ROLE_CLIENT,
			.server_name = v->we_serve ? NULL : "server.test",
		}, (struct peer_options) {
			.server = !v->we_serve, .tls12 = v->tls12, .cert = theirs, .ca = "ca",
			.ask_cert = !v->we_serve,
			.server_name = v->we_serve ? "server.test" : NULL,
		});
		assert_int_equal(shake(s.side, s.peer, WHOLE), KSC_STATUS_OK);
		memset(&details, 0, sizeof(details));
		assert_int_equal(ksc_engine_details(s.side->engine, &s.side->step.info, &details),
				 0);
		check_chain(details.chain, details.chain_len, theirs);
		check_chain(details.local_chain, details.local_chain_len, ours);
		check_end_point(&details, "server");
		assert_int_equal(details.traits, KSC_TRAIT_VERIFIED | KSC_TRAIT_CERTIFICATE_SHOWN |
				 (v->tls12 ? KSC_TRAIT_EXTENDED_MASTER_SECRET : 0));
		assert_true(details.group);
		assert_true(details.signature);
		if (!v->tls12)
			assert_int_equal(details.session_id_len, 0);
		ksc_details_free(&details);
		teardown(&s);
	}
}

/* The numbers are IANA's. */
static void groups(void **state)
{
	static const struct {
		const char *name;
		uint16_t number;
	} table[] = { { "X25519", 29 }, { "P-256", 23 }, { "P-384", 24 } };
	struct ksc_details details;
	struct setup s;
	size_t i;

	(void)state;
	for (i = 0; i < 2 * sizeof(table) / sizeof(table[0]); i++) {
		const struct cred_options cred = { .ca = "ca" };

		setup(&s, &peer_openssl, &cred, (struct ksc_engine_params) {
			.role = KSC_ROLE_CLIENT, .server_name = "server.test",
		}, (struct peer_options) {
			.server = true, .cert = "rsa", .groups = table[i / 2].name, .tls12 = i & 1,
		});
		assert_int_equal(shake(s.side, s.peer, WHOLE), KSC_STATUS_OK);
		memset(&details, 0, sizeof(details));
		assert_int_equal(ksc_engine_details(s.side->engine, &s.side->step.info, &details),
				 0);
		assert_int_equal(details.group, table[i / 2].number);
		/* RFC 8446 4.2.3: nothing but RSASSA-PSS */
		if (!(i & 1))
			assert_in_range(details.signature, 0x0804, 0x0806);
		else
			assert_true(details.signature);
		assert_int_equal(details.local_chain_len, 0);
		assert_int_equal(details.traits, KSC_TRAIT_VERIFIED |
				 (i & 1 ? KSC_TRAIT_EXTENDED_MASTER_SECRET : 0));
		ksc_details_free(&details);
		teardown(&s);
	}
}

/* What the caller accepted, in spite of its faults, is not verified. */
static void accepted(void **state)
{
	const char *const theirs[] = { "server", "unknown" };
	const struct cred_options cred = { .ca = "ca" };
	struct ksc_details details;
	struct setup s;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		setup(&s, &peer_openssl, &cred, (struct ksc_engine_params) {
			.role = KSC_ROLE_CLIENT, .server_name = "server.test",
			.verify = KSC_VERIFY_MANUAL,
		}, (struct peer_options) { .server = true, .cert = theirs[i] });
		s.side->verdict = KSC_VERDICT_ACCEPT;
		assert_int_equal(shake(s.side, s.peer, WHOLE), KSC_STATUS_OK);
		memset(&details, 0, sizeof(details));
		assert_int_equal(ksc_engine_details(s.side->engine, &s.side->step.info, &details),
				 0);
		assert_int_equal(details.traits,
				 KSC_TRAIT_ACCEPTED | (i ? 0 : KSC_TRAIT_VERIFIED));
		ksc_details_free(&details);
		teardown(&s);
	}
}

/* More than fits is refused. */
static void too_long(void **state)
{
	gnutls_datum_t certs[2];
	uint8_t *chain = NULL;
	size_t len = 0;

	(void)state;
	certs[0].data = calloc(1, KSC_MAX_CHAIN);
	assert_non_null(certs[0].data);
	certs[0].size = KSC_MAX_CHAIN - 7;
	certs[1] = (gnutls_datum_t) { certs[0].data, 1 };
	assert_int_equal(ksc_chain_join(certs, 2, &chain, &len), 0);
	assert_int_equal(len, KSC_MAX_CHAIN);
	free(chain);
	chain = NULL;
	certs[0].size++;
	assert_int_equal(ksc_chain_join(certs, 2, &chain, &len), GNUTLS_E_HANDSHAKE_TOO_LARGE);
	assert_null(chain);
	free(certs[0].data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_variant),
		cmocka_unit_test(groups),
		cmocka_unit_test(accepted),
		cmocka_unit_test(too_long),
	};

	make_variants();
	if (getenv("KSC_TEST_FILTER"))
		cmocka_set_test_filter(getenv("KSC_TEST_FILTER"));
	return cmocka_run_group_tests_name("details", tests, NULL, NULL);
}
