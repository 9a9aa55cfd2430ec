// SPDX-License-Identifier: GPL-2.0-only
/*
 * kschannelctl audit: lists what the policy would have protected and what is in plaintext: TCP
 * connections from before the policy was loaded, or whose sockets were not given to the module,
 * and listeners alike. Plaintext that a rule asks for is not listed.
 */
#include <err.h>
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/names.h"
#include "ctl/ctl.h"
#include "ctl/listener.h"
#include "ctl/policy.h"
#include "ctl/table.h"

#define FIN_WAIT1	4
#define FIN_WAIT2	5
#define LISTEN		10
/* established, connecting, and closed on one side */
#define STATES		(1U << 1 | 1U << 2 | 1U << FIN_WAIT1 | 1U << FIN_WAIT2 | 1U << 8)

/**
 * struct connection - a TCP socket
 * @flow: its addresses and owner
 * @cgroup: ID of its cgroup, 0 if unknown
 * @inode: inode number of its file
 * @listens: it is a listener; @decided and @match are about its connections
 * @v6only: it accepts no IPv4
 * @decided: each of its connections matches a rule
 * @match: the rule that matches it; for a listener, the first that would protect a connection
 */
struct connection {
	struct ctl_flow flow;
	uint64_t cgroup;
	uint64_t inode;
	bool listens;
	bool v6only;
	bool decided;
	struct ctl_match match;
};

/**
 * struct protected - a protected socket
 * @hh: its place in the table
 * @inode: inode number of its file
 */
struct protected {
	UT_hash_handle hh;
	uint64_t inode;
};

/**
 * struct audit - the sockets of the namespace
 * @list: all TCP sockets, protected or not
 * @n: number of them
 * @listening: for each port, whether it has a listener
 * @protected: hash table of the protected sockets, by inode number
 * @by_cgroup: index of the first rule with a cgroup, UINT32_MAX without one
 */
struct audit {
	struct connection *list;
	size_t n;
	uint32_t by_cgroup;
	bool listening[UINT16_MAX + 1];
	struct protected *protected;
};

/* ---- TCP's sockets ---- */

static void take_address(union ctl_address *addr, uint8_t family, const __be32 *host, __be16 port)
{
	addr->sa.sa_family = family;
	if (family == AF_INET) {
		memcpy(&addr->in.sin_addr, host, sizeof(addr->in.sin_addr));
		addr->in.sin_port = port;
	} else {
		memcpy(&addr->in6.sin6_addr, host, sizeof(addr->in6.sin6_addr));
		addr->in6.sin6_port = port;
	}
}

static uint32_t group_of(uint32_t uid)
{
	const struct passwd *pw = getpwuid(uid);

	return pw ? pw->pw_gid : UINT32_MAX;
}

static int on_socket(struct nl_msg *msg, void *arg)
{
	const struct inet_diag_msg *diag = nlmsg_data(nlmsg_hdr(msg));
	struct nlattr *tb[INET_DIAG_MAX + 1];
	struct audit *audit = arg;
	struct connection *c;

	if (nlmsg_parse(nlmsg_hdr(msg), sizeof(*diag), tb, INET_DIAG_MAX, NULL) < 0)
		return NL_SKIP;
	if (diag->idiag_state == LISTEN)
		audit->listening[ntohs(diag->id.idiag_sport)] = true;
	/* Closed by its program, or not accepted yet */
	if (!diag->idiag_inode)
		return NL_SKIP;
	audit->list = ctl_alloc(reallocarray(audit->list, audit->n + 1, sizeof(*c)));
	c = &audit->list[audit->n++];
	memset(c, 0, sizeof(*c));
	take_address(&c->flow.local, diag->idiag_family, diag->id.idiag_src,
		     diag->id.idiag_sport);
	take_address(&c->flow.peer, diag->idiag_family, diag->id.idiag_dst, diag->id.idiag_dport);
	c->flow.uid = diag->idiag_uid;
	/* sock_diag does not report the socket's group */
	c->flow.gid = group_of(diag->idiag_uid);
	c->inode = diag->idiag_inode;
	c->listens = diag->idiag_state == LISTEN;
	c->v6only = tb[INET_DIAG_SKV6ONLY] && nla_get_u8(tb[INET_DIAG_SKV6ONLY]);
	if (tb[INET_DIAG_CGROUP_ID])
		c->cgroup = nla_get_u64(tb[INET_DIAG_CGROUP_ID]);
	return NL_OK;
}

static int ask_tcp(struct nl_sock *sk, uint8_t family)
{
	const struct inet_diag_req_v2 req = {
		.sdiag_family = family,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_states = STATES | 1U << LISTEN,
	};
	int ret = nl_send_simple(sk, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, (void *)&req, sizeof(req));

	return ret < 0 ? ret : nl_recvmsgs_default(sk);
}

static int list_tcp(struct audit *audit)
{
	struct nl_sock *sk = ctl_alloc(nl_socket_alloc());
	int ret = nl_connect(sk, NETLINK_SOCK_DIAG);

	nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, on_socket, audit);
	if (ret >= 0)
		ret = ask_tcp(sk, AF_INET);
	if (ret >= 0)
		ret = ask_tcp(sk, AF_INET6);
	nl_socket_free(sk);
	if (ret < 0)
		warnx("TCP's sockets cannot be listed: %s", nl_geterror(ret));
	return ret < 0 ? -1 : 0;
}

/* ---- protected sockets ---- */

static bool is_protected(const struct audit *audit, uint64_t inode)
{
	const struct protected *found;

	HASH_FIND(hh, audit->protected, &inode, sizeof(inode), found);
	return found;
}

static void on_protected(struct nlattr **tb, void *arg)
{
	struct audit *audit = arg;
	uint32_t phase = tb[KSC_A_SOCK_PHASE] ? nla_get_u32(tb[KSC_A_SOCK_PHASE]) :
						KSC_PHASE_CLOSED;
	struct protected *one;
	uint64_t inode;

	/* the dump leaves out KSC_PHASE_PLAIN */
	if (phase == KSC_PHASE_CLOSED || !tb[KSC_A_SOCK_INODE])
		return;
	inode = nla_get_u64(tb[KSC_A_SOCK_INODE]);
	if (is_protected(audit, inode))
		return;
	one = ctl_alloc(calloc(1, sizeof(*one)));
	one->inode = inode;
	HASH_ADD(hh, audit->protected, inode, sizeof(inode), one);
	ctl_alloc(one->hh.tbl);
}

static int list_protected(struct audit *audit)
{
	static struct nla_policy policy[KSC_A_SOCK_MAX + 1] = {
		[KSC_A_SOCK_INODE] = { .type = NLA_U64 },
		[KSC_A_SOCK_PHASE] = { .type = NLA_U32 },
	};
	/* no @restart: what an interrupted dump has added does no harm */
	const struct ctl_request req = {
		.cmd = KSC_CMD_SOCK_GET,
		.flags = NLM_F_DUMP,
		.maxattr = KSC_A_SOCK_MAX,
		.policy = policy,
		.reply = on_protected,
		.arg = audit,
	};

	return ctl_request(&req);
}

/* ---- paths of cgroups ---- */

/* nftw() passes no argument. */
static struct audit *walked;

static int on_cgroup(const char *path, const struct stat *st, int type, struct FTW *at)
{
	const char *name = path + strlen(CTL_CGROUPS);

	(void)at;
	if (type != FTW_D)
		return 0;
	for (size_t i = 0; i < walked->n; i++) {
		struct connection *c = &walked->list[i];

		if (c->cgroup == st->st_ino && !c->flow.cgroup)
			c->flow.cgroup = ctl_alloc(strdup(*name ? name : "/"));
	}
	return 0;
}

static void find_cgroups(struct audit *audit)
{
	walked = audit;
	nftw(CTL_CGROUPS, on_cgroup, 16, FTW_PHYS | FTW_MOUNT);
}

/* ---- the policy ---- */

static void on_rule(struct nlattr **rule, void *arg)
{
	struct audit *audit = arg;

	if (rule[KSC_A_RULE_CGROUP] && rule[KSC_A_RULE_NUMBER] &&
	    nla_get_u32(rule[KSC_A_RULE_NUMBER]) < audit->by_cgroup)
		audit->by_cgroup = nla_get_u32(rule[KSC_A_RULE_NUMBER]);
	for (size_t i = 0; i < audit->n; i++) {
		struct connection *c = &audit->list[i];
		struct ctl_match *match = &c->match;
		enum ctl_share share;

		if (!c->listens || c->decided || !rule[KSC_A_RULE_ACTION])
			continue;
		share = ctl_listener_share(rule, &c->flow, c->v6only);
		match->found = share != CTL_SHARE_NONE;
		match->action = (enum ksc_rule_action)nla_get_u32(rule[KSC_A_RULE_ACTION]);
		if (rule[KSC_A_RULE_NUMBER])
			match->number = nla_get_u32(rule[KSC_A_RULE_NUMBER]);
		if (match->found && rule[KSC_A_RULE_NAME])
			nla_strlcpy(match->name, rule[KSC_A_RULE_NAME], sizeof(match->name));
		/* a rule that leaves some in plaintext does not decide about the rest */
		c->decided = share == CTL_SHARE_ALL ||
			     (match->found && match->action != KSC_RULE_ACTION_NEVER);
	}
}

static void forget_rules(void *arg)
{
	struct audit *audit = arg;

	audit->by_cgroup = UINT32_MAX;
	for (size_t i = 0; i < audit->n; i++) {
		audit->list[i].decided = false;
		memset(&audit->list[i].match, 0, sizeof(audit->list[i].match));
	}
}

static int find_rule(const struct audit *audit, struct connection *c)
{
	const in_port_t port = c->flow.local.sa.sa_family == AF_INET ?
			       c->flow.local.in.sin_port : c->flow.local.in6.sin6_port;

	/* which side connected is unknown: a port with a listener is taken for a service's */
	c->flow.direction = audit->listening[ntohs(port)] ? KSC_RULE_DIRECTION_ACCEPT :
							    KSC_RULE_DIRECTION_CONNECT;
	return ctl_policy_match(&c->flow, &c->match);
}

static int find_rules(struct audit *audit)
{
	const struct ctl_rules rules = { .restart = forget_rules, .rule = on_rule, .arg = audit };
	int ret = ctl_policy_rules(&rules);

	for (size_t i = 0; i < audit->n && !ret; i++) {
		struct connection *c = &audit->list[i];

		if (!c->listens && !is_protected(audit, c->inode))
			ret = find_rule(audit, c);
	}
	return ret;
}

/*
 * Its cgroup was removed, or is not visible here: whether a rule with a cgroup matches it is
 * unknown.
 */
static bool is_unknown(const struct audit *audit, const struct connection *c)
{
	return c->cgroup && !c->flow.cgroup && audit->by_cgroup != UINT32_MAX &&
	       (!c->match.found || c->match.number > audit->by_cgroup);
}

/* Whether to list it: it should be protected, or no known rule exempts it. */
static bool is_found(const struct audit *audit, const struct connection *c)
{
	if (is_protected(audit, c->inode))
		return false;
	if (is_unknown(audit, c))
		return true;
	if (!c->match.found)
		return !c->listens;
	return c->match.action != KSC_RULE_ACTION_NEVER;
}

/* ---- output ---- */

static char *address_text(const union ctl_address *addr)
{
	char buf[sizeof(struct nlattr) + sizeof(*addr)];
	struct nlattr *attr = (struct nlattr *)buf;

	attr->nla_type = 0;
	attr->nla_len = sizeof(buf);
	memcpy(nla_data(attr), addr, sizeof(*addr));
	return ctl_address(attr);
}

static const char *direction_name(const struct connection *c)
{
	if (c->listens)
		return "listen";
	return c->flow.direction == KSC_RULE_DIRECTION_ACCEPT ? "accept" : "connect";
}

static const char *action_name(const struct audit *audit, const struct connection *c)
{
	if (is_unknown(audit, c))
		return "unknown";
	return c->match.found ? ksc_action_name(c->match.action) : "none";
}

/* Returns NULL if no rule matches, or it is unknown which. */
static const char *rule_name(const struct audit *audit, const struct connection *c)
{
	return c->match.found && !is_unknown(audit, c) ? c->match.name : NULL;
}

static void add_row(const struct audit *audit, struct ctl_table *table, const struct connection *c)
{
	const char *rule = rule_name(audit, c);

	ctl_table_add(table, ctl_escape(rule ? rule : "-"));
	ctl_table_addf(table, "%s", action_name(audit, c));
	ctl_table_addf(table, "%s", direction_name(c));
	ctl_table_add(table, address_text(&c->flow.local));
	ctl_table_add(table, c->listens ? ctl_alloc(strdup("*")) : address_text(&c->flow.peer));
	ctl_table_addf(table, "%" PRIu32, c->flow.uid);
	ctl_table_addf(table, "%" PRIu64, c->inode);
}

static void add_object(const struct audit *audit, struct json_object *array,
		       const struct connection *c)
{
	struct json_object *object = ctl_alloc(json_object_new_object());
	char *local = address_text(&c->flow.local), *peer = address_text(&c->flow.peer);
	char *name = ctl_utf8(c->match.name);

	if (rule_name(audit, c))
		json_object_object_add(object, "rule", json_object_new_string(name));
	json_object_object_add(object, "action", json_object_new_string(action_name(audit, c)));
	json_object_object_add(object, "direction", json_object_new_string(direction_name(c)));
	json_object_object_add(object, "local", json_object_new_string(local));
	if (!c->listens)
		json_object_object_add(object, "peer", json_object_new_string(peer));
	json_object_object_add(object, "uid", json_object_new_int64(c->flow.uid));
	json_object_object_add(object, "inode", json_object_new_uint64(c->inode));
	json_object_array_add(array, object);
	free(name);
	free(local);
	free(peer);
}

static int report(const struct audit *audit, bool as_json)
{
	static const char *const headings[] = {
		"RULE", "ACTION", "DIRECTION", "LOCAL", "PEER", "UID", "INODE"
	};
	struct json_object *array = as_json ? ctl_alloc(json_object_new_array()) : NULL;
	struct ctl_table *table = ctl_table_new(ARRAY_SIZE(headings));
	int found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(headings); i++)
		ctl_table_addf(table, "%s", headings[i]);
	for (size_t i = 0; i < audit->n; i++) {
		if (!is_found(audit, &audit->list[i]))
			continue;
		found++;
		if (as_json)
			add_object(audit, array, &audit->list[i]);
		else
			add_row(audit, table, &audit->list[i]);
	}
	if (as_json)
		ctl_print_json(json_object_get(array));
	else if (found)
		ctl_table_print(table, "lllllrr");
	json_object_put(array);
	ctl_table_free(table);
	return found ? EXIT_FAILURE : EXIT_SUCCESS;
}

/**
 * ctl_audit() - the command "audit"
 * @argc: number of arguments
 * @argv: the arguments
 * Return: exit status: 0 if nothing was found, 1 if something was, 2 on error
 */
int ctl_audit(int argc, char **argv)
{
	bool json = ctl_parse_output(argc, argv,
				     "List the TCP connections and listeners of this network namespace "
				     "that the policy requires to be protected and that are not, "
				     "and plaintext connections that match no rule.");
	struct audit *audit = ctl_alloc(calloc(1, sizeof(*audit)));
	int ret = 2;

	audit->by_cgroup = UINT32_MAX;

	/* before and after, because sockets are accepted and closed meanwhile */
	if (!list_protected(audit) && !list_tcp(audit) && !list_protected(audit)) {
		find_cgroups(audit);
		if (!find_rules(audit))
			ret = report(audit, json);
	}
	KSC_HASH_FREE(audit->protected, free);
	for (size_t i = 0; i < audit->n; i++)
		free(audit->list[i].flow.cgroup);
	free(audit->list);
	free(audit);
	return ret;
}
