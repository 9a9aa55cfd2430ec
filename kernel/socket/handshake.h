/* SPDX-License-Identifier: GPL-2.0-only */
/* A socket's handshake, and its fallback to plaintext. */
#ifndef _KSC_SOCKET_HANDSHAKE_H
#define _KSC_SOCKET_HANDSHAKE_H

struct ksc_sock;
struct sock;

void ksc_fall_back(struct sock *sk, struct ksc_sock *ks, const char *why);
void ksc_pump_handshake(struct sock *sk, struct ksc_sock *ks);
void ksc_handshake_start(struct sock *sk, struct ksc_sock *ks);

#endif /* _KSC_SOCKET_HANDSHAKE_H */
