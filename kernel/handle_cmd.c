// SPDX-License-Identifier: GPL-2.0
/*
 * What applications ask of the contexts that they have, see handle.c.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <net/genetlink.h>

#include "ksc.h"
#include "details.h"
#include "export.h"
#include "handle.h"
#include "verify.h"
#include "netlink-gen.h"

static unsigned int ksc_max_handshake = KSC_MAX_HANDSHAKE;
module_param_named(max_handshake, ksc_max_handshake, uint, 0644);
MODULE_PARM_DESC(max_handshake, "bytes of handshake that an application may offer one context");

static struct ksc_handle *ksc_handle_asked(struct sk_buff *skb, struct genl_info *info)
{
	if (GENL_REQ_ATTR_CHECK(info, KSC_A_CONTEXT_ID)) {
		NL_SET_ERR_MSG(info->extack, "which context?");
		return ERR_PTR(-EINVAL);
	}
	return ksc_handle_get(ksc_net(genl_info_net(info)),
			      nla_get_u64(info->attrs[KSC_A_CONTEXT_ID]), NETLINK_CB(skb).sk,
			      info->extack);
}

/* It may have been moved since it was found. To be unlocked in any case */
static int ksc_handle_lock(struct ksc_handle *h, const struct sk_buff *skb, struct genl_info *info)
{
	mutex_lock(&h->lock);
	if (h->owner == NETLINK_CB(skb).sk)
		return 0;
	NL_SET_ERR_MSG(info->extack, "the context is another socket's");
	return -EPERM;
}

static int ksc_handle_name(struct genl_info *info, int attr, struct ksc_blob **b)
{
	struct nlattr *a = info->attrs[attr];
	bool list = attr == KSC_A_CONTEXT_ALPN;

	if (!a)
		return 0;
	*b = ksc_blob_make(list, KERNEL_SOCKPTR(nla_data(a)),
			   list ? nla_len(a) : strnlen(nla_data(a), nla_len(a)));
	if (!IS_ERR(*b))
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, a, "malformed");
	return PTR_ERR_OR_ZERO(xchg(b, NULL));
}

static int ksc_handle_options(struct ksc_handle *h, struct genl_info *info)
{
	struct nlattr **a = info->attrs;

	h->opt.timeout = KSC_DEFAULT_HANDSHAKE_TIMEOUT;
	if (a[KSC_A_CONTEXT_DEADLINE])
		h->opt.timeout = nla_get_u32(a[KSC_A_CONTEXT_DEADLINE]);
	if (!h->opt.timeout || h->opt.timeout > KSC_MAX_HANDSHAKE_TIMEOUT) {
		NL_SET_ERR_MSG_ATTR(info->extack, a[KSC_A_CONTEXT_DEADLINE], "out of range");
		return -EINVAL;
	}
	if (a[KSC_A_CONTEXT_VERIFY])
		h->opt.verify = nla_get_u32(a[KSC_A_CONTEXT_VERIFY]);
	h->pick = a[KSC_A_CONTEXT_PICK];
	return ksc_handle_name(info, KSC_A_CONTEXT_SERVER_NAME, &h->opt.server_name) ?:
	       ksc_handle_name(info, KSC_A_CONTEXT_CREDENTIAL, &h->opt.credential) ?:
	       ksc_handle_name(info, KSC_A_CONTEXT_ALPN, &h->opt.alpn);
}

/* A reply that begins with the context's number */
static struct sk_buff *ksc_handle_reply(struct genl_info *info, u8 cmd, u64 id, size_t room,
					void **hdr)
{
	struct sk_buff *msg = genlmsg_new(nla_total_size_64bit(sizeof(id)) + room, GFP_KERNEL);

	if (!msg)
		return NULL;
	*hdr = genlmsg_put_reply(msg, info, &ksc_nl_family, 0, cmd);
	if (*hdr && !nla_put_u64_64bit(msg, KSC_A_CONTEXT_ID, id, 0))
		return msg;
	nlmsg_free(msg);
	return NULL;
}

static int ksc_handle_reply_id(struct genl_info *info, u64 id)
{
	struct sk_buff *msg;
	void *hdr;

	msg = ksc_handle_reply(info, KSC_CMD_CONTEXT_OPEN, id, 0, &hdr);
	if (!msg)
		return -ENOMEM;
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

/**
 * ksc_nl_context_open_doit() - KSC_CMD_CONTEXT_OPEN
 * @skb: request
 * @info: its attributes
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_nl_context_open_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *role = info->attrs[KSC_A_CONTEXT_ROLE];
	struct ksc_handle *h;
	u64 id;
	int err;

	if (!role || nla_get_u32(role) == KSC_ROLE_UNSPEC) {
		NL_SET_ERR_MSG(info->extack, "client or server?");
		return -EINVAL;
	}
	h = ksc_handle_new(ksc_net(genl_info_net(info)), NETLINK_CB(skb).sk, info->snd_portid,
			   NETLINK_CREDS(skb)->uid, NETLINK_CREDS(skb)->gid);
	if (!h)
		return -ENOMEM;
	err = ksc_handle_options(h, info);
	if (!err)
		err = ksc_handle_publish(h, nla_get_u32(role), &id);
	if (err == -EDQUOT)
		NL_SET_ERR_MSG(info->extack, "the user has too many contexts");
	if (!err) {
		err = ksc_handle_reply_id(info, id);
		if (err)
			ksc_handle_end(h, NULL);
	}
	ksc_handle_put(h);
	return err;
}

/* Context: the handle's lock. May a token be offered now? */
static int ksc_handle_may_step(const struct ksc_handle *h, struct netlink_ext_ack *extack)
{
	switch (h->state) {
	case KSC_HANDLE_IDLE:
		if (ksc_daemon_expected(h->kn))
			return 0;
		NL_SET_ERR_MSG(extack, "there is no daemon");
		return -EHOSTDOWN;
	case KSC_HANDLE_BUSY:
		NL_SET_ERR_MSG(extack, "a step is under way");
		return -EBUSY;
	case KSC_HANDLE_OK:
	case KSC_HANDLE_TAKEN:
		NL_SET_ERR_MSG(extack, "the handshake is done");
		return -EISCONN;
	case KSC_HANDLE_FAILED:
		if (h->step && h->step->status == KSC_STATUS_TIMED_OUT) {
			NL_SET_ERR_MSG(extack, "the handshake took too long");
			return -ETIMEDOUT;
		}
		NL_SET_ERR_MSG(extack, "the handshake has failed");
		return -ECONNABORTED;
	default:
		NL_SET_ERR_MSG(extack, "the context was deleted");
		return -ESTALE;
	}
}

/* Context: the handle's lock. Takes the credential that was picked, if one was */
static int ksc_handle_pick(struct ksc_handle *h, struct genl_info *info)
{
	struct nlattr *a = info->attrs[KSC_A_CONTEXT_CREDENTIAL];
	struct ksc_blob *b = NULL;
	int err;

	if (!a)
		return 0;
	if (!h->step || h->step->status != KSC_STATUS_INCOMPLETE_CREDENTIALS) {
		NL_SET_ERR_MSG_ATTR(info->extack, a, "no credential was asked for");
		return -ENODATA;
	}
	err = ksc_handle_name(info, KSC_A_CONTEXT_CREDENTIAL, &b);
	if (err)
		return err;
	swap(h->opt.credential, b);
	h->ctx->credential = h->opt.credential;
	ksc_blob_put(b);
	return 0;
}

static int ksc_handle_step(struct ksc_handle *h, struct genl_info *info)
{
	struct nlattr *role = info->attrs[KSC_A_CONTEXT_ROLE];
	struct nlattr *token = info->attrs[KSC_A_CONTEXT_TOKEN];
	u32 len = token ? nla_len(token) : 0;
	int err;

	err = ksc_handle_may_step(h, info->extack);
	if (err)
		return err;
	if (role && nla_get_u32(role) != h->ctx->role) {
		NL_SET_ERR_MSG_ATTR(info->extack, role, "the context has the other role");
		return -EPROTOTYPE;
	}
	if (len > READ_ONCE(ksc_max_handshake) ||
	    h->ctx->total > READ_ONCE(ksc_max_handshake) - len) {
		NL_SET_ERR_MSG_ATTR(info->extack, token, "more than a handshake may have");
		return -EMSGSIZE;
	}
	err = ksc_verify_answer(h->ctx, h->step, info) ?: ksc_handle_pick(h, info);
	if (err)
		return err;
	if (len) {
		h->token = kvmalloc(len, GFP_KERNEL_ACCOUNT);
		if (!h->token)
			return -ENOMEM;
		memcpy(h->token, nla_data(token), len);
	}
	h->len = len;
	h->seq = info->snd_seq;
	h->state = KSC_HANDLE_BUSY;
	ksc_handle_look(h);
	return 0;
}

/**
 * ksc_nl_context_step_doit() - KSC_CMD_CONTEXT_STEP
 * @skb: request
 * @info: its attributes
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_nl_context_step_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ksc_handle *h = ksc_handle_asked(skb, info);
	int err;

	if (IS_ERR(h))
		return PTR_ERR(h);
	err = ksc_handle_lock(h, skb, info);
	if (!err)
		err = ksc_handle_step(h, info);
	mutex_unlock(&h->lock);
	ksc_handle_put(h);
	return err;
}

/* Context: the handle's lock */
static int ksc_handle_put_all(struct sk_buff *msg, const struct ksc_handle *h)
{
	if (nla_put_u64_64bit(msg, KSC_A_CONTEXT_ID, h->ctx->id, 0) ||
	    nla_put_u32(msg, KSC_A_CONTEXT_ROLE, h->ctx->role) ||
	    nla_put_u32(msg, KSC_A_CONTEXT_VERIFY, h->opt.verify) ||
	    (h->pick && nla_put_flag(msg, KSC_A_CONTEXT_PICK)))
		return -EMSGSIZE;
	if (h->state == KSC_HANDLE_BUSY)
		return nla_put_flag(msg, KSC_A_CONTEXT_BUSY);
	if (h->step)
		return ksc_handle_put_step(msg, h->step) ?:
		       ksc_details_put(msg, h->step->details);
	/* before the first step; or there was no memory for what there is to say */
	return nla_put_u32(msg, KSC_A_CONTEXT_STATUS, h->state == KSC_HANDLE_FAILED ?
			   KSC_STATUS_INTERNAL_ERROR : KSC_STATUS_CONTINUE_NEEDED);
}

static struct sk_buff *ksc_handle_info(struct ksc_handle *h, struct genl_info *info)
{
	struct sk_buff *msg;
	void *hdr;

	if (h->state == KSC_HANDLE_GONE) {
		NL_SET_ERR_MSG(info->extack, "the context was deleted");
		return ERR_PTR(-ESTALE);
	}
	/* what was delivered is not said twice */
	if (h->step && h->told) {
		kvfree(h->step->token);
		h->step->token = NULL;
		h->step->token_len = 0;
	}
	msg = ksc_handle_msg(h->step, h->step ? ksc_details_size(h->step->details) : 0);
	if (!msg)
		return ERR_PTR(-ENOMEM);
	hdr = genlmsg_put_reply(msg, info, &ksc_nl_family, 0, KSC_CMD_CONTEXT_GET);
	if (!hdr || ksc_handle_put_all(msg, h)) {
		nlmsg_free(msg);
		return ERR_PTR(-EMSGSIZE);
	}
	genlmsg_end(msg, hdr);
	return msg;
}

/**
 * ksc_nl_context_get_doit() - KSC_CMD_CONTEXT_GET
 * @skb: request
 * @info: its attributes
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_nl_context_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ksc_handle *h = ksc_handle_asked(skb, info);
	struct sk_buff *msg;
	int err;

	if (IS_ERR(h))
		return PTR_ERR(h);
	err = ksc_handle_lock(h, skb, info);
	if (!err) {
		msg = ksc_handle_info(h, info);
		err = PTR_ERR_OR_ZERO(msg);
	}
	if (!err)
		err = genlmsg_reply(msg, info);
	if (!err && h->state != KSC_HANDLE_BUSY)
		h->told = true;
	mutex_unlock(&h->lock);
	ksc_handle_put(h);
	return err;
}

/**
 * ksc_nl_context_close_doit() - KSC_CMD_CONTEXT_CLOSE
 * @skb: request
 * @info: its attributes
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_nl_context_close_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ksc_handle *h = ksc_handle_asked(skb, info);
	int err;

	if (IS_ERR(h))
		return PTR_ERR(h);
	err = ksc_handle_end(h, NETLINK_CB(skb).sk);
	ksc_handle_put(h);
	return err;
}

/* Context: the handle's lock. Is there an exporter to ask? */
static int ksc_handle_may_export(const struct ksc_handle *h, struct netlink_ext_ack *extack)
{
	switch (h->state) {
	case KSC_HANDLE_OK:
		return 0;
	case KSC_HANDLE_IDLE:
	case KSC_HANDLE_BUSY:
		NL_SET_ERR_MSG(extack, "the handshake is not done");
		return -ENOTCONN;
	case KSC_HANDLE_TAKEN:
		NL_SET_ERR_MSG(extack, "a socket is getting the context");
		return -EBUSY;
	case KSC_HANDLE_FAILED:
		NL_SET_ERR_MSG(extack, "the handshake has failed");
		return -ECONNABORTED;
	default:
		NL_SET_ERR_MSG(extack, "the context was deleted");
		return -ESTALE;
	}
}

static int ksc_handle_export(struct ksc_handle *h, struct genl_info *info)
{
	const struct nlattr *label = info->attrs[KSC_A_CONTEXT_LABEL];
	const struct nlattr *context = info->attrs[KSC_A_CONTEXT_LABEL_CONTEXT];
	struct ksc_export_job job = {
		.label = nla_data(label),
		.label_len = nla_len(label),
		.context = context ? nla_data(context) : NULL,
		.context_len = context ? nla_len(context) : 0,
		.has_context = context,
		.out_len = nla_get_u32(info->attrs[KSC_A_CONTEXT_LENGTH]),
	};
	struct nlattr *material;
	struct sk_buff *msg;
	void *hdr;
	int err;

	err = ksc_handle_may_export(h, info->extack);
	if (err)
		return err;
	msg = ksc_handle_reply(info, KSC_CMD_CONTEXT_EXPORT, h->ctx->id,
			       nla_total_size(job.out_len), &hdr);
	if (!msg)
		return -ENOMEM;
	material = nla_reserve(msg, KSC_A_CONTEXT_MATERIAL, job.out_len);
	if (!material) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	job.out = nla_data(material);
	err = ksc_export(h->step->exporter, &job);
	if (err) {
		memzero_explicit(job.out, job.out_len);
		nlmsg_free(msg);
		if (err == -EINVAL)
			NL_SET_ERR_MSG_ATTR(info->extack, label, "not a label for applications");
		else if (err == -ENODATA)
			NL_SET_ERR_MSG(info->extack, "no extended master secret");
		return err;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

/**
 * ksc_nl_context_export_doit() - KSC_CMD_CONTEXT_EXPORT
 * @skb: request
 * @info: its attributes
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_nl_context_export_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr **a = info->attrs;
	struct ksc_handle *h;
	int err;

	if (!a[KSC_A_CONTEXT_LABEL] || !nla_len(a[KSC_A_CONTEXT_LABEL]) ||
	    !a[KSC_A_CONTEXT_LENGTH]) {
		NL_SET_ERR_MSG(info->extack, "keying material needs a label and a length");
		return -EINVAL;
	}
	h = ksc_handle_asked(skb, info);
	if (IS_ERR(h))
		return PTR_ERR(h);
	err = ksc_handle_lock(h, skb, info);
	if (!err)
		err = ksc_handle_export(h, info);
	mutex_unlock(&h->lock);
	ksc_handle_put(h);
	return err;
}

/**
 * ksc_nl_context_move_doit() - KSC_CMD_CONTEXT_MOVE
 * @skb: request
 * @info: its attributes
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_nl_context_move_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr **a = info->attrs;

	if (!a[KSC_A_CONTEXT_ID] || !a[KSC_A_CONTEXT_FD]) {
		NL_SET_ERR_MSG(info->extack, "which context, and whose?");
		return -EINVAL;
	}
	return ksc_handle_move(genl_info_net(info), nla_get_u32(a[KSC_A_CONTEXT_FD]),
			       nla_get_u64(a[KSC_A_CONTEXT_ID]), NETLINK_CB(skb).sk,
			       info->snd_portid, info->extack);
}
