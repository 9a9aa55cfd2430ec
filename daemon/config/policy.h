/* SPDX-License-Identifier: GPL-2.0-only */
/* policy.c: the sections [rule NAME] of the configuration file. */
#ifndef KSC_POLICY_H
#define KSC_POLICY_H

#include "config/settings.h"
#include "engine/credential.h"
#include "engine/rule.h"

const char *ksc_policy_rule_name(const struct ksc_section *section);
void ksc_policy_take(struct ksc_settings *file, const struct ksc_section *section,
		     struct ksc_rules *rules);
void ksc_policy_check(struct ksc_settings *file, const struct ksc_rules *rules,
		      const struct ksc_credentials *credentials);

#endif
