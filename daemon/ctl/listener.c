// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which rules can match connections of a listener. The kernel answers questions about
 * connections; of a listener's future connections the peer's address is unknown, and often the
 * local one, too.
 */
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "ctl/covers.h"
#include "ctl/ctl.h"
#include "ctl/listener.h"

static bool within_port(uint16_t port, struct nlattr *min, struct nlattr *max)
{
	return !min || !max || (port >= nla_get_u16(min) && port <= nla_get_u16(max));
}

static bool within_id(uint32_t id, struct nlattr *min, struct nlattr *max)
{
	return !min || !max || (id >= nla_get_u32(min) && id <= nla_get_u32(max));
}

/* Both are of one family: for rules, IPv4 connections to an IPv6 socket are IPv4. */
static enum ctl_share share_local(const uint8_t *addr, size_t len, struct nlattr *prefix,
				  struct nlattr *bits)
{
	static const uint8_t any[16];
	unsigned int n = bits ? nla_get_u8(bits) : 0;

	if (!prefix)
		return CTL_SHARE_ALL;
	if ((size_t)nla_len(prefix) != len || n > 8 * len)
		return CTL_SHARE_NONE;
	if (!n)
		return CTL_SHARE_ALL;
	if (!memcmp(addr, any, len))
		return CTL_SHARE_SOME;
	return ctl_has_prefix(addr, nla_data(prefix), n) ? CTL_SHARE_ALL : CTL_SHARE_NONE;
}

static enum ctl_share share_remote(size_t len, struct nlattr **rule)
{
	struct nlattr *prefix = rule[KSC_A_RULE_REMOTE], *bits = rule[KSC_A_RULE_REMOTE_LEN];
	bool ports = rule[KSC_A_RULE_REMOTE_PORT_MIN] && rule[KSC_A_RULE_REMOTE_PORT_MAX];

	if (prefix && (size_t)nla_len(prefix) != len)
		return CTL_SHARE_NONE;
	return ports || (prefix && bits && nla_get_u8(bits)) ? CTL_SHARE_SOME : CTL_SHARE_ALL;
}

static enum ctl_share share_family(const uint8_t *addr, size_t len, struct nlattr **rule)
{
	enum ctl_share local = share_local(addr, len, rule[KSC_A_RULE_LOCAL],
					   rule[KSC_A_RULE_LOCAL_LEN]);
	enum ctl_share remote = share_remote(len, rule);

	return local < remote ? local : remote;
}

static enum ctl_share share_addresses(struct nlattr **rule, const union ctl_address *local,
				      bool v6only)
{
	static const uint8_t any[16];
	const uint8_t *v6 = local->in6.sin6_addr.s6_addr;
	enum ctl_share four, six;

	if (local->sa.sa_family == AF_INET)
		return share_family((const uint8_t *)&local->in.sin_addr, 4, rule);
	if (IN6_IS_ADDR_V4MAPPED(&local->in6.sin6_addr))
		return share_family(v6 + 12, 4, rule);
	six = share_family(v6, 16, rule);
	if (v6only || memcmp(v6, any, sizeof(any)) != 0)
		return six;
	four = share_family(any, 4, rule);
	return four == six ? four : CTL_SHARE_SOME;
}

/**
 * ctl_listener_share() - find how many of a listener's connections a rule matches
 * @rule: the rule's attributes, enum ksc_a_rule
 * @listener: the listener: its address, owner and cgroup
 * @v6only: it accepts no IPv4
 * Return: enum ctl_share
 */
enum ctl_share ctl_listener_share(struct nlattr **rule, const struct ctl_flow *listener,
				  bool v6only)
{
	const struct nlattr *directions = rule[KSC_A_RULE_DIRECTIONS];
	const in_port_t port = listener->local.sa.sa_family == AF_INET ?
			       listener->local.in.sin_port : listener->local.in6.sin6_port;

	if ((directions && !(nla_get_u32(directions) & KSC_RULE_DIRECTION_ACCEPT)) ||
	    !within_port(ntohs(port), rule[KSC_A_RULE_LOCAL_PORT_MIN],
			 rule[KSC_A_RULE_LOCAL_PORT_MAX]) ||
	    !within_id(listener->uid, rule[KSC_A_RULE_UID_MIN], rule[KSC_A_RULE_UID_MAX]) ||
	    !within_id(listener->gid, rule[KSC_A_RULE_GID_MIN], rule[KSC_A_RULE_GID_MAX]) ||
	    !ctl_covers_cgroup(listener->cgroup, rule[KSC_A_RULE_CGROUP]))
		return CTL_SHARE_NONE;
	return share_addresses(rule, &listener->local, v6only);
}
