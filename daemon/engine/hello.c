// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parts of the peer's hello that GnuTLS does not report, or reports too late. Malformed extensions
 * are ignored here: GnuTLS parses them next, and rejects them.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/hello.h"

#define EXT_SERVER_NAME		0
#define EXT_RECORD_SIZE_LIMIT	28

/* RFC 5246, 7.4.1.3: version and random precede the session ID. */
#define SESSION_ID_AT		34

static int on_extension(void *ptr, unsigned int id, const unsigned char *data,
			unsigned int len)
{
	struct ksc_hello *hello = ptr;
	size_t name_len;

	if (id == EXT_RECORD_SIZE_LIMIT && len == 2)
		hello->record_size_limit = (unsigned int)data[0] << 8 | data[1];
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

static void read_server_hello(const gnutls_datum_t *msg, struct ksc_hello *hello)
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
	(void)gnutls_ext_raw_parse(hello, on_extension, &extensions, 0);
}

/**
 * ksc_hello_read() - parse the extensions of a handshake message
 * @type: the message's type
 * @msg: its body
 * @hello: updated; unchanged by messages other than hellos and EncryptedExtensions
 */
void ksc_hello_read(unsigned int type, const gnutls_datum_t *msg, struct ksc_hello *hello)
{
	switch (type) {
	case GNUTLS_HANDSHAKE_CLIENT_HELLO:
		(void)gnutls_ext_raw_parse(hello, on_extension, msg,
					   GNUTLS_EXT_RAW_FLAG_TLS_CLIENT_HELLO);
		break;
	case GNUTLS_HANDSHAKE_SERVER_HELLO:
		read_server_hello(msg, hello);
		break;
	case GNUTLS_HANDSHAKE_ENCRYPTED_EXTENSIONS:
		(void)gnutls_ext_raw_parse(hello, on_extension, msg, 0);
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
