// SPDX-License-Identifier: GPL-2.0-only
/*
 * The meaning of the configuration file's settings. All errors are reported, not just the first.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/names.h"
#include "config/account.h"
#include "config/allowance.h"
#include "config/authorities.h"
#include "config/config.h"
#include "config/handed.h"
#include "config/material.h"
#include "config/negotiation.h"
#include "config/policy.h"
#include "config/settings.h"
#include "config/value.h"
#include "engine/host.h"

#define MAX_WORKERS	256

#define CREDENTIAL_SECTION	"credential "

/* The credential of clients that name none, unless the file has another default. */
#define SYSTEM_CREDENTIAL	"system"

static const struct ksc_word levels[] = {
	{ "error", KSC_LOG_ERROR }, { "warning", KSC_LOG_WARNING },
	{ "info", KSC_LOG_INFO }, { "debug", KSC_LOG_DEBUG }, { NULL, 0 },
};

static const struct ksc_word roles[] = {
	{ "client", KSC_ROLE_BIT(KSC_ROLE_CLIENT) },
	{ "server", KSC_ROLE_BIT(KSC_ROLE_SERVER) },
	{ "both", KSC_ROLE_BIT(KSC_ROLE_CLIENT) | KSC_ROLE_BIT(KSC_ROLE_SERVER) },
	{ NULL, 0 },
};

static const struct ksc_word truths[] = {
	{ "yes", 1 }, { "no", 0 }, { NULL, 0 },
};

static const struct ksc_word purposes[] = {
	{ "server", KSC_PURPOSE_SERVER }, { "client", KSC_PURPOSE_CLIENT },
	{ "any", KSC_PURPOSE_ANY }, { NULL, 0 },
};

static const struct ksc_word revocations[] = {
	{ "hard", KSC_REVOCATION_HARD }, { "soft", KSC_REVOCATION_SOFT },
	{ "off", KSC_REVOCATION_OFF }, { NULL, 0 },
};

static const struct ksc_word issuers[] = {
	{ "yes", KSC_ISSUERS_ALL }, { "cut", KSC_ISSUERS_CUT }, { "no", KSC_ISSUERS_NONE },
	{ NULL, 0 },
};

/**
 * ksc_config_credential_name() - check whether a section is a credential
 * @section: the section
 *
 * Return: the name in "[credential NAME]", NULL in another section
 */
const char *ksc_config_credential_name(const struct ksc_section *section)
{
	size_t len = strlen(CREDENTIAL_SECTION);

	return strncmp(section->name, CREDENTIAL_SECTION, len) ? NULL : section->name + len;
}

static void take_names(struct ksc_settings *file, const struct ksc_setting *s,
		       struct ksc_credential *cred)
{
	char *items[KSC_MAX_LIST];
	int i, n = ksc_take_list(file, s, items);

	for (i = 0; i < n; i++) {
		char host[KSC_MAX_NAME + 1];
		const char *why = ksc_host_take_served(items[i], host);

		if (why)
			ksc_complain(file, s->line, "names: \"%s\" %s", items[i], why);
		else
			ksc_check_memory(file, ksc_credential_add_name(cred, host));
	}
}

/* Returns true after a complaint that a name was not found. */
static bool unknown(struct ksc_settings *file, const struct ksc_setting *s, const char *what,
		    const char *name, int rc)
{
	if (rc == -ENOENT)
		ksc_complain(file, s->line, "%s: there is no %s \"%s\"", s->name, what, name);
	else if (rc)
		ksc_complain(file, s->line, "%s: %s: %s", s->name, name,
			     ksc_handed_fault(-rc));
	return rc;
}

static void take_users(struct ksc_settings *file, const struct ksc_setting *s,
		       struct ksc_credential *cred)
{
	char *items[KSC_MAX_LIST];
	int i, n = ksc_take_list(file, s, items);
	uint32_t id;
	gid_t own;

	for (i = 0; i < n; i++)
		if (ksc_is_id(items[i], &id) ||
		    !unknown(file, s, "account", items[i], ksc_account_find(items[i], &id, &own)))
			ksc_check_memory(file, ksc_credential_allow_uid(cred, id));
}

/* Allows its members, too: the kernel reports only the primary group of a socket's owner. */
static void allow_group(struct ksc_settings *file, const struct ksc_setting *s, gid_t gid,
			struct ksc_credential *cred)
{
	uid_t *members;
	size_t n, i;
	int rc;

	ksc_check_memory(file, ksc_credential_allow_gid(cred, gid));
	rc = ksc_group_members(gid, &members, &n);
	if (rc)
		ksc_complain(file, s->line, "%s: the members of %u: %s", s->name, gid,
			     ksc_handed_fault(-rc));
	for (i = 0; i < n; i++)
		ksc_check_memory(file, ksc_credential_allow_uid(cred, members[i]));
	free(members);
}

static void take_groups(struct ksc_settings *file, const struct ksc_setting *s,
			struct ksc_credential *cred)
{
	char *items[KSC_MAX_LIST];
	int i, n = ksc_take_list(file, s, items);
	uint32_t id;

	for (i = 0; i < n; i++)
		if (ksc_is_id(items[i], &id) ||
		    !unknown(file, s, "group", items[i], ksc_group_find(items[i], &id)))
			allow_group(file, s, id, cred);
}

static void take_setting(struct ksc_settings *file, const struct ksc_setting *s,
			 struct ksc_credential *cred)
{
	int value = 0;

	if (!strcmp(s->name, "verify")) {
		if (!ksc_take_word(file, s, ksc_verifications, &value))
			cred->verify = (enum ksc_verify)value;
	} else if (!strcmp(s->name, "default")) {
		if (!ksc_take_word(file, s, truths, &value))
			cred->is_default = value;
	} else if (!strcmp(s->name, "peer-purpose")) {
		if (!ksc_take_word(file, s, purposes, &value))
			cred->validation.purpose = (enum ksc_purpose)value;
	} else if (!strcmp(s->name, "revocation")) {
		if (!ksc_take_word(file, s, revocations, &value))
			cred->validation.revocation = (enum ksc_revocation)value;
	} else if (!strcmp(s->name, "issuers")) {
		if (!ksc_take_word(file, s, issuers, &value))
			cred->issuers = (enum ksc_issuers)value;
	} else if (!strcmp(s->name, "strict-sni")) {
		if (!ksc_take_word(file, s, truths, &value))
			cred->strict_sni = value;
	} else if (!strcmp(s->name, "resumption")) {
		if (!ksc_take_word(file, s, truths, &value))
			cred->resumption = value;
	} else if (!strcmp(s->name, "names")) {
		take_names(file, s, cred);
	} else if (!strcmp(s->name, "alpn")) {
		ksc_take_alpn(file, s, &cred->alpn, &cred->alpn_len);
	} else if (!strcmp(s->name, "users")) {
		take_users(file, s, cred);
	} else if (!strcmp(s->name, "groups")) {
		take_groups(file, s, cred);
	} else if (!ksc_negotiation_take(file, s, &cred->priority) && !ksc_is_material(s) &&
		   strcmp(s->name, "role")) {
		ksc_complain(file, s->line, "\"%s\" is not a setting of a credential", s->name);
	}
}

static void take_credential(struct ksc_settings *file, const struct ksc_section *section,
			    struct ksc_credentials *set)
{
	const char *name = ksc_config_credential_name(section);
	const struct ksc_setting *role = ksc_section_get(section, "role");
	unsigned int before = file->n_complaints;
	struct ksc_credential *cred;
	int bits = 0, rc;
	size_t i;

	if (!ksc_is_title(file, section->line, "credential", name, KSC_MAX_NAME))
		return;
	if (!role) {
		ksc_complain(file, section->line,
			     "role is missing: role = server, client or both");
		return;
	}
	if (ksc_take_word(file, role, roles, &bits))
		return;
	cred = ksc_credential_new(name, (unsigned int)bits);
	if (!cred) {
		ksc_check_memory(file, -ENOMEM);
		return;
	}
	cred->line = section->line;
	for (i = 0; i < section->n; i++)
		take_setting(file, &section->settings[i], cred);
	if (cred->priority.min_version > cred->priority.max_version)
		ksc_complain(file, section->line, "min-version is above max-version");
	ksc_take_certs(file, section, cred);
	ksc_take_trust(file, section, set, cred);
	ksc_take_crls(file, section, cred);
	if (file->n_complaints == before) {
		rc = ksc_credential_finish(cred);
		if (rc < 0)
			ksc_complain(file, section->line, "%s",
				     cred->priority.fault ? cred->priority.fault :
							    gnutls_strerror(rc));
		else if (ksc_credentials_add(set, cred))
			ksc_check_memory(file, -ENOMEM);
		else
			cred = NULL;
	}
	ksc_credential_free(cred);
}

static void take_user(struct ksc_settings *file, const struct ksc_setting *s,
		      struct ksc_config *config)
{
	const int rc = ksc_account_find(s->value, &config->uid, &config->gid);

	config->has_user = !unknown(file, s, "account", s->value, rc);
}

static void take_daemon(struct ksc_settings *file, const struct ksc_section *section,
			struct ksc_config *config)
{
	size_t i;
	int value = 0;

	for (i = 0; i < section->n; i++) {
		const struct ksc_setting *s = &section->settings[i];

		if (!strcmp(s->name, "log-level")) {
			if (!ksc_take_word(file, s, levels, &value))
				config->log_level = (enum ksc_log_level)value;
		} else if (!strcmp(s->name, "max-handshakes")) {
			ksc_take_number(file, s, 1, 1000000, &config->max_handshakes);
		} else if (!strcmp(s->name, "workers")) {
			ksc_take_number(file, s, 1, MAX_WORKERS, &config->workers);
		} else if (!strcmp(s->name, "drain-time")) {
			ksc_take_number(file, s, 0, 600000, &config->drain_ms);
		} else if (!strcmp(s->name, "user")) {
			take_user(file, s, config);
		} else if (!strcmp(s->name, "watch")) {
			if (!ksc_take_word(file, s, truths, &value))
				config->watch = value;
		} else {
			ksc_complain(file, s->line, "\"%s\" is not a setting of the daemon",
				     s->name);
		}
	}
}

static struct ksc_credential *system_credential(struct ksc_credentials *set)
{
	struct ksc_trust *system = ksc_credentials_system(set);
	struct ksc_credential *cred = ksc_credential_new(SYSTEM_CREDENTIAL,
							 KSC_ROLE_BIT(KSC_ROLE_CLIENT));

	if (!cred)
		return NULL;
	cred->is_default = true;
	/* Without any authority it accepts no server, which is what it should do. */
	if (system && !ksc_trust_size(system))
		ksc_log(KSC_LOG_WARNING,
			"event=no-authorities reason=\"the system has no CA certificates: clients without a credential accept no server\"");
	if (system)
		ksc_credential_share_trust(cred, system);
	if (!system || ksc_credential_finish(cred) < 0) {
		ksc_credential_free(cred);
		return NULL;
	}
	return cred;
}

/* At most one default for each role. Clients always have one, and a single server credential is. */
static void settle_defaults(struct ksc_settings *file, struct ksc_credentials *set)
{
	struct ksc_credential *fallback[3] = { NULL }, *only[3] = { NULL }, *cred;
	unsigned int role, count[3] = { 0 };
	bool named_system = false;
	size_t i;

	for (i = 0; i < set->n; i++) {
		cred = set->list[i];
		if (!strcmp(cred->name, SYSTEM_CREDENTIAL))
			named_system = true;
		for (role = KSC_ROLE_CLIENT; role <= KSC_ROLE_SERVER; role++) {
			if (!(cred->roles & KSC_ROLE_BIT(role)))
				continue;
			count[role]++;
			only[role] = cred;
			if (!cred->is_default)
				continue;
			if (fallback[role])
				ksc_complain(file, cred->line,
					     "credential %s is already the default for %ss",
					     fallback[role]->name, ksc_role_name(role));
			fallback[role] = cred;
		}
	}
	if (!fallback[KSC_ROLE_SERVER] && count[KSC_ROLE_SERVER] == 1 &&
	    only[KSC_ROLE_SERVER]->roles == KSC_ROLE_BIT(KSC_ROLE_SERVER))
		only[KSC_ROLE_SERVER]->is_default = true;
	if (fallback[KSC_ROLE_CLIENT])
		return;
	if (named_system) {
		ksc_complain(file, 0, "the credential \"%s\" has the name of the built-in one, "
			     "and no other is the default for clients", SYSTEM_CREDENTIAL);
		return;
	}
	cred = system_credential(set);
	if (!cred || ksc_credentials_add(set, cred)) {
		ksc_credential_free(cred);
		ksc_check_memory(file, -ENOMEM);
	}
}

/* CPUs that the daemon may run on. */
static unsigned int count_cpus(void)
{
	cpu_set_t cpus;
	int n;

	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		return 1;
	n = CPU_COUNT(&cpus);
	return n < MAX_WORKERS ? (unsigned int)n : MAX_WORKERS;
}

/**
 * ksc_config_load() - load a configuration file and everything that it names
 * @path: the file
 * @complaints: gets a line for each error
 *
 * Return: the configuration, or NULL after complaints
 */
struct ksc_config *ksc_config_load(const char *path, FILE *complaints)
{
	struct ksc_config *config = calloc(1, sizeof(*config));
	struct ksc_settings file;
	unsigned int wrong;
	bool readable;
	size_t i;

	if (!config)
		goto no_memory;
	config->log_level = KSC_LOG_INFO;
	config->max_handshakes = 16384;
	config->workers = count_cpus();
	config->drain_ms = 2000;
	config->watch = true;
	config->contexts = ksc_allowance_default;
	config->credentials = ksc_credentials_new();
	config->rules = ksc_rules_new();
	if (!config->credentials || !config->rules)
		goto no_memory;
	readable = !ksc_settings_read(&file, path, complaints);
	config->generation = ksc_settings_digest(&file);
	for (i = 0; readable && i < file.n; i++) {
		const struct ksc_section *section = &file.sections[i];

		if (!strcmp(section->name, "daemon"))
			take_daemon(&file, section, config);
		else if (!strcmp(section->name, "limits"))
			ksc_limits_take(&file, section, &config->limits);
		else if (!strcmp(section->name, "contexts"))
			ksc_allowance_take(&file, section, &config->contexts);
		else if (ksc_config_credential_name(section))
			take_credential(&file, section, config->credentials);
		else if (ksc_policy_rule_name(section))
			ksc_policy_take(&file, section, config->rules);
		else
			ksc_complain(&file, section->line,
				     "[%s] is not a section: [daemon], [limits], [contexts], [credential NAME] or [rule NAME]",
				     section->name);
	}
	ksc_check_memory(&file, ksc_subids_load(&config->subids, KSC_SUBUID_FILE));
	if (!file.n_complaints)
		settle_defaults(&file, config->credentials);
	if (!file.n_complaints)
		ksc_policy_check(&file, config->rules, config->credentials);
	wrong = file.n_complaints;
	ksc_settings_free(&file);
	if (!wrong)
		return config;
	ksc_config_free(config);
	return NULL;
no_memory:
	fprintf(complaints, "%s: out of memory\n", path);
	ksc_config_free(config);
	return NULL;
}

/**
 * ksc_config_free() - free a configuration; sessions keep references to their credentials
 * @config: the configuration, or NULL
 */
void ksc_config_free(struct ksc_config *config)
{
	if (!config)
		return;
	ksc_credentials_put(config->credentials);
	ksc_rules_put(config->rules);
	ksc_subids_free(&config->subids);
	free(config);
}
