// SPDX-License-Identifier: GPL-2.0-only
/*
 * Describes what is wrong with a file of certificates or a key, for the user who has to fix it.
 * GnuTLS reports a Base64 error (RFC 7468) for an empty file.
 */
#include <stdbool.h>
#include <string.h>

#include "config/pem.h"
#include "engine/material.h"

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

static const char *lacks_cert(const gnutls_datum_t *pem)
{
	return has_key(pem) ? "it has a key but no certificate" : "it has no certificate";
}

/**
 * ksc_pem_is_encrypted() - check whether a key in PEM is encrypted
 * @pem: contents of its file
 *
 * PKCS #8 says so in its title, what came before it in a header (RFC 1421, 4.6.1.1).
 *
 * Return: true if it is
 */
bool ksc_pem_is_encrypted(const gnutls_datum_t *pem)
{
	return has(pem, "-----BEGIN ENCRYPTED PRIVATE KEY-----") ||
	       has(pem, "Proc-Type: 4,ENCRYPTED");
}

/**
 * ksc_pem_cert_fault() - describe what is wrong with a file of certificates
 * @pem: its contents
 *
 * Return: the fault, or NULL if it has a certificate, whether or not GnuTLS accepts it
 */
const char *ksc_pem_cert_fault(const gnutls_datum_t *pem)
{
	struct ksc_material certs = { 0 };
	int rc;

	if (!pem->size)
		return "the file is empty";
	if (!ksc_is_der(pem) && !has_cert(pem))
		return lacks_cert(pem);
	rc = ksc_material_chain(&certs, pem);
	ksc_material_free(&certs);
	if (rc < 0 && ksc_is_der(pem))
		return "it is not a certificate in DER";
	return rc < 0 ? gnutls_strerror(rc) : NULL;
}

/**
 * ksc_pem_trust_fault() - describe what is wrong with a file of authorities
 * @pem: its contents
 *
 * Return: the fault, or NULL if it seems to have certificates
 */
const char *ksc_pem_trust_fault(const gnutls_datum_t *pem)
{
	if (!pem->size)
		return "the file is empty";
	if (ksc_is_der(pem))
		return ksc_pem_cert_fault(pem);
	return has_cert(pem) ? NULL : lacks_cert(pem);
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
	if (!ksc_is_der(pem) && !has_key(pem))
		return has_cert(pem) ? "it has a certificate but no key" :
				       "it has no key";
	return NULL;
}
