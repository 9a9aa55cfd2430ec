// SPDX-License-Identifier: GPL-2.0-only
/*
 * The handshake engine against the libraries' peers and against itself. The
 * numbers in the names are those of the behaviours that a context loop has to
 * show, in any implementation.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/names.h"
#include "variant.h"

/* Every library, role, version and suite comes to keys that work. */
static void handshake_all(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_VARIANTS; i++) {
		struct setup s;

		setup_variant(&s, &variants[i], (struct peer_options) { 0 });
		shake(s.side, s.peer, WHOLE);
		check_ok(&s, &variants[i]);
		prove_keys(s.side, s.peer);
		teardown(&s);
	}
}

/* Both ends are engines: what one sends with, the other receives with. */
static void handshake_engines(void **state)
{
	size_t i;
	int tls12;

	(void)state;
	for (i = 0; i < KSC_N_CIPHERS; i++)
		for (tls12 = 0; tls12 < 2; tls12++) {
			const struct cred_options cred = {
				.cert = "server", .ca = "ca", .tls12 = tls12,
				.cipher = ksc_ciphers[i].name,
			};
			struct ksc_engine_params params = {
				.credentials = creds_new(&cred, 1),
				.role = KSC_ROLE_CLIENT, .server_name = "server.test",
			};
			struct side *client = side_new(&params), *server;
			const struct ksc_keys *ck, *sk;

			params.role = KSC_ROLE_SERVER;
			server = side_new(&params);
			assert_int_equal(shake_sides(client, server), KSC_STATUS_OK);
			assert_int_equal(server->step.status, KSC_STATUS_OK);
			ck = &client->step.keys;
			sk = &server->step.keys;
			assert_int_equal(ck->suite, sk->suite);
			assert_memory_equal(ck->tx.secret, sk->rx.secret, KSC_MAX_SECRET);
			assert_memory_equal(ck->rx.secret, sk->tx.secret, KSC_MAX_SECRET);
			assert_memory_equal(ck->tx.key, sk->rx.key, KSC_MAX_SECRET);
			assert_memory_equal(ck->rx.key, sk->tx.key, KSC_MAX_SECRET);
			assert_memory_equal(ck->tx.iv, sk->rx.iv, KSC_MAX_IV);
			assert_memory_equal(ck->rx.iv, sk->tx.iv, KSC_MAX_IV);
			assert_memory_not_equal(ck->tx.secret_len ? ck->tx.secret : ck->tx.key,
						ck->rx.secret_len ? ck->rx.secret : ck->rx.key, 16);
			assert_int_equal(ck->tx.seq, sk->rx.seq);
			/* The server's tickets have gone out, and are not yet received. */
			assert_true(ck->rx.seq <= sk->tx.seq);
			side_free(client);
			side_free(server);
			ksc_credentials_put(params.credentials);
		}
}

static void case_01_split_every_byte(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_VARIANTS; i++) {
		struct setup s;

		setup_variant(&s, &variants[i], (struct peer_options) { 0 });
		shake(s.side, s.peer, 1);
		check_ok(&s, &variants[i]);
		prove_keys(s.side, s.peer);
		teardown(&s);
	}
}

/* The peer's @which flight comes in two parts, the first of @at bytes. False past its end. */
static bool split_flight(const struct variant *v, unsigned int which, size_t at)
{
	struct setup s;
	unsigned int flight = 0;
	int rc = PEER_WANTS_MORE;
	bool within = false;

	setup_variant(&s, v, (struct peer_options) { .no_tickets = true });
	if (v->we_serve)
		rc = s.peer->type->handshake(s.peer);
	else
		side_step(s.side, 0);
	while (s.side->step.status != KSC_STATUS_OK || !s.side->steps) {
		struct wire *in = &s.peer->out;

		if (s.side->out.len) {
			wire_put(&s.peer->in, s.side->out.data, s.side->out.len);
			s.side->out.len = 0;
			rc = s.peer->type->handshake(s.peer);
		}
		assert_true(rc != PEER_FAILED);
		assert_true(in->len > 0);
		if (flight++ == which) {
			within = at < in->len;
			if (!within)
				break;
			side_deliver(s.side, in->data, at, WHOLE);
			wire_eat(in, at);
		}
		side_deliver(s.side, in->data, in->len, WHOLE);
		in->len = 0;
		assert_false(ksc_status_is_failure(s.side->step.status));
	}
	teardown(&s);
	return within;
}

static void case_01_split_in_two(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_PLAIN_VARIANTS; i++) {
		unsigned int flight;

		/* Nothing of the cipher here: one is enough. */
		for (flight = 0; flight < 2; flight++) {
			size_t at = 1;

			while (split_flight(&variants[i], flight, at))
				/* The header's bytes and those around each, then coarser. */
				at += at < 16 || getenv("KSC_TEST_EVERY_BYTE") ? 1 : 13;
		}
	}
}

static void case_02_empty_step(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_PLAIN_VARIANTS; i++) {
		struct setup s;

		setup_variant(&s, &variants[i], (struct peer_options) { 0 });
		if (!variants[i].we_serve)
			side_step(s.side, 0);
		assert_int_equal(side_step(s.side, 0), KSC_STATUS_INCOMPLETE_MESSAGE);
		assert_int_equal(s.side->step.need, 5);
		/* It goes on as if nothing had been. */
		if (variants[i].we_serve) {
			shake(s.side, s.peer, WHOLE);
			check_ok(&s, &variants[i]);
		}
		teardown(&s);
	}
}

/* Two sessions, one of which is asked again and again, make the same of the same. */
static void case_03_incomplete_changes_nothing(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_VARIANTS; i++) {
		struct setup s;
		unsigned int k;
		int rc = PEER_WANTS_MORE;

		setup_variant(&s, &variants[i], (struct peer_options) { 0 });
		if (variants[i].we_serve)
			rc = s.peer->type->handshake(s.peer);
		else
			side_step(s.side, 0);
		while (!s.side->steps || s.side->step.status != KSC_STATUS_OK) {
			size_t len = s.peer->out.len;

			wire_put(&s.side->in, s.peer->out.data, len);
			s.peer->out.len = 0;
			for (k = 0; k < 64 && s.side->in.len; k++) {
				size_t part = k % 6;
				/* The least whole record has six bytes: change_cipher_spec. */
				size_t need;

				side_step(s.side, part);
				assert_int_equal(s.side->step.status,
						 KSC_STATUS_INCOMPLETE_MESSAGE);
				need = s.side->step.need;
				side_step(s.side, part);
				assert_int_equal(s.side->step.need, need);
				assert_int_equal(s.side->out.len, 0);
			}
			while (s.side->in.len && side_step(s.side, s.side->in.len) ==
						 KSC_STATUS_CONTINUE_NEEDED)
				;
			assert_false(ksc_status_is_failure(s.side->step.status));
			wire_put(&s.peer->in, s.side->out.data, s.side->out.len);
			s.side->out.len = 0;
			if (rc == PEER_WANTS_MORE)
				rc = s.peer->type->handshake(s.peer);
			assert_true(rc != PEER_FAILED);
		}
		assert_int_equal(rc, PEER_DONE);
		wire_put(&s.side->in, s.peer->out.data, s.peer->out.len);
		s.peer->out.len = 0;
		check_ok(&s, &variants[i]);
		prove_keys(s.side, s.peer);
		teardown(&s);
	}
}

/* Given exactly what it needs each time, a handshake goes on and never waits for too much. */
static void case_04_need_is_exact(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_VARIANTS; i++) {
		struct setup s;
		size_t offered = 0;
		int rc = PEER_WANTS_MORE;

		setup_variant(&s, &variants[i], (struct peer_options) { 0 });
		if (variants[i].we_serve)
			rc = s.peer->type->handshake(s.peer);
		else
			side_step(s.side, 0);
		do {
			wire_put(&s.side->in, s.peer->out.data, s.peer->out.len);
			s.peer->out.len = 0;
			/* Runs out of input only where the peer waits for us. */
			assert_true(offered <= s.side->in.len);
			side_step(s.side, offered);
			assert_false(ksc_status_is_failure(s.side->step.status));
			if (s.side->step.status == KSC_STATUS_INCOMPLETE_MESSAGE)
				offered += s.side->step.need;
			else
				offered = 0;
			if (s.side->out.len) {
				wire_put(&s.peer->in, s.side->out.data, s.side->out.len);
				s.side->out.len = 0;
				if (rc == PEER_WANTS_MORE)
					rc = s.peer->type->handshake(s.peer);
				assert_true(rc != PEER_FAILED);
			}
		} while (s.side->step.status != KSC_STATUS_OK);
		assert_int_equal(rc, PEER_DONE);
		teardown(&s);
	}
}

/* ClientHello and, in TLS 1.2, what comes two flights later cannot be one; a whole flight can. */
static void case_05_coalesced_flights(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_VARIANTS; i++) {
		struct setup s;

		setup_variant(&s, &variants[i], (struct peer_options) { 0 });
		shake(s.side, s.peer, WHOLE);
		check_ok(&s, &variants[i]);
		/* One step for each flight, and a client's first. */
		assert_int_equal(s.side->steps, variants[i].tls12 && !variants[i].we_serve ? 3 : 2);
		teardown(&s);
	}
}

static void case_06_messages_across_records(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_VARIANTS; i++) {
		struct setup s;

		if (variants[i].type != &peer_openssl || variants[i].we_serve)
			continue;
		setup_variant(&s, &variants[i], (struct peer_options) { .max_fragment = 512 });
		shake(s.side, s.peer, 1);
		check_ok(&s, &variants[i]);
		prove_keys(s.side, s.peer);
		teardown(&s);
	}
}

/* A server's tickets right behind its Finished are not ours to consume. */
static void case_07_tickets_behind_finished(void **state)
{
	const struct variant v = { &peer_openssl, false, false, "AES-256-GCM" };
	struct ksc_keys *keys;
	struct setup s;
	struct wire late;
	uint8_t buf[1 << 14], type;
	unsigned int tickets = 0;

	(void)state;
	/* An engine serves, since OpenSSL keeps its tickets back till Finished. */
	{
		const struct cred_options cred = { .cert = "server", .ca = "ca" };
		struct ksc_engine_params params = {
			.credentials = creds_new(&cred, 1),
			.role = KSC_ROLE_CLIENT, .server_name = "server.test",
		};
		struct side *client = side_new(&params), *server;

		params.role = KSC_ROLE_SERVER;
		server = side_new(&params);
		assert_int_equal(shake_sides(client, server), KSC_STATUS_OK);
		assert_true(client->in.len > 0);
		keys = &client->step.keys;
		while (client->in.len) {
			assert_true(record_open(keys, &keys->rx, &client->in, &type, buf,
						sizeof(buf)) > 0);
			assert_int_equal(type, 22);
			assert_int_equal(buf[0], 4);
			tickets++;
		}
		assert_true(tickets > 0);
		assert_int_equal(keys->rx.seq, server->step.keys.tx.seq);
		side_free(client);
		side_free(server);
		ksc_credentials_put(params.credentials);
	}
	/* And OpenSSL's two, that come in answer to our Finished. */
	tickets = 0;
	setup_variant(&s, &v, (struct peer_options) { 0 });
	shake(s.side, s.peer, WHOLE);
	check_ok(&s, &v);
	keys = &s.side->step.keys;
	memcpy(&late, &s.side->in, sizeof(late));
	while (late.len) {
		assert_true(record_open(keys, &keys->rx, &late, &type, buf, sizeof(buf)) > 0);
		assert_int_equal(type, 22);
		tickets++;
	}
	assert_int_equal(tickets, 2);
	teardown(&s);
}

/* Application data or an alert in one piece with the peer's last flight. */
static void behind_finished(bool alert)
{
	size_t i;

	for (i = 0; i < N_VARIANTS; i++) {
		const struct variant *v = &variants[i];
		struct ksc_keys *keys;
		struct setup s;
		uint8_t buf[1 << 14], type;
		int rc = PEER_WANTS_MORE, n;

		/* The end that sends the last flight can send data right behind it. */
		if (v->we_serve == v->tls12)
			continue;
		setup_variant(&s, v, (struct peer_options) { .no_tickets = v->tls12 });
		if (v->we_serve)
			rc = s.peer->type->handshake(s.peer);
		else
			side_step(s.side, 0);
		while (rc == PEER_WANTS_MORE) {
			side_deliver(s.side, s.peer->out.data, s.peer->out.len, WHOLE);
			s.peer->out.len = 0;
			wire_put(&s.peer->in, s.side->out.data, s.side->out.len);
			s.side->out.len = 0;
			rc = s.peer->type->handshake(s.peer);
		}
		assert_int_equal(rc, PEER_DONE);
		assert_int_equal(s.side->step.status, KSC_STATUS_CONTINUE_NEEDED);
		if (alert)
			s.peer->type->close_notify(s.peer);
		else
			s.peer->type->write(s.peer, "early", 5);
		/* shake() would hold it back; the wire does not. */
		wire_put(&s.side->in, s.peer->out.data, s.peer->out.len);
		s.peer->out.len = 0;
		while (s.side->step.status == KSC_STATUS_CONTINUE_NEEDED)
			side_step(s.side, s.side->in.len);
		check_ok(&s, v);
		keys = &s.side->step.keys;
		n = record_open(keys, &keys->rx, &s.side->in, &type, buf, sizeof(buf));
		if (alert) {
			assert_int_equal(type, 21);
			assert_int_equal(n, 2);
			assert_int_equal(buf[1], 0);
		} else {
			assert_int_equal(type, 23);
			assert_int_equal(n, 5);
			assert_memory_equal(buf, "early", 5);
		}
		assert_int_equal(s.side->in.len, 0);
		teardown(&s);
	}
}

static void case_08_data_behind_finished(void **state)
{
	(void)state;
	behind_finished(false);
}

static void case_09_alert_behind_finished(void **state)
{
	(void)state;
	behind_finished(true);
}

/* The last step's token matters: without it the peer is not done. */
static void case_10_ok_with_token(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_VARIANTS; i++) {
		const struct variant *v = &variants[i];
		struct setup s;
		int rc;

		if (v->we_serve != v->tls12)
			continue;
		setup_variant(&s, v, (struct peer_options) { 0 });
		if (v->we_serve)
			s.peer->type->handshake(s.peer);
		else
			side_step(s.side, 0);
		for (;;) {
			wire_put(&s.peer->in, s.side->out.data, s.side->out.len);
			s.side->out.len = 0;
			rc = s.peer->type->handshake(s.peer);
			assert_int_equal(rc, PEER_WANTS_MORE);
			side_deliver(s.side, s.peer->out.data, s.peer->out.len, WHOLE);
			s.peer->out.len = 0;
			if (s.side->step.status == KSC_STATUS_OK)
				break;
		}
		assert_true(s.side->out.len > 0);
		assert_int_equal(s.peer->type->handshake(s.peer), PEER_WANTS_MORE);
		wire_put(&s.peer->in, s.side->out.data, s.side->out.len);
		assert_int_equal(s.peer->type->handshake(s.peer), PEER_DONE);
		teardown(&s);
	}
}

/* A whole record with half a message: consumed, nothing to say yet. */
static void case_11_continue_without_token(void **state)
{
	const struct variant v = { &peer_openssl, true, false, "AES-256-GCM" };
	uint8_t first[5 + 60], second[1 << 12];
	struct setup s;
	size_t body;

	(void)state;
	setup_variant(&s, &v, (struct peer_options) { 0 });
	s.peer->type->handshake(s.peer);
	body = s.peer->out.len - 5;
	assert_true(body > 60);
	memcpy(first, s.peer->out.data, 5);
	first[3] = 0;
	first[4] = 60;
	memcpy(first + 5, s.peer->out.data + 5, 60);
	memcpy(second, s.peer->out.data, 5);
	second[3] = (uint8_t)((body - 60) >> 8);
	second[4] = (uint8_t)(body - 60);
	memcpy(second + 5, s.peer->out.data + 65, body - 60);
	s.peer->out.len = 0;
	wire_put(&s.side->in, first, sizeof(first));
	assert_int_equal(side_step(s.side, s.side->in.len), KSC_STATUS_CONTINUE_NEEDED);
	assert_int_equal(s.side->step.consumed, sizeof(first));
	assert_int_equal(s.side->out.len, 0);
	side_deliver(s.side, second, 5 + body - 60, WHOLE);
	assert_true(s.side->out.len > 0);
	shake(s.side, s.peer, WHOLE);
	teardown(&s);
}

/* No common cipher: the peer gets an alert, and our caller an error. */
static void case_12_failure_sends_alert(void **state)
{
	const struct cred_options cred = { .cert = "server", .ca = "ca", .cipher = "AES-128-GCM" };
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		struct setup s;

		setup(&s, i & 1 ? &peer_openssl : &peer_gnutls, &cred,
		      (struct ksc_engine_params) { .role = KSC_ROLE_SERVER },
		      (struct peer_options) { .cipher = "AES-256-GCM", .tls12 = i & 2,
					      .server_name = "server.test" });
		assert_int_equal(shake(s.side, s.peer, WHOLE), KSC_STATUS_PROTOCOL_ERROR);
		assert_int_equal(s.side->step.alert, GNUTLS_A_HANDSHAKE_FAILURE);
		assert_int_equal(s.side->step.direction, KSC_DIRECTION_SENT);
		assert_true(strlen(s.peer->error) > 0);
		/* The engine has failed permanently. */
		assert_int_equal(side_step(s.side, 0), KSC_STATUS_INTERNAL_ERROR);
		teardown(&s);
	}
}

/* The peer aborts: its alert is reported, and not answered with another. */
static void case_12_alert_received(void **state)
{
	const struct cred_options cred = { .cert = "unknown" };
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		struct setup s;

		setup(&s, i & 1 ? &peer_openssl : &peer_gnutls, &cred,
		      (struct ksc_engine_params) { .role = KSC_ROLE_SERVER },
		      (struct peer_options) { .ca = "ca", .tls12 = i & 2,
					      .server_name = "server.test" });
		if (shake(s.side, s.peer, WHOLE) != KSC_STATUS_ALERT_RECEIVED)
			fail_msg("%s, %s: %s: %s", s.peer->type->name, i & 2 ? "1.2" : "1.3",
				 ksc_status_name(s.side->step.status), s.side->step.text);
		assert_int_equal(s.side->step.direction, KSC_DIRECTION_RECEIVED);
		assert_int_equal(s.side->step.alert, i & 1 ? GNUTLS_A_UNKNOWN_CA :
							     GNUTLS_A_BAD_CERTIFICATE);
		assert_int_equal(s.side->step.token_len, 0);
		teardown(&s);
	}
}

static void case_13_hello_retry_request(void **state)
{
	size_t i, chunk;

	(void)state;
	for (i = 0; i < N_VARIANTS; i++)
		for (chunk = 1; chunk; chunk = chunk == 1 ? WHOLE : 0) {
			const struct variant *v = &variants[i];
			struct setup s;

			if (v->type != &peer_openssl || v->tls12)
				continue;
			/* A share that we can't use; a group that we send no share of. */
			setup_variant(&s, v, (struct peer_options) {
				.groups = v->we_serve ? "ffdhe6144:P-256" : "P-521",
			});
			shake(s.side, s.peer, chunk);
			check_ok(&s, v);
			assert_true(chunk == 1 || s.side->steps == 3);
			prove_keys(s.side, s.peer);
			teardown(&s);
		}
}

/* With and without the change_cipher_spec that is there for middleboxes. */
static void case_14_middlebox_ccs(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_VARIANTS; i++) {
		const struct variant *v = &variants[i];
		bool without;

		if (v->type != &peer_openssl || v->tls12)
			continue;
		for (without = false; ; without = true) {
			struct setup s;

			setup_variant(&s, v, (struct peer_options) { .no_compat = without });
			shake(s.side, s.peer, 1);
			check_ok(&s, v);
			prove_keys(s.side, s.peer);
			teardown(&s);
			if (without)
				break;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshake_all),
		cmocka_unit_test(handshake_engines),
		cmocka_unit_test(case_01_split_every_byte),
		cmocka_unit_test(case_01_split_in_two),
		cmocka_unit_test(case_02_empty_step),
		cmocka_unit_test(case_03_incomplete_changes_nothing),
		cmocka_unit_test(case_04_need_is_exact),
		cmocka_unit_test(case_05_coalesced_flights),
		cmocka_unit_test(case_06_messages_across_records),
		cmocka_unit_test(case_07_tickets_behind_finished),
		cmocka_unit_test(case_08_data_behind_finished),
		cmocka_unit_test(case_09_alert_behind_finished),
		cmocka_unit_test(case_10_ok_with_token),
		cmocka_unit_test(case_11_continue_without_token),
		cmocka_unit_test(case_12_failure_sends_alert),
		cmocka_unit_test(case_12_alert_received),
		cmocka_unit_test(case_13_hello_retry_request),
		cmocka_unit_test(case_14_middlebox_ccs),
	};

	if (getenv("KSC_TEST_FILTER"))
		cmocka_set_test_filter(getenv("KSC_TEST_FILTER"));
	make_variants();
	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
