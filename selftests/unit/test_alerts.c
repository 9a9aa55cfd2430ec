// SPDX-License-Identifier: GPL-2.0-only
/* Alerts, endless messages, and floods of messages without effect. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/names.h"
#include "variant.h"

#define HEADER		5
#define ALERT_LEN	(HEADER + 2)

#define WARNING		1
#define FATAL		2

/* RFC 8446, 6 and RFC 5246, 7.2 have numbers up to 120; these are unassigned. */
static const uint8_t unknown[] = { 121, 128, 200, 255 };

#define N_ALERTS	(121 + sizeof(unknown))

static uint8_t alert_number(size_t i)
{
	return i <= 120 ? (uint8_t)i : unknown[i - 121];
}

static void put_alert(struct wire *wire, uint8_t level, uint8_t alert)
{
	const uint8_t record[ALERT_LEN] = { 21, 3, 3, 0, 2, level, alert };

	wire_put(wire, record, sizeof(record));
}

/* Up to where our side waits for the peer's next flight, which is made, and kept back. */
static void begin(struct setup *s, const struct variant *v, struct wire *flight)
{
	setup_variant(s, v, (struct peer_options) { .no_tickets = true });
	if (v->we_serve) {
		s->peer->type->handshake(s->peer);
		side_deliver(s->side, s->peer->out.data, s->peer->out.len, WHOLE);
		s->peer->out.len = 0;
	} else {
		side_step(s->side, 0);
	}
	assert_int_equal(s->side->step.status, KSC_STATUS_CONTINUE_NEEDED);
	wire_put(&s->peer->in, s->side->out.data, s->side->out.len);
	s->side->out.len = 0;
	assert_int_not_equal(s->peer->type->handshake(s->peer), PEER_FAILED);
	*flight = s->peer->out;
	s->peer->out.len = 0;
}

/* A fatal alert ends it, whatever its number is, and is reported as received. */
static void case_19_fatal_alerts(void **state)
{
	static struct wire flight;
	size_t i, k;

	(void)state;
	for (k = 0; k < N_PLAIN_VARIANTS; k++)
		for (i = 0; i < N_ALERTS; i++) {
			const uint8_t number = alert_number(i);
			struct setup s;

			/* The peer's library has no part in it. */
			if (variants[k].type != &peer_openssl)
				continue;
			begin(&s, &variants[k], &flight);
			put_alert(&s.side->in, FATAL, number);
			side_step(s.side, s.side->in.len);
			if (s.side->step.status != KSC_STATUS_ALERT_RECEIVED ||
			    s.side->step.alert != number)
				fail_msg("alert %u, we %s, %s: %s: %s", number,
					 variants[k].we_serve ? "serve" : "connect",
					 variants[k].tls12 ? "1.2" : "1.3",
					 ksc_status_name(s.side->step.status), s.side->step.text);
			assert_int_equal(s.side->step.direction, KSC_DIRECTION_RECEIVED);
			assert_int_equal(s.side->step.consumed, ALERT_LEN);
			assert_int_equal(s.side->out.len, 0);
			assert_int_equal(side_step(s.side, 0), KSC_STATUS_INTERNAL_ERROR);
			teardown(&s);
		}
}

/* A warning ends it, or is passed over; then the handshake goes on, or is refused later. */
static bool passes_over(const struct variant *v, uint8_t number)
{
	static struct wire flight;
	struct setup s;
	bool passed;

	begin(&s, v, &flight);
	put_alert(&s.side->in, WARNING, number);
	side_step(s.side, s.side->in.len);
	assert_int_not_equal(s.side->step.status, KSC_STATUS_OK);
	passed = !ksc_status_is_failure(s.side->step.status);
	if (passed) {
		assert_int_equal(s.side->step.consumed, ALERT_LEN);
		side_deliver(s.side, flight.data, flight.len, WHOLE);
		/* Servers are known to send it for a name that they do not have. */
		if (number == GNUTLS_A_UNRECOGNIZED_NAME)
			assert_false(ksc_status_is_failure(s.side->step.status));
	}
	assert_int_not_equal(s.side->step.status, KSC_STATUS_INTERNAL_ERROR);
	/* RFC 8446, 6.1: a close_notify is the end, here as elsewhere. */
	if (number == GNUTLS_A_CLOSE_NOTIFY)
		assert_false(passed);
	teardown(&s);
	return passed;
}

static void case_19_warnings(void **state)
{
	unsigned int passed = 0, refused = 0;
	size_t i, k;

	(void)state;
	for (k = 0; k < N_PLAIN_VARIANTS; k++)
		for (i = 0; i < N_ALERTS && variants[k].type == &peer_openssl; i++) {
			if (passes_over(&variants[k], alert_number(i)))
				passed++;
			else
				refused++;
		}
	assert_true(passed && refused);
}

/* Invalid alerts. (GnuTLS takes one of an unknown level for a warning.) */
static void case_19_malformed_alerts(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {
		{ "\25\3\3\0\1\2", 6 },
		{ "\25\3\3\0\3\2\50\0", 8 },
		{ "\25\3\3\0\4\2\50\2\50", 9 },
	};
	static struct wire flight;
	size_t i, k;

	(void)state;
	for (k = 0; k < N_PLAIN_VARIANTS; k++)
		for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			struct setup s;

			begin(&s, &variants[k], &flight);
			wire_put(&s.side->in, bad[i].bytes, bad[i].len);
			side_step(s.side, s.side->in.len);
			if (!ksc_status_is_failure(s.side->step.status))
				fail_msg("number %zu, we %s, %s: %s", i,
					 variants[k].we_serve ? "serve" : "connect",
					 variants[k].tls12 ? "1.2" : "1.3",
					 ksc_status_name(s.side->step.status));
			assert_int_not_equal(s.side->step.status, KSC_STATUS_INTERNAL_ERROR);
			teardown(&s);
		}
}

/* TLS 1.3, Finished and an unencrypted alert: what is behind the end is not looked at. */
static void case_20_plain_alert_behind_finished(void **state)
{
	static struct wire flight;
	size_t k;

	(void)state;
	for (k = 0; k < N_PLAIN_VARIANTS; k++) {
		struct setup s;

		if (variants[k].tls12)
			continue;
		begin(&s, &variants[k], &flight);
		put_alert(&flight, FATAL, GNUTLS_A_HANDSHAKE_FAILURE);
		wire_put(&s.side->in, flight.data, flight.len);
		side_step(s.side, s.side->in.len);
		check_ok(&s, &variants[k]);
		assert_int_equal(s.side->in.len, ALERT_LEN);
		teardown(&s);
	}
}

/* A client's ClientHello, made as long as asked, in as many records as it takes. */
static void long_hello(struct wire *wire, size_t len)
{
	static const struct cred_options trusting = { .ca = "ca" };
	static uint8_t message[4 + KSC_MAX_TOKEN + 16];
	struct ksc_engine_params params = {
		.credentials = creds_new(&trusting, 1),
		.role = KSC_ROLE_CLIENT, .server_name = "server.test",
	};
	struct side *side = side_new(&params);
	size_t have, extensions, at, n, pad;

	side_step(side, 0);
	have = side->out.len - HEADER;
	assert_true(have < 4 + len - 4);
	memset(message, 0, sizeof(message));
	memcpy(message, side->out.data + HEADER, have);
	/* RFC 7685: padding, of zeros. */
	pad = 4 + len - have - 4;
	message[have] = 0;
	message[have + 1] = 21;
	message[have + 2] = (uint8_t)(pad >> 8);
	message[have + 3] = (uint8_t)pad;
	message[1] = (uint8_t)(len >> 16);
	message[2] = (uint8_t)(len >> 8);
	message[3] = (uint8_t)len;
	at = 4 + 2 + 32;
	at += 1 + message[at];
	at += 2 + ((size_t)message[at] << 8 | message[at + 1]);
	at += 1 + message[at];
	extensions = 4 + len - at - 2;
	message[at] = (uint8_t)(extensions >> 8);
	message[at + 1] = (uint8_t)extensions;
	for (at = 0; at < 4 + len; at += n) {
		uint8_t header[HEADER] = { 22, 3, 1 };

		n = 4 + len - at < 1 << 14 ? 4 + len - at : 1 << 14;
		header[3] = (uint8_t)(n >> 8);
		header[4] = (uint8_t)n;
		wire_put(wire, header, HEADER);
		wire_put(wire, message + at, n);
	}
	side_free(side);
	ksc_credentials_put(params.credentials);
}

/*
 * The cap is on all messages together, ours among them: with this one there is room
 * for them yet. What the kernel counts is exact.
 */
#define LONG_HELLO	62000

static void case_18_message_at_cap(void **state)
{
	static const struct cred_options cred = { .cert = "server" };
	static struct wire hello;
	int more;

	(void)state;
	for (more = 0; more < 2; more++) {
		struct ksc_engine_params params = {
			.credentials = creds_new(&cred, 1), .role = KSC_ROLE_SERVER,
		};
		struct side *side = side_new(&params);

		hello.len = 0;
		long_hello(&hello, more ? KSC_MAX_TOKEN + 1 : LONG_HELLO);
		side_deliver(side, hello.data, hello.len, 1000);
		if (!more) {
			assert_int_equal(side->step.status, KSC_STATUS_CONTINUE_NEEDED);
			assert_true(side->out.len > 0);
		} else {
			assert_int_equal(side->step.status, KSC_STATUS_RECORD_OVERFLOW);
			assert_int_equal(side->step.direction, KSC_DIRECTION_SENT);
			assert_true(side->out.len > 0);
		}
		side_free(side);
		ksc_credentials_put(params.credentials);
	}
}

/* RFC 8446, 5.1: the first of any number of empty records is refused. */
static void case_18_empty_records(void **state)
{
	static struct wire flight;
	uint8_t type;
	size_t k;

	(void)state;
	for (k = 0; k < N_PLAIN_VARIANTS; k++)
		for (type = 20; type < 23; type++) {
			const uint8_t empty[HEADER] = { type, 3, 3, 0, 0 };
			struct setup s;
			int i;

			begin(&s, &variants[k], &flight);
			for (i = 0; i < 1000; i++)
				wire_put(&s.side->in, empty, sizeof(empty));
			side_step(s.side, s.side->in.len);
			/* Where only protected ones may come, it is not protected. */
			assert_true(s.side->step.status == KSC_STATUS_PROTOCOL_ERROR ||
				    s.side->step.status == KSC_STATUS_BAD_RECORD);
			assert_int_equal(s.side->step.direction, KSC_DIRECTION_SENT);
			assert_in_range(s.side->step.consumed, 0, HEADER);
			teardown(&s);
		}
}

/* A few warnings are passed over; as many as a handshake may have bytes are its end. */
static void case_22_warning_flood(void **state)
{
	static const size_t most[] = { (size_t)16 * ALERT_LEN, KSC_MAX_TOKEN };
	static struct wire flight;
	size_t k, i;

	(void)state;
	for (k = 0; k < N_PLAIN_VARIANTS; k++)
		for (i = 0; i < 2; i++) {
			struct setup s;

			if (!variants[k].tls12)
				continue;
			begin(&s, &variants[k], &flight);
			while (s.side->in.len + ALERT_LEN <= most[i])
				put_alert(&s.side->in, WARNING, GNUTLS_A_UNRECOGNIZED_NAME);
			side_step(s.side, s.side->in.len);
			if (i) {
				assert_true(ksc_status_is_failure(s.side->step.status));
			} else {
				assert_int_equal(s.side->step.status, KSC_STATUS_CONTINUE_NEEDED);
				assert_int_equal(s.side->in.len, 0);
				side_deliver(s.side, flight.data, flight.len, WHOLE);
				assert_false(ksc_status_is_failure(s.side->step.status));
			}
			teardown(&s);
		}
}

/* The first ticket that a server of ours sends to one of our clients */
static size_t first_ticket(struct side *client, uint8_t *ticket, size_t size)
{
	struct ksc_keys *keys = &client->step.keys;
	uint8_t type;
	int n = record_open(keys, &keys->rx, &client->in, &type, ticket, size);

	assert_true(n > 4);
	assert_int_equal(type, 22);
	return 4 + ((size_t)ticket[2] << 8 | ticket[3]);
}

/* Any number of tickets, of which the cache keeps a few. */
static void case_22_ticket_flood(void **state)
{
	const struct cred_options cred = { .cert = "server", .ca = "ca" };
	struct ksc_engine_params params = {
		.credentials = creds_new(&cred, 1), .role = KSC_ROLE_CLIENT,
		.server_name = "server.test", .cache = ksc_cache_new(),
	};
	struct side *client = side_new(&params), *server;
	uint8_t ticket[1 << 14];
	size_t len;
	int i;

	(void)state;
	params.role = KSC_ROLE_SERVER;
	server = side_new(&params);
	assert_int_equal(shake_sides(client, server), KSC_STATUS_OK);
	assert_true(client->step.tickets);
	len = first_ticket(client, ticket, sizeof(ticket));
	for (i = 0; i < 1000; i++)
		if (ksc_engine_ticket(client->engine, ticket, len) < 0)
			break;
	assert_in_range(ksc_cache_count(params.cache), 1, KSC_CACHE_PER_KEY);
	side_free(client);
	side_free(server);
	ksc_cache_free(params.cache);
	ksc_credentials_put(params.credentials);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_18_message_at_cap),
		cmocka_unit_test(case_18_empty_records),
		cmocka_unit_test(case_19_fatal_alerts),
		cmocka_unit_test(case_19_warnings),
		cmocka_unit_test(case_19_malformed_alerts),
		cmocka_unit_test(case_20_plain_alert_behind_finished),
		cmocka_unit_test(case_22_warning_flood),
		cmocka_unit_test(case_22_ticket_flood),
	};

	if (getenv("KSC_TEST_FILTER"))
		cmocka_set_test_filter(getenv("KSC_TEST_FILTER"));
	make_variants();
	return cmocka_run_group_tests_name("alerts", tests, NULL, NULL);
}
