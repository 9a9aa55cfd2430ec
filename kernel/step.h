/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Certificates that applications judge: what verdict.c and its users share.
 */
#ifndef _KSC_VERIFY_H
#define _KSC_VERIFY_H

#include "ksc.h"

/**
 * struct ksc_question - what an application is to judge
 * @faults: enum ksc_fault
 * @len: bytes in @chain
 * @text: one line
 * @chain: the peer's certificates, as KSC_A_CONTEXT_CHAIN has them
 *
 * Never changed once visible; goes with the step, then with the context.
 */
struct ksc_question {
	u32 faults;
	u32 len;
	char text[KSC_MAX_TEXT + 1];
	u8 chain[];
};

/* verdict.c */
int ksc_question_parse(struct ksc_step *step, struct nlattr **a);
void ksc_question_free(struct ksc_question *q);
void ksc_verify_begin(struct sock *sk, struct ksc_sock *ks, struct ksc_step *step);
int ksc_set_verdict(struct sock *sk, int v);
int ksc_get_verification(const struct ksc_sock *ks, struct ksc_verification *v);
int ksc_get_chain(struct sock *sk, char __user *optval, int __user *optlen);

#endif /* _KSC_VERIFY_H */
