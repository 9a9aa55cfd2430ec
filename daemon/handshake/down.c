// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages to the kernel: results of steps, and keys of handshakes that applications carried.
 * uapi/kschannel.yaml specifies them.
 */
#include <stdbool.h>
#include <string.h>
#include <netlink/attr.h>

#include "handshake/down.h"

static int put_key(struct nl_msg *msg, int type, const struct ksc_key *key)
{
	struct nlattr *nest = nla_nest_start(msg, type | NLA_F_NESTED);

	if (!nest)
		return -1;
	if (key->secret_len &&
	    nla_put(msg, KSC_A_KEY_SECRET, (int)key->secret_len, key->secret))
		return -1;
	if (key->key_len &&
	    (nla_put(msg, KSC_A_KEY_KEY, (int)key->key_len, key->key) ||
	     nla_put(msg, KSC_A_KEY_IV, (int)key->iv_len, key->iv)))
		return -1;
	if (nla_put_u64(msg, KSC_A_KEY_RECORD_SEQ, key->seq))
		return -1;
	return nla_nest_end(msg, nest);
}

static int put_keys(struct nl_msg *msg, const struct ksc_keys *keys)
{
	struct nlattr *nest = nla_nest_start(msg, KSC_A_CONTEXT_KEYS | NLA_F_NESTED);

	if (!nest || nla_put_u16(msg, KSC_A_KEYS_VERSION, keys->version) ||
	    nla_put_u16(msg, KSC_A_KEYS_SUITE, keys->suite) ||
	    put_key(msg, KSC_A_KEYS_TX, &keys->tx) || put_key(msg, KSC_A_KEYS_RX, &keys->rx))
		return -1;
	if (keys->max_record && nla_put_u32(msg, KSC_A_KEYS_MAX_RECORD, keys->max_record))
		return -1;
	if (keys->exporter_len &&
	    nla_put(msg, KSC_A_KEYS_EXPORTER, (int)keys->exporter_len, keys->exporter))
		return -1;
	if (keys->exporter_len && keys->version == 0x0303 &&
	    nla_put(msg, KSC_A_KEYS_RANDOMS, sizeof(keys->randoms), keys->randoms))
		return -1;
	return nla_nest_end(msg, nest);
}

static int put_name(struct nl_msg *msg, int type, const char *name)
{
	return *name ? nla_put_string(msg, type, name) : 0;
}

static int put_session(struct nl_msg *msg, const struct ksc_session_info *info)
{
	struct nlattr *nest = nla_nest_start(msg, KSC_A_CONTEXT_SESSION | NLA_F_NESTED);

	if (!nest || put_name(msg, KSC_A_SESSION_ALPN, info->alpn) ||
	    put_name(msg, KSC_A_SESSION_SERVER_NAME, info->server_name))
		return -1;
	if (info->peer.present &&
	    (nla_put_string(msg, KSC_A_SESSION_PEER_SUBJECT, info->peer.subject) ||
	     nla_put(msg, KSC_A_SESSION_PEER_FINGERPRINT, sizeof(info->peer.fingerprint),
		     info->peer.fingerprint)))
		return -1;
	if (info->resumed && nla_put_flag(msg, KSC_A_SESSION_RESUMED))
		return -1;
	return nla_nest_end(msg, nest);
}

/**
 * ksc_down_step() - write the result of a step
 * @msg: message to the kernel
 * @id: the context
 * @seq: number of the step, as in the offer
 * @step: the step
 *
 * Return: 0, or -1 when there is no room
 */
int ksc_down_step(struct nl_msg *msg, uint64_t id, uint32_t seq, const struct ksc_step *step)
{
	if (nla_put_u64(msg, KSC_A_CONTEXT_ID, id) || nla_put_u32(msg, KSC_A_CONTEXT_SEQ, seq) ||
	    nla_put_u32(msg, KSC_A_CONTEXT_STATUS, step->status) ||
	    nla_put_u32(msg, KSC_A_CONTEXT_CONSUMED, (uint32_t)step->consumed))
		return -1;
	if (step->need && nla_put_u32(msg, KSC_A_CONTEXT_NEED, (uint32_t)step->need))
		return -1;
	if (step->token_len &&
	    nla_put(msg, KSC_A_CONTEXT_TOKEN, (int)step->token_len, step->token))
		return -1;
	if (step->status == KSC_STATUS_OK)
		return put_keys(msg, &step->keys) || put_session(msg, &step->info) ||
		       (step->tickets && nla_put_flag(msg, KSC_A_CONTEXT_TICKETS)) ? -1 : 0;
	if (step->status == KSC_STATUS_VERIFY_NEEDED &&
	    (nla_put_u32(msg, KSC_A_CONTEXT_FAULTS, step->faults) ||
	     nla_put(msg, KSC_A_CONTEXT_CHAIN, (int)step->chain_len, step->chain) ||
	     put_name(msg, KSC_A_CONTEXT_TEXT, step->text)))
		return -1;
	if (!ksc_status_is_failure(step->status))
		return 0;
	if (step->direction != KSC_DIRECTION_NONE &&
	    (nla_put_u8(msg, KSC_A_CONTEXT_ALERT, step->alert) ||
	     nla_put_u32(msg, KSC_A_CONTEXT_DIRECTION, step->direction)))
		return -1;
	return put_name(msg, KSC_A_CONTEXT_TEXT, step->text);
}

/* Returns the size of @text in bytes, truncated to @size at a UTF-8 character boundary. */
static size_t cut(const char *text, size_t size)
{
	size_t len = strlen(text);

	if (len <= size)
		return len;
	len = size;
	while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	return len;
}

/*
 * A key object is small, and cannot hold names of any length; the peer and the application choose
 * them. Protocol and server name are complete or left out, because a part of them would be another
 * name; the subject is truncated. So KSC_INFO of the socket can say less than the daemon told the
 * application.
 */
static void fit(struct ksc_session_info *info, const char **credential)
{
	size_t room = KSC_MAX_KEY_TEXT - strlen(info->alpn);

	if (strlen(info->server_name) > room)
		info->server_name[0] = '\0';
	room -= strlen(info->server_name);
	if (strlen(*credential) > room)
		*credential = "";
	room -= strlen(*credential);
	info->peer.subject[cut(info->peer.subject, room)] = '\0';
}

/**
 * ksc_down_key() - write keys for the kernel
 * @msg: message to the kernel
 * @request: the keys and their attributes
 *
 * Return: 0, or -1 if there is no room
 */
int ksc_down_key(struct nl_msg *msg, const struct ksc_key_request *request)
{
	struct ksc_session_info info = request->step->info;
	const char *credential = request->credential;

	fit(&info, &credential);
	if (nla_put_u64(msg, KSC_A_CONTEXT_ID, request->id) ||
	    nla_put_u32(msg, KSC_A_CONTEXT_ROLE, request->role) ||
	    put_keys(msg, &request->step->keys) || put_session(msg, &info) ||
	    put_name(msg, KSC_A_CONTEXT_CREDENTIAL, credential) ||
	    nla_put_u32(msg, KSC_A_CONTEXT_VERIFY, request->verify) ||
	    nla_put_u32(msg, KSC_A_CONTEXT_UID, request->uid) ||
	    nla_put_u64(msg, KSC_A_CONTEXT_NETNS, request->netns))
		return -1;
	return request->step->tickets && nla_put_flag(msg, KSC_A_CONTEXT_TICKETS) ? -1 : 0;
}
