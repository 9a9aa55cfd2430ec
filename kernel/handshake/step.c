// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parses the daemon's answer to an offer, KSC_CMD_STEP, to a struct ksc_step.
 */
#include <linux/ctype.h>
#include <linux/kschannel_netlink.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <net/genetlink.h>
#include <net/netlink.h>

#include "handshake/keys.h"
#include "handshake/step.h"
#include "memcg.h"
#include "netlink-gen.h"

/**
 * ksc_question_parse() - parse a certificate to verify from the daemon's message
 * @step: the step, receives it
 * @a: the message's attributes
 *
 * Context: process. Return: 0 or -ENOMEM.
 */
int ksc_question_parse(struct ksc_step *step, struct nlattr **a)
{
	const struct nlattr *chain = a[KSC_A_CONTEXT_CHAIN];
	u32 len = chain ? nla_len(chain) : 0;
	struct ksc_question *q;

	q = kvmalloc(struct_size(q, chain, len), KSC_GFP_FOR_OTHERS);
	if (!q)
		return -ENOMEM;
	/* no faults given: not valid */
	q->faults = a[KSC_A_CONTEXT_FAULTS] ? nla_get_u32(a[KSC_A_CONTEXT_FAULTS]) :
					      KSC_FAULT_INVALID;
	q->len = len;
	if (len)
		memcpy(q->chain, nla_data(chain), len);
	strscpy(q->text, step->text, sizeof(q->text));
	step->question = q;
	return 0;
}

/**
 * ksc_question_free() - free a certificate to verify
 * @q: may be NULL
 *
 * Context: process.
 */
void ksc_question_free(struct ksc_question *q)
{
	kvfree(q);
}

/**
 * ksc_step_free() - zeroise and free a step
 * @step: may be NULL
 *
 * Context: any.
 */
void ksc_step_free(struct ksc_step *step)
{
	if (!step)
		return;
	kvfree(step->token);
	ksc_question_free(step->question);
	ksc_keys_free(&step->keys);
	kfree(step);
}

/**
 * ksc_step_wipe() - zeroise the daemon's message
 * @info: the message, already handled
 *
 * Applies to accepted and rejected messages: keys must neither stay in freed memory nor be echoed
 * with the error. Messages that generic netlink itself rejects never get here.
 *
 * Context: process.
 */
void ksc_step_wipe(const struct genl_info *info)
{
	memzero_explicit(genlmsg_data(info->genlhdr), genlmsg_len(info->genlhdr));
}

/* One line, which may be logged by the kernel */
static void ksc_step_text(struct ksc_step *step, const struct nlattr *a)
{
	char *p;

	nla_strscpy(step->text, a, sizeof(step->text));
	for (p = step->text; *p; p++)
		if (iscntrl(*p))
			*p = '?';
}

/**
 * ksc_step_parse() - parse KSC_CMD_STEP
 * @info: the message
 *
 * Context: process. Return: the step, owned by the caller, or an ERR_PTR with extack text set
 * (except for -ENOMEM).
 */
struct ksc_step *ksc_step_parse(struct genl_info *info)
{
	struct netlink_ext_ack *extack = info->extack;
	struct nlattr **a = info->attrs;
	struct ksc_step *step;
	int err = -EINVAL;

	step = kzalloc(sizeof(*step), KSC_GFP_FOR_OTHERS);
	if (!step)
		return ERR_PTR(-ENOMEM);

	step->status = nla_get_u32(a[KSC_A_CONTEXT_STATUS]);
	if (a[KSC_A_CONTEXT_CONSUMED])
		step->consumed = nla_get_u32(a[KSC_A_CONTEXT_CONSUMED]);
	if (a[KSC_A_CONTEXT_NEED])
		step->need = nla_get_u32(a[KSC_A_CONTEXT_NEED]);
	if (a[KSC_A_CONTEXT_ALERT])
		step->alert = nla_get_u8(a[KSC_A_CONTEXT_ALERT]);
	if (a[KSC_A_CONTEXT_DIRECTION])
		step->direction = nla_get_u32(a[KSC_A_CONTEXT_DIRECTION]);
	if (a[KSC_A_CONTEXT_TEXT])
		ksc_step_text(step, a[KSC_A_CONTEXT_TEXT]);

	if (a[KSC_A_CONTEXT_TOKEN]) {
		step->token_len = nla_len(a[KSC_A_CONTEXT_TOKEN]);
		if (step->token_len > KSC_MAX_TOKEN) {
			NL_SET_ERR_MSG_ATTR(extack, a[KSC_A_CONTEXT_TOKEN],
					    "token too long");
			goto fail;
		}
		step->token = kvmalloc(step->token_len, KSC_GFP_FOR_OTHERS);
		if (!step->token) {
			err = -ENOMEM;
			goto fail;
		}
		memcpy(step->token, nla_data(a[KSC_A_CONTEXT_TOKEN]),
		       step->token_len);
	}
	step->tickets = a[KSC_A_CONTEXT_TICKETS];
	err = 0;
	if (step->status == KSC_STATUS_OK)
		err = ksc_keys_parse(&step->keys, info);
	else if (step->status == KSC_STATUS_VERIFY_NEEDED)
		err = ksc_question_parse(step, a);
	if (!err)
		return step;
fail:
	ksc_step_free(step);
	return ERR_PTR(err);
}
