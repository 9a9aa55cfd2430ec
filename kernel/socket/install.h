/* SPDX-License-Identifier: GPL-2.0-only */
/* Installing keys on a socket. */
#ifndef _KSC_SOCKET_INSTALL_H
#define _KSC_SOCKET_INSTALL_H

struct ksc_keys;
struct ksc_sock;
struct sock;

void ksc_established(struct sock *sk, struct ksc_sock *ks);
int ksc_install(struct ksc_sock *ks, struct ksc_keys *keys);

#endif /* _KSC_SOCKET_INSTALL_H */
