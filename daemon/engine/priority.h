/* SPDX-License-Identifier: GPL-2.0-only */
/* priority.c: which versions, suites, groups and signatures a credential negotiates. */
#ifndef KSC_PRIORITY_H
#define KSC_PRIORITY_H

#include <stddef.h>
#include <gnutls/gnutls.h>
#include <linux/kschannel.h>

#include "engine/suite.h"

/* Of a list in the configuration; GnuTLS itself has fewer. */
#define KSC_MAX_GROUPS	32
#define KSC_MAX_SIGNS	64

/**
 * struct ksc_priority - what a credential negotiates
 * @base: GnuTLS's priority string that it starts from, or NULL for "NORMAL"
 * @groups: the only groups, by preference
 * @n_groups: how many; without any, those of @base
 * @signs: the only signature algorithms, by preference
 * @n_signs: how many; without any, those of @base
 * @ciphers: the only ciphers, by preference
 * @n_ciphers: how many; without any, those of @base until ksc_priority_finish(), which
 *	lists them
 * @min_version: lowest protocol version, of those that @base has
 * @max_version: highest
 * @fault: what is wrong with all of these together, after ksc_priority_finish() failed, or NULL
 * @text: @base, limited to what is above, without versions and role
 * @cache: made of it, by role, with all versions
 *
 * Set by one thread, then never changed after ksc_priority_finish(), so that any may read it.
 */
struct ksc_priority {
	char *base;
	gnutls_group_t groups[KSC_MAX_GROUPS];
	size_t n_groups;
	gnutls_sign_algorithm_t signs[KSC_MAX_SIGNS];
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
int ksc_priority_add_group(struct ksc_priority *priority, const char *name);
int ksc_priority_add_sign(struct ksc_priority *priority, const char *name);
int ksc_priority_finish(struct ksc_priority *priority);
int ksc_priority_use(const struct ksc_priority *priority, gnutls_session_t tls,
		     enum ksc_role role, gnutls_protocol_t min, gnutls_protocol_t max);

#endif
