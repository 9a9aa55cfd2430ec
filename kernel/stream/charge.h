/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory accounting of sockets. */
#ifndef _KSC_STREAM_CHARGE_H
#define _KSC_STREAM_CHARGE_H

#include <linux/types.h>

struct sock;

void ksc_charge(struct sock *sk, u32 size);
void ksc_uncharge(struct sock *sk, u32 size);

#endif /* _KSC_STREAM_CHARGE_H */
