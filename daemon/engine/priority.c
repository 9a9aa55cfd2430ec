// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a credential negotiates: GnuTLS's priority strings, limited to what the module supports.
 * Groups and signature algorithms are those of the installed GnuTLS under the system's policy,
 * never a list of ours: those that a newer GnuTLS enables are offered without a change here.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "engine/priority.h"

/* Size of the largest finite-field group that is used by default, see add_default_groups(). */
#define MAX_FFDHE_BITS	4096

/**
 * ksc_priority_init() - initialize a priority with GnuTLS's defaults
 * @priority: filled in
 */
void ksc_priority_init(struct ksc_priority *priority)
{
	memset(priority, 0, sizeof(*priority));
	priority->min_version = GNUTLS_TLS1_2;
	priority->max_version = GNUTLS_TLS1_3;
}

/**
 * ksc_priority_free() - free the members of a priority
 * @priority: the priority
 */
void ksc_priority_free(struct ksc_priority *priority)
{
	size_t i;

	free(priority->base);
	free(priority->text);
	for (i = 0; i < ARRAY_SIZE(priority->cache); i++)
		if (priority->cache[i])
			gnutls_priority_deinit(priority->cache[i]);
}

/**
 * ksc_priority_set_base() - replace the base, GnuTLS's "NORMAL"
 * @priority: the priority, whose base was not set before
 * @base: a priority string
 * @at: set to the offset at which GnuTLS has stopped parsing
 *
 * Return: 0, GNUTLS_E_MEMORY_ERROR, or another negative GnuTLS error with @at set
 */
int ksc_priority_set_base(struct ksc_priority *priority, const char *base, size_t *at)
{
	gnutls_priority_t trial;
	const char *where = base;
	int rc = gnutls_priority_init(&trial, base, &where);

	*at = (size_t)(where - base);
	if (rc < 0)
		return rc;
	gnutls_priority_deinit(trial);
	priority->base = strdup(base);
	return priority->base ? 0 : GNUTLS_E_MEMORY_ERROR;
}

static bool in_list(const unsigned int *list, size_t n, unsigned int number)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (list[i] == number)
			return true;
	return false;
}

static int append(unsigned int *list, size_t *n, size_t max, unsigned int number)
{
	if (in_list(list, *n, number))
		return -EEXIST;
	if (*n == max)
		return -ENOSPC;
	list[(*n)++] = number;
	return 0;
}

/**
 * ksc_priority_add_cipher() - append a cipher; then only the appended ones are negotiated
 * @priority: the priority
 * @name: its name, case-insensitive
 *
 * Return: 0, -ENOENT if the module does not support such a cipher, -EEXIST if it is in the list
 */
int ksc_priority_add_cipher(struct ksc_priority *priority, const char *name)
{
	const struct ksc_cipher *cipher = ksc_cipher_by_name(name);
	size_t i;

	if (!cipher)
		return -ENOENT;
	for (i = 0; i < priority->n_ciphers; i++)
		if (priority->ciphers[i] == cipher)
			return -EEXIST;
	priority->ciphers[priority->n_ciphers++] = cipher;
	return 0;
}

/**
 * ksc_priority_add_group() - append a group; then only the appended ones are negotiated
 * @priority: the priority
 * @name: GnuTLS's name for it, case-insensitive
 *
 * Return: 0, -ENOENT if the installed GnuTLS has no such group, -EEXIST if it is in the list,
 * -ENOSPC if the list is full
 */
int ksc_priority_add_group(struct ksc_priority *priority, const char *name)
{
	const gnutls_group_t group = gnutls_group_get_id(name);

	return group == GNUTLS_GROUP_INVALID ? -ENOENT :
	       append(priority->groups, &priority->n_groups, ARRAY_SIZE(priority->groups), group);
}

/**
 * ksc_priority_add_sign() - append a signature algorithm; then only the appended ones are
 * negotiated
 * @priority: the priority
 * @name: GnuTLS's name for it, case-insensitive
 *
 * Return: 0, -ENOENT if the installed GnuTLS has no such algorithm, -EEXIST if it is in the list,
 * -ENOSPC if the list is full
 */
int ksc_priority_add_sign(struct ksc_priority *priority, const char *name)
{
	const gnutls_sign_algorithm_t sign = gnutls_sign_get_id(name);

	return sign == GNUTLS_SIGN_UNKNOWN ? -ENOENT :
	       append(priority->signs, &priority->n_signs, ARRAY_SIZE(priority->signs), sign);
}

/* The size of a finite-field group, 0 for another group. */
static unsigned long ffdhe_bits(gnutls_group_t group)
{
	static const char prefix[] = "FFDHE";
	const size_t len = sizeof(prefix) - 1;
	const char *name = gnutls_group_get_name(group);

	return strncmp(name, prefix, len) ? 0 : strtoul(name + len, NULL, 10);
}

static bool has_ccm(const struct ksc_priority *priority)
{
	size_t i;

	for (i = 0; i < priority->n_ciphers; i++)
		if (!priority->ciphers[i]->ecdhe_rsa)
			return true;
	return false;
}

/* Drops ciphers that the base lacks. The default is our order, or that of a configured base. */
static void settle_ciphers(struct ksc_priority *priority, gnutls_priority_t base)
{
	const struct ksc_cipher *wanted[KSC_N_CIPHERS];
	const unsigned int *list;
	size_t i, n = priority->n_ciphers;
	int k, n_list = gnutls_priority_cipher_list(base, &list);

	memcpy(wanted, priority->ciphers, sizeof(wanted));
	if (!n && !priority->base) {
		for (; n < KSC_N_CIPHERS; n++)
			wanted[n] = &ksc_ciphers[n];
	} else if (!n) {
		for (k = 0; k < n_list && n < KSC_N_CIPHERS; k++) {
			wanted[n] = ksc_cipher_by_gnutls((gnutls_cipher_algorithm_t)list[k]);
			if (wanted[n])
				n++;
		}
	}
	priority->n_ciphers = 0;
	for (i = 0; i < n; i++)
		if (in_list(list, n_list, wanted[i]->cipher))
			priority->ciphers[priority->n_ciphers++] = wanted[i];
}

/*
 * A configured base keeps its order. NORMAL begins with NIST's curves; here, groups that are not in
 * @last come first, such as hybrids with ML-KEM, then X25519, the fastest.
 *
 * Finite-field groups always come last. They are for DHE-RSA, the slowest key exchange: TLS 1.2
 * defines AES-CCM with RSA certificates for no other. Their limit is 4096 bits: the computation
 * that a client's first message of a few hundred bytes causes in a server grows with the cube of
 * the size, and takes half a second at 8192.
 */
static void add_default_groups(struct ksc_priority *priority, gnutls_priority_t base)
{
	static const gnutls_group_t last[] = {
		GNUTLS_GROUP_X25519, GNUTLS_GROUP_SECP256R1, GNUTLS_GROUP_SECP384R1,
		GNUTLS_GROUP_SECP521R1, GNUTLS_GROUP_X448,
	};
	const unsigned int *list;
	int i, n = gnutls_priority_group_list(base, &list);
	gnutls_group_t later[KSC_MAX_GROUPS];
	size_t k, n_later = 0;

	for (i = 0; i < n && priority->n_groups + n_later < KSC_MAX_GROUPS; i++) {
		const gnutls_group_t group = (gnutls_group_t)list[i];
		bool known = false;

		if (ffdhe_bits(group)) {
			if (has_ccm(priority) && ffdhe_bits(group) <= MAX_FFDHE_BITS)
				later[n_later++] = group;
			continue;
		}
		for (k = 0; k < ARRAY_SIZE(last); k++)
			known |= last[k] == group;
		if (!known || priority->base)
			priority->groups[priority->n_groups++] = group;
	}
	for (k = 0; k < ARRAY_SIZE(last) && !priority->base; k++)
		if (in_list(list, n, last[k]) && priority->n_groups + n_later < KSC_MAX_GROUPS)
			priority->groups[priority->n_groups++] = last[k];
	for (k = 0; k < n_later; k++)
		priority->groups[priority->n_groups++] = later[k];
}

/**
 * struct text - a priority string while it is being built
 * @text: the string, truncated to fit
 * @len: its length in bytes; if that does not fit, at least the size of @text
 */
struct text {
	char text[4096];
	size_t len;
};

static __attribute__((format(printf, 2, 3))) void put(struct text *text, const char *fmt, ...)
{
	va_list args;

	if (text->len >= sizeof(text->text))
		return;
	va_start(args, fmt);
	text->len += (size_t)vsnprintf(text->text + text->len, sizeof(text->text) - text->len, fmt,
				       args);
	va_end(args);
}

/*
 * Only ephemeral keys, for forward secrecy, and only AEADs, which the module supports. For GnuTLS,
 * the order of the parts is the order of preference.
 */
static void write_suites(struct text *out, const struct ksc_priority *priority,
			 gnutls_priority_t base)
{
	const unsigned int *list;
	int n = gnutls_priority_kx_list(base, &list);
	bool dhe = false;
	size_t i;

	put(out, ":-VERS-ALL:-KX-ALL:-CIPHER-ALL:-MAC-ALL:-GROUP-ALL:+AEAD");
	if (in_list(list, n, GNUTLS_KX_ECDHE_ECDSA))
		put(out, ":+ECDHE-ECDSA");
	if (in_list(list, n, GNUTLS_KX_ECDHE_RSA))
		put(out, ":+ECDHE-RSA");
	for (i = 0; i < priority->n_groups; i++) {
		put(out, ":+GROUP-%s", gnutls_group_get_name(priority->groups[i]));
		dhe |= ffdhe_bits(priority->groups[i]) > 0;
	}
	if (dhe && in_list(list, n, GNUTLS_KX_DHE_RSA))
		put(out, ":+DHE-RSA");
	for (i = 0; i < priority->n_ciphers; i++)
		put(out, ":+%s", priority->ciphers[i]->name);
}

/*
 * Keys with less than 112 bits of security and SHA-1 are insecure (RFC 9325 4, RFC 9155): they are
 * not negotiated unless the configuration names them. Small devices that use CCM request records of
 * less than 512 bytes.
 */
static void write_rest(struct text *out, const struct ksc_priority *priority)
{
	size_t i;

	put(out, priority->n_signs ? ":-SIGN-ALL" : ":-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1");
	for (i = 0; i < priority->n_signs; i++)
		put(out, ":+SIGN-%s", gnutls_sign_get_name(priority->signs[i]));
	if (!priority->base || !strcasestr(priority->base, "%PROFILE"))
		put(out, ":%%PROFILE_MEDIUM");
	put(out, ":%%SERVER_PRECEDENCE:%%ALLOW_SMALL_RECORDS");
}

static int write_text(struct ksc_priority *priority, gnutls_priority_t base)
{
	struct text out = { .len = 0 };

	put(&out, "%s", priority->base ? priority->base : "NORMAL");
	write_suites(&out, priority, base);
	write_rest(&out, priority);
	if (out.len >= sizeof(out.text))
		return GNUTLS_E_INVALID_REQUEST;
	priority->text = strdup(out.text);
	return priority->text ? 0 : GNUTLS_E_MEMORY_ERROR;
}

/*
 * With RFC 5746's extension, a client detects that another peer's handshake precedes its own. It is
 * useless to a server that never renegotiates, and in TLS 1.3: a client that does not send it is
 * accepted.
 */
static int make(const struct ksc_priority *priority, enum ksc_role role, gnutls_protocol_t min,
		gnutls_protocol_t max, const char *more, gnutls_priority_t *made)
{
	char *text;
	int rc;

	if (asprintf(&text, "%s%s%s%s%s", priority->text,
		     role == KSC_ROLE_CLIENT ? ":%SAFE_RENEGOTIATION" : ":%PARTIAL_RENEGOTIATION",
		     max >= GNUTLS_TLS1_3 ? ":+VERS-TLS1.3" : "",
		     min <= GNUTLS_TLS1_2 ? ":+VERS-TLS1.2" : "", more) < 0)
		return GNUTLS_E_MEMORY_ERROR;
	rc = gnutls_priority_init(made, text, NULL);
	free(text);
	return rc;
}

/*
 * GnuTLS ignores all parts after the 128th: what they remove from the base would stay. An invalid
 * part is appended: the string is short enough if GnuTLS rejects it.
 */
static int check_length(const struct ksc_priority *priority)
{
	gnutls_priority_t made;
	int rc = make(priority, KSC_ROLE_CLIENT, GNUTLS_TLS1_2, GNUTLS_TLS1_3, ":+END", &made);

	if (rc == GNUTLS_E_INVALID_REQUEST)
		return 0;
	if (rc >= 0)
		gnutls_priority_deinit(made);
	return rc == GNUTLS_E_MEMORY_ERROR ? rc : GNUTLS_E_INVALID_REQUEST;
}

/* Drops versions that the base lacks. */
static void settle_versions(struct ksc_priority *priority, gnutls_priority_t base)
{
	const unsigned int *list;
	int n = gnutls_priority_protocol_list(base, &list);

	if (!in_list(list, n, GNUTLS_TLS1_2) && priority->min_version < GNUTLS_TLS1_3)
		priority->min_version = GNUTLS_TLS1_3;
	if (!in_list(list, n, GNUTLS_TLS1_3) && priority->max_version > GNUTLS_TLS1_2)
		priority->max_version = GNUTLS_TLS1_2;
}

static const char *what_lacks(const struct ksc_priority *priority)
{
	if (priority->min_version > priority->max_version)
		return "no version of TLS is left";
	if (!priority->n_ciphers)
		return "no cipher suite is left that the kernel part implements";
	return priority->n_groups ? NULL : "no group is left";
}

static int settle(struct ksc_priority *priority, gnutls_priority_t base)
{
	enum ksc_role role;
	int rc;

	settle_versions(priority, base);
	settle_ciphers(priority, base);
	if (!priority->n_groups)
		add_default_groups(priority, base);
	priority->fault = what_lacks(priority);
	if (priority->fault)
		return GNUTLS_E_NO_PRIORITIES_WERE_SET;
	rc = write_text(priority, base);
	if (rc >= 0)
		rc = check_length(priority);
	if (rc == GNUTLS_E_INVALID_REQUEST)
		priority->fault = "too many parts for GnuTLS";
	for (role = KSC_ROLE_CLIENT; rc >= 0 && role <= KSC_ROLE_SERVER; role++)
		rc = make(priority, role, priority->min_version, priority->max_version, "",
			  &priority->cache[role]);
	return rc;
}

/**
 * ksc_priority_finish() - complete a priority after all of its settings
 * @priority: the priority
 *
 * Return: 0 or a negative GnuTLS error; @fault of @priority is set if the settings are at fault
 */
int ksc_priority_finish(struct ksc_priority *priority)
{
	gnutls_priority_t base;
	int rc = gnutls_priority_init(&base, priority->base ? priority->base : "NORMAL", NULL);

	if (rc < 0)
		return rc;
	rc = settle(priority, base);
	gnutls_priority_deinit(base);
	return rc;
}

/**
 * ksc_priority_use() - set the priority of a session
 * @priority: the priority, complete
 * @tls: the session
 * @role: our role
 * @min: lowest protocol version, or 0; has no effect below the priority's
 * @max: highest, or 0; has no effect above the priority's
 *
 * Return: 0 or a negative GnuTLS error, GNUTLS_E_UNSUPPORTED_VERSION_PACKET if no version is left
 */
int ksc_priority_use(const struct ksc_priority *priority, gnutls_session_t tls,
		     enum ksc_role role, gnutls_protocol_t min, gnutls_protocol_t max)
{
	gnutls_priority_t made;
	int rc;

	if (!min || min < priority->min_version)
		min = priority->min_version;
	if (!max || max > priority->max_version)
		max = priority->max_version;
	if (min > max)
		return GNUTLS_E_UNSUPPORTED_VERSION_PACKET;
	if (min == priority->min_version && max == priority->max_version)
		return gnutls_priority_set(tls, priority->cache[role]);
	rc = make(priority, role, min, max, "", &made);
	if (rc < 0)
		return rc;
	rc = gnutls_priority_set(tls, made);
	gnutls_priority_deinit(made);
	return rc;
}
