// SPDX-License-Identifier: GPL-2.0-only
/*
 * Certificate revocation lists, RFC 5280, 5. GnuTLS compares a certificate with each entry of a
 * list, one after the other: here the serial numbers are sorted once. Lists with the same content
 * are shared, and kept over reloads.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>

#include "engine/crl.h"
#include "engine/der.h"
#include "engine/material.h"
#include "engine/shared.h"

/* SHA-256 of a key */
#define KEY_LEN		32
/* RFC 5280, 4.1.2.2: at most 20 bytes; some authorities' serial numbers have more. */
#define MAX_SERIAL	32
/* Size of an OID as text */
#define MAX_OID		128
/* Size of the longest signature in bytes, of an RSA key of 8,192 bits */
#define MAX_SIGNATURE	1024

/**
 * struct serial - serial number of a revoked certificate
 * @len: its size in bytes
 * @data: the number, big-endian
 */
struct serial {
	uint8_t len;
	uint8_t data[MAX_SERIAL];
};

/**
 * struct list - the list of an issuer
 * @der: the whole list
 * @tbs: the part of it that is signed, TBSCertList
 * @signature: its signature
 * @sign: the signature's algorithm
 * @issuer: the issuer's name, DER
 * @this_update: when it was issued
 * @next_update: when a newer list is issued
 * @serials: revoked certificates, sorted
 * @n: number of revoked certificates
 * @keys: SHA-256 of the keys that its signature was verified with last, with which it is valid, and
 *	with which it is not
 * @known: whether these are set
 */
struct list {
	gnutls_datum_t der;
	gnutls_datum_t tbs;
	gnutls_datum_t signature;
	gnutls_sign_algorithm_t sign;
	gnutls_datum_t issuer;
	time_t this_update;
	time_t next_update;
	struct serial *serials;
	size_t n;
	uint8_t keys[2][KEY_LEN];
	bool known[2];
};

/**
 * struct ksc_crls - the lists in a file
 * @shared: with the digest of the file; must be first
 * @lists: the lists
 * @n: number of lists
 * @lock: protects @keys and @known of the lists; held while a signature is verified, so that it is
 *	done once
 */
struct ksc_crls {
	struct ksc_shared shared;
	struct list *lists;
	size_t n;
	pthread_mutex_t lock;
};

_Static_assert(!offsetof(struct ksc_crls, shared), "as ksc_shared_find() returns it");

static struct ksc_shared *all;

static void destroy(struct ksc_crls *crls)
{
	size_t i;

	for (i = 0; i < crls->n; i++) {
		gnutls_free(crls->lists[i].der.data);
		gnutls_free(crls->lists[i].issuer.data);
		free(crls->lists[i].signature.data);
		free(crls->lists[i].serials);
	}
	free(crls->lists);
	pthread_mutex_destroy(&crls->lock);
	free(crls);
}

static int compare(const void *a, const void *b)
{
	const struct serial *x = a, *y = b;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return memcmp(x->data, y->data, x->len);
}

/* Leading zeros do not count. */
static void normalize(struct serial *serial, size_t len)
{
	size_t skip = 0;

	while (skip + 1 < len && !serial->data[skip])
		skip++;
	memmove(serial->data, serial->data + skip, len - skip);
	serial->len = (uint8_t)(len - skip);
}

/* RFC 5280, 5.2: with an unknown critical extension, a list proves no certificate valid. */
static int check_extensions(gnutls_x509_crl_t crl)
{
	char oid[MAX_OID];
	unsigned int i, critical;
	int rc;

	for (i = 0; ; i++) {
		size_t size = sizeof(oid);

		rc = gnutls_x509_crl_get_extension_info(crl, i, oid, &size, &critical);
		if (rc == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return 0;
		if (rc < 0)
			return rc;
		if (critical)
			return GNUTLS_E_X509_UNSUPPORTED_CRITICAL_EXTENSION;
	}
}

static int take_serials(struct list *list, gnutls_x509_crl_t crl)
{
	gnutls_x509_crl_iter_t iter = NULL;
	int n = gnutls_x509_crl_get_crt_count(crl), rc = 0;

	if (n < 0)
		return n;
	list->serials = calloc(n ? (size_t)n : 1, sizeof(*list->serials));
	if (!list->serials)
		return GNUTLS_E_MEMORY_ERROR;
	while (list->n < (size_t)n) {
		struct serial *serial = &list->serials[list->n];
		size_t size = sizeof(serial->data);

		rc = gnutls_x509_crl_iter_crt_serial(crl, &iter, serial->data, &size, NULL);
		if (rc < 0)
			break;
		normalize(serial, size);
		list->n++;
	}
	gnutls_x509_crl_iter_deinit(iter);
	if (rc < 0)
		return rc;
	qsort(list->serials, list->n, sizeof(*list->serials), compare);
	return 0;
}

/* RFC 5280, 5.1: the first element of the list, with its header. */
static int find_tbs(struct list *list)
{
	gnutls_datum_t all_of_it = list->der, elements, content;

	return ksc_der_take(&all_of_it, KSC_DER_SEQUENCE, &elements) &&
	       ksc_der_take_whole(&elements, KSC_DER_SEQUENCE, &list->tbs, &content) ?
	       0 : GNUTLS_E_ASN1_DER_ERROR;
}

static int take_signature(struct list *list, gnutls_x509_crl_t crl)
{
	size_t size = 0;
	int rc;

	/* It stores the size only if the buffer is too small. */
	rc = gnutls_x509_crl_get_signature(crl, NULL, &size);
	if (rc != GNUTLS_E_SHORT_MEMORY_BUFFER || size > MAX_SIGNATURE)
		return rc < 0 && rc != GNUTLS_E_SHORT_MEMORY_BUFFER ? rc : GNUTLS_E_ASN1_DER_ERROR;
	list->signature.data = malloc(size);
	if (!list->signature.data)
		return GNUTLS_E_MEMORY_ERROR;
	list->signature.size = (unsigned int)size;
	rc = gnutls_x509_crl_get_signature(crl, (char *)list->signature.data, &size);
	if (rc >= 0)
		rc = gnutls_x509_crl_get_signature_algorithm(crl);
	if (rc < 0)
		return rc;
	list->sign = (gnutls_sign_algorithm_t)rc;
	return find_tbs(list);
}

static int parse(struct list *list, gnutls_x509_crl_t crl, const gnutls_datum_t *data,
		 gnutls_x509_crt_fmt_t format)
{
	int rc;

	rc = gnutls_x509_crl_import(crl, data, format);
	if (rc >= 0)
		rc = check_extensions(crl);
	if (rc >= 0)
		rc = gnutls_x509_crl_export2(crl, GNUTLS_X509_FMT_DER, &list->der);
	if (rc >= 0)
		rc = gnutls_x509_crl_get_raw_issuer_dn(crl, &list->issuer);
	if (rc < 0)
		return rc;
	list->this_update = gnutls_x509_crl_get_this_update(crl);
	list->next_update = gnutls_x509_crl_get_next_update(crl);
	rc = take_signature(list, crl);
	return rc < 0 ? rc : take_serials(list, crl);
}

static int add(struct ksc_crls *crls, const gnutls_datum_t *data, gnutls_x509_crt_fmt_t format)
{
	struct list *bigger = reallocarray(crls->lists, crls->n + 1, sizeof(*bigger));
	gnutls_x509_crl_t crl;
	int rc;

	if (!bigger)
		return GNUTLS_E_MEMORY_ERROR;
	crls->lists = bigger;
	bigger[crls->n++] = (struct list) { 0 };
	rc = gnutls_x509_crl_init(&crl);
	if (rc < 0)
		return rc;
	rc = parse(&bigger[crls->n - 1], crl, data, format);
	gnutls_x509_crl_deinit(crl);
	return rc;
}

static int add_all(struct ksc_crls *crls, const gnutls_datum_t *data)
{
	gnutls_datum_t left = *data, entry;
	int rc = 0;

	while (rc >= 0 && ksc_pem_next(&left, &entry))
		if (ksc_pem_is(&entry, "X509 CRL"))
			rc = add(crls, &entry, GNUTLS_X509_FMT_PEM);
	return rc < 0 || crls->n ? rc : GNUTLS_E_BASE64_UNEXPECTED_HEADER_ERROR;
}

static struct ksc_crls *create(void)
{
	struct ksc_crls *crls = calloc(1, sizeof(*crls));

	if (crls)
		pthread_mutex_init(&crls->lock, NULL);
	return crls;
}

/**
 * ksc_crls_file() - get the lists in a file
 * @file: the file, PEM, or one list in DER
 * @rc: set to a negative GnuTLS error, or 0; GNUTLS_E_LARGE_PACKET for more than KSC_MAX_CRL_FILE
 *	bytes
 *
 * Return: the lists, the existing ones if the content is the same; NULL on an error
 */
struct ksc_crls *ksc_crls_file(const struct ksc_file *file, int *rc)
{
	uint8_t digest[KSC_SHARED_DIGEST];
	struct ksc_crls *crls;

	*rc = GNUTLS_E_LARGE_PACKET;
	if (file->data.size > KSC_MAX_CRL_FILE)
		return NULL;
	*rc = gnutls_hash_fast(GNUTLS_DIG_SHA256, file->data.data, file->data.size, digest);
	if (*rc < 0)
		return NULL;
	crls = ksc_shared_find(&all, digest);
	if (crls)
		return crls;
	crls = create();
	if (!crls) {
		*rc = GNUTLS_E_MEMORY_ERROR;
		return NULL;
	}
	memcpy(crls->shared.digest, digest, sizeof(digest));
	*rc = ksc_is_der(&file->data) ? add(crls, &file->data, GNUTLS_X509_FMT_DER) :
					add_all(crls, &file->data);
	if (*rc < 0) {
		destroy(crls);
		return NULL;
	}
	ksc_shared_publish(&all, &crls->shared);
	return crls;
}

/**
 * ksc_crls_put() - drop a reference; the last one frees the lists
 * @crls: the lists, or NULL
 */
void ksc_crls_put(struct ksc_crls *crls)
{
	if (crls && ksc_shared_put(&all, &crls->shared))
		destroy(crls);
}

static bool is_of(const struct list *list, const gnutls_datum_t *issuer)
{
	return list->issuer.size == issuer->size &&
	       !memcmp(list->issuer.data, issuer->data, issuer->size);
}

/* RFC 5280, 6.3.3 (f), (g). GnuTLS's own function would need all of the list as a tree. */
static bool verify(const struct list *list, gnutls_x509_crt_t issuer)
{
	gnutls_pubkey_t key;
	unsigned int usage;
	int rc;

	if (gnutls_x509_crt_get_key_usage(issuer, &usage, NULL) >= 0 &&
	    !(usage & GNUTLS_KEY_CRL_SIGN))
		return false;
	if (gnutls_pubkey_init(&key) < 0)
		return false;
	rc = gnutls_pubkey_import_x509(key, issuer, 0);
	if (rc >= 0)
		rc = gnutls_pubkey_verify_data2(key, list->sign, 0, &list->tbs, &list->signature);
	gnutls_pubkey_deinit(key);
	return rc >= 0;
}

/* A signature is verified once for each list, as long as its issuer does not change its key. */
static bool is_signed(struct ksc_crls *crls, struct list *list, gnutls_x509_crt_t issuer)
{
	uint8_t key[KEY_LEN];
	size_t size = sizeof(key);
	bool valid;

	if (gnutls_x509_crt_get_key_id(issuer, GNUTLS_KEYID_USE_SHA256, key, &size) < 0)
		return false;
	pthread_mutex_lock(&crls->lock);
	valid = list->known[true] && !memcmp(list->keys[true], key, sizeof(key));
	if (!valid && !(list->known[false] && !memcmp(list->keys[false], key, sizeof(key)))) {
		valid = verify(list, issuer);
		memcpy(list->keys[valid], key, sizeof(key));
		list->known[valid] = true;
	}
	pthread_mutex_unlock(&crls->lock);
	return valid;
}

static bool has(const struct list *list, const struct serial *serial)
{
	return bsearch(serial, list->serials, list->n, sizeof(*serial), compare);
}

/**
 * ksc_crls_look() - look a certificate up
 * @crls: the lists
 * @crt: the certificate
 * @issuer: its issuer's certificate, which has been verified
 * @now: the time
 *
 * Return: what the lists that @issuer has signed say
 */
enum ksc_crl_state ksc_crls_look(struct ksc_crls *crls, gnutls_x509_crt_t crt,
				 gnutls_x509_crt_t issuer, time_t now)
{
	enum ksc_crl_state state = KSC_CRL_UNKNOWN;
	struct serial serial;
	size_t size = sizeof(serial.data), i;
	gnutls_datum_t name;

	if (gnutls_x509_crt_get_serial(crt, serial.data, &size) < 0 || !size ||
	    gnutls_x509_crt_get_raw_issuer_dn(crt, &name) < 0)
		return KSC_CRL_UNKNOWN;
	normalize(&serial, size);
	for (i = 0; i < crls->n && state != KSC_CRL_REVOKED; i++) {
		struct list *list = &crls->lists[i];

		if (!is_of(list, &name) || !is_signed(crls, list, issuer))
			continue;
		if (has(list, &serial))
			state = KSC_CRL_REVOKED;
		else if (list->this_update <= now && list->next_update >= now)
			state = KSC_CRL_GOOD;
	}
	gnutls_free(name.data);
	return state;
}

/**
 * ksc_crls_forged() - check lists by the authorities that have issued them
 * @crls: the lists
 * @authorities: trusted authorities, some of which may have issued some of them
 *
 * Return: number of lists in the name of an authority, none of which has signed it
 */
unsigned int ksc_crls_forged(struct ksc_crls *crls, gnutls_x509_trust_list_t authorities)
{
	unsigned int forged = 0;
	size_t i;

	for (i = 0; i < crls->n; i++) {
		gnutls_x509_trust_list_iter_t iter = NULL;
		bool named = false, valid = false;
		gnutls_x509_crt_t crt;
		gnutls_datum_t name;

		while (!gnutls_x509_trust_list_iter_get_ca(authorities, &iter, &crt)) {
			if (gnutls_x509_crt_get_raw_dn(crt, &name) >= 0) {
				if (is_of(&crls->lists[i], &name)) {
					named = true;
					valid |= is_signed(crls, &crls->lists[i], crt);
				}
				gnutls_free(name.data);
			}
			gnutls_x509_crt_deinit(crt);
		}
		gnutls_x509_trust_list_iter_deinit(iter);
		forged += named && !valid;
	}
	return forged;
}

/**
 * ksc_crls_next() - get when the first of the lists is out of date
 * @crls: the lists
 *
 * Return: the time; without an update, it is in the past
 */
time_t ksc_crls_next(const struct ksc_crls *crls)
{
	time_t next = crls->n ? crls->lists[0].next_update : 0;
	size_t i;

	for (i = 1; i < crls->n; i++)
		if (crls->lists[i].next_update < next)
			next = crls->lists[i].next_update;
	return next;
}
