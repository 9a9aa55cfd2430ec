// SPDX-License-Identifier: GPL-2.0-only
/*
 * Session resumption of clients: a handshake resumes a session from the cache, if possible. It puts
 * its own session there, in TLS 1.2 at its end and in TLS 1.3 for each ticket received.
 */
#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "engine/resume.h"

/* RFC 8446, 4.6.1: upper limit for a ticket's lifetime, whatever the server sends. */
#define MAX_LIFETIME		(7 * 24 * 3600)
/* GnuTLS's default for TLS 1.2; it does not report the server's lifetime hint. */
#define LIFETIME_12		(6 * 3600)

/* RFC 8446, 4.6.1: a header, the lifetime, ticket_age_add, a nonce, the ticket. */
#define HEADER_LEN		4
#define LIFETIME_AT		4
#define NONCE_AT		12

/* Each part is preceded by its length, so that different lists have different keys. */
static int make_key(struct ksc_cache_key *key, const struct ksc_resume_part *parts, size_t n)
{
	gnutls_hash_hd_t hash;
	size_t i;
	int rc;

	rc = gnutls_hash_init(&hash, GNUTLS_DIG_SHA256);
	if (rc < 0)
		return rc;
	for (i = 0; rc >= 0 && i < n; i++) {
		rc = gnutls_hash(hash, &parts[i].len, sizeof(parts[i].len));
		if (rc >= 0 && parts[i].len)
			rc = gnutls_hash(hash, parts[i].data, parts[i].len);
	}
	gnutls_hash_deinit(hash, key->digest);
	return rc < 0 ? rc : 0;
}

/**
 * ksc_resume_init() - initialize, when a session is created
 * @resume: state of resumption, zeroed
 * @cache: cache of sessions, or NULL
 *
 * The session keeps the present configuration, and its first step can be much later: if the cache
 * is flushed from now on, the session is not put there.
 */
void ksc_resume_init(struct ksc_resume *resume, struct ksc_cache *cache)
{
	resume->cache = cache;
	if (cache)
		resume->generation = ksc_cache_generation(cache);
}

/**
 * ksc_resume_begin() - offer to resume a session from the cache, if one is found
 * @resume: state of resumption, with the cache
 * @tls: the session, before its handshake
 * @parts: everything that determines our identity and which peers we trust
 * @n: number of parts
 *
 * Return: 0 or a negative GnuTLS error
 */
int ksc_resume_begin(struct ksc_resume *resume, gnutls_session_t tls,
		     const struct ksc_resume_part *parts, size_t n)
{
	gnutls_datum_t data;
	int rc;

	if (!resume->cache)
		return 0;
	rc = make_key(&resume->key, parts, n);
	if (rc < 0)
		return rc;
	if (ksc_cache_take(resume->cache, &resume->key, time(NULL), &data))
		return 0;
	/* If this fails, a full handshake follows. */
	(void)gnutls_session_set_data(tls, data.data, data.size);
	ksc_cache_forget(&data);
	return 0;
}

/* The certificate is verified again when the session is resumed, so it must not be expired. */
static time_t limit_by_certificate(const struct ksc_resume *resume, gnutls_session_t tls,
				   time_t expires)
{
	time_t end;

	if (!resume->judged)
		return expires;
	end = gnutls_certificate_expiration_time_peers(tls);
	return end < expires ? end : expires;
}

static int put(struct ksc_resume *resume, gnutls_session_t tls, uint32_t lifetime)
{
	gnutls_datum_t data = { NULL, 0 };
	time_t now = time(NULL);
	int rc;

	rc = gnutls_session_get_data2(tls, &data);
	if (rc < 0)
		return rc;
	if (ksc_cache_put(resume->cache, &resume->key, resume->generation, &data, now,
			  limit_by_certificate(resume, tls, now + lifetime)))
		return GNUTLS_E_EXPIRED;
	return 0;
}

/* A client sends no handshake messages after its handshake. */
static int ignore_output(gnutls_session_t tls, gnutls_record_encryption_level_t level,
			 gnutls_handshake_description_t type, const void *data, size_t len)
{
	(void)tls;
	(void)level;
	(void)type;
	(void)data;
	(void)len;
	return 0;
}

/**
 * ksc_resume_done() - cache a TLS 1.2 session, or prepare for tickets, after a handshake
 * @resume: state of resumption
 * @tls: the session
 * @judged: the server's certificate was verified
 *
 * Return: true if ksc_resume_ticket() can use tickets
 */
bool ksc_resume_done(struct ksc_resume *resume, gnutls_session_t tls, bool judged)
{
	if (!resume->cache)
		return false;
	resume->judged = judged;
	if (gnutls_protocol_get_version(tls) != GNUTLS_TLS1_3) {
		/* A ticket is sent before Finished (RFC 5077, 3.1). */
		(void)put(resume, tls, LIFETIME_12);
		return false;
	}
	gnutls_handshake_set_read_function(tls, ignore_output);
	return true;
}

/* GnuTLS would accept other messages, too, and an empty ticket, which cannot be offered. */
static bool is_ticket(const uint8_t *msg, size_t len)
{
	size_t ticket_at;

	if (len <= NONCE_AT || msg[0] != GNUTLS_HANDSHAKE_NEW_SESSION_TICKET ||
	    ((size_t)msg[1] << 16 | (size_t)msg[2] << 8 | msg[3]) != len - HEADER_LEN)
		return false;
	ticket_at = NONCE_AT + 1 + (size_t)msg[NONCE_AT];
	return len >= ticket_at + 2 && (msg[ticket_at] || msg[ticket_at + 1]);
}

/**
 * ksc_resume_ticket() - process a ticket after the handshake
 * @resume: state of resumption
 * @tls: the session
 * @msg: a complete NewSessionTicket with its header
 * @len: its size in bytes
 *
 * Return: 0 or a negative GnuTLS error
 */
int ksc_resume_ticket(struct ksc_resume *resume, gnutls_session_t tls, const uint8_t *msg,
		      size_t len)
{
	const uint8_t *life = msg + LIFETIME_AT;
	uint32_t lifetime;
	int rc;

	if (!resume->cache || !is_ticket(msg, len))
		return GNUTLS_E_UNEXPECTED_HANDSHAKE_PACKET;
	lifetime = (uint32_t)life[0] << 24 | (uint32_t)life[1] << 16 | (uint32_t)life[2] << 8 |
		   life[3];
	rc = gnutls_handshake_write(tls, GNUTLS_ENCRYPTION_LEVEL_APPLICATION, msg, len);
	if (rc < 0)
		return rc;
	/* A ticket without lifetime is dropped (RFC 8446, 4.6.1); others can follow. */
	if (!lifetime)
		return 0;
	return put(resume, tls, lifetime < MAX_LIFETIME ? lifetime : MAX_LIFETIME);
}
