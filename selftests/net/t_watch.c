// SPDX-License-Identifier: GPL-2.0-only
/* Certificates that are renewed: the daemon reloads them by itself, which only its log shows. */
#include <stdlib.h>
#include <unistd.h>

#include "lib/own.h"
#include "lib/policy.h"

#define DIR "/tmp/watch/"
#define RENEWED "[credential renewed]\nrole = server\nnames = renewed.test\n"

static const struct t_opts renewed = { .credential = "renewed" };

static void sh(const char *command)
{
	assert_int_equal(t_shell(command), 0);
}

/* A client that is served with the certificate of that name, and with no other */
static void assert_served(const char *name)
{
	const struct t_opts client = { .server_name = name };
	char subject[64];
	int fds[2];

	t_pair_opts(AF_INET, &client, &renewed, fds);
	snprintf(subject, sizeof(subject), "CN=%s", name);
	assert_string_equal(t_info(fds[0]).peer_subject, subject);
	t_exchange(fds[0], fds[1]);
	close_pair(fds);
}

/* certbot's way: links to files of a number, which are replaced one by one */
static void test_links(void **state)
{
	(void)state;
	sh("mkdir " DIR "archive " DIR "live && cd " DIR "archive &&"
	   "cp " PKI "server.pem cert1.pem && cp " PKI "server.key key1.pem &&"
	   "cp " PKI "other.pem cert2.pem && cp " PKI "other.key key2.pem && cd ../live &&"
	   "ln -s ../archive/cert1.pem cert.pem && ln -s ../archive/key1.pem key.pem");
	own_start(&own, RENEWED "cert = " DIR "live/cert.pem\nkey = " DIR "live/key.pem\n");
	assert_served("server.test");
	for (unsigned int i = 1; i <= 2; i++) {
		sh("cd " DIR "live && n=1 && [ $(readlink key.pem) = ../archive/key2.pem ] || n=2;"
		   "ln -s ../archive/key$n.pem new && mv -f new key.pem &&"
		   "ln -s ../archive/cert$n.pem new && mv -f new cert.pem");
		own_await_logged(&own, "event=loaded", i);
		assert_served(i == 1 ? "other.test" : "server.test");
	}
}

/* Kubernetes' way: one link, behind which are all files */
static void test_volume(void **state)
{
	(void)state;
	sh("mkdir " DIR "..1 " DIR "..2 && cd " DIR " &&"
	   "cp " PKI "server.pem ..1/tls.crt && cp " PKI "server.key ..1/tls.key &&"
	   "cp " PKI "other.pem ..2/tls.crt && cp " PKI "other.key ..2/tls.key &&"
	   "ln -s ..1 ..data && ln -s ..data/tls.crt tls.crt && ln -s ..data/tls.key tls.key");
	own_start(&own, RENEWED "cert = " DIR "tls.crt\nkey = " DIR "tls.key\n");
	assert_served("server.test");
	sh("cd " DIR " && ln -s ..2 ..tmp && mv -T ..tmp ..data && rm -r ..1");
	own_await_logged(&own, "event=loaded", 1);
	assert_served("other.test");
	assert_int_equal(own_logged(&own, "configuration is unchanged"), 0);
}

/* As long as a certificate and its key do not belong together, those that do are in force. */
static void test_torn(void **state)
{
	(void)state;
	sh("cp " PKI "server.pem " DIR "cert && cp " PKI "server.key " DIR "key");
	own_start(&own, RENEWED "cert = " DIR "cert\nkey = " DIR "key\n");
	assert_served("server.test");
	sh("cp " PKI "other.pem " DIR "new && mv " DIR "new " DIR "cert");
	own_await_logged(&own, "configuration is unchanged", 1);
	own_await_log(&own, "key: " DIR "key is not the key of " DIR "cert");
	assert_served("server.test");
	sh("cp " PKI "other.key " DIR "new && mv " DIR "new " DIR "key");
	own_await_logged(&own, "event=loaded", 1);
	assert_served("other.test");
	/* not there for a while, and not what it should be */
	sh("rm " DIR "cert");
	own_await_logged(&own, "No such file", 1);
	sh("echo nothing >" DIR "cert");
	own_await_logged(&own, "configuration is unchanged", 3);
	assert_served("other.test");
	sh("cp " PKI "other.pem " DIR "cert");
	own_await_logged(&own, "event=loaded", 2);
	assert_served("other.test");
}

static int setup(void **state)
{
	(void)state;
	alarm(PATIENCE_LONG_S);
	own_namespace();
	sh("rm -rf " DIR " && mkdir " DIR);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	own_end(&own);
	return t_shell("rm -rf " DIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_volume, setup, teardown),
		cmocka_unit_test_setup_teardown(test_torn, setup, teardown),
	};

	return T_RUN(tests);
}
