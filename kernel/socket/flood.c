// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rate limits on records without application data and on KeyUpdates, so that a peer can't burn CPU
 * for free. Honest peers send few of them.
 */
#include <linux/kschannel_netlink.h>
#include <linux/module.h>

#include "net.h"
#include "record/frame.h"
#include "socket/end.h"
#include "socket/flood.h"
#include "socket/state.h"
#include "stream/stream.h"

/* Period of max_dataless */
#define KSC_DATALESS_PERIOD	(60 * HZ)

unsigned int ksc_max_dataless = 256;
module_param_named(max_dataless, ksc_max_dataless, uint, 0644);
MODULE_PARM_DESC(max_dataless, "maximum number of consecutive records without application data from a peer per minute (0: unlimited; default 256)");

unsigned int ksc_max_key_updates = 128;
module_param_named(max_key_updates, ksc_max_key_updates, uint, 0644);
MODULE_PARM_DESC(max_key_updates, "maximum number of KeyUpdates from a peer per second, not counting solicited ones and those after 16 KiB of data (0: unlimited; default 128)");

/* Count an event; is it over the limit? */
static bool ksc_rate_over(struct ksc_rate *r, unsigned int most, unsigned long period)
{
	unsigned long now = jiffies;

	if (!r->n || time_after_eq(now, r->since + period)) {
		r->n = 0;
		r->since = now;
	}
	return r->n++ >= most && most;
}

static int ksc_flood(struct sock *sk, struct ksc_sock *ks, const char *text)
{
	ksc_count(ks->kn, KSC_CNT_RX_FLOODS);
	ksc_rx_refuse(sk, ks, KSC_STATUS_PROTOCOL_ERROR, KSC_ALERT_UNEXPECTED_MESSAGE, text);
	return ksc_error(ks);
}

/**
 * ksc_flood_dataless() - count a record without application data
 * @sk: socket, locked and owned
 * @ks: its state, established
 *
 * Or a further handshake message in such a record. Application data resets the count.
 *
 * Context: process. Return: 0, or an errno and the connection has failed.
 */
int ksc_flood_dataless(struct sock *sk, struct ksc_sock *ks)
{
	if (likely(!ksc_rate_over(&ks->s.rx.dataless, READ_ONCE(ksc_max_dataless),
				  KSC_DATALESS_PERIOD)))
		return 0;
	return ksc_flood(sk, ks, "too many records without data");
}

/**
 * ksc_flood_key_update() - count a KeyUpdate of the peer
 * @sk: socket, locked and owned
 * @ks: its state, established
 *
 * Its record is already counted. An answer to our own request does not count: a peer that only
 * receives sends nothing else.
 *
 * Context: process. Return: 0, or an errno and the connection has failed.
 */
int ksc_flood_key_update(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_rx *rx = &ks->s.rx;

	if (rx->solicited) {
		rx->solicited--;
		rx->dataless.n -= !!rx->dataless.n;
		return 0;
	}
	/* the data before it costs more than the KeyUpdate */
	if (rx->bytes - rx->rekeyed >= KSC_MAX_PAYLOAD) {
		rx->rekeyed = rx->bytes;
		return 0;
	}
	if (likely(!ksc_rate_over(&rx->key_updates, READ_ONCE(ksc_max_key_updates), HZ)))
		return 0;
	return ksc_flood(sk, ks, "too many KeyUpdates");
}

/**
 * ksc_flood_solicit() - the peer is asked for a KeyUpdate
 * @rx: receiving half
 *
 * An upper bound: the peer may answer several requests by one KeyUpdate (RFC 8446 4.6.3).
 *
 * Context: the socket's lock.
 */
void ksc_flood_solicit(struct ksc_rx *rx)
{
	if (rx->solicited < U8_MAX)
		rx->solicited++;
}
