// SPDX-License-Identifier: GPL-2.0-only
/*
 * Received control records: alerts, KeyUpdates, tickets. They are processed here, invisible to
 * readers.
 */
#include <linux/kschannel_netlink.h>
#include <net/tcp.h>

#include "net.h"
#include "record/cipher.h"
#include "record/frame.h"
#include "socket/control.h"
#include "socket/end.h"
#include "socket/flood.h"
#include "socket/rekey.h"
#include "socket/state.h"
#include "socket/ticket.h"
#include "stream/rx_plain.h"
#include "stream/rx_queue.h"
#include "stream/stream.h"
#include "stream/tx_control.h"

/**
 * ksc_rx_alert() - process an alert
 * @sk: socket, locked and owned
 * @ks: its state
 * @rec: the record
 *
 * Context: process. Return: 0, or an errno and the connection has failed.
 */
int ksc_rx_alert(struct sock *sk, struct ksc_sock *ks, const struct ksc_rec *rec)
{
	const u8 *p = rec->data;

	/* RFC 8446 5.4 */
	if (!rec->len && ks->s.version == KSC_VERSION_1_3) {
		ksc_rx_refuse(sk, ks, KSC_STATUS_PROTOCOL_ERROR,
			      KSC_ALERT_UNEXPECTED_MESSAGE, "empty alert record");
		return ksc_error(ks);
	}
	if (rec->len != 2) {
		ksc_rx_refuse(sk, ks, KSC_STATUS_PROTOCOL_ERROR,
			      KSC_ALERT_DECODE_ERROR, "malformed alert");
		return ksc_error(ks);
	}
	if (p[1] == KSC_ALERT_CLOSE_NOTIFY) {
		WRITE_ONCE(ks->s.rx.closed, true);
		return 0;
	}
	/* RFC 8446 6: TLS 1.3 ignores the level, all other alerts are fatal */
	if (p[1] == KSC_ALERT_USER_CANCELED ||
	    (ks->s.version != KSC_VERSION_1_3 && p[0] == KSC_ALERT_WARNING)) {
		ks->s.rx.warned = true;
		ks->s.rx.warning = p[1];
		return ksc_flood_dataless(sk, ks);
	}
	ksc_count(ks->kn, KSC_CNT_ALERTS_RECEIVED);
	ksc_fail(sk, ks, KSC_STATUS_ALERT_RECEIVED, p[1],
		 KSC_DIRECTION_RECEIVED, NULL);
	return ksc_error(ks);
}

/* RFC 8446 4.6.3; the message must be the record's last (5.1) */
static int ksc_rx_key_update(struct sock *sk, struct ksc_sock *ks, u8 request,
			     bool last)
{
	int err;

	if (!last || request > 1) {
		ksc_rx_refuse(sk, ks, KSC_STATUS_PROTOCOL_ERROR,
			      last ? KSC_ALERT_ILLEGAL_PARAMETER :
				     KSC_ALERT_UNEXPECTED_MESSAGE,
			      "malformed KeyUpdate");
		return ksc_error(ks);
	}
	err = ksc_flood_key_update(sk, ks);
	if (err)
		return err;
	ksc_cipher_update(&ks->s.rx.cipher);
	ksc_count(ks->kn, KSC_CNT_KEY_UPDATES_RECEIVED);
	ks->s.rx.updates++;
	ks->s.rx.asked = false;
	if (!request || ks->s.tx.closed)
		return 0;
	/* sending may process the backlog, and that may move TCP's queue */
	ksc_rxq_flush(sk, &ks->s.rx.queue);
	return ksc_rekey_soon(sk, ks, KSC_UPDATE_OWN);
}

/**
 * ksc_rx_handshake() - process post-handshake messages
 * @sk: socket, locked and owned
 * @ks: its state
 * @rec: record with messages, or parts of them
 *
 * Context: process. Return: 0, or an errno and the connection has failed.
 */
int ksc_rx_handshake(struct sock *sk, struct ksc_sock *ks, const struct ksc_rec *rec)
{
	bool v13 = ks->s.version == KSC_VERSION_1_3;
	const u8 *p = rec->data;
	u32 left = rec->len, body;
	u32 messages = 0;
	bool answered = false;
	int err;
	u8 type;

	/* RFC 8446 5.1: no empty handshake records */
	if (!left)
		goto unexpected;
	err = ksc_flood_dataless(sk, ks);
	if (err)
		return err;
	while (left) {
		bool inside = ks->s.rx.hs.left;
		size_t n = ksc_hs_parse(&ks->s.rx.hs, p, left, &type, &body);

		/* the body may be in a later record than its header */
		if (inside && ks->s.rx.hs.hdr[0] == KSC_HT_KEY_UPDATE) {
			err = ksc_rx_key_update(sk, ks, *p, left == 1);
			if (err)
				return err;
		} else if (inside) {
			ksc_ticket_add(ks, p, n);
		}
		p += n;
		left -= n;
		if (body == U32_MAX)
			continue;
		/* every further message in a record counts like a record */
		if (messages++)
			err = ksc_flood_dataless(sk, ks);
		if (err)
			return err;
		if (v13 && type == KSC_HT_NEW_SESSION_TICKET &&
		    ks->role == KSC_ROLE_CLIENT) {
			ksc_count(ks->kn, KSC_CNT_TICKETS);
			ksc_ticket_begin(ks, body);
		} else if (v13 && type == KSC_HT_KEY_UPDATE && body == 1) {
			continue;
		} else if (!v13 &&
			   ((type == KSC_HT_HELLO_REQUEST &&
			     ks->role == KSC_ROLE_CLIENT) ||
			    (type == KSC_HT_CLIENT_HELLO &&
			     ks->role == KSC_ROLE_SERVER))) {
			/* RFC 5246 7.2.2: refuse it, once per record; the session continues */
			if (answered)
				continue;
			answered = true;
			ksc_rxq_flush(sk, &ks->s.rx.queue);
			/* not after a reset: its error is for the reader, after data before it */
			if (!ks->s.tx.closed && !ks->s.tx.pending && !sk->sk_err &&
			    !(sk->sk_shutdown & SEND_SHUTDOWN) && sk_stream_memory_free(sk) &&
			    ksc_tx_alert(sk, &ks->s, KSC_ALERT_WARNING,
					 KSC_ALERT_NO_RENEGOTIATION)) {
				ksc_fail_silent(sk, ks, KSC_STATUS_INTERNAL_ERROR,
						"failed to send an alert");
				return ksc_error(ks);
			}
		} else {
			goto unexpected;
		}
	}
	return 0;

unexpected:
	ksc_rx_refuse(sk, ks, KSC_STATUS_PROTOCOL_ERROR,
		      KSC_ALERT_UNEXPECTED_MESSAGE,
		      "unexpected handshake message");
	return ksc_error(ks);
}
