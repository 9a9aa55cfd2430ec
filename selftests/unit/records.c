// SPDX-License-Identifier: GPL-2.0-only
/*
 * A record layer for the tests, made from a step's keys and nothing else, as the kernel's is:
 * RFC 8446, 5.2 and 7.3; RFC 5288, 3; RFC 6655, 3; RFC 7905, 2.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <gnutls/crypto.h>

#include "engine/suite.h"
#include "records.h"

#define TAG	16

static const struct ksc_cipher *cipher_of(const struct ksc_keys *keys)
{
	const struct ksc_cipher *cipher = ksc_cipher_by_suite(keys->suite);

	if (!cipher)
		abort();
	return cipher;
}

/* RFC 8446, 7.1, with an empty context. */
static void expand_label(const struct ksc_keys *keys, const struct ksc_key *key,
			 const char *label, uint8_t *out, size_t len)
{
	gnutls_datum_t secret = { (unsigned char *)key->secret, (unsigned int)key->secret_len };
	unsigned char info[64];
	gnutls_datum_t info_datum = { info, 0 };
	int n;

	info[0] = 0;
	info[1] = (unsigned char)len;
	n = snprintf((char *)info + 3, sizeof(info) - 4, "tls13 %s", label);
	info[2] = (unsigned char)n;
	info[3 + n] = 0;
	info_datum.size = (unsigned int)n + 4;
	if (gnutls_hkdf_expand(keys->suite == 0x1302 ? GNUTLS_MAC_SHA384 : GNUTLS_MAC_SHA256,
			       &secret, &info_datum, out, len) < 0)
		abort();
}

struct state {
	gnutls_aead_cipher_hd_t aead;
	uint8_t nonce[12];
	uint8_t seq[8];
	bool explicit_nonce;
	bool tls13;
};

static void begin(const struct ksc_keys *keys, struct ksc_key *key, struct state *s)
{
	const struct ksc_cipher *cipher = cipher_of(keys);
	uint8_t bytes[32], iv[12] = { 0 };
	gnutls_datum_t datum = { bytes, (unsigned int)cipher->key_len };
	int i;

	s->tls13 = keys->version == 0x0304;
	s->explicit_nonce = !s->tls13 && cipher->iv_len == 4;
	for (i = 0; i < 8; i++)
		s->seq[i] = (uint8_t)(key->seq >> (56 - 8 * i));
	if (s->tls13) {
		expand_label(keys, key, "key", bytes, cipher->key_len);
		expand_label(keys, key, "iv", iv, 12);
	} else {
		if (key->key_len != cipher->key_len || key->iv_len != cipher->iv_len)
			abort();
		memcpy(bytes, key->key, cipher->key_len);
		memcpy(iv, key->iv, key->iv_len);
	}
	for (i = 0; i < 12; i++)
		s->nonce[i] = iv[i] ^ (i < 4 ? 0 : s->seq[i - 4]);
	if (gnutls_aead_cipher_init(&s->aead, cipher->cipher, &datum) < 0)
		abort();
}

static size_t make_aad(const struct state *s, uint8_t type, size_t plain, size_t sealed,
		       uint8_t *aad)
{
	if (s->tls13) {
		aad[0] = 23;
		aad[1] = 3;
		aad[2] = 3;
		aad[3] = (uint8_t)(sealed >> 8);
		aad[4] = (uint8_t)sealed;
		return 5;
	}
	memcpy(aad, s->seq, 8);
	aad[8] = type;
	aad[9] = 3;
	aad[10] = 3;
	aad[11] = (uint8_t)(plain >> 8);
	aad[12] = (uint8_t)plain;
	return 13;
}

void record_seal(const struct ksc_keys *keys, struct ksc_key *key, uint8_t type,
		 const void *data, size_t len, struct wire *wire)
{
	uint8_t plain[(1 << 14) + 1], sealed[(1 << 14) + 1 + TAG], aad[13], head[5];
	size_t sealed_len = sizeof(sealed), inner = len, body, aad_len;
	struct state s;

	begin(keys, key, &s);
	if (len)
		memcpy(plain, data, len);
	if (s.tls13)
		plain[inner++] = type;
	body = inner + TAG + (s.explicit_nonce ? 8 : 0);
	aad_len = make_aad(&s, type, inner, body, aad);
	if (gnutls_aead_cipher_encrypt(s.aead, s.nonce, 12, aad, aad_len, TAG, plain, inner,
				       sealed, &sealed_len) < 0)
		abort();
	head[0] = s.tls13 ? 23 : type;
	head[1] = 3;
	head[2] = 3;
	head[3] = (uint8_t)(body >> 8);
	head[4] = (uint8_t)body;
	wire_put(wire, head, 5);
	if (s.explicit_nonce)
		wire_put(wire, s.nonce + 4, 8);
	wire_put(wire, sealed, sealed_len);
	gnutls_aead_cipher_deinit(s.aead);
	key->seq++;
}

int record_open(const struct ksc_keys *keys, struct ksc_key *key, struct wire *wire,
		uint8_t *type, uint8_t *data, size_t size)
{
	size_t body, at = 5, plain_len, aad_len;
	uint8_t aad[13], plain[(1 << 14) + 256];
	struct state s;
	int rc;

	if (wire->len < 5)
		return -1;
	body = (size_t)wire->data[3] << 8 | wire->data[4];
	if (wire->len < 5 + body)
		return -1;
	begin(keys, key, &s);
	if (s.explicit_nonce) {
		memcpy(s.nonce + 4, wire->data + 5, 8);
		at += 8;
	}
	plain_len = sizeof(plain);
	aad_len = make_aad(&s, wire->data[0], 5 + body - at - TAG, body, aad);
	rc = gnutls_aead_cipher_decrypt(s.aead, s.nonce, 12, aad, aad_len, TAG, wire->data + at,
					5 + body - at, plain, &plain_len);
	gnutls_aead_cipher_deinit(s.aead);
	if (rc < 0)
		return -1;
	*type = wire->data[0];
	if (s.tls13) {
		while (plain_len && !plain[plain_len - 1])
			plain_len--;
		if (!plain_len)
			return -1;
		*type = plain[--plain_len];
	}
	if (plain_len > size)
		abort();
	memcpy(data, plain, plain_len);
	wire_eat(wire, 5 + body);
	key->seq++;
	return (int)plain_len;
}
