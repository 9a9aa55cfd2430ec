// SPDX-License-Identifier: GPL-2.0-only
/* Records that no library would send, under the keys of a session that OpenSSL made. */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/ssl.h>

#include "craft.h"

#define MAX_RECORD (5 + 16384 + 256)
#define TAG_LEN 16

static bool derive(const char *kdf_name, const OSSL_PARAM *params, uint8_t *out, size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, kdf_name, NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	bool ok = EVP_KDF_derive(ctx, out, len, params) == 1;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok;
}

/* RFC 8446 7.1: HKDF-Expand-Label without a context. */
static bool expand_label(uint8_t *secret, const char *label, uint8_t *out, size_t len)
{
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	uint8_t info[64] = { 0, (uint8_t)len, (uint8_t)(6 + strlen(label)) };
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret, 32),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info,
						  3 + 6 + strlen(label) + 1),
		OSSL_PARAM_construct_end(),
	};

	snprintf((char *)info + 3, sizeof(info) - 3, "tls13 %s", label);
	return derive("HKDF", params, out, len);
}

static bool keys_13(struct craft *craft)
{
	return expand_label(craft->peer->secret, "key", craft->key, 16) &&
	       expand_label(craft->peer->secret, "iv", craft->iv, 12);
}

/* RFC 5246 6.3: the key block; with GCM, two keys and then two salts. */
static bool keys_12(struct craft *craft)
{
	SSL *ssl = craft->peer->session;
	uint8_t master[48], seed[13 + 64] = "key expansion", block[40];
	bool server = craft->peer->conf.server;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master, sizeof(master)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof(seed)),
		OSSL_PARAM_construct_end(),
	};

	SSL_SESSION_get_master_key(SSL_get_session(ssl), master, sizeof(master));
	SSL_get_server_random(ssl, seed + 13, 32);
	SSL_get_client_random(ssl, seed + 45, 32);
	if (!derive("TLS1-PRF", params, block, sizeof(block)))
		return false;
	memcpy(craft->key, block + (server ? 16 : 0), 16);
	memcpy(craft->iv, block + (server ? 36 : 32), 4);
	/* the Finished was the first */
	craft->seq = 1;
	return true;
}

/**
 * craft_init() - take over from OpenSSL
 * @craft: gets the keys
 * @peer: the peer
 * Return: 0, or -1 with the peer's error set
 */
int craft_init(struct craft *craft, struct peer *peer)
{
	memset(craft, 0, sizeof(*craft));
	craft->peer = peer;
	craft->version = SSL_version(peer->session);
	if (craft->version == TLS1_3_VERSION ? keys_13(craft) : keys_12(craft))
		return 0;
	return peer_error(peer, "keys cannot be derived");
}

/**
 * craft_update() - the next generation of keys, as after a KeyUpdate
 * @craft: TLS 1.3
 * Return: 0, or -1 with the peer's error set
 */
int craft_update(struct craft *craft)
{
	uint8_t next[32];

	if (!expand_label(craft->peer->secret, "traffic upd", next, sizeof(next)))
		return peer_error(craft->peer, "keys cannot be derived");
	memcpy(craft->peer->secret, next, sizeof(next));
	craft->seq = 0;
	if (!keys_13(craft))
		return peer_error(craft->peer, "keys cannot be derived");
	return 0;
}

static void put_seq(uint8_t *to, uint64_t seq)
{
	for (int i = 7; i >= 0; i--, seq >>= 8)
		to[i] = (uint8_t)seq;
}

static bool seal(const struct craft *craft, const uint8_t *nonce, const uint8_t *aad,
		 size_t aad_len, uint8_t *data, size_t len)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;
	bool ok;

	ok = EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, craft->key, nonce) &&
	     EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)aad_len) &&
	     (!len || EVP_EncryptUpdate(ctx, data, &n, data, (int)len)) &&
	     EVP_EncryptFinal_ex(ctx, data + len, &n) &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN, data + len);
	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

/**
 * craft_send() - send a record
 * @craft: the keys
 * @type: its content type
 * @data: its content
 * @len: length of it
 * @padding: TLS 1.3: zeros after the content
 * Return: 0, or -1 with the peer's error set
 */
int craft_send(struct craft *craft, uint8_t type, const void *data, size_t len, size_t padding)
{
	bool is_13 = craft->version == TLS1_3_VERSION;
	uint8_t record[MAX_RECORD] = { is_13 ? CRAFT_DATA : type, 3, 3 }, nonce[12], aad[13];
	size_t explicit_len = is_13 ? 0 : 8, inner = is_13 ? len + 1 + padding : len;
	size_t total = explicit_len + inner + TAG_LEN;
	uint8_t *body = record + 5 + explicit_len;
	bool ok;

	record[3] = (uint8_t)(total >> 8);
	record[4] = (uint8_t)total;
	if (len)
		memcpy(body, data, len);
	memcpy(nonce, craft->iv, sizeof(nonce));
	if (is_13) {
		body[len] = type;
		put_seq(aad, craft->seq);
		for (int i = 0; i < 8; i++)
			nonce[4 + i] ^= aad[i];
		ok = seal(craft, nonce, record, 5, body, inner);
	} else {
		put_seq(record + 5, craft->seq);
		memcpy(nonce + 4, record + 5, 8);
		memcpy(aad, record + 5, 8);
		memcpy(aad + 8, record, 3);
		aad[11] = (uint8_t)(len >> 8);
		aad[12] = (uint8_t)len;
		ok = seal(craft, nonce, aad, sizeof(aad), body, inner);
	}
	craft->seq++;
	if (!ok)
		return peer_error(craft->peer, "a record cannot be encrypted");
	if (send(craft->peer->fd, record, 5 + total, MSG_NOSIGNAL) != (ssize_t)(5 + total))
		return peer_error(craft->peer, "send: %s", strerror(errno));
	return 0;
}
