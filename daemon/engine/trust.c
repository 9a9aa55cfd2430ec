// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lists of certificate authorities. Loading the system's takes GnuTLS about 4 MB and 10 ms, and
 * each credential of a big configuration can trust them: lists with the same content are shared,
 * whatever files they are from and however often these are reloaded.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "engine/material.h"
#include "engine/trust.h"

#define DIGEST_LEN	32

/**
 * struct ksc_trust - a list of authorities
 * @refs: references
 * @digest: SHA-256 of the file, or of the certificates
 * @n: number of authorities
 * @x509: the list, in the only form that gnutls_certificate_verify_peers() accepts
 * @next: next list in @all
 */
struct ksc_trust {
	unsigned int refs;
	uint8_t digest[DIGEST_LEN];
	int n;
	gnutls_certificate_credentials_t x509;
	struct ksc_trust *next;
};

/* All lists; the last ksc_trust_put() unlinks a list, in any thread. */
static struct ksc_trust *all;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct ksc_trust *find(const uint8_t *digest)
{
	struct ksc_trust *trust;

	pthread_mutex_lock(&lock);
	for (trust = all; trust && memcmp(trust->digest, digest, DIGEST_LEN); trust = trust->next)
		;
	if (trust)
		trust->refs++;
	pthread_mutex_unlock(&lock);
	return trust;
}

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
	trust->refs = 1;
	if (gnutls_certificate_allocate_credentials(&trust->x509) >= 0)
		return trust;
	destroy(trust);
	return NULL;
}

static struct ksc_trust *publish(struct ksc_trust *trust)
{
	pthread_mutex_lock(&lock);
	trust->next = all;
	all = trust;
	pthread_mutex_unlock(&lock);
	return trust;
}

/**
 * ksc_trust_file() - get the list of the authorities in a file
 * @file: the file, PEM, or one certificate in DER
 * @rc: set to the number of authorities, or a negative GnuTLS error
 *
 * Return: the list, an existing one if its content is the same; NULL on an error
 */
struct ksc_trust *ksc_trust_file(const struct ksc_file *file, int *rc)
{
	uint8_t digest[DIGEST_LEN];
	struct ksc_trust *trust;

	*rc = gnutls_hash_fast(GNUTLS_DIG_SHA256, file->data.data, file->data.size, digest);
	if (*rc < 0)
		return NULL;
	trust = find(digest);
	if (trust) {
		*rc = trust->n;
		return trust;
	}
	trust = create();
	*rc = trust ? gnutls_certificate_set_x509_trust_mem(trust->x509, &file->data,
							    ksc_format_of(&file->data)) :
		      GNUTLS_E_MEMORY_ERROR;
	if (*rc < 0) {
		if (trust)
			destroy(trust);
		return NULL;
	}
	trust->n = *rc;
	memcpy(trust->digest, digest, DIGEST_LEN);
	return publish(trust);
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
	trust->refs = 1;
	trust->n = n;
	trust->x509 = x509;
	if (digest_list(x509, trust->digest) < 0) {
		destroy(trust);
		return NULL;
	}
	old = find(trust->digest);
	if (!old)
		return publish(trust);
	destroy(trust);
	return old;
}

/**
 * ksc_trust_get() - take a reference
 * @trust: the list
 *
 * Return: @trust
 */
struct ksc_trust *ksc_trust_get(struct ksc_trust *trust)
{
	pthread_mutex_lock(&lock);
	trust->refs++;
	pthread_mutex_unlock(&lock);
	return trust;
}

/**
 * ksc_trust_put() - drop a reference; the last one frees the list
 * @trust: the list, or NULL
 */
void ksc_trust_put(struct ksc_trust *trust)
{
	struct ksc_trust **at;
	bool last;

	if (!trust)
		return;
	pthread_mutex_lock(&lock);
	last = !--trust->refs;
	for (at = &all; last && *at; at = &(*at)->next)
		if (*at == trust) {
			*at = trust->next;
			break;
		}
	pthread_mutex_unlock(&lock);
	if (last)
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
 * ksc_trust_x509() - get GnuTLS's credentials of a list
 * @trust: the list
 *
 * Return: credentials that contain only the list, valid as long as @trust
 */
gnutls_certificate_credentials_t ksc_trust_x509(const struct ksc_trust *trust)
{
	return trust->x509;
}
