// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks whether the certificates of a peer have been revoked, by lists (RFC 5280, 6.3), or for
 * the leaf by a staple (RFC 6960).
 *
 * The peer chooses what it sends, so that another path than the one that GnuTLS verifies would be
 * the peer's choice: GnuTLS reports each certificate with the issuer that it was verified with, and
 * these are looked up.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <gnutls/ocsp.h>
#include <gnutls/x509.h>

#include "engine/revocation.h"

/* Of a verification, what says that the issuer has not issued the certificate. */
#define NOT_ISSUED	(GNUTLS_CERT_SIGNATURE_FAILURE | GNUTLS_CERT_SIGNER_NOT_FOUND | \
			 GNUTLS_CERT_SIGNER_NOT_CA)

/* GnuTLS's callback has no argument. */
static _Thread_local struct ksc_lookup *present;

static void note(struct ksc_lookup *r, bool *what, gnutls_x509_crt_t crt)
{
	size_t size = sizeof(r->subject);

	if (!*what && gnutls_x509_crt_get_dn(crt, r->subject, &size) < 0)
		strcpy(r->subject, "?");
	*what = true;
}

static bool is_leaf(const struct ksc_lookup *r, gnutls_x509_crt_t crt)
{
	unsigned int n = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(r->tls, &n);

	return chain && n && gnutls_x509_crt_equals2(crt, &chain[0]);
}

/* Signed by the issuer, or by a responder that it has authorized (RFC 6960, 4.2.2.2). */
static bool is_signed(gnutls_ocsp_resp_const_t response, gnutls_x509_crt_t issuer)
{
	unsigned int faults = GNUTLS_OCSP_VERIFY_SIGNER_NOT_FOUND;
	gnutls_x509_trust_list_t list;
	int rc;

	if (gnutls_x509_trust_list_init(&list, 0) < 0)
		return false;
	rc = gnutls_x509_trust_list_add_cas(list, &issuer, 1, 0);
	if (rc > 0)
		rc = gnutls_ocsp_resp_verify(response, list, &faults, 0);
	/* The certificate is GnuTLS's. */
	gnutls_x509_trust_list_deinit(list, 0);
	return rc >= 0 && !faults;
}

static bool is_good(gnutls_ocsp_resp_const_t response, gnutls_x509_crt_t crt)
{
	const time_t now = time(NULL);
	unsigned int i;

	for (i = 0; ; i++) {
		time_t from, to;
		unsigned int status;
		int rc;

		rc = gnutls_ocsp_resp_get_single(response, i, NULL, NULL, NULL, NULL, &status,
						 &from, &to, NULL, NULL);
		if (rc < 0)
			return false;
		if (gnutls_ocsp_resp_check_crt(response, i, crt) >= 0)
			return status == GNUTLS_OCSP_CERT_GOOD && from <= now &&
			       to != (time_t)-1 && to >= now;
	}
}

/* GnuTLS refuses a staple that says "revoked", and lets many others pass. */
static bool is_stapled(const struct ksc_lookup *r, gnutls_x509_crt_t crt,
		       gnutls_x509_crt_t issuer)
{
	gnutls_ocsp_resp_t response;
	gnutls_datum_t data;
	bool good;

	if (!is_leaf(r, crt) || gnutls_ocsp_status_request_get2(r->tls, 0, &data) < 0 ||
	    gnutls_ocsp_resp_init(&response) < 0)
		return false;
	good = gnutls_ocsp_resp_import(response, &data) >= 0 &&
	       gnutls_ocsp_resp_get_status(response) == GNUTLS_OCSP_RESP_SUCCESSFUL &&
	       is_good(response, crt) && is_signed(response, issuer);
	gnutls_ocsp_resp_deinit(response);
	return good;
}

static enum ksc_crl_state look(const struct ksc_lookup *r, gnutls_x509_crt_t crt,
			       gnutls_x509_crt_t issuer)
{
	enum ksc_crl_state best = KSC_CRL_UNKNOWN;
	const time_t now = time(NULL);
	size_t i;

	for (i = 0; i < r->validation->n_crls; i++)
		switch (ksc_crls_look(r->validation->crls[i], crt, issuer, now)) {
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

/* Called by GnuTLS for each certificate that it has verified with its issuer. */
static int on_verified(gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer, gnutls_x509_crl_t crl,
		       unsigned int faults)
{
	struct ksc_lookup *r = present;
	enum ksc_crl_state state;

	(void)crl;
	/* The status of what is trusted as it is does not matter. */
	if (!r || !crt || !issuer || faults & NOT_ISSUED || gnutls_x509_crt_equals(crt, issuer))
		return 0;
	state = look(r, crt, issuer);
	if (state == KSC_CRL_REVOKED)
		note(r, &r->revoked, crt);
	else if (state == KSC_CRL_UNKNOWN && !r->revoked &&
		 r->validation->revocation == KSC_REVOCATION_HARD && !is_stapled(r, crt, issuer))
		note(r, &r->unknown, crt);
	return 0;
}

/**
 * ksc_revocation_begin() - look up what GnuTLS verifies from now on, in this thread
 * @revocation: filled in
 * @tls: the session
 * @validation: how its peer is verified
 */
void ksc_revocation_begin(struct ksc_lookup *revocation, gnutls_session_t tls,
			  const struct ksc_validation *validation)
{
	*revocation = (struct ksc_lookup) { .tls = tls, .validation = validation };
	if (validation->revocation == KSC_REVOCATION_OFF ||
	    (!validation->n_crls && validation->revocation == KSC_REVOCATION_SOFT))
		return;
	present = revocation;
	gnutls_session_set_verify_output_function(tls, on_verified);
}

/**
 * ksc_revocation_end() - end it
 * @revocation: argument of ksc_revocation_begin()
 */
void ksc_revocation_end(struct ksc_lookup *revocation)
{
	present = NULL;
	gnutls_session_set_verify_output_function(revocation->tls, NULL);
}

/**
 * ksc_revocation_judge() - add what was found out to a judgement
 * @revocation: what was found out
 * @judgement: gets a fault; one that was revoked is its reason, whatever else is wrong
 */
void ksc_revocation_judge(const struct ksc_lookup *revocation,
			  struct ksc_judgement *judgement)
{
	const bool first = !judgement->faults;

	if (revocation->revoked) {
		judgement->faults |= KSC_FAULT_REVOKED;
		judgement->alert = GNUTLS_A_CERTIFICATE_REVOKED;
		snprintf(judgement->text, sizeof(judgement->text),
			 "The certificate \"%s\" has been revoked.", revocation->subject);
	} else if (revocation->unknown) {
		judgement->faults |= KSC_FAULT_REVOCATION_UNKNOWN;
		if (!first)
			return;
		judgement->alert = GNUTLS_A_CERTIFICATE_UNKNOWN;
		snprintf(judgement->text, sizeof(judgement->text),
			 "No current revocation list of its issuer covers the certificate \"%s\".",
			 revocation->subject);
	}
}
