// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each of our allocations fails once: no crash, no leak, no success by mistake.
 * (The libraries' own can't be refused: GMP aborts, and GnuTLS 3.7.9 crashes in
 * gnutls_x509_dn_init().)
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/handed.h"
#include "context/users.h"
#include "side.h"

static unsigned int countdown;
static bool armed;

static bool refuse(void)
{
	if (!armed || !countdown)
		return false;
	return --countdown == 0;
}

/* The linker makes our own objects call the first of each pair, and that the second. */
void *__wrap_malloc(size_t size);
void *__real_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
char *__wrap_strdup(const char *text);
char *__real_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t n);
char *__real_strndup(const char *text, size_t n);

void *__wrap_malloc(size_t size)
{
	return refuse() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return refuse() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return refuse() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
	return refuse() ? NULL : __real_reallocarray(old, n, size);
}

char *__wrap_strdup(const char *text)
{
	return refuse() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t n)
{
	return refuse() ? NULL : __real_strndup(text, n);
}

static void arm(unsigned int at)
{
	countdown = at;
	armed = true;
}

/* Whether the failure that was asked for came to pass. */
static bool disarm(void)
{
	armed = false;
	return countdown == 0;
}

/**
 * struct half - one of two engines
 * @engine: the session
 * @step: the last step
 * @in: what came from the other
 * @over: no further step is possible
 */
struct half {
	struct ksc_engine *engine;
	struct ksc_step step;
	struct wire in;
	bool over;
};

/* What is asked is answered at once. */
static void half_step(struct half *half, struct half *other)
{
	armed = countdown > 0;
	ksc_engine_step(half->engine, half->in.data, half->in.len, &half->step);
	armed = false;
	assert_true(half->step.consumed <= half->in.len);
	if (ksc_status_is_failure(half->step.status))
		assert_true(strlen(half->step.text) > 0);
	half->over = half->step.status == KSC_STATUS_OK ||
		     ksc_status_is_failure(half->step.status);
	wire_eat(&half->in, half->step.consumed);
	wire_put(&other->in, half->step.token, half->step.token_len);
	if (half->step.status == KSC_STATUS_VERIFY_NEEDED)
		ksc_engine_decide(half->engine, KSC_VERDICT_ACCEPT, 0);
	else if (half->step.status == KSC_STATUS_INCOMPLETE_CREDENTIALS)
		ksc_engine_pick(half->engine, NULL);
	else
		return;
	half_step(half, other);
}

static bool idle(const struct half *half)
{
	return half->over || !half->in.len ||
	       half->step.status == KSC_STATUS_INCOMPLETE_MESSAGE;
}

/* Two engines, with the @at'th allocation refused; true if there were that many. */
static bool handshake_without(unsigned int at, struct ksc_credentials *creds,
			      enum ksc_verify verify, bool *ok)
{
	static struct half client, server;
	struct ksc_engine_params params = {
		.credentials = creds, .role = KSC_ROLE_CLIENT, .server_name = "server.test",
		.verify = verify, .pick = true,
	};
	unsigned int rounds = 0;
	bool failed;

	memset(&client, 0, sizeof(client));
	memset(&server, 0, sizeof(server));
	arm(at);
	client.engine = ksc_engine_new(&params);
	params.role = KSC_ROLE_SERVER;
	server.engine = ksc_engine_new(&params);
	armed = false;
	if (client.engine && server.engine) {
		half_step(&client, &server);
		while ((!idle(&client) || !idle(&server)) && rounds++ < 16) {
			if (!idle(&server))
				half_step(&server, &client);
			if (!idle(&client))
				half_step(&client, &server);
		}
	}
	*ok = client.engine && server.engine && client.step.status == KSC_STATUS_OK &&
	      server.step.status == KSC_STATUS_OK;
	ksc_engine_free(client.engine);
	ksc_engine_free(server.engine);
	failed = disarm();
	return failed;
}

static void handshake_with(struct cred_options cred, enum ksc_verify verify)
{
	struct cred_options both[] = { cred, cred };
	struct ksc_credentials *creds;
	unsigned int at = 1;
	bool ok;

	/* A client without a certificate, and a server that asks for one. */
	both[0].roles = KSC_ROLE_BIT(KSC_ROLE_CLIENT);
	both[0].ca = "ca";
	both[1].name = "server";
	both[1].roles = KSC_ROLE_BIT(KSC_ROLE_SERVER);
	both[1].cert = "server";
	both[1].ca = "ca";
	both[1].verify = verify == KSC_VERIFY_MANUAL ? KSC_VERIFY_REQUEST : KSC_VERIFY_DEFAULT;
	creds = creds_new(both, 2);
	while (handshake_without(at, creds, verify, &ok)) {
		/* There are none that can be done without. */
		assert_false(ok);
		at++;
	}
	assert_true(ok);
	assert_true(at > 4);
	ksc_credentials_put(creds);
}

static void our_allocations(void **state)
{
	(void)state;
	handshake_with((struct cred_options) { .tls12 = true }, KSC_VERIFY_DEFAULT);
	handshake_with((struct cred_options) { .tls13 = true }, KSC_VERIFY_DEFAULT);
	handshake_with((struct cred_options) { .tls12 = true }, KSC_VERIFY_MANUAL);
	handshake_with((struct cred_options) { .tls13 = true }, KSC_VERIFY_MANUAL);
}

static const char configuration[] =
	"[daemon]\nlog-level = debug\n[credential s]\nrole = server\n"
	"cert = " KSC_TEST_CERTS "/server.pem, " KSC_TEST_CERTS "/rsa.pem\n"
	"key = " KSC_TEST_CERTS "/server-pkcs8.key, " KSC_TEST_CERTS "/rsa.key\n"
	"pkcs12 = " KSC_TEST_CERTS "/server.p12\nkey-password-file = " KSC_TEST_CERTS "/password\n"
	"names = a, b, *.c.d\nalpn = h2, x\nusers = root, 1\ngroups = 5\n"
	"[credential c]\nrole = client\ntrust = " KSC_TEST_CERTS "/ca.pem\ndefault = yes\n"
	"[rule r]\naction = never\n";

static void configuration_allocations(void **state)
{
	char path[] = "/tmp/ksc-alloc-XXXXXX";
	int fd = mkstemp(path);
	unsigned int at = 1;
	bool failed;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, configuration, sizeof(configuration) - 1),
			 sizeof(configuration) - 1);
	close(fd);
	do {
		struct ksc_config *config;
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);

		assert_non_null(out);
		arm(at++);
		config = ksc_config_load(path, out);
		failed = disarm();
		fclose(out);
		/* A file that was read in part is never taken for the whole. */
		if (failed)
			assert_null(config);
		else
			assert_non_null(config);
		if (!config)
			assert_true(size > 0);
		ksc_config_free(config);
		free(text);
	} while (failed);
	assert_true(at > 20);
	unlink(path);
}

/* Enough to make a table grow several times */
#define MANY	2000

/* An element that cannot be added leaves the table as it was. */
static void users_allocations(void **state)
{
	static struct ksc_user *all[MANY];
	struct ksc_users users = { 0 };
	unsigned int failures = 0, at, i;

	(void)state;
	for (i = 0; i < MANY; i++) {
		for (at = 1; ; at++) {
			arm(at);
			all[i] = ksc_user_find(&users, i);
			if (!disarm())
				break;
			assert_null(all[i]);
			assert_int_equal(HASH_COUNT(users.table), i);
			failures++;
		}
		assert_non_null(all[i]);
	}
	/* each user, the table, its buckets, and more of them as often as its seed has it */
	assert_true(failures > MANY + 2);
	for (i = 0; i < MANY; i++) {
		assert_ptr_equal(ksc_user_find(&users, i), all[i]);
		ksc_user_put(all[i]);
		ksc_user_put(all[i]);
	}
	assert_null(users.table);
}

static void handed_allocations(void **state)
{
	struct ksc_handed *handed = ksc_handed_new();
	unsigned int at, i;
	char name[16];
	uid_t uid;
	gid_t gid;
	bool failed;

	(void)state;
	assert_non_null(handed);
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "user%u", i);
		at = 1;
		do {
			int rc;

			assert_int_equal(ksc_handed_account(handed, name, &uid, &gid), -ESTALE);
			arm(at++);
			rc = ksc_handed_add_account(handed, name, 0, i, i);
			failed = disarm();
			assert_int_equal(rc, failed ? -ENOMEM : 0);
		} while (failed);
	}
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "user%u", i);
		assert_int_equal(ksc_handed_account(handed, name, &uid, &gid), 0);
		assert_int_equal(uid, i);
	}
	ksc_handed_free(handed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_allocations),
		cmocka_unit_test(configuration_allocations),
		cmocka_unit_test(users_allocations),
		cmocka_unit_test(handed_allocations),
	};

	return cmocka_run_group_tests_name("alloc", tests, NULL, NULL);
}
