/* SPDX-License-Identifier: GPL-2.0-only */
/* Loading of a policy. */
#ifndef _KSC_POLICY_LOAD_H
#define _KSC_POLICY_LOAD_H

#include <linux/types.h>

struct ksc_net;

void ksc_policy_gone(struct ksc_net *kn, u32 daemon);

#endif /* _KSC_POLICY_LOAD_H */
