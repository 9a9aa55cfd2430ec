// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client's session tickets (RFC 8446 4.6.1), which are sent to the daemon that ran the
 * handshake, so that the next one can resume the session.
 *
 * A server can make us hold one ticket of KSC_MAX_TICKET bytes, and send KSC_TICKETS of them to
 * the daemon. All others are only counted.
 */
#include <linux/kschannel_netlink.h>
#include <linux/slab.h>

#include "handshake/upcall.h"
#include "memcg.h"
#include "record/frame.h"
#include "socket/state.h"
#include "socket/ticket.h"

/* Tickets of a connection that are sent to the daemon */
#define KSC_TICKETS	4

/**
 * struct ksc_tickets - a client's received tickets
 * @context: the handshake's number, by which the daemon knows the session
 * @daemon: its registration
 * @left: number of tickets that are still wanted
 * @len: bytes of the current message
 * @have: bytes of it received so far
 * @data: the message, NULL if there is none
 *
 * Under the socket's lock.
 */
struct ksc_tickets {
	u64 context;
	u32 daemon;
	u8 left;
	u32 len;
	u32 have;
	u8 *data;
};

/**
 * ksc_tickets_new() - the daemon wants tickets
 * @ks: client's state
 * @context: number of its handshake
 * @daemon: its registration
 *
 * Context: process, the socket's lock. Out of memory is no failure: the daemon is notified that
 * there will be none.
 */
void ksc_tickets_new(struct ksc_sock *ks, u64 context, u32 daemon)
{
	struct ksc_tickets *t = kzalloc(sizeof(*t), KSC_GFP_FOR_OTHERS);

	if (!t) {
		ksc_netlink_gone(ks->kn, daemon, context);
		return;
	}
	t->context = context;
	t->daemon = daemon;
	t->left = KSC_TICKETS;
	ks->tickets = t;
}

/**
 * ksc_tickets_free() - stop sending tickets to the daemon
 * @ks: state
 *
 * Context: process, the socket's lock, or no other users.
 */
void ksc_tickets_free(struct ksc_sock *ks)
{
	struct ksc_tickets *t = ks->tickets;

	if (!t)
		return;
	ks->tickets = NULL;
	ksc_netlink_gone(ks->kn, t->daemon, t->context);
	kfree_sensitive(t->data);
	kfree(t);
}

/**
 * ksc_ticket_begin() - the header of a NewSessionTicket was received
 * @ks: state
 * @body: bytes that follow it
 *
 * Context: process, the socket's lock.
 */
void ksc_ticket_begin(struct ksc_sock *ks, u32 body)
{
	struct ksc_tickets *t = ks->tickets;

	if (!t || !body || body > KSC_MAX_TICKET - 4)
		return;
	t->len = 4 + body;
	t->data = kmalloc(t->len, KSC_GFP_FOR_OTHERS);
	if (!t->data)
		return;
	t->data[0] = KSC_HT_NEW_SESSION_TICKET;
	t->data[1] = 0;
	t->data[2] = body >> 8;
	t->data[3] = body;
	t->have = 4;
}

/**
 * ksc_ticket_add() - more of a handshake message was received
 * @ks: state
 * @p: bytes of its body
 * @len: their number
 *
 * Ignored unless it is a ticket, which is sent to the daemon when it is complete.
 *
 * Context: process, the socket's lock.
 */
void ksc_ticket_add(struct ksc_sock *ks, const u8 *p, u32 len)
{
	struct ksc_tickets *t = ks->tickets;

	if (!t || !t->data)
		return;
	/* never needed: the parser stops at the end of a message */
	len = min(len, t->len - t->have);
	memcpy(t->data + t->have, p, len);
	t->have += len;
	if (t->have < t->len)
		return;
	ksc_netlink_ticket(ks->kn, t->daemon, t->context, t->data, t->len);
	kfree_sensitive(t->data);
	t->data = NULL;
	if (!--t->left)
		ksc_tickets_free(ks);
}
