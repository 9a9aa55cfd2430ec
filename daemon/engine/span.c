// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handshake messages must not span a key change: nothing may follow a Finished in its record, or a
 * hello before the keys of TLS 1.3 (RFC 8446 5.1). GnuTLS buffers such data, and never reads it. So
 * the bytes in records and the bytes of processed messages are counted here, and must be equal.
 * Data after a message that we must answer first is rejected, too.
 *
 * The padding of a TLS 1.3 record is only known after decryption. If records are larger than the
 * processed messages, they are decrypted a second time here; a flight is a few kilobytes.
 */
#include <stdlib.h>
#include <string.h>
#include <gnutls/crypto.h>

#include "engine/record.h"
#include "engine/span.h"

#define CT_CHANGE_CIPHER_SPEC	20
#define CT_HANDSHAKE		22
#define CT_APPLICATION_DATA	23

#define TAG_LEN			16
#define EXPLICIT_NONCE_LEN	8
#define IV_LEN			12

/**
 * struct records - complete records
 * @at: start of the first
 * @len: size of all in bytes
 */
struct records {
	const uint8_t *at;
	size_t len;
};

/**
 * ksc_span_secret() - store the peer's handshake traffic secret of TLS 1.3
 * @span: the count
 * @secret: the secret, or NULL
 * @len: its size in bytes
 */
void ksc_span_secret(struct ksc_span *span, const void *secret, size_t len)
{
	if (!secret || len > sizeof(span->secret))
		return;
	memcpy(span->secret, secret, len);
	span->secret_len = len;
}

/**
 * ksc_span_message() - count a message of the peer
 * @span: the count
 * @tls: the session
 * @type: the message's type
 * @msg: its body
 */
void ksc_span_message(struct ksc_span *span, gnutls_session_t tls, unsigned int type,
		      const gnutls_datum_t *msg)
{
	enum ksc_epoch epoch = KSC_EPOCH_CLEAR;

	if (type != GNUTLS_HANDSHAKE_CLIENT_HELLO && type != GNUTLS_HANDSHAKE_SERVER_HELLO &&
	    type != GNUTLS_HANDSHAKE_HELLO_RETRY_REQUEST &&
	    (type == GNUTLS_HANDSHAKE_FINISHED ||
	     gnutls_protocol_get_version(tls) == GNUTLS_TLS1_3))
		epoch = KSC_EPOCH_HANDSHAKE;
	span->messages[epoch] += 4 + msg->size;
}

/* HKDF-Expand-Label with an empty context, RFC 8446 7.1. */
static int expand(gnutls_session_t tls, const struct ksc_span *span, const char *label,
		  uint8_t *out, size_t len)
{
	const gnutls_datum_t secret = { (unsigned char *)span->secret,
					(unsigned int)span->secret_len };
	gnutls_digest_algorithm_t hash = gnutls_prf_hash_get(tls);
	gnutls_datum_t info;
	uint8_t text[32];
	size_t n = strlen(label);

	text[0] = 0;
	text[1] = (uint8_t)len;
	text[2] = (uint8_t)(6 + n);
	memcpy(text + 3, "tls13 ", 6);
	memcpy(text + 9, label, n);
	text[9 + n] = 0;
	info = (gnutls_datum_t) { text, (unsigned int)(10 + n) };
	/* a hash and its HMAC have the same number */
	return gnutls_hkdf_expand((gnutls_mac_algorithm_t)hash, &secret, &info, out, len);
}

static int start_cipher(gnutls_session_t tls, const struct ksc_span *span,
			gnutls_aead_cipher_hd_t *cipher, uint8_t *iv)
{
	gnutls_cipher_algorithm_t algorithm = gnutls_cipher_get(tls);
	uint8_t key[KSC_MAX_SECRET];
	gnutls_datum_t datum = { key, (unsigned int)gnutls_cipher_get_key_size(algorithm) };
	int rc = expand(tls, span, "key", key, datum.size);

	if (rc >= 0)
		rc = expand(tls, span, "iv", iv, IV_LEN);
	if (rc >= 0)
		rc = gnutls_aead_cipher_init(cipher, algorithm, &datum);
	explicit_bzero(key, sizeof(key));
	return rc;
}

/* Bytes of handshake content in a protected record of TLS 1.3, or a negative GnuTLS error. */
static int content_of(struct ksc_span *span, gnutls_session_t tls, const uint8_t *record,
		      size_t len)
{
	gnutls_aead_cipher_hd_t cipher;
	size_t size = len - KSC_RECORD_HEADER;
	uint8_t iv[IV_LEN], *plain;
	int rc, i;

	if (!span->secret_len || size <= TAG_LEN)
		return 0;
	plain = malloc(size);
	if (!plain)
		return GNUTLS_E_MEMORY_ERROR;
	rc = start_cipher(tls, span, &cipher, iv);
	if (rc < 0)
		goto out;
	for (i = 0; i < 8; i++)
		iv[IV_LEN - 1 - i] ^= (uint8_t)(span->seq >> 8 * i);
	rc = gnutls_aead_cipher_decrypt(cipher, iv, IV_LEN, record, KSC_RECORD_HEADER, TAG_LEN,
					record + KSC_RECORD_HEADER, size, plain, &size);
	gnutls_aead_cipher_deinit(cipher);
	/* GnuTLS cannot have decrypted it either: no message is missing */
	if (rc < 0) {
		rc = 0;
		goto out;
	}
	span->seq++;
	while (size && !plain[size - 1])
		size--;
	rc = size && plain[size - 1] == CT_HANDSHAKE ? (int)size - 1 : 0;
out:
	free(plain);
	return rc;
}

/* Counts a handshake record, which is protected after the key change in TLS 1.2. */
static void count_record(struct ksc_span *span, gnutls_session_t tls, size_t size)
{
	size_t overhead = TAG_LEN;

	if (!span->changed || gnutls_protocol_get_version(tls) == GNUTLS_TLS1_3) {
		span->content[KSC_EPOCH_CLEAR] += size;
		return;
	}
	if (gnutls_cipher_get(tls) != GNUTLS_CIPHER_CHACHA20_POLY1305)
		overhead += EXPLICIT_NONCE_LEN;
	span->content[KSC_EPOCH_HANDSHAKE] += size - (size < overhead ? size : overhead);
}

/* Takes the first record off @left; NULL at the end. */
static const uint8_t *next_record(struct records *left, size_t *size)
{
	const uint8_t *record = left->at;

	if (left->len < KSC_RECORD_HEADER)
		return NULL;
	*size = (size_t)record[3] << 8 | record[4];
	if (*size > left->len - KSC_RECORD_HEADER)
		return NULL;
	left->at += KSC_RECORD_HEADER + *size;
	left->len -= KSC_RECORD_HEADER + *size;
	return record;
}

/* Counts the content of protected TLS 1.3 records by decrypting them. */
static int open_records(struct ksc_span *span, gnutls_session_t tls, struct records left)
{
	const uint8_t *record;
	size_t size;
	int n;

	while ((record = next_record(&left, &size))) {
		if (record[0] != CT_APPLICATION_DATA)
			continue;
		n = content_of(span, tls, record, KSC_RECORD_HEADER + size);
		if (n < 0)
			return n;
		span->content[KSC_EPOCH_HANDSHAKE] += (size_t)n;
	}
	return 0;
}

/* Counts records that GnuTLS has read; they are complete. */
static int count(struct ksc_span *span, gnutls_session_t tls, const uint8_t *in, size_t len)
{
	const struct records all = { in, len };
	struct records left = all;
	size_t size, most = 0, n = 0;
	const uint8_t *record;

	while ((record = next_record(&left, &size)))
		switch (record[0]) {
		case CT_CHANGE_CIPHER_SPEC:
			span->changed = true;
			break;
		case CT_HANDSHAKE:
			count_record(span, tls, size);
			break;
		case CT_APPLICATION_DATA:
			most += size - (size < TAG_LEN + 1 ? size : TAG_LEN + 1);
			n++;
			break;
		}
	/* usually there is no padding, and the records contain exactly the processed messages */
	if (span->content[KSC_EPOCH_HANDSHAKE] + most != span->messages[KSC_EPOCH_HANDSHAKE])
		return n ? open_records(span, tls, all) : 0;
	span->content[KSC_EPOCH_HANDSHAKE] += most;
	span->seq += n;
	return 0;
}

/*
 * Checks for data after the last message of a flight. For plaintext that is known as soon as keys
 * have changed, or we answer: GnuTLS would prepend the buffered data to the next record, and wait
 * for the rest of the message.
 */
static bool crosses(const struct ksc_span *span, gnutls_session_t tls, bool answered, bool done)
{
	const bool changed = span->secret_len ||
			     (span->changed && gnutls_protocol_get_version(tls) != GNUTLS_TLS1_3);

	if ((answered || changed || done) &&
	    span->content[KSC_EPOCH_CLEAR] != span->messages[KSC_EPOCH_CLEAR])
		return true;
	return done && span->content[KSC_EPOCH_HANDSHAKE] != span->messages[KSC_EPOCH_HANDSHAKE];
}

/**
 * ksc_span_crosses() - check records that GnuTLS has read
 * @span: the count
 * @tls: the session
 * @in: the records, which are complete
 * @len: their size in bytes
 * @answered: the step has output for the peer
 * @rc: GnuTLS's result; set to an error from here if it is none
 *
 * Return: true if data follows the end of a flight
 */
bool ksc_span_crosses(struct ksc_span *span, gnutls_session_t tls, const uint8_t *in, size_t len,
		      bool answered, int *rc)
{
	int err = count(span, tls, in, len);

	if (err < 0 && (*rc == 0 || *rc == GNUTLS_E_AGAIN))
		*rc = err;
	/* other errors of GnuTLS can result from such data, but an alert is the peer's */
	return *rc != GNUTLS_E_FATAL_ALERT_RECEIVED && crosses(span, tls, answered, *rc == 0);
}
