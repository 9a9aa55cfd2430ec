// SPDX-License-Identifier: GPL-2.0-only
/*
 * Offers of tokens to the daemon, and its answers: KSC_CMD_CONTEXT_NEW, KSC_CMD_TOKEN and
 * KSC_CMD_STEP.
 */
#include <linux/kschannel_netlink.h>
#include <linux/netlink.h>
#include <linux/sched/mm.h>
#include <net/genetlink.h>

#include "handshake/context.h"
#include "handshake/offer.h"
#include "handshake/owner.h"
#include "handshake/queue.h"
#include "handshake/status.h"
#include "handshake/step.h"
#include "net.h"
#include "netlink-gen.h"

/* A failure found by the kernel, for which the daemon is to send an alert */
static int ksc_put_failed(struct sk_buff *msg, const struct ksc_context *ctx)
{
	if (!ctx->failed)
		return 0;
	return nla_put_u32(msg, KSC_A_CONTEXT_STATUS, ctx->failed) ?:
	       nla_put_string(msg, KSC_A_CONTEXT_TEXT,
			      ctx->why ?: ksc_status_text(ctx->failed));
}

static int ksc_put_new(struct sk_buff *msg, const struct ksc_context *ctx)
{
	long left = ctx->deadline - jiffies;

	return nla_put_u32(msg, KSC_A_CONTEXT_ROLE, ctx->role) ?:
	       nla_put_u32(msg, KSC_A_CONTEXT_DEADLINE, left > 0 ? jiffies_to_msecs(left) : 0) ?:
	       ksc_owner_describe(msg, ctx->owner);
}

/**
 * ksc_netlink_offer() - offer the daemon a token
 * @ctx: the context; its state goes from idle to offered
 * @len: bytes of token
 *
 * Context: process, the owner's lock. Return: 0; -EBUSY if a step is in flight; -EINPROGRESS, or
 * -EHOSTDOWN without a daemon: then the owner is kicked when it is to retry.
 */
int ksc_netlink_offer(struct ksc_context *ctx, u32 len)
{
	struct sk_buff *msg;
	struct nlattr *a;
	u32 daemon;
	void *hdr;
	int err;

	err = ksc_queue_enter(ctx, len);
	if (err)
		return err;
	/* the other attributes of context-new fit in 2 KiB */
	msg = genlmsg_new(nla_total_size(len) + 2048, GFP_KERNEL);
	if (!msg) {
		ksc_count(ctx->kn, KSC_CNT_OFFERS_DEFERRED);
		ksc_queue_return(ctx, true);
		return -EINPROGRESS;
	}
	hdr = genlmsg_put(msg, 0, 0, &ksc_nl_family, 0,
			  ctx->seq ? KSC_CMD_TOKEN : KSC_CMD_CONTEXT_NEW);
	err = -EMSGSIZE;
	if (!hdr ||
	    nla_put_u64_64bit(msg, KSC_A_CONTEXT_ID, ctx->id, 0) ||
	    nla_put_u32(msg, KSC_A_CONTEXT_SEQ, ctx->seq) ||
	    (!ctx->seq && ksc_put_new(msg, ctx)) ||
	    (ctx->verdict && nla_put_u32(msg, KSC_A_CONTEXT_VERDICT, ctx->verdict)) ||
	    (ctx->alert && nla_put_u8(msg, KSC_A_CONTEXT_ALERT, ctx->alert)) ||
	    ksc_put_failed(msg, ctx))
		goto fail;
	if (len) {
		a = nla_reserve(msg, KSC_A_CONTEXT_TOKEN, len);
		if (!a)
			goto fail;
		err = ksc_owner_token(ctx->owner, nla_data(a), len);
		if (err)
			goto fail;
	}
	genlmsg_end(msg, hdr);

	daemon = ksc_daemon(ctx->kn);
	err = -EBUSY;
	if (!ksc_context_offer(ctx, daemon))
		goto fail;
	err = ksc_daemon_send(ctx->kn, daemon, msg);
	if (!err) {
		ksc_count(ctx->kn, KSC_CNT_OFFERS);
		return 0;
	}
	if (err == -EAGAIN) {
		ksc_count(ctx->kn, KSC_CNT_OFFERS_DEFERRED);
		ksc_context_unoffer(ctx, true);
		return -EINPROGRESS;
	}
	/* it has just exited: the notifier follows, or another registration */
	ksc_context_unoffer(ctx, false);
	return err;
fail:
	ksc_queue_leave(ctx);
	nlmsg_free(msg);
	return err;
}

/* Only records the answer; the socket's work item applies it */
static int ksc_nl_step(struct sk_buff *skb, struct genl_info *info)
{
	struct ksc_net *kn = ksc_net(genl_info_net(info));
	u32 daemon = ksc_daemon_is(kn, skb, info);
	struct mem_cgroup *memcg;
	struct ksc_context *ctx;
	struct ksc_step *step;
	int err;

	if (!daemon)
		return -EPERM;
	if (GENL_REQ_ATTR_CHECK(info, KSC_A_CONTEXT_ID) ||
	    GENL_REQ_ATTR_CHECK(info, KSC_A_CONTEXT_SEQ) ||
	    GENL_REQ_ATTR_CHECK(info, KSC_A_CONTEXT_STATUS)) {
		NL_SET_ERR_MSG(info->extack, "missing id, seq or status");
		return -EINVAL;
	}

	ctx = ksc_context_get(kn, nla_get_u64(info->attrs[KSC_A_CONTEXT_ID]));
	if (!ctx) {
		NL_SET_ERR_MSG(info->extack, "no such context");
		return -ENOENT;
	}
	/* tokens and certificates are not charged to the daemon */
	memcg = set_active_memcg(ctx->memcg);
	step = ksc_step_parse(info);
	set_active_memcg(memcg);
	err = ksc_context_answer(ctx, daemon,
				 nla_get_u32(info->attrs[KSC_A_CONTEXT_SEQ]), step);
	if (IS_ERR(step)) {
		/* returned even if the answer is stale */
		err = PTR_ERR(step);
		if (err == -ENOMEM)
			NL_SET_ERR_MSG(info->extack,
				       "out of memory, or over the memory cgroup's limit");
	} else if (err) {
		if (err == -EPERM)
			NL_SET_ERR_MSG(info->extack,
				       "context belongs to another daemon");
		else if (err == -EINVAL)
			NL_SET_ERR_MSG_ATTR(info->extack,
					    info->attrs[KSC_A_CONTEXT_CONSUMED],
					    "more bytes consumed than offered");
		else
			NL_SET_ERR_MSG(info->extack, "stale sequence number");
		ksc_step_free(step);
	}
	ksc_context_put(ctx);
	return err;
}

/**
 * ksc_nl_step_doit() - KSC_CMD_STEP
 * @skb: request
 * @info: its attributes; zeroised
 *
 * Context: process, CAP_NET_ADMIN was checked. Return: 0 or an errno.
 */
int ksc_nl_step_doit(struct sk_buff *skb, struct genl_info *info)
{
	int err = ksc_nl_step(skb, info);

	ksc_step_wipe(info);
	return err;
}
