// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules of the policy, and what they require of a handshake. The kernel has determined which
 * rule matches a connection; here the rule is applied to the handshake's parameters. An application
 * may ask for more than its rule, never for less.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/util.h"
#include "engine/engine.h"
#include "engine/host.h"
#include "engine/rule.h"

/**
 * ksc_rules_new() - allocate a list of rules
 *
 * Return: an empty list with one reference, or NULL if out of memory
 */
struct ksc_rules *ksc_rules_new(void)
{
	struct ksc_rules *rules = calloc(1, sizeof(*rules));

	if (rules)
		atomic_init(&rules->refs, 1);
	return rules;
}

/**
 * ksc_rules_get() - take a reference
 * @rules: the rules, or NULL
 *
 * Return: @rules
 */
struct ksc_rules *ksc_rules_get(struct ksc_rules *rules)
{
	if (rules)
		atomic_fetch_add(&rules->refs, 1);
	return rules;
}

static void free_rule(struct ksc_rule *rule)
{
	size_t i;

	for (i = 0; i < rule->n_peers; i++)
		free(rule->peers[i]);
	free(rule->peers);
	free(rule->alpn);
	free(rule->server_name);
	free(rule->credential);
	free(rule->cgroup);
	free(rule->name);
}

/**
 * ksc_rules_put() - drop a reference; the last one frees the rules
 * @rules: the rules, or NULL
 */
void ksc_rules_put(struct ksc_rules *rules)
{
	size_t i;

	if (!rules || atomic_fetch_sub(&rules->refs, 1) != 1)
		return;
	for (i = 0; i < rules->n; i++)
		free_rule(&rules->list[i]);
	free(rules->list);
	free(rules);
}

/**
 * ksc_rules_add() - append a rule
 * @rules: the rules, not yet in use
 *
 * Return: the rule, which matches everything and requires nothing, valid until the next is added;
 * or NULL if out of memory
 */
struct ksc_rule *ksc_rules_add(struct ksc_rules *rules)
{
	struct ksc_rule *bigger = rules->list, *rule;

	/* The list's capacity is doubled. */
	if (!(rules->n & (rules->n - 1)))
		bigger = reallocarray(rules->list, rules->n ? 2 * rules->n : 1, sizeof(*bigger));
	if (!bigger)
		return NULL;
	rules->list = bigger;
	rule = &bigger[rules->n++];
	memset(rule, 0, sizeof(*rule));
	rule->directions = KSC_RULE_DIRECTION_CONNECT | KSC_RULE_DIRECTION_ACCEPT;
	rule->local_port.max = UINT16_MAX;
	rule->remote_port.max = UINT16_MAX;
	rule->uid.max = UINT32_MAX;
	rule->gid.max = UINT32_MAX;
	return rule;
}

/* ---- which connections match ---- */

static bool range_covers(const struct ksc_range *range, const struct ksc_range *other)
{
	return range->min <= other->min && range->max >= other->max;
}

static bool prefix_covers(const struct ksc_prefix *prefix, const struct ksc_prefix *other)
{
	unsigned int bytes = prefix->len / 8, bits = prefix->len % 8;

	if (prefix->family == AF_UNSPEC)
		return true;
	if (prefix->family != other->family || prefix->len > other->len ||
	    memcmp(prefix->addr, other->addr, bytes))
		return false;
	return !bits || !((prefix->addr[bytes] ^ other->addr[bytes]) >> (8 - bits));
}

static bool cgroup_covers(const char *cgroup, const char *other)
{
	size_t len;

	if (!cgroup)
		return true;
	if (!other)
		return false;
	len = strlen(cgroup);
	/* Only the root's path ends with a slash. */
	return !strcmp(cgroup, "/") ||
	       (!strncmp(cgroup, other, len) && (!other[len] || other[len] == '/'));
}

/**
 * ksc_rule_covers() - check whether an earlier rule hides a later one
 * @rule: the earlier rule
 * @other: the later one
 *
 * Return: true if @rule matches every connection that @other matches
 */
bool ksc_rule_covers(const struct ksc_rule *rule, const struct ksc_rule *other)
{
	return (rule->directions & other->directions) == other->directions &&
	       range_covers(&rule->remote_port, &other->remote_port) &&
	       range_covers(&rule->local_port, &other->local_port) &&
	       prefix_covers(&rule->remote, &other->remote) &&
	       prefix_covers(&rule->local, &other->local) &&
	       range_covers(&rule->uid, &other->uid) && range_covers(&rule->gid, &other->gid) &&
	       cgroup_covers(rule->cgroup, other->cgroup);
}

/* ---- what their handshakes require ---- */

static bool list_has(const uint8_t *list, size_t len, const uint8_t *name)
{
	size_t at;

	for (at = 0; at < len; at += 1 + list[at])
		if (list[at] == *name && !memcmp(&list[at + 1], name + 1, *name))
			return true;
	return false;
}

/* Only protocols that the rule allows; the kernel has checked the list's format. */
static bool apply_alpn(const struct ksc_rule *rule, struct ksc_engine_params *params)
{
	size_t at;

	if (!rule->alpn_len)
		return true;
	if (!params->alpn_len) {
		params->alpn = rule->alpn;
		params->alpn_len = rule->alpn_len;
		return true;
	}
	for (at = 0; at < params->alpn_len; at += 1 + params->alpn[at]) {
		if (1 + (size_t)params->alpn[at] > params->alpn_len - at ||
		    !list_has(rule->alpn, rule->alpn_len, &params->alpn[at]))
			return false;
	}
	return true;
}

static bool apply_name(const char *rules, const char **wanted,
		       int (*compare)(const char *a, const char *b))
{
	if (!rules)
		return true;
	if (*wanted && **wanted && compare(*wanted, rules))
		return false;
	*wanted = rules;
	return true;
}

/* The application's name is not normalized. A list of names never equals the rule's single name. */
static int compare_hosts(const char *wanted, const char *rules)
{
	char host[KSC_MAX_NAME + 1];

	return ksc_host_take(wanted, host) ? -1 : strcasecmp(host, rules);
}

static bool apply_verify(const struct ksc_rule *rule, struct ksc_engine_params *params)
{
	if (rule->verify == KSC_VERIFY_DEFAULT)
		return true;
	if (params->verify == KSC_VERIFY_DEFAULT)
		params->verify = rule->verify;
	/* A caller that verifies the certificate itself can accept any. */
	if (params->verify == KSC_VERIFY_MANUAL)
		return rule->verify == KSC_VERIFY_NONE;
	return params->verify >= rule->verify;
}

/**
 * ksc_rule_apply() - apply a rule to the parameters of a handshake
 * @rule: the rule; must outlive @params
 * @params: the application's parameters; the rest is filled in
 * @less: set to what the application asked for that the rule does not permit
 *
 * Return: 0, or -1 with @less set
 */
int ksc_rule_apply(const struct ksc_rule *rule, struct ksc_engine_params *params,
		   const char **less)
{
	if (!apply_name(rule->credential, &params->credential, strcmp))
		*less = "another credential";
	else if (params->role == KSC_ROLE_CLIENT &&
		 !apply_name(rule->server_name, &params->server_name, compare_hosts))
		*less = "another server name";
	else if (!apply_verify(rule, params))
		*less = "less verification";
	else if (!apply_alpn(rule, params))
		*less = "other application protocols";
	else
		return 0;
	return -1;
}
