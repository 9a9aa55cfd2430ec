// SPDX-License-Identifier: GPL-2.0-only
/*
 * Warns of certificates that a configuration may have, but peers will not accept, and of
 * credentials that are never used.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <gnutls/x509-ext.h>
#include <gnutls/x509.h>

#include "engine/engine.h"
#include "config/advice.h"
#include "config/authorities.h"

/* Longer names of authorities are not printed. */
#define MAX_ISSUER	160
/* RFC 7633, 6: the feature is the number of the extension status_request. */
#define STATUS_REQUEST	5
/* Size of a date as text */
#define DATE_TEXT	32

/**
 * struct subject - a certificate of ours
 * @path: the configuration
 * @set: all credentials
 * @cred: its credential
 * @own: the certificate
 * @chain: its chain as it is sent, the leaf first
 * @n: number of certificates in the chain
 */
struct subject {
	const char *path;
	struct ksc_credentials *set;
	const struct ksc_credential *cred;
	const struct ksc_own *own;
	gnutls_x509_crt_t *chain;
	unsigned int n;
};

__attribute__((format(printf, 2, 3)))
static void warn(const struct subject *s, const char *fmt, ...)
{
	char text[KSC_MAX_TEXT + 1];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ksc_text_printable(text);
	ksc_log(KSC_LOG_WARNING, "%s:%u: credential %s: %s: %s", s->path, s->cred->line,
		s->cred->name, s->own->path, text);
}

static void print_date(time_t when, char text[DATE_TEXT])
{
	struct tm tm;

	if (!gmtime_r(&when, &tm) || !strftime(text, DATE_TEXT, "%F %T UTC", &tm))
		strcpy(text, "?");
}

static void check_times(const struct subject *s)
{
	const time_t now = time(NULL);
	char date[DATE_TEXT];
	unsigned int i;

	for (i = 0; i < s->n; i++) {
		const time_t from = gnutls_x509_crt_get_activation_time(s->chain[i]);
		const time_t to = gnutls_x509_crt_get_expiration_time(s->chain[i]);

		if (to < now) {
			print_date(to, date);
			warn(s, "certificate %u of the chain expired on %s", i + 1, date);
		} else if (from > now) {
			print_date(from, date);
			warn(s, "certificate %u of the chain is not valid before %s", i + 1, date);
		}
	}
}

static bool serves_as(const struct subject *s, enum ksc_role role, const char *purpose)
{
	return !(s->cred->roles & KSC_ROLE_BIT(role)) ||
	       gnutls_x509_crt_check_key_purpose(s->chain[0], purpose, 0);
}

static void check_usage(const struct subject *s)
{
	unsigned int usage;

	if (gnutls_x509_crt_get_ca_status(s->chain[0], NULL) > 0)
		warn(s, "it is the certificate of an authority");
	if (!serves_as(s, KSC_ROLE_SERVER, GNUTLS_KP_TLS_WWW_SERVER))
		warn(s, "its extended key usage lacks serverAuth");
	if (!serves_as(s, KSC_ROLE_CLIENT, GNUTLS_KP_TLS_WWW_CLIENT))
		warn(s, "its extended key usage lacks clientAuth");
	/* RFC 8446, 4.4.2.2 */
	if (gnutls_x509_crt_get_key_usage(s->chain[0], &usage, NULL) >= 0 &&
	    !(usage & GNUTLS_KEY_DIGITAL_SIGNATURE))
		warn(s, "its key usage lacks digitalSignature");
}

static bool has_issuer(gnutls_certificate_credentials_t x509, gnutls_x509_crt_t crt)
{
	gnutls_x509_trust_list_t list;
	gnutls_x509_crt_t issuer;
	int rc;

	gnutls_certificate_get_trust_list(x509, &list);
	rc = gnutls_x509_trust_list_get_issuer(list, crt, &issuer, GNUTLS_TL_GET_COPY);
	if (rc >= 0)
		gnutls_x509_crt_deinit(issuer);
	return rc >= 0;
}

/* By us or the system, as a peer may, too. */
static bool is_trusted(const struct subject *s, gnutls_x509_crt_t crt)
{
	const struct ksc_trust *trust = s->cred->validation.trust;
	const struct ksc_trust *system = ksc_credentials_system(s->set);

	return (trust && has_issuer(ksc_trust_x509(trust), crt)) ||
	       (system && has_issuer(ksc_trust_x509(system), crt));
}

/* RFC 5280, 4.2.2.1: where the issuer's certificate is found. An authority for all has it. */
static bool names_issuer(gnutls_x509_crt_t crt)
{
	gnutls_datum_t uri = { NULL, 0 };
	unsigned int i;
	int rc = 0;

	for (i = 0; rc != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE && rc >= 0; i++) {
		rc = gnutls_x509_crt_get_authority_info_access(crt, i, GNUTLS_IA_CAISSUERS_URI,
							       &uri, NULL);
		gnutls_free(uri.data);
		if (rc >= 0)
			return true;
		/* Others are of another kind. */
		if (rc == GNUTLS_E_UNKNOWN_ALGORITHM)
			rc = 0;
	}
	return false;
}

static void check_chain(const struct subject *s)
{
	gnutls_x509_crt_t last = s->chain[s->n - 1];
	char issuer[MAX_ISSUER] = "?";
	size_t size = sizeof(issuer);

	if (s->own->given > s->n)
		warn(s, "%u of its %u certificates do not belong to the chain, and are not sent",
		     s->own->given - s->n, s->own->given);
	if (!names_issuer(last) || gnutls_x509_crt_check_issuer(last, last) ||
	    is_trusted(s, last))
		return;
	(void)gnutls_x509_crt_get_issuer_dn(last, issuer, &size);
	warn(s, "the chain is incomplete: it lacks the certificate of \"%s\"", issuer);
}

static void check_staple(const struct subject *s)
{
	gnutls_x509_tlsfeatures_t features;
	unsigned int i, feature;

	if (gnutls_x509_tlsfeatures_init(&features) < 0)
		return;
	if (gnutls_x509_crt_get_tlsfeatures(s->chain[0], features, 0, NULL) >= 0)
		for (i = 0; !gnutls_x509_tlsfeatures_get(features, i, &feature); i++)
			if (feature == STATUS_REQUEST)
				warn(s, "it demands an OCSP staple (RFC 7633), which is not sent");
	gnutls_x509_tlsfeatures_deinit(features);
}

static void check_cert(struct subject *s, unsigned int index)
{
	unsigned int i;

	s->own = &s->cred->certs[index];
	if (gnutls_certificate_get_x509_crt(s->cred->x509, index, &s->chain, &s->n) < 0)
		return;
	check_times(s);
	check_usage(s);
	check_chain(s);
	check_staple(s);
	for (i = 0; i < s->n; i++)
		gnutls_x509_crt_deinit(s->chain[i]);
	gnutls_free(s->chain);
}

static bool same_readers(const struct ksc_access *a, const struct ksc_access *b)
{
	size_t i;

	if (a->known != b->known || a->n != b->n)
		return false;
	for (i = 0; i < a->n; i++) {
		const struct ksc_gate *x = &a->gates[i], *y = &b->gates[i];

		if (x->uid != y->uid || x->gid != y->gid || x->owner != y->owner ||
		    x->group != y->group || x->others != y->others)
			return false;
	}
	return true;
}

/* Whenever the second matches, so does the first, which is as good. */
static bool shadows(const struct ksc_credential *first, const struct ksc_credential *second)
{
	size_t i;

	if (!(first->roles & KSC_ROLE_BIT(KSC_ROLE_SERVER)) || first->restricted ||
	    second->pks & ~first->pks || !same_readers(&first->readers, &second->readers))
		return false;
	for (i = 0; i < second->n_names; i++)
		if (!ksc_credential_has_name(first, second->names[i]))
			return false;
	return true;
}

static bool is_named(const struct ksc_rules *rules, const char *name)
{
	size_t i;

	for (i = 0; i < rules->n; i++)
		if (rules->list[i].credential && !strcmp(rules->list[i].credential, name))
			return true;
	return false;
}

static void check_shadow(const struct ksc_config *config, const char *path, size_t index)
{
	const struct ksc_credentials *set = config->credentials;
	const struct ksc_credential *cred = set->list[index];
	size_t i;

	if (!(cred->roles & KSC_ROLE_BIT(KSC_ROLE_SERVER)) || cred->is_default ||
	    is_named(config->rules, cred->name))
		return;
	if (!cred->n_names) {
		ksc_log(KSC_LOG_WARNING,
			"%s:%u: credential %s: servers use it only if it is selected by name: it has no server names",
			path, cred->line, cred->name);
		return;
	}
	for (i = 0; i < index && !shadows(set->list[i], cred); i++)
		;
	if (i < index)
		ksc_log(KSC_LOG_WARNING,
			"%s:%u: credential %s: servers use it only if it is selected by name: credential %s has its server names and kinds of keys",
			path, cred->line, cred->name, set->list[i]->name);
}

/**
 * ksc_advice_give() - warn of what is accepted, but does not work as it is meant
 * @config: the configuration, not yet in use
 * @path: its file
 */
void ksc_advice_give(const struct ksc_config *config, const char *path)
{
	size_t i;
	unsigned int k;

	for (i = 0; i < config->credentials->n; i++) {
		struct subject s = { .path = path, .set = config->credentials,
				     .cred = config->credentials->list[i] };

		for (k = 0; k < s.cred->n_certs; k++)
			check_cert(&s, k);
		check_shadow(config, path, i);
	}
}
