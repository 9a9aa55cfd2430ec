// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a handshake negotiates for the records: less common suites, and the largest record that
 * the peer accepts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/suites.h"
#include "variant.h"

/* TLS 1.2 with an RSA certificate: AES-CCM comes with DHE, all else with ECDHE. */
static void rsa_suites(void **state)
{
	unsigned int bits;
	size_t i;

	(void)state;
	for (bits = 0; bits < 4; bits++)
		for (i = 0; i < KSC_N_CIPHERS; i++) {
			const bool serve = bits & 1;
			const struct cred_options cred = {
				.cert = serve ? "rsa" : NULL, .ca = "ca",
			};
			const struct ksc_cipher *cipher = &ksc_ciphers[i];
			struct setup s;

			setup(&s, bits & 2 ? &peer_openssl : &peer_gnutls, &cred,
			      (struct ksc_engine_params) {
				      .role = serve ? KSC_ROLE_SERVER : KSC_ROLE_CLIENT,
				      .server_name = serve ? NULL : "server.test",
			      },
			      (struct peer_options) {
				      .server = !serve, .tls12 = true, .cipher = cipher->name,
				      .cert = serve ? NULL : "rsa", .ca = serve ? "ca" : NULL,
				      .server_name = serve ? "server.test" : NULL,
			      });
			if (shake(s.side, s.peer, WHOLE) != KSC_STATUS_OK)
				fail_msg("%s, %s: %s", s.peer->type->name, cipher->name,
					 s.side->step.text);
			assert_int_equal(s.side->step.keys.suite,
					 cipher->ecdhe_rsa ? cipher->ecdhe_rsa : cipher->dhe_rsa);
			prove_keys(s.side, s.peer);
			teardown(&s);
		}
}

static void names_and_numbers(void **state)
{
	(void)state;
	assert_string_equal(ksc_suite_cipher(0x1304), "AES-128-CCM");
	assert_string_equal(ksc_suite_cipher(0xc0ac), "AES-128-CCM");
	assert_string_equal(ksc_suite_cipher(0xc09e), "AES-128-CCM");
	assert_string_equal(ksc_suite_cipher(0x009e), "AES-128-GCM");
	assert_string_equal(ksc_suite_cipher(0x009f), "AES-256-GCM");
	assert_string_equal(ksc_suite_cipher(0xccaa), "CHACHA20-POLY1305");
	/* No suite, which AES-CCM would have with ECDHE-RSA. */
	assert_null(ksc_cipher_by_suite(0));
	assert_int_equal(ksc_suite_number(ksc_cipher_by_name("AES-128-CCM"), GNUTLS_TLS1_2,
					  GNUTLS_KX_ECDHE_RSA), 0);
}

/* The peer opens records up to its limit, and not a byte more. */
static void prove_limit(struct side *side, struct peer *peer, size_t most)
{
	static uint8_t data[1 << 14], got[1 << 14];
	struct ksc_keys *keys = &side->step.keys;
	int tries, n = 0;

	memset(data, 'x', sizeof(data));
	record_seal(keys, &keys->tx, 23, data, most, &peer->in);
	/* Tickets of ours come first, in many records. */
	for (tries = 0; !n && tries < 64; tries++)
		n = peer->type->read(peer, got, sizeof(got));
	assert_int_equal(n, most);
	assert_memory_equal(got, data, most);
	record_seal(keys, &keys->tx, 23, data, most + 1, &peer->in);
	n = peer->type->read(peer, got, sizeof(got));
	if (n != -1)
		fail_msg("%s took %d bytes, limit %zu", peer->type->name, n, most);
}

/* RFC 8449: in TLS 1.3 the type's byte is one of those that count. */
static void record_size_limit(void **state)
{
	static const unsigned int sizes[] = { 64, 511, 1024, 16383 };
	size_t i, k;

	(void)state;
	for (i = 0; i < N_PLAIN_VARIANTS; i++)
		for (k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
			const struct variant *v = &variants[i];
			uint32_t max;
			struct setup s;

			if (v->type != &peer_gnutls)
				continue;
			setup_variant(&s, v, (struct peer_options) {
				.record_size_limit = sizes[k], .no_tickets = true,
			});
			shake(s.side, s.peer, WHOLE);
			check_ok(&s, v);
			max = s.side->step.keys.max_record;
			assert_int_equal(max, sizes[k] + !v->tls12);
			prove_limit(s.side, s.peer, sizes[k]);
			teardown(&s);
		}
}

/* RFC 6066: what a client asks for holds in both directions, and is answered. */
static void max_fragment_length(void **state)
{
	static const struct {
		uint8_t code;
		unsigned int size;
	} sizes[] = { { 1, 512 }, { 2, 1024 }, { 4, 4096 } };
	size_t i, k;

	(void)state;
	for (i = 0; i < N_PLAIN_VARIANTS; i++)
		for (k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
			const struct variant *v = &variants[i];
			struct setup s;

			if (v->type != &peer_openssl || !v->we_serve)
				continue;
			setup_variant(&s, v, (struct peer_options) {
				.max_fragment_length = sizes[k].code, .no_tickets = true,
			});
			shake(s.side, s.peer, WHOLE);
			check_ok(&s, v);
			assert_int_equal(s.side->step.keys.max_record, sizes[k].size + !v->tls12);
			prove_limit(s.side, s.peer, sizes[k].size);
			teardown(&s);
		}
}

static void no_limit(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_PLAIN_VARIANTS; i++) {
		struct setup s;

		setup_variant(&s, &variants[i], (struct peer_options) { 0 });
		shake(s.side, s.peer, WHOLE);
		check_ok(&s, &variants[i]);
		assert_int_equal(s.side->step.keys.max_record, 0);
		teardown(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rsa_suites),
		cmocka_unit_test(names_and_numbers),
		cmocka_unit_test(record_size_limit),
		cmocka_unit_test(max_fragment_length),
		cmocka_unit_test(no_limit),
	};

	if (getenv("KSC_TEST_FILTER"))
		cmocka_set_test_filter(getenv("KSC_TEST_FILTER"));
	make_variants();
	return cmocka_run_group_tests_name("suite", tests, NULL, NULL);
}
