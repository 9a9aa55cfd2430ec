// SPDX-License-Identifier: GPL-2.0-only
/*
 * The daemon's limits for handshakes and keys: KSC_CMD_LIMITS_SET, and their part of
 * KSC_CMD_STATS_GET.
 */
#include <linux/kschannel_netlink.h>
#include <net/genetlink.h>
#include <net/ipv6.h>

#include "handshake/admit.h"
#include "handshake/context.h"
#include "handshake/limits.h"
#include "handshake/queue.h"
#include "net.h"
#include "netlink-gen.h"

/* Take over an attribute's value, if present */
static int ksc_limits_value(u32 *value, const struct nlattr *a, u32 min, u32 max,
			    struct netlink_ext_ack *extack)
{
	if (!a)
		return 0;
	if (nla_get_u32(a) < min || nla_get_u32(a) > max) {
		NL_SET_ERR_MSG_ATTR(extack, a, "limit out of range");
		return -ERANGE;
	}
	*value = nla_get_u32(a);
	return 0;
}

/* Each is an address of 16 bytes and a prefix length; IPv4 is mapped into IPv6 */
static int ksc_limits_trusted(struct ksc_limits *l, const struct nlattr *a,
			      struct netlink_ext_ack *extack)
{
	const u8 *p = a ? nla_data(a) : NULL;
	int left = a ? nla_len(a) : 0;
	const int size = sizeof(struct in6_addr) + 1;

	if (left % size || left > size * KSC_TRUSTED_MAX) {
		NL_SET_ERR_MSG_ATTR(extack, a, "more than 16 prefixes, or not 17 bytes each");
		return -EINVAL;
	}
	for (; left; left -= size, p += size) {
		struct ksc_trusted *t = &l->trusted[l->ntrusted++];

		memcpy(&t->addr, p, sizeof(t->addr));
		t->len = p[sizeof(t->addr)];
		if (t->len > 128) {
			NL_SET_ERR_MSG_ATTR(extack, a, "prefix length exceeds 128");
			return -EINVAL;
		}
	}
	return 0;
}

/**
 * ksc_nl_limits_set_doit() - KSC_CMD_LIMITS_SET
 * @skb: request
 * @info: its attributes; missing ones get their default
 *
 * Context: process, CAP_NET_ADMIN was checked. Return: 0 or an errno.
 */
int ksc_nl_limits_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ksc_net *kn = ksc_net(genl_info_net(info));
	u32 window = KSC_DEFAULT_WINDOW, bytes = KSC_DEFAULT_WINDOW_BYTES;
	struct nlattr **a = info->attrs;
	struct ksc_limits l;
	const struct {
		int attr;
		u32 *value;
		u32 min;
		u32 max;
	} values[] = {
		{ KSC_A_LIMITS_HANDSHAKES, &l.handshakes, 8, 1 << 20 },
		{ KSC_A_LIMITS_PER_USER, &l.per_user, 1, 1 << 20 },
		{ KSC_A_LIMITS_CLIENT_RESERVE, &l.client_reserve, 0, 1 << 20 },
		{ KSC_A_LIMITS_PER_ADDRESS, &l.per_address, 1, 1 << 20 },
		{ KSC_A_LIMITS_PER_SITE, &l.per_site, 1, 1 << 20 },
		{ KSC_A_LIMITS_PER_LISTENER, &l.per_listener, 1, 1 << 20 },
		{ KSC_A_LIMITS_FIRST_FLIGHT, &l.first_flight, 512, KSC_MAX_HANDSHAKE },
		{ KSC_A_LIMITS_STEPS, &l.steps, 4, 1 << 16 },
		{ KSC_A_LIMITS_KEYS, &l.keys, 1, 1 << 20 },
		{ KSC_A_LIMITS_KEYS_PER_USER, &l.keys_per_user, 1, 1 << 20 },
		{ KSC_A_LIMITS_WINDOW, &window, 1, 4096 },
		{ KSC_A_LIMITS_WINDOW_BYTES, &bytes, 1 << 16, 1 << 26 },
	};
	int i, err;

	ksc_limits_default(&l);
	for (i = 0; i < ARRAY_SIZE(values); i++) {
		err = ksc_limits_value(values[i].value, a[values[i].attr], values[i].min,
				       values[i].max, info->extack);
		if (err)
			return err;
	}
	if (l.client_reserve >= l.handshakes) {
		/* a small limit has a small reserve, unless one was set */
		if (a[KSC_A_LIMITS_CLIENT_RESERVE]) {
			NL_SET_ERR_MSG_ATTR(info->extack, a[KSC_A_LIMITS_CLIENT_RESERVE],
					    "client-reserve leaves nothing for servers");
			return -EINVAL;
		}
		l.client_reserve = l.handshakes / 8;
	}
	if (!a[KSC_A_LIMITS_PER_LISTENER])
		l.per_listener = ksc_limits_per_listener(&l);
	err = ksc_limits_trusted(&l, a[KSC_A_LIMITS_TRUSTED], info->extack);
	if (err)
		return err;
	ksc_admit_limits(kn, &l);
	ksc_queue_set_window(&kn->handshakes->queue, window, bytes);
	return 0;
}

/* In the format of KSC_CMD_LIMITS_SET */
static int ksc_put_trusted(struct sk_buff *msg, struct ksc_net *kn)
{
	struct ksc_trusted trusted[KSC_TRUSTED_MAX];
	u32 i, n = ksc_admit_trusted_get(kn, trusted);
	struct nlattr *a;
	u8 *p;

	if (!n)
		return 0;
	a = nla_reserve(msg, KSC_A_STATS_TRUSTED, n * (sizeof(trusted->addr) + 1));
	if (!a)
		return -EMSGSIZE;
	p = nla_data(a);
	for (i = 0; i < n; i++) {
		memcpy(p, &trusted[i].addr, sizeof(trusted->addr));
		p += sizeof(trusted->addr);
		*p++ = trusted[i].len;
	}
	return 0;
}

/**
 * ksc_limits_put() - put the limits and current counts into a message
 * @msg: the message, for KSC_CMD_STATS_GET
 * @kn: namespace
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_limits_put(struct sk_buff *msg, struct ksc_net *kn)
{
	const struct ksc_handshakes *hs = kn->handshakes;
	const struct {
		u16 attr;
		u32 value;
	} values[] = {
		{ KSC_A_STATS_HANDSHAKES, READ_ONCE(hs->shares[1].count) },
		{ KSC_A_STATS_LIMIT_HANDSHAKES, READ_ONCE(hs->limits.handshakes) },
		{ KSC_A_STATS_LIMIT_PER_USER, READ_ONCE(hs->limits.per_user) },
		{ KSC_A_STATS_LIMIT_CLIENT_RESERVE, READ_ONCE(hs->limits.client_reserve) },
		{ KSC_A_STATS_LIMIT_PER_ADDRESS, READ_ONCE(hs->limits.per_address) },
		{ KSC_A_STATS_LIMIT_PER_SITE, READ_ONCE(hs->limits.per_site) },
		{ KSC_A_STATS_LIMIT_PER_LISTENER, READ_ONCE(hs->limits.per_listener) },
		{ KSC_A_STATS_LIMIT_FIRST_FLIGHT, READ_ONCE(hs->limits.first_flight) },
		{ KSC_A_STATS_LIMIT_STEPS, READ_ONCE(hs->limits.steps) },
		{ KSC_A_STATS_LIMIT_WINDOW, READ_ONCE(hs->queue.window) },
		{ KSC_A_STATS_LIMIT_WINDOW_BYTES, READ_ONCE(hs->queue.window_bytes) },
		{ KSC_A_STATS_KEYS, READ_ONCE(hs->nr_keys) },
		{ KSC_A_STATS_LIMIT_KEYS, READ_ONCE(hs->limits.keys) },
		{ KSC_A_STATS_LIMIT_KEYS_PER_USER, READ_ONCE(hs->limits.keys_per_user) },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(values); i++)
		if (nla_put_u64_64bit(msg, values[i].attr, values[i].value, 0))
			return -EMSGSIZE;
	return ksc_put_trusted(msg, kn);
}
