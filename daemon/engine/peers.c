// SPDX-License-Identifier: GPL-2.0-only
/* Which peers a rule allows, by the names in their certificates. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <gnutls/x509.h>

#include "common/util.h"
#include "engine/crt.h"
#include "engine/peers.h"

/**
 * struct kind - a kind of subject alternative name
 * @prefix: prefix of its patterns
 * @type: GnuTLS's number
 */
struct kind {
	const char *prefix;
	unsigned int type;
};

static const struct kind kinds[] = {
	{ "dns:", GNUTLS_SAN_DNSNAME },
	{ "uri:", GNUTLS_SAN_URI },
	{ "email:", GNUTLS_SAN_RFC822NAME },
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

static const struct kind *kind_of(const char *pattern)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strncmp(pattern, kinds[i].prefix, strlen(kinds[i].prefix)))
			return &kinds[i];
	return NULL;
}

/**
 * ksc_peer_pattern_valid() - check the format of a pattern
 * @pattern: "dns:", "uri:" or "email:" and a name
 *
 * A star matches the first label of a DNS name, the part of an e-mail address before the @ sign, or
 * the rest of a URI after a slash.
 *
 * Return: true if it is valid
 */
bool ksc_peer_pattern_valid(const char *pattern)
{
	const struct kind *kind = kind_of(pattern);
	const char *name, *star;

	if (!kind)
		return false;
	name = pattern + strlen(kind->prefix);
	star = strchr(name, '*');
	if (!star)
		return *name;
	if (strchr(star + 1, '*'))
		return false;
	switch (kind->type) {
	case GNUTLS_SAN_DNSNAME:
		return star == name && star[1] == '.' && star[2];
	case GNUTLS_SAN_RFC822NAME:
		return star == name && star[1] == '@' && star[2];
	default:
		return star > name && star[-1] == '/' && !star[1];
	}
}

/**
 * ksc_peer_pattern_fits() - check whether a pattern matches a name
 * @pattern: a valid pattern
 * @type: kind of the name, GNUTLS_SAN_*
 * @name: the name
 *
 * Return: true if it matches
 */
bool ksc_peer_pattern_fits(const char *pattern, unsigned int type, const char *name)
{
	const struct kind *kind = kind_of(pattern);
	const char *wanted, *rest, *at;
	size_t len;

	if (!kind || kind->type != type)
		return false;
	wanted = pattern + strlen(kind->prefix);
	switch (type) {
	case GNUTLS_SAN_DNSNAME:
		rest = strchr(name, '.');
		return !strcasecmp(wanted, name) ||
		       (*wanted == '*' && rest && rest != name && !strcasecmp(wanted + 1, rest));
	case GNUTLS_SAN_RFC822NAME:
		/* RFC 5280, 7.5: only the part after the @ sign is case-insensitive. */
		rest = strchr(name, '@');
		at = strchr(wanted, '@');
		if (!rest || !at || rest == name || strcasecmp(at, rest))
			return false;
		return *wanted == '*' || (at - wanted == rest - name &&
					  !memcmp(wanted, name, (size_t)(at - wanted)));
	default:
		len = strlen(wanted);
		if (wanted[len - 1] != '*')
			return !strcmp(wanted, name);
		return !strncmp(wanted, name, len - 1) && name[len - 1];
	}
}

static bool allows(const struct ksc_rule *rule, unsigned int type, const char *name)
{
	size_t i;

	for (i = 0; i < rule->n_peers; i++)
		if (ksc_peer_pattern_fits(rule->peers[i], type, name))
			return true;
	return false;
}

static bool allows_cert(const struct ksc_rule *rule, gnutls_x509_crt_t crt)
{
	/* The last byte is for the NUL, which GnuTLS does not append. */
	char name[1024];
	unsigned int i, type;

	for (i = 0; ; i++) {
		size_t size = sizeof(name) - 1;
		int rc = gnutls_x509_crt_get_subject_alt_name2(crt, i, name, &size, &type, NULL);

		if (rc == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return false;
		/* Rules have no patterns for names that are too long or of an unknown kind. */
		if (rc < 0)
			continue;
		name[size] = '\0';
		/* A NUL within the name would truncate it. */
		if (strlen(name) == size && allows(rule, type, name))
			return true;
	}
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
	if (!allows_cert(rule, crt)) {
		judgement->faults |= KSC_FAULT_WRONG_NAME;
		judgement->alert = GNUTLS_A_ACCESS_DENIED;
		snprintf(judgement->text, sizeof(judgement->text),
			 "The rule \"%s\" does not allow this peer.", rule->name);
	}
	gnutls_x509_crt_deinit(crt);
	return 0;
}
