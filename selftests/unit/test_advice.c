// SPDX-License-Identifier: GPL-2.0-only
/* advice.c: what is said of a configuration that loads, but does not do what it is meant to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/advice.h"
#include "conf.h"

#define CRED(role, cert, key)	"[credential s]\nrole = " role "\ntrust = " CERTS "/ca.pem\n" \
				"cert = " CERTS "/" cert ".pem\nkey = " CERTS "/" key ".key\n"

static void advise(const char *name)
{
	struct ksc_config *config = ksc_config_load(name, stderr);

	assert_non_null(config);
	ksc_advice_give(config, name);
	ksc_config_free(config);
}

/* All that is said of it but that keys of the tests are world-readable. */
static const char *advice(const char *text)
{
	static char said[1024];
	const char *from = said_of(advise, text), *end;
	char *to = said;

	for (; *from; from = end) {
		end = strchr(from, '\n') + 1;
		if (memmem(from, (size_t)(end - from), "world-readable", 14))
			continue;
		memcpy(to, from, (size_t)(end - from));
		to += end - from;
	}
	*to = '\0';
	return said;
}

/* One line, which says where and that. */
static void says(const char *text, const char *where, const char *what)
{
	const char *said = advice(text);

	if (!strstr(said, where) || !strstr(said, what) || strchr(said, '\n')[1])
		fail_msg("wanted: %s %s\ngot: %s", where, what, said);
}

static void faults(void **state)
{
	static const struct {
		const char *text;
		const char *what;
	} cases[] = {
		{ CRED("server", "expired", "expired"),
		  "expired.pem: certificate 1 of the chain expired on 20" },
		{ CRED("server", "future", "future"),
		  "future.pem: certificate 1 of the chain is not valid before 20" },
		{ CRED("server", "purpose", "purpose"),
		  "purpose.pem: its extended key usage lacks serverAuth" },
		{ CRED("client", "server", "server"),
		  "server.pem: its extended key usage lacks clientAuth" },
		{ CRED("both", "purpose", "purpose"),
		  "purpose.pem: its extended key usage lacks serverAuth" },
		{ CRED("server", "bare", "bare"),
		  "bare.pem: it is the certificate of an authority" },
		{ CRED("server", "no-sign", "no-sign"),
		  "no-sign.pem: its key usage lacks digitalSignature" },
		{ CRED("server", "found", "found"),
		  "found.pem: the chain is incomplete: it lacks the certificate of \"" },
		{ CRED("server", "found-more", "found"),
		  "found-more.pem: 1 of its 3 certificates do not belong to the chain" },
		{ CRED("server", "must-staple", "must-staple"),
		  "must-staple.pem: it demands an OCSP staple" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		says(cases[i].text, ":1: credential s: " CERTS "/", cases[i].what);
	/* the second of a list */
	says("[daemon]\n[credential s]\nrole = server\ncert = " CERTS "/server.pem, " CERTS
	     "/expired.pem\nkey = " CERTS "/server.key, " CERTS "/expired.key\n",
	     ":2: credential s: " CERTS "/", "expired.pem: certificate 1 of the chain expired");
}

/* Nothing is said of what is in order. */
static void in_order(void **state)
{
	(void)state;
	assert_string_equal(advice(CRED("server", "server", "server")), "");
	assert_string_equal(advice(CRED("both", "nosubject", "nosubject")), "");
	assert_string_equal(advice(CRED("client", "client", "client")), "");
	assert_string_equal(advice(CRED("server", "found-whole", "found")), "");
	/* the issuer is one that the credential trusts */
	assert_string_equal(advice("[credential s]\nrole = server\ntrust = " CERTS "/middle.pem\n"
				   "cert = " CERTS "/found.pem\nkey = " CERTS "/found.key\n"), "");
}

#define SERVES(name, cert)	"[credential " name "]\nrole = server\ncert = " CERTS "/" cert \
				".pem\nkey = " CERTS "/" cert ".key\n"

static void never_chosen(void **state)
{
	(void)state;
	says(SERVES("a", "server") SERVES("b", "server"), ":5: credential b: ",
	     "it is selected by name: credential a has its server names and kinds of keys");
	says(SERVES("a", "server") SERVES("b", "server") "names = a.wild.test, server.test\n"
	     SERVES("c", "server") "names = SERVER.test, a.wild.test\n", ":10: credential c: ",
	     "it is selected by name: credential b has its server names");
	says(SERVES("a", "server") SERVES("b", "other-uri"), ":5: credential b: ",
	     "it is selected by name: it has no server names");
	/* other kinds of keys, names of its own, a rule, or the default */
	assert_string_equal(advice(SERVES("a", "server") SERVES("b", "rsa")), "");
	assert_string_equal(advice(SERVES("a", "server") SERVES("b", "second")), "");
	assert_string_equal(advice(SERVES("a", "server") SERVES("b", "server")
				   "[rule r]\naction = require\ndirection = accept\n"
				   "credential = b\n"), "");
	assert_string_equal(advice(SERVES("a", "server") SERVES("b", "server") "default = yes\n"),
			    "");
	/* the first is not for everybody */
	assert_string_equal(advice(SERVES("a", "server") "users = 0\n" SERVES("b", "server")), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults), cmocka_unit_test(in_order),
		cmocka_unit_test(never_chosen),
	};

	return cmocka_run_group_tests_name("advice", tests, make_path, remove_path);
}
