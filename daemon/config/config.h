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
 * struct ksc_config - what a configuration file says
 * @log_level: least important lines that are logged
 * @max_handshakes: sessions at once
 * @workers: threads that make steps
 * @drain_ms: how long a stopping daemon lets them finish
 * @watch: it is loaded again when a file has changed
 * @has_user: there is an account to run as
 * @uid: that account
 * @gid: its group
 * @credentials: the named credentials; holds a reference
 * @rules: the policy, in order; likewise
 * @limits: what handshakes may take
 * @contexts: what applications may have that carry their tokens themselves
 * @subids: whom their users count for
 * @generation: a number made of all that the file says, not 0
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
