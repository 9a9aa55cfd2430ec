// SPDX-License-Identifier: GPL-2.0-only
/* kschannelctl policy: the kernel's rules, and which of them a connection matches. */
#include <err.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "common/names.h"
#include "ctl/ctl.h"
#include "ctl/policy.h"
#include "ctl/table.h"
#include "ctl/trial.h"
#include "ctl/why.h"

static const char *const headings[] = {
	"NUMBER", "NAME", "ACTION", "DIRECTION", "LOCAL", "REMOTE", "UID", "GID", "CGROUP",
	"CONNECT"
};

/**
 * struct policy - a question and its answer
 * @flow: the connection in question, or NULL
 * @loaded: a policy is loaded
 * @generation: its generation
 * @found: a rule was found
 * @number: its number, of several that of the last; UINT32_MAX without one
 * @table: the rules, or NULL
 * @json: the rules as objects, or NULL
 * @n_passed: number of rules before it that do not match
 * @passed_table: those of them that are shown, or NULL
 * @passed_json: the same as objects, or NULL
 */
struct policy {
	const struct ctl_flow *flow;
	bool loaded;
	uint64_t generation;
	bool found;
	uint32_t number;
	struct ctl_table *table;
	struct json_object *json;
	size_t n_passed;
	struct ctl_table *passed_table;
	struct json_object *passed_json;
};

/* Maximum number of passed rules that are shown */
#define MAX_PASSED	20

static struct nla_policy policy_attrs[KSC_A_POLICY_MAX + 1] = {
	[KSC_A_POLICY_GENERATION] = { .type = NLA_U64 },
	[KSC_A_POLICY_COUNT] = { .type = NLA_U32 },
	[KSC_A_POLICY_RULE] = { .type = NLA_NESTED },
};

static struct nla_policy rule_attrs[KSC_A_RULE_MAX + 1] = {
	[KSC_A_RULE_NAME] = { .type = NLA_STRING },
	[KSC_A_RULE_NUMBER] = { .type = NLA_U32 },
	[KSC_A_RULE_ACTION] = { .type = NLA_U32 },
	[KSC_A_RULE_DIRECTIONS] = { .type = NLA_U32 },
	[KSC_A_RULE_LOCAL] = { .minlen = 4, .maxlen = 16 },
	[KSC_A_RULE_LOCAL_LEN] = { .type = NLA_U8 },
	[KSC_A_RULE_REMOTE] = { .minlen = 4, .maxlen = 16 },
	[KSC_A_RULE_REMOTE_LEN] = { .type = NLA_U8 },
	[KSC_A_RULE_LOCAL_PORT_MIN] = { .type = NLA_U16 },
	[KSC_A_RULE_LOCAL_PORT_MAX] = { .type = NLA_U16 },
	[KSC_A_RULE_REMOTE_PORT_MIN] = { .type = NLA_U16 },
	[KSC_A_RULE_REMOTE_PORT_MAX] = { .type = NLA_U16 },
	[KSC_A_RULE_UID_MIN] = { .type = NLA_U32 },
	[KSC_A_RULE_UID_MAX] = { .type = NLA_U32 },
	[KSC_A_RULE_GID_MIN] = { .type = NLA_U32 },
	[KSC_A_RULE_GID_MAX] = { .type = NLA_U32 },
	[KSC_A_RULE_CGROUP] = { .type = NLA_STRING },
	[KSC_A_RULE_CONNECT] = { .type = NLA_U32 },
};

/* ---- a rule as text ---- */

static char *range_text(struct nlattr *min, struct nlattr *max, bool port)
{
	uint32_t a, b;
	char *text;
	int len;

	if (!min || !max)
		return ctl_alloc(strdup("*"));
	a = port ? nla_get_u16(min) : nla_get_u32(min);
	b = port ? nla_get_u16(max) : nla_get_u32(max);
	len = a == b ? asprintf(&text, "%" PRIu32, a) :
		       asprintf(&text, "%" PRIu32 "-%" PRIu32, a, b);
	return ctl_alloc(len < 0 ? NULL : text);
}

/* "10.0.0.0/8 port 5432", as far as the parts are set */
static char *end_text(struct nlattr *addr, struct nlattr *len, struct nlattr *min,
		      struct nlattr *max)
{
	char host[INET6_ADDRSTRLEN] = "*", bits[8] = "";
	char *ports = range_text(min, max, true), *text;
	bool any = !strcmp(ports, "*");
	int n;

	if (addr && (nla_len(addr) == 4 || nla_len(addr) == 16)) {
		ksc_host_print(nla_data(addr), (size_t)nla_len(addr), host);
		snprintf(bits, sizeof(bits), "/%u", len ? nla_get_u8(len) : 0U);
	}
	n = asprintf(&text, "%s%s%s%s", host, bits, any ? "" : " port ", any ? "" : ports);
	free(ports);
	return ctl_alloc(n < 0 ? NULL : text);
}

static const char *direction_name(struct nlattr *attr)
{
	return attr ? ksc_word_text(ksc_directions, nla_get_u32(attr)) : "both";
}

/* What connect() waits for, which only protected outgoing connections do */
static const char *connect_name(struct nlattr **tb)
{
	if (!tb[KSC_A_RULE_ACTION] || nla_get_u32(tb[KSC_A_RULE_ACTION]) == KSC_RULE_ACTION_NEVER ||
	    (tb[KSC_A_RULE_DIRECTIONS] &&
	     nla_get_u32(tb[KSC_A_RULE_DIRECTIONS]) == KSC_RULE_DIRECTION_ACCEPT))
		return "-";
	return tb[KSC_A_RULE_CONNECT] && nla_get_u32(tb[KSC_A_RULE_CONNECT]) == KSC_CONNECT_TCP ?
		"tcp" : "handshake";
}

/**
 * struct words - a rule as text
 * @text: one for each heading
 */
struct words {
	char *text[ARRAY_SIZE(headings)];
};

/* Names are untrusted: they are escaped for a terminal, and made valid for JSON. */
static void to_words(struct nlattr **tb, struct words *w, bool as_json)
{
	const char *name = tb[KSC_A_RULE_NAME] ? nla_get_string(tb[KSC_A_RULE_NAME]) : "?";
	const char *cgroup = tb[KSC_A_RULE_CGROUP] ? nla_get_string(tb[KSC_A_RULE_CGROUP]) : "*";

	memset(w, 0, sizeof(*w));
	if (asprintf(&w->text[0], "%" PRIu32,
		     tb[KSC_A_RULE_NUMBER] ? nla_get_u32(tb[KSC_A_RULE_NUMBER]) : 0) < 0)
		w->text[0] = NULL;
	w->text[1] = as_json ? ctl_utf8(name) : ctl_escape(name);
	w->text[2] = strdup(ksc_action_name(tb[KSC_A_RULE_ACTION] ?
						  nla_get_u32(tb[KSC_A_RULE_ACTION]) : UINT32_MAX));
	w->text[3] = strdup(direction_name(tb[KSC_A_RULE_DIRECTIONS]));
	w->text[4] = end_text(tb[KSC_A_RULE_LOCAL], tb[KSC_A_RULE_LOCAL_LEN],
			      tb[KSC_A_RULE_LOCAL_PORT_MIN], tb[KSC_A_RULE_LOCAL_PORT_MAX]);
	w->text[5] = end_text(tb[KSC_A_RULE_REMOTE], tb[KSC_A_RULE_REMOTE_LEN],
			      tb[KSC_A_RULE_REMOTE_PORT_MIN], tb[KSC_A_RULE_REMOTE_PORT_MAX]);
	w->text[6] = range_text(tb[KSC_A_RULE_UID_MIN], tb[KSC_A_RULE_UID_MAX], false);
	w->text[7] = range_text(tb[KSC_A_RULE_GID_MIN], tb[KSC_A_RULE_GID_MAX], false);
	w->text[8] = as_json ? ctl_utf8(cgroup) : ctl_escape(cgroup);
	w->text[9] = strdup(connect_name(tb));
	for (size_t i = 0; i < ARRAY_SIZE(headings); i++)
		ctl_alloc(w->text[i]);
}

static void add_words(struct policy *policy, struct words *w)
{
	struct json_object *object;

	if (policy->table) {
		for (size_t i = 0; i < ARRAY_SIZE(headings); i++)
			ctl_table_add(policy->table, w->text[i]);
		return;
	}
	object = ctl_alloc(json_object_new_object());
	for (size_t i = 0; i < ARRAY_SIZE(headings); i++) {
		char name[16];

		for (size_t k = 0; k <= strlen(headings[i]); k++)
			name[k] = (char)(headings[i][k] | (headings[i][k] ? 0x20 : 0));
		json_object_object_add(object, name, i ? json_object_new_string(w->text[i]) :
			json_object_new_int64(strtoll(w->text[i], NULL, 10)));
		free(w->text[i]);
	}
	json_object_array_add(policy->json, object);
}

static void on_policy(struct nlattr **tb, void *arg)
{
	struct nlattr *rule[KSC_A_RULE_MAX + 1];
	struct policy *policy = arg;
	struct words w;

	if (tb[KSC_A_POLICY_GENERATION]) {
		policy->loaded = true;
		policy->generation = nla_get_u64(tb[KSC_A_POLICY_GENERATION]);
	}
	if (!tb[KSC_A_POLICY_RULE] ||
	    nla_parse_nested(rule, KSC_A_RULE_MAX, tb[KSC_A_POLICY_RULE], rule_attrs) < 0)
		return;
	policy->found = true;
	if (rule[KSC_A_RULE_NUMBER])
		policy->number = nla_get_u32(rule[KSC_A_RULE_NUMBER]);
	to_words(rule, &w, !policy->table);
	add_words(policy, &w);
}

/* ---- requests ---- */

/* A dump that has changed is repeated from its start. */
static void on_restart(void *arg)
{
	struct policy *policy = arg;
	bool as_json = policy->json;

	ctl_table_free(policy->table);
	json_object_put(policy->json);
	*policy = (struct policy){ .flow = policy->flow, .number = UINT32_MAX };
	if (as_json) {
		policy->json = ctl_alloc(json_object_new_array());
		return;
	}
	policy->table = ctl_table_new(ARRAY_SIZE(headings));
	for (size_t i = 0; i < ARRAY_SIZE(headings); i++)
		ctl_table_addf(policy->table, "%s", headings[i]);
}

static int print_policy(const struct policy *policy)
{
	struct json_object *object;
	char generation[24];

	if (policy->table) {
		if (!policy->loaded)
			puts("No policy is loaded.");
		else if (!policy->found)
			puts("No rule.");
		else
			ctl_table_print(policy->table, "rlllllllll");
		if (policy->passed_table)
			ctl_table_print(policy->passed_table, "rll");
		if (policy->n_passed > MAX_PASSED)
			printf("%zu more do not match.\n", policy->n_passed - MAX_PASSED);
		return EXIT_SUCCESS;
	}
	object = ctl_alloc(json_object_new_object());
	snprintf(generation, sizeof(generation), "%016" PRIx64, policy->generation);
	if (policy->loaded)
		json_object_object_add(object, "generation", json_object_new_string(generation));
	json_object_object_add(object, "rules", json_object_get(policy->json));
	if (policy->passed_json)
		json_object_object_add(object, "passed_over",
				       json_object_get(policy->passed_json));
	return ctl_print_json(object);
}

/* ---- why that rule matches ---- */

/**
 * struct passed - the rules before the one that matches a connection
 * @policy: the kernel's answer
 * @generation: generation of the policy that is being read
 * @end: number of that rule, or the number of rules
 * @n: number of rules before it
 * @table: those of them that are shown, or NULL
 * @json: the same as objects, or NULL
 */
struct passed {
	const struct policy *policy;
	uint64_t generation;
	uint32_t end;
	size_t n;
	struct ctl_table *table;
	struct json_object *json;
};

static void on_passed_restart(void *arg)
{
	struct passed *passed = arg;

	ctl_table_free(passed->table);
	json_object_put(passed->json);
	passed->n = 0;
	passed->json = passed->policy->json ? ctl_alloc(json_object_new_array()) : NULL;
	passed->table = passed->policy->json ? NULL : ctl_table_new(3);
}

static void on_passed(struct nlattr **tb, void *arg)
{
	struct nlattr *rule[KSC_A_RULE_MAX + 1];
	struct passed *passed = arg;
	struct json_object *object;
	char *why, *text;
	const char *name;

	if (tb[KSC_A_POLICY_GENERATION])
		passed->generation = nla_get_u64(tb[KSC_A_POLICY_GENERATION]);
	if (!tb[KSC_A_POLICY_RULE] ||
	    nla_parse_nested(rule, KSC_A_RULE_MAX, tb[KSC_A_POLICY_RULE], rule_attrs) < 0 ||
	    !rule[KSC_A_RULE_NUMBER] || !rule[KSC_A_RULE_NAME] ||
	    nla_get_u32(rule[KSC_A_RULE_NUMBER]) >= passed->end || passed->n++ >= MAX_PASSED)
		return;
	why = ctl_why_not(rule, passed->policy->flow);
	name = nla_get_string(rule[KSC_A_RULE_NAME]);
	if (passed->table) {
		ctl_table_addf(passed->table, "%u", nla_get_u32(rule[KSC_A_RULE_NUMBER]));
		ctl_table_add(passed->table, ctl_escape(name));
		ctl_table_addf(passed->table, "no match: %s", why ?: "?");
	} else {
		object = ctl_alloc(json_object_new_object());
		text = ctl_utf8(name);
		json_object_object_add(object, "name", json_object_new_string(text));
		free(text);
		json_object_object_add(object, "why", json_object_new_string(why ?: "?"));
		json_object_array_add(passed->json, object);
	}
	free(why);
}

/* Prints nothing if the policy has been replaced meanwhile. */
static int explain(struct policy *policy)
{
	struct passed passed = { .policy = policy, .end = policy->number };
	struct ctl_request req = {
		.cmd = KSC_CMD_POLICY_GET,
		.flags = NLM_F_DUMP,
		.maxattr = KSC_A_POLICY_MAX,
		.policy = policy_attrs,
		.restart = on_passed_restart,
		.reply = on_passed,
		.arg = &passed,
	};
	int ret = ctl_request(&req);

	if (!ret && passed.generation == policy->generation && passed.n) {
		policy->n_passed = passed.n;
		policy->passed_table = passed.table;
		policy->passed_json = passed.json;
	} else {
		ctl_table_free(passed.table);
		json_object_put(passed.json);
	}
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int ask(struct ctl_request *req, const struct ctl_flow *flow, bool as_json)
{
	struct policy policy = {
		.flow = flow,
		.number = UINT32_MAX,
		.json = as_json ? ctl_alloc(json_object_new_array()) : NULL,
	};
	int ret;

	req->maxattr = KSC_A_POLICY_MAX;
	req->policy = policy_attrs;
	req->restart = on_restart;
	req->reply = on_policy;
	req->arg = &policy;
	ret = ctl_request(req) ? EXIT_FAILURE : EXIT_SUCCESS;
	if (!ret && flow && policy.loaded)
		ret = explain(&policy);
	if (!ret)
		ret = print_policy(&policy);
	ctl_table_free(policy.table);
	json_object_put(policy.json);
	ctl_table_free(policy.passed_table);
	json_object_put(policy.passed_json);
	return ret;
}

static void on_rule(struct nlattr **tb, void *arg)
{
	struct nlattr *rule[KSC_A_RULE_MAX + 1];
	const struct ctl_rules *rules = arg;

	if (tb[KSC_A_POLICY_RULE] &&
	    nla_parse_nested(rule, KSC_A_RULE_MAX, tb[KSC_A_POLICY_RULE], rule_attrs) >= 0)
		rules->rule(rule, rules->arg);
}

static void on_rules_restart(void *arg)
{
	const struct ctl_rules *rules = arg;

	rules->restart(rules->arg);
}

/**
 * ctl_policy_rules() - read the rules
 * @rules: receives them
 * Return: 0, or -1 after an error message
 */
int ctl_policy_rules(const struct ctl_rules *rules)
{
	const struct ctl_request req = {
		.cmd = KSC_CMD_POLICY_GET,
		.flags = NLM_F_DUMP,
		.maxattr = KSC_A_POLICY_MAX,
		.policy = policy_attrs,
		.restart = on_rules_restart,
		.reply = on_rule,
		.arg = (void *)rules,
	};

	return ctl_request(&req);
}

/* ---- a test connection ---- */

static int put_address(struct nl_msg *msg, int attr, const union ctl_address *addr)
{
	return nla_put(msg, attr, addr->sa.sa_family == AF_INET ? sizeof(addr->in) :
								 sizeof(addr->in6), addr);
}

static int put_flow(struct nl_msg *msg, const struct ctl_flow *flow)
{
	if (nla_put_u32(msg, KSC_A_POLICY_DIRECTION, flow->direction) ||
	    put_address(msg, KSC_A_POLICY_LOCAL, &flow->local) ||
	    put_address(msg, KSC_A_POLICY_PEER, &flow->peer) ||
	    nla_put_u32(msg, KSC_A_POLICY_UID, flow->uid) ||
	    nla_put_u32(msg, KSC_A_POLICY_GID, flow->gid) ||
	    (flow->via.sa.sa_family && put_address(msg, KSC_A_POLICY_ASKED, &flow->via)))
		return -1;
	return flow->cgroup ? nla_put_string(msg, KSC_A_POLICY_CGROUP, flow->cgroup) : 0;
}

static int fill_policy(struct nl_msg *msg, void *arg)
{
	const struct policy *policy = arg;

	return put_flow(msg, policy->flow);
}

/**
 * struct question - which rule matches a connection
 * @flow: the connection
 * @match: the answer
 */
struct question {
	const struct ctl_flow *flow;
	struct ctl_match *match;
};

static int fill_question(struct nl_msg *msg, void *arg)
{
	const struct question *question = arg;

	return put_flow(msg, question->flow);
}

static void on_match(struct nlattr **tb, void *arg)
{
	const struct question *question = arg;
	struct nlattr *rule[KSC_A_RULE_MAX + 1];
	struct ctl_match *match = question->match;

	match->loaded = tb[KSC_A_POLICY_GENERATION];
	if (!tb[KSC_A_POLICY_RULE] ||
	    nla_parse_nested(rule, KSC_A_RULE_MAX, tb[KSC_A_POLICY_RULE], rule_attrs) < 0 ||
	    !rule[KSC_A_RULE_ACTION])
		return;
	match->found = true;
	match->action = (enum ksc_rule_action)nla_get_u32(rule[KSC_A_RULE_ACTION]);
	if (rule[KSC_A_RULE_NUMBER])
		match->number = nla_get_u32(rule[KSC_A_RULE_NUMBER]);
	if (rule[KSC_A_RULE_NAME])
		nla_strlcpy(match->name, rule[KSC_A_RULE_NAME], sizeof(match->name));
}

/**
 * ctl_policy_match() - ask the kernel which rule matches a connection
 * @flow: the connection, with both ends
 * @match: filled in
 * Return: 0, or -1 after an error message
 */
int ctl_policy_match(const struct ctl_flow *flow, struct ctl_match *match)
{
	struct question question = { .flow = flow, .match = match };
	const struct ctl_request req = {
		.cmd = KSC_CMD_POLICY_TEST,
		.fill = fill_question,
		.maxattr = KSC_A_POLICY_MAX,
		.policy = policy_attrs,
		.reply = on_match,
		.arg = &question,
	};

	memset(match, 0, sizeof(*match));
	return ctl_request(&req);
}

static int policy_test(int argc, char **argv)
{
	struct ctl_request req = { .cmd = KSC_CMD_POLICY_TEST, .fill = fill_policy };
	struct ctl_trial trial;

	ctl_trial_parse(argc, argv, &trial);
	return ask(&req, &trial.flow, trial.json);
}

/**
 * ctl_policy() - the command "policy"
 * @argc: number of arguments
 * @argv: the arguments
 * Return: exit status
 */
int ctl_policy(int argc, char **argv)
{
	struct ctl_request req = { .cmd = KSC_CMD_POLICY_GET, .flags = NLM_F_DUMP };
	char *name;
	bool json;

	if (argc > 1 && !strcmp(argv[1], "test")) {
		name = argv[0];
		if (asprintf(&argv[1], "%s test", name) < 0)
			errx(EXIT_FAILURE, "out of memory");
		return policy_test(argc - 1, argv + 1);
	}
	json = ctl_parse_output(argc, argv,
				"Show the rules that the kernel applies in this network namespace. "
				"\"policy test\" shows which one a connection would match.");
	return ask(&req, NULL, json);
}
