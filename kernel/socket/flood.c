// SPDX-License-Identifier: GPL-2.0
/*
 * What a peer may have us do without saying anything: records that carry no application
 * data, and changes of keys. An honest one sends few of them; one that sends nothing else
 * has us compute for ever.
 */
#include <linux/kschannel_netlink.h>
#include <linux/module.h>

#include "net.h"
#include "record/frame.h"
#include "socket/end.h"
#include "socket/flood.h"
#include "socket/state.h"
#include "stream/stream.h"

/* In which max_dataless may come */
#define KSC_DATALESS_PERIOD	(60 * HZ)

unsigned int ksc_max_dataless = 256;
module_param_named(max_dataless, ksc_max_dataless, uint, 0644);
MODULE_PARM_DESC(max_dataless, "records without application data that a peer may send in a row within a minute (0: any number; default 256)");

unsigned int ksc_max_key_updates = 128;
module_param_named(max_key_updates, ksc_max_key_updates, uint, 0644);
MODULE_PARM_DESC(max_key_updates, "KeyUpdates that a peer may send within a second, but for those that it is asked for or that have 16 KiB of data before them (0: any number; default 128)");

/* Once more; is that too often? */
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
 * ksc_flood_dataless() - a record came that has no application data
 * @sk: socket, locked and owned
 * @ks: its state, established
 *
 * Or a further handshake message in such a record. Data makes up for all of them.
 *
 * Context: process. Return: 0 or an errno; the connection is over then.
 */
int ksc_flood_dataless(struct sock *sk, struct ksc_sock *ks)
{
	if (likely(!ksc_rate_over(&ks->s.rx.dataless, READ_ONCE(ksc_max_dataless),
				  KSC_DATALESS_PERIOD)))
		return 0;
	return ksc_flood(sk, ks, "too many records without data");
}

/**
 * ksc_flood_key_update() - the peer changes its keys
 * @sk: socket, locked and owned
 * @ks: its state, established
 *
 * Its record was counted before. One that answers a request of ours is not its idea: who
 * only receives sends these and nothing else.
 *
 * Context: process. Return: 0 or an errno; the connection is over then.
 */
int ksc_flood_key_update(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_rx *rx = &ks->s.rx;

	if (rx->solicited) {
		rx->solicited--;
		rx->dataless.n -= !!rx->dataless.n;
		return 0;
	}
	/* the data before it cost more than it does */
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
 * It may answer several requests by one (RFC 8446 4.6.3), so this is none to rely on.
 *
 * Context: the socket's lock.
 */
void ksc_flood_solicit(struct ksc_rx *rx)
{
	if (rx->solicited < U8_MAX)
		rx->solicited++;
}
