// SPDX-License-Identifier: GPL-2.0-only
/*
 * A peer that says more than Finished in Finished's record, RFC 8446 5.1. It is GnuTLS
 * whose record is opened on the way, made longer and sealed again.
 */
#include <stdlib.h>
#include <string.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "side.h"

#define HEADER	5
#define TAG	16

gnutls_session_t peer_gnutls_session(struct peer *peer, gnutls_datum_t *secret);

/**
 * struct more - what is put behind
 * @data: handshake content
 * @len: its bytes
 * @pad: zeros behind the content, TLS 1.3
 */
struct more {
	uint8_t data[8];
	size_t len;
	size_t pad;
};

/**
 * struct seal - what protects the record
 * @key: its key
 * @nonce: its nonce
 * @explicit: bytes of the nonce that are in the record
 * @seq: TLS 1.2: its number
 */
struct seal {
	gnutls_datum_t key;
	uint8_t key_data[32];
	uint8_t nonce[12];
	size_t explicit;
	uint8_t seq[8];
};

/* The last record in @wire; @n is how many of its type come before it */
static uint8_t *last_record(struct wire *wire, size_t *n)
{
	size_t at = 0, last = 0, types[256] = { 0 };

	while (at < wire->len) {
		last = at;
		types[wire->data[at]]++;
		at += HEADER + ((size_t)wire->data[at + 3] << 8 | wire->data[at + 4]);
	}
	assert_int_equal(at, wire->len);
	*n = types[wire->data[last]] - 1;
	return wire->data + last;
}

static void expand(gnutls_session_t tls, const gnutls_datum_t *secret, const char *label,
		   void *out, size_t len)
{
	uint8_t info[32] = { 0, (uint8_t)len, (uint8_t)(6 + strlen(label)), 't', 'l', 's', '1',
			     '3', ' ' };
	gnutls_datum_t datum = { info, (unsigned int)(10 + strlen(label)) };

	memcpy(info + 9, label, strlen(label));
	assert_int_equal(gnutls_hkdf_expand((gnutls_mac_algorithm_t)gnutls_prf_hash_get(tls),
					    secret, &datum, out, len), 0);
}

static void seal_of_13(struct seal *seal, gnutls_session_t tls, const gnutls_datum_t *secret,
		       size_t n)
{
	seal->key.data = seal->key_data;
	seal->key.size = (unsigned int)gnutls_cipher_get_key_size(gnutls_cipher_get(tls));
	expand(tls, secret, "key", seal->key_data, seal->key.size);
	expand(tls, secret, "iv", seal->nonce, sizeof(seal->nonce));
	seal->nonce[11] ^= (uint8_t)n;
}

static void seal_of_12(struct seal *seal, gnutls_session_t tls, const uint8_t *record)
{
	gnutls_datum_t iv;

	assert_int_equal(gnutls_record_get_state(tls, 0, NULL, &iv, &seal->key, NULL), 0);
	memcpy(seal->key_data, seal->key.data, seal->key.size);
	seal->key.data = seal->key_data;
	memcpy(seal->nonce, iv.data, iv.size);
	seal->explicit = sizeof(seal->nonce) - iv.size;
	memcpy(seal->nonce + iv.size, record + HEADER, seal->explicit);
}

/* Put more behind the content of the last record, which is Finished */
static void say_more(struct peer *peer, const struct more *more)
{
	uint8_t plain[512], aad[13];
	size_t n, len = sizeof(plain), size, aad_len;
	gnutls_aead_cipher_hd_t cipher;
	struct wire *wire = &peer->out;
	uint8_t *record = last_record(wire, &n), *body;
	struct seal seal = { 0 };
	gnutls_session_t tls;
	gnutls_datum_t secret;
	bool tls13;

	tls = peer_gnutls_session(peer, &secret);
	tls13 = gnutls_protocol_get_version(tls) == GNUTLS_TLS1_3;
	if (tls13)
		seal_of_13(&seal, tls, &secret, n);
	else
		seal_of_12(&seal, tls, record);
	body = record + HEADER + seal.explicit;
	size = (size_t)(wire->data + wire->len - body);
	assert_int_equal(gnutls_aead_cipher_init(&cipher, gnutls_cipher_get(tls), &seal.key), 0);
	memcpy(aad, tls13 ? record : seal.seq, tls13 ? HEADER : 8);
	memcpy(aad + 8, record, 3);
	aad[11] = (uint8_t)((size - TAG) >> 8);
	aad[12] = (uint8_t)(size - TAG);
	if (tls13)
		memcpy(aad, record, HEADER);
	aad_len = tls13 ? HEADER : sizeof(aad);
	assert_int_equal(gnutls_aead_cipher_decrypt(cipher, seal.nonce, sizeof(seal.nonce), aad,
						    aad_len, TAG, body, size, plain, &len), 0);
	len -= tls13;
	memcpy(plain + len, more->data, more->len);
	len += more->len;
	if (tls13) {
		plain[len++] = 22;
		memset(plain + len, 0, more->pad);
		len += more->pad;
	}
	size = seal.explicit + len + TAG;
	record[3] = (uint8_t)(size >> 8);
	record[4] = (uint8_t)size;
	aad[11] = (uint8_t)(len >> 8);
	aad[12] = (uint8_t)len;
	if (tls13)
		memcpy(aad, record, HEADER);
	size = len + TAG;
	assert_int_equal(gnutls_aead_cipher_encrypt(cipher, seal.nonce, sizeof(seal.nonce), aad,
						    aad_len, TAG, plain, len, body, &size), 0);
	gnutls_aead_cipher_deinit(cipher);
	wire->len = (size_t)(body - wire->data) + size;
}

/* The peer's next flight; the handshake's @number, the one that ends with Finished is changed */
static void next_flight(struct side *side, struct peer *peer, const struct more *more)
{
	static uint8_t flight[sizeof(peer->out.data)];
	size_t len;

	wire_put(&peer->in, side->out.data, side->out.len);
	side->out.len = 0;
	assert_true(peer->type->handshake(peer) != PEER_FAILED);
	if (more)
		say_more(peer, more);
	len = peer->out.len;
	memcpy(flight, peer->out.data, len);
	peer->out.len = 0;
	side_deliver(side, flight, len, WHOLE);
}

static enum ksc_status meet(bool we_serve, bool tls12, const char *cipher,
			    const struct more *more)
{
	const struct cred_options cred = { .cert = "server", .ca = "ca" };
	struct ksc_engine_params params = {
		.credentials = creds_new(&cred, 1),
		.role = we_serve ? KSC_ROLE_SERVER : KSC_ROLE_CLIENT,
		.server_name = we_serve ? NULL : "server.test",
	};
	const struct peer_options opt = {
		.server = !we_serve, .cert = we_serve ? NULL : "server", .tls12 = tls12,
		.cipher = cipher, .no_tickets = true,
		.server_name = we_serve ? "server.test" : NULL,
	};
	struct side *side = side_new(&params);
	struct peer *peer = peer_new(&peer_gnutls, &opt);
	enum ksc_status status;

	if (we_serve) {
		next_flight(side, peer, NULL);
	} else {
		side_step(side, 0);
		if (tls12)
			next_flight(side, peer, NULL);
	}
	assert_int_equal(side->step.status, KSC_STATUS_CONTINUE_NEEDED);
	next_flight(side, peer, more);
	status = side->step.status;
	if (status != KSC_STATUS_OK) {
		assert_int_equal(status, KSC_STATUS_PROTOCOL_ERROR);
		assert_int_equal(side->step.alert, GNUTLS_A_UNEXPECTED_MESSAGE);
		assert_int_equal(side->step.direction, KSC_DIRECTION_SENT);
	}
	side_free(side);
	peer_free(peer);
	ksc_credentials_put(params.credentials);
	return status;
}

/* Finished comes from the peer's keys last with these. In TLS 1.2 a client's comes too soon. */
static const struct {
	bool we_serve;
	bool tls12;
	const char *cipher;
} ways[] = {
	{ true, false, "AES-128-GCM" }, { true, false, "AES-256-GCM" },
	{ true, false, "CHACHA20-POLY1305" }, { true, false, "AES-128-CCM" },
	{ false, false, "AES-128-GCM" }, { false, false, "AES-256-GCM" },
	{ false, false, "CHACHA20-POLY1305" },
	{ false, true, "AES-128-GCM" }, { false, true, "CHACHA20-POLY1305" },
};

static void behind_finished(void **state)
{
	static const struct more more[] = {
		/* NewSessionTicket, or HelloRequest: whole, and in part */
		{ { 4, 0, 0, 0 }, 4, 0 },
		{ { 0, 0, 0, 0 }, 4, 0 },
		{ { 4 }, 1, 0 },
		{ { 20, 0, 0, 32, 1 }, 5, 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		for (size_t k = 0; k < sizeof(more) / sizeof(more[0]); k++)
			assert_int_equal(meet(ways[i].we_serve, ways[i].tls12, ways[i].cipher,
					      &more[k]), KSC_STATUS_PROTOCOL_ERROR);
}

/* Padding says nothing; nor does this way of changing records. */
static void padding(void **state)
{
	static const struct more nothing, pad = { .pad = 99 };

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		assert_int_equal(meet(ways[i].we_serve, ways[i].tls12, ways[i].cipher, &nothing),
				 KSC_STATUS_OK);
		if (!ways[i].tls12)
			assert_int_equal(meet(ways[i].we_serve, false, ways[i].cipher, &pad),
					 KSC_STATUS_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(behind_finished),
		cmocka_unit_test(padding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
