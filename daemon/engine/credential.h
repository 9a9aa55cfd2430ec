/* SPDX-License-Identifier: GPL-2.0-only */
/* credential.c: named credentials, who may use them, and which one is chosen. */
#ifndef KSC_CREDENTIAL_H
#define KSC_CREDENTIAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#include <gnutls/gnutls.h>
#include <linux/kschannel.h>

#include "engine/access.h"
#include "engine/file.h"
#include "engine/hello.h"
#include "engine/priority.h"
#include "engine/trust.h"
#include "engine/verify.h"

/* Bit of a role in struct ksc_credential. */
#define KSC_ROLE_BIT(role)	(1U << (role))

/* Limits of GnuTLS for one handshake. */
#define KSC_MAX_ALPN_NAMES	8
#define KSC_MAX_ALPN_NAME	31

/**
 * enum ksc_issuers - which authorities a server names to its clients
 * @KSC_ISSUERS_ALL: all, or none if these are too many
 * @KSC_ISSUERS_CUT: as many as fit
 * @KSC_ISSUERS_NONE: none
 */
enum ksc_issuers {
	KSC_ISSUERS_ALL,
	KSC_ISSUERS_CUT,
	KSC_ISSUERS_NONE,
};

/**
 * struct ksc_own - a certificate of ours
 * @path: the file that it was read from
 * @given: number of certificates in the file, some of which may not belong to its chain
 * @from: of those, when the one that expires first becomes valid
 * @to: and when it expires
 * @der: the leaf, which belongs to the credential's x509
 * @pk: kind of its key
 * @end_point: its channel binding tls-server-end-point
 */
struct ksc_own {
	char *path;
	unsigned int given;
	time_t from;
	time_t to;
	gnutls_datum_t der;
	gnutls_pk_algorithm_t pk;
	struct ksc_end_point end_point;
};

/**
 * struct ksc_cert_files - where a certificate and its key are read from
 * @cert: the leaf and its chain, PEM or DER; NULL if @key is PKCS #12
 * @key: the leaf's key, PEM or DER, or PKCS #12
 * @password_file: where @password was read from, or NULL
 * @password: password that @key is encrypted with, or NULL
 */
struct ksc_cert_files {
	const struct ksc_file *cert;
	const struct ksc_file *key;
	const struct ksc_file *password_file;
	const char *password;
};

/**
 * struct ksc_credential - what one side of a handshake presents and requires
 * @name: its name in the configuration
 * @line: number of its first line there, 0 if it is built in
 * @roles: KSC_ROLE_BIT()s of its roles
 * @is_default: used if no other is named or matches
 * @verify: how the peer's certificate is verified, unless the socket says so
 * @names: server names that it is chosen for
 * @n_names: number of names
 * @alpn: ProtocolNameList, unless the socket has one
 * @alpn_len: its size in bytes
 * @restricted: only for @uids and @gids, even if a rule names it
 * @uids: users who may use it
 * @n_uids: number of users
 * @gids: groups who may use it
 * @n_gids: number of groups
 * @strict_sni: a server that uses it refuses clients that ask for none of @names
 * @certs: its certificates, in order of preference
 * @n_certs: number of certificates
 * @pks: KSC_PK_ bits of their keys
 * @readers: unless @restricted, who may use the keys without a rule that grants it
 * @x509: certificates and keys; and authorities whose names a server sends
 * @picked_x509: for a client with several certificates: has none, so that one is picked that the
 *	server can verify; otherwise NULL
 * @validation: how it verifies peers
 * @issuers: which of its authorities a server names
 * @n_issuers: number of those that it names
 * @priority: versions, suites, groups and signature algorithms that it negotiates
 * @resumption: sessions are resumed: a client uses tickets, a server issues them
 * @ticket_key: secret from which the keys of a server's tickets are derived, every few hours a new
 *	one; lives as long as the credential
 *
 * Built by one thread, then constant, so that any thread may read it.
 */
struct ksc_credential {
	char *name;
	unsigned int line;
	unsigned int roles;
	bool is_default;
	enum ksc_verify verify;
	char **names;
	size_t n_names;
	uint8_t *alpn;
	size_t alpn_len;
	bool restricted;
	uid_t *uids;
	size_t n_uids;
	gid_t *gids;
	size_t n_gids;
	bool strict_sni;
	struct ksc_own *certs;
	unsigned int n_certs;
	unsigned int pks;
	struct ksc_access readers;
	gnutls_certificate_credentials_t x509;
	gnutls_certificate_credentials_t picked_x509;
	struct ksc_validation validation;
	enum ksc_issuers issuers;
	int n_issuers;
	struct ksc_priority priority;
	bool resumption;
	gnutls_datum_t ticket_key;
};

/**
 * struct ksc_credentials - one generation of the configuration's credentials
 * @refs: references: of the configuration, and of each session
 * @serial: unique number in this process
 * @list: the credentials, in the order of the file
 * @n: number of credentials
 * @system: the system's authorities if a credential trusts them, otherwise NULL
 * @known: peers that were described
 *
 * A reload builds a new generation; sessions keep theirs.
 */
struct ksc_credentials {
	atomic_uint refs;
	uint64_t serial;
	struct ksc_credential **list;
	size_t n;
	struct ksc_trust *system;
	struct ksc_known *known;
};

/**
 * struct ksc_choice - criteria for a credential
 * @role: our role
 * @name: the requested credential, or NULL
 * @server_name: server: the name that the client asks for, or NULL
 * @pks: server: KSC_PK_ bits of the keys that the client can use
 * @granted: @name is from the policy, not from the caller
 * @who: the caller
 */
struct ksc_choice {
	enum ksc_role role;
	const char *name;
	const char *server_name;
	unsigned int pks;
	bool granted;
	struct ksc_who who;
};

struct ksc_credential *ksc_credential_new(const char *name, unsigned int roles);
void ksc_credential_free(struct ksc_credential *cred);
int ksc_credential_add_cert(struct ksc_credential *cred, const struct ksc_cert_files *files,
			    ksc_members_fn *members);
const struct ksc_own *ksc_credential_own(const struct ksc_credential *cred,
					 const gnutls_datum_t *der);
bool ksc_credential_has_name(const struct ksc_credential *cred, const char *name);
bool ksc_credential_serves(const struct ksc_credential *cred, const char *name);
int ksc_credential_set_trust(struct ksc_credential *cred, const struct ksc_file *file);
int ksc_credential_add_crls(struct ksc_credential *cred, const struct ksc_file *file);
void ksc_credential_share_trust(struct ksc_credential *cred, struct ksc_trust *trust);
int ksc_credential_add_name(struct ksc_credential *cred, const char *name);
int ksc_credential_allow_uid(struct ksc_credential *cred, uid_t uid);
int ksc_credential_allow_gid(struct ksc_credential *cred, gid_t gid);
int ksc_credential_finish(struct ksc_credential *cred);

struct ksc_credentials *ksc_credentials_new(void);
struct ksc_credentials *ksc_credentials_get(struct ksc_credentials *set);
void ksc_credentials_put(struct ksc_credentials *set);
int ksc_credentials_add(struct ksc_credentials *set, struct ksc_credential *cred);
enum ksc_status ksc_credentials_choose(const struct ksc_credentials *set,
				       const struct ksc_choice *choice,
				       const struct ksc_credential **found);

#endif
