// SPDX-License-Identifier: GPL-2.0-only
/* Verifies a peer's certificate, and describes the peer. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "common/address.h"
#include "common/util.h"
#include "engine/crt.h"
#include "engine/host.h"
#include "engine/revocation.h"
#include "engine/peers.h"
#include "engine/rule.h"
#include "engine/verify.h"

/**
 * ksc_verify_effective() - determine how the peer's certificate is verified
 * @role: our role
 * @asked: the application's setting
 * @least: the credential's setting: the application can ask for more, never for less
 *
 * Return: the setting, never KSC_VERIFY_DEFAULT
 */
enum ksc_verify ksc_verify_effective(enum ksc_role role, enum ksc_verify asked,
				     enum ksc_verify least)
{
	if (asked == KSC_VERIFY_MANUAL)
		return least > KSC_VERIFY_NONE ? least : asked;
	if (least > asked)
		return least;
	if (asked == KSC_VERIFY_DEFAULT)
		return role == KSC_ROLE_CLIENT ? KSC_VERIFY_REQUIRE : KSC_VERIFY_NONE;
	return asked;
}

/**
 * ksc_verify_tolerates() - check whether a handshake can continue with faults
 * @role: our role
 * @verify: result of ksc_verify_effective()
 * @faults: set of enum ksc_fault
 *
 * A caller's verdict can accept any fault, but only if @verify is KSC_VERIFY_MANUAL: the credential
 * does not demand verification then.
 *
 * Return: true if it can
 */
bool ksc_verify_tolerates(enum ksc_role role, enum ksc_verify verify, uint32_t faults)
{
	if (verify == KSC_VERIFY_MANUAL)
		return true;
	return !faults || (faults == KSC_FAULT_NO_CERTIFICATE && role == KSC_ROLE_SERVER &&
			   verify == KSC_VERIFY_REQUEST);
}

/* The most specific alert, if several faults were found. */
static uint8_t alert_for(unsigned int faults)
{
	if (faults & GNUTLS_CERT_REVOKED)
		return GNUTLS_A_CERTIFICATE_REVOKED;
	if (faults & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED))
		return GNUTLS_A_CERTIFICATE_EXPIRED;
	if (faults & GNUTLS_CERT_PURPOSE_MISMATCH)
		return GNUTLS_A_UNSUPPORTED_CERTIFICATE;
	if (faults & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA))
		return GNUTLS_A_UNKNOWN_CA;
	return GNUTLS_A_BAD_CERTIFICATE;
}

/* Translates GnuTLS's faults; those without a counterpart are just invalid. */
static uint32_t faults_for(unsigned int faults)
{
	static const struct {
		unsigned int theirs;
		enum ksc_fault ours;
	} table[] = {
		{ GNUTLS_CERT_SIGNER_NOT_FOUND, KSC_FAULT_UNKNOWN_ISSUER },
		{ GNUTLS_CERT_EXPIRED, KSC_FAULT_EXPIRED },
		{ GNUTLS_CERT_NOT_ACTIVATED, KSC_FAULT_NOT_YET_VALID },
		{ GNUTLS_CERT_REVOKED, KSC_FAULT_REVOKED },
		{ GNUTLS_CERT_UNEXPECTED_OWNER, KSC_FAULT_WRONG_NAME },
		{ GNUTLS_CERT_PURPOSE_MISMATCH, KSC_FAULT_WRONG_PURPOSE },
		{ GNUTLS_CERT_SIGNER_NOT_CA, KSC_FAULT_BAD_ISSUER },
		{ GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE, KSC_FAULT_BAD_ISSUER },
		{ GNUTLS_CERT_SIGNATURE_FAILURE, KSC_FAULT_BAD_SIGNATURE },
		{ GNUTLS_CERT_INSECURE_ALGORITHM, KSC_FAULT_WEAK },
		{ GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED, KSC_FAULT_REVOCATION_UNKNOWN },
		{ GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE, KSC_FAULT_REVOCATION_UNKNOWN },
		{ GNUTLS_CERT_MISSING_OCSP_STATUS, KSC_FAULT_REVOCATION_UNKNOWN },
		{ GNUTLS_CERT_INVALID_OCSP_STATUS, KSC_FAULT_REVOCATION_UNKNOWN },
	};
	unsigned int known = GNUTLS_CERT_INVALID;
	uint32_t ours = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		known |= table[i].theirs;
		if (faults & table[i].theirs)
			ours |= table[i].ours;
	}
	return !ours || faults & ~known ? ours | KSC_FAULT_INVALID : ours;
}

static void explain(gnutls_session_t session, unsigned int faults, const char *name,
		    bool common, struct ksc_judgement *judgement)
{
	struct ksc_peer peer;
	gnutls_datum_t why = { NULL, 0 };
	int len;

	if (ksc_describe_peer(session, NULL, &peer) || !peer.present)
		strcpy(peer.subject, "?");
	if (gnutls_certificate_verification_status_print(faults, GNUTLS_CRT_X509,
							 &why, 0) < 0)
		why.data = NULL;
	/* GnuTLS puts a space after each sentence. */
	for (len = (int)why.size; why.data && len && why.data[len - 1] <= ' '; len--)
		why.data[len - 1] = '\0';
	/* The peer chooses the subject: its length is limited, so that the reason fits. */
	len = snprintf(judgement->text, sizeof(judgement->text), "%s (\"%.80s\"%s%s%.64s%s)",
		       why.data ? (char *)why.data : "The certificate is not accepted.",
		       peer.subject, name ? ", wanted: " : "",
		       name && strchr(name, ',') ? "all of " : "", name ? name : "",
		       common ? "; the common name is ignored" : "");
	if (len >= (int)sizeof(judgement->text))
		judgement->text[sizeof(judgement->text) - 1] = '\0';
	gnutls_free(why.data);
}

/* GnuTLS only uses the session's credentials, and these would free a list that is set there. */
static int verify_by(gnutls_session_t session, const struct ksc_trust *trust, const char *purpose,
		     unsigned int *faults)
{
	gnutls_typed_vdata_st data = { .type = GNUTLS_DT_KEY_PURPOSE_OID,
				       .data = (unsigned char *)purpose };
	const unsigned int n = purpose ? 1 : 0;
	void *mine;
	int rc, back;

	if (!trust)
		return gnutls_certificate_verify_peers(session, &data, n, faults);
	rc = gnutls_credentials_get(session, GNUTLS_CRD_CERTIFICATE, &mine);
	if (rc < 0)
		return rc;
	rc = gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, ksc_trust_x509(trust));
	if (rc < 0)
		return rc;
	rc = gnutls_certificate_verify_peers(session, &data, n, faults);
	back = gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, mine);
	return rc < 0 ? rc : back;
}

/* NULL for any purpose */
static const char *purpose_oid(enum ksc_purpose purpose, enum ksc_role role)
{
	if (purpose == KSC_PURPOSE_ROLE)
		purpose = role == KSC_ROLE_CLIENT ? KSC_PURPOSE_SERVER : KSC_PURPOSE_CLIENT;
	if (purpose == KSC_PURPOSE_ANY)
		return NULL;
	return purpose == KSC_PURPOSE_SERVER ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT;
}

static bool has_host_name(gnutls_x509_crt_t crt)
{
	char name[KSC_MAX_NAME + 1];
	unsigned int i, type;

	for (i = 0; ; i++) {
		size_t size = sizeof(name);
		int rc = gnutls_x509_crt_get_subject_alt_name2(crt, i, name, &size, &type, NULL);

		if (rc >= 0 && type == GNUTLS_SAN_DNSNAME)
			return true;
		/* Names that are too long or of an unknown kind are skipped. */
		if (rc < 0 && rc != GNUTLS_E_SHORT_MEMORY_BUFFER && rc != GNUTLS_E_X509_UNKNOWN_SAN)
			return false;
	}
}

/* RFC 9525, 6.3: the common name is ignored. GnuTLS uses it in a certificate without host names. */
static bool compare(gnutls_x509_crt_t crt, const char *names, bool *common)
{
	char host[KSC_MAX_NAME + 1];
	bool all = true;

	while (names) {
		names = ksc_host_next(names, host);
		if (!gnutls_x509_crt_check_hostname(crt, host))
			all = false;
		else if (!ksc_host_is_address(host) && !has_host_name(crt))
			*common = true;
	}
	return all && !*common;
}

/* The certificate must match all names, because any one of them can belong to another server. */
static int verify_names(gnutls_session_t session, const char *names, unsigned int *faults,
			bool *common)
{
	const gnutls_datum_t *chain;
	gnutls_x509_crt_t crt;
	unsigned int n = 0;
	int rc;

	chain = gnutls_certificate_get_peers(session, &n);
	rc = chain && n ? ksc_crt_import(&chain[0], &crt) : GNUTLS_E_NO_CERTIFICATE_FOUND;
	if (rc < 0)
		return rc;
	if (!compare(crt, names, common))
		*faults |= GNUTLS_CERT_INVALID | GNUTLS_CERT_UNEXPECTED_OWNER;
	gnutls_x509_crt_deinit(crt);
	return 0;
}

static void judge(gnutls_session_t session, unsigned int faults, const char *name, bool common,
		  struct ksc_judgement *judgement)
{
	judgement->faults |= faults_for(faults);
	judgement->alert = alert_for(faults);
	explain(session, faults, name, common, judgement);
	/* The cause is the unknown name, not the certificate. */
	if (name && ksc_host_is_unknown(name) && judgement->faults == KSC_FAULT_WRONG_NAME)
		snprintf(judgement->text, sizeof(judgement->text),
			 "The host names looked up for the address are no longer known, or too long: %.128s",
			 name);
}

/**
 * ksc_verify_peer() - verify the peer's certificate chain
 * @session: the session
 * @validation: how it is verified
 * @role: our role
 * @name: the name or address that the certificate must match, or a list from
 *	ksc_host_take_list(); NULL for any; with "", no certificate matches
 * @judgement: filled in
 *
 * Return: 0, also with faults, or a negative GnuTLS error
 */
int ksc_verify_peer(gnutls_session_t session, const struct ksc_validation *validation,
		    enum ksc_role role, const char *name, struct ksc_judgement *judgement)
{
	unsigned int shown = 0, faults = 0;
	struct ksc_lookup revocation;
	bool common = false;
	int rc;

	memset(judgement, 0, sizeof(*judgement));
	if (!gnutls_certificate_get_peers(session, &shown) || !shown) {
		judgement->faults = KSC_FAULT_NO_CERTIFICATE;
		strcpy(judgement->text, "The peer sent no certificate.");
		return 0;
	}
	ksc_revocation_begin(&revocation, session, validation);
	rc = verify_by(session, validation->trust, purpose_oid(validation->purpose, role), &faults);
	ksc_revocation_end(&revocation);
	if (rc >= 0 && name && *name)
		rc = verify_names(session, name, &faults, &common);
	if (rc < 0)
		return rc;
	if (name && !*name) {
		judgement->faults = KSC_FAULT_WRONG_NAME;
		judgement->alert = GNUTLS_A_BAD_CERTIFICATE;
		strcpy(judgement->text,
		       "There is no server name to check the certificate against.");
	}
	if (faults)
		judge(session, faults, name, common, judgement);
	ksc_revocation_judge(&revocation, judgement);
	return 0;
}

/* Makes the channel binding of a certificate signed by @sign, which can be a GnuTLS error */
static int bind_to(int sign, const gnutls_datum_t *der, struct ksc_end_point *end_point)
{
	gnutls_digest_algorithm_t hash;

	if (sign < 0)
		return sign;
	/* SHA-256 replaces MD5 and SHA-1; a signature without a single hash has no binding */
	hash = gnutls_sign_get_hash_algorithm((gnutls_sign_algorithm_t)sign);
	if (hash == GNUTLS_DIG_MD5 || hash == GNUTLS_DIG_SHA1)
		hash = GNUTLS_DIG_SHA256;
	end_point->len = gnutls_hash_get_len(hash);
	if (!end_point->len || end_point->len > sizeof(end_point->hash)) {
		end_point->len = 0;
		return 0;
	}
	return gnutls_hash_fast(hash, der->data, der->size, end_point->hash);
}

/**
 * ksc_end_point_make() - make the channel binding of a server's certificate
 * @der: the certificate
 * @end_point: filled in
 *
 * Return: 0, also if it is not defined, or a negative GnuTLS error
 */
int ksc_end_point_make(const gnutls_datum_t *der, struct ksc_end_point *end_point)
{
	gnutls_x509_crt_t crt;
	int rc = ksc_crt_import(der, &crt);

	if (rc < 0)
		return rc;
	rc = bind_to(gnutls_x509_crt_get_signature_algorithm(crt), der, end_point);
	gnutls_x509_crt_deinit(crt);
	return rc;
}

/* Marks a truncated subject, so that two that differ only later are not taken for the same. */
static void put_subject(char *subject, size_t size, const char *prefix, const char *text)
{
	static const char cut[] = "...";

	if ((size_t)snprintf(subject, size, "%s%s", prefix, text) >= size)
		memcpy(subject + size - sizeof(cut), cut, sizeof(cut));
}

/* The prefix of a name, as in a rule's peers; NULL for kinds that are not text */
static const char *prefix_of(unsigned int type)
{
	return type == GNUTLS_SAN_IPADDRESS ? "ip:" : ksc_peer_prefix(type);
}

/* Formats an address; in other names, replaces characters that are not printable ASCII */
static void make_readable(unsigned int type, char *name, size_t len)
{
	unsigned char address[16];
	size_t i;

	if (type == GNUTLS_SAN_IPADDRESS && (len == 4 || len == 16)) {
		memcpy(address, name, len);
		ksc_host_print(address, len, name);
		return;
	}
	for (i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~')
			name[i] = '?';
	name[len] = '\0';
}

/* The first alternative name, which stands for an empty subject (RFC 5280 4.2.1.6) */
static void name_of(gnutls_x509_crt_t crt, char *subject, size_t size)
{
	/* larger than a subject, with room for the NUL, which GnuTLS does not append */
	char name[1024];
	unsigned int i, type;

	for (i = 0; ; i++) {
		size_t len = sizeof(name) - 1;
		int rc = gnutls_x509_crt_get_subject_alt_name2(crt, i, name, &len, &type, NULL);

		if (rc < 0 && rc != GNUTLS_E_SHORT_MEMORY_BUFFER && rc != GNUTLS_E_X509_UNKNOWN_SAN)
			return;
		if (rc < 0 || !prefix_of(type))
			continue;
		make_readable(type, name, len);
		put_subject(subject, size, prefix_of(type), name);
		return;
	}
}

/* RFC 4514's form. An attribute's type has no colon: an alternative name cannot imitate it. */
static int subject_of(gnutls_x509_crt_t crt, char *subject, size_t size)
{
	gnutls_datum_t text = { NULL, 0 };
	int rc = gnutls_x509_crt_get_dn3(crt, &text, 0);

	if (rc < 0 && rc != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
		return rc;
	if (rc >= 0 && text.data && *text.data)
		put_subject(subject, size, "", (char *)text.data);
	else
		name_of(crt, subject, size);
	gnutls_free(text.data);
	return 0;
}

/* False if the certificate must be imported */
static bool describe_parts(const gnutls_datum_t *der, struct ksc_peer *peer)
{
	gnutls_datum_t text = { NULL, 0 };
	struct ksc_crt_parts parts;
	bool done;

	if (!ksc_crt_split(der, &parts) || parts.sign == GNUTLS_SIGN_UNKNOWN ||
	    gnutls_x509_rdn_get2(&parts.subject, &text, 0) < 0)
		return false;
	done = text.data && *text.data && bind_to((int)parts.sign, der, &peer->end_point) >= 0;
	if (done)
		put_subject(peer->subject, sizeof(peer->subject), "", (char *)text.data);
	gnutls_free(text.data);
	return done;
}

static int describe_whole(const gnutls_datum_t *der, struct ksc_peer *peer)
{
	gnutls_x509_crt_t crt;
	int rc = ksc_crt_import(der, &crt);

	if (rc < 0)
		return rc;
	rc = bind_to(gnutls_x509_crt_get_signature_algorithm(crt), der, &peer->end_point);
	if (rc >= 0)
		rc = subject_of(crt, peer->subject, sizeof(peer->subject));
	gnutls_x509_crt_deinit(crt);
	return rc;
}

/**
 * ksc_describe() - describe the subject of a certificate
 * @der: the certificate
 * @known: cache of descriptions, or NULL
 * @peer: filled in
 *
 * Return: 0 or a negative GnuTLS error
 */
int ksc_describe(const gnutls_datum_t *der, struct ksc_known *known, struct ksc_peer *peer)
{
	size_t len = sizeof(peer->fingerprint);
	int rc;

	if (ksc_known_find(known, der, peer))
		return 0;
	memset(peer, 0, sizeof(*peer));
	rc = gnutls_fingerprint(GNUTLS_DIG_SHA256, der, peer->fingerprint, &len);
	if (rc < 0)
		return rc;
	if (!describe_parts(der, peer))
		rc = describe_whole(der, peer);
	peer->present = rc >= 0;
	if (rc < 0)
		return rc;
	ksc_known_keep(known, der, peer);
	return 0;
}

/**
 * ksc_describe_peer() - describe the peer
 * @session: the session
 * @known: cache of descriptions, or NULL
 * @peer: filled in
 *
 * Return: 0, also if the peer sent no certificate, or a negative GnuTLS error
 */
int ksc_describe_peer(gnutls_session_t session, struct ksc_known *known, struct ksc_peer *peer)
{
	const gnutls_datum_t *chain;
	unsigned int n = 0;

	chain = gnutls_certificate_get_peers(session, &n);
	if (chain && n)
		return ksc_describe(&chain[0], known, peer);
	memset(peer, 0, sizeof(*peer));
	return 0;
}
