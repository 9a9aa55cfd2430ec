// SPDX-License-Identifier: GPL-2.0-only
/*
 * config.c, settings.c: settings, valid and invalid; test_config_files.c has the files that
 * they name.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"

/* By default, one for each CPU that we may use: all that are online, or some. */
static void default_workers(void **state)
{
	struct ksc_config *config;
	cpu_set_t ours, one;
	int cpu = 0;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(ours), &ours), 0);
	assert_in_range(CPU_COUNT(&ours), 1, sysconf(_SC_NPROCESSORS_ONLN));
	good("", &config);
	assert_int_equal(config->workers, CPU_COUNT(&ours) < 256 ? CPU_COUNT(&ours) : 256);
	ksc_config_free(config);
	while (!CPU_ISSET(cpu, &ours))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	good("", &config);
	assert_int_equal(config->workers, 1);
	ksc_config_free(config);
	assert_int_equal(sched_setaffinity(0, sizeof(ours), &ours), 0);
}

static void empty_file(void **state)
{
	struct ksc_config *config;
	const struct ksc_credential *cred;

	(void)state;
	good("", &config);
	assert_int_equal(config->log_level, KSC_LOG_INFO);
	assert_int_equal(config->max_handshakes, 16384);
	assert_int_equal(config->drain_ms, 2000);
	assert_true(config->watch);
	assert_int_equal(config->credentials->n, 1);
	cred = find(config, "system");
	assert_non_null(cred);
	assert_int_equal(cred->roles, KSC_ROLE_BIT(KSC_ROLE_CLIENT));
	assert_true(cred->is_default);
	ksc_config_free(config);
}

static void limit_settings(void **state)
{
	static const uint8_t v4[17] = { [10] = 0xff, [11] = 0xff, 192, 0, 2, 0, 120 };
	static const uint8_t v6[17] = { 0x20, 1, 0xd, 0xb8, [16] = 32 };
	struct ksc_config *config;

	(void)state;
	good("[limits]\n"
	     "handshakes = 100\n"
	     "handshakes-per-user = 50\n"
	     "client-reserve = 0\n"
	     "handshakes-per-address = 3\n"
	     "handshakes-per-site = 4\n"
	     "handshakes-per-listener = 6\n"
	     "first-flight = 4096\n"
	     "steps = 10\n"
	     "window = 5\n"
	     "window-bytes = 100000\n"
	     "keys = 9\n"
	     "keys-per-user = 8\n"
	     "trusted = 192.0.2.0/24, 2001:db8::/32\n", &config);
	assert_int_equal(config->limits.values[KSC_A_LIMITS_HANDSHAKES], 100);
	assert_int_equal(config->limits.values[KSC_A_LIMITS_PER_USER], 50);
	assert_true(config->limits.set[KSC_A_LIMITS_CLIENT_RESERVE]);
	assert_int_equal(config->limits.values[KSC_A_LIMITS_CLIENT_RESERVE], 0);
	assert_int_equal(config->limits.values[KSC_A_LIMITS_PER_LISTENER], 6);
	assert_int_equal(config->limits.values[KSC_A_LIMITS_STEPS], 10);
	assert_int_equal(config->limits.values[KSC_A_LIMITS_KEYS], 9);
	assert_int_equal(config->limits.values[KSC_A_LIMITS_KEYS_PER_USER], 8);
	assert_int_equal(config->limits.n_trusted, 2);
	assert_memory_equal(config->limits.trusted[0], v4, sizeof(v4));
	assert_memory_equal(config->limits.trusted[1], v6, sizeof(v6));
	ksc_config_free(config);
	bad("[limits]\nhandshakes = 7\n", "2: handshakes: \"7\" is not a number from 8");
	bad("[limits]\nsteps = many\n", "2: steps: \"many\" is not a number");
	bad("[limits]\ncolour = red\n", "2: \"colour\" is not a limit");
	bad("[limits]\ntrusted = 1.2.3\n", "2: trusted: \"1.2.3\" is not an address");
	bad("[limits]\ntrusted = 1.2.3.4/33\n", "2: trusted: \"1.2.3.4\" has an invalid prefix");
	bad("[limits]\nhandshakes = 20\nclient-reserve = 20\n",
	    "1: client-reserve leaves nothing");
	bad("[rule a\tb]\naction = never\n", "1: a rule's name has no control characters");
}

static void context_settings(void **state)
{
	const struct ksc_allowance *may;
	struct ksc_config *config;

	(void)state;
	good("[contexts]\n"
	     "total = 100\n"
	     "per-user = 50\n"
	     "per-connection = 7\n"
	     "connections-per-user = 6\n"
	     "bytes = 2147483648\n"
	     "bytes-per-user = 65536\n"
	     "handshake-bytes = 5000\n", &config);
	may = &config->contexts;
	assert_int_equal(may->total, 100);
	assert_int_equal(may->per_user, 50);
	assert_int_equal(may->per_connection, 7);
	assert_int_equal(may->connections_per_user, 6);
	assert_int_equal(may->bytes, 2147483648U);
	assert_int_equal(may->bytes_per_user, 65536);
	assert_int_equal(may->handshake_bytes, 5000);
	ksc_config_free(config);
	/* what is not said */
	good("[contexts]\ntotal = 8\n", &config);
	assert_int_equal(config->contexts.total, 8);
	assert_int_equal(config->contexts.per_user, 4096);
	assert_int_equal(config->contexts.handshake_bytes, 65536);
	ksc_config_free(config);
	bad("[contexts]\ntotal = 7\n", "2: total: \"7\" is not a number from 8 to 1048576");
	bad("[contexts]\nper-user = 0\n", "2: per-user: \"0\" is not a number from 1");
	bad("[contexts]\nper-connection = many\n", "2: per-connection: \"many\" is not a number");
	bad("[contexts]\n\nconnections-per-user = -1\n", "3: connections-per-user: \"-1\"");
	bad("[contexts]\nbytes = 1\n", "2: bytes: \"1\" is not a number from 1048576");
	bad("[contexts]\nbytes-per-user = 65535\n", "2: bytes-per-user: \"65535\"");
	bad("[contexts]\nhandshake-bytes = 4095\n", "2: handshake-bytes: \"4095\"");
	bad("[contexts]\ncolour = red\n", "2: \"colour\" is not a limit of contexts");
	bad("[contexts]\ntotal = 9\n[contexts]\n", "3: section [contexts] is already defined");
}

static void everything(void **state)
{
	struct ksc_config *config;
	const struct ksc_credential *cred;

	(void)state;
	good("# a comment\n"
	     "; another\n"
	     "[daemon]\n"
	     "log-level = debug\n"
	     "  max-handshakes=7\n"
	     "workers = 3\n"
	     "drain-time = 0\n"
	     "user = root\n"
	     "watch = no\n"
	     "\n"
	     "[credential web site]\n"
	     "role = server\n"
	     "cert = " CERTS "/server.pem\n"
	     "key = " CERTS "/server.key\n"
	     "names = a.example , *.b.example., b\303\274cher.example\n"
	     "alpn = h2, http/1.1\n"
	     "trust = " CERTS "/ca.pem\n"
	     "verify = request\n"
	     "min-version = 1.3\n"
	     "max-version = 1.3\n"
	     "suites = chacha20-poly1305, AES-128-GCM\n"
	     "supported-groups = x448, SECP256R1\n"
	     "signatures = EdDSA-Ed25519, RSA-PSS-RSAE-SHA256\n"
	     "priority = SECURE128:%PROFILE_HIGH\n"
	     "resumption = no\n"
	     "users = root, 4711\n"
	     "groups = 4712\n"
	     "[credential us]\n"
	     "role = client\n"
	     "trust = " CERTS "/ca.pem\n"
	     "default = yes\n", &config);
	assert_int_equal(config->log_level, KSC_LOG_DEBUG);
	assert_int_equal(config->max_handshakes, 7);
	assert_int_equal(config->workers, 3);
	assert_int_equal(config->drain_ms, 0);
	assert_false(config->watch);
	assert_true(config->has_user);
	assert_int_equal(config->uid, 0);
	assert_int_equal(config->credentials->n, 2);
	cred = find(config, "web site");
	assert_non_null(cred);
	assert_int_equal(cred->n_certs, 1);
	assert_int_equal(cred->n_names, 3);
	assert_string_equal(cred->names[0], "a.example");
	assert_string_equal(cred->names[1], "*.b.example");
	assert_string_equal(cred->names[2], "xn--bcher-kva.example");
	assert_int_equal(cred->alpn_len, 12);
	assert_memory_equal(cred->alpn, "\2h2\10http/1.1", 12);
	assert_int_equal(cred->verify, KSC_VERIFY_REQUEST);
	assert_int_equal(cred->priority.min_version, GNUTLS_TLS1_3);
	assert_int_equal(cred->priority.n_ciphers, 2);
	assert_int_equal(cred->priority.n_groups, 2);
	assert_int_equal(cred->priority.groups[0], GNUTLS_GROUP_X448);
	assert_int_equal(cred->priority.n_signs, 2);
	assert_int_equal(cred->priority.signs[0], GNUTLS_SIGN_EDDSA_ED25519);
	assert_string_equal(cred->priority.base, "SECURE128:%PROFILE_HIGH");
	assert_false(cred->resumption);
	assert_string_equal(cred->priority.ciphers[0]->name, "CHACHA20-POLY1305");
	assert_int_equal(cred->n_uids, 2);
	assert_int_equal(cred->uids[1], 4711);
	assert_int_equal(cred->n_gids, 1);
	/* The only server's credential is its role's default. */
	assert_true(cred->is_default);
	ksc_config_free(config);
}

static void names_of_the_certificate(void **state)
{
	struct ksc_config *config;
	const struct ksc_credential *cred;

	(void)state;
	good(SERVER, &config);
	cred = find(config, "s");
	assert_non_null(cred);
	assert_int_equal(cred->n_names, 2);
	assert_string_equal(cred->names[0], "server.test");
	assert_string_equal(cred->names[1], "*.wild.test");
	ksc_config_free(config);
}

static void bad_lines(void **state)
{
	char long_line[5000];
	char *complaints;

	(void)state;
	bad("x = 1\n", "1: \"x\" is not in a section");
	bad("[daemon]\nnonsense\n", "2: expected [section]");
	bad("[daemon\n", "1: missing \"]\"");
	bad("[daemon] x\n", "1: unexpected text");
	bad("[demon]\n", "1: [demon] is not a section");
	bad("[credential]\n", "1: [credential] is not a section");
	bad("[credential ]\n", "1: a credential's name");
	bad("[daemon]\n[daemon]\n", "2: section [daemon] is already defined at line 1");
	bad("[daemon]\nlog-level=info\n\nlog-level=info\n",
	    "4: \"log-level\" is already set, at line 2");
	snprintf(long_line, sizeof(long_line), "[daemon]\nuser = %04900d\n[nothing]\n", 0);
	assert_null(load(long_line, &complaints));
	assert_non_null(strstr(complaints, "2: the line is too long"));
	assert_non_null(strstr(complaints, "3: [nothing] is not a section"));
	free(complaints);
	assert_null(load_bytes("[daemon]\nuser = a\0b\n", 20, &complaints));
	assert_non_null(strstr(complaints, "2: the line is too long or has a NUL"));
	free(complaints);
	/* what a crash has left, a line that begins so, and the last one */
	assert_null(load_bytes("\0\0\0\0", 4, &complaints));
	assert_non_null(strstr(complaints, "1: the line is too long or has a NUL"));
	free(complaints);
	assert_null(load_bytes("[daemon]\n\0user = root\n", 22, &complaints));
	assert_non_null(strstr(complaints, "2: the line is too long or has a NUL"));
	free(complaints);
	assert_null(load_bytes("[daemon]\ndrain-time = 5\0zz", 27, &complaints));
	assert_non_null(strstr(complaints, "2: the line is too long or has a NUL"));
	free(complaints);
}

static void bad_settings(void **state)
{
	(void)state;
	bad("[daemon]\nlog-level = loud\n", "2: log-level: \"loud\" is not one of: error, warning");
	bad("[daemon]\nmax-handshakes = 0\n", "2: max-handshakes: \"0\" is not a number from 1");
	bad("[daemon]\nmax-handshakes = -1\n", "2: max-handshakes: \"-1\" is not a number");
	bad("[daemon]\nworkers = 0\n", "2: workers: \"0\" is not a number from 1");
	bad("[daemon]\nworkers = 257\n", "2: workers: \"257\" is not a number from 1 to 256");
	bad("[daemon]\ndrain-time = 5s\n", "2: drain-time: \"5s\" is not a number");
	bad("[daemon]\ndrain-time = 99999999999999999999\n", "2: drain-time");
	bad("[daemon]\ndrain-time =\n", "2: drain-time: \"\" is not a number");
	bad("[daemon]\nuser = nobody-of-that-name\n", "2: user: there is no account");
	bad("[daemon]\nwatch = 1\n", "2: watch: \"1\" is not one of: yes, no");
	bad("[daemon]\nwatch =\n", "2: watch: \"\" is not one of");
	bad("[daemon]\nwatch = no\nwatch = yes\n", "3: \"watch\" is already set");
	bad("[daemon]\ncolour = red\n", "2: \"colour\" is not a setting of the daemon");
	bad(SERVER "colour = red\n", "5: \"colour\" is not a setting of a credential");
	bad(SERVER "verify = maybe\n", "5: verify: \"maybe\" is not one of");
	bad(SERVER "verify = require\n", "5: verify: client certificates need");
	bad(SERVER "min-version = 1.1\n", "5: min-version: \"1.1\" is not one of: 1.2, 1.3");
	bad(SERVER "min-version = 1.3\nmax-version = 1.2\n", "1: min-version is above");
	bad(SERVER "suites = AES-128-CBC\n", "5: suites: unknown name \"AES-128-CBC\"");
	bad(SERVER "suites = AES-128-GCM, AES-128-GCM\n",
	    "5: suites: \"AES-128-GCM\" is already listed");
	bad(SERVER "supported-groups = X25519, P-256\n",
	    "5: supported-groups: unknown name \"P-256\"");
	bad(SERVER "supported-groups = X448, x448\n",
	    "5: supported-groups: \"x448\" is already listed");
	bad(SERVER "supported-groups =\n", "5: supported-groups: empty item");
	bad(SERVER "signatures = RSA\n", "5: signatures: unknown name \"RSA\"");
	bad(SERVER "priority = NORMAL:+NONSENSE:-VERS-TLS1.2\n",
	    "5: priority: GnuTLS does not understand \"+NONSENSE:-VERS-TLS1.2\"");
	bad(SERVER "priority = NORMAL:-VERS-ALL:+VERS-TLS1.1\n", "1: no version of TLS is left");
	bad(SERVER "priority = NORMAL:-VERS-TLS1.3\nmin-version = 1.3\n",
	    "1: no version of TLS is left");
	bad(SERVER "alpn = h2,,h3\n", "5: alpn: empty item");
	bad(SERVER "alpn = a,b,c,d,e,f,g,h,i\n", "5: alpn: \"i\"");
	bad(SERVER "names = a.*.example\n", "5: names: \"a.*.example\"");
	bad(SERVER "names = *x.example\n", "5: names: \"*x.example\"");
	bad(SERVER "names = *.com\n", "5: names: \"*.com\" matches all");
	bad(SERVER "names = a, foo bar\n", "5: names: \"foo bar\" has a blank");
	bad(SERVER "names = -x\n", "5: names: \"-x\" has a label that begins or ends");
	bad(SERVER "names = a..b\n", "5: names: \"a..b\" has an empty label");
	bad(SERVER "names = *..b.c\n", "5: names: \"*..b.c\" has an empty label");
	bad(SERVER "names = my_host.test\n", "5: names: \"my_host.test\" has an underscore");
	bad(SERVER "names = 192.0.2.1\n", "5: names: \"192.0.2.1\" is an address");
	bad(SERVER "names = fe80::1%eth0\n", "5: names: \"fe80::1%eth0\" is an address");
	bad(SERVER "names = b\374cher.example\n", "5: names: \"b\374cher.example\" is not an");
	bad(SERVER "users = nobody-of-that-name\n", "5: users: there is no account");
	bad(SERVER "groups = nobody-of-that-name\n", "5: groups: there is no group");
	bad(SERVER "default = maybe\n", "5: default: \"maybe\" is not one of: yes, no");
	bad("[credential s]\nrole = waiter\n", "2: role: \"waiter\" is not one of");
	bad("[credential s]\n", "1: role is missing");
	bad("[credential s]\nrole = server\n", "1: a server needs a certificate");
	bad("[credential s]\nrole = both\ncert = " CERTS "/server.pem\n"
	    "key = " CERTS "/server.key\n",
	    "1: role = both needs");
}

/* What editors leave, and blanks. */
static void spellings(void **state)
{
	struct ksc_config *config;

	(void)state;
	good("\xef\xbb\xbf[daemon]\r\nlog-level = debug\r\n", &config);
	assert_int_equal(config->log_level, KSC_LOG_DEBUG);
	ksc_config_free(config);
	good("\xef\xbb\xbf", &config);
	ksc_config_free(config);
	bad("[daemon]\n\xef\xbb\xbfuser = root\n", "2: \"\xef\xbb\xbfuser\" is not a setting");
	good("[credential   x  y ]\nrole = client\ntrust = " CERTS "/ca.pem\ndefault = yes\n"
	     "[ rule \t z]\naction = require\ndirection = connect\ncredential = x  y\n", &config);
	assert_non_null(find(config, "x  y"));
	assert_string_equal(config->rules->list[0].name, "z");
	ksc_config_free(config);
	bad(SERVER "[credential  s]\nrole = client\ntrust = " CERTS "/ca.pem\n",
	    "5: section [credential s] is already defined at line 1");
	bad("[credential a\tb]\nrole = client\n", "1: a credential's name has no control");
}

static void defaults(void **state)
{
	struct ksc_config *config;

	(void)state;
	bad("[credential a]\nrole = client\ntrust = " CERTS "/ca.pem\ndefault = yes\n"
	    "[credential b]\nrole = client\ntrust = " CERTS "/ca.pem\ndefault = yes\n",
	    "5: credential a is already the default for clients");
	/* Of two servers' none is taken at a guess. */
	good(SERVER "[credential t]\nrole = server\ncert = " CERTS "/second.pem\n"
	     "key = " CERTS "/second.key\n", &config);
	assert_false(find(config, "s")->is_default);
	assert_false(find(config, "t")->is_default);
	/* The built-in one is there still, since no client's is the default. */
	assert_non_null(find(config, "system"));
	ksc_config_free(config);
	bad("[credential system]\nrole = client\ntrust = " CERTS "/ca.pem\n",
	    " the credential \"system\"");
}

/* All faults are reported by one load, in the order of their lines within each section. */
static void many_faults(void **state)
{
	char *complaints;

	(void)state;
	assert_null(load("[daemon]\nlog-level = x\ndrain-time = y\n[foo]\n", &complaints));
	assert_non_null(strstr(complaints, "2: log-level"));
	assert_non_null(strstr(complaints, "3: drain-time"));
	assert_non_null(strstr(complaints, "4: [foo]"));
	free(complaints);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_workers),
		cmocka_unit_test(empty_file),
		cmocka_unit_test(limit_settings),
		cmocka_unit_test(context_settings),
		cmocka_unit_test(everything),
		cmocka_unit_test(names_of_the_certificate),
		cmocka_unit_test(bad_lines),
		cmocka_unit_test(bad_settings),
		cmocka_unit_test(spellings),
		cmocka_unit_test(defaults),
		cmocka_unit_test(many_faults),
	};

	return cmocka_run_group_tests_name("config", tests, make_path, remove_path);
}
