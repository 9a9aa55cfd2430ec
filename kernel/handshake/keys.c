// SPDX-License-Identifier: GPL-2.0-only
/*
 * The result of a handshake: parses its keys and session from the daemon's message.
 */
#include <linux/ctype.h>
#include <linux/kschannel.h>
#include <linux/kschannel_netlink.h>
#include <linux/slab.h>
#include <linux/sockptr.h>
#include <linux/tcp.h>
#include <linux/uaccess.h>
#include <net/genetlink.h>
#include <net/tcp.h>

#include "handshake/keys.h"
#include "memcg.h"
#include "netlink-gen.h"
#include "record/cipher.h"
#include "record/exporter.h"
#include "record/frame.h"

/**
 * ksc_keys_free() - zeroise and free keys
 * @keys: keys, or all zero
 *
 * Context: any.
 */
void ksc_keys_free(struct ksc_keys *keys)
{
	kfree(keys->session);
	kfree_sensitive(keys->exporter);
	memzero_explicit(keys, sizeof(*keys));
}

/**
 * ksc_keys_copy() - copy keys, charged to the calling process
 * @to: filled in; the caller frees it with ksc_keys_free()
 * @from: keys
 *
 * Context: process. Return: 0, or -ENOMEM and @to is empty.
 */
int ksc_keys_copy(struct ksc_keys *to, const struct ksc_keys *from)
{
	*to = *from;
	to->exporter = NULL;
	to->session = kmemdup(from->session, struct_size(from->session, text, from->session->size),
			      GFP_KERNEL_ACCOUNT);
	if (from->exporter)
		to->exporter = kmemdup(from->exporter, sizeof(*from->exporter),
				       GFP_KERNEL_ACCOUNT);
	if (to->session && !to->exporter == !from->exporter)
		return 0;
	ksc_keys_free(to);
	return -ENOMEM;
}

static u8 ksc_step_secret(u8 *to, const struct nlattr *a)
{
	u8 len;

	if (!a)
		return 0;
	len = nla_len(a);
	memcpy(to, nla_data(a), len);
	return len;
}

static int ksc_keys_parse_key(struct ksc_key *key, struct nlattr *nest,
			      const struct ksc_suite *suite,
			      struct netlink_ext_ack *extack)
{
	struct nlattr *tb[KSC_A_KEY_MAX + 1];
	int err;

	if (!nest) {
		NL_SET_ERR_MSG(extack, "missing keys of a direction");
		return -EINVAL;
	}
	err = nla_parse_nested(tb, KSC_A_KEY_MAX, nest, ksc_key_nl_policy, extack);
	if (err)
		return err;
	key->secret_len = ksc_step_secret(key->secret, tb[KSC_A_KEY_SECRET]);
	key->key_len = ksc_step_secret(key->key, tb[KSC_A_KEY_KEY]);
	key->iv_len = ksc_step_secret(key->iv, tb[KSC_A_KEY_IV]);
	if (tb[KSC_A_KEY_RECORD_SEQ])
		key->seq = nla_get_u64(tb[KSC_A_KEY_RECORD_SEQ]);

	if (suite->version == KSC_VERSION_1_3 &&
	    (key->secret_len != suite->hash_len || key->key_len || key->iv_len)) {
		NL_SET_ERR_MSG_ATTR(extack, nest,
				    "TLS 1.3 requires a secret of the suite's hash length");
		return -EINVAL;
	}
	if (suite->version == KSC_VERSION_1_2 &&
	    (key->key_len != suite->key_len || key->iv_len != suite->salt_len ||
	     key->secret_len)) {
		NL_SET_ERR_MSG_ATTR(extack, nest,
				    "TLS 1.2 requires a key and iv of the suite's lengths");
		return -EINVAL;
	}
	return 0;
}

/* TLS 1.2 may have none, RFC 7627 5.4 */
static int ksc_keys_parse_exporter(struct ksc_keys *keys, struct nlattr **tb,
				   const struct ksc_suite *suite,
				   struct netlink_ext_ack *extack)
{
	struct nlattr *secret = tb[KSC_A_KEYS_EXPORTER], *randoms = tb[KSC_A_KEYS_RANDOMS];
	const bool old = suite->version == KSC_VERSION_1_2;
	struct ksc_exporter *x;

	if (!secret)
		return 0;
	if (nla_len(secret) != (old ? sizeof(x->secret) : suite->hash_len) || old != !!randoms) {
		NL_SET_ERR_MSG_ATTR(extack, secret,
				    "invalid exporter secret or randoms for the version");
		return -EINVAL;
	}
	x = kzalloc(sizeof(*x), KSC_GFP_FOR_OTHERS);
	if (!x)
		return -ENOMEM;
	x->suite = suite;
	ksc_step_secret(x->secret, secret);
	if (randoms)
		memcpy(x->randoms, nla_data(randoms), sizeof(x->randoms));
	keys->exporter = x;
	return 0;
}

static int ksc_keys_parse_nest(struct ksc_keys *keys, struct nlattr *nest,
			       struct netlink_ext_ack *extack)
{
	struct nlattr *tb[KSC_A_KEYS_MAX + 1];
	const struct ksc_suite *suite;
	int err;

	if (!nest) {
		NL_SET_ERR_MSG(extack, "missing keys");
		return -EINVAL;
	}
	err = nla_parse_nested(tb, KSC_A_KEYS_MAX, nest, ksc_keys_nl_policy,
			       extack);
	if (err)
		return err;
	if (!tb[KSC_A_KEYS_VERSION] || !tb[KSC_A_KEYS_SUITE]) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "missing version or suite");
		return -EINVAL;
	}
	keys->version = nla_get_u16(tb[KSC_A_KEYS_VERSION]);
	keys->suite = nla_get_u16(tb[KSC_A_KEYS_SUITE]);
	if (tb[KSC_A_KEYS_MAX_RECORD])
		keys->max_record = nla_get_u32(tb[KSC_A_KEYS_MAX_RECORD]);
	suite = ksc_suite_find(keys->version, keys->suite);
	if (!suite) {
		NL_SET_ERR_MSG_ATTR(extack, tb[KSC_A_KEYS_SUITE],
				    "unknown suite for the version");
		return -EOPNOTSUPP;
	}
	return ksc_keys_parse_key(&keys->tx, tb[KSC_A_KEYS_TX], suite, extack) ?:
	       ksc_keys_parse_key(&keys->rx, tb[KSC_A_KEYS_RX], suite, extack) ?:
	       ksc_keys_parse_exporter(keys, tb, suite, extack);
}

/* Append a string with its NUL; returns its offset */
static u16 ksc_session_text(struct ksc_session *s, const struct nlattr *a)
{
	u16 start = s->size;

	if (a)
		s->size += nla_strscpy(s->text + start, a, nla_len(a) + 1);
	s->size += 1;
	return start;
}

static int ksc_keys_parse_session(struct ksc_keys *keys, struct nlattr *nest,
				  struct netlink_ext_ack *extack)
{
	struct nlattr *tb[KSC_A_SESSION_MAX + 1] = {};
	const struct nlattr *alpn, *name, *subject, *print;
	struct ksc_session *s;
	int err;

	if (nest) {
		err = nla_parse_nested(tb, KSC_A_SESSION_MAX, nest,
				       ksc_session_nl_policy, extack);
		if (err)
			return err;
	}
	alpn = tb[KSC_A_SESSION_ALPN];
	name = tb[KSC_A_SESSION_SERVER_NAME];
	subject = tb[KSC_A_SESSION_PEER_SUBJECT];
	print = tb[KSC_A_SESSION_PEER_FINGERPRINT];
	s = kzalloc(struct_size(s, text, 3 + (alpn ? nla_len(alpn) : 0) +
				(name ? nla_len(name) : 0) + (subject ? nla_len(subject) : 0)),
		    KSC_GFP_FOR_OTHERS);
	if (!s)
		return -ENOMEM;
	s->alpn = ksc_session_text(s, alpn);
	s->server_name = ksc_session_text(s, name);
	s->peer_subject = ksc_session_text(s, subject);
	s->resumed = tb[KSC_A_SESSION_RESUMED];
	if (print) {
		s->has_peer = true;
		memcpy(s->peer_fingerprint, nla_data(print), sizeof(s->peer_fingerprint));
	}
	keys->session = s;
	return 0;
}

/**
 * ksc_keys_parse() - parse a handshake's result from the daemon's message
 * @keys: all zero; the caller frees it with ksc_keys_free(), also after an error
 * @info: the message
 *
 * Context: process. Return: 0, or an errno with extack text set.
 */
int ksc_keys_parse(struct ksc_keys *keys, const struct genl_info *info)
{
	return ksc_keys_parse_nest(keys, info->attrs[KSC_A_CONTEXT_KEYS], info->extack) ?:
	       ksc_keys_parse_session(keys, info->attrs[KSC_A_CONTEXT_SESSION], info->extack);
}

/**
 * ksc_session_info() - describe a session to applications
 * @s: the session
 * @info: all zero; filled in
 *
 * Context: any.
 */
void ksc_session_info(const struct ksc_session *s, struct ksc_info *info)
{
	if (s->resumed)
		info->flags |= KSC_INFO_F_RESUMED;
	if (s->has_peer) {
		info->flags |= KSC_INFO_F_PEER_CERT;
		memcpy(info->peer_fingerprint, s->peer_fingerprint,
		       sizeof(info->peer_fingerprint));
	}
	strscpy(info->alpn, s->text + s->alpn, sizeof(info->alpn));
	strscpy(info->server_name, s->text + s->server_name,
		sizeof(info->server_name));
	strscpy(info->peer_subject, s->text + s->peer_subject,
		sizeof(info->peer_subject));
}
