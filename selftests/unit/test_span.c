// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handshake messages that span a change of keys, RFC 8446 5.1. The peer is GnuTLS, whose
 * flights are decrypted on the way, changed and encrypted again.
 */
#include <stdlib.h>
#include <string.h>
#include <gnutls/gnutls.h>

#include "common/names.h"
#include "engine/suite.h"
#include "side.h"

#define HEADER		5
#define MAX_PARTS	16

gnutls_session_t peer_gnutls_session(struct peer *peer, gnutls_datum_t *secret);

/**
 * struct part - a record of a flight, opened
 * @type: its content's
 * @sealed: whether it is protected
 * @data: its content
 * @len: bytes of it
 * @pad: zeros behind the content, TLS 1.3
 */
struct part {
	uint8_t type;
	bool sealed;
	uint8_t data[4096];
	size_t len;
	size_t pad;
};

/**
 * struct flight - what a peer sends at once
 * @parts: its records
 * @n: number of records
 * @keys: what protects some of them, in their rx
 * @rest: records behind Finished, as they are
 * @rest_len: length of @rest in bytes
 */
struct flight {
	struct part parts[MAX_PARTS];
	size_t n;
	struct ksc_keys keys;
	uint8_t rest[4096];
	size_t rest_len;
};

/**
 * struct more - what is put behind a message
 * @data: handshake content
 * @len: length of @data in bytes
 * @pad: zeros behind it, TLS 1.3
 */
struct more {
	uint8_t data[8];
	size_t len;
	size_t pad;
};

/**
 * struct scene - a handshake
 * @we_serve: our role
 * @tls12: in this version, or in TLS 1.3
 * @cipher: with this cipher
 * @resumed: of a session that was there before
 * @retry: with HelloRetryRequest
 * @after: so many flights of the peer's are none to be changed
 */
struct scene {
	bool we_serve;
	bool tls12;
	const char *cipher;
	bool resumed;
	bool retry;
	unsigned int after;
};

/* Change a flight, if it is the one: whether it was */
typedef bool change_fn(struct flight *flight, const struct scene *scene, const struct more *more);

static void find_keys(struct flight *flight, struct peer *peer, const struct scene *scene)
{
	struct ksc_key *key = &flight->keys.rx;
	gnutls_datum_t secret, iv, raw;
	gnutls_session_t tls = peer_gnutls_session(peer, &secret);
	const struct ksc_cipher *cipher = ksc_cipher_by_name(scene->cipher);

	flight->keys.version = scene->tls12 ? 0x0303 : 0x0304;
	flight->keys.suite = scene->tls12 ? cipher->ecdhe_ecdsa : cipher->tls13;
	if (!scene->tls12) {
		memcpy(key->secret, secret.data, secret.size);
		key->secret_len = secret.size;
		return;
	}
	assert_int_equal(gnutls_record_get_state(tls, 0, NULL, &iv, &raw, NULL), 0);
	memcpy(key->key, raw.data, raw.size);
	key->key_len = raw.size;
	memcpy(key->iv, iv.data, iv.size);
	key->iv_len = iv.size;
}

/* Bytes of the message at @at */
static size_t message_len(const struct part *part, size_t at)
{
	assert_true(part->len >= at + 4);
	return 4 + ((size_t)part->data[at + 1] << 16 | (size_t)part->data[at + 2] << 8 |
		    part->data[at + 3]);
}

/* Where the last message of a record begins */
static size_t last_at(const struct part *part)
{
	size_t at = 0, next;

	for (next = 0; next < part->len; next += message_len(part, next))
		at = next;
	assert_int_equal(next, part->len);
	return at;
}

static uint8_t last_message(const struct part *part)
{
	return part->data[last_at(part)];
}

/* What @peer is about to send */
static void flight_open(struct flight *flight, struct peer *peer, const struct scene *scene)
{
	struct wire *wire = &peer->out;
	bool changed = false;

	memset(flight, 0, sizeof(*flight));
	while (wire->len) {
		struct part *part = &flight->parts[flight->n++];

		assert_in_range(flight->n, 1, MAX_PARTS);
		part->type = wire->data[0];
		part->len = (size_t)wire->data[3] << 8 | wire->data[4];
		part->sealed = scene->tls12 ? changed : part->type == 23;
		changed |= part->type == 20;
		if (part->sealed) {
			int len;

			if (!flight->keys.version)
				find_keys(flight, peer, scene);
			len = record_open(&flight->keys, &flight->keys.rx, wire, &part->type,
					  part->data, sizeof(part->data));
			assert_true(len > 0);
			part->len = (size_t)len;
			if (part->type == 22 && last_message(part) == GNUTLS_HANDSHAKE_FINISHED)
				break;
			continue;
		}
		assert_in_range(part->len, 1, sizeof(part->data));
		memcpy(part->data, wire->data + HEADER, part->len);
		wire_eat(wire, HEADER + part->len);
	}
	/* other keys: a server's tickets */
	assert_in_range(wire->len, 0, sizeof(flight->rest));
	memcpy(flight->rest, wire->data, wire->len);
	flight->rest_len = wire->len;
	wire->len = 0;
}

static void flight_seal(struct flight *flight, struct wire *wire)
{
	struct ksc_key *key = &flight->keys.rx;
	size_t i;

	key->seq = 0;
	for (i = 0; i < flight->n; i++) {
		struct part *part = &flight->parts[i];
		const uint8_t head[HEADER] = { part->type, 3, 3, (uint8_t)(part->len >> 8),
					       (uint8_t)part->len };

		if (!part->sealed) {
			wire_put(wire, head, sizeof(head));
			wire_put(wire, part->data, part->len);
			continue;
		}
		/* the last zero of the padding stands where the type would */
		if (part->pad) {
			part->data[part->len] = part->type;
			memset(part->data + part->len + 1, 0, part->pad - 1);
		}
		record_seal(&flight->keys, key, part->pad ? 0 : part->type, part->data,
			    part->len + part->pad, wire);
	}
	wire_put(wire, flight->rest, flight->rest_len);
}

/* The record that ends with a message of @type, or NULL */
static struct part *ends_with(struct flight *flight, uint8_t type)
{
	size_t i;

	for (i = 0; i < flight->n; i++)
		if (flight->parts[i].type == 22 && last_message(&flight->parts[i]) == type)
			return &flight->parts[i];
	return NULL;
}

static void append(struct part *part, const struct more *more)
{
	memcpy(part->data + part->len, more->data, more->len);
	part->len += more->len;
	part->pad = more->pad;
}

static bool behind_finished(struct flight *flight, const struct scene *scene,
			    const struct more *more)
{
	struct part *part = ends_with(flight, GNUTLS_HANDSHAKE_FINISHED);

	(void)scene;
	if (!part)
		return false;
	assert_true(part->sealed);
	append(part, more);
	return true;
}

/* Behind Finished, which has company before it in its record */
static bool packed(struct flight *flight, const struct scene *scene, const struct more *more)
{
	size_t len;
	struct part *part = ends_with(flight, GNUTLS_HANDSHAKE_FINISHED);
	struct part *before;

	(void)scene;
	if (!part)
		return false;
	before = part - 1;
	assert_true(before >= flight->parts && before->sealed && before->type == 22);
	len = part->len;
	memcpy(before->data + before->len, part->data, len);
	before->len += len;
	flight->n--;
	append(before, more);
	return true;
}

/* Behind the last plaintext message before other keys, or an answer of ours */
static bool behind_hello(struct flight *flight, const struct scene *scene,
			 const struct more *more)
{
	struct part *part = ends_with(flight, scene->we_serve ? GNUTLS_HANDSHAKE_CLIENT_HELLO :
					      scene->tls12 ? GNUTLS_HANDSHAKE_SERVER_HELLO_DONE :
							     GNUTLS_HANDSHAKE_SERVER_HELLO);

	if (!part)
		return false;
	assert_false(part->sealed);
	append(part, more);
	return true;
}

/* The message of the first sealed record comes before its keys, in the record of the hello */
static bool too_early(struct flight *flight, const struct scene *scene, const struct more *more)
{
	size_t i, len;
	struct part *part = ends_with(flight, GNUTLS_HANDSHAKE_SERVER_HELLO), *sealed = NULL;

	(void)scene;
	(void)more;
	for (i = 0; i < flight->n && !sealed; i++)
		if (flight->parts[i].sealed)
			sealed = &flight->parts[i];
	if (!part || !sealed)
		return false;
	len = message_len(sealed, 0);
	memcpy(part->data + part->len, sealed->data, len);
	part->len += len;
	sealed->len -= len;
	memmove(sealed->data, sealed->data + len, sealed->len);
	if (!sealed->len) {
		i = (size_t)(sealed - flight->parts);
		memmove(sealed, sealed + 1, (--flight->n - i) * sizeof(*sealed));
	}
	return true;
}

/* The beginning of the first encrypted message is plaintext, behind the last plaintext one */
static bool straddling(struct flight *flight, const struct scene *scene, const struct more *more)
{
	struct part *clear = NULL, *sealed = NULL;
	size_t i, n;

	(void)scene;
	for (i = 0; i < flight->n && !sealed; i++)
		if (flight->parts[i].sealed)
			sealed = &flight->parts[i];
		else if (flight->parts[i].type == 22)
			clear = &flight->parts[i];
	if (!clear || !sealed)
		return false;
	n = more->len;
	memcpy(clear->data + clear->len, sealed->data, n);
	clear->len += n;
	sealed->len -= n;
	memmove(sealed->data, sealed->data + n, sealed->len);
	return true;
}

/**
 * struct play - a handshake on the way
 * @scene: what it is
 * @creds: ours
 * @cache: our client's sessions
 * @saved: the peer's
 */
struct play {
	const struct scene *scene;
	struct ksc_credentials *creds;
	struct ksc_cache *cache;
	void *saved;
};

static void begin(struct play *play, struct side **side, struct peer **peer)
{
	const struct scene *scene = play->scene;
	const struct ksc_engine_params params = {
		.credentials = play->creds, .cache = play->cache,
		.role = scene->we_serve ? KSC_ROLE_SERVER : KSC_ROLE_CLIENT,
		.server_name = scene->we_serve ? NULL : "server.test",
	};
	const struct peer_options opt = {
		.server = !scene->we_serve, .cert = scene->we_serve ? NULL : "server",
		.tls12 = scene->tls12, .tls13 = !scene->tls12, .cipher = scene->cipher,
		.server_name = scene->we_serve ? "server.test" : NULL,
		.resume = play->saved, .one_share = scene->retry,
		/* a share that we can't use; a group that we send no share of */
		.priority = !scene->retry ? NULL : scene->we_serve ?
			    ":-GROUP-ALL:+GROUP-FFDHE2048:+GROUP-SECP256R1" :
			    ":-GROUP-ALL:+GROUP-SECP521R1",
	};

	*side = side_new(&params);
	*peer = peer_new(&peer_gnutls, &opt);
}

static void end(struct side *side, struct peer *peer)
{
	side_free(side);
	peer_free(peer);
}

/* A session that another can resume */
static void make_session(struct play *play)
{
	struct side *side;
	struct peer *peer;

	if (!play->scene->we_serve)
		play->cache = ksc_cache_new();
	begin(play, &side, &peer);
	assert_int_equal(shake(side, peer, WHOLE), KSC_STATUS_OK);
	if (side->step.tickets)
		assert_true(side_tickets(side) > 0);
	prove_keys(side, peer);
	if (play->scene->we_serve)
		play->saved = peer->type->save(peer);
	end(side, peer);
}

/* The peer's flights come to us, all as they are but the one that @change is for */
static void exchange(const struct scene *scene, struct side *side, struct peer *peer,
		     change_fn *change, const struct more *more)
{
	static struct wire sent;
	static struct flight flight;
	unsigned int n = 0;
	int changed = 0, rc;

	if (!scene->we_serve)
		side_step(side, 0);
	do {
		wire_put(&peer->in, side->out.data, side->out.len);
		side->out.len = 0;
		rc = peer->type->handshake(peer);
		assert_true(rc != PEER_FAILED);
		/* we wait for a message that never comes */
		if (!peer->out.len)
			break;
		sent = peer->out;
		flight_open(&flight, peer, scene);
		if (n++ >= scene->after && !changed && change(&flight, scene, more)) {
			changed = 1;
			flight_seal(&flight, &peer->out);
			sent = peer->out;
		}
		peer->out.len = 0;
		side_deliver(side, sent.data, sent.len, WHOLE);
	} while (side->step.status == KSC_STATUS_CONTINUE_NEEDED && rc != PEER_DONE);
	assert_int_equal(changed, 1);
}

static void play(const struct scene *scene, change_fn *change, const struct more *more,
		 enum ksc_status wanted, const char *what)
{
	const struct cred_options cred = {
		.cert = "server", .ca = "ca", .cipher = scene->retry ? scene->cipher : NULL,
	};
	struct play play = { .scene = scene, .creds = creds_new(&cred, 1) };
	struct side *side;
	struct peer *peer;

	if (scene->resumed)
		make_session(&play);
	begin(&play, &side, &peer);
	exchange(scene, side, peer, change, more);
	if (side->step.status != wanted ||
	    (wanted != KSC_STATUS_OK && (side->step.alert != GNUTLS_A_UNEXPECTED_MESSAGE ||
					 side->step.direction != KSC_DIRECTION_SENT)))
		fail_msg("%s: we %s, TLS 1.%d, %s%s%s %u, %zu bytes from %d: %s, alert %d: %s",
			 what, scene->we_serve ? "serve" : "connect", scene->tls12 ? 2 : 3,
			 scene->cipher, scene->resumed ? ", resumed" : "",
			 scene->retry ? ", retry" : "", scene->after, more->len, more->data[0],
			 ksc_status_name(side->step.status), side->step.alert, side->step.text);
	if (wanted == KSC_STATUS_OK)
		assert_int_equal(side->step.info.resumed, scene->resumed);
	end(side, peer);
	if (play.saved)
		peer_gnutls.forget(play.saved);
	ksc_cache_free(play.cache);
	ksc_credentials_put(play.creds);
}

/* NewSessionTicket, or HelloRequest: whole, and in part */
static const struct more more[] = {
	{ { 4, 0, 0, 0 }, 4, 0 },
	{ { 0, 0, 0, 0 }, 4, 0 },
	{ { 4 }, 1, 0 },
	{ { 20, 0, 0, 32, 1 }, 5, 3 },
};

static const struct more nothing, pad = { .pad = 99 };

/* Each cipher in both roles and versions, resumed and not: @retry: TLS 1.3, with a second hello */
static void everywhere(change_fn *change, const struct more *list, size_t n, bool retry,
		       enum ksc_status wanted, const char *what)
{
	unsigned int bits;
	size_t i, k;

	for (i = 0; i < KSC_N_CIPHERS; i++)
		for (bits = 0; bits < 8; bits++) {
			const struct scene scene = {
				.we_serve = bits & 1, .resumed = bits & 2, .tls12 = bits & 4,
				.cipher = ksc_ciphers[i].name, .retry = retry,
			};

			if (retry && (scene.tls12 || !strcmp(scene.cipher, "AES-128-CCM")))
				continue;
			for (k = 0; k < n; k++)
				play(&scene, change, &list[k], wanted, what);
		}
}

#define N(list)	(sizeof(list) / sizeof((list)[0]))

static void test_behind_finished(void **state)
{
	(void)state;
	everywhere(behind_finished, more, N(more), false, KSC_STATUS_PROTOCOL_ERROR,
		   "behind Finished");
	everywhere(behind_finished, more, N(more), true, KSC_STATUS_PROTOCOL_ERROR,
		   "behind Finished");
}

/* Padding is ignored, and so is the size of records. */
static void test_padding(void **state)
{
	static const struct scene scenes[] = {
		{ .we_serve = false, .cipher = "AES-128-GCM" },
		{ .we_serve = true, .cipher = "AES-256-GCM" },
		{ .we_serve = false, .cipher = "AES-128-CCM", .resumed = true },
		{ .we_serve = true, .cipher = "CHACHA20-POLY1305", .resumed = true },
	};
	size_t i;

	(void)state;
	everywhere(behind_finished, &nothing, 1, false, KSC_STATUS_OK, "as it was");
	everywhere(behind_finished, &nothing, 1, true, KSC_STATUS_OK, "as it was");
	for (i = 0; i < N(scenes); i++)
		play(&scenes[i], behind_finished, &pad, KSC_STATUS_OK, "padding");
}

/* A server's CertificateVerify, or EncryptedExtensions, and Finished in one record */
static void test_packed(void **state)
{
	struct scene scene = { .cipher = "AES-128-GCM" };
	unsigned int bits;
	size_t i;

	(void)state;
	for (bits = 0; bits < 4; bits++) {
		scene.resumed = bits & 1;
		scene.retry = bits & 2;
		play(&scene, packed, &nothing, KSC_STATUS_OK, "packed");
		play(&scene, packed, &pad, KSC_STATUS_OK, "packed");
		for (i = 0; i < N(more); i++)
			play(&scene, packed, &more[i], KSC_STATUS_PROTOCOL_ERROR, "packed");
	}
}

/* Behind a hello, the first or the second, or TLS 1.2's ServerHelloDone */
static void test_behind_hello(void **state)
{
	static const struct scene scenes[] = {
		{ .we_serve = true, .cipher = "AES-128-GCM" },
		{ .we_serve = false, .cipher = "AES-128-GCM" },
		{ .we_serve = true, .cipher = "AES-128-GCM", .resumed = true },
		{ .we_serve = false, .cipher = "AES-128-GCM", .resumed = true },
		{ .we_serve = true, .cipher = "AES-128-GCM", .retry = true },
		{ .we_serve = false, .cipher = "AES-128-GCM", .retry = true },
		{ .we_serve = true, .cipher = "AES-128-GCM", .retry = true, .after = 1 },
		{ .we_serve = false, .cipher = "AES-128-GCM", .retry = true, .after = 1 },
		{ .we_serve = true, .cipher = "AES-128-GCM", .tls12 = true },
		{ .we_serve = false, .cipher = "AES-128-GCM", .tls12 = true },
		{ .we_serve = true, .cipher = "AES-128-GCM", .tls12 = true, .resumed = true },
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < N(scenes); i++) {
		play(&scenes[i], behind_hello, &nothing, KSC_STATUS_OK, "as it was");
		/* where a ticket might come, it is GnuTLS that rejects this one */
		for (k = scenes[i].tls12 && !scenes[i].we_serve; k < N(more); k++)
			play(&scenes[i], behind_hello, &more[k], KSC_STATUS_PROTOCOL_ERROR,
			     "behind a hello");
	}
}

/* EncryptedExtensions that are not */
static void test_too_early(void **state)
{
	unsigned int bits;

	(void)state;
	for (bits = 0; bits < 4; bits++) {
		const struct scene scene = { .cipher = "AES-128-GCM", .resumed = bits & 1,
					     .retry = bits & 2 };

		play(&scene, too_early, &nothing, KSC_STATUS_PROTOCOL_ERROR, "too early");
	}
}

static void test_straddling(void **state)
{
	static const struct scene scenes[] = {
		{ .cipher = "AES-128-GCM" },
		{ .cipher = "AES-128-GCM", .resumed = true },
		{ .cipher = "AES-128-GCM", .retry = true },
		{ .cipher = "AES-256-GCM", .tls12 = true },
		{ .cipher = "AES-256-GCM", .tls12 = true, .resumed = true },
		{ .cipher = "AES-256-GCM", .tls12 = true, .we_serve = true },
	};
	static const struct more parts[] = { { .len = 1 }, { .len = 4 }, { .len = 5 } };
	size_t i, k;

	(void)state;
	for (i = 0; i < N(scenes); i++)
		for (k = 0; k < N(parts); k++)
			play(&scenes[i], straddling, &parts[k], KSC_STATUS_PROTOCOL_ERROR,
			     "straddling");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_behind_finished),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_packed),
		cmocka_unit_test(test_behind_hello),
		cmocka_unit_test(test_too_early),
		cmocka_unit_test(test_straddling),
	};

	return cmocka_run_group_tests_name("span", tests, NULL, NULL);
}
