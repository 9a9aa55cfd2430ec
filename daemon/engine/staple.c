// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stapled OCSP response contains certificates, by which its signer proves that an authority has
 * delegated signing. The peer can have made up that authority: GnuTLS uses the keys, and the
 * issuers that the peer sent, before it knows whether they are trusted. So these keys are checked
 * like those of the chain.
 */
#include <stddef.h>
#include <gnutls/ocsp.h>
#include <gnutls/x509.h>

#include "engine/key_size.h"
#include "engine/staple.h"

static int refuse(const char *text, const char **why)
{
	*why = text;
	return GNUTLS_E_CERTIFICATE_ERROR;
}

/* GnuTLS ignores a response that it cannot parse; here it is never valid. */
static int refuse_unread(int rc, const char **why)
{
	return rc == GNUTLS_E_MEMORY_ERROR ? rc :
		refuse("A stapled OCSP response cannot be parsed.", why);
}

static int check_responders(gnutls_ocsp_resp_t response, const char **why)
{
	gnutls_x509_crt_t *certs;
	size_t n = 0, i;
	int rc = gnutls_ocsp_resp_get_certs(response, &certs, &n);

	if (rc < 0)
		return refuse_unread(rc, why);
	if (n > KSC_MAX_RESPONDERS)
		rc = refuse("A stapled OCSP response has more than 4 certificates.", why);
	for (i = 0; i < n; i++) {
		if (rc >= 0)
			rc = ksc_key_check(certs[i], why);
		gnutls_x509_crt_deinit(certs[i]);
	}
	gnutls_free(certs);
	return rc;
}

/**
 * ksc_staple_check() - check the size of an OCSP response, and of its keys
 * @der: the response, RFC 6960 4.2.1
 * @why: set to a sentence if one is too large or the response cannot be parsed
 *
 * Return: 0; GNUTLS_E_CERTIFICATE_ERROR with @why set; or another negative GnuTLS error
 */
int ksc_staple_check(const gnutls_datum_t *der, const char **why)
{
	gnutls_ocsp_resp_t response;
	int rc;

	*why = NULL;
	if (der->size > KSC_MAX_STAPLE)
		return refuse("A stapled OCSP response has more than 16384 bytes.", why);
	rc = gnutls_ocsp_resp_init(&response);
	if (rc < 0)
		return rc;
	rc = gnutls_ocsp_resp_import2(response, der, GNUTLS_X509_FMT_DER);
	rc = rc < 0 ? refuse_unread(rc, why) : check_responders(response, why);
	gnutls_ocsp_resp_deinit(response);
	return rc;
}
