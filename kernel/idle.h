/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What idle connections and CPUs give up, and take again (idle.c).
 */
#ifndef _KSC_IDLE_H
#define _KSC_IDLE_H

#include "cipher.h"

struct ksc_net;
struct ksc_sock;

unsigned long ksc_idle_delay(void);
bool ksc_idle_frees(void);
void ksc_idle_init(struct ksc_net *kn);
void ksc_idle_exit(struct ksc_net *kn);
int ksc_wake(struct ksc_sock *ks, struct ksc_cipher *c);

/**
 * ksc_awake() - before a record, see to it that there is what it needs
 * @ks: state
 * @c: its keys for the direction
 *
 * Context: process, the socket's lock owned.
 * Return: 0; -ENOMEM, and it may be tried again; or -EIO.
 */
static inline int ksc_awake(struct ksc_sock *ks, struct ksc_cipher *c)
{
	return likely(c->aead) ? 0 : ksc_wake(ks, c);
}

#endif /* _KSC_IDLE_H */
