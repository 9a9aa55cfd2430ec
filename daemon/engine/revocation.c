// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks whether the certificates of a peer have been revoked, by lists (RFC 5280, 6.3). Staples
 * are GnuTLS's; here they count where a list is missing.
 *
 * The peer chooses what it sends: certificates in the name of an issuer with another key must
 * neither hide a revocation nor cost much. Therefore the path is followed from the leaf by
 * signatures, at most MAX_TRIES of which are verified.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <gnutls/x509.h>

#include "engine/crt.h"
#include "engine/revocation.h"

#define MAX_PATH	16
#define MAX_TRIES	16
/* Size of a subject that is printed */
#define MAX_SUBJECT	81

/**
 * struct path - what a peer has shown
 * @validation: how it is verified
 * @certs: the certificates, the leaf first
 * @n: number of certificates
 * @tries: number of signatures that were verified
 */
struct path {
	const struct ksc_validation *validation;
	gnutls_x509_crt_t certs[MAX_PATH];
	unsigned int n;
	unsigned int tries;
};

static void find_fault(struct ksc_judgement *judgement, enum ksc_fault fault, uint8_t alert,
		       const char *text, gnutls_x509_crt_t crt)
{
	char subject[MAX_SUBJECT] = "?";
	size_t size = sizeof(subject);

	(void)gnutls_x509_crt_get_dn(crt, subject, &size);
	judgement->faults |= fault;
	judgement->alert = alert;
	snprintf(judgement->text, sizeof(judgement->text), text, subject);
}

static bool is_known(const struct path *path, gnutls_x509_crt_t issuer)
{
	size_t i;

	for (i = 0; i < path->validation->n_crls; i++)
		if (ksc_crls_know(path->validation->crls[i], issuer))
			return true;
	return false;
}

static bool has_issued(struct path *path, gnutls_x509_crt_t issuer, gnutls_x509_crt_t crt)
{
	unsigned int faults = 0;

	if (!gnutls_x509_crt_check_issuer(crt, issuer))
		return false;
	if (is_known(path, issuer))
		return true;
	if (path->tries++ >= MAX_TRIES)
		return false;
	return gnutls_x509_crt_verify(crt, &issuer, 1, GNUTLS_VERIFY_DISABLE_TIME_CHECKS |
				      GNUTLS_VERIFY_DISABLE_TRUSTED_TIME_CHECKS, &faults) >= 0 &&
	       !faults;
}

/* One that we trust ends the path; the caller frees it. */
static gnutls_x509_crt_t find_trusted(struct path *path, gnutls_x509_crt_t crt)
{
	gnutls_x509_trust_list_t list;
	gnutls_x509_crt_t issuer;

	if (!path->validation->trust)
		return NULL;
	gnutls_certificate_get_trust_list(ksc_trust_x509(path->validation->trust), &list);
	if (gnutls_x509_trust_list_get_issuer(list, crt, &issuer, GNUTLS_TL_GET_COPY) < 0)
		return NULL;
	if (has_issued(path, issuer, crt))
		return issuer;
	gnutls_x509_crt_deinit(issuer);
	return NULL;
}

static gnutls_x509_crt_t find_shown(struct path *path, gnutls_x509_crt_t crt)
{
	unsigned int i;

	for (i = 1; i < path->n; i++)
		if (path->certs[i] != crt && has_issued(path, path->certs[i], crt))
			return path->certs[i];
	return NULL;
}

static enum ksc_crl_state look(const struct path *path, gnutls_x509_crt_t crt,
			       gnutls_x509_crt_t issuer)
{
	enum ksc_crl_state best = KSC_CRL_UNKNOWN;
	const time_t now = time(NULL);
	size_t i;

	for (i = 0; i < path->validation->n_crls; i++)
		switch (ksc_crls_look(path->validation->crls[i], crt, issuer, now)) {
		case KSC_CRL_REVOKED:
			return KSC_CRL_REVOKED;
		case KSC_CRL_GOOD:
			best = KSC_CRL_GOOD;
			break;
		case KSC_CRL_UNKNOWN:
			break;
		}
	return best;
}

/* Returns false after a fault. */
static bool check(const struct path *path, gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer,
		  bool stapled, struct ksc_judgement *judgement)
{
	const enum ksc_crl_state state = look(path, crt, issuer);

	if (state == KSC_CRL_REVOKED)
		find_fault(judgement, KSC_FAULT_REVOKED, GNUTLS_A_CERTIFICATE_REVOKED,
			   "The certificate \"%s\" has been revoked.", crt);
	else if (state == KSC_CRL_UNKNOWN && !stapled &&
		 path->validation->revocation == KSC_REVOCATION_HARD)
		find_fault(judgement, KSC_FAULT_REVOCATION_UNKNOWN, GNUTLS_A_CERTIFICATE_UNKNOWN,
			   "No current revocation list of its issuer covers the certificate \"%s\".",
			   crt);
	return !judgement->faults;
}

static void follow(struct path *path, bool stapled, struct ksc_judgement *judgement)
{
	gnutls_x509_crt_t crt = path->certs[0], issuer, trusted;
	unsigned int depth;

	for (depth = 0; depth < MAX_PATH; depth++) {
		if (gnutls_x509_crt_check_issuer(crt, crt))
			return;
		trusted = find_trusted(path, crt);
		issuer = trusted ? trusted : find_shown(path, crt);
		if (!issuer)
			break;
		if (!check(path, crt, issuer, stapled && !depth, judgement) || trusted) {
			if (trusted)
				gnutls_x509_crt_deinit(trusted);
			return;
		}
		crt = issuer;
	}
	/* The chain was verified, but by other certificates than were tried. */
	if (path->validation->revocation == KSC_REVOCATION_HARD || path->tries > MAX_TRIES)
		find_fault(judgement, KSC_FAULT_REVOCATION_UNKNOWN, GNUTLS_A_CERTIFICATE_UNKNOWN,
			   "The issuer of the certificate \"%s\" was not found.", crt);
}

/**
 * ksc_revocation_check() - check the certificates of a peer, which have been verified
 * @session: the session
 * @validation: lists, and what they are needed for
 * @judgement: gets a fault
 */
void ksc_revocation_check(gnutls_session_t session, const struct ksc_validation *validation,
			  struct ksc_judgement *judgement)
{
	struct path path = { .validation = validation };
	const gnutls_datum_t *chain;
	unsigned int n = 0;

	if (validation->revocation == KSC_REVOCATION_OFF ||
	    (!validation->n_crls && validation->revocation == KSC_REVOCATION_SOFT))
		return;
	chain = gnutls_certificate_get_peers(session, &n);
	while (chain && path.n < n && path.n < MAX_PATH &&
	       ksc_crt_import(&chain[path.n], &path.certs[path.n]) >= 0)
		path.n++;
	if (path.n)
		follow(&path, gnutls_ocsp_status_request_is_checked(session, 0), judgement);
	while (path.n)
		gnutls_x509_crt_deinit(path.certs[--path.n]);
}
