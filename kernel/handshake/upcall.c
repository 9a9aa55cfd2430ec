// SPDX-License-Identifier: GPL-2.0-only
/*
 * Notifications to the daemon that need no answer: a context ended, a ticket arrived.
 */
#include <linux/kschannel_netlink.h>
#include <linux/netlink.h>
#include <net/genetlink.h>

#include "handshake/upcall.h"
#include "net.h"
#include "netlink-gen.h"

/**
 * ksc_netlink_gone() - notify the daemon that a context was deleted
 * @kn: namespace
 * @daemon: registration of the daemon that has it
 * @id: the context's number
 *
 * Context: process. Best effort: the daemon drops sessions at their deadline.
 */
void ksc_netlink_gone(struct ksc_net *kn, u32 daemon, u64 id)
{
	struct sk_buff *msg = genlmsg_new(nla_total_size_64bit(sizeof(id)),
					  GFP_KERNEL);
	void *hdr;

	if (!msg)
		return;
	hdr = genlmsg_put(msg, 0, 0, &ksc_nl_family, 0, KSC_CMD_CONTEXT_DEL);
	if (!hdr || nla_put_u64_64bit(msg, KSC_A_CONTEXT_ID, id, 0)) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	ksc_daemon_send(kn, daemon, msg);
}

/**
 * ksc_netlink_ticket() - send a ticket to the daemon that ran the handshake
 * @kn: namespace
 * @daemon: its registration
 * @id: the context's number
 * @data: NewSessionTicket
 * @len: length of @data in bytes
 *
 * Context: process. Best effort: without it the next handshake is a full one.
 */
void ksc_netlink_ticket(struct ksc_net *kn, u32 daemon, u64 id, const u8 *data,
			u32 len)
{
	struct sk_buff *msg;
	void *hdr;

	if (daemon != ksc_daemon(kn))
		return;
	msg = genlmsg_new(nla_total_size_64bit(sizeof(id)) + nla_total_size(len),
			  GFP_KERNEL);
	if (!msg)
		return;
	hdr = genlmsg_put(msg, 0, 0, &ksc_nl_family, 0, KSC_CMD_TICKET);
	if (!hdr || nla_put_u64_64bit(msg, KSC_A_CONTEXT_ID, id, 0) ||
	    nla_put(msg, KSC_A_CONTEXT_TOKEN, len, data)) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	ksc_daemon_send(kn, daemon, msg);
}
