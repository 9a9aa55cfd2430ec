// SPDX-License-Identifier: GPL-2.0-only
/*
 * The handshake engine, step by step. What GnuTLS has not pulled when the handshake is over
 * belongs to the record layer that takes the keys.
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

/* Put GnuTLS's error in the terms of the interface. */
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

/* Send the alert that the failure calls for, and say so. */
static enum ksc_status fail(struct ksc_engine *e, struct ksc_step *step)
{
	const struct ksc_failure *f = &e->failure;

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
		ksc_tls_blame(e, KSC_STATUS_INTERNAL_ERROR, -1, "Out of memory.");
		return fail(e, step);
	}
	if (crossed) {
		ksc_tls_blame(e, KSC_STATUS_PROTOCOL_ERROR, GNUTLS_A_UNEXPECTED_MESSAGE,
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
		rc = ksc_tls_start(e);
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
		ksc_tls_blame(e, records->alert == GNUTLS_A_RECORD_OVERFLOW ?
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
	ksc_tls_blame(e, status, alert, "%s", text);
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
		ksc_tls_blame(e, KSC_STATUS_PEER_REJECTED, e->manual.alert,
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
		ksc_tls_blame_choice(e, status, credential);
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
