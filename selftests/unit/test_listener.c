// SPDX-License-Identifier: GPL-2.0-only
/* Which rules the connections of a listener may fall under. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include <netlink/msg.h>

#include "ctl/listener.h"

/**
 * struct rule - a rule as the kernel dumps it
 * @msg: its message
 * @tb: its attributes
 */
struct rule {
	struct nl_msg *msg;
	struct nlattr *tb[KSC_A_RULE_MAX + 1];
};

static struct rule rule_new(void)
{
	return (struct rule){ .msg = nlmsg_alloc() };
}

static void put_prefix(struct rule *r, int attr, int attr_len, const char *text, uint8_t bits)
{
	uint8_t addr[16];
	bool v4 = inet_pton(AF_INET, text, addr) == 1;

	assert_true(v4 || inet_pton(AF_INET6, text, addr) == 1);
	assert_false(nla_put(r->msg, attr, v4 ? 4 : 16, addr));
	assert_false(nla_put_u8(r->msg, attr_len, bits));
}

static void put_local(struct rule *r, const char *text, uint8_t bits)
{
	put_prefix(r, KSC_A_RULE_LOCAL, KSC_A_RULE_LOCAL_LEN, text, bits);
}

static void put_remote(struct rule *r, const char *text, uint8_t bits)
{
	put_prefix(r, KSC_A_RULE_REMOTE, KSC_A_RULE_REMOTE_LEN, text, bits);
}

static void put_port(struct rule *r, uint16_t min, uint16_t max)
{
	assert_false(nla_put_u16(r->msg, KSC_A_RULE_LOCAL_PORT_MIN, min));
	assert_false(nla_put_u16(r->msg, KSC_A_RULE_LOCAL_PORT_MAX, max));
}

/* A listener of user 33, group 44 at port 80 */
static struct ctl_flow at(const char *text)
{
	struct ctl_flow flow = { .uid = 33, .gid = 44 };

	if (inet_pton(AF_INET, text, &flow.local.in.sin_addr) == 1) {
		flow.local.in.sin_family = AF_INET;
		flow.local.in.sin_port = htons(80);
		return flow;
	}
	assert_int_equal(inet_pton(AF_INET6, text, &flow.local.in6.sin6_addr), 1);
	flow.local.in6.sin6_family = AF_INET6;
	flow.local.in6.sin6_port = htons(80);
	return flow;
}

static enum ctl_share share_of(struct rule *r, const struct ctl_flow *flow, bool v6only)
{
	assert_false(nlmsg_parse(nlmsg_hdr(r->msg), 0, r->tb, KSC_A_RULE_MAX, NULL));
	return ctl_listener_share(r->tb, flow, v6only);
}

static void expect(struct rule *r, const char *local, enum ctl_share wanted)
{
	const struct ctl_flow flow = at(local);

	assert_int_equal(share_of(r, &flow, false), wanted);
}

static void everything(void **state)
{
	struct rule r = rule_new();

	(void)state;
	expect(&r, "0.0.0.0", CTL_SHARE_ALL);
	expect(&r, "::", CTL_SHARE_ALL);
	expect(&r, "::1", CTL_SHARE_ALL);
	nlmsg_free(r.msg);
}

static void directions(void **state)
{
	struct rule r = rule_new();

	(void)state;
	assert_false(nla_put_u32(r.msg, KSC_A_RULE_DIRECTIONS, KSC_RULE_DIRECTION_CONNECT));
	expect(&r, "0.0.0.0", CTL_SHARE_NONE);
	nlmsg_free(r.msg);
	r = rule_new();
	assert_false(nla_put_u32(r.msg, KSC_A_RULE_DIRECTIONS, KSC_RULE_DIRECTION_ACCEPT));
	expect(&r, "0.0.0.0", CTL_SHARE_ALL);
	nlmsg_free(r.msg);
}

static void ports(void **state)
{
	struct rule r = rule_new();

	(void)state;
	put_port(&r, 80, 90);
	expect(&r, "0.0.0.0", CTL_SHARE_ALL);
	nlmsg_free(r.msg);
	r = rule_new();
	put_port(&r, 81, 90);
	expect(&r, "0.0.0.0", CTL_SHARE_NONE);
	nlmsg_free(r.msg);
	/* the peers' ports are unknown */
	r = rule_new();
	assert_false(nla_put_u16(r.msg, KSC_A_RULE_REMOTE_PORT_MIN, 5));
	assert_false(nla_put_u16(r.msg, KSC_A_RULE_REMOTE_PORT_MAX, 5));
	expect(&r, "0.0.0.0", CTL_SHARE_SOME);
	nlmsg_free(r.msg);
}

static void local_addresses(void **state)
{
	struct rule r = rule_new();
	struct ctl_flow any = at("::");

	(void)state;
	put_local(&r, "10.1.0.0", 15);
	expect(&r, "10.1.2.3", CTL_SHARE_ALL);
	expect(&r, "::ffff:10.1.2.3", CTL_SHARE_ALL);
	expect(&r, "10.3.0.1", CTL_SHARE_NONE);
	expect(&r, "0.0.0.0", CTL_SHARE_SOME);
	/* it takes IPv4, too, unless it says otherwise */
	expect(&r, "::", CTL_SHARE_SOME);
	assert_int_equal(share_of(&r, &any, true), CTL_SHARE_NONE);
	expect(&r, "::1", CTL_SHARE_NONE);
	nlmsg_free(r.msg);
	r = rule_new();
	put_local(&r, "0.0.0.0", 0);
	expect(&r, "0.0.0.0", CTL_SHARE_ALL);
	expect(&r, "::", CTL_SHARE_SOME);
	nlmsg_free(r.msg);
	r = rule_new();
	put_local(&r, "2001:db8::", 32);
	expect(&r, "2001:db8::1", CTL_SHARE_ALL);
	expect(&r, "0.0.0.0", CTL_SHARE_NONE);
	assert_int_equal(share_of(&r, &any, true), CTL_SHARE_SOME);
	nlmsg_free(r.msg);
}

static void peers(void **state)
{
	struct rule r = rule_new();

	(void)state;
	put_remote(&r, "10.0.0.0", 8);
	expect(&r, "127.0.0.1", CTL_SHARE_SOME);
	expect(&r, "::", CTL_SHARE_SOME);
	expect(&r, "::1", CTL_SHARE_NONE);
	nlmsg_free(r.msg);
	r = rule_new();
	put_remote(&r, "::", 0);
	expect(&r, "::1", CTL_SHARE_ALL);
	expect(&r, "127.0.0.1", CTL_SHARE_NONE);
	nlmsg_free(r.msg);
}

static void owners(void **state)
{
	struct rule r = rule_new();

	(void)state;
	assert_false(nla_put_u32(r.msg, KSC_A_RULE_UID_MIN, 33));
	assert_false(nla_put_u32(r.msg, KSC_A_RULE_UID_MAX, 40));
	expect(&r, "0.0.0.0", CTL_SHARE_ALL);
	assert_false(nla_put_u32(r.msg, KSC_A_RULE_GID_MIN, 45));
	assert_false(nla_put_u32(r.msg, KSC_A_RULE_GID_MAX, 45));
	expect(&r, "0.0.0.0", CTL_SHARE_NONE);
	nlmsg_free(r.msg);
}

static void cgroups(void **state)
{
	char inside[] = "/a.slice/b.service/c", beside[] = "/a.slice/b.service2";
	struct rule r = rule_new();
	struct ctl_flow flow = at("0.0.0.0");

	(void)state;
	assert_false(nla_put_string(r.msg, KSC_A_RULE_CGROUP, "/a.slice/b.service"));
	assert_int_equal(share_of(&r, &flow, false), CTL_SHARE_NONE);
	flow.cgroup = inside;
	assert_int_equal(share_of(&r, &flow, false), CTL_SHARE_ALL);
	flow.cgroup = beside;
	assert_int_equal(share_of(&r, &flow, false), CTL_SHARE_NONE);
	nlmsg_free(r.msg);
	r = rule_new();
	assert_false(nla_put_string(r.msg, KSC_A_RULE_CGROUP, "/"));
	assert_int_equal(share_of(&r, &flow, false), CTL_SHARE_ALL);
	nlmsg_free(r.msg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything),
		cmocka_unit_test(directions),
		cmocka_unit_test(ports),
		cmocka_unit_test(local_addresses),
		cmocka_unit_test(peers),
		cmocka_unit_test(owners),
		cmocka_unit_test(cgroups),
	};

	return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
