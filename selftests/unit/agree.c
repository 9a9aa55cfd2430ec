// SPDX-License-Identifier: GPL-2.0-only
/* What is seen of a certificate without importing it, beside what GnuTLS sees of it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <gnutls/x509.h>

#include "agree.h"
#include "engine/chain.h"
#include "engine/crt.h"
#include "engine/key_size.h"

/* Before each certificate, and before all of them */
#define LENGTH_LEN	3

static bool same(gnutls_datum_t a, gnutls_datum_t b)
{
	return a.size == b.size && (!a.size || !memcmp(a.data, b.data, a.size));
}

/* GnuTLS has a zero in front where it would be negative otherwise. */
static bool same_number(gnutls_datum_t a, gnutls_datum_t b)
{
	for (; a.size && !*a.data; a.size--)
		a.data++;
	for (; b.size && !*b.data; b.size--)
		b.data++;
	return same(a, b);
}

static bool same_rsa(gnutls_x509_crt_t crt, const struct ksc_crt_parts *parts)
{
	gnutls_datum_t n, e;
	bool is_same;

	/* nor can it use what it can't read */
	if (gnutls_x509_crt_get_pk_rsa_raw(crt, &n, &e) < 0)
		return true;
	is_same = same_number(n, parts->modulus) && same_number(e, parts->exponent);
	gnutls_free(n.data);
	gnutls_free(e.data);
	return is_same;
}

static bool same_subject(gnutls_x509_crt_t crt, const struct ksc_crt_parts *parts)
{
	gnutls_datum_t raw = { NULL, 0 }, text = { NULL, 0 }, ours = { NULL, 0 };
	bool is_same;
	int rc;

	if (gnutls_x509_crt_get_raw_dn(crt, &raw) < 0)
		return false;
	rc = gnutls_x509_crt_get_dn3(crt, &text, 0);
	is_same = same(raw, parts->subject) &&
		  gnutls_x509_rdn_get2(&parts->subject, &ours, 0) == rc &&
		  (rc < 0 || same(text, ours));
	gnutls_free(raw.data);
	gnutls_free(text.data);
	gnutls_free(ours.data);
	return is_same;
}

/* What ksc_chain_check() says of it, in a Certificate message of RFC 5246 7.4.2 */
int agree_check(const gnutls_datum_t *der)
{
	const gnutls_datum_t msg = { malloc(2 * LENGTH_LEN + der->size),
				     2 * LENGTH_LEN + der->size };
	const char *why;
	int rc, i;

	if (!msg.data)
		abort();
	for (i = 0; i < LENGTH_LEN; i++) {
		msg.data[i] = (uint8_t)((LENGTH_LEN + der->size) >> 8 * (LENGTH_LEN - 1 - i));
		msg.data[LENGTH_LEN + i] = (uint8_t)(der->size >> 8 * (LENGTH_LEN - 1 - i));
	}
	memcpy(msg.data + 2 * LENGTH_LEN, der->data, der->size);
	rc = ksc_chain_check(&msg, false, NULL, &why);
	free(msg.data);
	return rc;
}

static const char *differ(gnutls_x509_crt_t crt, const gnutls_datum_t *der,
			  const struct ksc_crt_parts *parts)
{
	const int pk = gnutls_x509_crt_get_pk_algorithm(crt, NULL);
	const char *why = NULL;

	if (agree_check(der) != ksc_key_check(crt, &why))
		return "whether the key is too large";
	/* it looks into the key, too, and has names of its own for what it knows nothing of */
	if (pk >= 0 && pk != (int)parts->pk && (pk || parts->pk != GNUTLS_PK_UNKNOWN))
		return "what kind of key it has";
	if (parts->pk == GNUTLS_PK_RSA && !same_rsa(crt, parts))
		return "the key";
	if (parts->sign != GNUTLS_SIGN_UNKNOWN &&
	    gnutls_x509_crt_get_signature_algorithm(crt) != (int)parts->sign)
		return "what it is signed by";
	return same_subject(crt, parts) ? NULL : "the subject";
}

/*
 * What we and GnuTLS do not agree about, NULL if there is nothing, as where GnuTLS does not take
 * the certificate. @split: set to whether we have looked at it without importing it
 */
const char *agree_not(const gnutls_datum_t *der, bool *split)
{
	struct ksc_crt_parts parts;
	gnutls_x509_crt_t crt;
	const char *what;

	*split = ksc_crt_split(der, &parts);
	if (!*split || ksc_crt_import(der, &crt) < 0)
		return NULL;
	what = differ(crt, der, &parts);
	gnutls_x509_crt_deinit(crt);
	return what;
}
