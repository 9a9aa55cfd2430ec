// SPDX-License-Identifier: GPL-2.0-only
/*
 * The handshake engine. GnuTLS believes that it talks over a transport; what
 * it pulls are the bytes of the step's input, what it pushes is the step's
 * token, and what it has not pulled when the handshake is over belongs to the
 * record layer that takes the keys.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <gnutls/gnutls.h>

#include "common/util.h"
#include "engine/chain.h"
#include "engine/engine.h"
#include "engine/hello.h"
#include "engine/manual.h"
#include "engine/name.h"
#include "engine/pick.h"
#include "engine/record.h"
#include "engine/resume.h"
#include "engine/span.h"
#include "engine/token.h"

/* Of one handshake message; Schannel's own caps are 16 and 32 KiB. */
#define MAX_HANDSHAKE_MESSAGE	KSC_MAX_TOKEN
/* Of the server's group, with DHE-RSA. */
#define MIN_DH_BITS		2048

/**
 * struct failure - why a session ended
 * @status: KSC_STATUS_OK while nothing is wrong
 * @has_alert: there is an alert to send
 * @alert: which
 * @text: one sentence
 */
struct failure {
	enum ksc_status status;
	bool has_alert;
	uint8_t alert;
	char text[KSC_MAX_TEXT + 1];
};

/**
 * struct ksc_engine - a session
 * @tls: GnuTLS's part; NULL until the first step
 * @credentials: generation to choose from
 * @cred: the choice, NULL until it is made
 * @rules: holds @rule
 * @rule: the policy's for this connection, or NULL
 * @role: ours
 * @verify: what is asked of the peer's certificate
 * @hello: the peer's
 * @server_name: client: what was set; server: what the client asked for
 * @reference: client: what the certificate must be for
 * @credential: name asked for
 * @alpn: ProtocolNameList
 * @alpn_len: its bytes
 * @who: owner of the socket, or the application
 * @peer: client: the server's socket address
 * @peer_len: its bytes
 * @in: input of the step under way
 * @in_len: its bytes in whole records
 * @in_pos: those that GnuTLS has pulled
 * @out: the token
 * @started: the first step has been made
 * @ended: no further step is possible
 * @verified: the peer's certificate was judged and accepted
 * @manual: the caller's part in that
 * @pick: the caller's part in the choice of our certificate
 * @secrets: TLS 1.3's, of both directions
 * @resume: client's part in resumption
 * @span: how far the peer's messages reach
 * @failure: found in one of GnuTLS's callbacks, more telling than its error
 */
struct ksc_engine {
	gnutls_session_t tls;
	struct ksc_credentials *credentials;
	const struct ksc_credential *cred;
	struct ksc_rules *rules;
	const struct ksc_rule *rule;
	enum ksc_role role;
	enum ksc_verify verify;
	struct ksc_hello hello;
	char server_name[KSC_MAX_NAME + 1];
	char reference[KSC_MAX_NAME + 1];
	char credential[KSC_MAX_NAME + 1];
	uint8_t alpn[KSC_MAX_ALPN];
	size_t alpn_len;
	struct ksc_who who;
	uint8_t peer[KSC_MAX_PEER];
	size_t peer_len;
	const uint8_t *in;
	size_t in_len;
	size_t in_pos;
	struct ksc_token out;
	bool started;
	bool ended;
	bool verified;
	struct ksc_manual manual;
	struct ksc_pick pick;
	struct ksc_secrets secrets;
	struct ksc_resume resume;
	struct ksc_span span;
	struct failure failure;
};

/* The first reason given is the real one. */
static void __attribute__((format(printf, 4, 5)))
blame(struct ksc_engine *e, enum ksc_status status, int alert, const char *fmt, ...)
{
	struct failure *f = &e->failure;
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
		blame(e, KSC_STATUS_INTERNAL_ERROR, -1,
		      "Our flight is larger than a token may be.");
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
	int rc = ksc_verify_peer(e->tls, e->cred->trust, e->role, name, judgement);

	return rc < 0 ? rc : ksc_rule_judge(e->rule, e->tls, judgement);
}

static int on_log(gnutls_session_t tls, const char *label, const gnutls_datum_t *secret)
{
	struct ksc_engine *e = gnutls_session_get_ptr(tls);

	ksc_keys_log(&e->secrets, label, secret);
	return 0;
}

static int on_verify(gnutls_session_t tls)
{
	struct ksc_engine *e = gnutls_session_get_ptr(tls);
	struct ksc_judgement judgement;
	int rc;

	/* GnuTLS comes here again when the handshake goes on. */
	if (!e->manual.asked) {
		rc = judge(e, &judgement);
		if (rc < 0)
			return rc;
		if (!ksc_verify_tolerates(e->role, e->verify, judgement.faults)) {
			if (judgement.faults == KSC_FAULT_NO_CERTIFICATE)
				return GNUTLS_E_NO_CERTIFICATE_FOUND;
			blame(e, KSC_STATUS_PEER_REJECTED, judgement.alert, "%s", judgement.text);
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
		blame(e, KSC_STATUS_INTERNAL_ERROR, GNUTLS_A_INTERNAL_ERROR,
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
	 * A resumed session would not have its client certificate judged again,
	 * so tickets are for those who need none.
	 */
	return gnutls_session_ticket_enable_server(e->tls, &e->cred->ticket_key);
}

/* Offer to go on with an earlier session, if there is one that all of this led to. */
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

	/* Who judges or picks by hand is shown what the server shows now. */
	if (!e->cred->resumption || e->manual.wanted || e->pick.wanted)
		e->resume.cache = NULL;
	return ksc_resume_begin(&e->resume, e->tls, parts, ARRAY_SIZE(parts));
}

static void blame_choice(struct ksc_engine *e, enum ksc_status status, const char *name)
{
	blame(e, status, GNUTLS_A_HANDSHAKE_FAILURE, "%s: %.64s.",
	      status == KSC_STATUS_ACCESS_DENIED ? "The credential is not for this caller" :
						   "There is no such credential for this role",
	      *name ? name : "(default)");
}

/* Take up the credential for this caller, this name and this role. */
static int use_credential(struct ksc_engine *e)
{
	const struct ksc_choice choice = {
		.role = e->role,
		.name = e->credential,
		.server_name = *e->server_name ? e->server_name : NULL,
		.granted = e->rule && e->rule->credential,
		.who = e->who,
	};
	enum ksc_status status;
	int rc;

	status = ksc_credentials_choose(e->credentials, &choice, &e->cred);
	if (status != KSC_STATUS_OK) {
		blame_choice(e, status, e->credential);
		return GNUTLS_E_INSUFFICIENT_CREDENTIALS;
	}
	if (e->role == KSC_ROLE_SERVER && !e->cred->has_cert) {
		blame(e, KSC_STATUS_NO_CREDENTIALS, GNUTLS_A_HANDSHAKE_FAILURE,
		      "The credential has no certificate: %.64s.", e->cred->name);
		return GNUTLS_E_INSUFFICIENT_CREDENTIALS;
	}
	e->manual.wanted = e->verify == KSC_VERIFY_MANUAL;
	e->verify = ksc_verify_effective(e->role, e->verify, e->cred->verify);
	rc = ksc_credential_prefer(e->cred, e->tls, e->role, e->rule ? e->rule->min_version : 0,
				   e->rule ? e->rule->max_version : 0);
	if (rc >= 0)
		rc = gnutls_credentials_set(e->tls, GNUTLS_CRD_CERTIFICATE, e->cred->x509);
	if (rc >= 0)
		rc = use_alpn(e);
	if (rc >= 0)
		rc = e->role == KSC_ROLE_SERVER ? use_as_server(e) :
						  ksc_sni_set(e->tls, e->server_name);
	if (rc >= 0 && e->verify != KSC_VERIFY_NONE)
		gnutls_session_set_verify_function(e->tls, on_verify);
	if (rc < 0 || e->role == KSC_ROLE_SERVER)
		return rc;
	e->pick.wanted = e->pick.wanted && !e->cred->has_cert;
	rc = ksc_pick_begin(&e->pick);
	return rc < 0 ? rc : resume(e);
}

/*
 * A message has come, and GnuTLS has not looked at it yet, so that for a
 * server everything still follows from the credential that the ClientHello
 * selects. A second one, after HelloRetryRequest, has no say.
 */
static int on_message(gnutls_session_t tls, unsigned int type, unsigned int when,
		      unsigned int incoming, const gnutls_datum_t *msg)
{
	struct ksc_engine *e = gnutls_session_get_ptr(tls);
	const char *why = NULL;
	int rc = incoming ? ksc_chain_look(tls, type, msg, &why) : 0;

	(void)when;
	if (incoming)
		ksc_span_message(&e->span, tls, type, msg);
	if (why)
		blame(e, KSC_STATUS_PEER_REJECTED, gnutls_error_to_alert(rc, NULL), "%s", why);
	if (rc < 0 || !incoming || (type == GNUTLS_HANDSHAKE_CLIENT_HELLO && e->cred))
		return rc;
	ksc_hello_read(type, msg, &e->hello);
	if (type != GNUTLS_HANDSHAKE_CLIENT_HELLO || e->role != KSC_ROLE_SERVER)
		return 0;
	memcpy(e->server_name, e->hello.server_name, sizeof(e->server_name));
	ksc_name_drop_dot(e->server_name);
	return use_credential(e);
}

static int start(struct ksc_engine *e)
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
	/* What is above NORMAL's 1024 bits may be below what is safe (RFC 9325, 4.1). */
	gnutls_dh_set_prime_bits(e->tls, MIN_DH_BITS);
	if (e->role == KSC_ROLE_CLIENT)
		return use_credential(e);
	/* Something has to be set before the ClientHello decides. */
	return e->credentials->n ?
	       gnutls_priority_set(e->tls, e->credentials->list[0]->priority[e->role]) :
	       gnutls_set_default_priority(e->tls);
}

/* Put GnuTLS's error in the terms of the interface. */
static void blame_gnutls(struct ksc_engine *e, int rc)
{
	int alert;
	enum ksc_status status = ksc_status_of(e->tls, rc, &alert);

	blame(e, status, alert, "%s", gnutls_strerror(rc));
}

static enum ksc_status hand_out(const struct ksc_engine *e, struct ksc_step *step)
{
	step->token = e->out.len ? e->out.data : NULL;
	step->token_len = e->out.len;
	return step->status;
}

/* Send the alert that the failure calls for, and say so. */
static enum ksc_status fail(struct ksc_engine *e, struct ksc_step *step)
{
	const struct failure *f = &e->failure;

	e->ended = true;
	step->status = f->status;
	memcpy(step->text, f->text, sizeof(step->text));
	/* What has been made of a flight is better than nothing; half a record is not. */
	if (e->out.failed)
		e->out.len = 0;
	/* A client that has not said anything has nobody to alert. */
	if (f->has_alert && e->tls && !e->out.failed &&
	    (e->started || e->role == KSC_ROLE_SERVER) &&
	    gnutls_alert_send(e->tls, GNUTLS_AL_FATAL,
			      (gnutls_alert_description_t)f->alert) == 0 &&
	    !e->out.failed) {
		step->alert = f->alert;
		step->direction = KSC_DIRECTION_SENT;
	}
	if (e->out.failed)
		e->out.len = 0;
	return hand_out(e, step);
}

static enum ksc_status alert_received(struct ksc_engine *e, int number, struct ksc_step *step)
{
	blame(e, KSC_STATUS_ALERT_RECEIVED, -1, "The peer sent a fatal alert: %s (%d).",
	      ksc_alert_name(number), number);
	step->alert = (uint8_t)number;
	step->direction = KSC_DIRECTION_RECEIVED;
	return fail(e, step);
}

static int collect_info(struct ksc_engine *e, struct ksc_session_info *info)
{
	int rc;

	memcpy(info->server_name, e->server_name, sizeof(info->server_name));
	info->resumed = gnutls_session_is_resumed(e->tls) != 0;
	ksc_alpn_selected(e->tls, info->alpn, sizeof(info->alpn));
	rc = ksc_describe_peer(e->tls, e->credentials->known, &info->peer);
	if (rc < 0)
		return rc;
	/* Whatever way GnuTLS took through the handshake: no verdict, no session. */
	if (e->verify != KSC_VERIFY_NONE && info->peer.present && !e->verified)
		return GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
	if ((e->verify == KSC_VERIFY_REQUIRE || e->manual.wanted) && !e->verified)
		return GNUTLS_E_NO_CERTIFICATE_FOUND;
	return 0;
}

static enum ksc_status complete(struct ksc_engine *e, struct ksc_step *step)
{
	int rc = 0;

	/*
	 * No certificate comes with a resumed session. The one that came with the
	 * first is judged anew: it may have expired, and more may be asked now.
	 */
	if (e->verify != KSC_VERIFY_NONE && !e->verified && gnutls_session_is_resumed(e->tls))
		rc = on_verify(e->tls);
	if (rc >= 0)
		rc = collect_info(e, &step->info);
	if (rc >= 0)
		rc = ksc_keys_collect(e->tls, &e->secrets, &step->keys);
	if (rc < 0) {
		explicit_bzero(&step->keys, sizeof(step->keys));
		memset(&step->info, 0, sizeof(step->info));
		blame_gnutls(e, rc);
		return fail(e, step);
	}
	step->keys.max_record = ksc_hello_max_record(&e->hello, e->tls);
	if (e->role == KSC_ROLE_CLIENT)
		step->tickets = ksc_resume_done(&e->resume, e->tls,
						e->verify != KSC_VERIFY_NONE);
	e->ended = true;
	step->status = KSC_STATUS_OK;
	return hand_out(e, step);
}

/* Whether the caller has to say how to go on. */
static bool waits(const struct ksc_engine *e)
{
	return e->pick.asked || ksc_manual_waits(&e->manual);
}

static enum ksc_status ask(const struct ksc_engine *e, struct ksc_step *step)
{
	if (e->pick.asked)
		ksc_pick_tell(&e->pick, step);
	else
		ksc_manual_tell(&e->manual, step);
	return hand_out(e, step);
}

static enum ksc_status run(struct ksc_engine *e, struct ksc_step *step)
{
	size_t before;
	bool crossed;
	int rc;

	/*
	 * A warning is ignored, whatever it is, as RFC 5246, 7.2 allows. And a
	 * record that ends within a message is "again" to GnuTLS even if the
	 * next one is there.
	 */
	do {
		before = e->in_pos;
		rc = ksc_pick_handshake(&e->pick, e->tls);
	} while (e->in_pos > before && !waits(e) &&
		 (rc == GNUTLS_E_INTERRUPTED || rc == GNUTLS_E_WARNING_ALERT_RECEIVED ||
		  (rc == GNUTLS_E_AGAIN && e->in_pos < e->in_len)));
	step->consumed = e->in_pos;
	e->started = true;
	crossed = ksc_span_crosses(&e->span, e->tls, e->in, e->in_pos, e->out.len, &rc);
	if (e->out.failed) {
		blame(e, KSC_STATUS_INTERNAL_ERROR, -1, "Out of memory.");
		return fail(e, step);
	}
	if (crossed) {
		blame(e, KSC_STATUS_PROTOCOL_ERROR, GNUTLS_A_UNEXPECTED_MESSAGE,
		      "Something follows a message that was the last of its flight.");
		return fail(e, step);
	}
	if (rc == 0)
		return complete(e, step);
	if (rc == GNUTLS_E_AGAIN && waits(e))
		return ask(e, step);
	if (rc == GNUTLS_E_AGAIN && e->in_pos == e->in_len) {
		step->status = KSC_STATUS_CONTINUE_NEEDED;
		return hand_out(e, step);
	}
	if (rc == GNUTLS_E_FATAL_ALERT_RECEIVED)
		return alert_received(e, (int)gnutls_alert_get(e->tls), step);
	/*
	 * A client that likes nothing of our flight may not have its keys in place
	 * yet, and send its alert in the clear (OpenSSL does): GnuTLS then fails to
	 * decrypt it. It ends the handshake either way; this is about telling why.
	 */
	if (rc == GNUTLS_E_DECRYPTION_FAILED && ksc_records_alert(e->in, e->in_pos) >= 0)
		return alert_received(e, ksc_records_alert(e->in, e->in_pos), step);
	blame_gnutls(e, rc);
	return fail(e, step);
}

static enum ksc_status take_records(struct ksc_engine *e, const struct ksc_records *records,
				    struct ksc_step *step)
{
	int rc;

	if (!e->tls) {
		rc = start(e);
		if (rc < 0) {
			blame_gnutls(e, rc);
			return fail(e, step);
		}
	}
	/* The caller's answer was none to go on with. */
	if (e->failure.status != KSC_STATUS_OK)
		return fail(e, step);
	/* What is whole before the fault may hold the reason for it: an alert. */
	if (!records->whole && records->error) {
		blame(e, records->alert == GNUTLS_A_RECORD_OVERFLOW ?
		      KSC_STATUS_RECORD_OVERFLOW : KSC_STATUS_PROTOCOL_ERROR,
		      records->alert, "%s", records->error);
		return fail(e, step);
	}
	return run(e, step);
}

/**
 * ksc_engine_step() - make one step of a handshake
 * @e: the session
 * @in: bytes from the peer, from the first that no step has consumed
 * @len: how many; a client's first step has none
 * @step: filled in; to be wiped by ksc_step_wipe(), since it may carry keys
 *
 * Only whole records are taken. Without one, the session stays as it was.
 *
 * Return: @step->status
 */
enum ksc_status ksc_engine_step(struct ksc_engine *e, const uint8_t *in, size_t len,
				struct ksc_step *step)
{
	const bool judged = ksc_manual_answered(&e->manual);
	const bool picked = ksc_pick_answered(&e->pick);
	const bool given_up = e->failure.status != KSC_STATUS_OK;
	struct ksc_records records;

	memset(step, 0, sizeof(*step));
	if (e->ended) {
		snprintf(step->text, sizeof(step->text), "The handshake is over.");
		step->status = KSC_STATUS_INTERNAL_ERROR;
		return step->status;
	}
	e->out.len = 0;
	if (waits(e) && !given_up)
		return ask(e, step);
	ksc_records_scan(in, len, &records);
	if (!records.whole && !records.error && !judged && !picked && !given_up &&
	    (e->role == KSC_ROLE_SERVER || e->started || len)) {
		step->need = records.need;
		step->status = KSC_STATUS_INCOMPLETE_MESSAGE;
		return step->status;
	}
	e->in = in;
	e->in_len = records.whole;
	e->in_pos = 0;
	take_records(e, &records, step);
	e->in = NULL;
	e->in_len = 0;
	e->in_pos = 0;
	return step->status;
}

/**
 * ksc_engine_new() - begin a session
 * @params: what it is begun with; nothing of it is needed later but the
 *	credentials, of which the session takes a reference
 *
 * Return: the session, or NULL with errno ENOMEM, or EINVAL when a
 * list is too long or the role is none
 */
struct ksc_engine *ksc_engine_new(const struct ksc_engine_params *params)
{
	const char *why = NULL;
	struct ksc_engine *e;

	if (params->alpn_len > KSC_MAX_ALPN || params->peer_len > KSC_MAX_PEER ||
	    (params->role != KSC_ROLE_CLIENT && params->role != KSC_ROLE_SERVER)) {
		errno = EINVAL;
		return NULL;
	}
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->role = params->role;
	e->verify = params->verify;
	e->who = params->who;
	e->pick.wanted = params->pick && e->role == KSC_ROLE_CLIENT;
	if (ksc_name_copy(e->credential, params->credential)) {
		free(e);
		errno = EINVAL;
		return NULL;
	}
	if (e->role == KSC_ROLE_CLIENT)
		why = ksc_name_settle(params->server_name, params->peer_address, e->server_name,
				      e->reference);
	if (why)
		blame(e, KSC_STATUS_INTERNAL_ERROR, -1, "The server name \"%.64s\" %s.",
		      params->server_name, why);
	if (params->alpn_len)
		memcpy(e->alpn, params->alpn, params->alpn_len);
	e->alpn_len = params->alpn_len;
	if (params->peer_len)
		memcpy(e->peer, params->peer, params->peer_len);
	e->peer_len = params->peer_len;
	if (params->role == KSC_ROLE_CLIENT)
		ksc_resume_init(&e->resume, params->cache);
	ksc_groups_get(e->who.groups);
	e->credentials = ksc_credentials_get(params->credentials);
	e->rules = ksc_rules_get(params->rules);
	e->rule = params->rule;
	return e;
}

/**
 * ksc_engine_free() - end a session and forget its secrets
 * @e: the session, or NULL
 */
void ksc_engine_free(struct ksc_engine *e)
{
	if (!e)
		return;
	ksc_pick_end(&e->pick);
	if (e->tls)
		gnutls_deinit(e->tls);
	ksc_groups_put(e->who.groups);
	ksc_credentials_put(e->credentials);
	ksc_rules_put(e->rules);
	free(e->out.data);
	free(e->manual.chain);
	explicit_bzero(e, sizeof(*e));
	free(e);
}

/**
 * ksc_engine_give_up() - have the handshake end
 * @e: the session
 * @status: what the next step, which needs no input, ends it with
 * @alert: which fatal alert tells the peer
 * @text: why, in a line
 */
void ksc_engine_give_up(struct ksc_engine *e, enum ksc_status status, uint8_t alert,
			const char *text)
{
	blame(e, status, alert, "%s", text);
}

/**
 * ksc_engine_decide() - say what is to be done after KSC_STATUS_VERIFY_NEEDED
 * @e: the session
 * @verdict: the caller's
 * @alert: to reject: which alert to send, 0 for bad_certificate
 *
 * The next step, which needs no input, goes by it. Nothing happens when no verdict
 * is awaited.
 */
void ksc_engine_decide(struct ksc_engine *e, enum ksc_verdict verdict, uint8_t alert)
{
	if (!ksc_manual_waits(&e->manual))
		return;
	ksc_manual_decide(&e->manual, verdict, alert);
	if (verdict == KSC_VERDICT_REJECT)
		blame(e, KSC_STATUS_PEER_REJECTED, e->manual.alert,
		      "The application did not accept the peer's certificate. %s",
		      e->manual.judgement.text);
}

/**
 * ksc_engine_pick() - say how to go on after KSC_STATUS_INCOMPLETE_CREDENTIALS
 * @e: the session
 * @credential: name of the credential whose certificate is to be shown; NULL or "" for none
 *
 * The next step, which needs no input, goes by it. Nothing happens when nothing was asked.
 */
void ksc_engine_pick(struct ksc_engine *e, const char *credential)
{
	const struct ksc_choice choice = { .role = KSC_ROLE_CLIENT, .name = credential,
					   .who = e->who };
	const struct ksc_credential *cred = NULL;
	enum ksc_status status = KSC_STATUS_OK;

	if (!e->pick.asked)
		return;
	if (credential && *credential)
		status = ksc_credentials_choose(e->credentials, &choice, &cred);
	if (status == KSC_STATUS_OK && cred && !cred->has_cert)
		status = KSC_STATUS_NO_CREDENTIALS;
	if (status != KSC_STATUS_OK)
		blame_choice(e, status, credential);
	ksc_pick_answer(&e->pick, status == KSC_STATUS_OK ? cred : NULL);
}

/**
 * ksc_engine_ticket() - take a ticket that came after the handshake
 * @e: client's session, whose last step said that it is worth while
 * @msg: a whole NewSessionTicket with its header
 * @len: its bytes
 *
 * The session goes to the cache, once more for each ticket.
 *
 * Return: 0, or a negative GnuTLS error: then no further ticket is of use
 */
int ksc_engine_ticket(struct ksc_engine *e, const uint8_t *msg, size_t len)
{
	return ksc_resume_ticket(&e->resume, e->tls, msg, len);
}

/**
 * ksc_engine_credential() - which credential a session uses
 * @e: the session
 *
 * Return: the credential, NULL before it is chosen; it lives as long as the
 * session
 */
const struct ksc_credential *ksc_engine_credential(const struct ksc_engine *e)
{
	return e->cred;
}

/**
 * ksc_engine_details() - say what else is known of an established session
 * @e: the session
 * @info: what the last step said
 * @details: zeroed; filled in, and to be freed by ksc_details_free() in any case
 *
 * Return: 0 or a negative GnuTLS error
 */
int ksc_engine_details(const struct ksc_engine *e, const struct ksc_session_info *info,
		       struct ksc_details *details)
{
	if (e->manual.verdict == KSC_VERDICT_ACCEPT)
		details->traits |= KSC_TRAIT_ACCEPTED;
	if (e->verified && !e->manual.judgement.faults)
		details->traits |= KSC_TRAIT_VERIFIED;
	return ksc_details_collect(e->tls, e->role, e->pick.cred ? e->pick.cred : e->cred,
				   &info->peer, details);
}
