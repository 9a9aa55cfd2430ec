// SPDX-License-Identifier: GPL-2.0
/*
 * What an application may ask about a context that is established: certificates, and
 * how they came to the keys. The module has no use for any of it, so it is kept as the
 * daemon's attributes, which the family's policy has checked, and handed out as they
 * are. Contexts that applications carry alone have it, until a socket gets their keys.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <net/genetlink.h>

#include "details.h"
#include "ksc.h"
#include "memcg.h"

static const int ksc_details_attrs[] = {
	KSC_A_CONTEXT_DETAILS, KSC_A_CONTEXT_CHAIN, KSC_A_CONTEXT_LOCAL_CHAIN,
};

/**
 * ksc_details_parse() - take them from the daemon's message
 * @step: the step; gets them, if there are any
 * @a: the message's attributes
 *
 * Context: process. Return: 0 or -ENOMEM.
 */
int ksc_details_parse(struct ksc_step *step, struct nlattr **a)
{
	struct ksc_details *d;
	u32 size = 0, i;
	u8 *p;

	for (i = 0; i < ARRAY_SIZE(ksc_details_attrs); i++)
		if (a[ksc_details_attrs[i]])
			size += nla_total_size(nla_len(a[ksc_details_attrs[i]]));
	if (!size)
		return 0;
	/* what pads an attribute may lie outside of the message */
	d = kvzalloc(struct_size(d, attrs, size), KSC_GFP_FOR_OTHERS);
	if (!d)
		return -ENOMEM;
	d->len = size;
	p = d->attrs;
	for (i = 0; i < ARRAY_SIZE(ksc_details_attrs); i++) {
		const struct nlattr *attr = a[ksc_details_attrs[i]];

		if (!attr)
			continue;
		memcpy(p, attr, nla_attr_size(nla_len(attr)));
		p += nla_total_size(nla_len(attr));
	}
	step->details = d;
	return 0;
}

/**
 * ksc_details_free() - free them
 * @d: may be NULL
 *
 * Context: process.
 */
void ksc_details_free(struct ksc_details *d)
{
	kvfree(d);
}

/**
 * ksc_details_size() - room that they take in a message
 * @d: may be NULL
 *
 * Return: bytes.
 */
size_t ksc_details_size(const struct ksc_details *d)
{
	return d ? d->len : 0;
}

/**
 * ksc_details_put() - tell an application
 * @msg: message to it
 * @d: may be NULL
 *
 * Return: 0 or -EMSGSIZE.
 */
int ksc_details_put(struct sk_buff *msg, const struct ksc_details *d)
{
	return d ? nla_append(msg, d->len, d->attrs) : 0;
}
