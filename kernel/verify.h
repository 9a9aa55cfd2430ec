/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Questions to applications: what verify.c and its users share.
 */
#ifndef _KSC_VERIFY_H
#define _KSC_VERIFY_H

#include "ksc.h"

/**
 * struct ksc_question - what an application is to judge, or to pick by
 * @attr: KSC_A_CONTEXT_CHAIN or KSC_A_CONTEXT_ISSUERS
 * @faults: enum ksc_fault, with a chain
 * @len: bytes in @list
 * @text: one line
 * @list: certificates or names, as @attr has them
 *
 * Never changed once visible; goes with the step, then with the context.
 */
struct ksc_question {
	int attr;
	u32 faults;
	u32 len;
	char text[KSC_MAX_TEXT + 1];
	u8 list[];
};

/* verify.c */
int ksc_question_parse(struct ksc_step *step, struct nlattr **a);
void ksc_question_free(struct ksc_question *q);
size_t ksc_question_size(const struct ksc_question *q);
int ksc_question_put(struct sk_buff *msg, const struct ksc_question *q);
int ksc_verify_answer(struct ksc_context *ctx, const struct ksc_step *last,
		      struct genl_info *info);
void ksc_verify_begin(struct sock *sk, struct ksc_sock *ks, struct ksc_step *step);
int ksc_set_verdict(struct sock *sk, int v);
int ksc_get_verification(const struct ksc_sock *ks, struct ksc_verification *v);
int ksc_get_chain(struct sock *sk, char __user *optval, int __user *optlen);

#endif /* _KSC_VERIFY_H */
