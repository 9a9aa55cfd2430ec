// SPDX-License-Identifier: GPL-2.0-only
/*
 * Without a daemon, connections begin under the policy that the last daemon has loaded. The next
 * daemon may have another policy, in which it finds their rule by its name. The rule's present
 * settings apply; if no rule has that name, its settings are unknown.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <netlink/attr.h>
#include <linux/kschannel_netlink.h>

#include "handshake/inherit.h"
#include "handshake/netlink.h"

/* More rules than a configuration can have; bounds the memory that they take. */
#define MAX_INHERITED	65536

static int take_rule(struct ksc_inherited *inherited, struct nlattr *nest)
{
	struct nlattr *a[KSC_A_RULE_MAX + 1];
	uint32_t number;
	char **bigger;

	if (nla_parse_nested(a, KSC_A_RULE_MAX, nest, NULL) < 0 || !a[KSC_A_RULE_NAME] ||
	    !a[KSC_A_RULE_NUMBER])
		return -EINVAL;
	number = nla_get_u32(a[KSC_A_RULE_NUMBER]);
	if (number >= MAX_INHERITED)
		return -EINVAL;
	if (number >= inherited->n) {
		bigger = reallocarray(inherited->names, number + 1, sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		memset(bigger + inherited->n, 0,
		       (number + 1 - inherited->n) * sizeof(*bigger));
		inherited->names = bigger;
		inherited->n = number + 1;
	}
	free(inherited->names[number]);
	inherited->names[number] = nla_strdup(a[KSC_A_RULE_NAME]);
	return inherited->names[number] ? 0 : -ENOMEM;
}

/**
 * ksc_inherit_take() - take a message of the kernel's policy dump
 * @inherited: zeroed before the first message
 * @attrs: its attributes by type: a generation, or a rule
 *
 * Return: 0 or a negative errno
 */
int ksc_inherit_take(struct ksc_inherited *inherited, struct nlattr *const *attrs)
{
	if (attrs[KSC_A_POLICY_GENERATION])
		inherited->generation = nla_get_u64(attrs[KSC_A_POLICY_GENERATION]);
	return attrs[KSC_A_POLICY_RULE] ? take_rule(inherited, attrs[KSC_A_POLICY_RULE]) : 0;
}

/**
 * ksc_inherit_rule() - find a connection's rule in the present policy
 * @inherited: the previous policy
 * @generation: the policy that the connection began under
 * @number: its rule there
 * @rules: the present rules
 *
 * Return: the rule's present number, or KSC_NO_RULE if no rule has its name
 */
uint32_t ksc_inherit_rule(const struct ksc_inherited *inherited, uint64_t generation,
			  uint32_t number, const struct ksc_rules *rules)
{
	size_t i;

	if (!inherited->generation || generation != inherited->generation ||
	    number >= inherited->n || !inherited->names[number])
		return KSC_NO_RULE;
	for (i = 0; i < rules->n; i++)
		if (!strcmp(rules->list[i].name, inherited->names[number]))
			return rules->list[i].action == KSC_RULE_ACTION_NEVER ? KSC_NO_RULE :
										 (uint32_t)i;
	return KSC_NO_RULE;
}

/**
 * ksc_inherit_free() - free the previous policy
 * @inherited: the policy
 */
void ksc_inherit_free(struct ksc_inherited *inherited)
{
	uint32_t i;

	for (i = 0; i < inherited->n; i++)
		free(inherited->names[i]);
	free(inherited->names);
	memset(inherited, 0, sizeof(*inherited));
}
