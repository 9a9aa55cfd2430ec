// SPDX-License-Identifier: GPL-2.0-only
/*
 * h_load: acts as the daemon, begins to load a policy and prints "begun". For each line of
 * input it tries to commit the policy, by the family's current number, and prints the result.
 */
#include <stdio.h>
#include <string.h>

#include "nl.h"

#define RULES 3

static int load_begin(struct tnl_conn *nl)
{
	struct nl_msg *msg = tnl_request(nl, KSC_CMD_POLICY_BEGIN);

	nla_put_u64(msg, KSC_A_POLICY_GENERATION, 1);
	nla_put_u32(msg, KSC_A_POLICY_COUNT, RULES);
	return tnl_do(nl, msg);
}

/* With a cgroup, of which the kernel keeps the path by itself */
static int load_rule(struct tnl_conn *nl)
{
	struct nl_msg *msg = tnl_request(nl, KSC_CMD_POLICY_ADD);
	struct nlattr *nest = nla_nest_start(msg, KSC_A_POLICY_RULE);

	nla_put_string(msg, KSC_A_RULE_NAME, "never loaded");
	nla_put_u32(msg, KSC_A_RULE_ACTION, KSC_RULE_ACTION_REQUIRE);
	nla_put_string(msg, KSC_A_RULE_CGROUP, "/a/service/that/there/is/not");
	nla_nest_end(msg, nest);
	return tnl_do(nl, msg);
}

static int load_commit(struct tnl_conn *nl)
{
	struct tnl_conn other;

	if (tnl_open(&other))
		nl->family = other.family;
	tnl_close(&other);
	return tnl_do(nl, tnl_request(nl, KSC_CMD_POLICY_COMMIT));
}

static void say(const char *what, int err)
{
	printf("%s: %s\n", what, strerror(-err));
	fflush(stdout);
}

int main(void)
{
	struct tnl_conn nl;
	char line[16];
	int err;

	if (!tnl_open(&nl)) {
		fprintf(stderr, "h_load: there is no module\n");
		return 1;
	}
	err = tnl_register(&nl);
	if (!err)
		err = load_begin(&nl);
	for (int i = 0; !err && i < RULES; i++)
		err = load_rule(&nl);
	say("begun", err);
	if (err)
		return 1;
	while (fgets(line, sizeof(line), stdin))
		say("commit", load_commit(&nl));
	tnl_close(&nl);
	return 0;
}
