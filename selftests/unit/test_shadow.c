// SPDX-License-Identifier: GPL-2.0-only
/* shadow.c: rules that can never match are found, without comparing each with all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../random.h"
#include "common/hash.h"
#include "config/policy.h"
#include "side.h"

/* As many as a configuration may have */
#define MANY	16384
/* Of comparisons and of searches, for each rule */
#define FEW	64UL

/* ---- what it takes ---- */

static unsigned long steps;

bool __real_ksc_rule_covers(const struct ksc_rule *rule, const struct ksc_rule *other);
bool __wrap_ksc_rule_covers(const struct ksc_rule *rule, const struct ksc_rule *other);
int __real_strcmp(const char *a, const char *b);
int __wrap_strcmp(const char *a, const char *b);
int __real_memcmp(const void *a, const void *b, size_t len);
int __wrap_memcmp(const void *a, const void *b, size_t len);
unsigned int __real_ksc_hash(const void *key, size_t len);
unsigned int __wrap_ksc_hash(const void *key, size_t len);

bool __wrap_ksc_rule_covers(const struct ksc_rule *rule, const struct ksc_rule *other)
{
	steps++;
	return __real_ksc_rule_covers(rule, other);
}

int __wrap_strcmp(const char *a, const char *b)
{
	steps++;
	return __real_strcmp(a, b);
}

int __wrap_memcmp(const void *a, const void *b, size_t len)
{
	steps++;
	return __real_memcmp(a, b, len);
}

unsigned int __wrap_ksc_hash(const void *key, size_t len)
{
	steps++;
	return __real_ksc_hash(key, len);
}

/* ---- rules ---- */

static struct ksc_rule *add(struct ksc_rules *rules)
{
	struct ksc_rule *rule = ksc_rules_add(rules);

	assert_non_null(rule);
	rule->line = (unsigned int)rules->n;
	assert_true(asprintf(&rule->name, "r%zu", rules->n) > 0);
	return rule;
}

/* Returns the complaints; the caller frees them. */
static char *check(const struct ksc_rules *rules)
{
	const struct ksc_credentials none = { 0 };
	struct ksc_settings file = { .path = "conf" };
	char *text = NULL;
	size_t size;

	file.complaints = open_memstream(&text, &size);
	assert_non_null(file.complaints);
	ksc_policy_check(&file, rules, &none);
	fclose(file.complaints);
	return text;
}

static char *expected(const struct ksc_rules *rules)
{
	char *text = NULL;
	size_t size, i, k;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	for (i = 0; i < rules->n; i++) {
		for (k = 0; k < i && !__real_ksc_rule_covers(&rules->list[k], &rules->list[i]); k++)
			;
		if (k < i)
			fprintf(out, "conf:%zu: rule r%zu: it never matches, because rule r%zu "
				"at line %zu covers it\n", i + 1, i + 1, k + 1, k + 1);
	}
	fclose(out);
	return text;
}

/* Of few values, so that much is covered, in part or as a whole */
static void pick_range(struct ksc_range *range, uint32_t max, uint64_t *seed)
{
	const uint32_t starts[] = { 0, 1, 1000, 1023, 1024, 40000, max - 1, max };
	const uint32_t sizes[] = { 0, 0, 1, 2, 7, 1000, 5000, max };

	range->min = starts[next_random(seed) % 8];
	range->max = sizes[next_random(seed) % 8];
	range->max = range->max > max - range->min ? max : range->min + range->max;
}

static void pick_prefix(struct ksc_prefix *prefix, uint64_t *seed)
{
	static const uint8_t lens[] = { 0, 1, 8, 9, 15, 31, 32 };
	unsigned int i;

	*prefix = (struct ksc_prefix) { .family = next_random(seed) % 2 ? AF_INET : AF_INET6 };
	prefix->len = lens[next_random(seed) % 7];
	if (prefix->family == AF_INET6 && next_random(seed) % 2)
		prefix->len = (uint8_t)(prefix->len + 96);
	for (i = 0; i < prefix->len; i += 7)
		prefix->addr[i / 8] |= (uint8_t)((next_random(seed) & 0x80) >> i % 8);
}

static void pick(struct ksc_rule *rule, uint64_t *seed)
{
	static const char *const groups[] = { "/", "/a", "/a/b", "/a/b/c", "/ab", "/a/bc", "/b" };

	rule->directions = (uint32_t)(1 + next_random(seed) % 3);
	/* as a rule, most are not said */
	if (!(next_random(seed) % 3))
		pick_prefix(&rule->local, seed);
	if (!(next_random(seed) % 3))
		pick_prefix(&rule->remote, seed);
	if (!(next_random(seed) % 3))
		pick_range(&rule->local_port, UINT16_MAX, seed);
	if (!(next_random(seed) % 3))
		pick_range(&rule->remote_port, UINT16_MAX, seed);
	if (!(next_random(seed) % 3))
		pick_range(&rule->uid, UINT32_MAX, seed);
	if (!(next_random(seed) % 3))
		pick_range(&rule->gid, UINT32_MAX, seed);
	if (!(next_random(seed) % 3)) {
		rule->cgroup = strdup(groups[next_random(seed) % 7]);
		assert_non_null(rule->cgroup);
	}
}

/* The same rules as by comparing each with all before it, and the same ones named. */
static void alike(void **state)
{
	uint64_t seed = 0x5eed;
	unsigned int found = 0;
	int i, k;

	(void)state;
	for (i = 0; i < 2000; i++) {
		struct ksc_rules *rules = ksc_rules_new();
		char *text, *wanted;

		for (k = 0; k < 40; k++)
			pick(add(rules), &seed);
		text = check(rules);
		wanted = expected(rules);
		if (strcmp(text, wanted))
			fail_msg("round %d: %s, wanted %s", i, text, wanted);
		found += *wanted != '\0';
		free(text);
		free(wanted);
		ksc_rules_put(rules);
	}
	assert_true(found > 1000);
}

/* ---- many ---- */

static void by_remote(struct ksc_rule *rule, uint32_t i)
{
	rule->remote = (struct ksc_prefix) { .family = AF_INET, .len = (uint8_t)(24 + i % 9),
					     .addr = { 10, (uint8_t)(i >> 8), (uint8_t)i } };
}

static void by_port(struct ksc_rule *rule, uint32_t i)
{
	rule->remote_port = (struct ksc_range) { 1 + i, 1 + i };
}

/* As subordinate ids are given to users */
static void by_uids(struct ksc_rule *rule, uint32_t i)
{
	rule->uid = (struct ksc_range) { 100000 + i * 65536, 100000 + i * 65536 + 65535 };
	rule->gid = rule->uid;
}

/* Three ports each, of each which overlaps with its neighbours' */
static void by_overlap(struct ksc_rule *rule, uint32_t i)
{
	rule->local_port = (struct ksc_range) { 1 + i, 3 + i };
}

static void by_cgroup(struct ksc_rule *rule, uint32_t i)
{
	assert_true(asprintf(&rule->cgroup, "/system.slice/s%u.service", i) > 0);
}

static void by_all(struct ksc_rule *rule, uint32_t i)
{
	void (*const ways[])(struct ksc_rule *rule, uint32_t i) = {
		by_remote, by_port, by_uids, by_overlap, by_cgroup,
	};

	ways[i % 5](rule, i);
	if (i % 2)
		rule->directions = KSC_RULE_DIRECTION_ACCEPT;
}

/* With any conditions that distinguish them. */
static void many(void **state)
{
	static void (*const ways[])(struct ksc_rule *rule, uint32_t i) = {
		by_remote, by_port, by_uids, by_overlap, by_cgroup, by_all,
	};
	size_t i;
	uint32_t k;

	(void)state;
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct ksc_rules *rules = ksc_rules_new();
		char *text;

		for (k = 0; k < MANY; k++)
			ways[i](add(rules), k);
		steps = 0;
		text = check(rules);
		assert_string_equal(text, "");
		if (steps > MANY * FEW)
			fail_msg("%zu: %lu steps", i, steps);
		free(text);
		ksc_rules_put(rules);
	}
}

/* Their sections are read likewise; all that is compared there is names. */
static void sections(void **state)
{
	char *text = NULL;
	struct ksc_file raw = { 0 };
	struct ksc_settings file;
	unsigned int i;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	for (i = 0; i < MANY; i++)
		fprintf(out, "[rule r%u]\n", i);
	fprintf(out, "[rule r77]\n[rule r77]\n");
	fclose(out);
	raw.data.data = (unsigned char *)text;
	raw.data.size = (unsigned int)size;
	steps = 0;
	assert_int_equal(ksc_settings_take(&file, "conf", &raw, NULL), 0);
	if (steps > MANY * FEW)
		fail_msg("%lu steps", steps);
	assert_int_equal(file.n, MANY + 2);
	assert_int_equal(file.n_complaints, 2);
	ksc_settings_free(&file);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alike),
		cmocka_unit_test(many),
		cmocka_unit_test(sections),
	};

	return cmocka_run_group_tests_name("shadow", tests, NULL, NULL);
}
