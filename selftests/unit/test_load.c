// SPDX-License-Identifier: GPL-2.0-only
/* load.c: answers of the kernel that are lost. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>

#include "handshake/load.h"

#define FAMILY	0x100

/**
 * struct kernel - the kernel's part
 * @lost: by command, how many answers are lost yet
 * @asked: by command, how often it came
 * @begun: a generation that is being loaded, 0 for none
 * @generation: the one in force
 */
static struct kernel {
	unsigned int lost[64];
	unsigned int asked[64];
	uint64_t begun;
	uint64_t generation;
} kernel;

struct nl_msg *ksc_netlink_message(struct ksc_netlink *nl, int cmd, size_t size)
{
	struct nl_msg *msg = nlmsg_alloc_size(size);

	(void)nl;
	assert_non_null(msg);
	assert_non_null(genlmsg_put(msg, 1, 1, FAMILY, 0, 0, (uint8_t)cmd, 1));
	return msg;
}

/* It carries out requests, even if the answer is lost. */
int ksc_netlink_ask(struct ksc_netlink *nl, struct nl_msg *msg)
{
	struct genlmsghdr *head = genlmsg_hdr(nlmsg_hdr(msg));
	struct nlattr *a[KSC_A_POLICY_MAX + 1];
	const int cmd = head->cmd;
	int rc = 0;

	(void)nl;
	kernel.asked[cmd]++;
	if (cmd == KSC_CMD_POLICY_BEGIN) {
		assert_int_equal(genlmsg_parse(nlmsg_hdr(msg), 0, a, KSC_A_POLICY_MAX, NULL), 0);
		kernel.begun = nla_get_u64(a[KSC_A_POLICY_GENERATION]);
	} else if (cmd == KSC_CMD_POLICY_COMMIT) {
		if (!kernel.begun)
			rc = -EINVAL;
		else
			kernel.generation = kernel.begun;
		kernel.begun = 0;
	}
	nlmsg_free(msg);
	if (!kernel.lost[cmd])
		return rc;
	kernel.lost[cmd]--;
	return -ENOBUFS;
}

static int load(int cmd, unsigned int lost)
{
	struct ksc_rules *rules = ksc_rules_new();
	int rc;

	assert_non_null(rules);
	memset(&kernel, 0, sizeof(kernel));
	kernel.lost[cmd] = lost;
	rc = ksc_load_policy(NULL, 7, rules);
	ksc_rules_put(rules);
	return rc;
}

/* The kernel goes by the new policy, and the daemon knows. */
static void lost_answers(void **state)
{
	(void)state;
	assert_int_equal(load(KSC_CMD_POLICY_COMMIT, 0), 0);
	assert_int_equal(kernel.asked[KSC_CMD_POLICY_COMMIT], 1);
	assert_int_equal(load(KSC_CMD_POLICY_COMMIT, 1), 0);
	assert_int_equal(kernel.generation, 7);
	assert_int_equal(load(KSC_CMD_POLICY_COMMIT, 3), 0);
	assert_int_equal(load(KSC_CMD_POLICY_BEGIN, 2), 0);
	assert_int_equal(kernel.generation, 7);
	/* not without an end */
	assert_int_equal(load(KSC_CMD_POLICY_COMMIT, 1000), -ENOBUFS);
}

static void lost_limits(void **state)
{
	struct ksc_limits limits = { 0 };

	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	kernel.lost[KSC_CMD_LIMITS_SET] = 1;
	assert_int_equal(ksc_load_limits(NULL, &limits), 0);
	assert_int_equal(kernel.asked[KSC_CMD_LIMITS_SET], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lost_answers),
		cmocka_unit_test(lost_limits),
	};

	return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
