// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading a policy into the kernel, rule by rule, and kschannelctl's queries about it. A policy
 * takes effect only when it is committed as a whole.
 */
#include <linux/ctype.h>
#include <linux/kschannel_netlink.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <net/genetlink.h>
#include <net/ipv6.h>

#include "compat/compat.h"
#include "net.h"
#include "netlink-gen.h"
#include "policy/flow.h"
#include "policy/load.h"
#include "policy/policy.h"
#include "policy/rules.h"

/**
 * struct ksc_policy_load - a policy that the daemon is loading
 * @daemon: that daemon's registration
 * @generation: the policy's number
 * @count: announced number of rules
 * @n: rules loaded so far
 * @rules: in order
 *
 * Under ksc_policies.load_lock.
 */
struct ksc_policy_load {
	u32 daemon;
	u64 generation;
	u32 count;
	u32 n;
	struct ksc_rule *rules;
};

static void ksc_load_drop(struct ksc_net *kn)
{
	if (kn->policies->load)
		ksc_rules_drop(kn->policies->load->rules, kn->policies->load->n);
	kfree(kn->policies->load);
	kn->policies->load = NULL;
}

/**
 * ksc_policy_gone() - drop the policy that a daemon was loading when it exited
 * @kn: namespace
 * @daemon: its registration
 *
 * Context: process.
 */
void ksc_policy_gone(struct ksc_net *kn, u32 daemon)
{
	mutex_lock(&kn->policies->load_lock);
	if (kn->policies->load && kn->policies->load->daemon == daemon)
		ksc_load_drop(kn);
	mutex_unlock(&kn->policies->load_lock);
}

/* ---- loading ---- */

static int ksc_load_begun(struct ksc_net *kn, struct sk_buff *skb, const struct genl_info *info)
{
	u32 daemon = ksc_daemon_is(kn, skb, info);

	if (!daemon)
		return -EPERM;
	if (kn->policies->load && kn->policies->load->daemon == daemon)
		return 0;
	NL_SET_ERR_MSG(info->extack, "no policy is being loaded");
	return -ENOENT;
}

static int ksc_load_begin(struct ksc_net *kn, u64 generation, u32 count, u32 daemon)
{
	struct ksc_policy_load *load = kzalloc(sizeof(*load), GFP_KERNEL_ACCOUNT);

	if (!load)
		return -ENOMEM;
	load->rules = kvcalloc(count ?: 1, sizeof(*load->rules),
			       GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!load->rules) {
		kfree(load);
		return -ENOMEM;
	}
	load->daemon = daemon;
	load->generation = generation;
	load->count = count;
	ksc_load_drop(kn);
	kn->policies->load = load;
	return 0;
}

/**
 * ksc_nl_policy_begin_doit() - KSC_CMD_POLICY_BEGIN
 * @skb: request
 * @info: its attributes
 *
 * Context: process, CAP_NET_ADMIN was checked. Return: 0 or an errno.
 */
int ksc_nl_policy_begin_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ksc_net *kn = ksc_net(genl_info_net(info));
	struct nlattr **a = info->attrs;
	u64 generation;
	u32 daemon;
	u32 count;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, KSC_A_POLICY_GENERATION) ||
	    GENL_REQ_ATTR_CHECK(info, KSC_A_POLICY_COUNT)) {
		NL_SET_ERR_MSG(info->extack, "missing generation or count");
		return -EINVAL;
	}
	generation = nla_get_u64(a[KSC_A_POLICY_GENERATION]);
	if (!generation) {
		NL_SET_ERR_MSG_ATTR(info->extack, a[KSC_A_POLICY_GENERATION],
				    "generation must not be 0");
		return -EINVAL;
	}
	count = nla_get_u32(a[KSC_A_POLICY_COUNT]);
	if (count > KSC_MAX_RULES) {
		NL_SET_ERR_MSG_ATTR(info->extack, a[KSC_A_POLICY_COUNT], "too many rules");
		return -E2BIG;
	}
	mutex_lock(&kn->policies->load_lock);
	daemon = ksc_daemon_is(kn, skb, info);
	err = daemon ? ksc_load_begin(kn, generation, count, daemon) : -EPERM;
	mutex_unlock(&kn->policies->load_lock);
	return err;
}

/* Parse an address of either family, or none; its length tells which */
static bool ksc_rule_prefix(struct ksc_prefix *p, const struct nlattr *addr,
			    const struct nlattr *len)
{
	if (!addr)
		return !len;
	p->family = nla_len(addr) == 4 ? KSC_RULE_V4 : KSC_RULE_V6;
	p->len = len ? nla_get_u8(len) : 8 * nla_len(addr);
	memcpy(p->addr, nla_data(addr), nla_len(addr));
	return nla_len(addr) == 4 || nla_len(addr) == 16;
}

static u16 ksc_rule_port(const struct nlattr *a, u16 otherwise)
{
	return a ? nla_get_u16(a) : otherwise;
}

static u32 ksc_rule_id(const struct nlattr *a, u32 otherwise)
{
	return a ? nla_get_u32(a) : otherwise;
}

/* Names are logged by the host's kernel, even if a container loads the policy */
static bool ksc_rule_printable(const char *name)
{
	for (; *name; name++)
		if (iscntrl(*name))
			return false;
	return true;
}

/* Paths are relative to the daemon's cgroup namespace */
static int ksc_rule_cgroup(struct ksc_rule *r, const struct nlattr *a)
{
	if (!a)
		return 0;
	r->cgroup = nla_strdup(a, GFP_KERNEL_ACCOUNT);
	r->root = ksc_policy_cgroup_root();
	return r->cgroup ? 0 : -ENOMEM;
}

static int ksc_rule_parse(struct ksc_rule *r, const struct nlattr *nest,
			  struct netlink_ext_ack *extack)
{
	struct nlattr *tb[KSC_A_RULE_MAX + 1];
	const char *why = "invalid address length, or prefix length without an address";
	int err;

	err = nla_parse_nested(tb, KSC_A_RULE_MAX, nest, ksc_rule_nl_policy, extack);
	if (err)
		return err;
	if (!tb[KSC_A_RULE_ACTION]) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "missing action");
		return -EINVAL;
	}
	if (tb[KSC_A_RULE_NAME])
		nla_strscpy(r->name, tb[KSC_A_RULE_NAME], sizeof(r->name));
	if (!ksc_rule_printable(r->name)) {
		NL_SET_ERR_MSG_ATTR(extack, tb[KSC_A_RULE_NAME],
				    "rule name contains control characters");
		return -EINVAL;
	}
	r->action = nla_get_u32(tb[KSC_A_RULE_ACTION]);
	r->directions = ksc_rule_id(tb[KSC_A_RULE_DIRECTIONS],
				    KSC_RULE_DIRECTIONS);
	r->local_port.min = ksc_rule_port(tb[KSC_A_RULE_LOCAL_PORT_MIN], 0);
	r->local_port.max = ksc_rule_port(tb[KSC_A_RULE_LOCAL_PORT_MAX], U16_MAX);
	r->remote_port.min = ksc_rule_port(tb[KSC_A_RULE_REMOTE_PORT_MIN], 0);
	r->remote_port.max = ksc_rule_port(tb[KSC_A_RULE_REMOTE_PORT_MAX], U16_MAX);
	r->uid.min = ksc_rule_id(tb[KSC_A_RULE_UID_MIN], 0);
	r->uid.max = ksc_rule_id(tb[KSC_A_RULE_UID_MAX], U32_MAX);
	r->gid.min = ksc_rule_id(tb[KSC_A_RULE_GID_MIN], 0);
	r->gid.max = ksc_rule_id(tb[KSC_A_RULE_GID_MAX], U32_MAX);
	r->connect = ksc_rule_id(tb[KSC_A_RULE_CONNECT], KSC_CONNECT_DEFAULT);
	err = ksc_rule_cgroup(r, tb[KSC_A_RULE_CGROUP]);
	if (err)
		return err;
	if (ksc_rule_prefix(&r->local, tb[KSC_A_RULE_LOCAL], tb[KSC_A_RULE_LOCAL_LEN]) &&
	    ksc_rule_prefix(&r->remote, tb[KSC_A_RULE_REMOTE], tb[KSC_A_RULE_REMOTE_LEN]))
		why = ksc_rule_fault(r);
	if (!why)
		return 0;
	NL_SET_BAD_ATTR(extack, nest);
	extack->_msg = why;
	return -EINVAL;
}

static int ksc_load_add(struct ksc_policy_load *load, struct genl_info *info)
{
	const struct nlattr *a;
	int rem, err;

	nla_for_each_attr(a, genlmsg_data(info->genlhdr), genlmsg_len(info->genlhdr), rem) {
		if (nla_type(a) != KSC_A_POLICY_RULE)
			continue;
		if (load->n == load->count) {
			NL_SET_ERR_MSG_ATTR(info->extack, a, "more rules than announced");
			return -EINVAL;
		}
		memset(&load->rules[load->n], 0, sizeof(load->rules[load->n]));
		/* a rule that fails may already have a cgroup path */
		err = ksc_rule_parse(&load->rules[load->n++], a, info->extack);
		if (err) {
			kfree(load->rules[--load->n].cgroup);
			return err;
		}
	}
	return 0;
}

/**
 * ksc_nl_policy_add_doit() - KSC_CMD_POLICY_ADD
 * @skb: request
 * @info: its attributes
 *
 * Context: process, CAP_NET_ADMIN was checked. Return: 0 or an errno.
 */
int ksc_nl_policy_add_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ksc_net *kn = ksc_net(genl_info_net(info));
	int err;

	mutex_lock(&kn->policies->load_lock);
	err = ksc_load_begun(kn, skb, info) ?: ksc_load_add(kn->policies->load, info);
	mutex_unlock(&kn->policies->load_lock);
	return err;
}

static int ksc_load_commit(struct ksc_net *kn, struct ksc_policy_load *load)
{
	struct ksc_policy *policy, *old;

	policy = kzalloc(sizeof(*policy), GFP_KERNEL_ACCOUNT);
	if (!policy)
		return -ENOMEM;
	policy->generation = load->generation;
	policy->count = load->count;
	policy->rules = ksc_rules_build(load->rules, load->count);
	if (!policy->rules) {
		kfree(policy);
		return -ENOMEM;
	}
	load->rules = NULL;
	ksc_load_drop(kn);
	old = rcu_replace_pointer(kn->policies->policy, policy,
				  lockdep_is_held(&kn->policies->load_lock));
	WRITE_ONCE(kn->policies->policy_seq, kn->policies->policy_seq + 1);
	synchronize_rcu();
	ksc_policy_free(old);
	return 0;
}

/**
 * ksc_nl_policy_commit_doit() - KSC_CMD_POLICY_COMMIT
 * @skb: request
 * @info: its attributes
 *
 * Context: process, CAP_NET_ADMIN was checked. Return: 0 or an errno.
 */
int ksc_nl_policy_commit_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ksc_net *kn = ksc_net(genl_info_net(info));
	int err;

	mutex_lock(&kn->policies->load_lock);
	err = ksc_load_begun(kn, skb, info);
	if (!err && kn->policies->load->n != kn->policies->load->count) {
		NL_SET_ERR_MSG(info->extack, "fewer rules than announced");
		err = -EINVAL;
	}
	if (!err)
		err = ksc_load_commit(kn, kn->policies->load);
	mutex_unlock(&kn->policies->load_lock);
	return err;
}

/* ---- queries ---- */

static int ksc_put_prefix(struct sk_buff *msg, int addr, int len, const struct ksc_prefix *p)
{
	if (p->family == KSC_RULE_ANY)
		return 0;
	return nla_put(msg, addr, p->family == KSC_RULE_V4 ? 4 : 16, p->addr) ?:
	       nla_put_u8(msg, len, p->len);
}

static int ksc_put_ports(struct sk_buff *msg, int min, int max, const struct ksc_port_range *p)
{
	if (!p->min && p->max == U16_MAX)
		return 0;
	return nla_put_u16(msg, min, p->min) ?: nla_put_u16(msg, max, p->max);
}

static int ksc_put_ids(struct sk_buff *msg, int min, int max, const struct ksc_id_range *id)
{
	if (!id->min && id->max == U32_MAX)
		return 0;
	return nla_put_u32(msg, min, id->min) ?: nla_put_u32(msg, max, id->max);
}

static int ksc_put_rule(struct sk_buff *msg, u32 number, const struct ksc_rule *r)
{
	struct nlattr *nest = nla_nest_start(msg, KSC_A_POLICY_RULE);

	if (!nest || nla_put_string(msg, KSC_A_RULE_NAME, r->name) ||
	    nla_put_u32(msg, KSC_A_RULE_NUMBER, number) ||
	    nla_put_u32(msg, KSC_A_RULE_ACTION, r->action) ||
	    nla_put_u32(msg, KSC_A_RULE_DIRECTIONS, r->directions) ||
	    ksc_put_prefix(msg, KSC_A_RULE_LOCAL, KSC_A_RULE_LOCAL_LEN, &r->local) ||
	    ksc_put_prefix(msg, KSC_A_RULE_REMOTE, KSC_A_RULE_REMOTE_LEN, &r->remote) ||
	    ksc_put_ports(msg, KSC_A_RULE_LOCAL_PORT_MIN, KSC_A_RULE_LOCAL_PORT_MAX,
			  &r->local_port) ||
	    ksc_put_ports(msg, KSC_A_RULE_REMOTE_PORT_MIN, KSC_A_RULE_REMOTE_PORT_MAX,
			  &r->remote_port) ||
	    ksc_put_ids(msg, KSC_A_RULE_UID_MIN, KSC_A_RULE_UID_MAX, &r->uid) ||
	    ksc_put_ids(msg, KSC_A_RULE_GID_MIN, KSC_A_RULE_GID_MAX, &r->gid) ||
	    (r->cgroup && nla_put_string(msg, KSC_A_RULE_CGROUP, r->cgroup)) ||
	    (r->connect && nla_put_u32(msg, KSC_A_RULE_CONNECT, r->connect)))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int ksc_put_policy(struct sk_buff *msg, struct netlink_callback *cb,
			  const struct ksc_policy *policy, unsigned long at)
{
	void *hdr = genlmsg_put(msg, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				&ksc_nl_family, NLM_F_MULTI, KSC_CMD_POLICY_GET);
	int err;

	if (!hdr)
		return -EMSGSIZE;
	genl_dump_check_consistent(cb, hdr);
	if (at)
		err = ksc_put_rule(msg, at - 1, ksc_rules_get(policy->rules, at - 1));
	else
		err = nla_put_u64_64bit(msg, KSC_A_POLICY_GENERATION, policy->generation, 0) ?:
		      nla_put_u32(msg, KSC_A_POLICY_COUNT, policy->count);
	if (err)
		genlmsg_cancel(msg, hdr);
	else
		genlmsg_end(msg, hdr);
	return err;
}

/**
 * ksc_nl_policy_get_dumpit() - KSC_CMD_POLICY_GET
 * @skb: answer
 * @cb: args[0] is the next item: 0 for the policy, else a rule's number plus 1
 *
 * If the policy is replaced meanwhile, the dump is flagged as inconsistent.
 *
 * Context: process, CAP_NET_ADMIN was checked. Return: bytes in the answer or an errno.
 */
int ksc_nl_policy_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct ksc_net *kn = ksc_net(sock_net(skb->sk));
	const struct ksc_policy *policy;

	rcu_read_lock();
	cb->seq = READ_ONCE(kn->policies->policy_seq);
	policy = rcu_dereference(kn->policies->policy);
	while (policy && cb->args[0] <= policy->count &&
	       !ksc_put_policy(skb, cb, policy, cb->args[0]))
		cb->args[0]++;
	rcu_read_unlock();
	return skb->len;
}

static bool ksc_covers(const void *ptr, const struct ksc_rule *rule)
{
	return ptr && ksc_rule_covers(rule, ptr);
}

/*
 * Returns the address's family, IPv4 for an IPv4-mapped one. It must have the exact size, while
 * connect() accepts longer ones.
 */
static u8 ksc_flow_addr(const struct nlattr *a, u8 *addr, u16 *port)
{
	struct sockaddr_storage ss = {};
	struct ksc_asked at;

	if (!a)
		return KSC_RULE_ANY;
	memcpy(&ss, nla_data(a), nla_len(a));
	if (nla_len(a) != (ss.ss_family == AF_INET ? sizeof(struct sockaddr_in) :
						     sizeof(struct sockaddr_in6)))
		return KSC_RULE_ANY;
	ksc_asked_parse(&at, (struct ksc_sockaddr *)&ss, nla_len(a));
	memcpy(addr, at.addr, sizeof(at.addr));
	*port = at.port;
	return at.family;
}

static int ksc_flow_parse(struct ksc_flow *flow, struct genl_info *info)
{
	struct nlattr **a = info->attrs;

	flow->direction = a[KSC_A_POLICY_DIRECTION] ?
			  nla_get_u32(a[KSC_A_POLICY_DIRECTION]) : 0;
	if (flow->direction != KSC_RULE_DIRECTION_CONNECT &&
	    flow->direction != KSC_RULE_DIRECTION_ACCEPT) {
		NL_SET_ERR_MSG(info->extack, "exactly one direction required");
		return -EINVAL;
	}
	flow->family = ksc_flow_addr(a[KSC_A_POLICY_PEER], flow->remote, &flow->remote_port);
	if (flow->family == KSC_RULE_ANY ||
	    flow->family != ksc_flow_addr(a[KSC_A_POLICY_LOCAL], flow->local,
					  &flow->local_port)) {
		NL_SET_ERR_MSG(info->extack, "two addresses of one family required");
		return -EINVAL;
	}
	flow->uid = ksc_rule_id(a[KSC_A_POLICY_UID], 0);
	flow->gid = ksc_rule_id(a[KSC_A_POLICY_GID], 0);
	flow->in_cgroup = ksc_covers;
	flow->ptr = a[KSC_A_POLICY_CGROUP] ? nla_data(a[KSC_A_POLICY_CGROUP]) : NULL;
	return 0;
}

/* Parse the address that a program asked for. Returns 0, 1 if there is none, or an errno */
static int ksc_flow_parse_asked(struct ksc_flow *to, const struct ksc_flow *flow,
				struct genl_info *info)
{
	const struct nlattr *a = info->attrs[KSC_A_POLICY_ASKED];
	struct ksc_asked asked = {};

	if (!a)
		return 1;
	asked.family = ksc_flow_addr(a, asked.addr, &asked.port);
	if (asked.family == KSC_RULE_ANY || flow->direction != KSC_RULE_DIRECTION_CONNECT) {
		NL_SET_ERR_MSG_ATTR(info->extack, a,
				    "asked-for address invalid, or direction is not connect");
		return -EINVAL;
	}
	ksc_flow_of_asked(to, flow, &asked);
	return 0;
}

static int ksc_put_found(struct sk_buff *msg, struct ksc_net *kn, const struct ksc_flow *flow,
			 const struct ksc_flow *asked)
{
	const struct ksc_policy *policy;
	int err = 0;

	rcu_read_lock();
	policy = rcu_dereference(kn->policies->policy);
	if (policy) {
		u32 number = ksc_policy_find(NULL, policy, flow, asked);
		const struct ksc_rule *rule = ksc_rules_get(policy->rules, number);

		err = nla_put_u64_64bit(msg, KSC_A_POLICY_GENERATION, policy->generation, 0);
		if (!err && rule)
			err = ksc_put_rule(msg, number, rule);
	}
	rcu_read_unlock();
	return err;
}

/**
 * ksc_nl_policy_test_doit() - KSC_CMD_POLICY_TEST
 * @skb: request
 * @info: its attributes
 *
 * Context: process, CAP_NET_ADMIN was checked. Return: 0 or an errno.
 */
int ksc_nl_policy_test_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ksc_flow flow = {}, asked;
	struct sk_buff *msg;
	int err, same;
	void *hdr;

	err = ksc_flow_parse(&flow, info);
	if (err)
		return err;
	same = ksc_flow_parse_asked(&asked, &flow, info);
	if (same < 0)
		return same;
	msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &ksc_nl_family, 0, KSC_CMD_POLICY_TEST);
	if (!hdr || ksc_put_found(msg, ksc_net(genl_info_net(info)), &flow,
				  same ? NULL : &asked)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}
