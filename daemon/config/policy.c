// SPDX-License-Identifier: GPL-2.0-only
/* The sections [rule NAME] of the configuration file, in order. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <gnutls/x509.h>

#include "common/names-gen.h"
#include "common/names.h"
#include "config/account.h"
#include "config/handed.h"
#include "config/policy.h"
#include "config/shadow.h"
#include "config/value.h"
#include "engine/host.h"
#include "engine/peers.h"
#include "process/log.h"

#define RULE_SECTION	"rule "
/* maximum length of a path in the kernel */
#define MAX_CGROUP	1023
/* As ksc_peer_pattern_valid() has it */
#define DNS_PREFIX	"dns:"
#define CGROUP_ROOT	"/sys/fs/cgroup"
#define MAX_RULES	16384

static const struct ksc_word connects[] = {
	{ "handshake", KSC_CONNECT_HANDSHAKE }, { "tcp", KSC_CONNECT_TCP }, { NULL, 0 },
};

/**
 * ksc_policy_rule_name() - check whether a section is a rule
 * @section: the section
 *
 * Return: the name in "[rule NAME]", NULL in another section
 */
const char *ksc_policy_rule_name(const struct ksc_section *section)
{
	size_t len = strlen(RULE_SECTION);

	return strncmp(section->name, RULE_SECTION, len) ? NULL : section->name + len;
}

/* "ADDRESS" or "ADDRESS/BITS" */
static void take_prefix(struct ksc_settings *file, const struct ksc_setting *s,
			struct ksc_prefix *prefix)
{
	/* RFC 4291 2.5.5.2 */
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char *slash = strchr(s->value, '/'), *end = NULL;
	unsigned long len;
	unsigned int bits, i;

	if (slash)
		*slash = '\0';
	if (inet_pton(AF_INET, s->value, prefix->addr) == 1) {
		prefix->family = AF_INET;
	} else if (inet_pton(AF_INET6, s->value, prefix->addr) == 1) {
		prefix->family = AF_INET6;
	} else {
		ksc_complain(file, s->line, "%s: \"%s\" is not an address", s->name, s->value);
		return;
	}
	bits = prefix->family == AF_INET ? 32 : 128;
	len = slash ? strtoul(slash + 1, &end, 10) : bits;
	if (slash && (slash[1] < '0' || slash[1] > '9' || *end || len > bits)) {
		ksc_complain(file, s->line, "%s: \"%s\" is not a prefix length from 0 to %u",
			     s->name, slash + 1, bits);
		return;
	}
	prefix->len = (uint8_t)len;
	for (i = prefix->len; i < bits; i++)
		if (prefix->addr[i / 8] & (0x80 >> i % 8)) {
			ksc_complain(file, s->line,
				     "%s: the address has bits beyond its prefix of %u", s->name,
				     prefix->len);
			return;
		}
	if (prefix->family == AF_INET6 && prefix->len >= 8 * sizeof(mapped) &&
	    !memcmp(prefix->addr, mapped, sizeof(mapped)))
		ksc_complain(file, s->line,
			     "%s: IPv4 addresses are written as such, whatever the socket",
			     s->name);
}

/* One end of a range: a number, or a name that @find looks up. */
static int take_end(const char *text, uint32_t max, int (*find)(const char *text, uint32_t *id),
		    uint32_t *n)
{
	if (ksc_is_id(text, n))
		return *n <= max ? 0 : -ENOENT;
	return find ? find(text, n) : -ENOENT;
}

static int find_user(const char *text, uint32_t *id)
{
	gid_t own;

	return ksc_account_find(text, id, &own);
}

/* "N" or "N-M"; a name can contain a dash */
static void take_range(struct ksc_settings *file, const struct ksc_setting *s, uint32_t max,
		       int (*find)(const char *text, uint32_t *id), struct ksc_range *range)
{
	const int rc = take_end(s->value, max, find, &range->min);
	char *dash;

	if (!rc) {
		range->max = range->min;
		return;
	}
	if (rc != -ENOENT) {
		ksc_complain(file, s->line, "%s: %s: %s", s->name, s->value, ksc_handed_fault(-rc));
		return;
	}
	dash = strchr(s->value, '-');
	if (dash)
		*dash = '\0';
	if (!dash || take_end(s->value, max, NULL, &range->min) ||
	    take_end(dash + 1, max, NULL, &range->max) || range->min > range->max) {
		if (dash)
			*dash = '-';
		ksc_complain(file, s->line, "%s: \"%s\" is %s", s->name, s->value,
			     find ? "neither a name nor an ID nor a range of IDs" :
				    "neither a port nor a range of ports");
	}
}

/* The kernel compares the path when a connection begins: the cgroup may be removed and created. */
static void take_cgroup(struct ksc_settings *file, const struct ksc_setting *s,
			struct ksc_rule *rule)
{
	char path[sizeof(CGROUP_ROOT) + MAX_CGROUP];
	size_t len = strlen(s->value);
	const bool up = strstr(s->value, "/../") || strstr(s->value, "/./") ||
			(len > 2 && !strcmp(s->value + len - 3, "/..")) ||
			(len > 1 && !strcmp(s->value + len - 2, "/."));

	if (s->value[0] != '/' || up || strstr(s->value, "//")) {
		ksc_complain(file, s->line,
			     "%s: \"%s\" is not a path of a cgroup: /system.slice/...", s->name,
			     s->value);
		return;
	}
	if (len > MAX_CGROUP) {
		ksc_complain(file, s->line, "%s: the path of a cgroup has at most %d bytes",
			     s->name, MAX_CGROUP);
		return;
	}
	while (len > 1 && s->value[len - 1] == '/')
		s->value[--len] = '\0';
	snprintf(path, sizeof(path), "%s%s", CGROUP_ROOT, s->value);
	/* a service's cgroup appears when it starts; a misspelled one never does */
	if (access(path, F_OK))
		ksc_log(KSC_LOG_WARNING, "%s:%u: there is no cgroup %s now", file->path, s->line,
			s->value);
	rule->cgroup = strdup(s->value);
	if (!rule->cgroup)
		ksc_check_memory(file, -ENOMEM);
}

static void take_name(struct ksc_settings *file, const struct ksc_setting *s, char **name)
{
	if (!*s->value || strlen(s->value) > KSC_MAX_NAME) {
		ksc_complain(file, s->line, "%s: a name has 1 to %d bytes", s->name, KSC_MAX_NAME);
		return;
	}
	*name = strdup(s->value);
	if (!*name)
		ksc_check_memory(file, -ENOMEM);
}

static void take_server_name(struct ksc_settings *file, const struct ksc_setting *s,
			     struct ksc_rule *rule)
{
	char host[KSC_MAX_NAME + 1];
	const char *why = ksc_host_take(s->value, host);

	if (why) {
		ksc_complain(file, s->line, "server-name: \"%s\" %s", s->value, why);
		return;
	}
	rule->server_name = strdup(host);
	if (!rule->server_name)
		ksc_check_memory(file, -ENOMEM);
}

/* Returns a copy, of a DNS name in the form of certificates; NULL after a complaint. */
static char *take_peer(struct ksc_settings *file, const struct ksc_setting *s, const char *item)
{
	char host[KSC_MAX_NAME + 1];
	const char *why = NULL;
	char *copy = NULL;

	if (!ksc_peer_pattern_valid(item)) {
		ksc_complain(file, s->line,
			     "peers: \"%s\" is not dns:, uri:, email:, ip:, upn:, ski: or spki: and a name",
			     item);
		return NULL;
	}
	if (strncmp(item + (*item == '!'), DNS_PREFIX, strlen(DNS_PREFIX))) {
		copy = strdup(item);
	} else {
		why = ksc_host_take_pattern(strchr(item, ':') + 1, host);
		if (why)
			ksc_complain(file, s->line, "peers: \"%s\" %s", item, why);
		else if (asprintf(&copy, "%s" DNS_PREFIX "%s", *item == '!' ? "!" : "", host) < 0)
			copy = NULL;
	}
	if (!copy && !why)
		ksc_check_memory(file, -ENOMEM);
	return copy;
}

static void take_peers(struct ksc_settings *file, const struct ksc_setting *s,
		       struct ksc_rule *rule)
{
	char *items[KSC_MAX_LIST];
	int i, n = ksc_take_list(file, s, items);

	if (n <= 0)
		return;
	rule->peers = calloc((size_t)n, sizeof(*rule->peers));
	if (!rule->peers)
		ksc_check_memory(file, -ENOMEM);
	for (i = 0; rule->peers && i < n; i++) {
		rule->peers[rule->n_peers] = take_peer(file, s, items[i]);
		if (rule->peers[rule->n_peers])
			rule->n_peers++;
	}
}

/* Settings that select connections: true if it is one of these. */
static bool take_match(struct ksc_settings *file, const struct ksc_setting *s,
		       struct ksc_rule *rule)
{
	int value;

	if (!strcmp(s->name, "direction")) {
		if (!ksc_take_word(file, s, ksc_directions, &value))
			rule->directions = (uint32_t)value;
	} else if (!strcmp(s->name, "local")) {
		take_prefix(file, s, &rule->local);
	} else if (!strcmp(s->name, "remote")) {
		take_prefix(file, s, &rule->remote);
	} else if (!strcmp(s->name, "local-port")) {
		take_range(file, s, UINT16_MAX, NULL, &rule->local_port);
	} else if (!strcmp(s->name, "remote-port")) {
		take_range(file, s, UINT16_MAX, NULL, &rule->remote_port);
	} else if (!strcmp(s->name, "user")) {
		take_range(file, s, UINT32_MAX, find_user, &rule->uid);
	} else if (!strcmp(s->name, "group")) {
		take_range(file, s, UINT32_MAX, ksc_group_find, &rule->gid);
	} else if (!strcmp(s->name, "cgroup")) {
		take_cgroup(file, s, rule);
	} else {
		return false;
	}
	return true;
}

/* Requirements for protected connections: true if it is one of these. */
static bool take_demand(struct ksc_settings *file, const struct ksc_setting *s,
			struct ksc_rule *rule)
{
	int value;

	if (!strcmp(s->name, "credential")) {
		take_name(file, s, &rule->credential);
	} else if (!strcmp(s->name, "server-name")) {
		take_server_name(file, s, rule);
	} else if (!strcmp(s->name, "verify")) {
		if (!ksc_take_word(file, s, ksc_verifications, &value))
			rule->verify = (enum ksc_verify)value;
	} else if (!strcmp(s->name, "alpn")) {
		ksc_take_alpn(file, s, &rule->alpn, &rule->alpn_len);
	} else if (!strcmp(s->name, "min-version")) {
		if (!ksc_take_word(file, s, ksc_versions, &value))
			rule->min_version = (gnutls_protocol_t)value;
	} else if (!strcmp(s->name, "max-version")) {
		if (!ksc_take_word(file, s, ksc_versions, &value))
			rule->max_version = (gnutls_protocol_t)value;
	} else if (!strcmp(s->name, "peers")) {
		take_peers(file, s, rule);
	} else if (!strcmp(s->name, "connect")) {
		if (!ksc_take_word(file, s, connects, &value))
			rule->connect = (enum ksc_connect)value;
	} else {
		return false;
	}
	if (rule->action == KSC_RULE_ACTION_NEVER)
		ksc_complain(file, s->line, "%s: not allowed with action = never",
			     s->name);
	return true;
}

static void check_demands(struct ksc_settings *file, const struct ksc_section *section,
			  struct ksc_rule *rule)
{
	const struct ksc_setting *verify = ksc_section_get(section, "verify");

	if (rule->local.family && rule->remote.family && rule->local.family != rule->remote.family)
		ksc_complain(file, section->line, "local and remote differ in address family");
	if (rule->min_version && rule->max_version && rule->min_version > rule->max_version)
		ksc_complain(file, section->line, "min-version is above max-version");
	if (rule->server_name && !(rule->directions & KSC_RULE_DIRECTION_CONNECT))
		ksc_complain(file, section->line,
			     "server-name only applies to outgoing connections");
	if (rule->connect && !(rule->directions & KSC_RULE_DIRECTION_CONNECT))
		ksc_complain(file, section->line, "connect only applies to outgoing connections");
	if (rule->n_peers && verify && rule->verify != KSC_VERIFY_REQUIRE)
		ksc_complain(file, verify->line,
			     "verify: peers needs verify = require");
	/* A list of peers requires a certificate. */
	if (rule->n_peers)
		rule->verify = KSC_VERIFY_REQUIRE;
}

/**
 * ksc_policy_take() - parse a rule
 * @file: the file
 * @section: its section
 * @rules: where it is appended
 */
void ksc_policy_take(struct ksc_settings *file, const struct ksc_section *section,
		     struct ksc_rules *rules)
{
	const char *name = ksc_policy_rule_name(section);
	const struct ksc_setting *action = ksc_section_get(section, "action");
	struct ksc_rule *rule;
	int value;
	size_t i;

	if (!ksc_is_title(file, section->line, "rule", name, KSC_MAX_RULE_NAME))
		return;
	if (!action) {
		ksc_complain(file, section->line,
			     "action is missing: action = require, prefer or never");
		return;
	}
	if (ksc_take_word(file, action, ksc_rule_action_words, &value))
		return;
	if (rules->n == MAX_RULES) {
		ksc_complain(file, section->line, "more than %d rules", MAX_RULES);
		return;
	}
	rule = ksc_rules_add(rules);
	if (rule)
		rule->name = strdup(name);
	if (!rule || !rule->name) {
		ksc_check_memory(file, -ENOMEM);
		return;
	}
	rule->line = section->line;
	rule->action = (enum ksc_rule_action)value;
	for (i = 0; i < section->n; i++) {
		const struct ksc_setting *s = &section->settings[i];

		if (s != action && !take_match(file, s, rule) && !take_demand(file, s, rule))
			ksc_complain(file, s->line, "\"%s\" is not a setting of a rule", s->name);
	}
	check_demands(file, section, rule);
}

static const struct ksc_credential *find_credential(const struct ksc_credentials *credentials,
						    const char *name)
{
	size_t i;

	for (i = 0; i < credentials->n; i++)
		if (!strcmp(credentials->list[i]->name, name))
			return credentials->list[i];
	return NULL;
}

static void check_credential(struct ksc_settings *file, const struct ksc_rule *rule,
			     const struct ksc_credentials *credentials)
{
	const struct ksc_credential *cred;

	if (!rule->credential)
		return;
	cred = find_credential(credentials, rule->credential);
	if (!cred) {
		ksc_complain(file, rule->line, "rule %s: there is no credential \"%s\"",
			     rule->name, rule->credential);
		return;
	}
	if ((rule->directions & KSC_RULE_DIRECTION_CONNECT &&
	     !(cred->roles & KSC_ROLE_BIT(KSC_ROLE_CLIENT))) ||
	    (rule->directions & KSC_RULE_DIRECTION_ACCEPT &&
	     !(cred->roles & KSC_ROLE_BIT(KSC_ROLE_SERVER))))
		ksc_complain(file, rule->line,
			     "rule %s: the credential \"%s\" is not for that role", rule->name,
			     cred->name);
	else if ((rule->min_version && rule->min_version > cred->priority.max_version) ||
		 (rule->max_version && rule->max_version < cred->priority.min_version))
		ksc_complain(file, rule->line,
			     "rule %s: the credential \"%s\" supports none of these versions",
			     rule->name, cred->name);
}

/**
 * ksc_policy_check() - check the rules as a whole
 * @file: the file
 * @rules: all of its rules
 * @credentials: all of its credentials
 */
void ksc_policy_check(struct ksc_settings *file, const struct ksc_rules *rules,
		      const struct ksc_credentials *credentials)
{
	size_t *by = calloc(rules->n + 1, sizeof(*by)), i;

	if (!by || ksc_shadow_find(rules, by)) {
		ksc_check_memory(file, -ENOMEM);
		free(by);
		return;
	}
	for (i = 0; i < rules->n; i++) {
		const struct ksc_rule *rule = &rules->list[i], *first = &rules->list[by[i]];

		check_credential(file, rule, credentials);
		if (first != rule)
			ksc_complain(file, rule->line,
				     "rule %s: it never matches, because rule %s at line %u covers it",
				     rule->name, first->name, first->line);
	}
	free(by);
}
