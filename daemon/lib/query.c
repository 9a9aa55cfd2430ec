// SPDX-License-Identifier: GPL-2.0-only
/*
 * More information about an established context. The daemon sends it with the last step; it remains
 * available after the context was attached.
 */
#include <errno.h>
#include <netlink/attr.h>
#include <stdlib.h>
#include <string.h>

#include "common/suites.h"
#include "lib/internal.h"

/* Parses the daemon's details about a context that is, or was, established */
static int look_up(const struct kschannel_context *context,
		   struct nlattr *tb[KSC_M_DETAILS_MAX + 1])
{
	if (!context->info.version)
		return -ENOTCONN;
	if (context->details)
		return nla_parse_nested(tb, KSC_M_DETAILS_MAX, context->details, NULL) ? -EIO : 0;
	for (int i = 0; i <= KSC_M_DETAILS_MAX; i++)
		tb[i] = NULL;
	return 0;
}

static uint16_t number(const struct nlattr *attr)
{
	return attr ? nla_get_u16(attr) : 0;
}

/**
 * kschannel_query_cipher() - query how the connection is protected
 * @context: the context
 * @cipher: filled in
 *
 * Return: 0; -ENOTCONN before the handshake is done; or -EIO if this library does not know the
 * suite
 */
int kschannel_query_cipher(struct kschannel_context *context, struct kschannel_cipher *cipher)
{
	struct nlattr *tb[KSC_M_DETAILS_MAX + 1];
	const struct ksc_suite *suite;
	uint16_t group, signature;
	int rc = look_up(context, tb);

	if (rc)
		return rc;
	suite = ksc_suite_find(context->info.cipher_suite);
	if (!suite)
		return -EIO;
	group = number(tb[KSC_M_DETAILS_GROUP]);
	signature = number(tb[KSC_M_DETAILS_SIGNATURE]);
	*cipher = (struct kschannel_cipher) {
		.version = context->info.version,
		.suite = suite->id,
		.suite_name = suite->name,
		.cipher = suite->cipher,
		.cipher_bits = suite->cipher_bits,
		.tag_bits = suite->tag_bits,
		.hash = suite->hash,
		.hash_bits = suite->hash_bits,
		.group = group,
		.group_name = ksc_group_name(group),
		.signature = signature,
		.signature_name = ksc_signature_name(signature),
	};
	return 0;
}

/**
 * kschannel_query_session() - query what was requested and what is in force
 * @context: the context
 * @session: filled in
 *
 * Return: as kschannel_query_cipher()
 */
int kschannel_query_session(struct kschannel_context *context, struct kschannel_session *session)
{
	struct nlattr *tb[KSC_M_DETAILS_MAX + 1];
	int rc = look_up(context, tb);

	if (rc)
		return rc;
	*session = (struct kschannel_session) {
		.verify = context->verify,
		.pick = context->pick,
		.resumed = context->info.flags & KSC_INFO_F_RESUMED,
	};
	if (tb[KSC_M_DETAILS_TRAITS])
		session->traits = nla_get_u32(tb[KSC_M_DETAILS_TRAITS]);
	if (tb[KSC_M_DETAILS_SESSION_ID])
		session->id_len = (size_t)nla_memcpy(session->id, tb[KSC_M_DETAILS_SESSION_ID],
						     sizeof(session->id));
	return 0;
}

/**
 * kschannel_query_chain() - query the certificates of one side
 * @context: the context
 * @local: ours instead of the peer's
 * @chain: set to the certificates in DER, the leaf first, each after its length in three bytes,
 *	most significant byte first; valid until the context is deleted
 * @len: set to the size in bytes, up to KSC_MAX_CHAIN
 *
 * Return: as kschannel_query_cipher(); -ENODATA if there are none: that side has sent none, or ours
 * were not sent because the session was resumed, or they had more than KSC_MAX_CHAIN bytes
 */
int kschannel_query_chain(struct kschannel_context *context, bool local, const void **chain,
			  size_t *len)
{
	const struct nlattr *attr = context->chain[local];

	if (!context->info.version)
		return -ENOTCONN;
	if (!attr || !nla_len(attr))
		return -ENODATA;
	*chain = nla_data(attr);
	*len = (size_t)nla_len(attr);
	return 0;
}

/**
 * kschannel_query_end_point() - query the channel binding tls-server-end-point, RFC 5929 4
 * @context: the context
 * @out: gets the hash of the server's certificate
 * @len: size of @out in bytes; set to the size of the hash, up to KSCHANNEL_END_POINT_MAX
 *
 * Return: as kschannel_query_cipher(); -ERANGE if it does not fit; -ENODATA if there is none: it is
 * not defined for the certificate's signature algorithm, or a server's session was resumed
 */
int kschannel_query_end_point(struct kschannel_context *context, void *out, size_t *len)
{
	struct nlattr *tb[KSC_M_DETAILS_MAX + 1];
	const struct nlattr *attr;
	int rc = look_up(context, tb);

	if (rc)
		return rc;
	attr = tb[KSC_M_DETAILS_END_POINT];
	if (!attr || !nla_len(attr))
		return -ENODATA;
	if ((size_t)nla_len(attr) > *len)
		return -ERANGE;
	*len = (size_t)nla_memcpy(out, attr, nla_len(attr));
	return 0;
}
