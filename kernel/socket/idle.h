/* SPDX-License-Identifier: GPL-2.0-only */
/* Freeing the transforms of idle connections. */
#ifndef _KSC_SOCKET_IDLE_H
#define _KSC_SOCKET_IDLE_H

struct ksc_net;
struct ksc_stream;

void ksc_idle_init(struct ksc_net *kn);
void ksc_idle_exit(struct ksc_net *kn);
void ksc_idle_made(struct ksc_stream *s);

#endif /* _KSC_SOCKET_IDLE_H */
