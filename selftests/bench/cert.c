// SPDX-License-Identifier: GPL-2.0-only
/*
 * A self-signed EC P-256 certificate for the libraries' servers, made anew in
 * each run.
 */
#include <err.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <time.h>

#include "tls.h"

static gnutls_datum_t cert_pem;
static gnutls_datum_t key_pem;

static void must(int err, const char *what)
{
	if (err < 0)
		errx(EXIT_FAILURE, "%s: %s", what, gnutls_strerror(err));
}

static void make(void)
{
	static const char dn[] = "CN=localhost";
	const unsigned char serial[] = { 1 };
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
	time_t now = time(NULL);

	if (cert_pem.data)
		return;
	must(gnutls_x509_privkey_init(&key), "key");
	must(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
					  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
					  0), "key");
	must(gnutls_x509_crt_init(&crt), "certificate");
	must(gnutls_x509_crt_set_version(crt, 3), "certificate version");
	must(gnutls_x509_crt_set_dn(crt, dn, NULL), "subject");
	must(gnutls_x509_crt_set_serial(crt, serial, sizeof(serial)), "serial");
	must(gnutls_x509_crt_set_activation_time(crt, now - 3600), "time");
	must(gnutls_x509_crt_set_expiration_time(crt, now + 86400), "time");
	must(gnutls_x509_crt_set_key(crt, key), "certificate's key");
	must(gnutls_x509_crt_set_subject_alternative_name(crt,
							  GNUTLS_SAN_DNSNAME,
							  "localhost"), "name");
	must(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0),
	     "signature");
	must(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &cert_pem),
	     "certificate");
	must(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &key_pem),
	     "key");
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
}

/**
 * ksb_cert_pem() - the certificate
 * @len: gets its length
 *
 * Return: the PEM text.
 */
const char *ksb_cert_pem(size_t *len)
{
	make();
	*len = cert_pem.size;
	return (const char *)cert_pem.data;
}

/**
 * ksb_key_pem() - its private key
 * @len: gets its length
 *
 * Return: the PEM text.
 */
const char *ksb_key_pem(size_t *len)
{
	make();
	*len = key_pem.size;
	return (const char *)key_pem.data;
}
