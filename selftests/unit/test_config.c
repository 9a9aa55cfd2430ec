// SPDX-License-Identifier: GPL-2.0-only
/* config.c, settings.c: what files say, and what is said about bad ones. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "hidden.h"
#include "side.h"

#define CERTS	KSC_TEST_CERTS

static char path[64];

static int make_path(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/ksc-config-XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int remove_path(void **state)
{
	(void)state;
	return unlink(path);
}

static void write_bytes(const char *bytes, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	fclose(f);
}

/* Loads a file of these bytes; complaints are in @text, each as "LINE: what". */
static struct ksc_config *load_bytes(const char *bytes, size_t len, char **text)
{
	struct ksc_config *config;
	char *raw = NULL, *from, *to;
	size_t size;
	FILE *out = open_memstream(&raw, &size);

	assert_non_null(out);
	write_bytes(bytes, len);
	config = ksc_config_load(path, out);
	fclose(out);
	*text = calloc(1, size + 1);
	assert_non_null(*text);
	for (from = raw, to = *text; *from; ) {
		if (!strncmp(from, path, strlen(path)) && from[strlen(path)] == ':')
			from += strlen(path) + 1;
		*to++ = *from++;
	}
	free(raw);
	return config;
}

static struct ksc_config *load(const char *text, char **complaints)
{
	return load_bytes(text, strlen(text), complaints);
}

static void good(const char *text, struct ksc_config **config)
{
	char *complaints;

	*config = load(text, &complaints);
	if (!*config)
		fail_msg("%s", complaints);
	assert_string_equal(complaints, "");
	free(complaints);
}

/* Nothing but this complaint. */
static void bad(const char *text, const char *wanted)
{
	char *complaints;
	struct ksc_config *config = load(text, &complaints);

	assert_null(config);
	if (strncmp(complaints, wanted, strlen(wanted)) ||
	    strchr(complaints, '\n') != complaints + strlen(complaints) - 1)
		fail_msg("wanted: %s\ngot: %s", wanted, complaints);
	free(complaints);
}

static const struct ksc_credential *find(const struct ksc_config *config, const char *name)
{
	size_t i;

	for (i = 0; i < config->credentials->n; i++)
		if (!strcmp(config->credentials->list[i]->name, name))
			return config->credentials->list[i];
	return NULL;
}

/* Where nothing is said, as many as there are CPUs for us: all that are online, or some. */
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
	bad("[limits]\nhandshakes = 7\n", "2: handshakes: \"7\" is no number from 8");
	bad("[limits]\nsteps = many\n", "2: steps: \"many\" is no number");
	bad("[limits]\ncolour = red\n", "2: \"colour\" is no limit");
	bad("[limits]\ntrusted = 1.2.3\n", "2: trusted: \"1.2.3\" is no address");
	bad("[limits]\ntrusted = 1.2.3.4/33\n", "2: trusted: \"1.2.3.4\" has no length");
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
	bad("[contexts]\ntotal = 7\n", "2: total: \"7\" is no number from 8 to 1048576");
	bad("[contexts]\nper-user = 0\n", "2: per-user: \"0\" is no number from 1");
	bad("[contexts]\nper-connection = many\n", "2: per-connection: \"many\" is no number");
	bad("[contexts]\n\nconnections-per-user = -1\n", "3: connections-per-user: \"-1\"");
	bad("[contexts]\nbytes = 1\n", "2: bytes: \"1\" is no number from 1048576");
	bad("[contexts]\nbytes-per-user = 65535\n", "2: bytes-per-user: \"65535\"");
	bad("[contexts]\nhandshake-bytes = 4095\n", "2: handshake-bytes: \"4095\"");
	bad("[contexts]\ncolour = red\n", "2: \"colour\" is no limit of contexts");
	bad("[contexts]\ntotal = 9\n[contexts]\n", "3: there is a section [contexts] already");
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
	assert_true(cred->has_cert);
	assert_int_equal(cred->n_names, 3);
	assert_string_equal(cred->names[0], "a.example");
	assert_string_equal(cred->names[1], "*.b.example");
	assert_string_equal(cred->names[2], "xn--bcher-kva.example");
	assert_int_equal(cred->alpn_len, 12);
	assert_memory_equal(cred->alpn, "\2h2\10http/1.1", 12);
	assert_int_equal(cred->verify, KSC_VERIFY_REQUEST);
	assert_int_equal(cred->min_version, GNUTLS_TLS1_3);
	assert_int_equal(cred->n_ciphers, 2);
	assert_false(cred->resumption);
	assert_string_equal(cred->ciphers[0]->name, "CHACHA20-POLY1305");
	assert_int_equal(cred->n_uids, 2);
	assert_int_equal(cred->uids[1], 4711);
	assert_int_equal(cred->n_gids, 1);
	/* The only server's credential is its role's default. */
	assert_true(cred->is_default);
	ksc_config_free(config);
}

#define SERVER	"[credential s]\nrole = server\ncert = " CERTS "/server.pem\n" \
		"key = " CERTS "/server.key\n"

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
	bad("x = 1\n", "1: \"x\" stands in no section");
	bad("[daemon]\nnonsense\n", "2: this is neither");
	bad("[daemon\n", "1: a section's name ends");
	bad("[daemon] x\n", "1: nothing may follow");
	bad("[demon]\n", "1: [demon] is no section");
	bad("[credential]\n", "1: [credential] is no section");
	bad("[credential ]\n", "1: a credential's name");
	bad("[daemon]\n[daemon]\n", "2: there is a section [daemon] already, at line 1");
	bad("[daemon]\nlog-level=info\n\nlog-level=info\n",
	    "4: \"log-level\" was said already, at line 2");
	snprintf(long_line, sizeof(long_line), "[daemon]\nuser = %04900d\n[nothing]\n", 0);
	assert_null(load(long_line, &complaints));
	assert_non_null(strstr(complaints, "2: the line is too long"));
	assert_non_null(strstr(complaints, "3: [nothing] is no section"));
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
	bad("[daemon]\nlog-level = loud\n", "2: log-level: \"loud\" is none of: error, warning");
	bad("[daemon]\nmax-handshakes = 0\n", "2: max-handshakes: \"0\" is no number from 1");
	bad("[daemon]\nmax-handshakes = -1\n", "2: max-handshakes: \"-1\" is no number");
	bad("[daemon]\nworkers = 0\n", "2: workers: \"0\" is no number from 1");
	bad("[daemon]\nworkers = 257\n", "2: workers: \"257\" is no number from 1 to 256");
	bad("[daemon]\ndrain-time = 5s\n", "2: drain-time: \"5s\" is no number");
	bad("[daemon]\ndrain-time = 99999999999999999999\n", "2: drain-time");
	bad("[daemon]\ndrain-time =\n", "2: drain-time: \"\" is no number");
	bad("[daemon]\nuser = nobody-of-that-name\n", "2: user: there is no account");
	bad("[daemon]\nwatch = 1\n", "2: watch: \"1\" is none of: yes, no");
	bad("[daemon]\nwatch =\n", "2: watch: \"\" is none of");
	bad("[daemon]\nwatch = no\nwatch = yes\n", "3: \"watch\" was said already");
	bad("[daemon]\ncolour = red\n", "2: \"colour\" is no setting of the daemon");
	bad(SERVER "colour = red\n", "5: \"colour\" is no setting of a credential");
	bad(SERVER "verify = maybe\n", "5: verify: \"maybe\" is none of");
	bad(SERVER "verify = require\n", "5: verify: whose clients are accepted");
	bad(SERVER "min-version = 1.1\n", "5: min-version: \"1.1\" is none of: 1.2, 1.3");
	bad(SERVER "min-version = 1.3\nmax-version = 1.2\n", "1: min-version is above");
	bad(SERVER "suites = AES-128-CBC\n", "5: suites: \"AES-128-CBC\" is not known");
	bad(SERVER "suites = AES-128-GCM, AES-128-GCM\n", "5: suites: \"AES-128-GCM\" was said");
	bad(SERVER "alpn = h2,,h3\n", "5: alpn: there is an empty item");
	bad(SERVER "alpn = a,b,c,d,e,f,g,h,i\n", "5: alpn: \"i\"");
	bad(SERVER "names = a.*.example\n", "5: names: \"a.*.example\"");
	bad(SERVER "names = *x.example\n", "5: names: \"*x.example\"");
	bad(SERVER "names = *.com\n", "5: names: \"*.com\" stands for");
	bad(SERVER "names = a, foo bar\n", "5: names: \"foo bar\" has a blank");
	bad(SERVER "names = -x\n", "5: names: \"-x\" has a label that begins or ends");
	bad(SERVER "names = a..b\n", "5: names: \"a..b\" has an empty label");
	bad(SERVER "names = *..b.c\n", "5: names: \"*..b.c\" has an empty label");
	bad(SERVER "names = my_host.test\n", "5: names: \"my_host.test\" has an underscore");
	bad(SERVER "names = 192.0.2.1\n", "5: names: \"192.0.2.1\" is an address");
	bad(SERVER "names = fe80::1%eth0\n", "5: names: \"fe80::1%eth0\" is an address");
	bad(SERVER "names = b\374cher.example\n", "5: names: \"b\374cher.example\" is no");
	bad(SERVER "users = nobody-of-that-name\n", "5: users: there is no account");
	bad(SERVER "groups = nobody-of-that-name\n", "5: groups: there is no group");
	bad(SERVER "default = maybe\n", "5: default: \"maybe\" is none of: yes, no");
	bad("[credential s]\nrole = waiter\n", "2: role: \"waiter\" is none of");
	bad("[credential s]\n", "1: there is no role");
	bad("[credential s]\nrole = server\n", "1: a server needs a certificate");
	bad("[credential s]\nrole = both\ncert = " CERTS "/server.pem\n"
	    "key = " CERTS "/server.key\n",
	    "1: with role = both");
}

static void bad_files(void **state)
{
	char *complaints = NULL;
	size_t size;
	FILE *out = open_memstream(&complaints, &size);

	(void)state;
	assert_non_null(out);
	assert_null(ksc_config_load("/nonexistent/kschanneld.conf", out));
	fclose(out);
	assert_string_equal(complaints,
			    "/nonexistent/kschanneld.conf: No such file or directory\n");
	free(complaints);
#define S "[credential s]\nrole = server\n"
	bad(S "cert = " CERTS "/server.pem\n", "3: there is no key to this cert");
	bad(S "key = " CERTS "/server.key\n", "3: there is no cert to this key");
	bad(S "cert = server.pem\nkey = " CERTS "/server.key\n",
	    "3: cert: \"server.pem\" is not an absolute path");
	bad(S "cert = /nonexistent\nkey = " CERTS "/server.key\n",
	    "3: cert: /nonexistent: No such file");
	bad(S "cert = " CERTS "/server.pem\nkey = /nonexistent\n",
	    "4: key: /nonexistent: No such file");
	bad(S "cert = " CERTS "/server.pem\nkey = " CERTS "/client.key\n", "4: key: ");
	bad(S "cert = " CERTS "/server.key\nkey = " CERTS "/server.key\n",
	    "3: cert: " CERTS "/server.key: there is a key in it, and no certificate\n");
	bad(S "cert = " CERTS "/server.pem\nkey = " CERTS "/server.pem\n",
	    "4: key: " CERTS "/server.pem: there is a certificate in it, and no key\n");
	bad(S "cert = " CERTS "/server.pem\nkey = " CERTS "/huge-modulus.crt.der\n",
	    "4: key: " CERTS "/huge-modulus.crt.der: this is DER");
	bad("[credential c]\nrole = client\ntrust = /nonexistent\n",
	    "3: trust: /nonexistent: No such file");
	bad("[credential c]\nrole = client\ntrust = " CERTS "/ca.key\n",
	    "3: trust: " CERTS "/ca.key: there is a key in it, and no certificate\n");
#undef S
}

/* A complaint about a file of these bytes. */
static void bad_pem(const char *bytes, const char *setting, unsigned int line, const char *what)
{
	const bool key = !strcmp(setting, "key"), cert = !strcmp(setting, "cert");
	char name[80], text[512], wanted[256];
	FILE *f;

	snprintf(name, sizeof(name), "%s.pem", path);
	f = fopen(name, "w");
	assert_non_null(f);
	assert_true(fputs(bytes, f) >= 0);
	fclose(f);
	snprintf(text, sizeof(text), "[credential s]\nrole = %s\ncert = %s\nkey = %s\ntrust = %s\n",
		 "both", cert ? name : CERTS "/server.pem", key ? name : CERTS "/server.key",
		 key || cert ? CERTS "/ca.pem" : name);
	snprintf(wanted, sizeof(wanted), "%u: %s: %s: %s", line, setting, name, what);
	bad(text, wanted);
	unlink(name);
}

/* The file at fault is named, and what an operator can do about it. */
static void bad_pems(void **state)
{
	const char *const damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n"
				    "-----END CERTIFICATE-----\n";

	(void)state;
	bad_pem("", "cert", 3, "the file is empty\n");
	bad_pem("", "key", 4, "the file is empty\n");
	bad_pem("", "trust", 5, "the file is empty\n");
	bad_pem("hello\n", "cert", 3, "there is no certificate in it\n");
	bad_pem("hello\n", "key", 4, "there is no key in it\n");
	bad_pem(damaged, "cert", 3, "");
	bad_pem(damaged, "trust", 5, "");
	bad_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "key", 4, "");
	bad_pem("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIHs\n"
		"-----END ENCRYPTED PRIVATE KEY-----\n", "key", 4,
		"the key is encrypted: not supported\n");
	bad_pem("-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n"
		"\nMIHs\n-----END EC PRIVATE KEY-----\n", "key", 4,
		"the key is encrypted: not supported\n");
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
	bad("[daemon]\n\xef\xbb\xbfuser = root\n", "2: \"\xef\xbb\xbfuser\" is no setting");
	good("[credential   x  y ]\nrole = client\ntrust = " CERTS "/ca.pem\ndefault = yes\n"
	     "[ rule \t z]\naction = require\ndirection = connect\ncredential = x  y\n", &config);
	assert_non_null(find(config, "x  y"));
	assert_string_equal(config->rules->list[0].name, "z");
	ksc_config_free(config);
	bad(SERVER "[credential  s]\nrole = client\ntrust = " CERTS "/ca.pem\n",
	    "5: there is a section [credential s] already, at line 1");
	bad("[credential a\tb]\nrole = client\n", "1: a credential's name has no control");
}

static bool no_authorities;

int __real_gnutls_certificate_set_x509_system_trust(gnutls_certificate_credentials_t cred);
int __wrap_gnutls_certificate_set_x509_system_trust(gnutls_certificate_credentials_t cred);

int __wrap_gnutls_certificate_set_x509_system_trust(gnutls_certificate_credentials_t cred)
{
	return no_authorities ? 0 : __real_gnutls_certificate_set_x509_system_trust(cred);
}

/* What something logs of a configuration, or "" */
static const char *said_of(void (*say)(const char *name), const char *text)
{
	static char line[1024];
	ssize_t len;
	int fds[2];

	write_bytes(text, strlen(text));
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	ksc_log_open(fds[1]);
	say(path);
	len = read(fds[0], line, sizeof(line) - 1);
	line[len < 0 ? 0 : len] = '\0';
	ksc_log_open(STDERR_FILENO);
	close(fds[0]);
	close(fds[1]);
	return line;
}

static void load_good(const char *name)
{
	struct ksc_config *config = ksc_config_load(name, stderr);

	assert_non_null(config);
	ksc_config_free(config);
}

/* What is logged of a good one */
static const char *warnings(const char *text)
{
	return said_of(load_good, text);
}

/* A key that is everybody's: so is the credential, unless it names its users. */
static void open_keys(void **state)
{
	static const struct {
		mode_t directory, key;
		const char *warning;
	} modes[] = {
		{ 0755, 0600, NULL }, { 0755, 0640, NULL }, { 0700, 0644, NULL },
		{ 0755, 0644, "read by everybody" }, { 0711, 0604, "read by everybody" },
		{ 0755, 0602, "written by everybody" }, { 0700, 0666, "written by everybody" },
	};
	char dir[] = "/tmp/ksc-key-XXXXXX", key[80], text[512];
	const char *said;
	size_t i;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(key, sizeof(key), "%s/key", dir);
	snprintf(text, sizeof(text), "cp " CERTS "/server.key %s", key);
	assert_int_equal(system(text), 0); /* NOLINT(cert-env33-c): our own names */
	snprintf(text, sizeof(text), "[credential s]\nrole = server\ncert = " CERTS
		 "/server.pem\nkey = %s\n", key);
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod(dir, modes[i].directory) | chmod(key, modes[i].key), 0);
		said = warnings(text);
		if (!modes[i].warning)
			assert_string_equal(said, "");
		else if (!strstr(said, modes[i].warning) || !strstr(said, ":4: key: "))
			fail_msg("%o: %s", modes[i].key, said);
	}
	unlink(key);
	rmdir(dir);
}

/* Who relies on the system's authorities is refused, who might is warned. */
static void no_system_trust(void **state)
{
	(void)state;
	no_authorities = true;
	bad("[credential c]\nrole = client\ntrust = system\n",
	    "3: trust: the system has no certificate authorities");
	assert_non_null(strstr(warnings(SERVER), "accept no server\n"));
	no_authorities = false;
}

/* A cgroup may come later, and a name that is misspelt never does. */
static void absent_cgroup(void **state)
{
	static const char text[] = SERVER "[rule r]\naction = prefer\ndirection = accept\n"
				   "cgroup = %s\n";
	char absent[sizeof(text) + 32], root[sizeof(text) + 32];

	(void)state;
	snprintf(absent, sizeof(absent), text, "/ksc.slice/ksc-nowhere.service/");
	assert_non_null(strstr(warnings(absent),
			       ":8: there is no cgroup /ksc.slice/ksc-nowhere.service now\n"));
	snprintf(root, sizeof(root), text, "/");
	if (!access("/sys/fs/cgroup", F_OK))
		assert_string_equal(warnings(root), "");
}

static const char *said_of_key(const char *key)
{
	char text[512];

	snprintf(text, sizeof(text), "[credential s]\nrole = server\ncert = " CERTS
		 "/server.pem\nkey = %s\n", key);
	return said_of(ksc_hidden_warn, text);
}

/* What is there in a shell, and not for the daemon's unit, by whatever name. */
static void unseen_files(void **state)
{
	char key[] = "/tmp/ksc-unseen-XXXXXX", link[] = CERTS "/unseen-XXXXXX", wanted[512];

	(void)state;
	close(mkstemp(key));
	close(mkstemp(link));
	assert_int_equal(unlink(link) | symlink(key, link), 0);
	/* cert is in the sources' directory, wherever that is */
	assert_null(strstr(said_of_key("/etc/passwd"), "/etc/passwd:"));
	snprintf(wanted, sizeof(wanted), "%s: %s: kschanneld.service cannot read it, for its "
		 "PrivateTmp=yes\n", path, key);
	assert_non_null(strstr(said_of_key(key), wanted));
	snprintf(wanted, sizeof(wanted), "%s: %s: kschanneld.service cannot read it, for its "
		 "PrivateTmp=yes\n", path, link);
	assert_non_null(strstr(said_of_key(link), wanted));
	unlink(link);
	unlink(key);
}

static unsigned int count_trusts(const struct ksc_config *config)
{
	unsigned int n = 0;
	size_t i, k;

	for (i = 0; i < config->credentials->n; i++) {
		const struct ksc_trust *trust = config->credentials->list[i]->trust;

		for (k = 0; k < i && config->credentials->list[k]->trust != trust; k++)
			;
		n += trust && k == i;
	}
	return n;
}

/* Lists of the same content are one, in whatever files, and however often they are loaded. */
static void one_list(void **state)
{
	struct ksc_config *config, *again;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int i;

	(void)state;
	assert_non_null(out);
	for (i = 0; i < 50; i++)
		fprintf(out, "[credential c%d]\nrole = client\ntrust = %s\n", i,
			i % 2 ? CERTS "/ca.pem" : CERTS "/../certs/ca.pem");
	fprintf(out, "[credential other]\nrole = client\ntrust = " CERTS "/otherca.pem\n"
		"[credential mine]\nrole = client\ntrust = " CERTS "/ca.pem\ndefault = yes\n");
	fclose(out);
	good(text, &config);
	assert_int_equal(count_trusts(config), 2);
	good(text, &again);
	assert_ptr_equal(find(config, "c1")->trust, find(again, "c2")->trust);
	assert_ptr_not_equal(find(config, "other")->trust, find(again, "c2")->trust);
	ksc_config_free(config);
	ksc_config_free(again);
	free(text);
	/* The system's, an empty list perhaps, is the built-in credential's as well. */
	good("", &config);
	good("", &again);
	assert_non_null(find(config, "system")->trust);
	assert_ptr_equal(find(config, "system")->trust, find(again, "system")->trust);
	ksc_config_free(again);
	ksc_config_free(config);
}

/* What would block, or never end, and what is too much. */
static void no_files(void **state)
{
	char name[80];
	char text[256];
	char *complaints = NULL;
	size_t size;
	FILE *out;
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "%s.fifo", path);
	assert_int_equal(mkfifo(name, 0600), 0);
	alarm(20);
	snprintf(text, sizeof(text), "[credential s]\nrole = server\ncert = %s\nkey = %s\n",
		 name, CERTS "/server.key");
	bad(text, "3: cert: /tmp/ksc-config-");
	snprintf(text, sizeof(text), "[credential s]\nrole = server\ncert = %s\nkey = %s\n",
		 CERTS "/server.pem", name);
	bad(text, "4: key: /tmp/ksc-config-");
	bad("[credential c]\nrole = client\ntrust = /dev/zero\n",
	    "3: trust: /dev/zero: this is no regular file");
	bad("[credential c]\nrole = client\ntrust = /tmp\n", "3: trust: /tmp: this is a directory");
	out = open_memstream(&complaints, &size);
	assert_non_null(out);
	assert_null(ksc_config_load(name, out));
	assert_null(ksc_config_load("/dev/zero", out));
	unlink(name);
	fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, KSC_MAX_FILE + 1), 0);
	close(fd);
	assert_null(ksc_config_load(name, out));
	fclose(out);
	alarm(0);
	assert_non_null(strstr(complaints, "this is no regular file\n/dev/zero: this is no"));
	assert_non_null(strstr(complaints, ": this is larger than 16 MiB\n"));
	free(complaints);
	unlink(name);
}

static void defaults(void **state)
{
	struct ksc_config *config;

	(void)state;
	bad("[credential a]\nrole = client\ntrust = " CERTS "/ca.pem\ndefault = yes\n"
	    "[credential b]\nrole = client\ntrust = " CERTS "/ca.pem\ndefault = yes\n",
	    "5: credential a is a default for clients already");
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

/* All faults are told at once, in the order of their lines within each section. */
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
		cmocka_unit_test(bad_files),
		cmocka_unit_test(bad_pems),
		cmocka_unit_test(spellings),
		cmocka_unit_test(open_keys),
		cmocka_unit_test(no_system_trust),
		cmocka_unit_test(absent_cgroup),
		cmocka_unit_test(unseen_files),
		cmocka_unit_test(one_list),
		cmocka_unit_test(no_files),
		cmocka_unit_test(defaults),
		cmocka_unit_test(many_faults),
	};

	return cmocka_run_group_tests_name("config", tests, make_path, remove_path);
}
