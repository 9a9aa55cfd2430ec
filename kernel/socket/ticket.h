/* SPDX-License-Identifier: GPL-2.0-only */
/* A client's session tickets. */
#ifndef _KSC_SOCKET_TICKET_H
#define _KSC_SOCKET_TICKET_H

#include <linux/types.h>

struct ksc_sock;

void ksc_tickets_new(struct ksc_sock *ks, u64 context, u32 daemon);
void ksc_tickets_free(struct ksc_sock *ks);
void ksc_ticket_begin(struct ksc_sock *ks, u32 body);
void ksc_ticket_add(struct ksc_sock *ks, const u8 *p, u32 len);

#endif /* _KSC_SOCKET_TICKET_H */
