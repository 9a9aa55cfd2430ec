// SPDX-License-Identifier: GPL-2.0-only
/*
 * GnuTLS's session: its setup and its callbacks. The transport that GnuTLS reads from is the step's
 * input, and the one that it writes to is the step's token.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <gnutls/gnutls.h>

#include "common/util.h"
#include "engine/chain.h"
#include "engine/name.h"
#include "engine/peers.h"
#include "engine/tls.h"

/* Size of a handshake message; Schannel's own limits are 16 and 32 KiB. */
#define MAX_HANDSHAKE_MESSAGE	KSC_MAX_TOKEN
/* Size of the server's group, with DHE-RSA. */
#define MIN_DH_BITS		2048

/**
 * ksc_tls_blame() - note why a session fails
 * @e: the session
 * @status: its status
 * @alert: the alert for the peer, or a negative number
 * @fmt: the reason in one sentence, as for printf()
 *
 * The first reason is kept; later ones are consequences.
 */
void ksc_tls_blame(struct ksc_engine *e, enum ksc_status status, int alert, const char *fmt, ...)
{
	struct ksc_failure *f = &e->failure;
	va_list args;

	if (f->status != KSC_STATUS_OK)
		return;
	f->status = status;
	f->has_alert = alert >= 0;
	f->alert = alert >= 0 ? (uint8_t)alert : 0;
	va_start(args, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, args);
	va_end(args);
	ksc_text_printable(f->text);
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
	struct ksc_engine *e = ptr;
	size_t left = e->in_len - e->in_pos;

	if (!left) {
		gnutls_transport_set_errno(e->tls, EAGAIN);
		return -1;
	}
	if (len > left)
		len = left;
	memcpy(buf, e->in + e->in_pos, len);
	e->in_pos += len;
	return (ssize_t)len;
}

static int pull_timeout(gnutls_transport_ptr_t ptr, unsigned int ms)
{
	const struct ksc_engine *e = ptr;

	(void)ms;
	return e->in_pos < e->in_len;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const void *buf, size_t len)
{
	struct ksc_engine *e = ptr;
	int rc = ksc_token_put(&e->out, buf, len);

	if (!rc)
		return (ssize_t)len;
	if (rc == -EMSGSIZE)
		ksc_tls_blame(e, KSC_STATUS_INTERNAL_ERROR, -1,
			      "Our flight exceeds the maximum size of a token.");
	gnutls_transport_set_errno(e->tls, ENOMEM);
	return -1;
}

static int on_secret(gnutls_session_t tls, gnutls_record_encryption_level_t level,
		     const void *rx, const void *tx, size_t len)
{
	struct ksc_engine *e = gnutls_session_get_ptr(tls);

	if (level == GNUTLS_ENCRYPTION_LEVEL_HANDSHAKE)
		ksc_span_secret(&e->span, rx, len);
	if (level != GNUTLS_ENCRYPTION_LEVEL_APPLICATION)
		return 0;
	return ksc_keys_note(&e->secrets, rx, tx, len);
}

static int judge(const struct ksc_engine *e, struct ksc_judgement *judgement)
{
	const char *name = e->role == KSC_ROLE_SERVER ? NULL : e->reference;
	int rc = ksc_verify_peer(e->tls, &e->cred->validation, e->role, name, judgement);

	return rc < 0 ? rc : ksc_rule_judge(e->rule, e->tls, judgement);
}

static int on_log(gnutls_session_t tls, const char *label, const gnutls_datum_t *secret)
{
	struct ksc_engine *e = gnutls_session_get_ptr(tls);

	ksc_keys_log(&e->secrets, label, secret);
	return 0;
}

/**
 * ksc_tls_verify() - verify the peer's certificate, or handle its absence
 * @tls: the session
 *
 * Return: 0, GNUTLS_E_AGAIN while the caller's verdict is pending, or another negative GnuTLS error
 */
int ksc_tls_verify(gnutls_session_t tls)
{
	struct ksc_engine *e = gnutls_session_get_ptr(tls);
	struct ksc_judgement judgement;
	int rc;

	/* GnuTLS calls this again when the handshake continues. */
	if (!e->manual.asked) {
		rc = judge(e, &judgement);
		if (rc < 0)
			return rc;
		if (!ksc_verify_tolerates(e->role, e->verify, judgement.faults)) {
			if (judgement.faults == KSC_FAULT_NO_CERTIFICATE)
				return GNUTLS_E_NO_CERTIFICATE_FOUND;
			ksc_tls_blame(e, KSC_STATUS_PEER_REJECTED, judgement.alert, "%s",
				      judgement.text);
			return GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
		}
		if (!e->manual.wanted) {
			e->verified = !judgement.faults;
			return 0;
		}
		rc = ksc_manual_ask(&e->manual, tls, &judgement);
		if (rc < 0)
			return rc;
	}
	if (e->manual.verdict != KSC_VERDICT_ACCEPT)
		return GNUTLS_E_AGAIN;
	e->verified = true;
	return 0;
}

static int use_alpn(struct ksc_engine *e)
{
	const uint8_t *list = e->alpn_len ? e->alpn : e->cred->alpn;
	size_t len = e->alpn_len ? e->alpn_len : e->cred->alpn_len;
	int rc = ksc_alpn_set(e->tls, e->role, list, len);

	if (rc == GNUTLS_E_INVALID_REQUEST)
		ksc_tls_blame(e, KSC_STATUS_INTERNAL_ERROR, GNUTLS_A_INTERNAL_ERROR,
			      "The list of application protocols is malformed or too long.");
	return rc;
}

static int use_as_server(struct ksc_engine *e)
{
	if (e->verify != KSC_VERIFY_NONE)
		gnutls_certificate_server_set_request(e->tls,
						      e->verify == KSC_VERIFY_REQUIRE ?
						      GNUTLS_CERT_REQUIRE :
						      GNUTLS_CERT_REQUEST);
	if (e->verify != KSC_VERIFY_NONE || !e->cred->resumption)
		return 0;
	/*
	 * A client certificate would not be verified again in a resumed session, so tickets are
	 * only sent if none is requested.
	 */
	return gnutls_session_ticket_enable_server(e->tls, &e->cred->ticket_key);
}

/* Offers to resume an earlier session that had all of these parameters. */
static int resume(struct ksc_engine *e)
{
	const uint64_t numbers[] = { e->verify, e->who.uid, e->who.gid, e->who.netns,
				     e->credentials->serial };
	const struct ksc_resume_part parts[] = {
		{ e->cred->name, strlen(e->cred->name) },
		{ e->server_name, strlen(e->server_name) },
		{ e->reference, strlen(e->reference) },
		{ e->alpn_len ? e->alpn : e->cred->alpn,
		  e->alpn_len ? e->alpn_len : e->cred->alpn_len },
		{ numbers, sizeof(numbers) },
		{ e->peer, e->peer_len },
		{ e->rule ? e->rule->name : "", e->rule ? strlen(e->rule->name) : 0 },
	};

	/* A caller that verifies or chooses a certificate needs a full handshake. */
	if (!e->cred->resumption || e->manual.wanted || e->pick.wanted)
		e->resume.cache = NULL;
	return ksc_resume_begin(&e->resume, e->tls, parts, ARRAY_SIZE(parts));
}

/**
 * ksc_tls_blame_choice() - note why a session has no credential
 * @e: the session
 * @status: KSC_STATUS_NO_CREDENTIALS or KSC_STATUS_ACCESS_DENIED
 * @name: the requested name, or ""
 */
void ksc_tls_blame_choice(struct ksc_engine *e, enum ksc_status status, const char *name)
{
	const char *why = status == KSC_STATUS_ACCESS_DENIED ?
			  "The caller may not use this credential" :
			  "No such credential for this role";

	ksc_tls_blame(e, status, GNUTLS_A_HANDSHAKE_FAILURE, "%s: %.64s.", why,
		      *name ? name : "(default)");
}

static gnutls_certificate_credentials_t x509_of(const struct ksc_engine *e)
{
	return e->role == KSC_ROLE_CLIENT && e->cred->picked_x509 ? e->cred->picked_x509 :
								    e->cred->x509;
}

/* Chooses the credential for this caller, name and role, and sets the session up with it. */
static int use_credential(struct ksc_engine *e)
{
	const struct ksc_choice choice = {
		.role = e->role,
		.name = e->credential,
		.server_name = *e->server_name ? e->server_name : NULL,
		.pks = e->hello.pks,
		.granted = e->rule && e->rule->credential,
		.who = e->who,
	};
	enum ksc_status status;
	int rc;

	status = ksc_credentials_choose(e->credentials, &choice, &e->cred);
	if (status != KSC_STATUS_OK) {
		ksc_tls_blame_choice(e, status, e->credential);
		return GNUTLS_E_INSUFFICIENT_CREDENTIALS;
	}
	if (e->role == KSC_ROLE_SERVER && !e->cred->n_certs) {
		ksc_tls_blame(e, KSC_STATUS_NO_CREDENTIALS, GNUTLS_A_HANDSHAKE_FAILURE,
			      "The credential has no certificate: %.64s.", e->cred->name);
		return GNUTLS_E_INSUFFICIENT_CREDENTIALS;
	}
	if (e->role == KSC_ROLE_SERVER && e->cred->strict_sni &&
	    !ksc_credential_serves(e->cred, e->server_name)) {
		ksc_tls_blame(e, KSC_STATUS_NO_CREDENTIALS, GNUTLS_A_UNRECOGNIZED_NAME,
			      "The credential %.64s does not serve the name \"%.128s\".",
			      e->cred->name, e->server_name);
		return GNUTLS_E_UNRECOGNIZED_NAME;
	}
	e->manual.wanted = e->verify == KSC_VERIFY_MANUAL;
	e->verify = ksc_verify_effective(e->role, e->verify, e->cred->verify);
	rc = ksc_priority_use(&e->cred->priority, e->tls, e->role,
			      e->rule ? e->rule->min_version : 0,
			      e->rule ? e->rule->max_version : 0);
	if (rc >= 0)
		rc = gnutls_credentials_set(e->tls, GNUTLS_CRD_CERTIFICATE, x509_of(e));
	if (rc >= 0)
		rc = use_alpn(e);
	if (rc >= 0)
		rc = e->role == KSC_ROLE_SERVER ? use_as_server(e) :
						  ksc_sni_set(e->tls, e->server_name);
	if (rc >= 0 && e->verify != KSC_VERIFY_NONE)
		gnutls_session_set_verify_function(e->tls, ksc_tls_verify);
	if (rc < 0 || e->role == KSC_ROLE_SERVER)
		return rc;
	e->pick.wanted = e->pick.wanted && !e->cred->n_certs;
	e->pick.cred = e->cred->n_certs ? e->cred : NULL;
	rc = ksc_pick_begin(&e->pick);
	return rc < 0 ? rc : resume(e);
}

/*
 * Called before GnuTLS processes a message, so that a server's session can be set up with the
 * credential that the ClientHello selects. A second ClientHello, after HelloRetryRequest, does not
 * change the selection.
 */
static int on_message(gnutls_session_t tls, unsigned int type, unsigned int when,
		      unsigned int incoming, const gnutls_datum_t *msg)
{
	struct ksc_engine *e = gnutls_session_get_ptr(tls);
	const char *why = NULL;
	int rc = incoming ? ksc_chain_look(tls, type, msg, e->credentials->known, &why) : 0;

	(void)when;
	if (incoming)
		ksc_span_message(&e->span, tls, type, msg);
	if (why)
		ksc_tls_blame(e, KSC_STATUS_PEER_REJECTED, gnutls_error_to_alert(rc, NULL),
			      "%s", why);
	if (rc < 0 || !incoming || (type == GNUTLS_HANDSHAKE_CLIENT_HELLO && e->cred))
		return rc;
	ksc_hello_read(type, msg, &e->hello);
	if (type != GNUTLS_HANDSHAKE_CLIENT_HELLO || e->role != KSC_ROLE_SERVER)
		return 0;
	memcpy(e->server_name, e->hello.server_name, sizeof(e->server_name));
	ksc_name_drop_dot(e->server_name);
	return use_credential(e);
}

/**
 * ksc_tls_start() - set up GnuTLS's session
 * @e: the session
 *
 * Return: 0 or a negative GnuTLS error
 */
int ksc_tls_start(struct ksc_engine *e)
{
	unsigned int flags = GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_AUTO_REKEY;
	int rc;

	if (e->role == KSC_ROLE_SERVER)
		flags |= GNUTLS_SERVER | GNUTLS_NO_TICKETS;
	else
		flags |= GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT;
	rc = gnutls_init(&e->tls, flags);
	if (rc < 0) {
		e->tls = NULL;
		return rc;
	}
	gnutls_session_set_ptr(e->tls, e);
	gnutls_db_set_ptr(e->tls, &e->pick);
	gnutls_transport_set_ptr(e->tls, e);
	gnutls_transport_set_pull_function(e->tls, pull);
	gnutls_transport_set_push_function(e->tls, push);
	gnutls_transport_set_pull_timeout_function(e->tls, pull_timeout);
	gnutls_handshake_set_timeout(e->tls, 0);
	gnutls_handshake_set_max_packet_length(e->tls, MAX_HANDSHAKE_MESSAGE);
	gnutls_handshake_set_secret_function(e->tls, on_secret);
	gnutls_session_set_keylog_function(e->tls, on_log);
	gnutls_handshake_set_hook_function(e->tls, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_PRE,
					   on_message);
	/* Sizes above the 1024 bits of NORMAL can still be unsafe (RFC 9325, 4.1). */
	gnutls_dh_set_prime_bits(e->tls, MIN_DH_BITS);
	if (e->role == KSC_ROLE_CLIENT)
		return use_credential(e);
	/* GnuTLS needs a priority before the ClientHello selects the credential. */
	return e->credentials->n ?
	       gnutls_priority_set(e->tls, e->credentials->list[0]->priority.cache[e->role]) :
	       gnutls_set_default_priority(e->tls);
}
