// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lists of certificate authorities. Loading the system's takes GnuTLS about 4 MB and 10 ms, and
 * each credential of a big configuration can trust them: lists with the same content are shared,
 * whatever files they are from and however often these are reloaded.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "engine/material.h"
#include "engine/shared.h"
#include "engine/trust.h"

/* Size of the names that a server sends, in bytes; Schannel's limit. TLS's is 65,535. */
#define MAX_NAMES	16384

/**
 * struct ksc_trust - a list of authorities
 * @shared: with the digest of the file, or of the certificates; must be first
 * @n: number of authorities
 * @skipped: what the file has besides
 * @x509: the list, in the only form that gnutls_certificate_verify_peers() accepts
 */
struct ksc_trust {
	struct ksc_shared shared;
	int n;
	struct ksc_skipped skipped;
	gnutls_certificate_credentials_t x509;
};

_Static_assert(!offsetof(struct ksc_trust, shared), "as ksc_shared_find() returns it");

static struct ksc_shared *all;

static void destroy(struct ksc_trust *trust)
{
	if (trust->x509)
		gnutls_certificate_free_credentials(trust->x509);
	free(trust);
}

static struct ksc_trust *create(void)
{
	struct ksc_trust *trust = calloc(1, sizeof(*trust));

	if (!trust)
		return NULL;
	if (gnutls_certificate_allocate_credentials(&trust->x509) >= 0)
		return trust;
	destroy(trust);
	return NULL;
}

static int add_crt(struct ksc_trust *trust, const gnutls_datum_t *data,
		   gnutls_x509_crt_fmt_t format)
{
	gnutls_x509_trust_list_t list;
	gnutls_x509_crt_t crt;
	int rc = gnutls_x509_crt_init(&crt);

	if (rc < 0)
		return rc;
	rc = gnutls_x509_crt_import(crt, data, format);
	if (rc < 0) {
		gnutls_x509_crt_deinit(crt);
		return rc;
	}
	gnutls_certificate_get_trust_list(trust->x509, &list);
	/* It owns what it takes, and counts duplicates, too. */
	if (gnutls_x509_trust_list_add_cas(list, &crt, 1, GNUTLS_TL_NO_DUPLICATES) == 1)
		return 0;
	gnutls_x509_crt_deinit(crt);
	return GNUTLS_E_MEMORY_ERROR;
}

/* An entry that cannot be parsed does not take the trust in the others away. */
static int add_all(struct ksc_trust *trust, const gnutls_datum_t *data)
{
	gnutls_datum_t left = *data, entry;
	unsigned int number = 0;

	while (ksc_pem_next(&left, &entry)) {
		int rc;

		if (!ksc_pem_is(&entry, "CERTIFICATE") && !ksc_pem_is(&entry, "X509 CERTIFICATE"))
			continue;
		number++;
		rc = add_crt(trust, &entry, GNUTLS_X509_FMT_PEM);
		if (rc == GNUTLS_E_MEMORY_ERROR)
			return rc;
		if (rc < 0 && !trust->skipped.n++)
			trust->skipped = (struct ksc_skipped) { 1, number, rc };
	}
	return 0;
}

static int count(const struct ksc_trust *trust)
{
	gnutls_x509_trust_list_iter_t iter = NULL;
	gnutls_x509_trust_list_t list;
	gnutls_x509_crt_t crt;
	int n = 0;

	gnutls_certificate_get_trust_list(trust->x509, &list);
	for (; !gnutls_x509_trust_list_iter_get_ca(list, &iter, &crt); n++)
		gnutls_x509_crt_deinit(crt);
	gnutls_x509_trust_list_iter_deinit(iter);
	return n;
}

/**
 * ksc_trust_file() - get the list of the authorities in a file
 * @file: the file, PEM, or one certificate in DER
 * @rc: set to the number of authorities, or a negative GnuTLS error if there is none
 *
 * Return: the list, an existing one if its content is the same; NULL on an error
 */
struct ksc_trust *ksc_trust_file(const struct ksc_file *file, int *rc)
{
	uint8_t digest[KSC_SHARED_DIGEST];
	struct ksc_trust *trust;

	*rc = gnutls_hash_fast(GNUTLS_DIG_SHA256, file->data.data, file->data.size, digest);
	if (*rc < 0)
		return NULL;
	trust = ksc_shared_find(&all, digest);
	if (trust) {
		*rc = trust->n;
		return trust;
	}
	trust = create();
	if (!trust) {
		*rc = GNUTLS_E_MEMORY_ERROR;
		return NULL;
	}
	if (ksc_is_der(&file->data))
		*rc = add_crt(trust, &file->data, GNUTLS_X509_FMT_DER);
	else
		*rc = add_all(trust, &file->data);
	trust->n = count(trust);
	if (*rc >= 0 && !trust->n)
		*rc = trust->skipped.error;
	if (*rc < 0) {
		destroy(trust);
		return NULL;
	}
	*rc = trust->n;
	memcpy(trust->shared.digest, digest, sizeof(digest));
	ksc_shared_publish(&all, &trust->shared);
	return trust;
}

/* Digest of the certificates in a list, whatever it was loaded from. */
static int digest_list(gnutls_certificate_credentials_t x509, uint8_t *digest)
{
	gnutls_x509_trust_list_iter_t iter = NULL;
	gnutls_x509_trust_list_t list;
	gnutls_hash_hd_t hash;
	gnutls_x509_crt_t crt;
	gnutls_datum_t der;
	int rc;

	rc = gnutls_hash_init(&hash, GNUTLS_DIG_SHA256);
	if (rc < 0)
		return rc;
	gnutls_certificate_get_trust_list(x509, &list);
	while (rc >= 0 && !gnutls_x509_trust_list_iter_get_ca(list, &iter, &crt)) {
		rc = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der);
		if (rc >= 0) {
			rc = gnutls_hash(hash, der.data, der.size);
			gnutls_free(der.data);
		}
		gnutls_x509_crt_deinit(crt);
	}
	gnutls_x509_trust_list_iter_deinit(iter);
	gnutls_hash_deinit(hash, digest);
	return rc < 0 ? rc : 0;
}

/**
 * ksc_trust_take() - make a list of authorities from credentials
 * @x509: credentials that contain only the list; always consumed
 * @n: number of authorities
 *
 * Return: the list, an existing one if its content is the same; NULL on an error
 */
struct ksc_trust *ksc_trust_take(gnutls_certificate_credentials_t x509, int n)
{
	struct ksc_trust *trust = calloc(1, sizeof(*trust)), *old;

	if (!trust) {
		gnutls_certificate_free_credentials(x509);
		return NULL;
	}
	trust->n = n;
	trust->x509 = x509;
	if (digest_list(x509, trust->shared.digest) < 0) {
		destroy(trust);
		return NULL;
	}
	old = ksc_shared_find(&all, trust->shared.digest);
	if (old) {
		destroy(trust);
		return old;
	}
	ksc_shared_publish(&all, &trust->shared);
	return trust;
}

/**
 * ksc_trust_get() - take a reference
 * @trust: the list
 *
 * Return: @trust
 */
struct ksc_trust *ksc_trust_get(struct ksc_trust *trust)
{
	ksc_shared_get(&trust->shared);
	return trust;
}

/**
 * ksc_trust_put() - drop a reference; the last one frees the list
 * @trust: the list, or NULL
 */
void ksc_trust_put(struct ksc_trust *trust)
{
	if (trust && ksc_shared_put(&all, &trust->shared))
		destroy(trust);
}

/**
 * ksc_trust_size() - get the number of authorities
 * @trust: the list
 *
 * Return: the number
 */
int ksc_trust_size(const struct ksc_trust *trust)
{
	return trust->n;
}

/**
 * ksc_trust_skipped() - get what was skipped in the file of a list
 * @trust: the list
 *
 * Return: the entries
 */
struct ksc_skipped ksc_trust_skipped(const struct ksc_trust *trust)
{
	return trust->skipped;
}

/* RFC 8446, 4.2.4: a length, and the name. */
static int name_size(gnutls_x509_crt_t crt)
{
	gnutls_datum_t name;
	int rc = gnutls_x509_crt_get_raw_dn(crt, &name);

	if (rc < 0)
		return rc;
	gnutls_free(name.data);
	return 2 + (int)name.size;
}

static int name_some(const struct ksc_trust *trust, gnutls_certificate_credentials_t x509,
		     int *bytes)
{
	gnutls_x509_trust_list_iter_t iter = NULL;
	gnutls_x509_trust_list_t list;
	gnutls_x509_crt_t crt;
	int rc = 0, named = 0;

	gnutls_certificate_get_trust_list(trust->x509, &list);
	while (rc >= 0 && !gnutls_x509_trust_list_iter_get_ca(list, &iter, &crt)) {
		rc = name_size(crt);
		*bytes += rc > 0 ? rc : 0;
		if (rc >= 0 && x509 && *bytes <= MAX_NAMES)
			rc = gnutls_certificate_set_x509_trust(x509, &crt, 1);
		gnutls_x509_crt_deinit(crt);
		if (*bytes > MAX_NAMES)
			break;
		named++;
	}
	gnutls_x509_trust_list_iter_deinit(iter);
	return rc < 0 ? rc : named;
}

/**
 * ksc_trust_name() - set the names of authorities that a server sends to its clients
 * @trust: the list
 * @x509: the server's credentials
 * @cut: if not all of them fit, send those that do; otherwise none, as clients may have none to
 *	show then
 *
 * Return: number of names that are sent, or a negative GnuTLS error
 */
int ksc_trust_name(const struct ksc_trust *trust, gnutls_certificate_credentials_t x509, bool cut)
{
	int bytes = 0, rc = name_some(trust, NULL, &bytes);

	if (rc < 0 || (bytes > MAX_NAMES && !cut))
		return rc < 0 ? rc : 0;
	bytes = 0;
	return name_some(trust, x509, &bytes);
}

/**
 * ksc_trust_x509() - get GnuTLS's credentials of a list
 * @trust: the list
 *
 * Return: credentials that contain only the list, valid as long as @trust
 */
gnutls_certificate_credentials_t ksc_trust_x509(const struct ksc_trust *trust)
{
	return trust->x509;
}
