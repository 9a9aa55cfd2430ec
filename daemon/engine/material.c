// SPDX-License-Identifier: GPL-2.0-only
/* A certificate chain and its private key, from PEM (RFC 7468), DER or PKCS #12 (RFC 7292). */
#include <stdint.h>
#include <string.h>
#include <gnutls/pkcs12.h>

#include "engine/material.h"

/* X.690, 8.9: what certificates, keys and PKCS #12 files are. */
#define SEQUENCE	0x30
/* X.690, 8.1.3.5: the number of bytes of the length follows, instead of the length. */
#define LONG_LENGTH	0x80

/**
 * ksc_is_der() - check whether a file is DER rather than PEM
 * @data: its contents
 *
 * PEM can begin with any text, but not with the length of the whole.
 *
 * Return: true if it is a SEQUENCE and nothing else
 */
bool ksc_is_der(const gnutls_datum_t *data)
{
	size_t len, n, i;

	if (data->size < 2 || data->data[0] != SEQUENCE)
		return false;
	if (data->data[1] < LONG_LENGTH)
		return data->size == 2U + data->data[1];
	n = data->data[1] - LONG_LENGTH;
	if (n > sizeof(uint32_t) || data->size < 2 + n)
		return false;
	for (len = 0, i = 0; i < n; i++)
		len = len << 8 | data->data[2 + i];
	return data->size == 2 + n + len;
}

/**
 * ksc_format_of() - get the format of a file
 * @data: its contents
 *
 * Return: GnuTLS's number of it
 */
gnutls_x509_crt_fmt_t ksc_format_of(const gnutls_datum_t *data)
{
	return ksc_is_der(data) ? GNUTLS_X509_FMT_DER : GNUTLS_X509_FMT_PEM;
}

/**
 * ksc_material_chain() - parse certificates
 * @material: zeroed; gets the chain; the caller frees it, also after an error
 * @data: the leaf, and in PEM the other certificates
 *
 * Return: 0 or a negative GnuTLS error
 */
int ksc_material_chain(struct ksc_material *material, const gnutls_datum_t *data)
{
	int rc = gnutls_x509_crt_list_import2(&material->chain, &material->n, data,
					      ksc_format_of(data), 0);

	if (rc >= 0)
		return 0;
	material->chain = NULL;
	material->n = 0;
	return rc;
}

static int import_key(gnutls_x509_privkey_t *key, const gnutls_datum_t *data, const char *password)
{
	int rc = gnutls_x509_privkey_init(key);

	if (rc < 0)
		return rc;
	rc = gnutls_x509_privkey_import2(*key, data, ksc_format_of(data), password, 0);
	if (rc >= 0)
		return 0;
	gnutls_x509_privkey_deinit(*key);
	*key = NULL;
	return rc;
}

/**
 * ksc_material_key() - parse a private key
 * @material: gets the key; the caller frees it, also after an error
 * @data: the key
 * @password: what it is encrypted with, or NULL
 *
 * Return: 0 or a negative GnuTLS error, GNUTLS_E_DECRYPTION_FAILED if @password is NULL and the key
 * is encrypted, or @password is wrong
 */
int ksc_material_key(struct ksc_material *material, const gnutls_datum_t *data,
		     const char *password)
{
	int rc;

	/* With a password, GnuTLS rejects some keys that are not encrypted. */
	rc = import_key(&material->key, data, NULL);
	return rc < 0 && password ? import_key(&material->key, data, password) : rc;
}

/**
 * ksc_material_pkcs12() - parse a certificate chain and its key from PKCS #12
 * @material: zeroed; filled in; the caller frees it, also after an error
 * @data: the file, DER
 * @password: what it is encrypted with; "" if it is encrypted with an empty password, or not at all
 *
 * Return: 0 or a negative GnuTLS error: GNUTLS_E_MAC_VERIFY_FAILED for a wrong password,
 * GNUTLS_E_NO_CERTIFICATE_FOUND or GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE if the file lacks the
 * certificate or the key
 */
int ksc_material_pkcs12(struct ksc_material *material, const gnutls_datum_t *data,
			const char *password)
{
	gnutls_pkcs12_t file;
	int rc;

	rc = gnutls_pkcs12_init(&file);
	if (rc < 0)
		return rc;
	rc = gnutls_pkcs12_import(file, data, GNUTLS_X509_FMT_DER, 0);
	if (rc >= 0)
		rc = gnutls_pkcs12_verify_mac(file, password);
	/* RFC 7292, 4: a file that is only encrypted has no MAC. */
	if (rc == GNUTLS_E_ASN1_ELEMENT_NOT_FOUND)
		rc = 0;
	if (rc >= 0)
		rc = gnutls_pkcs12_simple_parse(file, password, &material->key, &material->chain,
						&material->n, NULL, NULL, NULL, 0);
	gnutls_pkcs12_deinit(file);
	if (rc < 0)
		return rc;
	return material->key && material->n ? 0 : GNUTLS_E_NO_CERTIFICATE_FOUND;
}

/**
 * ksc_material_free() - free the chain and the key
 * @material: the material, zeroed or set
 */
void ksc_material_free(struct ksc_material *material)
{
	unsigned int i;

	for (i = 0; i < material->n; i++)
		gnutls_x509_crt_deinit(material->chain[i]);
	gnutls_free(material->chain);
	if (material->key)
		gnutls_x509_privkey_deinit(material->key);
	memset(material, 0, sizeof(*material));
}
