// SPDX-License-Identifier: GPL-2.0-only
/* Named credentials, who may use them, and which one is chosen. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <gnutls/x509.h>

#include "common/util.h"
#include "engine/credential.h"
#include "engine/material.h"
#include "engine/pick.h"

/* GnuTLS takes no longer chains. */
#define MAX_CHAIN	16

/**
 * ksc_credential_new() - allocate a credential
 * @name: its name
 * @roles: KSC_ROLE_BIT()s
 *
 * Return: the credential, which ksc_credential_finish() completes; NULL if out of memory
 */
struct ksc_credential *ksc_credential_new(const char *name, unsigned int roles)
{
	struct ksc_credential *cred = calloc(1, sizeof(*cred));

	if (!cred)
		return NULL;
	cred->roles = roles;
	cred->verify = KSC_VERIFY_DEFAULT;
	ksc_priority_init(&cred->priority);
	cred->resumption = true;
	cred->name = strdup(name);
	if (!cred->name ||
	    gnutls_certificate_allocate_credentials(&cred->x509) < 0) {
		ksc_credential_free(cred);
		return NULL;
	}
	return cred;
}

/**
 * ksc_credential_free() - free a credential and its keys
 * @cred: the credential, or NULL
 */
void ksc_credential_free(struct ksc_credential *cred)
{
	size_t i;

	if (!cred)
		return;
	for (i = 0; i < cred->n_names; i++)
		free(cred->names[i]);
	free(cred->names);
	free(cred->alpn);
	free(cred->uids);
	free(cred->gids);
	free(cred->name);
	for (i = 0; i < cred->n_certs; i++)
		free(cred->certs[i].path);
	free(cred->certs);
	ksc_access_free(&cred->readers);
	ksc_trust_put(cred->validation.trust);
	for (i = 0; i < cred->validation.n_crls; i++)
		ksc_crls_put(cred->validation.crls[i]);
	free(cred->validation.crls);
	if (cred->x509)
		gnutls_certificate_free_credentials(cred->x509);
	if (cred->picked_x509)
		gnutls_certificate_free_credentials(cred->picked_x509);
	ksc_priority_free(&cred->priority);
	if (cred->ticket_key.data) {
		explicit_bzero(cred->ticket_key.data, cred->ticket_key.size);
		gnutls_free(cred->ticket_key.data);
	}
	free(cred);
}

static int grow(void **array, size_t n, size_t size)
{
	void *bigger = reallocarray(*array, n + 1, size);

	if (!bigger)
		return -ENOMEM;
	*array = bigger;
	return 0;
}

static unsigned int pk_bit(gnutls_pk_algorithm_t pk)
{
	switch (pk) {
	case GNUTLS_PK_RSA:
		return KSC_PK_RSA;
	case GNUTLS_PK_RSA_PSS:
		return KSC_PK_RSA_PSS;
	case GNUTLS_PK_ECDSA:
		return KSC_PK_ECDSA;
	case GNUTLS_PK_EDDSA_ED25519:
		return KSC_PK_ED25519;
	case GNUTLS_PK_EDDSA_ED448:
		return KSC_PK_ED448;
	default:
		return 0;
	}
}

static int parse(struct ksc_material *material, const struct ksc_cert_files *files)
{
	int rc;

	if (!files->cert)
		return ksc_material_pkcs12(material, &files->key->data,
					   files->password ? files->password : "");
	rc = ksc_material_chain(material, &files->cert->data);
	return rc < 0 ? rc : ksc_material_key(material, &files->key->data, files->password);
}

static void note_times(struct ksc_own *own, const struct ksc_material *material)
{
	unsigned int i;

	for (i = 0; i < material->n; i++) {
		const time_t to = gnutls_x509_crt_get_expiration_time(material->chain[i]);

		if (i && to >= own->to)
			continue;
		own->from = gnutls_x509_crt_get_activation_time(material->chain[i]);
		own->to = to;
	}
}

/* GnuTLS copies the chain, in order and without certificates that do not belong to it. */
static int take(struct ksc_credential *cred, const struct ksc_material *material, const char *path)
{
	const unsigned int n = material->n < MAX_CHAIN ? material->n : MAX_CHAIN;
	struct ksc_own own = { .given = material->n };
	int rc;

	rc = gnutls_certificate_set_x509_key(cred->x509, material->chain, (int)n, material->key);
	if (rc >= 0)
		rc = gnutls_certificate_get_crt_raw(cred->x509, cred->n_certs, 0, &own.der);
	if (rc >= 0)
		rc = ksc_end_point_make(&own.der, &own.end_point);
	if (rc >= 0)
		rc = gnutls_x509_crt_get_pk_algorithm(material->chain[0], NULL);
	if (rc < 0)
		return rc;
	own.pk = (gnutls_pk_algorithm_t)rc;
	note_times(&own, material);
	own.path = strdup(path);
	if (!own.path || grow((void **)&cred->certs, cred->n_certs, sizeof(*cred->certs))) {
		free(own.path);
		return GNUTLS_E_MEMORY_ERROR;
	}
	cred->certs[cred->n_certs++] = own;
	cred->pks |= pk_bit(own.pk);
	return 0;
}

/**
 * ksc_credential_add_cert() - add a certificate and its key
 * @cred: the credential, useless after an error
 * @files: where they are read from; users who can read all of a certificate's secret files may
 *	use its key, and those who may use all keys the credential
 * @members: looks up the members of a group
 *
 * Of several, a server uses the first one that the client can verify, of those with the name that
 * the client asks for if there are any.
 *
 * Return: 0 or a negative GnuTLS error
 */
int ksc_credential_add_cert(struct ksc_credential *cred, const struct ksc_cert_files *files,
			    ksc_members_fn *members)
{
	struct ksc_material material = { 0 };
	int rc;

	rc = parse(&material, files);
	if (rc >= 0)
		rc = take(cred, &material, (files->cert ? files->cert : files->key)->path);
	ksc_material_free(&material);
	if (rc < 0)
		return rc;
	if (ksc_access_note(&cred->readers, files->key, members) ||
	    (files->password_file &&
	     ksc_access_note(&cred->readers, files->password_file, members)))
		return GNUTLS_E_MEMORY_ERROR;
	return 0;
}

/**
 * ksc_credential_own() - find one of a credential's certificates
 * @cred: the credential
 * @der: the certificate
 *
 * Return: the certificate, or NULL if it is not one of them
 */
const struct ksc_own *ksc_credential_own(const struct ksc_credential *cred,
					 const gnutls_datum_t *der)
{
	unsigned int i;

	for (i = 0; i < cred->n_certs; i++)
		if (cred->certs[i].der.size == der->size &&
		    !memcmp(cred->certs[i].der.data, der->data, der->size))
			return &cred->certs[i];
	return NULL;
}

/**
 * ksc_credential_set_trust() - set the trusted authorities
 * @cred: the credential, whose @issuers is set
 * @file: certificate authorities, PEM, or one in DER
 *
 * Return: number of authorities, or a negative GnuTLS error
 */
int ksc_credential_set_trust(struct ksc_credential *cred, const struct ksc_file *file)
{
	struct ksc_trust *trust;
	int rc;

	trust = ksc_trust_file(file, &rc);
	if (!trust)
		return rc;
	ksc_credential_share_trust(cred, trust);
	ksc_trust_put(trust);
	if (!(cred->roles & KSC_ROLE_BIT(KSC_ROLE_SERVER)) || cred->issuers == KSC_ISSUERS_NONE)
		return rc;
	cred->n_issuers = ksc_trust_name(trust, cred->x509, cred->issuers == KSC_ISSUERS_CUT);
	return cred->n_issuers < 0 ? cred->n_issuers : rc;
}

/**
 * ksc_credential_add_crls() - add revocation lists
 * @cred: the credential
 * @file: the lists, PEM, or one in DER
 *
 * Return: 0 or a negative GnuTLS error, see ksc_crls_file()
 */
int ksc_credential_add_crls(struct ksc_credential *cred, const struct ksc_file *file)
{
	struct ksc_validation *validation = &cred->validation;
	struct ksc_crls *crls;
	int rc;

	crls = ksc_crls_file(file, &rc);
	if (!crls)
		return rc;
	if (grow((void **)&validation->crls, validation->n_crls, sizeof(struct ksc_crls *))) {
		ksc_crls_put(crls);
		return GNUTLS_E_MEMORY_ERROR;
	}
	validation->crls[validation->n_crls++] = crls;
	return 0;
}

/**
 * ksc_credential_share_trust() - set a shared list of trusted authorities
 * @cred: the credential, which takes a reference
 * @trust: the list; a server does not send its names
 */
void ksc_credential_share_trust(struct ksc_credential *cred, struct ksc_trust *trust)
{
	cred->validation.trust = ksc_trust_get(trust);
}

/**
 * ksc_credential_add_name() - add a server name that it is chosen for
 * @cred: the credential
 * @name: a DNS name, whose first label may be "*"
 *
 * Return: 0 or -ENOMEM
 */
int ksc_credential_add_name(struct ksc_credential *cred, const char *name)
{
	char *copy;

	if (grow((void **)&cred->names, cred->n_names, sizeof(*cred->names)))
		return -ENOMEM;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	cred->names[cred->n_names++] = copy;
	return 0;
}

/**
 * ksc_credential_allow_uid() - restrict a credential to users
 * @cred: the credential
 * @uid: a user who may use it
 *
 * Return: 0 or -ENOMEM
 */
int ksc_credential_allow_uid(struct ksc_credential *cred, uid_t uid)
{
	cred->restricted = true;
	if (grow((void **)&cred->uids, cred->n_uids, sizeof(*cred->uids)))
		return -ENOMEM;
	cred->uids[cred->n_uids++] = uid;
	return 0;
}

/**
 * ksc_credential_allow_gid() - restrict a credential to groups
 * @cred: the credential
 * @gid: a group whose users may use it
 *
 * Return: 0 or -ENOMEM
 */
int ksc_credential_allow_gid(struct ksc_credential *cred, gid_t gid)
{
	cred->restricted = true;
	if (grow((void **)&cred->gids, cred->n_gids, sizeof(*cred->gids)))
		return -ENOMEM;
	cred->gids[cred->n_gids++] = gid;
	return 0;
}

/**
 * ksc_credential_has_name() - check whether a credential lists a server name
 * @cred: the credential
 * @name: the name, which wildcards do not match
 *
 * Return: true if it does
 */
bool ksc_credential_has_name(const struct ksc_credential *cred, const char *name)
{
	size_t i;

	for (i = 0; i < cred->n_names; i++)
		if (!strcasecmp(cred->names[i], name))
			return true;
	return false;
}

static int names_from_cert(struct ksc_credential *cred, unsigned int index)
{
	gnutls_x509_crt_t *chain;
	unsigned int n, i;
	int rc;

	rc = gnutls_certificate_get_x509_crt(cred->x509, index, &chain, &n);
	if (rc < 0)
		return rc;
	for (i = 0; n; i++) {
		char name[KSC_MAX_NAME + 1];
		size_t len = sizeof(name) - 1;

		rc = gnutls_x509_crt_get_subject_alt_name(chain[0], i, name,
							  &len, NULL);
		if (rc == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
		if (rc != GNUTLS_SAN_DNSNAME || len >= sizeof(name))
			continue;
		name[len] = '\0';
		if (!ksc_credential_has_name(cred, name) && ksc_credential_add_name(cred, name)) {
			rc = GNUTLS_E_MEMORY_ERROR;
			goto out;
		}
	}
	rc = 0;
out:
	for (i = 0; i < n; i++)
		gnutls_x509_crt_deinit(chain[i]);
	gnutls_free(chain);
	return rc;
}

static int names_from_certs(struct ksc_credential *cred)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; rc >= 0 && i < cred->n_certs; i++)
		rc = names_from_cert(cred, i);
	return rc;
}

/* With its own certificates, GnuTLS would choose one of several by the server's authorities. */
static int prepare_client(struct ksc_credential *cred)
{
	int rc;

	if (!cred->n_certs)
		gnutls_certificate_set_retrieve_function3(cred->x509, ksc_pick_retrieve);
	if (cred->n_certs < 2)
		return 0;
	rc = gnutls_certificate_allocate_credentials(&cred->picked_x509);
	if (rc >= 0)
		gnutls_certificate_set_retrieve_function3(cred->picked_x509, ksc_pick_retrieve);
	return rc;
}

/**
 * ksc_credential_finish() - complete a credential whose parts are all set
 * @cred: the credential
 *
 * Return: 0 or a negative GnuTLS error
 */
int ksc_credential_finish(struct ksc_credential *cred)
{
	int rc = ksc_priority_finish(&cred->priority);

	if (rc >= 0 && cred->roles & KSC_ROLE_BIT(KSC_ROLE_CLIENT))
		rc = prepare_client(cred);
	if (rc < 0)
		return rc;
	if (!(cred->roles & KSC_ROLE_BIT(KSC_ROLE_SERVER)))
		return 0;
	if (!cred->n_names) {
		rc = names_from_certs(cred);
		if (rc < 0)
			return rc;
	}
	/* For clients that support DHE without the groups of RFC 7919. */
	rc = gnutls_certificate_set_known_dh_params(cred->x509, GNUTLS_SEC_PARAM_MEDIUM);
	if (rc < 0)
		return rc;
	return gnutls_session_ticket_key_generate(&cred->ticket_key);
}

/**
 * ksc_credentials_new() - allocate a generation of credentials
 *
 * Return: an empty generation with one reference, or NULL if out of memory
 */
struct ksc_credentials *ksc_credentials_new(void)
{
	static atomic_ullong serials;
	struct ksc_credentials *set = calloc(1, sizeof(*set));

	if (!set)
		return NULL;
	set->known = ksc_known_new();
	if (!set->known) {
		free(set);
		return NULL;
	}
	atomic_init(&set->refs, 1);
	set->serial = atomic_fetch_add(&serials, 1) + 1;
	return set;
}

/**
 * ksc_credentials_get() - take a reference
 * @set: the generation
 *
 * Return: @set
 */
struct ksc_credentials *ksc_credentials_get(struct ksc_credentials *set)
{
	atomic_fetch_add(&set->refs, 1);
	return set;
}

/**
 * ksc_credentials_put() - drop a reference; the last frees
 * @set: the generation, or NULL
 */
void ksc_credentials_put(struct ksc_credentials *set)
{
	size_t i;

	if (!set || atomic_fetch_sub(&set->refs, 1) != 1)
		return;
	for (i = 0; i < set->n; i++)
		ksc_credential_free(set->list[i]);
	free(set->list);
	ksc_trust_put(set->system);
	ksc_known_free(set->known);
	free(set);
}

/**
 * ksc_credentials_add() - add a finished credential
 * @set: the generation, not yet in use
 * @cred: the credential, owned by @set on success
 *
 * Return: 0 or -ENOMEM
 */
int ksc_credentials_add(struct ksc_credentials *set, struct ksc_credential *cred)
{
	if (grow((void **)&set->list, set->n, sizeof(struct ksc_credential *)))
		return -ENOMEM;
	set->list[set->n++] = cred;
	return 0;
}

/* Without a key, all may use it; a key may be used by those who can read it, or by a rule. */
static bool may_use(const struct ksc_credential *cred, const struct ksc_choice *choice)
{
	size_t i;

	if (!cred->restricted)
		return !cred->n_certs || choice->granted ||
		       ksc_access_allows(&cred->readers, &choice->who);
	for (i = 0; i < cred->n_uids; i++)
		if (cred->uids[i] == choice->who.uid)
			return true;
	for (i = 0; i < cred->n_gids; i++)
		if (cred->gids[i] == choice->who.gid ||
		    ksc_groups_have(choice->who.groups, cred->gids[i]))
			return true;
	return false;
}

/* Added to the result of name_fits(). */
#define CAN_VERIFY	2

/* 2: an exact match; 1: a wildcard, which stands for one whole label. */
static int name_fits(const struct ksc_credential *cred, const char *name)
{
	const char *rest = strchr(name, '.');
	int best = 0;
	size_t i;

	for (i = 0; i < cred->n_names; i++) {
		const char *have = cred->names[i];

		if (!strcasecmp(have, name))
			return 2;
		if (have[0] == '*' && have[1] == '.' && rest && rest != name &&
		    !strcasecmp(have + 1, rest))
			best = 1;
	}
	return best;
}

/**
 * ksc_credential_serves() - check whether a server name is one of a credential's
 * @cred: the credential
 * @name: the name that a client asks for
 *
 * Return: true if it is, or matches a wildcard
 */
bool ksc_credential_serves(const struct ksc_credential *cred, const char *name)
{
	return name_fits(cred, name);
}

/* A certificate that the client can verify is better than one whose name matches exactly. */
static int fitness(const struct ksc_credential *cred, const struct ksc_choice *choice)
{
	const int fit = name_fits(cred, choice->server_name);

	return fit && cred->pks & choice->pks ? fit + CAN_VERIFY : fit;
}

static enum ksc_status choose_named(const struct ksc_credentials *set,
				    const struct ksc_choice *choice,
				    const struct ksc_credential **found)
{
	size_t i;

	for (i = 0; i < set->n; i++) {
		const struct ksc_credential *cred = set->list[i];

		if (strcmp(cred->name, choice->name))
			continue;
		if (!(cred->roles & KSC_ROLE_BIT(choice->role)))
			return KSC_STATUS_NO_CREDENTIALS;
		if (!may_use(cred, choice))
			return KSC_STATUS_ACCESS_DENIED;
		*found = cred;
		return KSC_STATUS_OK;
	}
	return KSC_STATUS_NO_CREDENTIALS;
}

/**
 * ksc_credentials_choose() - find the credential for a handshake
 * @set: the generation to look in
 * @choice: criteria
 * @found: set to the credential
 *
 * A requested name must exist, for this role and this caller. Otherwise a server gets the
 * credential that matches the client's server name best, among those that the caller may use, and
 * rather one with a key that the client can use; if none matches, and for clients, it is the
 * default.
 *
 * Return: KSC_STATUS_OK, KSC_STATUS_NO_CREDENTIALS or KSC_STATUS_ACCESS_DENIED
 */
enum ksc_status ksc_credentials_choose(const struct ksc_credentials *set,
				       const struct ksc_choice *choice,
				       const struct ksc_credential **found)
{
	const struct ksc_credential *best = NULL, *fallback = NULL;
	bool denied = false;
	int best_fit = 0;
	size_t i;

	*found = NULL;
	if (choice->name && *choice->name)
		return choose_named(set, choice, found);
	for (i = 0; i < set->n; i++) {
		const struct ksc_credential *cred = set->list[i];
		int fit = 0;

		if (!(cred->roles & KSC_ROLE_BIT(choice->role)))
			continue;
		if (choice->role == KSC_ROLE_SERVER && choice->server_name)
			fit = fitness(cred, choice);
		if (!fit && !cred->is_default)
			continue;
		if (!may_use(cred, choice)) {
			denied = true;
			continue;
		}
		if (cred->is_default)
			fallback = cred;
		if (fit > best_fit) {
			best = cred;
			best_fit = fit;
		}
	}
	*found = best ? best : fallback;
	if (*found)
		return KSC_STATUS_OK;
	return denied ? KSC_STATUS_ACCESS_DENIED : KSC_STATUS_NO_CREDENTIALS;
}
