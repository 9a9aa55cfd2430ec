// SPDX-License-Identifier: GPL-2.0-only
/* Settings of a credential that name files: certificates, keys, authorities, revocation lists. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/util.h"
#include "config/account.h"
#include "config/authorities.h"
#include "config/find.h"
#include "config/handed.h"
#include "config/material.h"
#include "config/pem.h"
#include "config/value.h"
#include "engine/material.h"
#include "process/log.h"

/* Size of the longest password, as in GnuTLS for keys in PEM. */
#define MAX_PASSWORD	255

/**
 * struct list - a setting that is a list of files
 * @s: the setting, or NULL
 * @paths: the files
 * @n: number of files, not above 0 after a complaint
 */
struct list {
	const struct ksc_setting *s;
	char *paths[KSC_MAX_LIST];
	int n;
};

/**
 * struct password - the password of a credential's keys
 * @s: the setting, or NULL
 * @file: the file
 * @text: the password
 */
struct password {
	const struct ksc_setting *s;
	struct ksc_file file;
	char text[MAX_PASSWORD + 1];
};

static const struct {
	const char *name;
	bool list;
} settings[] = {
	{ "cert", true }, { "key", true }, { "pkcs12", true }, { "key-password-file", false },
	{ "trust", false }, { "crl", true },
};

/**
 * ksc_is_material() - check whether a credential's setting names files
 * @s: the setting
 *
 * Return: true if it does
 */
bool ksc_is_material(const struct ksc_setting *s)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(settings); i++)
		if (!strcmp(s->name, settings[i].name))
			return true;
	return false;
}

/**
 * ksc_is_material_list() - check whether a credential's setting is a list of files
 * @s: the setting
 *
 * Return: true if it is; false if it names one file, or none
 */
bool ksc_is_material_list(const struct ksc_setting *s)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(settings); i++)
		if (!strcmp(s->name, settings[i].name))
			return settings[i].list;
	return false;
}

/* The caller frees it, also after a complaint. */
static int read_file(struct ksc_settings *file, const struct ksc_setting *s, const char *path,
		     struct ksc_file *raw)
{
	const char *why;

	memset(raw, 0, sizeof(*raw));
	if (*path != '/') {
		ksc_complain(file, s->line, "%s: \"%s\" is not an absolute path", s->name, path);
		return -1;
	}
	if (ksc_file_read(raw, path, &why)) {
		ksc_complain(file, s->line, "%s: %s: %s", s->name, path, why);
		return -1;
	}
	return 0;
}

static int is_bad(struct ksc_settings *file, const struct ksc_setting *s, const char *path,
		  const char *fault)
{
	if (fault)
		ksc_complain(file, s->line, "%s: %s: %s", s->name, path, fault);
	return fault ? -1 : 0;
}

/* An unrelated user is in none of the groups, so that nobody's membership needs to be known. */
static int no_members(gid_t gid, uid_t **uids, size_t *n)
{
	(void)gid;
	*uids = NULL;
	*n = 0;
	return 0;
}

/* Warns if an unrelated user can access the key; users that can read it may use it. */
static void look_at_key(struct ksc_settings *file, const struct ksc_setting *key,
			const struct ksc_file *raw)
{
	const struct ksc_who anybody = { .uid = (uid_t)-2, .gid = (gid_t)-2 };
	struct ksc_access readers = { 0 };

	ksc_check_memory(file, ksc_access_note(&readers, raw, no_members));
	if (raw->way.file.mode & 0002)
		ksc_log(KSC_LOG_WARNING, "%s:%u: %s: %s is world-writable", file->path,
			key->line, key->name, raw->path);
	else if (ksc_access_allows(&readers, &anybody))
		ksc_log(KSC_LOG_WARNING, "%s:%u: %s: %s is world-readable", file->path,
			key->line, key->name, raw->path);
	ksc_access_free(&readers);
}

static const char encrypted[] = "it is encrypted: key-password-file is missing";

static const char *bad_key(const gnutls_datum_t *data, const struct password *password)
{
	return !password->s && ksc_pem_is_encrypted(data) ? encrypted : ksc_pem_key_fault(data);
}

static const char *key_fault(int rc, const struct password *password)
{
	switch (rc) {
	case GNUTLS_E_DECRYPTION_FAILED:
	case GNUTLS_E_MAC_VERIFY_FAILED:
		return password->s ? "the password in key-password-file is wrong" : encrypted;
	case GNUTLS_E_NO_CERTIFICATE_FOUND:
	case GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE:
		return "it lacks a certificate or a key";
	}
	return gnutls_strerror(rc);
}

/* The certificate can be read alone: when it was, whatever else is wrong is with the key. */
static void add_cert(struct ksc_settings *file, const struct ksc_setting *key,
		     const struct ksc_cert_files *files, const struct password *password,
		     struct ksc_credential *cred)
{
	const char *path = files->key->path;
	int rc;

	rc = ksc_credential_add_cert(cred, files, ksc_group_members);
	if (rc == GNUTLS_E_CERTIFICATE_KEY_MISMATCH && files->cert)
		ksc_complain(file, key->line, "key: %s is not the key of %s", path,
			     files->cert->path);
	else if (rc < 0)
		is_bad(file, key, path, key_fault(rc, password));
	else if (cred->readers.error)
		ksc_complain(file, key->line, "%s: %s: who is in its groups: %s", key->name, path,
			     ksc_handed_fault(-cred->readers.error));
	else
		look_at_key(file, key, files->key);
}

static void take_pair(struct ksc_settings *file, const struct list *certs, const struct list *keys,
		      int i, const struct password *password, struct ksc_credential *cred)
{
	struct ksc_file chain, mine;

	if (!(read_file(file, certs->s, certs->paths[i], &chain) |
	      read_file(file, keys->s, keys->paths[i], &mine)) &&
	    !(is_bad(file, certs->s, chain.path, ksc_pem_cert_fault(&chain.data)) |
	      is_bad(file, keys->s, mine.path, bad_key(&mine.data, password))))
		add_cert(file, keys->s, &(struct ksc_cert_files) {
				 .cert = &chain, .key = &mine,
				 .password_file = password->s ? &password->file : NULL,
				 .password = password->s ? password->text : NULL,
			 }, password, cred);
	ksc_file_free(&chain);
	ksc_file_free(&mine);
}

static void take_pkcs12(struct ksc_settings *file, const struct list *files, int i,
			const struct password *password, struct ksc_credential *cred)
{
	struct ksc_file raw;

	if (!read_file(file, files->s, files->paths[i], &raw) &&
	    !is_bad(file, files->s, raw.path, ksc_is_der(&raw.data) ? NULL : "it is not PKCS #12"))
		add_cert(file, files->s, &(struct ksc_cert_files) {
				 .key = &raw,
				 .password_file = password->s ? &password->file : NULL,
				 .password = password->s ? password->text : NULL,
			 }, password, cred);
	ksc_file_free(&raw);
}

/* The first line, without its end. */
static int copy_password(struct ksc_settings *file, struct password *password)
{
	const gnutls_datum_t *data = &password->file.data;
	size_t len = 0;

	while (len < data->size && data->data[len] != '\n' && data->data[len] != '\r')
		len++;
	if (!len)
		return is_bad(file, password->s, password->s->value, "it has no password");
	if (len > MAX_PASSWORD || memchr(data->data, '\0', len))
		return is_bad(file, password->s, password->s->value,
			      "a password has at most 255 bytes, and no NUL");
	memcpy(password->text, data->data, len);
	password->text[len] = '\0';
	return 0;
}

static int take_password(struct ksc_settings *file, const struct ksc_section *section,
			 struct password *password)
{
	password->s = ksc_section_get(section, "key-password-file");
	if (!password->s)
		return 0;
	if (read_file(file, password->s, password->s->value, &password->file))
		return -1;
	return copy_password(file, password);
}

static void take_list(struct ksc_settings *file, const struct ksc_section *section,
		      const char *name, struct list *list)
{
	list->s = ksc_section_get(section, name);
	list->n = list->s ? ksc_take_list(file, list->s, list->paths) : 0;
}

/* Returns true if there are as many certificates as keys. */
static bool are_pairs(struct ksc_settings *file, const struct list *certs, const struct list *keys)
{
	if (certs->n == keys->n)
		return true;
	if (certs->s && keys->s)
		ksc_complain(file, keys->s->line, "there are %d files in cert and %d in key",
			     certs->n, keys->n);
	else
		ksc_complain(file, certs->s ? certs->s->line : keys->s->line,
			     "the %s for this %s is missing", certs->s ? "key" : "cert",
			     certs->s ? "cert" : "key");
	return false;
}

/**
 * ksc_take_certs() - read the certificates and keys of a credential
 * @file: the configuration
 * @section: the credential's section, whose lists are modified
 * @cred: gets the certificates
 */
void ksc_take_certs(struct ksc_settings *file, const struct ksc_section *section,
		    struct ksc_credential *cred)
{
	struct password password = { 0 };
	const unsigned int before = file->n_complaints;
	struct list certs, keys, both;
	int i;

	take_list(file, section, "cert", &certs);
	take_list(file, section, "key", &keys);
	take_list(file, section, "pkcs12", &both);
	if (!certs.s && !keys.s && !both.s) {
		if (cred->roles & KSC_ROLE_BIT(KSC_ROLE_SERVER))
			ksc_complain(file, section->line,
				     "a server needs a certificate: cert = FILE");
		return;
	}
	if (file->n_complaints == before && are_pairs(file, &certs, &keys) &&
	    !take_password(file, section, &password)) {
		/* After an error, the credential must not be used further. */
		for (i = 0; i < certs.n && file->n_complaints == before; i++)
			take_pair(file, &certs, &keys, i, &password, cred);
		for (i = 0; i < both.n && file->n_complaints == before; i++)
			take_pkcs12(file, &both, i, &password, cred);
		if (password.s)
			look_at_key(file, password.s, &password.file);
	}
	ksc_file_free(&password.file);
	explicit_bzero(&password, sizeof(password));
}

static void trust_system(struct ksc_settings *file, const struct ksc_setting *trust,
			 struct ksc_credentials *set, struct ksc_credential *cred)
{
	struct ksc_trust *system = ksc_credentials_system(set);

	if (!system)
		ksc_check_memory(file, -ENOMEM);
	else if (!ksc_trust_size(system) && trust)
		ksc_complain(file, trust->line,
			     "trust: the system has no certificate authorities");
	else
		ksc_credential_share_trust(cred, system);
}

static void look_at_trust(const struct ksc_settings *file, const struct ksc_setting *trust,
			  const struct ksc_credential *cred)
{
	const struct ksc_skipped skipped = ksc_trust_skipped(cred->validation.trust);
	const int n = ksc_trust_size(cred->validation.trust);

	if (skipped.n)
		ksc_log(KSC_LOG_WARNING,
			"%s:%u: trust: %s: %u of its entries are skipped, the first is number %u: %s",
			file->path, trust->line, trust->value, skipped.n, skipped.first,
			gnutls_strerror(skipped.error));
	if (cred->roles & KSC_ROLE_BIT(KSC_ROLE_SERVER) && cred->issuers != KSC_ISSUERS_NONE &&
	    cred->n_issuers < n)
		ksc_log(KSC_LOG_WARNING,
			"%s:%u: trust: %s: clients are sent the names of %d of its %d authorities, as all take more than 16384 bytes",
			file->path, trust->line, trust->value, cred->n_issuers, n);
}

/**
 * ksc_take_trust() - read the authorities of a credential
 * @file: the configuration
 * @section: the credential's section
 * @set: the credentials, for the system's authorities
 * @cred: gets the authorities
 */
void ksc_take_trust(struct ksc_settings *file, const struct ksc_section *section,
		    struct ksc_credentials *set, struct ksc_credential *cred)
{
	const struct ksc_setting *trust = ksc_section_get(section, "trust");
	struct ksc_file raw;
	int rc;

	if (!trust && cred->roles == KSC_ROLE_BIT(KSC_ROLE_SERVER)) {
		if (cred->verify > KSC_VERIFY_NONE)
			ksc_complain(file, ksc_section_get(section, "verify")->line,
				     "verify: client certificates need a trust store: trust = FILE");
		return;
	}
	if (!trust && cred->roles & KSC_ROLE_BIT(KSC_ROLE_SERVER)) {
		ksc_complain(file, section->line,
			     "role = both needs a trust store: trust = FILE");
		return;
	}
	if (!trust || !strcmp(trust->value, "system")) {
		trust_system(file, trust, set, cred);
		return;
	}
	if (!read_file(file, trust, trust->value, &raw) &&
	    !is_bad(file, trust, trust->value, ksc_pem_trust_fault(&raw.data))) {
		rc = ksc_credential_set_trust(cred, &raw);
		if (rc <= 0)
			is_bad(file, trust, trust->value,
			       rc ? gnutls_strerror(rc) : "it has no certificate");
		else
			look_at_trust(file, trust, cred);
	}
	ksc_file_free(&raw);
}

static const char *crl_fault(int rc)
{
	switch (rc) {
	case GNUTLS_E_LARGE_PACKET:
		return "larger than 4 MiB";
	case GNUTLS_E_BASE64_UNEXPECTED_HEADER_ERROR:
		return "it has no revocation list";
	case GNUTLS_E_X509_UNSUPPORTED_CRITICAL_EXTENSION:
		return "it is not a complete list: it has a critical extension";
	}
	return gnutls_strerror(rc);
}

/* An old list still shuts out what it has. */
static void look_at_crls(const struct ksc_settings *file, const struct ksc_setting *s,
			 const char *path, struct ksc_crls *crls, const struct ksc_trust *trust)
{
	gnutls_x509_trust_list_t authorities;

	if (trust) {
		gnutls_certificate_get_trust_list(ksc_trust_x509(trust), &authorities);
		if (ksc_crls_forged(crls, authorities))
			ksc_log(KSC_LOG_WARNING,
				"%s:%u: crl: %s: a list is ignored, as its issuer has not signed it",
				file->path, s->line, path);
	}
	if (ksc_crls_next(crls) < time(NULL))
		ksc_log(KSC_LOG_WARNING, "%s:%u: crl: %s is out of date", file->path, s->line,
			path);
}

/**
 * ksc_take_crls() - read the revocation lists of a credential
 * @file: the configuration
 * @section: the credential's section, whose lists are modified
 * @cred: gets the revocation lists
 */
void ksc_take_crls(struct ksc_settings *file, const struct ksc_section *section,
		   struct ksc_credential *cred)
{
	struct list list;
	int i, rc;

	take_list(file, section, "crl", &list);
	for (i = 0; i < list.n; i++) {
		const char *path = list.paths[i];
		struct ksc_file raw;

		if (!read_file(file, list.s, path, &raw)) {
			rc = ksc_credential_add_crls(cred, &raw);
			if (rc < 0)
				is_bad(file, list.s, path, crl_fault(rc));
			else
				look_at_crls(file, list.s, path,
					     cred->validation.crls[cred->validation.n_crls - 1],
					     cred->validation.trust);
		}
		ksc_file_free(&raw);
	}
}
