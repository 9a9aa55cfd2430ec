/* SPDX-License-Identifier: GPL-2.0-only */
/* config.c: the configuration file. Its grammar is in kschanneld.conf(5). */
#ifndef KSC_CONFIG_H
#define KSC_CONFIG_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "config/allowance.h"
#include "config/quota.h"
#include "config/settings.h"
#include "config/subids.h"
#include "engine/credential.h"
#include "engine/rule.h"
#include "process/log.h"

#define KSC_CONFIG_FILE	"/etc/kschannel/kschanneld.conf"

/**
 * struct ksc_config - a configuration
 * @log_level: the least important level that is logged
 * @max_handshakes: maximum number of concurrent handshakes
 * @workers: number of threads that run steps
 * @drain_ms: time for handshakes to finish when the daemon stops, in milliseconds
 * @watch: reload the configuration when a file has changed
 * @has_user: switch to an account
 * @uid: the account
 * @gid: its group
 * @credentials: the credentials; holds a reference
 * @rules: the policy; holds a reference
 * @limits: the kernel's limits
 * @contexts: limits of applications that carry their tokens themselves
 * @subids: ranges of subordinate IDs, whose users count as their owners
 * @generation: digest of the whole file, not 0
 */
struct ksc_config {
	enum ksc_log_level log_level;
	unsigned int max_handshakes;
	unsigned int workers;
	unsigned int drain_ms;
	bool watch;
	bool has_user;
	uid_t uid;
	gid_t gid;
	struct ksc_credentials *credentials;
	struct ksc_rules *rules;
	struct ksc_limits limits;
	struct ksc_allowance contexts;
	struct ksc_subids subids;
	uint64_t generation;
};

const char *ksc_config_credential_name(const struct ksc_section *section);
struct ksc_config *ksc_config_load(const char *path, FILE *complaints);
void ksc_config_free(struct ksc_config *config);

#endif
