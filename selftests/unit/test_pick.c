// SPDX-License-Identifier: GPL-2.0-only
/* Clients that are notified when the server asks for a certificate, and pick one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <gnutls/x509.h>

#include "variant.h"

/* Two libraries, two versions. */
#define N_SERVERS	4

static const struct cred_options creds[] = {
	{ .ca = "ca" },
	{ .name = "mine", .cert = "client", .ca = "ca", .not_default = true,
	  .restricted = true, .uid = 1000 },
	{ .name = "theirs", .cert = "client", .ca = "ca", .not_default = true,
	  .restricted = true, .uid = 1 },
	{ .name = "empty", .ca = "ca", .not_default = true },
};

/* A client that picks, and a server that asks, or not, and knows issuers by "ca". */
static void begin(struct setup *s, unsigned int bits, bool asks, struct ksc_engine_params params)
{
	params.role = KSC_ROLE_CLIENT;
	params.server_name = "server.test";
	params.who.uid = 1000;
	params.pick = true;
	params.credentials = creds_new(creds, sizeof(creds) / sizeof(creds[0]));
	s->creds = params.credentials;
	s->side = side_new(&params);
	s->peer = peer_new(bits & 1 ? &peer_openssl : &peer_gnutls, &(struct peer_options) {
		.server = true, .tls12 = bits & 2, .cert = "server", .ca = asks ? "ca" : NULL,
		.ask_cert = asks,
	});
}

/* How many names there are; each has to be one. */
static unsigned int count_issuers(const struct ksc_step *step)
{
	const uint8_t *p = step->issuers, *end = p + step->issuers_len;
	unsigned int n = 0;

	for (; p < end; n++) {
		gnutls_datum_t der = { (unsigned char *)p + 2, (unsigned int)(p[0] << 8 | p[1]) };
		gnutls_datum_t text;

		assert_true((size_t)(end - p) >= 2 + der.size);
		assert_int_equal(gnutls_x509_rdn_get2(&der, &text, 0), 0);
		gnutls_free(text.data);
		p += 2 + der.size;
	}
	return n;
}

static enum ksc_status answer(struct side *side, const char *credential)
{
	ksc_engine_pick(side->engine, credential);
	return side_step(side, side->in.len);
}

static void pick_one(void **state)
{
	static const size_t chunks[] = { 1, WHOLE };
	unsigned int bits, c;

	(void)state;
	for (bits = 0; bits < N_SERVERS; bits++)
		for (c = 0; c < 2; c++) {
			struct setup s;
			int n;

			begin(&s, bits, true, (struct ksc_engine_params) { 0 });
			assert_int_equal(shake(s.side, s.peer, chunks[c]),
					 KSC_STATUS_INCOMPLETE_CREDENTIALS);
			assert_true(count_issuers(&s.side->step) > 0 || (bits & 1));
			for (n = 0; n < 3; n++) {
				assert_int_equal(side_step(s.side, s.side->in.len),
						 KSC_STATUS_INCOMPLETE_CREDENTIALS);
				assert_int_equal(s.side->step.consumed, 0);
				assert_int_equal(s.side->step.token_len, 0);
			}
			answer(s.side, "mine");
			if (shake_on(s.side, s.peer, chunks[c]) != KSC_STATUS_OK)
				fail_msg("%u: %s", bits, s.side->step.text);
			assert_true(s.peer->done);
			prove_keys(s.side, s.peer);
			teardown(&s);
		}
}

/* On purpose without: the server decides what to make of it. */
static void pick_none(void **state)
{
	unsigned int bits;

	(void)state;
	for (bits = 0; bits < N_SERVERS; bits++) {
		struct setup s;

		begin(&s, bits, true, (struct ksc_engine_params) { 0 });
		assert_int_equal(shake(s.side, s.peer, WHOLE), KSC_STATUS_INCOMPLETE_CREDENTIALS);
		answer(s.side, NULL);
		shake_on(s.side, s.peer, WHOLE);
		assert_false(s.peer->done);
		/* In TLS 1.3 the alert comes after our end. */
		assert_int_equal(s.side->step.status, bits & 2 ? KSC_STATUS_ALERT_RECEIVED :
								 KSC_STATUS_OK);
		teardown(&s);
	}
}

static void pick_badly(void **state)
{
	static const struct {
		const char *name;
		enum ksc_status status;
	} bad[] = {
		{ "nobody", KSC_STATUS_NO_CREDENTIALS },
		{ "theirs", KSC_STATUS_ACCESS_DENIED },
		{ "empty", KSC_STATUS_NO_CREDENTIALS },
	};
	unsigned int bits;
	size_t i;

	(void)state;
	for (bits = 0; bits < N_SERVERS; bits++)
		for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			struct setup s;

			begin(&s, bits, true, (struct ksc_engine_params) { 0 });
			assert_int_equal(shake(s.side, s.peer, WHOLE),
					 KSC_STATUS_INCOMPLETE_CREDENTIALS);
			assert_int_equal(answer(s.side, bad[i].name), bad[i].status);
			assert_non_null(strstr(s.side->step.text, bad[i].name));
			assert_int_equal(s.side->step.direction, KSC_DIRECTION_SENT);
			wire_put(&s.peer->in, s.side->out.data, s.side->out.len);
			assert_int_equal(s.peer->type->handshake(s.peer), PEER_FAILED);
			teardown(&s);
		}
}

/* The caller is not asked without a request, or with a credential that it chose before. */
static void nothing_to_pick(void **state)
{
	unsigned int bits;

	(void)state;
	for (bits = 0; bits < N_SERVERS; bits++) {
		struct setup s;

		begin(&s, bits, false, (struct ksc_engine_params) { 0 });
		assert_int_equal(shake(s.side, s.peer, WHOLE), KSC_STATUS_OK);
		prove_keys(s.side, s.peer);
		teardown(&s);
		begin(&s, bits, true, (struct ksc_engine_params) { .credential = "mine" });
		assert_int_equal(shake(s.side, s.peer, WHOLE), KSC_STATUS_OK);
		prove_keys(s.side, s.peer);
		teardown(&s);
	}
}

/* Both questions, in whatever order they come. */
static void pick_and_judge(void **state)
{
	unsigned int bits;

	(void)state;
	for (bits = 0; bits < N_SERVERS; bits++) {
		enum ksc_status status;
		unsigned int picked = 0;
		struct setup s;

		begin(&s, bits, true, (struct ksc_engine_params) { .verify = KSC_VERIFY_MANUAL });
		status = shake(s.side, s.peer, WHOLE);
		while (status == KSC_STATUS_INCOMPLETE_CREDENTIALS ||
		       status == KSC_STATUS_VERIFY_NEEDED) {
			if (status == KSC_STATUS_VERIFY_NEEDED) {
				side_decide(s.side, KSC_VERDICT_ACCEPT, 0);
			} else {
				answer(s.side, "mine");
				picked++;
			}
			status = shake_on(s.side, s.peer, WHOLE);
		}
		assert_int_equal(status, KSC_STATUS_OK);
		assert_int_equal(picked, 1);
		assert_int_equal(s.side->asked, 1);
		prove_keys(s.side, s.peer);
		teardown(&s);
	}
}

/* A session with a picked credential is not cached: the next one may pick another. */
static void is_not_resumed(void **state)
{
	struct ksc_cache *cache = ksc_cache_new();
	unsigned int bits;

	(void)state;
	for (bits = 0; bits < N_SERVERS; bits++) {
		struct setup s;

		begin(&s, bits, true, (struct ksc_engine_params) { .cache = cache });
		assert_int_equal(shake(s.side, s.peer, WHOLE), KSC_STATUS_INCOMPLETE_CREDENTIALS);
		answer(s.side, "mine");
		assert_int_equal(shake_on(s.side, s.peer, WHOLE), KSC_STATUS_OK);
		assert_false(s.side->step.tickets);
		assert_int_equal(ksc_cache_count(cache), 0);
		teardown(&s);
	}
	ksc_cache_free(cache);
}

/* Ended while it waits, or before the answer was used: nothing is left behind. */
static void ends_waiting(void **state)
{
	unsigned int bits;
	int answered;

	(void)state;
	for (bits = 0; bits < N_SERVERS; bits++)
		for (answered = 0; answered < 2; answered++) {
			struct setup s;

			begin(&s, bits, true, (struct ksc_engine_params) { 0 });
			assert_int_equal(shake(s.side, s.peer, WHOLE),
					 KSC_STATUS_INCOMPLETE_CREDENTIALS);
			if (answered)
				ksc_engine_pick(s.side->engine, "mine");
			teardown(&s);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pick_one),
		cmocka_unit_test(pick_none),
		cmocka_unit_test(pick_badly),
		cmocka_unit_test(nothing_to_pick),
		cmocka_unit_test(pick_and_judge),
		cmocka_unit_test(is_not_resumed),
		cmocka_unit_test(ends_waiting),
	};

	if (getenv("KSC_TEST_FILTER"))
		cmocka_set_test_filter(getenv("KSC_TEST_FILTER"));
	return cmocka_run_group_tests_name("pick", tests, NULL, NULL);
}
