// SPDX-License-Identifier: GPL-2.0-only
/*
 * A peer's public keys are used long before anybody knows whether it can be trusted: its
 * CertificateVerify, or ServerKeyExchange, comes first. What that costs is the peer's to
 * choose by the size of the modulus and of the exponent. So the sizes are looked at when
 * the message that has them comes, and nothing is computed with what is too large. Stapled
 * OCSP responses bring keys, too, and are in either the same message or the next.
 *
 * What can't be parsed at all is refused here as GnuTLS would: two readers that take a
 * message for different things would let something by.
 */
#include <stddef.h>
#include <stdint.h>
#include <gnutls/x509.h>

#include "engine/chain.h"
#include "engine/crt.h"
#include "engine/key_size.h"
#include "engine/known.h"
#include "engine/staple.h"
#include "engine/verify.h"

/* The extension that a stapled response is in, and how it says what that is; RFC 6066 8. */
#define EXT_STATUS_REQUEST	5
#define STATUS_OCSP		1

/**
 * struct reader - what is left of a message
 * @at: the next byte
 * @left: bytes
 */
struct reader {
	const uint8_t *at;
	size_t left;
};

/* A number; false if it is cut off. */
static bool take_number(struct reader *from, unsigned int width, unsigned int *number)
{
	if (from->left < width)
		return false;
	for (*number = 0; width; width--, from->left--)
		*number = *number << 8 | *from->at++;
	return true;
}

/* A vector whose length is in @width bytes, RFC 8446 3.4; false if it is cut off. */
static bool take(struct reader *from, unsigned int width, struct reader *vector)
{
	unsigned int len;

	if (!take_number(from, width, &len) || from->left < len)
		return false;
	vector->at = from->at;
	vector->left = len;
	from->at += len;
	from->left -= len;
	return true;
}

/* What nearly all have needs no more than a look. */
static bool is_small(const gnutls_datum_t *der)
{
	struct ksc_crt_parts parts;

	if (!ksc_crt_split(der, &parts))
		return false;
	switch (parts.pk) {
	case GNUTLS_PK_ECDSA:
	case GNUTLS_PK_EDDSA_ED25519:
	case GNUTLS_PK_EDDSA_ED448:
		return true;
	case GNUTLS_PK_RSA:
		return ksc_key_bits(&parts.modulus) <= KSC_MAX_KEY_BITS &&
		       ksc_key_bits(&parts.exponent) <= KSC_MAX_EXPONENT_BITS;
	default:
		return false;
	}
}

static int check_certificate(const struct reader *certificate, struct ksc_known *known,
			     const char **why)
{
	const gnutls_datum_t der = {
		(unsigned char *)certificate->at, (unsigned int)certificate->left,
	};
	gnutls_x509_crt_t crt;
	int rc;

	if (ksc_known_find(known, &der, NULL) || is_small(&der))
		return 0;
	rc = ksc_crt_import(&der, &crt);
	/* One that it can't read ends the handshake in GnuTLS. */
	if (rc < 0)
		return rc == GNUTLS_E_MEMORY_ERROR ? rc : 0;
	rc = ksc_key_check(crt, why);
	gnutls_x509_crt_deinit(crt);
	return rc;
}

/* CertificateStatus, RFC 6066 8; GnuTLS does not look at one of another type either. */
static int check_status(struct reader status, const char **why)
{
	struct reader response;
	gnutls_datum_t der;
	unsigned int type;

	if (!take_number(&status, 1, &type))
		return GNUTLS_E_UNEXPECTED_PACKET_LENGTH;
	if (type != STATUS_OCSP)
		return 0;
	if (!take(&status, 3, &response) || status.left)
		return GNUTLS_E_UNEXPECTED_PACKET_LENGTH;
	der = (gnutls_datum_t) { (unsigned char *)response.at, (unsigned int)response.left };
	return ksc_staple_check(&der, why);
}

/* Of a certificate, RFC 8446 4.4.2; the others are GnuTLS's to refuse. @staples: counted up */
static int check_extensions(struct reader list, unsigned int *staples, const char **why)
{
	bool stapled = false;
	struct reader body;
	unsigned int type;
	int rc = 0;

	while (rc >= 0 && list.left) {
		if (!take_number(&list, 2, &type) || !take(&list, 2, &body))
			return GNUTLS_E_UNEXPECTED_EXTENSIONS_LENGTH;
		if (type != EXT_STATUS_REQUEST)
			continue;
		if (stapled)
			return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER;
		stapled = true;
		++*staples;
		rc = check_status(body, why);
	}
	return rc;
}

/**
 * ksc_chain_check() - are a Certificate message's keys small enough to be used?
 * @msg: its body
 * @tls13: as RFC 8446 4.4.2 has it, not RFC 5246 7.4.2
 * @known: certificates that were found small enough before, or NULL
 * @why: set to a sentence when they are not
 *
 * Return: 0; GNUTLS_E_CERTIFICATE_ERROR with @why set; or another negative GnuTLS error
 */
int ksc_chain_check(const gnutls_datum_t *msg, bool tls13, struct ksc_known *known,
		    const char **why)
{
	struct reader left = { msg->data, msg->size }, list = { 0 }, der = { 0 }, rest = { 0 };
	unsigned int staples = 0, tries = 0;

	*why = NULL;
	if ((tls13 && !take(&left, 1, &rest)) || !take(&left, 3, &list) || left.left)
		return GNUTLS_E_UNEXPECTED_PACKET_LENGTH;
	while (list.left) {
		int rc;

		if (!take(&list, 3, &der) || (tls13 && !take(&list, 2, &rest)))
			return GNUTLS_E_UNEXPECTED_PACKET_LENGTH;
		rc = check_certificate(&der, known, why);
		if (rc >= 0 && tls13)
			rc = check_extensions(rest, &staples, why);
		if (rc < 0)
			return rc;
		/* what comes behind a response may be its issuer */
		tries += staples;
		if (tries > KSC_MAX_STAPLE_TRIES) {
			*why = "The peer has stapled more OCSP responses than can be tried.";
			return GNUTLS_E_CERTIFICATE_ERROR;
		}
	}
	return 0;
}

/**
 * ksc_group_check() - is the group of a DHE ServerKeyExchange small enough to be used?
 * @msg: its body, RFC 5246 7.4.3
 * @why: set to a sentence when it is not
 *
 * Return: 0, or a negative GnuTLS error with @why set
 */
int ksc_group_check(const gnutls_datum_t *msg, const char **why)
{
	struct reader left = { msg->data, msg->size }, prime;

	*why = NULL;
	if (!take(&left, 2, &prime))
		return GNUTLS_E_UNEXPECTED_PACKET_LENGTH;
	if (prime.left <= KSC_MAX_KEY_BITS / 8)
		return 0;
	*why = "The server's Diffie-Hellman group has more than 8192 bits.";
	return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER;
}

/**
 * ksc_chain_look() - look at a message of the peer before GnuTLS does
 * @tls: the session
 * @type: the message's type
 * @msg: its body
 * @known: certificates that were found small enough before, or NULL
 * @why: set to a sentence when it has a key that is too large
 *
 * Return: 0 or a negative GnuTLS error
 */
int ksc_chain_look(gnutls_session_t tls, unsigned int type, const gnutls_datum_t *msg,
		   struct ksc_known *known, const char **why)
{
	const struct reader body = { msg->data, msg->size };
	gnutls_kx_algorithm_t kx;

	switch (type) {
	case GNUTLS_HANDSHAKE_CERTIFICATE_PKT:
		return ksc_chain_check(msg, gnutls_protocol_get_version(tls) == GNUTLS_TLS1_3,
				       known, why);
	case GNUTLS_HANDSHAKE_CERTIFICATE_STATUS:
		return check_status(body, why);
	case GNUTLS_HANDSHAKE_SERVER_KEY_EXCHANGE:
		kx = gnutls_kx_get(tls);
		return kx == GNUTLS_KX_DHE_RSA || kx == GNUTLS_KX_DHE_DSS ?
		       ksc_group_check(msg, why) : 0;
	}
	return 0;
}
