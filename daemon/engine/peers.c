// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which peers a rule allows, by the names and keys in their certificates. A pattern is "KIND:TEXT";
 * with "!" before it, it denies.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <gnutls/x509-ext.h>
#include <gnutls/x509.h>

#include "common/util.h"
#include "engine/crt.h"
#include "engine/peers.h"

/* SHA-256 */
#define KEY_LEN		32
/* Size of a subject key identifier in bytes; usual ones have 20. */
#define MAX_SKI		64
/* Size of an OID as text */
#define MAX_OID		128
/* The last byte of a name is for the NUL, which GnuTLS does not append. */
#define MAX_NAME	1024

/**
 * struct kind - what a pattern is compared with
 * @prefix: prefix of its patterns
 * @type: GnuTLS's number of a subject alternative name, or a number of ours
 */
struct kind {
	const char *prefix;
	unsigned int type;
};

/* Beyond GnuTLS's numbers. */
#define TYPE_SKI	0x10000
#define TYPE_SPKI	0x10001

static const struct kind kinds[] = {
	{ "dns:", GNUTLS_SAN_DNSNAME },
	{ "uri:", GNUTLS_SAN_URI },
	{ "email:", GNUTLS_SAN_RFC822NAME },
	{ "ip:", GNUTLS_SAN_IPADDRESS },
	{ "upn:", GNUTLS_SAN_OTHERNAME_MSUSERPRINCIPAL },
	{ "ski:", TYPE_SKI },
	{ "spki:", TYPE_SPKI },
};

/**
 * ksc_peer_prefix() - get the prefix of patterns for a kind of names
 * @type: GnuTLS's number of the kind
 *
 * Return: the prefix, or NULL if this kind has no patterns
 */
const char *ksc_peer_prefix(unsigned int type)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].type == type)
			return kinds[i].prefix;
	return NULL;
}

static bool denies(const char *pattern)
{
	return *pattern == '!';
}

static const struct kind *kind_of(const char *pattern)
{
	size_t i;

	pattern += denies(pattern);
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strncmp(pattern, kinds[i].prefix, strlen(kinds[i].prefix)))
			return &kinds[i];
	return NULL;
}

static const char *text_of(const char *pattern, const struct kind *kind)
{
	return pattern + denies(pattern) + strlen(kind->prefix);
}

static bool is_address(const char *text)
{
	uint8_t address[16];

	return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

/* Pairs of hexadecimal digits for that many bytes. */
static bool is_hex(const char *text, size_t least, size_t most)
{
	const size_t len = strlen(text);

	return len % 2 == 0 && len / 2 >= least && len / 2 <= most &&
	       strspn(text, "0123456789abcdefABCDEF") == len;
}

static bool is_wildcard(unsigned int type, const char *text, const char *star)
{
	if (strchr(star + 1, '*'))
		return false;
	switch (type) {
	case GNUTLS_SAN_DNSNAME:
		return star == text && star[1] == '.' && star[2];
	case GNUTLS_SAN_RFC822NAME:
	case GNUTLS_SAN_OTHERNAME_MSUSERPRINCIPAL:
		return star == text && star[1] == '@' && star[2];
	case GNUTLS_SAN_URI:
		return star > text && star[-1] == '/' && !star[1];
	default:
		return false;
	}
}

/**
 * ksc_peer_pattern_valid() - check the format of a pattern
 * @pattern: a kind, as in kschanneld.conf(5), and a name, perhaps after "!"
 *
 * A star matches the first label of a DNS name, the part of an e-mail address or a user principal
 * name before the @ sign, or the rest of a URI after a slash.
 *
 * Return: true if it is valid
 */
bool ksc_peer_pattern_valid(const char *pattern)
{
	const struct kind *kind = kind_of(pattern);
	const char *text, *star;

	if (!kind)
		return false;
	text = text_of(pattern, kind);
	switch (kind->type) {
	case GNUTLS_SAN_IPADDRESS:
		return is_address(text);
	case TYPE_SKI:
		return is_hex(text, 1, MAX_SKI);
	case TYPE_SPKI:
		return is_hex(text, KEY_LEN, KEY_LEN);
	}
	star = strchr(text, '*');
	return star ? is_wildcard(kind->type, text, star) : *text;
}

static bool fits_dns(const char *wanted, const char *name)
{
	const char *rest = strchr(name, '.');

	return !strcasecmp(wanted, name) ||
	       (*wanted == '*' && rest && rest != name && !strcasecmp(wanted + 1, rest));
}

/* RFC 5280, 7.5: only the part after the @ sign is case-insensitive. A UPN is, as a whole. */
static bool fits_mail(const char *wanted, const char *name,
		      int (*compare)(const char *a, const char *b, size_t n))
{
	const char *rest = strchr(name, '@'), *at = strchr(wanted, '@');

	if (!rest || !at || rest == name || strcasecmp(at, rest))
		return false;
	return *wanted == '*' ||
	       (at - wanted == rest - name && !compare(wanted, name, (size_t)(at - wanted)));
}

static bool fits_uri(const char *wanted, const char *name)
{
	const size_t len = strlen(wanted);

	if (wanted[len - 1] != '*')
		return !strcmp(wanted, name);
	return !strncmp(wanted, name, len - 1) && name[len - 1];
}

static bool fits_address(const char *wanted, const char *name)
{
	uint8_t a[16], b[16];

	if (inet_pton(AF_INET, wanted, a) == 1)
		return inet_pton(AF_INET, name, b) == 1 && !memcmp(a, b, 4);
	return inet_pton(AF_INET6, wanted, a) == 1 && inet_pton(AF_INET6, name, b) == 1 &&
	       !memcmp(a, b, 16);
}

/**
 * ksc_peer_pattern_fits() - check whether a pattern matches a name, whether it allows or denies
 * @pattern: a valid pattern
 * @type: kind of the name, GNUTLS_SAN_*
 * @name: the name, an address as text
 *
 * Return: true if it matches
 */
bool ksc_peer_pattern_fits(const char *pattern, unsigned int type, const char *name)
{
	const struct kind *kind = kind_of(pattern);
	const char *wanted;

	if (!kind || kind->type != type)
		return false;
	wanted = text_of(pattern, kind);
	switch (type) {
	case GNUTLS_SAN_DNSNAME:
		return fits_dns(wanted, name);
	case GNUTLS_SAN_RFC822NAME:
		return fits_mail(wanted, name, strncmp);
	case GNUTLS_SAN_OTHERNAME_MSUSERPRINCIPAL:
		return fits_mail(wanted, name, strncasecmp);
	case GNUTLS_SAN_URI:
		return fits_uri(wanted, name);
	case GNUTLS_SAN_IPADDRESS:
		return fits_address(wanted, name);
	default:
		return !strcasecmp(wanted, name);
	}
}

/**
 * struct verdict - what the patterns of a rule say of a certificate
 * @rule: the rule
 * @allowed: one of them allows it
 * @denied: the pattern that denies it, or NULL
 */
struct verdict {
	const struct ksc_rule *rule;
	bool allowed;
	const char *denied;
};

static void look(struct verdict *verdict, unsigned int type, const char *name)
{
	size_t i;

	for (i = 0; i < verdict->rule->n_peers; i++) {
		const char *pattern = verdict->rule->peers[i];

		if (!ksc_peer_pattern_fits(pattern, type, name))
			continue;
		if (denies(pattern))
			verdict->denied = pattern;
		else
			verdict->allowed = true;
	}
}

static void look_at_address(struct verdict *verdict, const char *name, size_t size)
{
	char text[INET6_ADDRSTRLEN];

	if ((size == 4 || size == 16) &&
	    inet_ntop(size == 4 ? AF_INET : AF_INET6, name, text, sizeof(text)))
		look(verdict, GNUTLS_SAN_IPADDRESS, text);
}

static void look_at_other(struct verdict *verdict, gnutls_x509_crt_t crt, unsigned int index,
			  const gnutls_datum_t *name)
{
	char oid[MAX_OID], text[MAX_NAME];
	size_t size = sizeof(oid);
	gnutls_datum_t value;
	unsigned int type;

	if (gnutls_x509_crt_get_subject_alt_othername_oid(crt, index, oid, &size) < 0 ||
	    gnutls_x509_othername_to_virtual(oid, name, &type, &value) < 0)
		return;
	if (value.size < sizeof(text) && !memchr(value.data, '\0', value.size)) {
		memcpy(text, value.data, value.size);
		text[value.size] = '\0';
		look(verdict, type, text);
	}
	gnutls_free(value.data);
}

/* Names that are too long or of an unknown kind match no pattern; a NUL would truncate one. */
static void look_at_name(struct verdict *verdict, gnutls_x509_crt_t crt, unsigned int index,
			 unsigned int type, char *name, size_t size)
{
	name[size] = '\0';
	if (type == GNUTLS_SAN_IPADDRESS)
		look_at_address(verdict, name, size);
	else if (type == GNUTLS_SAN_OTHERNAME)
		look_at_other(verdict, crt, index, &(gnutls_datum_t) {
				      .data = (unsigned char *)name, .size = (unsigned int)size });
	else if (strlen(name) == size)
		look(verdict, type, name);
}

static void look_at_names(struct verdict *verdict, gnutls_x509_crt_t crt)
{
	char name[MAX_NAME];
	unsigned int i, type;

	for (i = 0; ; i++) {
		size_t size = sizeof(name) - 1;
		int rc = gnutls_x509_crt_get_subject_alt_name2(crt, i, name, &size, &type, NULL);

		if (rc == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return;
		if (rc >= 0)
			look_at_name(verdict, crt, i, type, name, size);
	}
}

static void look_hex(struct verdict *verdict, unsigned int type, uint8_t *data, size_t len)
{
	const gnutls_datum_t bytes = { .data = data, .size = (unsigned int)len };
	char text[2 * MAX_SKI + 1];
	size_t size = sizeof(text);

	if (gnutls_hex_encode(&bytes, text, &size) >= 0)
		look(verdict, type, text);
}

static void look_at_key(struct verdict *verdict, gnutls_x509_crt_t crt)
{
	uint8_t ski[MAX_SKI], key[KEY_LEN];
	size_t ski_len = sizeof(ski), key_len = sizeof(key);

	if (gnutls_x509_crt_get_subject_key_id(crt, ski, &ski_len, NULL) >= 0)
		look_hex(verdict, TYPE_SKI, ski, ski_len);
	if (gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, key, &key_len) >= 0)
		look_hex(verdict, TYPE_SPKI, key, key_len);
}

/* Rules that only deny allow all others. */
static bool has_allowing(const struct ksc_rule *rule)
{
	size_t i;

	for (i = 0; i < rule->n_peers; i++)
		if (!denies(rule->peers[i]))
			return true;
	return false;
}

/**
 * ksc_rule_judge() - check whether a rule allows the peer
 * @rule: the rule, or NULL
 * @tls: the session
 * @judgement: result of the verification so far; a fault is added if the rule does not allow it
 *
 * Return: 0 or a negative GnuTLS error
 */
int ksc_rule_judge(const struct ksc_rule *rule, gnutls_session_t tls,
		   struct ksc_judgement *judgement)
{
	struct verdict verdict = { .rule = rule };
	const gnutls_datum_t *chain;
	gnutls_x509_crt_t crt;
	unsigned int n = 0;
	int rc;

	if (!rule || !rule->n_peers || judgement->faults)
		return 0;
	chain = gnutls_certificate_get_peers(tls, &n);
	if (!chain || !n)
		return GNUTLS_E_NO_CERTIFICATE_FOUND;
	rc = ksc_crt_import(&chain[0], &crt);
	if (rc < 0)
		return rc;
	look_at_names(&verdict, crt);
	look_at_key(&verdict, crt);
	gnutls_x509_crt_deinit(crt);
	if (!verdict.denied && (verdict.allowed || !has_allowing(rule)))
		return 0;
	judgement->faults |= KSC_FAULT_WRONG_NAME;
	judgement->alert = GNUTLS_A_ACCESS_DENIED;
	if (verdict.denied)
		snprintf(judgement->text, sizeof(judgement->text),
			 "The rule \"%.64s\" denies this peer: %.128s.", rule->name,
			 verdict.denied);
	else
		snprintf(judgement->text, sizeof(judgement->text),
			 "The rule \"%s\" does not allow this peer.", rule->name);
	return 0;
}
