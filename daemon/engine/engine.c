// SPDX-License-Identifier: GPL-2.0-only
/*
 * The handshake engine, step by step. Input that GnuTLS has not read at the end of the handshake
 * belongs to the record layer.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <gnutls/gnutls.h>

#include "engine/engine.h"
#include "engine/name.h"
#include "engine/record.h"
#include "engine/tls.h"

/* Translates GnuTLS's error. */
static void blame_gnutls(struct ksc_engine *e, int rc)
{
	int alert;
	enum ksc_status status = ksc_status_of(e->tls, rc, &alert);

	ksc_tls_blame(e, status, alert, "%s", gnutls_strerror(rc));
}

static enum ksc_status hand_out(const struct ksc_engine *e, struct ksc_step *step)
{
	step->token = e->out.len ? e->out.data : NULL;
	step->token_len = e->out.len;
	return step->status;
}

/* Sends the alert of a failure, and notes it. */
static enum ksc_status fail(struct ksc_engine *e, struct ksc_step *step)
{
	const struct ksc_failure *f = &e->failure;

	e->ended = true;
	step->status = f->status;
	memcpy(step->text, f->text, sizeof(step->text));
	/* A part of a flight is sent, but not a part of a record. */
	if (e->out.failed)
		e->out.len = 0;
	/* A client that has not sent anything has no peer to alert. */
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
	ksc_tls_blame(e, KSC_STATUS_ALERT_RECEIVED, -1, "The peer sent a fatal alert: %s (%d).",
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
	/* Whatever GnuTLS has done in the handshake: without a verdict there is no session. */
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
	 * No certificate is sent in a resumed session. The original one is verified again: it may
	 * have expired, and the requirements may be stricter now.
	 */
	if (e->verify != KSC_VERIFY_NONE && !e->verified && gnutls_session_is_resumed(e->tls))
		rc = ksc_tls_verify(e->tls);
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

/* Whether the caller has to decide first. */
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
	 * All warnings are ignored, as RFC 5246, 7.2 allows. After a record that ends within a
	 * message, GnuTLS returns "again" even if the next record is available.
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
		ksc_tls_blame(e, KSC_STATUS_INTERNAL_ERROR, -1, "Out of memory.");
		return fail(e, step);
	}
	if (crossed) {
		ksc_tls_blame(e, KSC_STATUS_PROTOCOL_ERROR, GNUTLS_A_UNEXPECTED_MESSAGE,
			      "Data follows the last message of a flight.");
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
	 * A client that rejects our flight may not have installed its keys yet, and send its alert
	 * in plaintext (OpenSSL does): GnuTLS then fails to decrypt it. The handshake fails either
	 * way; this finds the reason.
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
		rc = ksc_tls_start(e);
		if (rc < 0) {
			blame_gnutls(e, rc);
			return fail(e, step);
		}
	}
	/* The caller's answer ends the handshake. */
	if (e->failure.status != KSC_STATUS_OK)
		return fail(e, step);
	/* Complete records before the fault can contain the reason, an alert. */
	if (!records->whole && records->error) {
		ksc_tls_blame(e, records->alert == GNUTLS_A_RECORD_OVERFLOW ?
			      KSC_STATUS_RECORD_OVERFLOW : KSC_STATUS_PROTOCOL_ERROR,
			      records->alert, "%s", records->error);
		return fail(e, step);
	}
	return run(e, step);
}

/**
 * ksc_engine_step() - perform one step of a handshake
 * @e: the session
 * @in: bytes from the peer, beginning with the first that no step has consumed
 * @len: number of bytes; 0 for a client's first step
 * @step: filled in; the caller wipes it by ksc_step_wipe(), because it can contain keys
 *
 * Only complete records are consumed. Without one, the session is unchanged.
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
 * @params: its parameters, which are copied, except the credentials, to which it takes a reference
 *
 * Return: the session, or NULL with errno: ENOMEM, or EINVAL for a list that is too long or an
 * unknown role
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
		ksc_tls_blame(e, KSC_STATUS_INTERNAL_ERROR, -1, "The server name \"%.64s\" %s.",
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
 * ksc_engine_free() - free a session and wipe its secrets
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
 * ksc_engine_give_up() - abort the handshake by the next step, which needs no input
 * @e: the session
 * @status: its status
 * @alert: the fatal alert for the peer
 * @text: the reason in one line
 */
void ksc_engine_give_up(struct ksc_engine *e, enum ksc_status status, uint8_t alert,
			const char *text)
{
	ksc_tls_blame(e, status, alert, "%s", text);
}

/**
 * ksc_engine_decide() - answer KSC_STATUS_VERIFY_NEEDED
 * @e: the session
 * @verdict: the caller's verdict
 * @alert: with KSC_VERDICT_REJECT: the alert for the peer, 0 for bad_certificate
 *
 * The next step, which needs no input, uses it. Nothing happens if no verdict is expected.
 */
void ksc_engine_decide(struct ksc_engine *e, enum ksc_verdict verdict, uint8_t alert)
{
	if (!ksc_manual_waits(&e->manual))
		return;
	ksc_manual_decide(&e->manual, verdict, alert);
	if (verdict == KSC_VERDICT_REJECT)
		ksc_tls_blame(e, KSC_STATUS_PEER_REJECTED, e->manual.alert,
			      "The application did not accept the peer's certificate. %s",
			      e->manual.judgement.text);
}

/**
 * ksc_engine_pick() - answer KSC_STATUS_INCOMPLETE_CREDENTIALS
 * @e: the session
 * @credential: name of the credential whose certificate is sent; NULL or "" for none
 *
 * The next step, which needs no input, uses it. Nothing happens if no answer is expected.
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
	if (status == KSC_STATUS_OK && cred && !cred->n_certs)
		status = KSC_STATUS_NO_CREDENTIALS;
	if (status != KSC_STATUS_OK)
		ksc_tls_blame_choice(e, status, credential);
	ksc_pick_answer(&e->pick, status == KSC_STATUS_OK ? cred : NULL);
}

/**
 * ksc_engine_ticket() - process a ticket after the handshake
 * @e: client's session, whose last step has set @tickets
 * @msg: a complete NewSessionTicket with its header
 * @len: its size in bytes
 *
 * Each ticket puts the session into the cache.
 *
 * Return: 0, or a negative GnuTLS error if further tickets are useless
 */
int ksc_engine_ticket(struct ksc_engine *e, const uint8_t *msg, size_t len)
{
	return ksc_resume_ticket(&e->resume, e->tls, msg, len);
}

/**
 * ksc_engine_credential() - get the credential of a session
 * @e: the session
 *
 * Return: the credential, valid as long as the session; NULL before it is chosen
 */
const struct ksc_credential *ksc_engine_credential(const struct ksc_engine *e)
{
	return e->cred;
}

/**
 * ksc_engine_details() - get the details of an established session
 * @e: the session
 * @info: from the last step
 * @details: zeroed; filled in; the caller frees it by ksc_details_free(), also after an error
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
