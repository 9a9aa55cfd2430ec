/* SPDX-License-Identifier: GPL-2.0-only */
/* State of network namespaces, their counters and their daemon. */
#ifndef _KSC_NET_H
#define _KSC_NET_H

#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <net/genetlink.h>

struct ksc_net;
struct ksc_policy_load;
struct net;
struct sk_buff;
struct sock;
struct workqueue_struct;

/**
 * enum ksc_counter - counters of a network namespace, see ksc_count()
 */
enum ksc_counter {
	KSC_CNT_HANDSHAKES_OK,
	KSC_CNT_HANDSHAKES_FAILED,
	KSC_CNT_HANDSHAKES_TIMED_OUT,
	KSC_CNT_STEPS,
	KSC_CNT_OFFERS,
	KSC_CNT_OFFERS_DEFERRED,
	KSC_CNT_EVICTED_ALL,
	KSC_CNT_EVICTED_USER,
	KSC_CNT_EVICTED_PREFIX,
	KSC_CNT_EVICTED_LISTENER,
	KSC_CNT_REFUSED_ALL,
	KSC_CNT_REFUSED_USER,
	KSC_CNT_REFUSED_PREFIX,
	KSC_CNT_REFUSED_LISTENER,
	KSC_CNT_FIRST_FLIGHT_TOO_LONG,
	KSC_CNT_TOO_MANY_STEPS,
	KSC_CNT_TX_BYTES,
	KSC_CNT_TX_RECORDS,
	KSC_CNT_RX_BYTES,
	KSC_CNT_RX_RECORDS,
	KSC_CNT_RX_BAD_RECORDS,
	KSC_CNT_RX_TRUNCATED,
	KSC_CNT_ALERTS_SENT,
	KSC_CNT_ALERTS_RECEIVED,
	KSC_CNT_TICKETS,
	KSC_CNT_KEY_UPDATES_SENT,
	KSC_CNT_KEY_UPDATES_RECEIVED,
	KSC_CNT_RX_FLOODS,
	KSC_CNT_CIPHERS_MADE,
	KSC_CNT_CIPHERS_PARKED,
	KSC_CNT_POLICY_PLAIN,
	KSC_CNT_POLICY_FALLBACKS,
	KSC_CNT_POLICY_REFUSED,
	KSC_CNT_RX_STAGED,
	KSC_CNT_NOT_TLS,
	KSC_CNT_POLICY_DIFFERS,
	KSC_CNT_KEYS_REFUSED,
	KSC_CNT_MAX
};

/**
 * struct ksc_counters - one CPU's share of a namespace's counters
 * @v: by enum ksc_counter
 */
struct ksc_counters {
	unsigned long v[KSC_CNT_MAX];
};

/**
 * struct ksc_net - a network namespace's state
 * @net: the namespace; outlives its sockets and its daemon's keys
 * @lock: protects @daemon, @registration, @last_registration, @had_daemon
 * @daemon: netlink socket of the registered daemon, referenced, or NULL
 * @registration: its registration number, 0 for none
 * @last_registration: the last number used; never reused
 * @had_daemon: a daemon was registered before: handshakes wait for the next one
 * @counters: see ksc_count()
 * @handshakes: pending handshakes and their limits
 * @policies: the policy
 * @socks: its sockets
 *
 * All parts live as long as the namespace.
 */
struct ksc_net {
	struct net *net;
	spinlock_t lock;	/* daemon, registrations, had_daemon */
	struct sock *daemon;
	u32 registration;
	u32 last_registration;
	bool had_daemon;
	struct ksc_counters __percpu *counters;
	struct ksc_handshakes *handshakes;
	struct ksc_policies *policies;
	struct ksc_socks *socks;
};

extern unsigned int ksc_net_id;
extern struct workqueue_struct *ksc_wq;
extern struct genl_family ksc_nl_family;

u32 ksc_daemon(const struct ksc_net *kn);
u32 ksc_daemon_is(struct ksc_net *kn, struct sk_buff *skb, const struct genl_info *info);
bool ksc_daemon_present(struct ksc_net *kn);
bool ksc_daemon_expected(struct ksc_net *kn);
int ksc_daemon_send(struct ksc_net *kn, u32 daemon, struct sk_buff *msg);
struct ksc_net *ksc_net(const struct net *net);
u64 ksc_counter_sum(const struct ksc_net *kn, enum ksc_counter c);

static inline void ksc_count_in(struct ksc_counters __percpu *counters, enum ksc_counter c,
				unsigned long n)
{
	this_cpu_add(counters->v[c], n);
}

static inline void ksc_count_add(struct ksc_net *kn, enum ksc_counter c, unsigned long n)
{
	ksc_count_in(kn->counters, c, n);
}

static inline void ksc_count(struct ksc_net *kn, enum ksc_counter c)
{
	ksc_count_add(kn, c, 1);
}

#endif /* _KSC_NET_H */
