// SPDX-License-Identifier: GPL-2.0-only
/*
 * Explains why a rule does not match a connection. The kernel alone decides; this is for people
 * who ask why.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "ctl/covers.h"
#include "ctl/ctl.h"
#include "ctl/why.h"

/**
 * struct host - an address, as rules compare it
 * @family: AF_INET, also for IPv4 in an IPv6 socket, or AF_INET6
 * @addr: in network order
 * @port: in host order
 */
struct host {
	int family;
	uint8_t addr[16];
	uint16_t port;
};

static struct host to_host(const union ctl_address *addr, bool v4)
{
	struct host h = { .family = v4 ? AF_INET : AF_INET6 };

	if (addr->sa.sa_family == AF_INET) {
		memcpy(h.addr, &addr->in.sin_addr, 4);
		h.port = ntohs(addr->in.sin_port);
	} else {
		memcpy(h.addr, &addr->in6.sin6_addr.s6_addr[v4 ? 12 : 0], v4 ? 4 : 16);
		h.port = ntohs(addr->in6.sin6_port);
	}
	return h;
}

static bool is_v4(const struct ctl_flow *flow)
{
	return flow->peer.sa.sa_family == AF_INET ||
	       IN6_IS_ADDR_V4MAPPED(&flow->peer.in6.sin6_addr);
}

static bool has_prefix(const struct host *h, const struct nlattr *addr, unsigned int bits)
{
	if (nla_len(addr) != (h->family == AF_INET ? 4 : 16) || (int)bits > 8 * nla_len(addr))
		return false;
	return ctl_has_prefix(h->addr, nla_data(addr), bits);
}

static char *__attribute__((format(printf, 1, 2))) say(const char *fmt, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	return ctl_alloc(len < 0 ? NULL : text);
}

static char *why_address(const char *end, const struct host *h, const struct nlattr *addr,
			 struct nlattr *len)
{
	char ours[INET6_ADDRSTRLEN], theirs[INET6_ADDRSTRLEN];
	unsigned int bits = len ? nla_get_u8(len) : 0;

	if (!addr || has_prefix(h, addr, bits))
		return NULL;
	ksc_host_print(h->addr, h->family == AF_INET ? 4 : 16, ours);
	ksc_host_print(nla_data(addr), (size_t)nla_len(addr), theirs);
	return say("the %s address %s is not in %s/%u", end, ours, theirs, bits);
}

static char *why_number(const char *what, uint32_t n, uint32_t min, uint32_t max)
{
	if (n >= min && n <= max)
		return NULL;
	if (min == max)
		return say("the %s is %" PRIu32 ", not %" PRIu32, what, n, min);
	return say("the %s is %" PRIu32 ", not %" PRIu32 " to %" PRIu32, what, n, min, max);
}

static char *why_port(const char *what, uint16_t port, struct nlattr *min, struct nlattr *max)
{
	return min && max ? why_number(what, port, nla_get_u16(min), nla_get_u16(max)) : NULL;
}

static char *why_id(const char *what, uint32_t id, struct nlattr *min, struct nlattr *max)
{
	return min && max ? why_number(what, id, nla_get_u32(min), nla_get_u32(max)) : NULL;
}

static char *why_direction(uint32_t direction, struct nlattr *wanted)
{
	if (!wanted || nla_get_u32(wanted) & direction)
		return NULL;
	return say("%s", direction == KSC_RULE_DIRECTION_ACCEPT ? "it is incoming" :
								  "it is outgoing");
}

static char *why_cgroup(const struct ctl_flow *flow, struct nlattr *wanted)
{
	return ctl_covers_cgroup(flow->cgroup, wanted) ?
		       NULL : say("it is not in the cgroup %s", nla_get_string(wanted));
}

static char *why_not(struct nlattr **rule, const struct ctl_flow *flow)
{
	const struct host local = to_host(&flow->local, is_v4(flow));
	const struct host remote = to_host(&flow->peer, is_v4(flow));
	char *why = why_direction(flow->direction, rule[KSC_A_RULE_DIRECTIONS]);

	why = why ?: why_port("remote port", remote.port, rule[KSC_A_RULE_REMOTE_PORT_MIN],
			      rule[KSC_A_RULE_REMOTE_PORT_MAX]);
	why = why ?: why_port("local port", local.port, rule[KSC_A_RULE_LOCAL_PORT_MIN],
			      rule[KSC_A_RULE_LOCAL_PORT_MAX]);
	why = why ?: why_address("remote", &remote, rule[KSC_A_RULE_REMOTE],
				 rule[KSC_A_RULE_REMOTE_LEN]);
	why = why ?: why_address("local", &local, rule[KSC_A_RULE_LOCAL],
				 rule[KSC_A_RULE_LOCAL_LEN]);
	why = why ?: why_id("user", flow->uid, rule[KSC_A_RULE_UID_MIN], rule[KSC_A_RULE_UID_MAX]);
	why = why ?: why_id("group", flow->gid, rule[KSC_A_RULE_GID_MIN],
			    rule[KSC_A_RULE_GID_MAX]);
	return why ?: why_cgroup(flow, rule[KSC_A_RULE_CGROUP]);
}

/* As in the kernel: a local address of another family than @via counts as unspecified. */
static struct ctl_flow asked_for(const struct ctl_flow *flow)
{
	struct ctl_flow asked = *flow;
	bool v4 = is_v4(flow);

	asked.peer = flow->via;
	if (is_v4(&asked) == v4)
		return asked;
	asked.local = (union ctl_address){ .sa.sa_family = AF_INET6 };
	asked.local.in6.sin6_port = htons(to_host(&flow->local, v4).port);
	return asked;
}

/**
 * ctl_why_not() - explain why a rule does not match a connection
 * @rule: the rule's attributes, enum ksc_a_rule
 * @flow: the connection, with both ends and the address that was asked for
 * Return: one line, which the caller frees: the first difference, for each of two addresses; NULL
 *	if there is none
 */
char *ctl_why_not(struct nlattr **rule, const struct ctl_flow *flow)
{
	char *why = why_not(rule, flow), *via, *both;
	struct ctl_flow asked;

	if (!flow->via.sa.sa_family)
		return why;
	asked = asked_for(flow);
	via = why_not(rule, &asked);
	if (!why || !via)
		both = say("a later one asks for more");
	else if (!strcmp(why, via))
		both = say("%s", why);
	else
		both = say("%s; as asked for, %s", why, via);
	free(why);
	free(via);
	return both;
}
