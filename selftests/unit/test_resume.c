// SPDX-License-Identifier: GPL-2.0-only
/* Resumption by clients of ours: the cache, tickets, and what must not be skipped. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "variant.h"

static const struct cred_options trusting = { .ca = "ca" };
static const char port_a[16] = "\2\0\1\273", port_b[16] = "\2\0\1\274";

static const struct ksc_engine_params client = {
	.role = KSC_ROLE_CLIENT, .server_name = "server.test",
	.who = { .uid = 1000, .gid = 100 },
	.peer = port_a, .peer_len = sizeof(port_a),
};

static gnutls_datum_t some_data(size_t len)
{
	gnutls_datum_t data = { gnutls_malloc(len), (unsigned int)len };

	assert_non_null(data.data);
	memset(data.data, (int)len, len);
	return data;
}

static struct ksc_cache_key some_key(unsigned int number)
{
	struct ksc_cache_key key = { { 0 } };

	memcpy(key.digest, &number, sizeof(number));
	return key;
}

static int put(struct ksc_cache *cache, unsigned int number, size_t len, time_t expires)
{
	struct ksc_cache_key key = some_key(number);
	gnutls_datum_t data = some_data(len);
	int rc = ksc_cache_put(cache, &key, ksc_cache_generation(cache), &data, 1000, expires);

	assert_null(data.data);
	return rc;
}

/* Length of what is found, 0 for nothing. */
static size_t take(struct ksc_cache *cache, unsigned int number, time_t now)
{
	struct ksc_cache_key key = some_key(number);
	gnutls_datum_t data;
	size_t len;

	if (ksc_cache_take(cache, &key, now, &data))
		return 0;
	len = data.size;
	ksc_cache_forget(&data);
	assert_null(data.data);
	return len;
}

static void cache__newest_first_and_once(void **state)
{
	struct ksc_cache *cache = ksc_cache_new();
	size_t i;

	(void)state;
	assert_int_equal(take(cache, 1, 1000), 0);
	for (i = 1; i <= KSC_CACHE_PER_KEY + 2; i++)
		assert_int_equal(put(cache, 1, i, 2000), 0);
	assert_int_equal(put(cache, 2, 99, 2000), 0);
	assert_int_equal(ksc_cache_count(cache), KSC_CACHE_PER_KEY + 1);
	for (i = KSC_CACHE_PER_KEY + 2; i > 2; i--)
		assert_int_equal(take(cache, 1, 1000), i);
	assert_int_equal(take(cache, 1, 1000), 0);
	assert_int_equal(take(cache, 2, 1000), 99);
	assert_int_equal(ksc_cache_count(cache), 0);
	ksc_cache_free(cache);
}

static void cache__expires(void **state)
{
	struct ksc_cache *cache = ksc_cache_new();

	(void)state;
	assert_int_equal(put(cache, 1, 5, 1000), -EINVAL);
	assert_int_equal(put(cache, 1, 5, 1001), 0);
	assert_int_equal(take(cache, 1, 1001), 0);
	assert_int_equal(take(cache, 1, 1000), 5);
	ksc_cache_free(cache);
}

static void cache__is_bounded(void **state)
{
	struct ksc_cache *cache = ksc_cache_new();
	unsigned int i;

	(void)state;
	for (i = 0; i < KSC_CACHE_SIZE + 10; i++)
		assert_int_equal(put(cache, i, 7, 2000), 0);
	assert_int_equal(ksc_cache_count(cache), KSC_CACHE_SIZE);
	/* The oldest have made room. */
	for (i = 0; i < KSC_CACHE_SIZE + 10; i++)
		assert_int_equal(take(cache, i, 1000), i < 10 ? 0 : 7);
	assert_int_equal(put(cache, 1, KSC_CACHE_MAX_DATA + 1, 2000), -EINVAL);
	assert_int_equal(put(cache, 1, KSC_CACHE_MAX_DATA, 2000), 0);
	ksc_cache_free(cache);
}

static void cache__flush(void **state)
{
	struct ksc_cache *cache = ksc_cache_new();
	uint64_t before = ksc_cache_generation(cache);
	struct ksc_cache_key key = some_key(1);
	gnutls_datum_t data = some_data(9);

	(void)state;
	assert_int_equal(put(cache, 1, 5, 2000), 0);
	ksc_cache_flush(cache);
	assert_int_equal(take(cache, 1, 1000), 0);
	/* Nor does anything get in that began before. */
	assert_int_equal(ksc_cache_put(cache, &key, before, &data, 1000, 2000), -ESTALE);
	assert_null(data.data);
	assert_int_equal(ksc_cache_count(cache), 0);
	ksc_cache_free(cache);
}

/**
 * struct meeting - a connection
 * @type: whose server
 * @server: the server
 * @cred: our credential
 * @params: ours
 * @cache: where sessions are
 * @serial: of the credentials, which are others each time
 * @no_tickets: the server sends none, or we don't look at them
 * @resumed: set to whether it was
 * @step: set to the last step
 */
struct meeting {
	const struct peer_type *type;
	struct peer_options server;
	struct cred_options cred;
	struct ksc_engine_params params;
	struct ksc_cache *cache;
	uint64_t serial;
	bool no_tickets;
	bool resumed;
	struct ksc_step step;
};

static enum ksc_status meet(struct meeting *m)
{
	struct setup s;
	bool tls13;

	m->server.server = true;
	if (!m->server.cert)
		m->server.cert = "server";
	m->params.cache = m->cache;
	setup(&s, m->type, &m->cred, m->params, m->server);
	s.creds->serial = m->serial;
	shake(s.side, s.peer, WHOLE);
	m->step = s.side->step;
	m->resumed = s.side->step.info.resumed;
	if (m->step.status == KSC_STATUS_OK) {
		assert_int_equal(s.peer->type->resumed(s.peer), m->resumed);
		tls13 = m->step.keys.version == 0x0304;
		assert_int_equal(m->step.tickets, tls13 && !m->cred.no_resumption);
		if (m->step.tickets && !m->no_tickets)
			assert_true(side_tickets(s.side) > 0);
		prove_keys(s.side, s.peer);
	}
	teardown(&s);
	return m->step.status;
}

static struct meeting begin(unsigned int bits)
{
	return (struct meeting) {
		.type = bits & 1 ? &peer_openssl : &peer_gnutls,
		.server = { .tls12 = bits & 2 },
		.cred = trusting,
		.params = client,
		.cache = ksc_cache_new(),
	};
}

static void expect(struct meeting *m, bool resumed, const char *what)
{
	if (meet(m) != KSC_STATUS_OK)
		fail_msg("%s, %s: %s", what, m->type->name, m->step.text);
	if (m->resumed != resumed)
		fail_msg("%s, %s %s: %sresumed", what, m->type->name,
			 m->server.tls12 ? "1.2" : "1.3", m->resumed ? "" : "not ");
}

/* Again and again, and as much is known of the server as the first time. */
static void case_29_resume(void **state)
{
	unsigned int bits, i;

	(void)state;
	for (bits = 0; bits < 4; bits++) {
		struct meeting m = begin(bits);
		struct ksc_peer first;

		expect(&m, false, "first");
		first = m.step.info.peer;
		assert_true(first.present);
		for (i = 0; i < 6; i++) {
			expect(&m, true, "again");
			assert_memory_equal(&m.step.info.peer, &first, sizeof(first));
			assert_string_equal(m.step.info.server_name, "server.test");
		}
		ksc_cache_free(m.cache);
	}
}

/* RFC 8446, C.4: each ticket of TLS 1.3 is used once. */
static void tickets_are_used_once(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct meeting m = begin(i);
		size_t n;

		expect(&m, false, "first");
		n = ksc_cache_count(m.cache);
		assert_true(n > 0);
		m.no_tickets = true;
		while (n--)
			expect(&m, true, "again");
		assert_int_equal(ksc_cache_count(m.cache), 0);
		expect(&m, false, "none left");
		ksc_cache_free(m.cache);
	}
}

#define AT_ONCE	6

/* Concurrent handshakes: no ticket of TLS 1.3 serves two of them. */
static void case_30_concurrent(void **state)
{
	unsigned int bits, i;

	(void)state;
	for (bits = 0; bits < 4; bits++) {
		struct meeting m = begin(bits);
		struct side *sides[AT_ONCE];
		unsigned int resumed = 0;
		size_t n;

		expect(&m, false, "first");
		n = ksc_cache_count(m.cache);
		assert_in_range(n, 1, AT_ONCE - 1);
		m.params.cache = m.cache;
		m.params.credentials = creds_new(&m.cred, 1);
		m.params.credentials->serial = m.serial;
		for (i = 0; i < AT_ONCE; i++) {
			sides[i] = side_new(&m.params);
			side_step(sides[i], 0);
		}
		for (i = 0; i < AT_ONCE; i++) {
			struct peer *peer = peer_new(m.type, &m.server);
			struct side *side = sides[i];
			int rc = PEER_WANTS_MORE;

			/* As shake() goes on after a client's first step. */
			while (rc == PEER_WANTS_MORE) {
				wire_put(&peer->in, side->out.data, side->out.len);
				side->out.len = 0;
				rc = peer->type->handshake(peer);
				side_deliver(side, peer->out.data, peer->out.len, WHOLE);
				peer->out.len = 0;
			}
			assert_int_equal(rc, PEER_DONE);
			assert_int_equal(side->step.status, KSC_STATUS_OK);
			resumed += side->step.info.resumed;
			side_free(side);
			peer_free(peer);
		}
		/* TLS 1.2's may be used again. */
		assert_true(resumed > 0);
		if (!m.server.tls12)
			assert_int_equal(resumed, n);
		ksc_credentials_put(m.params.credentials);
		ksc_cache_free(m.cache);
	}
}

static void case_29_must_not_resume(void **state)
{
	static const struct meeting others[] = {
		{ .params = { .server_name = "a.wild.test" } },
		{ .params = { .server_name = "server.test.", .who.uid = 1001 } },
		{ .params = { .who.gid = 101 } },
		{ .params = { .who.netns = 4711 } },
		{ .params = { .peer = port_b } },
		{ .params = { .verify = KSC_VERIFY_NONE } },
		{ .params = { .alpn = (const uint8_t *)"\1x", .alpn_len = 2 } },
		{ .cred = { .name = "other", .ca = "ca" } },
		{ .cred = { .ca = "ca", .alpn = "y" } },
		{ .cred = { .ca = "ca", .no_resumption = true } },
	};
	unsigned int bits;
	size_t i;

	(void)state;
	for (bits = 0; bits < 4; bits++)
		for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
			const struct ksc_engine_params *p = &others[i].params;
			struct meeting m = begin(bits);
			size_t n;

			expect(&m, false, "first");
			n = ksc_cache_count(m.cache);
			if (p->server_name)
				m.params.server_name = p->server_name;
			m.params.who.uid = p->who.uid ? p->who.uid : m.params.who.uid;
			m.params.who.gid = p->who.gid ? p->who.gid : m.params.who.gid;
			m.params.who.netns = p->who.netns;
			m.params.peer = p->peer ? p->peer : m.params.peer;
			m.params.alpn = p->alpn;
			m.params.alpn_len = p->alpn_len;
			/* A client's default is to require, and no option asks for less: */
			m.params.verify = p->verify;
			if (p->verify == KSC_VERIFY_NONE)
				m.cred.verify = KSC_VERIFY_NONE;
			if (others[i].cred.ca)
				m.cred = others[i].cred;
			m.no_tickets = true;
			expect(&m, false, "another");
			/* And the first can still. */
			assert_true(ksc_cache_count(m.cache) >= n);
			m.cred = trusting;
			m.params = client;
			expect(&m, true, "the same");
			ksc_cache_free(m.cache);
		}
}

/*
 * The certificate is no longer trusted: that of a session that is resumed is judged
 * as it would be in a full handshake. The daemon flushes its cache as well when the
 * configuration changes.
 */
static void certificate_is_judged_again(void **state)
{
	unsigned int bits;

	(void)state;
	for (bits = 0; bits < 4; bits++) {
		struct meeting m = begin(bits);

		expect(&m, false, "first");
		m.cred.ca = "otherca";
		assert_int_equal(meet(&m), KSC_STATUS_PEER_REJECTED);
		assert_int_equal(m.step.direction, KSC_DIRECTION_SENT);
		assert_int_equal(m.step.alert, GNUTLS_A_UNKNOWN_CA);
		assert_int_equal(m.step.keys.version, 0);
		ksc_cache_free(m.cache);
	}
}

static void flush_forgets(void **state)
{
	unsigned int bits;

	(void)state;
	for (bits = 0; bits < 4; bits++) {
		struct meeting m = begin(bits);

		expect(&m, false, "first");
		ksc_cache_flush(m.cache);
		expect(&m, false, "after a flush");
		expect(&m, true, "after that");
		ksc_cache_free(m.cache);
	}
}

/* A whole handshake of a session that has begun already */
static void finish(struct side *side, const struct meeting *m)
{
	struct peer *peer = peer_new(m->type, &m->server);

	assert_int_equal(shake(side, peer, WHOLE), KSC_STATUS_OK);
	if (side->step.tickets)
		side_tickets(side);
	side_free(side);
	peer_free(peer);
}

/*
 * A reload while a session waits for its first step; and one that begins with the credentials
 * of before it, since the kernel has offered the connection under the old policy. Nobody goes
 * on with what they leave behind but another of those.
 */
static void withdrawn_credentials(void **state)
{
	unsigned int bits;

	(void)state;
	for (bits = 0; bits < 4; bits++) {
		struct meeting m = begin(bits);
		struct ksc_credentials *old = creds_new(&m.cred, 1), *new = creds_new(&m.cred, 1);
		struct side *side;

		assert_int_not_equal(old->serial, new->serial);
		m.server.server = true;
		m.server.cert = "server";
		m.params.cache = m.cache;
		m.params.credentials = old;
		side = side_new(&m.params);
		ksc_cache_flush(m.cache);
		finish(side, &m);
		assert_int_equal(ksc_cache_count(m.cache), 0);
		finish(side_new(&m.params), &m);
		assert_int_not_equal(ksc_cache_count(m.cache), 0);
		m.serial = new->serial;
		m.no_tickets = true;
		expect(&m, false, "with others");
		m.serial = old->serial;
		expect(&m, true, "with the same");
		ksc_credentials_put(old);
		ksc_credentials_put(new);
		ksc_cache_free(m.cache);
	}
}

/* A server that sends none, or has forgotten: a full handshake, and no harm. */
static void servers_without(void **state)
{
	unsigned int bits;

	(void)state;
	for (bits = 0; bits < 4; bits++) {
		struct meeting m = begin(bits);

		m.no_tickets = true;
		m.server.no_tickets = true;
		expect(&m, false, "first");
		expect(&m, false, "second");
		ksc_cache_free(m.cache);
		m = begin(bits);
		expect(&m, false, "first");
		m.server.no_tickets = true;
		m.no_tickets = true;
		meet(&m);
		assert_int_equal(m.step.status, KSC_STATUS_OK);
		ksc_cache_free(m.cache);
	}
}

/* With an engine as the server, whose tickets come before the client's Finished. */
static void engines(void **state)
{
	int tls12, i;

	(void)state;
	for (tls12 = 0; tls12 < 2; tls12++) {
		const struct cred_options cred = {
			.cert = "server", .ca = "ca", .tls12 = tls12,
			.restricted = true, .uid = client.who.uid,
		};
		struct ksc_credentials *creds = creds_new(&cred, 1);
		struct ksc_cache *cache = ksc_cache_new();

		for (i = 0; i < 4; i++) {
			struct ksc_engine_params params = client;
			struct side *a, *b;

			params.credentials = creds;
			params.cache = cache;
			a = side_new(&params);
			params.role = KSC_ROLE_SERVER;
			b = side_new(&params);
			assert_int_equal(shake_sides(a, b), KSC_STATUS_OK);
			assert_int_equal(b->step.status, KSC_STATUS_OK);
			assert_false(b->step.tickets);
			assert_int_equal(a->step.info.resumed, i > 0);
			assert_int_equal(b->step.info.resumed, i > 0);
			if (!tls12)
				assert_true(side_tickets(a) > 0);
			side_free(a);
			side_free(b);
		}
		ksc_cache_free(cache);
		ksc_credentials_put(creds);
	}
}

/* Nothing but a whole ticket, whatever a server sends after the handshake. */
static void malformed_tickets(void **state)
{
	static const struct {
		uint8_t bytes[24];
		size_t len;
	} bad[] = {
		{ { 0 }, 0 },
		{ { 4, 0, 0, 0 }, 4 },
		{ { 4, 0, 0, 4, 0, 0, 1, 0 }, 8 },
		{ { 4, 0, 0, 5, 0, 0, 1, 0 }, 8 },
		/* A nonce that goes past the end, and so on. */
		{ { 4, 0, 0, 11, 0, 0, 1, 0, 1, 2, 3, 4, 200, 0, 0 }, 15 },
		{ { 4, 0, 0, 13, 0, 0, 1, 0, 1, 2, 3, 4, 0, 0, 9, 1, 1 }, 17 },
		{ { 4, 0, 0, 13, 0, 0, 1, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0 }, 17 },
		/* KeyUpdate, which is the kernel's, and a request for a certificate. */
		{ { 24, 0, 0, 1, 0 }, 5 },
		{ { 13, 0, 0, 3, 0, 0, 0 }, 7 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct meeting m = begin(1);
		uint8_t *copy = malloc(bad[i].len ? bad[i].len : 1);
		struct setup s;
		size_t before;

		m.params.cache = m.cache;
		setup(&s, m.type, &m.cred, m.params, (struct peer_options) {
			.server = true, .cert = "server",
		});
		shake(s.side, s.peer, WHOLE);
		assert_int_equal(s.side->step.status, KSC_STATUS_OK);
		before = ksc_cache_count(m.cache);
		memcpy(copy, bad[i].bytes, bad[i].len);
		if (ksc_engine_ticket(s.side->engine, copy, bad[i].len) >= 0)
			fail_msg("number %zu was taken", i);
		assert_int_equal(ksc_cache_count(m.cache), before);
		free(copy);
		teardown(&s);
		ksc_cache_free(m.cache);
	}
}

/* A ticket that is of no use by its own account is not kept; another is. */
static void lifetimes(void **state)
{
	static const uint8_t lives[][4] = { { 0 }, { 0, 0, 14, 16 }, { 255, 255, 255, 255 } };
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		/* A nonce of two bytes, a ticket of four, no extensions. */
		uint8_t ticket[] = { 4, 0, 0, 19, 0, 0, 0, 0, 1, 2, 3, 4, 2, 5, 6,
				     0, 4, 'a', 'b', 'c', 'd', 0, 0 };
		struct meeting m = begin(1);
		struct setup s;

		memcpy(ticket + 4, lives[i], 4);
		m.params.cache = m.cache;
		setup(&s, m.type, &m.cred, m.params, (struct peer_options) {
			.server = true, .cert = "server",
		});
		shake(s.side, s.peer, WHOLE);
		assert_int_equal(ksc_engine_ticket(s.side->engine, ticket, sizeof(ticket)), 0);
		assert_int_equal(ksc_cache_count(m.cache), i > 0);
		teardown(&s);
		ksc_cache_free(m.cache);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cache__newest_first_and_once),
		cmocka_unit_test(cache__expires),
		cmocka_unit_test(cache__is_bounded),
		cmocka_unit_test(cache__flush),
		cmocka_unit_test(case_29_resume),
		cmocka_unit_test(tickets_are_used_once),
		cmocka_unit_test(case_29_must_not_resume),
		cmocka_unit_test(case_30_concurrent),
		cmocka_unit_test(certificate_is_judged_again),
		cmocka_unit_test(flush_forgets),
		cmocka_unit_test(withdrawn_credentials),
		cmocka_unit_test(servers_without),
		cmocka_unit_test(engines),
		cmocka_unit_test(malformed_tickets),
		cmocka_unit_test(lifetimes),
	};

	if (getenv("KSC_TEST_FILTER"))
		cmocka_set_test_filter(getenv("KSC_TEST_FILTER"));
	return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}
