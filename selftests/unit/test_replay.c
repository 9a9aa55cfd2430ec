// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flights that are not for this handshake, or not as they were sent: of another context, of an
 * earlier one, reordered, truncated, or made to look like those of an older version.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/names.h"
#include "variant.h"

#define HEADER		5
#define CCS		20
#define ALERT		21
#define ENCRYPTED	23

/* RFC 8446, 4.1.3: how a server's random ends that was talked out of TLS 1.3. */
#define SENTINEL	"DOWNGRD\1"
#define SENTINEL_LEN	8
/* In a record: its header, the message's, the version, all but the end of the random. */
#define SENTINEL_AT	(HEADER + 4 + 2 + 24)

/* A context that has failed has told the peer, and did not take it for its own fault. */
static void check_refused(const struct side *side, const char *what)
{
	const struct ksc_step *step = &side->step;
	size_t at = 0, last = 0;

	if (!ksc_status_is_failure(step->status) || step->status == KSC_STATUS_INTERNAL_ERROR)
		fail_msg("%s: %s: %s", what, ksc_status_name(step->status), step->text);
	assert_int_equal(step->direction, KSC_DIRECTION_SENT);
	while (at + HEADER < side->out.len) {
		last = at;
		at += HEADER + ((size_t)side->out.data[at + 3] << 8 | side->out.data[at + 4]);
	}
	assert_int_equal(at, side->out.len);
	assert_true(side->out.data[last] == ALERT || side->out.data[last] == ENCRYPTED);
}

/* Makes the peer's next flight; what we have said goes to it first. */
static void next_flight(struct setup *s, struct wire *flight)
{
	if (!s->side->steps && !s->peer->options.server) {
		s->peer->type->handshake(s->peer);
	} else {
		if (!s->side->steps)
			side_step(s->side, 0);
		wire_put(&s->peer->in, s->side->out.data, s->side->out.len);
		s->side->out.len = 0;
		assert_int_not_equal(s->peer->type->handshake(s->peer), PEER_FAILED);
	}
	*flight = s->peer->out;
	s->peer->out.len = 0;
}

static void deliver(struct setup *s, const struct wire *flight)
{
	side_deliver(s->side, flight->data, flight->len, WHOLE);
}

/*
 * What GnuTLS does not look at: types and versions in headers, and what a
 * change_cipher_spec says. With these the handshake goes on as if nothing had been.
 */
static bool may_flip(const struct wire *flight, size_t at)
{
	size_t start = 0;

	while (at >= start + HEADER + ((size_t)flight->data[start + 3] << 8 |
				       flight->data[start + 4]))
		start += HEADER + ((size_t)flight->data[start + 3] << 8 | flight->data[start + 4]);
	return at - start <= 2 || flight->data[start] == CCS;
}

/* A client's @which flight comes with a bit of its @at'th byte wrong. */
static bool flip_bit(const struct variant *v, unsigned int which, size_t at)
{
	static struct wire flight;
	unsigned int number = 0;
	bool ignored = false;
	struct setup s;

	setup_variant(&s, v, (struct peer_options) { .no_tickets = true });
	do {
		if (number && number > which && s.peer->out.len == 0) {
			/* The client finds out that its ClientHello was another one. */
			wire_put(&s.peer->in, s.side->out.data, s.side->out.len);
			s.side->out.len = 0;
			if (s.peer->type->handshake(s.peer) == PEER_FAILED)
				break;
			flight = s.peer->out;
			s.peer->out.len = 0;
		} else {
			next_flight(&s, &flight);
		}
		if (number++ == which) {
			if (at >= flight.len) {
				teardown(&s);
				return false;
			}
			ignored = may_flip(&flight, at);
			flight.data[at] ^= (uint8_t)(1 << (at % 8));
		}
		deliver(&s, &flight);
		assert_int_not_equal(s.side->step.status, KSC_STATUS_INTERNAL_ERROR);
	} while (s.side->step.status == KSC_STATUS_CONTINUE_NEEDED && flight.len);
	if (s.side->step.status == KSC_STATUS_OK && !ignored)
		fail_msg("%s, %s, flight %u, byte %zu", v->type->name, v->tls12 ? "1.2" : "1.3",
			 which, at);
	teardown(&s);
	return true;
}

static void case_15_bit_flips_of_clients(void **state)
{
	const size_t step = getenv("KSC_TEST_EVERY_BYTE") ? 1 : 7;
	unsigned int flight;
	size_t i, at;

	(void)state;
	for (i = 0; i < N_PLAIN_VARIANTS; i++)
		for (flight = 0; variants[i].we_serve && flight < 2; flight++)
			for (at = 0; flip_bit(&variants[i], flight, at); )
				at += step;
}

/* Two handshakes at once, and one gets what is for the other. */
static void case_16_wrong_context(void **state)
{
	static struct wire flights[2];
	size_t i;

	(void)state;
	for (i = 0; i < N_PLAIN_VARIANTS; i++) {
		const struct peer_options opt = { .no_tickets = true };
		struct setup s[2];
		int k;

		for (k = 0; k < 2; k++) {
			setup_variant(&s[k], &variants[i], opt);
			next_flight(&s[k], &flights[k]);
			/* A client's first flight is valid for any server. */
			if (!variants[i].we_serve)
				continue;
			deliver(&s[k], &flights[k]);
			next_flight(&s[k], &flights[k]);
		}
		deliver(&s[0], &flights[1]);
		if (variants[i].tls12 && !variants[i].we_serve)
			assert_int_equal(s[0].side->step.status, KSC_STATUS_PROTOCOL_ERROR);
		check_refused(s[0].side, "the flight of another context");
		/* The other one is none the worse for it. */
		deliver(&s[1], &flights[1]);
		assert_false(ksc_status_is_failure(s[1].side->step.status));
		teardown(&s[0]);
		teardown(&s[1]);
	}
}

/* All that a peer has said once, said again to a new context. */
static void case_17_replayed_flights(void **state)
{
	static struct wire flights[3], answers[3];
	size_t i;

	(void)state;
	for (i = 0; i < N_PLAIN_VARIANTS; i++) {
		struct setup s;
		unsigned int n = 0, k;

		setup_variant(&s, &variants[i], (struct peer_options) { .no_tickets = true });
		do {
			assert_true(n < 3);
			next_flight(&s, &flights[n]);
			deliver(&s, &flights[n]);
			answers[n++] = s.side->out;
		} while (s.side->step.status == KSC_STATUS_CONTINUE_NEEDED);
		check_ok(&s, &variants[i]);
		teardown(&s);

		setup_variant(&s, &variants[i], (struct peer_options) { .no_tickets = true });
		if (!variants[i].we_serve)
			side_step(s.side, 0);
		for (k = 0; k < n; k++) {
			s.side->out.len = 0;
			deliver(&s, &flights[k]);
			if (s.side->step.status != KSC_STATUS_CONTINUE_NEEDED)
				break;
			/* What it answers is new, so that nothing old fits it. */
			assert_true(s.side->out.len != answers[k].len ||
				    memcmp(s.side->out.data, answers[k].data, answers[k].len) != 0);
		}
		check_refused(s.side, "a replay");
		teardown(&s);
	}
}

enum meddled { PAST_END, AS_BEFORE, MEDDLED };

/**
 * typedef meddle_fn - changes a flight
 * @flight: the flight
 * @at: where the record in question begins
 * @len: its length
 * @next: length of the one that follows, or 0
 *
 * Return: MEDDLED, or AS_BEFORE where this changes nothing
 */
typedef enum meddled (*meddle_fn)(struct wire *flight, size_t at, size_t len, size_t next);

static size_t record_len(const struct wire *wire, size_t at)
{
	if (at + HEADER > wire->len)
		return 0;
	return HEADER + ((size_t)wire->data[at + 3] << 8 | wire->data[at + 4]);
}

static enum meddled swap(struct wire *flight, size_t at, size_t len, size_t next)
{
	static uint8_t first[1 << 15];

	if (!next)
		return AS_BEFORE;
	memcpy(first, flight->data + at, len);
	memmove(flight->data + at, flight->data + at + len, next);
	memcpy(flight->data + at + next, first, len);
	return MEDDLED;
}

static enum meddled leave_out(struct wire *flight, size_t at, size_t len, size_t next)
{
	(void)next;
	if (len == flight->len)
		return AS_BEFORE;
	memmove(flight->data + at, flight->data + at + len, flight->len - at - len);
	flight->len -= len;
	return MEDDLED;
}

static enum meddled repeat(struct wire *flight, size_t at, size_t len, size_t next)
{
	(void)next;
	memmove(flight->data + at + len, flight->data + at, flight->len - at);
	flight->len += len;
	return MEDDLED;
}

static enum meddled shorten(struct wire *flight, size_t at, size_t len, size_t next)
{
	(void)next;
	if (len <= HEADER + 1)
		return AS_BEFORE;
	memmove(flight->data + at + len - 1, flight->data + at + len, flight->len - at - len);
	flight->len--;
	if (!flight->data[at + 4]--)
		flight->data[at + 3]--;
	return MEDDLED;
}

/* Does it to the @n'th record; TLS 1.3's change_cipher_spec is ignored by all. */
static enum meddled meddle_with(struct wire *flight, meddle_fn how, unsigned int n, bool tls12)
{
	size_t at = 0, len, next;

	for (;; n--) {
		len = record_len(flight, at);
		if (!len)
			return PAST_END;
		if (!n)
			break;
		at += len;
	}
	next = record_len(flight, at + len);
	if (!tls12 && (flight->data[at] == CCS || (next && flight->data[at + len] == CCS)))
		return AS_BEFORE;
	return how(flight, at, len, next);
}

/* The peer's @which flight comes with its @n'th record changed. */
static enum meddled meddled(const struct variant *v, unsigned int which, meddle_fn how,
			    unsigned int n)
{
	static struct wire flight;
	enum meddled done = PAST_END;
	unsigned int number = 0;
	struct setup s;
	size_t before;

	setup_variant(&s, v, (struct peer_options) { .no_tickets = true });
	do {
		next_flight(&s, &flight);
		before = flight.len;
		if (number++ == which) {
			done = meddle_with(&flight, how, n, v->tls12);
			if (done != MEDDLED)
				break;
		}
		deliver(&s, &flight);
		assert_int_not_equal(s.side->step.status, KSC_STATUS_INTERNAL_ERROR);
	} while (number <= which && s.side->step.status == KSC_STATUS_CONTINUE_NEEDED);
	if (done == MEDDLED && s.side->step.status == KSC_STATUS_OK) {
		/* Behind the end, it is for the record layer to refuse. */
		if (how != repeat)
			fail_msg("%s, we %s, %s, flight %u, record %u", v->type->name,
				 v->we_serve ? "serve" : "connect", v->tls12 ? "1.2" : "1.3",
				 which, n);
		assert_true(flight.len > before);
		assert_int_equal(s.side->in.len, flight.len - before);
	} else if (done == MEDDLED && ksc_status_is_failure(s.side->step.status)) {
		check_refused(s.side, "a flight that was changed");
	}
	teardown(&s);
	return done;
}

/* How many of its records could be changed */
static unsigned int meddle_with_each(const struct variant *v, unsigned int flight, meddle_fn how)
{
	unsigned int n, count = 0;
	enum meddled done;

	for (n = 0; (done = meddled(v, flight, how, n)) != PAST_END; n++)
		count += done == MEDDLED;
	return count;
}

static void case_17_reordered_and_truncated(void **state)
{
	static const meddle_fn ways[] = { swap, leave_out, repeat, shorten };
	unsigned int i, k, flight, count = 0;

	(void)state;
	for (i = 0; i < N_PLAIN_VARIANTS; i++)
		for (k = 0; k < sizeof(ways) / sizeof(ways[0]); k++)
			for (flight = 0; flight < 2; flight++)
				count += meddle_with_each(&variants[i], flight, ways[k]);
	assert_true(count > 100);
}

static size_t be16(const uint8_t *p)
{
	return (size_t)p[0] << 8 | p[1];
}

/* Removes TLS 1.3 from a ClientHello: its extension gets an unknown number. */
static void strip_versions(struct wire *hello)
{
	/* Both headers, version and random. */
	uint8_t *p = hello->data + HEADER + 4 + 2 + 32, *end;
	bool found = false;

	p += 1 + p[0];
	p += 2 + be16(p);
	p += 1 + p[0];
	end = p + 2 + be16(p);
	assert_ptr_equal(end, hello->data + hello->len);
	for (p += 2; p < end; p += 4 + be16(p + 2))
		if (be16(p) == 43) {
			p[0] = 0x1a;
			p[1] = 0x1a;
			found = true;
		}
	assert_true(found);
}

/* A man in the middle has a server negotiate TLS 1.2: the server's random says so. */
static void case_21_downgrade_is_noticed(void **state)
{
	static const struct cred_options trusting = { .ca = "ca" };
	int gnutls;

	(void)state;
	for (gnutls = 0; gnutls < 2; gnutls++) {
		struct setup s;

		setup(&s, gnutls ? &peer_gnutls : &peer_openssl, &trusting,
		      (struct ksc_engine_params) { .role = KSC_ROLE_CLIENT,
						   .server_name = "server.test" },
		      (struct peer_options) { .server = true, .cert = "server" });
		side_step(s.side, 0);
		strip_versions(&s.side->out);
		wire_put(&s.peer->in, s.side->out.data, s.side->out.len);
		s.side->out.len = 0;
		s.peer->type->handshake(s.peer);
		assert_memory_equal(s.peer->out.data + SENTINEL_AT, SENTINEL, SENTINEL_LEN);
		deliver(&s, &s.peer->out);
		assert_int_equal(s.side->step.status, KSC_STATUS_PROTOCOL_ERROR);
		assert_int_equal(s.side->step.alert, GNUTLS_A_ILLEGAL_PARAMETER);
		check_refused(s.side, "a downgrade");
		teardown(&s);
	}
}

/* Our server's random shows it, too, to a client that offers no more than TLS 1.2. */
static void case_21_downgrade_is_marked(void **state)
{
	static const struct cred_options cred = { .cert = "server" };
	int gnutls;

	(void)state;
	for (gnutls = 0; gnutls < 2; gnutls++) {
		struct setup s;

		setup(&s, gnutls ? &peer_gnutls : &peer_openssl, &cred,
		      (struct ksc_engine_params) { .role = KSC_ROLE_SERVER },
		      (struct peer_options) { .tls12 = true, .ca = "ca",
					      .server_name = "server.test" });
		s.peer->type->handshake(s.peer);
		deliver(&s, &s.peer->out);
		assert_int_equal(s.side->step.status, KSC_STATUS_CONTINUE_NEEDED);
		assert_memory_equal(s.side->out.data + SENTINEL_AT, SENTINEL, SENTINEL_LEN);
		teardown(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_15_bit_flips_of_clients),
		cmocka_unit_test(case_16_wrong_context),
		cmocka_unit_test(case_17_replayed_flights),
		cmocka_unit_test(case_17_reordered_and_truncated),
		cmocka_unit_test(case_21_downgrade_is_noticed),
		cmocka_unit_test(case_21_downgrade_is_marked),
	};

	if (getenv("KSC_TEST_FILTER"))
		cmocka_set_test_filter(getenv("KSC_TEST_FILTER"));
	make_variants();
	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
