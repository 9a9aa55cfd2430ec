// SPDX-License-Identifier: GPL-2.0-only
/* A certificate chain and its private key, from PEM (RFC 7468), DER or PKCS #12 (RFC 7292). */
#include <string.h>
#include <gnutls/pkcs12.h>

#include "engine/der.h"
#include "engine/material.h"

/* RFC 7468, 2 */
#define BEGIN	"-----BEGIN "

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
	gnutls_datum_t left = *data, content;

	return ksc_der_take(&left, KSC_DER_SEQUENCE, &content) && !left.size;
}

static bool find_begin(const gnutls_datum_t *data, unsigned int from, unsigned int *at)
{
	const unsigned char *found = memmem(data->data + from, data->size - from, BEGIN,
					    strlen(BEGIN));

	if (!found)
		return false;
	*at = (unsigned int)(found - data->data);
	return true;
}

/**
 * ksc_pem_next() - find the next entry of a PEM file
 * @left: the file's contents; the entry, and what precedes it, are removed
 * @entry: set to the entry, from its beginning to that of the next one
 *
 * Return: true if there is one
 */
bool ksc_pem_next(gnutls_datum_t *left, gnutls_datum_t *entry)
{
	unsigned int at, end;

	if (!find_begin(left, 0, &at))
		return false;
	if (!find_begin(left, at + 1, &end))
		end = left->size;
	*entry = (gnutls_datum_t) { left->data + at, end - at };
	left->data += end;
	left->size -= end;
	return true;
}

/**
 * ksc_pem_is() - check the title of an entry
 * @entry: the entry
 * @title: the title, as "CERTIFICATE"
 *
 * Return: true if it has this title
 */
bool ksc_pem_is(const gnutls_datum_t *entry, const char *title)
{
	static const char end[] = "-----";
	const size_t at = strlen(BEGIN), len = strlen(title);

	return entry->size >= at + len + strlen(end) && !memcmp(entry->data + at, title, len) &&
	       !memcmp(entry->data + at + len, end, strlen(end));
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
