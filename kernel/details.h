/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an application may ask about an established context (details.c).
 */
#ifndef _KSC_DETAILS_H
#define _KSC_DETAILS_H

#include <linux/types.h>

struct ksc_step;
struct nlattr;
struct sk_buff;

/**
 * struct ksc_details - what the daemon tells of an established context
 * @len: bytes of @attrs
 * @attrs: whole attributes, as they go to the application
 *
 * Never changed once made; goes with the step.
 */
struct ksc_details {
	u32 len;
	u8 attrs[];
};

int ksc_details_parse(struct ksc_step *step, struct nlattr **a);
void ksc_details_free(struct ksc_details *d);
size_t ksc_details_size(const struct ksc_details *d);
int ksc_details_put(struct sk_buff *msg, const struct ksc_details *d);

#endif /* _KSC_DETAILS_H */
