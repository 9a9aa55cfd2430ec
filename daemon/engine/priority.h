/* SPDX-License-Identifier: GPL-2.0-only */
/* priority.c: versions, suites, groups and signatures that a credential negotiates. */
#ifndef KSC_PRIORITY_H
#define KSC_PRIORITY_H

#include <stddef.h>
#include <gnutls/gnutls.h>
#include <linux/kschannel.h>

#include "engine/suite.h"

/* Length of a list in the configuration; GnuTLS's own lists are shorter. */
#define KSC_MAX_GROUPS	32
#define KSC_MAX_SIGNS	64

/**
 * struct ksc_priority - what a credential negotiates
 * @base: priority string from the configuration, or NULL for GnuTLS's "NORMAL"
 * @groups: the only groups, in order of preference
 * @n_groups: number of groups; 0 before ksc_priority_finish() for those of @base
 * @signs: the only signature algorithms, in order of preference
 * @n_signs: number of signature algorithms; 0 for those of @base
 * @ciphers: the only ciphers, in order of preference
 * @n_ciphers: number of ciphers; 0 before ksc_priority_finish() for those of @base
 * @min_version: lowest protocol version; ksc_priority_finish() excludes those that @base lacks
 * @max_version: highest, likewise
 * @fault: why ksc_priority_finish() has rejected these settings, or NULL
 * @text: @base, limited by the lists above, without versions and role
 * @cache: GnuTLS's priorities made from @text, by role, with all versions in the range
 *
 * Built by one thread, constant after ksc_priority_finish(), so that any thread may read it.
 */
struct ksc_priority {
	char *base;
	unsigned int groups[KSC_MAX_GROUPS];
	size_t n_groups;
	unsigned int signs[KSC_MAX_SIGNS];
	size_t n_signs;
	const struct ksc_cipher *ciphers[KSC_N_CIPHERS];
	size_t n_ciphers;
	gnutls_protocol_t min_version;
	gnutls_protocol_t max_version;
	const char *fault;
	char *text;
	gnutls_priority_t cache[KSC_ROLE_SERVER + 1];
};

void ksc_priority_init(struct ksc_priority *priority);
void ksc_priority_free(struct ksc_priority *priority);
int ksc_priority_set_base(struct ksc_priority *priority, const char *base, size_t *at);
int ksc_priority_add_cipher(struct ksc_priority *priority, const char *name);
int ksc_priority_add_group(struct ksc_priority *priority, const char *name);
int ksc_priority_add_sign(struct ksc_priority *priority, const char *name);
int ksc_priority_finish(struct ksc_priority *priority);
int ksc_priority_use(const struct ksc_priority *priority, gnutls_session_t tls,
		     enum ksc_role role, gnutls_protocol_t min, gnutls_protocol_t max);

#endif
