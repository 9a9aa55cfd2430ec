// SPDX-License-Identifier: GPL-2.0-only
/*
 * Certificate authorities. The system's take GnuTLS some 4 MB and 10 ms, and each credential
 * of a big configuration may trust them: lists of the same content are one, in whatever
 * files they are and however often these are read again.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "engine/trust.h"

#define DIGEST_LEN	32

/**
 * struct ksc_trust - a list of authorities
 * @refs: holders
 * @digest: of what it was made of
 * @n: how many they are
 * @x509: the list, in the only form in which gnutls_certificate_verify_peers() takes it
 * @next: another list
 */
struct ksc_trust {
	unsigned int refs;
	uint8_t digest[DIGEST_LEN];
	int n;
	gnutls_certificate_credentials_t x509;
	struct ksc_trust *next;
};

/* All there are; each is unlinked by its last holder, in whatever thread that is. */
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
 * ksc_trust_file() - take the authorities in a file
 * @file: the file, PEM
 * @rc: set to a negative GnuTLS error, or how many they are
 *
 * Return: the list, one that is there already if that is the same; NULL on an error
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
							    GNUTLS_X509_FMT_PEM) :
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

/* By what the list has in it, whatever it was made from. */
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
 * ksc_trust_take() - take a list of authorities
 * @x509: has the list and nothing else; it is taken in any case
 * @n: how many they are
 *
 * Return: the list, one that is there already if that is the same; NULL without memory
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
 * ksc_trust_put() - drop a reference; the last frees
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
 * ksc_trust_size() - how many authorities there are
 * @trust: the list
 *
 * Return: their number
 */
int ksc_trust_size(const struct ksc_trust *trust)
{
	return trust->n;
}

/**
 * ksc_trust_x509() - have GnuTLS judge by a list
 * @trust: the list
 *
 * Return: credentials that have nothing but it, and live as long
 */
gnutls_certificate_credentials_t ksc_trust_x509(const struct ksc_trust *trust)
{
	return trust->x509;
}
