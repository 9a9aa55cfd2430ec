// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a client's session has to do with earlier and later ones: it may go on
 * with one from the cache, and leaves itself there, with TLS 1.2 at its end and
 * with TLS 1.3 for each ticket that comes.
 */
#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "engine/resume.h"

/* RFC 8446, 4.6.1: no ticket lives longer, whatever its server says. */
#define MAX_LIFETIME		(7 * 24 * 3600)
/* TLS 1.2's are as GnuTLS would have them, which tells nothing of the server's hint. */
#define LIFETIME_12		(6 * 3600)

/* RFC 8446, 4.6.1: a header, the lifetime, ticket_age_add, a nonce, the ticket. */
#define HEADER_LEN		4
#define LIFETIME_AT		4
#define NONCE_AT		12

/* Each part goes with its length, so that no two lists of parts are alike. */
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
 * ksc_resume_init() - a session has begun, though its first step may be long in coming
 * @resume: our part, zeroed
 * @cache: where sessions come from and go to, or NULL
 *
 * What is in force now is what the session goes by: a flush from now on keeps it out.
 */
void ksc_resume_init(struct ksc_resume *resume, struct ksc_cache *cache)
{
	resume->cache = cache;
	if (cache)
		resume->generation = ksc_cache_generation(cache);
}

/**
 * ksc_resume_begin() - offer to go on with an earlier session, if there is one
 * @resume: our part, with the cache
 * @tls: the session, before its handshake
 * @parts: all that decides who we are and whom we trust
 * @n: how many
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
	/* If it can't be used the handshake is a full one. */
	(void)gnutls_session_set_data(tls, data.data, data.size);
	ksc_cache_forget(&data);
	return 0;
}

/* What is to be judged again has to be good still. */
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

/* A client has nothing to say after its handshake. */
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
 * ksc_resume_done() - the handshake is done
 * @resume: our part
 * @tls: the session
 * @judged: the server's certificate was judged
 *
 * Return: whether tickets are of interest
 */
bool ksc_resume_done(struct ksc_resume *resume, gnutls_session_t tls, bool judged)
{
	if (!resume->cache)
		return false;
	resume->judged = judged;
	if (gnutls_protocol_get_version(tls) != GNUTLS_TLS1_3) {
		/* Its ticket, if there is one, came before Finished (RFC 5077, 3.1). */
		(void)put(resume, tls, LIFETIME_12);
		return false;
	}
	gnutls_handshake_set_read_function(tls, ignore_output);
	return true;
}

/* GnuTLS would take other messages too, and a ticket of no bytes, which can't be offered. */
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
 * ksc_resume_ticket() - take a ticket that came after the handshake
 * @resume: our part
 * @tls: the session
 * @msg: a whole NewSessionTicket with its header
 * @len: its bytes
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
	/* One that says it is of no use is not kept, and others may follow. */
	if (!lifetime)
		return 0;
	return put(resume, tls, lifetime < MAX_LIFETIME ? lifetime : MAX_LIFETIME);
}
