// SPDX-License-Identifier: GPL-2.0-only
/*
 * config.c, hidden.c, pem.c: files that a configuration names, and the complaints about bad
 * ones.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf.h"
#include "config/hidden.h"
#include "config/read.h"

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
	bad(S "cert = " CERTS "/server.pem\n", "3: the key for this cert is missing");
	bad(S "key = " CERTS "/server.key\n", "3: the cert for this key is missing");
	bad(S "cert = server.pem\nkey = " CERTS "/server.key\n",
	    "3: cert: \"server.pem\" is not an absolute path");
	bad(S "cert = /nonexistent\nkey = " CERTS "/server.key\n",
	    "3: cert: /nonexistent: No such file");
	bad(S "cert = " CERTS "/server.pem\nkey = /nonexistent\n",
	    "4: key: /nonexistent: No such file");
	bad(S "cert = " CERTS "/server.pem\nkey = " CERTS "/client.key\n", "4: key: ");
	bad(S "cert = " CERTS "/server.key\nkey = " CERTS "/server.key\n",
	    "3: cert: " CERTS "/server.key: it has a key but no certificate\n");
	bad(S "cert = " CERTS "/server.pem\nkey = " CERTS "/server.pem\n",
	    "4: key: " CERTS "/server.pem: it has a certificate but no key\n");
	bad(S "cert = " CERTS "/server.pem\nkey = " CERTS "/huge-modulus.crt.der\n",
	    "4: key: " CERTS "/huge-modulus.crt.der: ");
	bad("[credential c]\nrole = client\ntrust = /nonexistent\n",
	    "3: trust: /nonexistent: No such file");
	bad("[credential c]\nrole = client\ntrust = " CERTS "/ca.key\n",
	    "3: trust: " CERTS "/ca.key: it has a key but no certificate\n");
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
	bad_pem("hello\n", "cert", 3, "it has no certificate\n");
	bad_pem("hello\n", "key", 4, "it has no key\n");
	bad_pem(damaged, "cert", 3, "");
	bad_pem(damaged, "trust", 5, "");
	bad_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "key", 4, "");
	bad_pem("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIHs\n"
		"-----END ENCRYPTED PRIVATE KEY-----\n", "key", 4,
		"it is encrypted: key-password-file is missing\n");
	bad_pem("-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n"
		"\nMIHs\n-----END EC PRIVATE KEY-----\n", "key", 4,
		"it is encrypted: key-password-file is missing\n");
}

static bool no_authorities;

int __real_gnutls_certificate_set_x509_system_trust(gnutls_certificate_credentials_t cred);
int __wrap_gnutls_certificate_set_x509_system_trust(gnutls_certificate_credentials_t cred);

int __wrap_gnutls_certificate_set_x509_system_trust(gnutls_certificate_credentials_t cred)
{
	return no_authorities ? 0 : __real_gnutls_certificate_set_x509_system_trust(cred);
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
		{ 0755, 0644, "is world-readable" }, { 0711, 0604, "is world-readable" },
		{ 0755, 0602, "is world-writable" }, { 0700, 0666, "is world-writable" },
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

/* A credential that relies on the system's authorities is refused; one that might, warned of. */
static void no_system_trust(void **state)
{
	(void)state;
	no_authorities = true;
	bad("[credential c]\nrole = client\ntrust = system\n",
	    "3: trust: the system has no certificate authorities");
	assert_non_null(strstr(warnings(SERVER), "accept no server\"\n"));
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

/* Files that exist in a shell, and not in the daemon's unit, by any path. */
static void unseen_files(void **state)
{
	char key[] = "/tmp/ksc-unseen-XXXXXX", link[] = CERTS "/unseen-XXXXXX", wanted[512];

	(void)state;
	close(mkstemp(key));
	close(mkstemp(link));
	assert_int_equal(unlink(link) | symlink(key, link), 0);
	/* cert is in the sources' directory, wherever that is */
	assert_null(strstr(said_of_key("/etc/passwd"), "/etc/passwd:"));
	snprintf(wanted, sizeof(wanted), "%s: %s: kschanneld.service cannot read it, "
		 "because it has PrivateTmp=yes\n", path, key);
	assert_non_null(strstr(said_of_key(key), wanted));
	snprintf(wanted, sizeof(wanted), "%s: %s: kschanneld.service cannot read it, "
		 "because it has PrivateTmp=yes\n", path, link);
	assert_non_null(strstr(said_of_key(link), wanted));
	unlink(link);
	unlink(key);
}

static unsigned int count_trusts(const struct ksc_config *config)
{
	unsigned int n = 0;
	size_t i, k;

	for (i = 0; i < config->credentials->n; i++) {
		const struct ksc_trust *trust = config->credentials->list[i]->validation.trust;

		for (k = 0; k < i && config->credentials->list[k]->validation.trust != trust; k++)
			;
		n += trust && k == i;
	}
	return n;
}

/* Lists of the same content are shared, in any files, and over all loads. */
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
	assert_ptr_equal(find(config, "c1")->validation.trust,
			 find(again, "c2")->validation.trust);
	assert_ptr_not_equal(find(config, "other")->validation.trust,
			     find(again, "c2")->validation.trust);
	ksc_config_free(config);
	ksc_config_free(again);
	free(text);
	/* The system's, an empty list perhaps, is the built-in credential's as well. */
	good("", &config);
	good("", &again);
	assert_non_null(find(config, "system")->validation.trust);
	assert_ptr_equal(find(config, "system")->validation.trust,
			 find(again, "system")->validation.trust);
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
	    "3: trust: /dev/zero: not a regular file");
	bad("[credential c]\nrole = client\ntrust = /tmp\n", "3: trust: /tmp: is a directory");
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
	assert_non_null(strstr(complaints, "not a regular file\n/dev/zero: not a"));
	assert_non_null(strstr(complaints, ": larger than 16 MiB\n"));
	free(complaints);
	unlink(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_files),
		cmocka_unit_test(bad_pems),
		cmocka_unit_test(open_keys),
		cmocka_unit_test(no_system_trust),
		cmocka_unit_test(absent_cgroup),
		cmocka_unit_test(unseen_files),
		cmocka_unit_test(one_list),
		cmocka_unit_test(no_files),
	};

	return cmocka_run_group_tests_name("config_files", tests, make_path, remove_path);
}
