// SPDX-License-Identifier: GPL-2.0-only
/*
 * Matching of connections against a policy's rules: the first match applies. Of two rules that
 * match two addresses of a connection, ksc_rules_stronger() says which one is the stronger.
 *
 * Rules differ mostly in the port of the service: the remote one of outgoing connections, the
 * local one of incoming ones. For each direction, the rules' port ranges divide the ports into
 * segments with the same rules each, and a segment tree over these holds every rule in at most two
 * nodes per level. The candidates for a connection are in the nodes from its port's segment up to
 * the root: rules for other ports are never visited, however many there are.
 */
#include <linux/bitmap.h>
#include <linux/kschannel_netlink.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "policy/rules.h"

#define KSC_PORTS 65536

/**
 * struct ksc_rule_tree - the rules of one direction
 * @starts: the segments' first ports, ascending from 0
 * @n: number of segments
 * @first: for each node, the index of its first rule in @items; they end where the next node's
 *	begin. Node 1 is the root, node i has the children 2i and 2i + 1, segment i is node n + i
 * @items: rules' numbers, ascending within a node
 */
struct ksc_rule_tree {
	u16 *starts;
	u32 n;
	u32 *first;
	u32 *items;
};

/**
 * struct ksc_rules - a rule set, immutable
 * @rules: in order
 * @n: number of rules
 * @connect: rules for outgoing connections
 * @accept: rules for incoming connections
 */
struct ksc_rules {
	struct ksc_rule *rules;
	u32 n;
	struct ksc_rule_tree connect;
	struct ksc_rule_tree accept;
};

/* Do the first @len bits agree? */
static bool ksc_bits_equal(const u8 *a, const u8 *b, unsigned int len)
{
	unsigned int bytes = len / 8, rest = len % 8;

	if (memcmp(a, b, bytes))
		return false;
	return !rest || !((a[bytes] ^ b[bytes]) >> (8 - rest));
}

static bool ksc_prefix_has(const struct ksc_prefix *p, u8 family, const u8 *addr)
{
	return p->family == KSC_RULE_ANY ||
	       (p->family == family && ksc_bits_equal(p->addr, addr, p->len));
}

/* The service's port, which rules are indexed by, and the client's port */
static const struct ksc_port_range *ksc_service(const struct ksc_rule *r, unsigned int direction)
{
	return direction == KSC_RULE_DIRECTION_CONNECT ? &r->remote_port : &r->local_port;
}

static const struct ksc_port_range *ksc_chosen(const struct ksc_rule *r, unsigned int direction)
{
	return direction == KSC_RULE_DIRECTION_CONNECT ? &r->local_port : &r->remote_port;
}

/* Does the rest of a rule match, apart from the service's port? */
static bool ksc_rule_matches(const struct ksc_rule *r, const struct ksc_flow *f)
{
	const struct ksc_port_range *chosen = ksc_chosen(r, f->direction);
	u16 port = f->direction == KSC_RULE_DIRECTION_CONNECT ? f->local_port : f->remote_port;

	return port >= chosen->min && port <= chosen->max &&
	       f->uid >= r->uid.min && f->uid <= r->uid.max &&
	       f->gid >= r->gid.min && f->gid <= r->gid.max &&
	       ksc_prefix_has(&r->remote, f->family, f->remote) &&
	       ksc_prefix_has(&r->local, f->family, f->local) &&
	       (!r->cgroup || f->in_cgroup(f->ptr, r));
}

static const char *ksc_prefix_fault(const struct ksc_prefix *p)
{
	unsigned int bits = p->family == KSC_RULE_V6 ? 128 : p->family == KSC_RULE_V4 ? 32 : 0;
	unsigned int i;

	if (p->family > KSC_RULE_V6)
		return "unknown address family";
	if (p->len > bits)
		return "prefix is longer than an address";
	for (i = p->len; i < 8 * sizeof(p->addr); i++)
		if (p->addr[i / 8] & 0x80 >> i % 8)
			return "address has bits beyond its prefix";
	return NULL;
}

/**
 * ksc_rule_covers() - check whether a cgroup is the rule's, or below it
 * @rule: a rule with a cgroup
 * @cgroup: path, relative to the same root as the rule's
 */
bool ksc_rule_covers(const struct ksc_rule *rule, const char *cgroup)
{
	size_t len = strlen(rule->cgroup);

	return !rule->cgroup[1] ||
	       (!strncmp(rule->cgroup, cgroup, len) && (!cgroup[len] || cgroup[len] == '/'));
}

/* Absolute and canonical: no empty, "." or ".." components */
static bool ksc_cgroup_valid(const char *path)
{
	const char *p = path, *end;

	if (*p != '/')
		return false;
	if (!p[1])
		return true;
	for (; *p; p = end) {
		end = strchrnul(++p, '/');
		if (end == p || (*p == '.' && (end == p + 1 || (p[1] == '.' && end == p + 2))))
			return false;
	}
	return true;
}

/**
 * ksc_rule_fault() - check a rule
 * @rule: as received
 *
 * Return: what is wrong with it, a constant string; NULL if ksc_rules_build() accepts it.
 */
const char *ksc_rule_fault(const struct ksc_rule *rule)
{
	const char *why;

	if (!rule->name[0] || strnlen(rule->name, sizeof(rule->name)) == sizeof(rule->name))
		return "missing rule name, or longer than 63 bytes";
	if (!rule->directions || rule->directions & ~KSC_RULE_DIRECTIONS)
		return "invalid direction";
	if (rule->action > KSC_RULE_ACTION_NEVER)
		return "invalid action";
	if (rule->connect > KSC_CONNECT_TCP)
		return "invalid connect mode";
	if (rule->local_port.min > rule->local_port.max ||
	    rule->remote_port.min > rule->remote_port.max)
		return "port range is reversed";
	if (rule->uid.min > rule->uid.max || rule->gid.min > rule->gid.max)
		return "id range is reversed";
	if (rule->cgroup && !ksc_cgroup_valid(rule->cgroup))
		return "invalid cgroup path";
	why = ksc_prefix_fault(&rule->local);
	return why ?: ksc_prefix_fault(&rule->remote);
}

/* The segment that contains a port */
static u32 ksc_segment(const struct ksc_rule_tree *t, u16 port)
{
	u32 low = 0, high = t->n;

	while (high - low > 1) {
		u32 mid = low + (high - low) / 2;

		if (t->starts[mid] <= port)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* Cut segments where the rules' ranges begin, and after they end */
static int ksc_tree_cut(struct ksc_rule_tree *t, const struct ksc_rules *set,
			unsigned int direction)
{
	unsigned long *cuts = bitmap_zalloc(KSC_PORTS, GFP_KERNEL);
	unsigned int port;
	u32 i;

	if (!cuts)
		return -ENOMEM;
	__set_bit(0, cuts);
	for (i = 0; i < set->n; i++) {
		const struct ksc_port_range *p = ksc_service(&set->rules[i], direction);

		if (!(set->rules[i].directions & direction))
			continue;
		__set_bit(p->min, cuts);
		if (p->max < KSC_PORTS - 1)
			__set_bit(p->max + 1U, cuts);
	}
	t->starts = kvcalloc(bitmap_weight(cuts, KSC_PORTS), sizeof(*t->starts),
			     GFP_KERNEL_ACCOUNT);
	if (t->starts)
		for_each_set_bit(port, cuts, KSC_PORTS)
			t->starts[t->n++] = (u16)port;
	bitmap_free(cuts);
	return t->starts ? 0 : -ENOMEM;
}

/*
 * A pass over the nodes that hold a rule: adds @number to each, or counts if there are no items
 * yet. Advances first[node] accordingly.
 */
static void ksc_tree_put(struct ksc_rule_tree *t, const struct ksc_port_range *range, u32 number)
{
	u32 l = t->n + ksc_segment(t, range->min);
	u32 r = t->n + ksc_segment(t, range->max) + 1;

	for (; l < r; l /= 2, r /= 2) {
		u32 ends[2], k = 0;

		if (l & 1)
			ends[k++] = l++;
		if (r & 1)
			ends[k++] = --r;
		while (k--) {
			u32 at = t->first[ends[k]]++;

			if (t->items)
				t->items[at] = number;
		}
	}
}

static void ksc_tree_put_all(struct ksc_rule_tree *t, const struct ksc_rules *set,
			     unsigned int direction)
{
	u32 i;

	for (i = 0; i < set->n; i++)
		if (set->rules[i].directions & direction)
			ksc_tree_put(t, ksc_service(&set->rules[i], direction), i);
}

static int ksc_tree_build(struct ksc_rule_tree *t, const struct ksc_rules *set,
			  unsigned int direction)
{
	u32 node, total = 0;
	int err;

	err = ksc_tree_cut(t, set, direction);
	if (err)
		return err;
	/* nodes 1 to 2n - 1, and the end of the last one's rules */
	t->first = kvcalloc(2 * (size_t)t->n + 1, sizeof(*t->first), GFP_KERNEL_ACCOUNT);
	if (!t->first)
		return -ENOMEM;
	ksc_tree_put_all(t, set, direction);
	for (node = 0; node <= 2 * t->n; node++) {
		u32 count = t->first[node];

		t->first[node] = total;
		total += count;
	}
	t->items = kvcalloc(total ?: 1, sizeof(*t->items), GFP_KERNEL_ACCOUNT);
	if (!t->items)
		return -ENOMEM;
	ksc_tree_put_all(t, set, direction);
	/* each has advanced to the next one's start */
	for (node = 2 * t->n; node > 0; node--)
		t->first[node] = t->first[node - 1];
	t->first[0] = 0;
	return 0;
}

static void ksc_tree_free(struct ksc_rule_tree *t)
{
	kvfree(t->starts);
	kvfree(t->first);
	kvfree(t->items);
}

/**
 * ksc_rules_build() - build a rule set
 * @rules: in order, all valid; owned by the set, which frees them by ksc_rules_drop()
 * @n: their number, at most KSC_MAX_RULES
 *
 * Memory and time are O(n log n).
 *
 * Context: process. Return: the set, or NULL if out of memory; then the caller keeps @rules.
 */
struct ksc_rules *ksc_rules_build(struct ksc_rule *rules, u32 n)
{
	struct ksc_rules *set = kzalloc(sizeof(*set), GFP_KERNEL_ACCOUNT);

	if (!set)
		return NULL;
	set->rules = rules;
	set->n = n;
	if (ksc_tree_build(&set->connect, set, KSC_RULE_DIRECTION_CONNECT) ||
	    ksc_tree_build(&set->accept, set, KSC_RULE_DIRECTION_ACCEPT)) {
		set->rules = NULL;
		ksc_rules_free(set);
		return NULL;
	}
	return set;
}

/**
 * ksc_rules_drop() - free rules that are in no set
 * @rules: by kvcalloc(), or NULL
 * @n: number of valid ones, from the first
 *
 * Context: process.
 */
void ksc_rules_drop(struct ksc_rule *rules, u32 n)
{
	u32 i;

	for (i = 0; rules && i < n; i++)
		kfree(rules[i].cgroup);
	kvfree(rules);
}

/**
 * ksc_rules_free() - free a rule set
 * @set: without users, or NULL
 *
 * Context: process.
 */
void ksc_rules_free(struct ksc_rules *set)
{
	if (!set)
		return;
	ksc_tree_free(&set->connect);
	ksc_tree_free(&set->accept);
	ksc_rules_drop(set->rules, set->n);
	kfree(set);
}

/**
 * ksc_rules_get() - get a rule by its number
 * @set: the rule set
 * @number: from 0
 *
 * Return: the rule, owned by the set, or NULL if there is none.
 */
const struct ksc_rule *ksc_rules_get(const struct ksc_rules *set, u32 number)
{
	return number < set->n ? &set->rules[number] : NULL;
}

/* Rank of a rule's action; lowest without a rule */
static unsigned int ksc_rules_strength(const struct ksc_rules *set, u32 number)
{
	const struct ksc_rule *rule = ksc_rules_get(set, number);

	if (!rule)
		return 0;
	return rule->action == KSC_RULE_ACTION_REQUIRE ? 3 :
	       rule->action == KSC_RULE_ACTION_PREFER ? 2 : 1;
}

/**
 * ksc_rules_stronger() - choose the rule that applies to a connection that matches two
 * @set: the rule set
 * @a: a rule's number, or KSC_NO_RULE
 * @b: likewise
 *
 * The stricter one applies; of two equally strict ones, the one with the lower number.
 *
 * Return: @a or @b.
 */
u32 ksc_rules_stronger(const struct ksc_rules *set, u32 a, u32 b)
{
	unsigned int x = ksc_rules_strength(set, a), y = ksc_rules_strength(set, b);

	if (x == y)
		return a < b ? a : b;
	return x > y ? a : b;
}

/**
 * ksc_rules_find() - find the first rule that a connection matches
 * @set: the rule set
 * @flow: the connection
 *
 * Context: any; @set must not be freed meanwhile.
 * Return: the rule's number, or KSC_NO_RULE.
 */
u32 ksc_rules_find(const struct ksc_rules *set, const struct ksc_flow *flow)
{
	bool out = flow->direction == KSC_RULE_DIRECTION_CONNECT;
	const struct ksc_rule_tree *t = out ? &set->connect : &set->accept;
	u32 node = t->n + ksc_segment(t, out ? flow->remote_port : flow->local_port);
	u32 best = KSC_NO_RULE;

	for (; node; node /= 2) {
		u32 i;

		for (i = t->first[node]; i < t->first[node + 1] && t->items[i] < best; i++)
			if (ksc_rule_matches(&set->rules[t->items[i]], flow))
				best = t->items[i];
	}
	return best;
}
