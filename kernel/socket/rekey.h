/* SPDX-License-Identifier: GPL-2.0-only */
/* Changing the sending keys. */
#ifndef _KSC_SOCKET_REKEY_H
#define _KSC_SOCKET_REKEY_H

#include "stream/stream.h"

struct ksc_sock;
struct sock;

void ksc_tune(struct ksc_sock *ks);
int ksc_rekey_now(struct sock *sk, struct ksc_sock *ks);
int ksc_rekey_soon(struct sock *sk, struct ksc_sock *ks, enum ksc_update update);
int ksc_rekey_try(struct sock *sk, struct ksc_sock *ks);
int ksc_rekey_before(struct sock *sk, struct ksc_sock *ks);
int ksc_rekey_ask(struct ksc_sock *ks, enum ksc_update update);
void ksc_rekey_asked(struct sock *sk, struct ksc_sock *ks);

#endif /* _KSC_SOCKET_REKEY_H */
