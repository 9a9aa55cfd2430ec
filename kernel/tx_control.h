/* SPDX-License-Identifier: GPL-2.0 */
/* What others use of tx_control.c. */
#ifndef _KSC_TX_CONTROL_H
#define _KSC_TX_CONTROL_H

#include <linux/types.h>

struct ksc_sock;
struct sock;

int ksc_tx_alert(struct sock *sk, struct ksc_sock *ks, u8 level, u8 alert);
int ksc_tx_key_update(struct sock *sk, struct ksc_sock *ks, bool request);

#endif /* _KSC_TX_CONTROL_H */
