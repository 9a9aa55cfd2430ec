// SPDX-License-Identifier: GPL-2.0-only
/* priority.c: what is negotiated by default, and what the configuration makes of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "outcome.h"

/* Where GnuTLS has the system's policy from; it reads it before main(). */
#define POLICY_ENV	"GNUTLS_SYSTEM_PRIORITY_FILE"

#define MAX_NAMES	1024

/* A group that NORMAL lacks, and that it is to have had all along; 0 for none */
static unsigned int newer_group;

int __real_gnutls_priority_group_list(gnutls_priority_t priority, const unsigned int **list);
int __wrap_gnutls_priority_group_list(gnutls_priority_t priority, const unsigned int **list);

int __wrap_gnutls_priority_group_list(gnutls_priority_t priority, const unsigned int **list)
{
	static unsigned int longer[64];
	int n = __real_gnutls_priority_group_list(priority, list);

	if (!newer_group)
		return n;
	assert_in_range(n, 1, 63);
	memcpy(longer, *list, (size_t)n * sizeof(longer[0]));
	longer[n] = newer_group;
	*list = longer;
	return n + 1;
}

static void add(char *names, const char *name)
{
	assert_true(strlen(names) + strlen(name) + 2 < MAX_NAMES);
	if (*names)
		strcat(names, " ");
	strcat(names, name);
}

static void expect_groups(const struct ksc_priority *priority, enum ksc_role role,
			  const char *expected)
{
	char names[MAX_NAMES] = "";
	const unsigned int *list;
	int i, n = __real_gnutls_priority_group_list(priority->cache[role], &list);

	for (i = 0; i < n; i++)
		add(names, gnutls_group_get_name((gnutls_group_t)list[i]));
	assert_string_equal(names, expected);
}

static void expect_signs(const struct ksc_priority *priority, const char *expected)
{
	char names[MAX_NAMES] = "";
	const unsigned int *list;
	int i, n = gnutls_priority_sign_list(priority->cache[KSC_ROLE_SERVER], &list);

	for (i = 0; i < n; i++)
		add(names, gnutls_sign_get_name((gnutls_sign_algorithm_t)list[i]));
	assert_string_equal(names, expected);
}

static void expect_ciphers(const struct ksc_priority *priority, const char *expected)
{
	char names[MAX_NAMES] = "";
	const unsigned int *list;
	int i, n = gnutls_priority_cipher_list(priority->cache[KSC_ROLE_SERVER], &list);

	for (i = 0; i < n; i++)
		add(names, gnutls_cipher_get_name((gnutls_cipher_algorithm_t)list[i]));
	assert_string_equal(names, expected);
}

static void expect_rest(const struct ksc_priority *priority, const char *expected)
{
	char names[MAX_NAMES] = "";
	const unsigned int *list;
	int i, n = gnutls_priority_kx_list(priority->cache[KSC_ROLE_SERVER], &list);

	for (i = 0; i < n; i++)
		add(names, gnutls_kx_get_name((gnutls_kx_algorithm_t)list[i]));
	n = gnutls_priority_mac_list(priority->cache[KSC_ROLE_SERVER], &list);
	for (i = 0; i < n; i++)
		add(names, gnutls_mac_get_name((gnutls_mac_algorithm_t)list[i]));
	n = gnutls_priority_protocol_list(priority->cache[KSC_ROLE_SERVER], &list);
	for (i = 0; i < n; i++)
		add(names, gnutls_protocol_get_name((gnutls_protocol_t)list[i]));
	assert_string_equal(names, expected);
}

static void start(struct ksc_priority *priority, const char *base)
{
	size_t at;

	ksc_priority_init(priority);
	if (base)
		assert_int_equal(ksc_priority_set_base(priority, base, &at), 0);
}

static void finish(struct ksc_priority *priority, const char *base)
{
	start(priority, base);
	assert_int_equal(ksc_priority_finish(priority), 0);
	assert_null(priority->fault);
}

#define CURVES		"X25519 SECP256R1 SECP384R1 SECP521R1 X448"
#define FFDHE		"FFDHE2048 FFDHE3072 FFDHE4096"
#define CIPHERS		"AES-256-GCM CHACHA20-POLY1305 AES-128-GCM AES-128-CCM"
#define REST		"ECDHE-ECDSA ECDHE-RSA DHE-RSA AEAD TLS1.3 TLS1.2"

static void defaults(void **state)
{
	struct ksc_priority priority;
	const unsigned int *list;
	gnutls_priority_t normal;
	int i, k, n, n_normal;
	const unsigned int *normal_list;

	(void)state;
	finish(&priority, NULL);
	expect_groups(&priority, KSC_ROLE_CLIENT, CURVES " " FFDHE);
	expect_groups(&priority, KSC_ROLE_SERVER, CURVES " " FFDHE);
	expect_ciphers(&priority, CIPHERS);
	expect_rest(&priority, REST);
	/* all that the installed GnuTLS signs with by default, but for SHA-1 */
	assert_int_equal(gnutls_priority_init(&normal, "NORMAL", NULL), 0);
	n_normal = gnutls_priority_sign_list(normal, &normal_list);
	n = gnutls_priority_sign_list(priority.cache[KSC_ROLE_SERVER], &list);
	for (i = 0, k = 0; i < n_normal; i++) {
		if (gnutls_sign_get_hash_algorithm((gnutls_sign_algorithm_t)normal_list[i]) ==
		    GNUTLS_DIG_SHA1)
			continue;
		assert_in_range(k, 0, n - 1);
		assert_int_equal(list[k++], normal_list[i]);
	}
	assert_int_equal(k, n);
	gnutls_priority_deinit(normal);
	ksc_priority_free(&priority);
}

/* A newer GnuTLS may have other groups, such as hybrids: these come first. */
static void newer(void **state)
{
	struct ksc_priority priority;

	(void)state;
	newer_group = GNUTLS_GROUP_SECP224R1;
	finish(&priority, NULL);
	newer_group = 0;
	expect_groups(&priority, KSC_ROLE_CLIENT, "SECP224R1 " CURVES " " FFDHE);
	ksc_priority_free(&priority);
}

static void listed(void **state)
{
	struct ksc_priority priority;

	(void)state;
	start(&priority, NULL);
	assert_int_equal(ksc_priority_add_group(&priority, "x448"), 0);
	assert_int_equal(ksc_priority_add_group(&priority, "SECP384R1"), 0);
	assert_int_equal(ksc_priority_add_group(&priority, "X448"), -EEXIST);
	assert_int_equal(ksc_priority_add_group(&priority, "P-384"), -ENOENT);
	assert_int_equal(ksc_priority_add_group(&priority, ""), -ENOENT);
	assert_int_equal(ksc_priority_add_sign(&priority, "ecdsa-secp384r1-sha384"), 0);
	assert_int_equal(ksc_priority_add_sign(&priority, "RSA-SHA1"), 0);
	assert_int_equal(ksc_priority_add_sign(&priority, "rsa-sha1"), -EEXIST);
	assert_int_equal(ksc_priority_add_sign(&priority, "RSA"), -ENOENT);
	assert_int_equal(ksc_priority_finish(&priority), 0);
	expect_groups(&priority, KSC_ROLE_CLIENT, "X448 SECP384R1");
	expect_signs(&priority, "ECDSA-SECP384R1-SHA384 RSA-SHA1");
	/* no group of a finite field: no DHE-RSA */
	expect_rest(&priority, "ECDHE-ECDSA ECDHE-RSA AEAD TLS1.3 TLS1.2");
	ksc_priority_free(&priority);

	/* a large group has to be named, and brings its key exchange */
	start(&priority, NULL);
	assert_int_equal(ksc_priority_add_cipher(&priority, "aes-128-gcm"), 0);
	assert_int_equal(ksc_priority_add_cipher(&priority, "AES-128-GCM"), -EEXIST);
	assert_int_equal(ksc_priority_add_cipher(&priority, "AES-128-CBC"), -ENOENT);
	assert_int_equal(ksc_priority_add_group(&priority, "FFDHE8192"), 0);
	assert_int_equal(ksc_priority_finish(&priority), 0);
	expect_groups(&priority, KSC_ROLE_CLIENT, "FFDHE8192");
	expect_ciphers(&priority, "AES-128-GCM");
	expect_rest(&priority, REST);
	ksc_priority_free(&priority);
}

/* What was not finished is freed, too. */
static void all_names(void **state)
{
	const gnutls_group_t *group;
	const gnutls_sign_algorithm_t *sign;
	struct ksc_priority priority;

	(void)state;
	start(&priority, NULL);
	for (group = gnutls_group_list(); *group; group++)
		assert_int_equal(ksc_priority_add_group(&priority, gnutls_group_get_name(*group)),
				 0);
	/* some are in the list twice */
	for (sign = gnutls_sign_list(); *sign; sign++)
		assert_true(ksc_priority_add_sign(&priority, gnutls_sign_get_name(*sign)) !=
			    -ENOENT);
	ksc_priority_free(&priority);
}

static void bases(void **state)
{
	struct ksc_priority priority;

	(void)state;
	/* nothing that the record layer lacks, however much the base has */
	finish(&priority, "NORMAL:+VERS-ALL:+AES-256-CBC:+SHA1:+RSA:+SIGN-RSA-SHA1");
	expect_groups(&priority, KSC_ROLE_CLIENT,
		      "SECP256R1 SECP384R1 SECP521R1 X25519 X448 " FFDHE);
	expect_ciphers(&priority, CIPHERS);
	expect_rest(&priority, REST);
	ksc_priority_free(&priority);

	/* nothing that the base lacks */
	finish(&priority, "SECURE256:-VERS-TLS1.3:-KX-ALL:+ECDHE-RSA:-CHACHA20-POLY1305");
	expect_ciphers(&priority, "AES-256-GCM");
	expect_rest(&priority, "ECDHE-RSA AEAD TLS1.2");
	assert_int_equal(priority.max_version, GNUTLS_TLS1_2);
	ksc_priority_free(&priority);

	/* in its order, and with its flags */
	finish(&priority, "NONE:+VERS-TLS1.3:+AEAD:+AES-128-GCM:+AES-256-GCM:+GROUP-SECP384R1:"
	       "+GROUP-X25519:+ECDHE-RSA:+SIGN-RSA-PSS-RSAE-SHA256:%PROFILE_HIGH");
	expect_groups(&priority, KSC_ROLE_CLIENT, "SECP384R1 X25519");
	expect_ciphers(&priority, "AES-128-GCM AES-256-GCM");
	expect_signs(&priority, "RSA-PSS-RSAE-SHA256");
	expect_rest(&priority, "AEAD TLS1.3");
	assert_int_equal(priority.min_version, GNUTLS_TLS1_3);
	ksc_priority_free(&priority);

	/* the other settings take precedence over its lists */
	start(&priority, "SECURE256");
	assert_int_equal(ksc_priority_add_group(&priority, "SECP256R1"), 0);
	assert_int_equal(ksc_priority_add_sign(&priority, "RSA-PSS-RSAE-SHA256"), 0);
	priority.ciphers[priority.n_ciphers++] = ksc_cipher_by_name("CHACHA20-POLY1305");
	assert_int_equal(ksc_priority_finish(&priority), 0);
	expect_groups(&priority, KSC_ROLE_CLIENT, "SECP256R1");
	expect_signs(&priority, "RSA-PSS-RSAE-SHA256");
	expect_ciphers(&priority, "CHACHA20-POLY1305");
	ksc_priority_free(&priority);
}

static void nothing_left(void **state)
{
	static const struct {
		const char *base;
		const char *fault;
	} cases[] = {
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.1", "no version of TLS is left" },
		{ "NORMAL:-CIPHER-ALL:+AES-256-CBC", "no cipher suite is left that" },
		{ "NORMAL:-GROUP-ALL:+GROUP-FFDHE8192", "no group is left" },
	};
	struct ksc_priority priority;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(&priority, cases[i].base);
		assert_true(ksc_priority_finish(&priority) < 0);
		assert_non_null(priority.fault);
		assert_ptr_equal(strstr(priority.fault, cases[i].fault), priority.fault);
		ksc_priority_free(&priority);
	}
}

/*
 * GnuTLS takes 128 parts and ignores the rest, which is ours. The base has what we take away, and
 * the versions that we add.
 */
static void too_long(void **state)
{
	char base[4096] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:+SIGN-RSA-SHA1";
	unsigned int parts, taken = 0, refused = 0;
	struct ksc_priority priority;

	(void)state;
	for (parts = 1; parts < 200; parts++) {
		int rc;

		start(&priority, base);
		rc = ksc_priority_finish(&priority);
		if (!rc) {
			taken++;
			expect_ciphers(&priority, CIPHERS);
			expect_rest(&priority, REST);
		} else {
			refused++;
			assert_string_equal(priority.fault,
					    "too many parts for GnuTLS");
		}
		ksc_priority_free(&priority);
		strcat(base, ":+AES-256-GCM");
	}
	assert_int_not_equal(taken, 0);
	assert_int_not_equal(refused, 0);
}

static void misspelt(void **state)
{
	static const char base[] = "NORMAL:-VERS-TLS1.9:+ECDHE-RSA";
	struct ksc_priority priority;
	size_t at = 0;

	(void)state;
	ksc_priority_init(&priority);
	assert_true(ksc_priority_set_base(&priority, base, &at) < 0);
	assert_string_equal(base + at, "-VERS-TLS1.9:+ECDHE-RSA");
	assert_null(priority.base);
	assert_true(ksc_priority_set_base(&priority, "", &at) < 0 || priority.base);
	ksc_priority_free(&priority);
}

/* main() has written the system's policy. */
static void system_policy(void **state)
{
	struct ksc_priority priority;

	(void)state;
	finish(&priority, "@HERE");
	expect_groups(&priority, KSC_ROLE_CLIENT, "SECP384R1");
	expect_rest(&priority, "AEAD TLS1.3");
	ksc_priority_free(&priority);
	finish(&priority, "@NOWHERE,HERE");
	expect_groups(&priority, KSC_ROLE_CLIENT, "SECP384R1");
	ksc_priority_free(&priority);
}

/* ---- against others ---- */

static void only_x25519(struct ksc_priority *priority)
{
	assert_int_equal(ksc_priority_add_group(priority, "X25519"), 0);
}

static void only_p384(struct ksc_priority *priority)
{
	assert_int_equal(ksc_priority_add_group(priority, "SECP384R1"), 0);
}

static void only_pss_sha512(struct ksc_priority *priority)
{
	assert_int_equal(ksc_priority_add_sign(priority, "RSA-PSS-RSAE-SHA512"), 0);
}

static void only_pss_sha256(struct ksc_priority *priority)
{
	assert_int_equal(ksc_priority_add_sign(priority, "RSA-PSS-RSAE-SHA256"), 0);
}

/* What ours says and the peer lacks is refused, in either role and version. */
static void negotiated(void **state)
{
	static const struct {
		void (*ours)(struct ksc_priority *priority);
		const char *peers;
		bool done;
	} cases[] = {
		{ only_x25519, ":-GROUP-ALL:+GROUP-X25519", true },
		{ only_x25519, ":-GROUP-ALL:+GROUP-SECP384R1", false },
		{ only_p384, ":-GROUP-ALL:+GROUP-SECP384R1", true },
		{ only_p384, ":-GROUP-ALL:+GROUP-SECP256R1:+GROUP-SECP384R1", true },
		{ only_p384, ":-GROUP-ALL:+GROUP-X25519", false },
		{ only_pss_sha512, ":-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA512", true },
		{ only_pss_sha512, ":-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA256", false },
		{ only_pss_sha256, ":-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA256", true },
	};
	static const struct ksc_engine_params ours[] = {
		{ .role = KSC_ROLE_SERVER },
		{ .role = KSC_ROLE_CLIENT, .server_name = "server.test" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < 4 * sizeof(cases) / sizeof(cases[0]); i++) {
		const bool serve = i & 1, tls12 = i & 2;
		const char *peers = cases[i / 4].peers;
		const struct cred_options cred = {
			.cert = serve ? "rsa" : NULL, .ca = serve ? NULL : "ca",
			.verify = serve ? KSC_VERIFY_DEFAULT : KSC_VERIFY_NONE,
			.negotiate = cases[i / 4].ours,
		};
		struct outcome o = meet(&peer_gnutls, &cred, 1, ours[!serve],
					(struct peer_options) {
						.tls12 = tls12, .tls13 = !tls12, .server = !serve,
						.cert = serve ? NULL : "rsa",
						.server_name = serve ? "server.test" : NULL,
						.priority = peers,
					});
		const bool done = o.status == KSC_STATUS_OK;

		if (done != cases[i / 4].done)
			fail_msg("case %zu, serve %d, TLS 1.2 %d: status %d, %s", i / 4, serve,
				 tls12, o.status, o.text);
	}
}

static void write_policy(char *path)
{
	static const char policy[] = "[priorities]\n"
		"HERE=NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-SECP384R1\n";
	int fd = mkstemp(path);

	assert_return_code(fd, errno);
	assert_true(dprintf(fd, "%s", policy) > 0);
	close(fd);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(newer),
		cmocka_unit_test(listed),
		cmocka_unit_test(all_names),
		cmocka_unit_test(bases),
		cmocka_unit_test(nothing_left),
		cmocka_unit_test(too_long),
		cmocka_unit_test(misspelt),
		cmocka_unit_test(system_policy),
		cmocka_unit_test(negotiated),
	};
	char path[] = "/tmp/test_priority.XXXXXX";
	int status;

	if (argc < 2) {
		write_policy(path);
		setenv(POLICY_ENV, path, 1);
		execl("/proc/self/exe", argv[0], path, (char *)NULL);
		return 1;
	}
	status = cmocka_run_group_tests_name("priority", tests, NULL, NULL);
	unlink(argv[1]);
	return status;
}
