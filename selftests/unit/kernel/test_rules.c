// SPDX-License-Identifier: GPL-2.0-only
/*
 * The policy's lookup, kernel/policy/rules.c, compiled as a program: against a model that
 * looks at every rule.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/slab.h>

#include "policy/rules.h"
#include "../../random.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

int ksc_unit_allocs = -1;

static const char *const cgroups[] = { "/a", "/b", "/c", "/other" };

/* how many rules were asked for their cgroup */
static unsigned int asked;

static bool in_cgroup(const void *ptr, const struct ksc_rule *rule)
{
	asked++;
	return ksc_rule_covers(rule, ptr);
}

static struct ksc_rule any_rule(void)
{
	return (struct ksc_rule){
		.name = "any",
		.local_port = { 0, 65535 },
		.remote_port = { 0, 65535 },
		.uid = { 0, UINT32_MAX },
		.gid = { 0, UINT32_MAX },
		.directions = KSC_RULE_DIRECTION_CONNECT | KSC_RULE_DIRECTION_ACCEPT,
	};
}

static struct ksc_rule *alloc_rules(u32 n)
{
	struct ksc_rule *rules = calloc(n ? n : 1, sizeof(*rules));

	assert_non_null(rules);
	for (u32 i = 0; i < n; i++)
		rules[i] = any_rule();
	return rules;
}

static struct ksc_rules *build(struct ksc_rule *rules, u32 n)
{
	struct ksc_rules *set;

	for (u32 i = 0; i < n; i++)
		assert_null(ksc_rule_fault(&rules[i]));
	set = ksc_rules_build(rules, n);
	assert_non_null(set);
	return set;
}

/* ---- the model ---- */

static bool model_bit(const u8 *addr, unsigned int i)
{
	return addr[i / 8] >> (7 - i % 8) & 1;
}

static bool model_prefix(const struct ksc_prefix *p, u8 family, const u8 *addr)
{
	if (p->family == KSC_RULE_ANY)
		return true;
	if (p->family != family)
		return false;
	for (unsigned int i = 0; i < p->len; i++)
		if (model_bit(p->addr, i) != model_bit(addr, i))
			return false;
	return true;
}

static bool model_between(u32 min, u32 v, u32 max)
{
	return min <= v && v <= max;
}

static u32 model_find(const struct ksc_rule *rules, u32 n, const struct ksc_flow *f)
{
	for (u32 i = 0; i < n; i++) {
		const struct ksc_rule *r = &rules[i];

		if (r->directions & f->direction &&
		    model_between(r->local_port.min, f->local_port, r->local_port.max) &&
		    model_between(r->remote_port.min, f->remote_port, r->remote_port.max) &&
		    model_between(r->uid.min, f->uid, r->uid.max) &&
		    model_between(r->gid.min, f->gid, r->gid.max) &&
		    model_prefix(&r->local, f->family, f->local) &&
		    model_prefix(&r->remote, f->family, f->remote) &&
		    (!r->cgroup || strcmp(r->cgroup, f->ptr) == 0))
			return i;
	}
	return KSC_NO_RULE;
}

/* ---- few of everything, so that things meet ---- */

static u16 random_port(uint64_t *seed)
{
	static const u16 ends[] = { 0, 1, 65534, 65535 };
	uint64_t r = next_random(seed);

	return r % 8 ? (u16)(440 + r / 8 % 8) : ends[r / 8 % ARRAY_SIZE(ends)];
}

static void random_range(uint64_t *seed, struct ksc_port_range *range)
{
	u16 a = random_port(seed), b = random_port(seed);

	if (next_random(seed) % 4)
		return;
	range->min = a < b ? a : b;
	range->max = a < b ? b : a;
}

static void random_ids(uint64_t *seed, struct ksc_id_range *range)
{
	if (next_random(seed) % 4)
		return;
	range->min = (u32)(next_random(seed) % 4);
	range->max = range->min + (u32)(next_random(seed) % 3);
}

static void random_address(uint64_t *seed, u8 family, u8 *addr)
{
	for (size_t i = 0; i < (family == KSC_RULE_V4 ? 4 : 16); i++)
		addr[i] = next_random(seed) % 4 ? 0x0a : (u8)next_random(seed);
}

static void random_prefix(uint64_t *seed, struct ksc_prefix *p)
{
	if (next_random(seed) % 3)
		return;
	p->family = next_random(seed) % 2 ? KSC_RULE_V4 : KSC_RULE_V6;
	p->len = (u8)(next_random(seed) % (p->family == KSC_RULE_V4 ? 33 : 129));
	random_address(seed, p->family, p->addr);
	for (unsigned int i = p->len; i < 128; i++)
		p->addr[i / 8] &= (u8)~(0x80 >> i % 8);
}

static struct ksc_rule *random_rules(uint64_t *seed, u32 n)
{
	struct ksc_rule *rules = alloc_rules(n);

	for (u32 i = 0; i < n; i++) {
		struct ksc_rule *r = &rules[i];

		r->directions = (u8)(1 + next_random(seed) % 3);
		random_range(seed, &r->local_port);
		random_range(seed, &r->remote_port);
		random_ids(seed, &r->uid);
		random_ids(seed, &r->gid);
		random_prefix(seed, &r->local);
		random_prefix(seed, &r->remote);
		r->cgroup = next_random(seed) % 4 ? NULL :
			    strdup(cgroups[next_random(seed) % (ARRAY_SIZE(cgroups) - 1)]);
	}
	return rules;
}

static void random_flow(uint64_t *seed, struct ksc_flow *f)
{
	*f = (struct ksc_flow){
		.direction = next_random(seed) % 2 ? KSC_RULE_DIRECTION_CONNECT :
						     KSC_RULE_DIRECTION_ACCEPT,
		.family = next_random(seed) % 2 ? KSC_RULE_V4 : KSC_RULE_V6,
		.local_port = random_port(seed),
		.remote_port = random_port(seed),
		.uid = (u32)(next_random(seed) % 6),
		.gid = (u32)(next_random(seed) % 6),
		.in_cgroup = in_cgroup,
		.ptr = cgroups[next_random(seed) % ARRAY_SIZE(cgroups)],
	};
	random_address(seed, f->family, f->local);
	random_address(seed, f->family, f->remote);
}

static void as_the_model(void **state)
{
	unsigned int found = 0, none = 0;
	uint64_t seed = 1;

	(void)state;
	for (unsigned int round = 0; round < 400; round++) {
		u32 n = (u32)(next_random(&seed) % 60);
		struct ksc_rule *rules = random_rules(&seed, n);
		struct ksc_rules *set = build(rules, n);

		for (unsigned int i = 0; i < 200; i++) {
			struct ksc_flow f;
			u32 number;

			random_flow(&seed, &f);
			number = ksc_rules_find(set, &f);
			assert_int_equal(number, model_find(rules, n, &f));
			found += number != KSC_NO_RULE;
			none += number == KSC_NO_RULE;
		}
		ksc_rules_free(set);
	}
	/* both came often, or this shows little */
	assert_in_range(found, 10000, 70000);
	assert_in_range(none, 10000, 70000);
}

static void no_rules(void **state)
{
	struct ksc_rules *set = build(alloc_rules(0), 0);
	struct ksc_flow f = { .direction = KSC_RULE_DIRECTION_ACCEPT, .family = KSC_RULE_V4 };

	(void)state;
	assert_int_equal(ksc_rules_find(set, &f), KSC_NO_RULE);
	f.direction = KSC_RULE_DIRECTION_CONNECT;
	assert_int_equal(ksc_rules_find(set, &f), KSC_NO_RULE);
	assert_null(ksc_rules_get(set, 0));
	ksc_rules_free(set);
	ksc_rules_free(NULL);
}

/* As many rules as may be, one a port: none but the port's own is looked at. */
static void most_rules(void **state)
{
	struct ksc_rule *rules = alloc_rules(KSC_MAX_RULES);
	struct ksc_rules *set;

	(void)state;
	for (u32 i = 0; i < KSC_MAX_RULES; i++) {
		bool out = i % 2;

		/* all else is open: by nothing but its port does a rule stay out of it */
		*(out ? &rules[i].remote_port : &rules[i].local_port) =
			(struct ksc_port_range){ (u16)i, (u16)i };
		rules[i].directions = out ? KSC_RULE_DIRECTION_CONNECT : KSC_RULE_DIRECTION_ACCEPT;
		rules[i].cgroup = strdup("/here");
	}
	set = build(rules, KSC_MAX_RULES);
	for (u32 i = 0; i < KSC_MAX_RULES; i++) {
		struct ksc_flow f = {
			.direction = i % 2 ? KSC_RULE_DIRECTION_CONNECT : KSC_RULE_DIRECTION_ACCEPT,
			.family = KSC_RULE_V6,
			.local_port = (u16)i,
			.remote_port = (u16)i,
			.in_cgroup = in_cgroup,
			.ptr = "/here",
		};

		asked = 0;
		assert_int_equal(ksc_rules_find(set, &f), i);
		assert_int_equal(asked, 1);
		f.direction ^= KSC_RULE_DIRECTION_CONNECT | KSC_RULE_DIRECTION_ACCEPT;
		assert_int_equal(ksc_rules_find(set, &f), KSC_NO_RULE);
		assert_int_equal(asked, 1);
	}
	assert_ptr_equal(ksc_rules_get(set, KSC_MAX_RULES - 1), &rules[KSC_MAX_RULES - 1]);
	assert_null(ksc_rules_get(set, KSC_MAX_RULES));
	ksc_rules_free(set);
}

static void cgroup_paths(void **state)
{
	static const struct {
		const char *rule;
		const char *path;
		bool covers;
	} paths[] = {
		{ "/", "/", true },
		{ "/", "/a/b", true },
		{ "/a", "/a", true },
		{ "/a", "/a/b", true },
		{ "/a", "/ab", false },
		{ "/a/b", "/a", false },
		{ "/a", "/", false },
		{ "/a.b/..c", "/a.b/..c/d", true },
	};
	static const char *const bad[] = {
		"", "a", "//", "/a/", "/a//b", "/.", "/..", "/a/../b", "/a/./b", "/a/..",
	};
	struct ksc_rule rule = any_rule();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		rule.cgroup = (char *)paths[i].rule;
		assert_null(ksc_rule_fault(&rule));
		assert_int_equal(ksc_rule_covers(&rule, paths[i].path), paths[i].covers);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		rule.cgroup = (char *)bad[i];
		assert_non_null(ksc_rule_fault(&rule));
	}
}

/* On allocation failure there is no set, and the rules are still the caller's. */
static void no_memory(void **state)
{
	uint64_t seed = 2;
	struct ksc_rule *rules = random_rules(&seed, 20);
	struct ksc_rules *set = NULL;
	int n;

	(void)state;
	for (n = 0; !set; n++) {
		ksc_unit_allocs = n;
		set = ksc_rules_build(rules, 20);
	}
	ksc_unit_allocs = -1;
	/* the set; and of each direction the cuts, and three arrays */
	assert_int_equal(n - 1, 1 + 2 * 4);
	ksc_rules_free(set);
}

static void faults(void **state)
{
	struct ksc_rule r = any_rule();

	(void)state;
	assert_null(ksc_rule_fault(&r));
#define FAULT(field, ...)                                                                          \
	do {                                                                                       \
		r = any_rule();                                                                    \
		r.field = __VA_ARGS__;                                                             \
		assert_non_null(ksc_rule_fault(&r));                                               \
	} while (0)
	FAULT(name[0], 0);
	FAULT(directions, 0);
	FAULT(directions, 4);
	FAULT(action, KSC_RULE_ACTION_NEVER + 1);
	FAULT(connect, KSC_CONNECT_TCP + 1);
	FAULT(local_port, (struct ksc_port_range){ 2, 1 });
	FAULT(remote_port, (struct ksc_port_range){ 2, 1 });
	FAULT(uid, (struct ksc_id_range){ 2, 1 });
	FAULT(gid, (struct ksc_id_range){ 2, 1 });
	FAULT(remote, (struct ksc_prefix){ .family = KSC_RULE_V4, .len = 33 });
	FAULT(remote, (struct ksc_prefix){ .family = KSC_RULE_V6, .len = 129 });
	FAULT(remote, (struct ksc_prefix){ .family = KSC_RULE_ANY, .len = 1 });
	FAULT(remote, (struct ksc_prefix){ .family = KSC_RULE_V6 + 1 });
	FAULT(remote, (struct ksc_prefix){ .family = KSC_RULE_V4, .len = 8, .addr = { 10, 1 } });
	FAULT(local, (struct ksc_prefix){ .family = KSC_RULE_V4, .len = 32, .addr[4] = 1 });
#undef FAULT
	r = any_rule();
	memset(r.name, 'x', sizeof(r.name));
	assert_non_null(ksc_rule_fault(&r));
	r = any_rule();
	r.remote = (struct ksc_prefix){ .family = KSC_RULE_V4, .len = 16, .addr = { 10, 1 } };
	assert_null(ksc_rule_fault(&r));
}

/* Of two rules the one that asks for more, wherever it is; of two alike the first. */
static void stronger(void **state)
{
	static const u8 actions[] = {
		KSC_RULE_ACTION_NEVER, KSC_RULE_ACTION_REQUIRE, KSC_RULE_ACTION_PREFER,
		KSC_RULE_ACTION_REQUIRE, KSC_RULE_ACTION_NEVER,
	};
	static const struct {
		u32 a, b, chosen;
	} cases[] = {
		{ 0, 1, 1 }, { 0, 2, 2 }, { 2, 1, 1 }, { 4, 2, 2 }, { 1, 3, 1 }, { 0, 4, 0 },
		{ KSC_NO_RULE, 4, 4 }, { KSC_NO_RULE, 3, 3 },
		{ KSC_NO_RULE, KSC_NO_RULE, KSC_NO_RULE },
	};
	struct ksc_rule *rules = alloc_rules(ARRAY_SIZE(actions));
	struct ksc_rules *set;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		rules[i].action = actions[i];
	set = build(rules, ARRAY_SIZE(actions));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(ksc_rules_stronger(set, cases[i].a, cases[i].b), cases[i].chosen);
		assert_int_equal(ksc_rules_stronger(set, cases[i].b, cases[i].a), cases[i].chosen);
	}
	ksc_rules_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_model),
		cmocka_unit_test(no_rules),
		cmocka_unit_test(most_rules),
		cmocka_unit_test(cgroup_paths),
		cmocka_unit_test(no_memory),
		cmocka_unit_test(faults),
		cmocka_unit_test(stronger),
	};

	return cmocka_run_group_tests_name("kernel/rules", tests, NULL, NULL);
}
