// SPDX-License-Identifier: GPL-2.0-only
/*
 * Verification of the peer's certificate by the application. The daemon suspends the handshake and
 * passes on the certificate and the faults it found; there are no keys before it continues.
 * Meanwhile timeout and daemon's exit end the context as usual.
 */
#include <linux/kschannel.h>
#include <linux/kschannel_netlink.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <net/netlink.h>

#include "handshake/context.h"
#include "handshake/step.h"
#include "memcg.h"
#include "socket/end.h"
#include "socket/phase.h"
#include "socket/state.h"
#include "socket/verdict.h"

/**
 * ksc_verify_begin() - ask the application for a verdict on the peer
 * @sk: socket, locked and owned
 * @ks: its state, in phase handshake
 * @step: the daemon's answer; its question is taken
 *
 * Context: process.
 */
void ksc_verify_begin(struct sock *sk, struct ksc_sock *ks, struct ksc_step *step)
{
	struct ksc_context *ctx = ks->context;

	/* readers may use the first question as long as the context */
	if (ctx->question) {
		ksc_fail_silent(sk, ks, KSC_STATUS_INTERNAL_ERROR,
				"duplicate verification request from the daemon");
		return;
	}
	ctx->question = step->question;
	step->question = NULL;
	ksc_context_next(ctx);
	/* bytes that were not consumed are offered again with the verdict */
	ctx->stuck = 0;
	ksc_move(sk, ks, KSC_EVENT_ASK);
	ks->state_change(sk);
}

/* Context: the socket's lock. Is a verdict awaited? */
static int ksc_verify_check(const struct ksc_sock *ks)
{
	if (!ks)
		return -ENOMEM;
	if (ks->phase == KSC_PHASE_FAILED)
		return ksc_error(ks);
	return ks->phase == KSC_PHASE_VERIFY ? 0 : -ENODATA;
}

/**
 * ksc_set_verdict() - setsockopt(KSC_VERDICT)
 * @sk: socket
 * @v: enum ksc_verdict, and above it the alert's number
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_set_verdict(struct sock *sk, int v)
{
	struct ksc_sock *ks;
	int err;

	if ((v & U8_MAX) != KSC_VERDICT_REJECT && v != KSC_VERDICT_ACCEPT)
		return -EINVAL;
	lock_sock(sk);
	ks = ksc_sk(sk);
	err = ksc_verify_check(ks);
	if (!err) {
		ks->context->verdict = v & U8_MAX;
		ks->context->alert = v >> 8;
		ksc_move(sk, ks, KSC_EVENT_ANSWER);
		ksc_pump_kick(ks, 0);
	}
	release_sock(sk);
	return err;
}

/**
 * ksc_get_verification() - getsockopt(KSC_VERIFICATION)
 * @ks: the socket's state
 * @v: filled in
 *
 * Context: the socket's lock. Return: 0 or an errno.
 */
int ksc_get_verification(const struct ksc_sock *ks, struct ksc_verification *v)
{
	int err = ksc_verify_check(ks);

	if (err)
		return err;
	v->faults = ks->context->question->faults;
	v->chain_len = ks->context->question->len;
	strscpy(v->text, ks->context->question->text, sizeof(v->text));
	return 0;
}

/**
 * ksc_get_chain() - getsockopt(KSC_PEER_CHAIN)
 * @sk: socket
 * @optval: destination
 * @optlen: its size; set to the bytes written
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_get_chain(struct sock *sk, char __user *optval, int __user *optlen)
{
	const struct ksc_question *q;
	struct ksc_context *ctx = NULL;
	struct ksc_sock *ks;
	int room, err;

	if (get_user(room, optlen))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	lock_sock(sk);
	ks = ksc_sk(sk);
	err = ksc_verify_check(ks);
	if (!err) {
		ctx = ks->context;
		kref_get(&ctx->ref);
	}
	release_sock(sk);
	if (err)
		return err;
	/* immutable as long as the context */
	q = ctx->question;
	if (q->len > room)
		err = -ERANGE;
	else if (copy_to_user(optval, q->chain, q->len) || put_user(q->len, optlen))
		err = -EFAULT;
	ksc_context_put(ctx);
	return err;
}
