// SPDX-License-Identifier: GPL-2.0-only
/*
 * A peer's public keys are used before its certificate is verified: CertificateVerify and
 * ServerKeyExchange come first. The peer chooses what that costs by the size of modulus and
 * exponent. So the sizes are checked when the message with the keys is received, and keys that are
 * too large are never used. Stapled OCSP responses contain keys, too, and are in the same message
 * or the next.
 *
 * What cannot be parsed is refused here, as GnuTLS would: if two parsers understood a message
 * differently, a key could bypass the check.
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

/* GnuTLS verifies no longer chains, and reports an internal error. */
#define MAX_CHAIN	16

/* The extension of a stapled response, and its type; RFC 6066 8. */
#define EXT_STATUS_REQUEST	5
#define STATUS_OCSP		1

/**
 * struct reader - the rest of a message
 * @at: the next byte
 * @left: number of bytes
 */
struct reader {
	const uint8_t *at;
	size_t left;
};

/* Reads a number; false if it is truncated. */
static bool take_number(struct reader *from, unsigned int width, unsigned int *number)
{
	if (from->left < width)
		return false;
	for (*number = 0; width; width--, from->left--)
		*number = *number << 8 | *from->at++;
	return true;
}

/* Reads a vector with a length of @width bytes, RFC 8446 3.4; false if it is truncated. */
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

/* For the usual keys, the headers suffice. */
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
	/* GnuTLS fails the handshake if it cannot parse one. */
	if (rc < 0)
		return rc == GNUTLS_E_MEMORY_ERROR ? rc : 0;
	rc = ksc_key_check(crt, why);
	gnutls_x509_crt_deinit(crt);
	return rc;
}

/* CertificateStatus, RFC 6066 8; GnuTLS ignores other types, too. */
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

/* Extensions of a certificate, RFC 8446 4.4.2; GnuTLS checks others. @staples is incremented */
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
 * ksc_chain_check() - check the sizes of the keys in a Certificate message
 * @msg: its body
 * @tls13: it has the format of RFC 8446 4.4.2, not of RFC 5246 7.4.2
 * @known: certificates that were accepted before, or NULL
 * @why: set to a sentence if one is too large, or there are too many
 *
 * Return: 0; GNUTLS_E_CERTIFICATE_ERROR with @why set; or another negative GnuTLS error
 */
int ksc_chain_check(const gnutls_datum_t *msg, bool tls13, struct ksc_known *known,
		    const char **why)
{
	struct reader left = { msg->data, msg->size }, list = { 0 }, der = { 0 }, rest = { 0 };
	unsigned int staples = 0, tries = 0, n = 0;

	*why = NULL;
	if ((tls13 && !take(&left, 1, &rest)) || !take(&left, 3, &list) || left.left)
		return GNUTLS_E_UNEXPECTED_PACKET_LENGTH;
	while (list.left) {
		int rc;

		if (!take(&list, 3, &der) || (tls13 && !take(&list, 2, &rest)))
			return GNUTLS_E_UNEXPECTED_PACKET_LENGTH;
		if (n++ >= MAX_CHAIN) {
			*why = "The peer sent more than 16 certificates.";
			return GNUTLS_E_CERTIFICATE_ERROR;
		}
		rc = check_certificate(&der, known, why);
		if (rc >= 0 && tls13)
			rc = check_extensions(rest, &staples, why);
		if (rc < 0)
			return rc;
		/* a response's issuer can be among the certificates after it */
		tries += staples;
		if (tries > KSC_MAX_STAPLE_TRIES) {
			*why = "The peer stapled too many OCSP responses.";
			return GNUTLS_E_CERTIFICATE_ERROR;
		}
	}
	return 0;
}

/**
 * ksc_group_check() - check the size of the group in a DHE ServerKeyExchange
 * @msg: its body, RFC 5246 7.4.3
 * @why: set to a sentence if it is too large
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
 * ksc_chain_look() - check a message of the peer before GnuTLS processes it
 * @tls: the session
 * @type: the message's type
 * @msg: its body
 * @known: certificates that were accepted before, or NULL
 * @why: set to a sentence if it has a key that is too large
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
