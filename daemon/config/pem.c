// SPDX-License-Identifier: GPL-2.0-only
/*
 * Describes what is wrong with a PEM file (RFC 7468), for the user who has to fix it. GnuTLS
 * reports a Base64 error for an empty file, and failed decryption without saying of what.
 */
#include <stdbool.h>
#include <string.h>
#include <gnutls/x509.h>

#include "config/pem.h"

static bool has(const gnutls_datum_t *pem, const char *text)
{
	return memmem(pem->data, pem->size, text, strlen(text));
}

static bool has_cert(const gnutls_datum_t *pem)
{
	return has(pem, "-----BEGIN CERTIFICATE-----") ||
	       has(pem, "-----BEGIN X509 CERTIFICATE-----");
}

/* For any algorithm. */
static bool has_key(const gnutls_datum_t *pem)
{
	return has(pem, "PRIVATE KEY-----");
}

/* PKCS #8 says so in its title, what came before it in a header (RFC 1421, 4.6.1.1). */
static bool is_encrypted(const gnutls_datum_t *pem)
{
	return has(pem, "-----BEGIN ENCRYPTED PRIVATE KEY-----") ||
	       has(pem, "Proc-Type: 4,ENCRYPTED");
}

/* A SEQUENCE is what certificates, keys and PKCS #12 files are. */
static bool is_der(const gnutls_datum_t *pem)
{
	return pem->size > 2 && pem->data[0] == 0x30 && pem->data[1] & 0x80;
}

/**
 * ksc_pem_cert_fault() - describe what is wrong with a file of certificates
 * @pem: its contents
 *
 * Return: the fault, or NULL if it has a certificate, whether or not GnuTLS accepts it
 */
const char *ksc_pem_cert_fault(const gnutls_datum_t *pem)
{
	gnutls_x509_crt_t *list = NULL;
	unsigned int n, i;
	int rc;

	if (!pem->size)
		return "the file is empty";
	if (is_der(pem))
		return "this is DER or PKCS #12: PEM is needed";
	if (!has_cert(pem))
		return has_key(pem) ? "it has a key but no certificate" :
				      "it has no certificate";
	rc = gnutls_x509_crt_list_import2(&list, &n, pem, GNUTLS_X509_FMT_PEM, 0);
	if (rc < 0)
		return gnutls_strerror(rc);
	for (i = 0; i < n; i++)
		gnutls_x509_crt_deinit(list[i]);
	gnutls_free(list);
	return NULL;
}

/**
 * ksc_pem_key_fault() - describe what is wrong with a key file
 * @pem: its contents
 *
 * Return: the fault, or NULL if it seems to have a key
 */
const char *ksc_pem_key_fault(const gnutls_datum_t *pem)
{
	if (!pem->size)
		return "the file is empty";
	if (is_der(pem))
		return "this is DER or PKCS #12: PEM is needed";
	if (is_encrypted(pem))
		return "the key is encrypted: not supported";
	if (!has_key(pem))
		return has_cert(pem) ? "it has a certificate but no key" :
				       "it has no key";
	return NULL;
}
