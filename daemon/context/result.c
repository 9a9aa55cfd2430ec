// SPDX-License-Identifier: GPL-2.0-only
/* Replies to an application over the context socket, see uapi/context.yaml. */
#include <netlink/attr.h>

#include "context/result.h"

static int put_name(struct nl_msg *msg, int type, const char *name)
{
	return *name ? nla_put_string(msg, type, name) : 0;
}

static int put_some(struct nl_msg *msg, int type, const void *data, size_t len)
{
	return len ? nla_put(msg, type, (int)len, data) : 0;
}

static int put_session(struct nl_msg *msg, const struct ksc_session_info *info)
{
	struct nlattr *nest = nla_nest_start(msg, KSC_M_SESSION);

	if (!nest || put_name(msg, KSC_M_SESSION_ALPN, info->alpn) ||
	    put_name(msg, KSC_M_SESSION_SERVER_NAME, info->server_name))
		return -1;
	if (info->peer.present &&
	    (put_name(msg, KSC_M_SESSION_PEER_SUBJECT, info->peer.subject) ||
	     nla_put(msg, KSC_M_SESSION_PEER_FINGERPRINT, sizeof(info->peer.fingerprint),
		     info->peer.fingerprint)))
		return -1;
	if (info->resumed && nla_put_flag(msg, KSC_M_SESSION_RESUMED))
		return -1;
	/* the nest is required, even if it is empty */
	return nla_nest_end_keep_empty(msg, nest);
}

static int put_details(struct nl_msg *msg, const struct ksc_details *details)
{
	struct nlattr *nest = nla_nest_start(msg, KSC_M_DETAILS);

	if (!nest || (details->group && nla_put_u16(msg, KSC_M_DETAILS_GROUP, details->group)) ||
	    (details->signature &&
	     nla_put_u16(msg, KSC_M_DETAILS_SIGNATURE, details->signature)) ||
	    nla_put_u32(msg, KSC_M_DETAILS_TRAITS, details->traits) ||
	    put_some(msg, KSC_M_DETAILS_SESSION_ID, details->session_id,
		     details->session_id_len) ||
	    put_some(msg, KSC_M_DETAILS_END_POINT, details->end_point.hash,
		     details->end_point.len) ||
	    nla_nest_end(msg, nest))
		return -1;
	return put_some(msg, KSC_M_CHAIN, details->chain, details->chain_len) ||
	       put_some(msg, KSC_M_LOCAL_CHAIN, details->local_chain,
			details->local_chain_len) ? -1 : 0;
}

static int put_done(struct nl_msg *msg, const struct ksc_step *step)
{
	return nla_put_u16(msg, KSC_M_VERSION, step->keys.version) ||
	       nla_put_u16(msg, KSC_M_SUITE, step->keys.suite) || put_session(msg, &step->info) ||
	       (step->details && put_details(msg, step->details)) ? -1 : 0;
}

static int put_failure(struct nl_msg *msg, const struct ksc_step *step)
{
	if (step->direction != KSC_DIRECTION_NONE &&
	    (nla_put_u8(msg, KSC_M_ALERT, step->alert) ||
	     nla_put_u32(msg, KSC_M_DIRECTION, step->direction)))
		return -1;
	return put_name(msg, KSC_M_TEXT, step->text);
}

static int put_step(struct nl_msg *msg, uint32_t context, const struct ksc_step *step)
{
	if (nla_put_u32(msg, KSC_M_CONTEXT, context) ||
	    nla_put_u32(msg, KSC_M_STATUS, step->status) ||
	    nla_put_u32(msg, KSC_M_CONSUMED, (uint32_t)step->consumed) ||
	    (step->need && nla_put_u32(msg, KSC_M_NEED, (uint32_t)step->need)) ||
	    put_some(msg, KSC_M_TOKEN, step->token, step->token_len))
		return -1;
	if (step->status == KSC_STATUS_OK)
		return put_done(msg, step);
	if (step->status == KSC_STATUS_VERIFY_NEEDED)
		return nla_put_u32(msg, KSC_M_FAULTS, step->faults) ||
		       put_some(msg, KSC_M_CHAIN, step->chain, step->chain_len) ||
		       put_name(msg, KSC_M_TEXT, step->text) ? -1 : 0;
	if (step->status == KSC_STATUS_INCOMPLETE_CREDENTIALS)
		return put_some(msg, KSC_M_ISSUERS, step->issuers, step->issuers_len);
	return ksc_status_is_failure(step->status) ? put_failure(msg, step) : 0;
}

/**
 * ksc_result_new() - write the result of a step
 * @number: number of the request
 * @context: the application's number of the context
 * @step: the step
 *
 * Return: the message, or NULL if out of memory
 */
struct nl_msg *ksc_result_new(uint32_t number, uint32_t context, const struct ksc_step *step)
{
	size_t room = step->token_len + step->chain_len + step->issuers_len;
	struct nl_msg *msg;

	if (step->details)
		room += step->details->chain_len + step->details->local_chain_len;
	msg = ksc_message_new(KSC_MESSAGE_RESULT, number, room);
	if (msg && put_step(msg, context, step)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	return msg;
}

/**
 * ksc_result_error() - write an error: a step was refused, or a context has ended
 * @number: number of the request, or 0
 * @context: the application's number of the context, or NULL for none
 * @error: a positive errno
 * @text: the reason in one line, or ""
 *
 * Return: the message, or NULL if out of memory
 */
struct nl_msg *ksc_result_error(uint32_t number, const uint32_t *context, int error,
				const char *text)
{
	struct nl_msg *msg = ksc_message_new(KSC_MESSAGE_ERROR, number, 0);

	if (msg && ((context && nla_put_u32(msg, KSC_M_CONTEXT, *context)) ||
		    nla_put_u32(msg, KSC_M_ERROR, (uint32_t)error) ||
		    put_name(msg, KSC_M_TEXT, text))) {
		nlmsg_free(msg);
		msg = NULL;
	}
	return msg;
}
