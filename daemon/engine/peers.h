/* SPDX-License-Identifier: GPL-2.0-only */
/* peers.c: which peers a rule allows, by the names in their certificates. */
#ifndef KSC_PEERS_H
#define KSC_PEERS_H

#include "engine/rule.h"

const char *ksc_peer_prefix(unsigned int type);
bool ksc_peer_pattern_valid(const char *pattern);
bool ksc_peer_pattern_fits(const char *pattern, unsigned int type, const char *name);
int ksc_rule_judge(const struct ksc_rule *rule, gnutls_session_t tls,
		   struct ksc_judgement *judgement);

#endif
