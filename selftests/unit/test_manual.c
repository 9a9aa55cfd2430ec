// SPDX-License-Identifier: GPL-2.0-only
/* Callers that judge the peer's certificate themselves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <gnutls/x509.h>

#include "variant.h"

/* The variant, with us judging by hand; the peer shows that certificate, or none. */
static void begin(struct setup *s, const struct variant *v, const char *cert,
		  enum ksc_verify demanded)
{
	const struct cred_options cred = {
		.cert = v->we_serve ? "server" : NULL,
		.ca = "ca",
		.verify = demanded,
	};

	setup(s, v->type, &cred, (struct ksc_engine_params) {
		.role = v->we_serve ? KSC_ROLE_SERVER : KSC_ROLE_CLIENT,
		.server_name = v->we_serve ? NULL : "server.test",
		.verify = KSC_VERIFY_MANUAL,
	}, (struct peer_options) {
		.server = !v->we_serve,
		.tls12 = v->tls12,
		.cert = cert,
		.ca = v->we_serve ? "ca" : NULL,
		.server_name = v->we_serve ? "server.test" : NULL,
	});
}

/* How many certificates were handed out; each has to be one, the first for @cn. */
static unsigned int count_chain(const struct side *side, const char *cn)
{
	const uint8_t *p = side->question.chain, *end = p + side->question.chain_len;
	unsigned int n = 0;

	while (p < end) {
		gnutls_datum_t der = { (unsigned char *)p + 3,
				       (unsigned int)(p[0] << 16 | p[1] << 8 | p[2]) };
		gnutls_x509_crt_t crt;
		char dn[256];
		size_t len = sizeof(dn);

		assert_true(der.size && (size_t)(end - p) >= 3 + der.size);
		assert_int_equal(gnutls_x509_crt_init(&crt), 0);
		assert_int_equal(gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER), 0);
		assert_int_equal(gnutls_x509_crt_get_dn(crt, dn, &len), 0);
		if (!n++)
			assert_non_null(strstr(dn, cn));
		gnutls_x509_crt_deinit(crt);
		p += 3 + der.size;
	}
	return n;
}

/* The faults are reported, and the caller's verdict is what counts. */
static void accept_whatever(void **state)
{
	static const struct {
		const char *theirs[2];	/* a server's, a client's */
		uint32_t faults;
		const char *words;
	} cases[] = {
		{ { "server", "client" }, 0, "" },
		{ { "unknown", "client-unknown" }, KSC_FAULT_UNKNOWN_ISSUER, "issuer" },
		{ { "expired", "client-expired" }, KSC_FAULT_EXPIRED, "expired" },
		{ { "second", NULL }, KSC_FAULT_WRONG_NAME, "name" },
		{ { "future", NULL }, KSC_FAULT_NOT_YET_VALID, "not yet" },
		{ { "purpose", "server" }, KSC_FAULT_WRONG_PURPOSE, "purpose" },
	};
	size_t i, c;

	(void)state;
	for (c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
		for (i = 0; i < N_PLAIN_VARIANTS; i++) {
			const struct variant *v = &variants[i];
			const char *cert = cases[c].theirs[v->we_serve];
			struct setup s;

			if (!cert)
				continue;
			begin(&s, v, cert, KSC_VERIFY_DEFAULT);
			s.side->verdict = KSC_VERDICT_ACCEPT;
			if (shake(s.side, s.peer, WHOLE) != KSC_STATUS_OK)
				fail_msg("%s, %s, 1.%d: %s", cert, v->type->name, v->tls12 ? 2 : 3,
					 s.side->step.text);
			assert_int_equal(s.side->asked, 1);
			assert_int_equal(s.side->question.faults, cases[c].faults);
			assert_non_null(strstr(s.side->question.text, cases[c].words));
			assert_true(count_chain(s.side, cert) >= 1);
			assert_true(s.side->step.info.peer.present);
			assert_true(s.peer->done);
			prove_keys(s.side, s.peer);
			teardown(&s);
		}
}

/* No step continues before the verdict; and with any fragmentation. */
static void waits(void **state)
{
	static const size_t chunks[] = { 1, 7, WHOLE };
	size_t i, c;
	int n;

	(void)state;
	for (i = 0; i < N_PLAIN_VARIANTS; i++)
		for (c = 0; c < sizeof(chunks) / sizeof(chunks[0]); c++) {
			const struct variant *v = &variants[i];
			struct setup s;

			begin(&s, v, v->we_serve ? "client" : "server", KSC_VERIFY_DEFAULT);
			assert_int_equal(shake(s.side, s.peer, chunks[c]),
					 KSC_STATUS_VERIFY_NEEDED);
			/* A TLS 1.3 client has said all, and is content with the server. */
			assert_int_equal(s.peer->done, v->we_serve && !v->tls12);
			for (n = 0; n < 3; n++) {
				assert_int_equal(side_step(s.side, n ? s.side->in.len : 0),
						 KSC_STATUS_VERIFY_NEEDED);
				assert_int_equal(s.side->step.consumed, 0);
				assert_int_equal(s.side->step.token_len, 0);
				assert_int_equal(s.side->question.faults, 0);
				assert_true(count_chain(s.side, "CN") >= 1);
			}
			s.side->verdict = KSC_VERDICT_ACCEPT;
			side_decide(s.side, KSC_VERDICT_ACCEPT, 0);
			/* The first verdict counts, and there is but one question. */
			ksc_engine_decide(s.side->engine, KSC_VERDICT_REJECT, 0);
			assert_int_equal(shake_on(s.side, s.peer, chunks[c]), KSC_STATUS_OK);
			prove_keys(s.side, s.peer);
			teardown(&s);
		}
}

/* What the peer has sent behind its Finished is for the record layer. */
static void early_data(void **state)
{
	static const char hello[] = "sent before you know me";
	uint8_t type, got[64];
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		const struct variant v = { .type = i ? &peer_openssl : &peer_gnutls,
					   .we_serve = true };
		struct ksc_keys *keys;
		struct setup s;

		begin(&s, &v, "client", KSC_VERIFY_DEFAULT);
		assert_int_equal(shake(s.side, s.peer, WHOLE), KSC_STATUS_VERIFY_NEEDED);
		assert_true(s.peer->done);
		s.peer->type->write(s.peer, hello, sizeof(hello));
		side_deliver(s.side, s.peer->out.data, s.peer->out.len, WHOLE);
		s.peer->out.len = 0;
		assert_int_equal(s.side->step.status, KSC_STATUS_VERIFY_NEEDED);
		assert_int_equal(side_decide(s.side, KSC_VERDICT_ACCEPT, 0), KSC_STATUS_OK);
		keys = &s.side->step.keys;
		assert_int_equal(record_open(keys, &keys->rx, &s.side->in, &type, got,
					     sizeof(got)), sizeof(hello));
		assert_memory_equal(got, hello, sizeof(hello));
		teardown(&s);
	}
}

static void reject(void **state)
{
	size_t i;
	int which;

	(void)state;
	for (i = 0; i < N_PLAIN_VARIANTS; i++)
		for (which = 0; which < 2; which++) {
			const struct variant *v = &variants[i];
			const uint8_t alert = which ? GNUTLS_A_CERTIFICATE_UNKNOWN :
						      GNUTLS_A_BAD_CERTIFICATE;
			uint8_t buf[16];
			struct setup s;

			begin(&s, v, v->we_serve ? "client" : "server", KSC_VERIFY_DEFAULT);
			assert_int_equal(shake(s.side, s.peer, WHOLE), KSC_STATUS_VERIFY_NEEDED);
			assert_int_equal(side_decide(s.side, KSC_VERDICT_REJECT,
						     which ? alert : 0),
					 KSC_STATUS_PEER_REJECTED);
			assert_int_equal(s.side->step.alert, alert);
			assert_int_equal(s.side->step.direction, KSC_DIRECTION_SENT);
			assert_non_null(strstr(s.side->step.text, "application"));
			assert_true(s.side->out.len > 0);
			wire_put(&s.peer->in, s.side->out.data, s.side->out.len);
			if (s.peer->done)
				assert_int_equal(s.peer->type->read(s.peer, buf, sizeof(buf)), -1);
			else
				assert_int_equal(s.peer->type->handshake(s.peer), PEER_FAILED);
			/* It has failed. */
			assert_int_equal(side_step(s.side, 0), KSC_STATUS_INTERNAL_ERROR);
			teardown(&s);
		}
}

/* The peer gets an alert, and the handshake has failed. */
static void expect_given_up(struct setup *s, enum ksc_status status, uint8_t alert)
{
	uint8_t buf[16];

	s->side->out.len = 0;
	ksc_engine_give_up(s->side->engine, status, alert, "It is aborted.");
	assert_int_equal(side_step(s->side, 0), status);
	assert_int_equal(s->side->step.alert, alert);
	assert_int_equal(s->side->step.direction, KSC_DIRECTION_SENT);
	assert_string_equal(s->side->step.text, "It is aborted.");
	assert_true(s->side->out.len > 0);
	wire_put(&s->peer->in, s->side->out.data, s->side->out.len);
	if (s->peer->done)
		assert_int_equal(s->peer->type->read(s->peer, buf, sizeof(buf)), -1);
	else
		assert_int_equal(s->peer->type->handshake(s->peer), PEER_FAILED);
	assert_int_equal(side_step(s->side, 0), KSC_STATUS_INTERNAL_ERROR);
}

/* The caller may have enough at any time, asked for a verdict or not. */
static void give_up(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_PLAIN_VARIANTS; i++) {
		const struct variant *v = &variants[i];
		struct setup s;

		begin(&s, v, v->we_serve ? "client" : "server", KSC_VERIFY_DEFAULT);
		assert_int_equal(shake(s.side, s.peer, WHOLE), KSC_STATUS_VERIFY_NEEDED);
		expect_given_up(&s, KSC_STATUS_CANCELLED, GNUTLS_A_ACCESS_DENIED);
		teardown(&s);

		/* nothing has come yet */
		begin(&s, v, v->we_serve ? "client" : "server", KSC_VERIFY_DEFAULT);
		if (v->we_serve) {
			s.peer->type->handshake(s.peer);
		} else {
			assert_int_equal(side_step(s.side, 0), KSC_STATUS_CONTINUE_NEEDED);
			wire_put(&s.peer->in, s.side->out.data, s.side->out.len);
		}
		expect_given_up(&s, KSC_STATUS_RECORD_OVERFLOW, GNUTLS_A_INTERNAL_ERROR);
		teardown(&s);
	}
}

/* A client that has sent nothing sends no alert. */
static void give_up_first(void **state)
{
	const struct cred_options cred = { .ca = "ca" };
	struct setup s;

	(void)state;
	setup(&s, &peer_gnutls, &cred, (struct ksc_engine_params) {
		.role = KSC_ROLE_CLIENT, .server_name = "server.test",
	}, (struct peer_options) { .server = true, .cert = "server" });
	ksc_engine_give_up(s.side->engine, KSC_STATUS_CANCELLED, GNUTLS_A_USER_CANCELED,
			   "It is aborted.");
	assert_int_equal(side_step(s.side, 0), KSC_STATUS_CANCELLED);
	assert_int_equal(s.side->step.direction, KSC_DIRECTION_NONE);
	assert_int_equal(s.side->out.len, 0);
	teardown(&s);
}

/* None at all is for the caller to judge, too. */
static void no_certificate(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_PLAIN_VARIANTS; i++) {
		const struct variant *v = &variants[i];
		struct setup s;

		if (!v->we_serve)
			continue;
		begin(&s, v, NULL, KSC_VERIFY_DEFAULT);
		s.side->verdict = KSC_VERDICT_ACCEPT;
		assert_int_equal(shake(s.side, s.peer, WHOLE), KSC_STATUS_OK);
		assert_int_equal(s.side->asked, 1);
		assert_int_equal(s.side->question.faults, KSC_FAULT_NO_CERTIFICATE);
		assert_int_equal(s.side->question.chain_len, 0);
		assert_false(s.side->step.info.peer.present);
		prove_keys(s.side, s.peer);
		teardown(&s);
	}
}

/* Callers without a name to compare with have to look closely. */
static void no_name(void **state)
{
	const struct cred_options cred = { .ca = "ca" };
	struct setup s;

	(void)state;
	setup(&s, &peer_gnutls, &cred, (struct ksc_engine_params) {
		.role = KSC_ROLE_CLIENT, .verify = KSC_VERIFY_MANUAL,
	}, (struct peer_options) { .server = true, .cert = "server" });
	s.side->verdict = KSC_VERDICT_ACCEPT;
	assert_int_equal(shake(s.side, s.peer, WHOLE), KSC_STATUS_OK);
	assert_int_equal(s.side->question.faults, KSC_FAULT_WRONG_NAME);
	teardown(&s);
}

/* An application can ask for more than the configuration does, not for less. */
static void configuration_demands(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_PLAIN_VARIANTS; i++) {
		const struct variant *v = &variants[i];
		struct setup s;

		begin(&s, v, v->we_serve ? "client-unknown" : "unknown", KSC_VERIFY_REQUIRE);
		s.side->verdict = KSC_VERDICT_ACCEPT;
		assert_int_equal(shake(s.side, s.peer, WHOLE), KSC_STATUS_PEER_REJECTED);
		assert_int_equal(s.side->asked, 0);
		teardown(&s);

		begin(&s, v, v->we_serve ? "client" : "server", KSC_VERIFY_REQUIRE);
		assert_int_equal(shake(s.side, s.peer, WHOLE), KSC_STATUS_VERIFY_NEEDED);
		assert_int_equal(side_decide(s.side, KSC_VERDICT_REJECT, 0),
				 KSC_STATUS_PEER_REJECTED);
		teardown(&s);
		if (!v->we_serve)
			continue;
		begin(&s, v, NULL, KSC_VERIFY_REQUIRE);
		s.side->verdict = KSC_VERDICT_ACCEPT;
		assert_int_equal(shake(s.side, s.peer, WHOLE), KSC_STATUS_PEER_REJECTED);
		assert_int_equal(s.side->asked, 0);
		teardown(&s);
		begin(&s, v, NULL, KSC_VERIFY_REQUEST);
		s.side->verdict = KSC_VERDICT_ACCEPT;
		assert_int_equal(shake(s.side, s.peer, WHOLE), KSC_STATUS_OK);
		assert_int_equal(s.side->question.faults, KSC_FAULT_NO_CERTIFICATE);
		teardown(&s);
	}
}

/* Each connection is judged by what is shown on it. */
static void is_not_resumed(void **state)
{
	struct ksc_cache *cache = ksc_cache_new();
	const struct cred_options cred = { .ca = "ca" };
	int tls12, i;

	(void)state;
	for (tls12 = 0; tls12 < 2; tls12++)
		for (i = 0; i < 2; i++) {
			struct setup s;

			setup(&s, &peer_openssl, &cred, (struct ksc_engine_params) {
				.role = KSC_ROLE_CLIENT, .server_name = "server.test",
				.verify = KSC_VERIFY_MANUAL, .cache = cache,
			}, (struct peer_options) {
				.server = true, .cert = "server", .tls12 = tls12,
			});
			s.side->verdict = KSC_VERDICT_ACCEPT;
			assert_int_equal(shake(s.side, s.peer, WHOLE), KSC_STATUS_OK);
			assert_int_equal(s.side->asked, 1);
			assert_false(s.side->step.info.resumed);
			assert_false(s.side->step.tickets);
			assert_int_equal(ksc_cache_count(cache), 0);
			teardown(&s);
		}
	ksc_cache_free(cache);
}

/* Ended while it waits: nothing is left behind. */
static void ends_waiting(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_PLAIN_VARIANTS; i++) {
		struct setup s;

		begin(&s, &variants[i], variants[i].we_serve ? "client" : "server",
		      KSC_VERIFY_DEFAULT);
		assert_int_equal(shake(s.side, s.peer, WHOLE), KSC_STATUS_VERIFY_NEEDED);
		teardown(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accept_whatever),
		cmocka_unit_test(waits),
		cmocka_unit_test(early_data),
		cmocka_unit_test(reject),
		cmocka_unit_test(give_up),
		cmocka_unit_test(give_up_first),
		cmocka_unit_test(no_certificate),
		cmocka_unit_test(no_name),
		cmocka_unit_test(configuration_demands),
		cmocka_unit_test(is_not_resumed),
		cmocka_unit_test(ends_waiting),
	};

	make_variants();
	if (getenv("KSC_TEST_FILTER"))
		cmocka_set_test_filter(getenv("KSC_TEST_FILTER"));
	return cmocka_run_group_tests_name("manual", tests, NULL, NULL);
}
