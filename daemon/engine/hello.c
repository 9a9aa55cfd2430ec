// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parts of the peer's hello that GnuTLS does not report, or reports too late. Malformed extensions
 * are ignored here: GnuTLS parses them next, and rejects them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/hello.h"
#include "engine/suite.h"

#define EXT_SERVER_NAME			0
#define EXT_SIGNATURE_ALGORITHMS	13
#define EXT_RECORD_SIZE_LIMIT		28
#define EXT_SUPPORTED_VERSIONS		43

#define TLS13	0x0304

/* RFC 5246, 7.4.1.3: version and random precede the session ID. */
#define SESSION_ID_AT		34

/**
 * struct scan - a hello that is being parsed
 * @hello: where the result goes
 * @has_pks: signature_algorithms was found
 * @tls13: TLS 1.3 is among the supported versions
 */
struct scan {
	struct ksc_hello *hello;
	bool has_pks;
	bool tls13;
};

static unsigned int number_at(const unsigned char *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

/* RFC 8446, 4.2.3; RFC 5246, 7.4.1.4.1: in TLS 1.2 the bytes are a hash and a kind of key. */
static unsigned int pk_of(unsigned int scheme)
{
	if (scheme == 0x0807)
		return KSC_PK_ED25519;
	if (scheme == 0x0808)
		return KSC_PK_ED448;
	if (scheme >= 0x0804 && scheme <= 0x0806)
		return KSC_PK_RSA;
	if (scheme >= 0x0809 && scheme <= 0x080b)
		return KSC_PK_RSA_PSS;
	if (scheme >> 8 > 6)
		return 0;
	if ((scheme & 0xff) == 1)
		return KSC_PK_RSA;
	return (scheme & 0xff) == 3 ? KSC_PK_ECDSA : 0;
}

static void read_schemes(struct scan *scan, const unsigned char *data, unsigned int len)
{
	unsigned int i;

	scan->has_pks = true;
	for (i = 2; i + 2 <= len; i += 2)
		scan->hello->pks |= pk_of(number_at(data + i));
}

static void read_versions(struct scan *scan, const unsigned char *data, unsigned int len)
{
	unsigned int i;

	for (i = 1; i + 2 <= len; i += 2)
		if (number_at(data + i) == TLS13)
			scan->tls13 = true;
}

/* Keys that a TLS 1.2 handshake can use with the client's suites. */
static unsigned int pks_of_suites(const gnutls_datum_t *msg)
{
	unsigned int at = SESSION_ID_AT, end, pks = 0, i;

	if (msg->size <= at)
		return 0;
	at += 1U + msg->data[at];
	if (msg->size < at + 2)
		return 0;
	end = at + 2 + number_at(msg->data + at);
	for (at += 2; at + 2 <= end && end <= msg->size; at += 2) {
		const unsigned int suite = number_at(msg->data + at);

		for (i = 0; i < KSC_N_CIPHERS; i++) {
			/* RFC 8422, 5.1.1: EdDSA's, too. */
			if (ksc_ciphers[i].ecdhe_ecdsa == suite)
				pks |= KSC_PK_ECDSA | KSC_PK_ED25519 | KSC_PK_ED448;
			if (ksc_ciphers[i].ecdhe_rsa == suite || ksc_ciphers[i].dhe_rsa == suite)
				pks |= KSC_PK_RSA | KSC_PK_RSA_PSS;
		}
	}
	return pks;
}

static int on_extension(void *ptr, unsigned int id, const unsigned char *data,
			unsigned int len)
{
	struct scan *scan = ptr;
	struct ksc_hello *hello = scan->hello;
	size_t name_len;

	if (id == EXT_SIGNATURE_ALGORITHMS)
		read_schemes(scan, data, len);
	if (id == EXT_SUPPORTED_VERSIONS)
		read_versions(scan, data, len);

	if (id == EXT_RECORD_SIZE_LIMIT && len == 2)
		hello->record_size_limit = number_at(data);
	/* RFC 6066, 3: a list; in practice it is a single host name. */
	if (id != EXT_SERVER_NAME || len < 5 || data[2] != 0)
		return 0;
	name_len = (size_t)data[3] << 8 | data[4];
	if (!name_len || name_len > KSC_MAX_NAME || name_len > len - 5 ||
	    memchr(data + 5, '\0', name_len))
		return 0;
	memcpy(hello->server_name, data + 5, name_len);
	hello->server_name[name_len] = '\0';
	return 0;
}

static void read_client_hello(const gnutls_datum_t *msg, struct scan *scan)
{
	(void)gnutls_ext_raw_parse(scan, on_extension, msg, GNUTLS_EXT_RAW_FLAG_TLS_CLIENT_HELLO);
	if (!scan->has_pks)
		scan->hello->pks = KSC_PK_ANY;
	if (!scan->tls13)
		scan->hello->pks &= pks_of_suites(msg);
}

static void read_server_hello(const gnutls_datum_t *msg, struct scan *scan)
{
	gnutls_datum_t extensions;
	size_t at = SESSION_ID_AT;

	if (msg->size <= at)
		return;
	/* The session ID, then suite and compression. */
	at += 1 + (size_t)msg->data[at] + 3;
	if (msg->size <= at)
		return;
	extensions.data = msg->data + at;
	extensions.size = msg->size - (unsigned int)at;
	(void)gnutls_ext_raw_parse(scan, on_extension, &extensions, 0);
}

/**
 * ksc_hello_read() - parse the extensions of a handshake message
 * @type: the message's type
 * @msg: its body
 * @hello: updated; unchanged by messages other than hellos and EncryptedExtensions
 */
void ksc_hello_read(unsigned int type, const gnutls_datum_t *msg, struct ksc_hello *hello)
{
	struct scan scan = { .hello = hello };

	switch (type) {
	case GNUTLS_HANDSHAKE_CLIENT_HELLO:
		read_client_hello(msg, &scan);
		break;
	case GNUTLS_HANDSHAKE_SERVER_HELLO:
		read_server_hello(msg, &scan);
		break;
	case GNUTLS_HANDSHAKE_ENCRYPTED_EXTENSIONS:
		(void)gnutls_ext_raw_parse(&scan, on_extension, msg, 0);
		break;
	}
}

/**
 * ksc_hello_max_record() - get the size of the largest record that the peer accepts
 * @hello: the peer's hello
 * @tls: the session
 *
 * As RFC 8449 counts it, with the content type byte of TLS 1.3. RFC 6066's max_fragment_length,
 * which a client can request instead and which does not count that byte, is known only to GnuTLS.
 *
 * Return: size in bytes, 0 if only TLS's limit applies
 */
uint32_t ksc_hello_max_record(const struct ksc_hello *hello, gnutls_session_t tls)
{
	const uint32_t type = gnutls_protocol_get_version(tls) == GNUTLS_TLS1_3;
	uint32_t limit = hello->record_size_limit;

	if (!limit)
		limit = (uint32_t)gnutls_record_get_max_size(tls) + type;
	return limit < (1 << 14) + type ? limit : 0;
}
