// SPDX-License-Identifier: GPL-2.0-only
/* Certificates that a test issues, in certs/. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <gnutls/crypto.h>

#include "issue.h"
#include "peer.h"

#define HOUR	3600

static gnutls_datum_t load_file(const char *name, const char *ending)
{
	gnutls_datum_t data;

	assert_int_equal(gnutls_load_file(cert_path(name, ending), &data), 0);
	return data;
}

/* A certificate of certs/. */
gnutls_x509_crt_t load_crt(const char *name)
{
	gnutls_datum_t pem = load_file(name, "pem");
	gnutls_x509_crt_t crt;

	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	assert_int_equal(gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM), 0);
	gnutls_free(pem.data);
	return crt;
}

/* As DER. */
gnutls_datum_t load_der(const char *name)
{
	gnutls_x509_crt_t crt = load_crt(name);
	gnutls_datum_t der;

	assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der), 0);
	gnutls_x509_crt_deinit(crt);
	return der;
}

/* And its key. */
gnutls_x509_privkey_t load_key(const char *name)
{
	gnutls_datum_t pem = load_file(name, "key");
	gnutls_x509_privkey_t key;

	assert_int_equal(gnutls_x509_privkey_init(&key), 0);
	assert_int_equal(gnutls_x509_privkey_import(key, &pem, GNUTLS_X509_FMT_PEM), 0);
	gnutls_free(pem.data);
	return key;
}

static void put(const char *name, const char *ending, gnutls_datum_t *data)
{
	FILE *to = fopen(cert_path(name, ending), "w");

	assert_non_null(to);
	assert_int_equal(fwrite(data->data, 1, data->size, to), data->size);
	fclose(to);
	gnutls_free(data->data);
}

static gnutls_x509_privkey_t key_for(const struct issue *what)
{
	const unsigned int bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1);
	gnutls_x509_privkey_t key;

	if (what->key)
		return load_key(what->key);
	assert_int_equal(gnutls_x509_privkey_init(&key), 0);
	assert_int_equal(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, bits, 0), 0);
	return key;
}

/* The key identifier of a certificate, for another key. */
static void copy_id(gnutls_x509_crt_t to, const char *name)
{
	gnutls_x509_crt_t from = load_crt(name);
	unsigned char id[20];
	size_t size = sizeof(id);

	if (gnutls_x509_crt_get_subject_key_id(from, id, &size, NULL) >= 0)
		assert_int_equal(gnutls_x509_crt_set_subject_key_id(to, id, size), 0);
	gnutls_x509_crt_deinit(from);
}

/* Without a key identifier of its own: only names say which certificate has issued which. */
void issue(const struct issue *what)
{
	gnutls_x509_privkey_t key = key_for(what);
	gnutls_x509_privkey_t signer = what->issuer ? load_key(what->issuer) : key;
	gnutls_x509_crt_t crt, issuer;
	gnutls_datum_t out;
	unsigned char serial[8];

	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	issuer = what->issuer ? load_crt(what->issuer) : crt;
	assert_int_equal(gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial)), 0);
	serial[0] = 0x11;
	assert_int_equal(gnutls_x509_crt_set_dn(crt, what->subject, NULL), 0);
	assert_int_equal(gnutls_x509_crt_set_version(crt, 3), 0);
	assert_int_equal(gnutls_x509_crt_set_serial(crt, serial, sizeof(serial)), 0);
	gnutls_x509_crt_set_activation_time(crt, time(NULL) - HOUR);
	gnutls_x509_crt_set_expiration_time(crt, time(NULL) + HOUR);
	gnutls_x509_crt_set_basic_constraints(crt, what->ca, -1);
	if (!what->ca)
		assert_int_equal(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME,
								      "server.test", 11, 0), 0);
	if (what->id)
		copy_id(crt, what->id);
	assert_int_equal(gnutls_x509_crt_set_key(crt, key), 0);
	assert_int_equal(gnutls_x509_crt_sign2(crt, issuer, signer, GNUTLS_DIG_SHA256, 0), 0);
	assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &out), 0);
	put(what->name, "pem", &out);
	assert_int_equal(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &out), 0);
	put(what->name, "key", &out);
	if (what->issuer) {
		gnutls_x509_crt_deinit(issuer);
		gnutls_x509_privkey_deinit(signer);
	}
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
}

/* Certificates of certs/, as one file with the first one's key. */
void chain(const char *name, const char *const *certs)
{
	FILE *to = fopen(cert_path(name, "pem"), "w");
	gnutls_datum_t out;
	size_t i;

	assert_non_null(to);
	for (i = 0; certs[i]; i++) {
		out = load_file(certs[i], "pem");
		assert_int_equal(fwrite(out.data, 1, out.size, to), out.size);
		gnutls_free(out.data);
	}
	fclose(to);
	out = load_file(certs[0], "key");
	put(name, "key", &out);
}

void withdraw(const char *name)
{
	unlink(cert_path(name, "pem"));
	unlink(cert_path(name, "key"));
}
