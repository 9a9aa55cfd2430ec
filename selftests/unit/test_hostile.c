// SPDX-License-Identifier: GPL-2.0-only
/* The engine, and input that it must reject, or not accept twice. */
#include <stdlib.h>
#include <string.h>

#include "variant.h"

/* What is not TLS is refused at once, and with an alert. */
static void case_16_not_tls(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum ksc_status status;
		uint8_t alert;
	} bad[] = {
		{ "GET / HTTP/1.1\r\n\r\n", 18, KSC_STATUS_PROTOCOL_ERROR,
		  GNUTLS_A_UNEXPECTED_MESSAGE },
		{ "G", 1, KSC_STATUS_PROTOCOL_ERROR, GNUTLS_A_UNEXPECTED_MESSAGE },
		{ "\x16\x02", 2, KSC_STATUS_PROTOCOL_ERROR, GNUTLS_A_PROTOCOL_VERSION },
		{ "\x16\x03\x01\xff\xff", 5, KSC_STATUS_RECORD_OVERFLOW, GNUTLS_A_RECORD_OVERFLOW },
		{ "\x80\x2e\x01\x03\x01", 5, KSC_STATUS_PROTOCOL_ERROR,
		  GNUTLS_A_UNEXPECTED_MESSAGE },
		{ "\x17\x03\x03\x00\x01x", 6, KSC_STATUS_PROTOCOL_ERROR,
		  GNUTLS_A_UNEXPECTED_MESSAGE },
		{ "\x16\x03\x01\x00\x04\x14\x00\x00\x00", 9, KSC_STATUS_PROTOCOL_ERROR,
		  GNUTLS_A_UNEXPECTED_MESSAGE },
	};
	const struct cred_options cred = { .cert = "server", .ca = "ca" };
	size_t i;
	int serve;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (serve = 0; serve < 2; serve++) {
			struct ksc_engine_params params = {
				.credentials = creds_new(&cred, 1),
				.role = serve ? KSC_ROLE_SERVER : KSC_ROLE_CLIENT,
				.server_name = "server.test",
			};
			struct side *side = side_new(&params);

			if (!serve)
				side_step(side, 0);
			side->out.len = 0;
			wire_put(&side->in, bad[i].bytes, bad[i].len);
			side_step(side, side->in.len);
			assert_int_equal(side->step.status, bad[i].status);
			assert_int_equal(side->step.alert, bad[i].alert);
			assert_int_equal(side->step.direction, KSC_DIRECTION_SENT);
			assert_int_equal(side->out.len, 7);
			assert_int_equal(side->out.data[0], 21);
			assert_int_equal(side->out.data[6], bad[i].alert);
			side_free(side);
			ksc_credentials_put(params.credentials);
		}
}

/*
 * The second byte of a record's version may be anything. Of the type GnuTLS
 * does not see when another than application_data stands over a protected
 * record: it makes up the header that it authenticates.
 */
static bool is_ignored(const struct wire *wire, size_t at)
{
	size_t start = 0;

	while (start + 5 <= wire->len) {
		if (at == start || at == start + 2)
			return true;
		start += 5 + ((size_t)wire->data[start + 3] << 8 | wire->data[start + 4]);
	}
	return false;
}

/* The @at'th byte of the server's first flight is wrong in a bit; false past its end. */
static bool flip_bit(const struct variant *v, size_t at)
{
	struct setup s;
	bool ignored, within;

	setup_variant(&s, v, (struct peer_options) { .no_tickets = true });
	side_step(s.side, 0);
	wire_put(&s.peer->in, s.side->out.data, s.side->out.len);
	s.side->out.len = 0;
	s.peer->type->handshake(s.peer);
	within = at < s.peer->out.len;
	if (!within)
		goto out;
	ignored = is_ignored(&s.peer->out, at);
	s.peer->out.data[at] ^= (uint8_t)(1 << (at % 8));
	wire_put(&s.side->in, s.peer->out.data, s.peer->out.len);
	s.peer->out.len = 0;
	while (s.side->in.len &&
	       side_step(s.side, s.side->in.len) == KSC_STATUS_CONTINUE_NEEDED)
		;
	if (!v->tls12 && !ignored && s.side->step.status == KSC_STATUS_OK)
		fail_msg("%s, byte %zu", v->type->name, at);
	/* TLS 1.2 detects the change only by Finished. */
	wire_put(&s.peer->in, s.side->out.data, s.side->out.len);
	if (v->tls12 && !ignored && s.side->step.status == KSC_STATUS_CONTINUE_NEEDED)
		assert_int_not_equal(s.peer->type->handshake(s.peer), PEER_DONE);
out:
	teardown(&s);
	return within;
}

static void case_15_bit_flips(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_PLAIN_VARIANTS; i++) {
		size_t at = 0;

		if (!variants[i].we_serve)
			while (flip_bit(&variants[i], at))
				at += getenv("KSC_TEST_EVERY_BYTE") ? 1 : 11;
	}
}

/* A ticket of ours brings a peer back, and is worth nothing elsewhere. */
static void resumption(void **state)
{
	static const struct cred_options list[] = {
		{ .name = "one", .cert = "server", .roles = KSC_ROLE_BIT(KSC_ROLE_SERVER) },
		{ .name = "two", .cert = "server", .roles = KSC_ROLE_BIT(KSC_ROLE_SERVER) },
	};
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		const struct peer_type *type = i & 1 ? &peer_openssl : &peer_gnutls;
		struct peer_options opt = {
			.tls12 = i & 2, .ca = "ca", .server_name = "server.test",
		};
		struct ksc_engine_params params = {
			.credentials = creds_new(list, 2), .role = KSC_ROLE_SERVER,
		};
		const char *const names[] = { "one", "one", "two" };
		void *saved = NULL;
		unsigned int k;

		for (k = 0; k < 3; k++) {
			struct side *side;
			struct peer *peer;
			const bool again = k == 1;
			uint8_t buf[16];
			void *fresh;

			params.credential = names[k];
			side = side_new(&params);
			opt.resume = saved;
			peer = peer_new(type, &opt);
			assert_int_equal(shake(side, peer, WHOLE), KSC_STATUS_OK);
			if (side->step.info.resumed != again)
				fail_msg("%s, %s, attempt %u", type->name,
					 opt.tls12 ? "1.2" : "1.3", k);
			assert_int_equal(type->resumed(peer), again);
			prove_keys(side, peer);
			type->read(peer, buf, sizeof(buf));
			fresh = type->save(peer);
			/* TLS 1.2's may be used again, and then there is no new one. */
			assert_true(fresh || saved);
			if (fresh && saved)
				type->forget(saved);
			if (fresh)
				saved = fresh;
			side_free(side);
			peer_free(peer);
		}
		type->forget(saved);
		ksc_credentials_put(params.credentials);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_15_bit_flips),
		cmocka_unit_test(case_16_not_tls),
		cmocka_unit_test(resumption),
	};

	if (getenv("KSC_TEST_FILTER"))
		cmocka_set_test_filter(getenv("KSC_TEST_FILTER"));
	make_variants();
	return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
