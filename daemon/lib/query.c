// SPDX-License-Identifier: GPL-2.0-only
/*
 * What else is known of an established context. The kernel is asked once, and what it
 * said holds after the context was attached, too.
 */
#include <errno.h>
#include <netlink/attr.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "suites.h"

static int copy_chain(const struct nlattr *attr, uint8_t **chain, size_t *len)
{
	if (!attr || *chain)
		return 0;
	*chain = malloc((size_t)nla_len(attr) + 1);
	if (!*chain)
		return -ENOMEM;
	*len = (size_t)nla_len(attr);
	memcpy(*chain, nla_data(attr), *len);
	return 0;
}

static size_t copy_bytes(const struct nlattr *attr, void *to, size_t room)
{
	size_t len = attr ? (size_t)nla_len(attr) : 0;

	if (len > room)
		return 0;
	if (len)
		memcpy(to, nla_data(attr), len);
	return len;
}

static uint16_t number(const struct nlattr *attr)
{
	return attr ? nla_get_u16(attr) : 0;
}

/**
 * kschannel_details_take() - take what the kernel says of an established context
 * @d: filled in
 * @tb: the message's attributes
 *
 * Return: 0 or -ENOMEM
 */
int kschannel_details_take(struct kschannel_details *d, struct nlattr **tb)
{
	struct kschannel_session *s = &d->session;
	struct nlattr *more[KSC_A_DETAILS_MAX + 1];

	if (copy_chain(tb[KSC_A_CONTEXT_CHAIN], &d->chain[0], &d->chain_len[0]) ||
	    copy_chain(tb[KSC_A_CONTEXT_LOCAL_CHAIN], &d->chain[1], &d->chain_len[1]))
		return -ENOMEM;
	if (tb[KSC_A_CONTEXT_VERIFY])
		s->verify = (enum ksc_verify)nla_get_u32(tb[KSC_A_CONTEXT_VERIFY]);
	s->pick = tb[KSC_A_CONTEXT_PICK];
	d->known = true;
	if (!tb[KSC_A_CONTEXT_DETAILS] ||
	    nla_parse_nested(more, KSC_A_DETAILS_MAX, tb[KSC_A_CONTEXT_DETAILS], NULL))
		return 0;
	d->group = number(more[KSC_A_DETAILS_GROUP]);
	d->signature = number(more[KSC_A_DETAILS_SIGNATURE]);
	if (more[KSC_A_DETAILS_TRAITS])
		s->traits = nla_get_u32(more[KSC_A_DETAILS_TRAITS]);
	s->id_len = copy_bytes(more[KSC_A_DETAILS_SESSION_ID], s->id, sizeof(s->id));
	d->end_point_len = copy_bytes(more[KSC_A_DETAILS_END_POINT], d->end_point,
				      sizeof(d->end_point));
	return 0;
}

/**
 * kschannel_details_free() - free what the kernel has said
 * @details: the details
 */
void kschannel_details_free(struct kschannel_details *details)
{
	free(details->chain[0]);
	free(details->chain[1]);
}

static int ask(struct kschannel_context *context)
{
	int rc;

	if (!context->info.version)
		return -ENOTCONN;
	if (context->details.known)
		return 0;
	rc = kschannel_msg_get(context);
	return rc || context->details.known ? rc : -EIO;
}

/**
 * kschannel_query_cipher() - how the connection is protected
 * @context: the context
 * @cipher: filled in
 *
 * Return: 0; -ENOTCONN before the handshake is done; -ESTALE after kschannel_attach(),
 * if none of kschannel_query_cipher(), kschannel_query_session(), kschannel_query_chain()
 * and kschannel_query_end_point() was called before it; -ENOMEM; or -EIO
 */
int kschannel_query_cipher(struct kschannel_context *context, struct kschannel_cipher *cipher)
{
	const struct kschannel_details *d = &context->details;
	const struct kschannel_suite *suite;
	int rc = ask(context);

	if (rc)
		return rc;
	suite = kschannel_suite_find(context->info.cipher_suite);
	if (!suite)
		return -EIO;
	*cipher = (struct kschannel_cipher) {
		.version = context->info.version,
		.suite = suite->id,
		.suite_name = suite->name,
		.cipher = suite->cipher,
		.cipher_bits = suite->cipher_bits,
		.tag_bits = suite->tag_bits,
		.hash = suite->hash,
		.hash_bits = suite->hash_bits,
		.group = d->group,
		.group_name = kschannel_group_name(d->group),
		.signature = d->signature,
		.signature_name = kschannel_signature_name(d->signature),
	};
	return 0;
}

/**
 * kschannel_query_session() - what was asked for, and what is in force
 * @context: the context
 * @session: filled in
 *
 * Return: as kschannel_query_cipher()
 */
int kschannel_query_session(struct kschannel_context *context, struct kschannel_session *session)
{
	int rc = ask(context);

	if (rc)
		return rc;
	*session = context->details.session;
	session->resumed = context->info.flags & KSC_INFO_F_RESUMED;
	return 0;
}

/**
 * kschannel_query_chain() - the certificates of one side
 * @context: the context
 * @local: ours, else the peer's
 * @chain: set to them, in DER, the side's own first, each after its length in three
 *	bytes, the highest first; valid until the context's deletion
 * @len: set to the bytes, up to KSC_MAX_CHAIN
 *
 * Return: as kschannel_query_cipher(); -ENODATA when there are none: the side has shown
 * none, or it was ours in a session that goes on with an earlier one, or there were more
 * than KSC_MAX_CHAIN bytes
 */
int kschannel_query_chain(struct kschannel_context *context, bool local, const void **chain,
			  size_t *len)
{
	int rc = ask(context);

	if (rc)
		return rc;
	if (!context->details.chain_len[local])
		return -ENODATA;
	*chain = context->details.chain[local];
	*len = context->details.chain_len[local];
	return 0;
}

/**
 * kschannel_query_end_point() - the channel binding tls-server-end-point, RFC 5929 4
 * @context: the context
 * @out: gets it: the hash of the server's certificate
 * @len: room there; set to its bytes, up to KSCHANNEL_END_POINT_MAX
 *
 * Return: as kschannel_query_cipher(); -ERANGE when it does not fit; -ENODATA when there
 * is none: it is not defined for the certificate's signature, or a server's session goes
 * on with an earlier one
 */
int kschannel_query_end_point(struct kschannel_context *context, void *out, size_t *len)
{
	const struct kschannel_details *d = &context->details;
	int rc = ask(context);

	if (rc)
		return rc;
	if (!d->end_point_len)
		return -ENODATA;
	if (d->end_point_len > *len)
		return -ERANGE;
	memcpy(out, d->end_point, d->end_point_len);
	*len = d->end_point_len;
	return 0;
}
