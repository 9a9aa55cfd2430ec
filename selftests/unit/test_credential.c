// SPDX-License-Identifier: GPL-2.0-only
/* credential.c: which credential is used, and by whom. */
#include <errno.h>
#include <string.h>

#include "name.h"
#include "side.h"

#define SERVER	KSC_ROLE_BIT(KSC_ROLE_SERVER)
#define CLIENT	KSC_ROLE_BIT(KSC_ROLE_CLIENT)

static enum ksc_status choose(const struct ksc_credentials *set, enum ksc_role role,
			      const char *name, const char *server_name, uid_t uid,
			      const char **found)
{
	const struct ksc_choice choice = {
		.role = role, .name = name, .server_name = server_name,
		.uid = uid, .gid = 100,
	};
	const struct ksc_credential *cred;
	enum ksc_status status = ksc_credentials_choose(set, &choice, &cred);

	assert_int_equal(!cred, status != KSC_STATUS_OK);
	*found = cred ? cred->name : "";
	return status;
}

static void choose__by_server_name(void **state)
{
	static const struct cred_options list[] = {
		{ .name = "first", .roles = SERVER, .cert = "server" },
		{ .name = "second", .roles = SERVER, .cert = "second", .not_default = true },
		{ .name = "clients", .roles = CLIENT },
	};
	static const struct {
		const char *server_name;
		const char *wanted;
	} cases[] = {
		{ "second.test", "second" },
		{ "SECOND.Test", "second" },
		{ "server.test", "first" },
		{ "a.wild.test", "first" },
		{ "nowhere.test", "first" },
		{ NULL, "first" },
	};
	struct ksc_credentials *set = creds_new(list, 3);
	const char *found;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(choose(set, KSC_ROLE_SERVER, NULL, cases[i].server_name, 0,
					&found), KSC_STATUS_OK);
		assert_string_equal(found, cases[i].wanted);
	}
	/* A client's credential has nothing to do with the name. */
	assert_int_equal(choose(set, KSC_ROLE_CLIENT, "", "second.test", 0, &found), KSC_STATUS_OK);
	assert_string_equal(found, "clients");
	ksc_credentials_put(set);
}

static struct ksc_credential *named(const char *name, const char *server_name)
{
	struct ksc_credential *cred = ksc_credential_new(name, SERVER);

	assert_non_null(cred);
	assert_int_equal(ksc_credential_add_name(cred, server_name), 0);
	assert_int_equal(ksc_credential_finish(cred), 0);
	return cred;
}

static void choose__wildcards(void **state)
{
	struct ksc_credentials *set = ksc_credentials_new();
	const char *found;

	(void)state;
	assert_non_null(set);
	assert_int_equal(ksc_credentials_add(set, named("wild", "*.example")), 0);
	assert_int_equal(ksc_credentials_add(set, named("exact", "a.example")), 0);
	assert_int_equal(choose(set, KSC_ROLE_SERVER, NULL, "b.example", 0, &found), KSC_STATUS_OK);
	assert_string_equal(found, "wild");
	/* The exact one goes first, wherever it stands. */
	assert_int_equal(choose(set, KSC_ROLE_SERVER, NULL, "a.example", 0, &found), KSC_STATUS_OK);
	assert_string_equal(found, "exact");
	/* A star stands for one label, not none, not two. */
	assert_int_equal(choose(set, KSC_ROLE_SERVER, NULL, "a.b.example", 0, &found),
			 KSC_STATUS_NO_CREDENTIALS);
	assert_int_equal(choose(set, KSC_ROLE_SERVER, NULL, "example", 0, &found),
			 KSC_STATUS_NO_CREDENTIALS);
	assert_int_equal(choose(set, KSC_ROLE_SERVER, NULL, ".example", 0, &found),
			 KSC_STATUS_NO_CREDENTIALS);
	ksc_credentials_put(set);
}

static void choose__by_name(void **state)
{
	static const struct cred_options list[] = {
		{ .name = "s", .roles = SERVER, .cert = "server" },
		{ .name = "c", .roles = CLIENT },
	};
	struct ksc_credentials *set = creds_new(list, 2);
	const char *found;

	(void)state;
	assert_int_equal(choose(set, KSC_ROLE_SERVER, "s", "x", 0, &found), KSC_STATUS_OK);
	assert_string_equal(found, "s");
	/* What was asked for by name has no substitute. */
	assert_int_equal(choose(set, KSC_ROLE_SERVER, "c", NULL, 0, &found),
			 KSC_STATUS_NO_CREDENTIALS);
	assert_int_equal(choose(set, KSC_ROLE_SERVER, "none", NULL, 0, &found),
			 KSC_STATUS_NO_CREDENTIALS);
	ksc_credentials_put(set);
}

static void choose__by_owner(void **state)
{
	static const struct cred_options list[] = {
		{ .name = "theirs", .roles = SERVER, .cert = "second", .not_default = true,
		  .restricted = true, .uid = 1000 },
		{ .name = "mine", .roles = SERVER, .cert = "server", .restricted = true, .uid = 0 },
	};
	struct ksc_credentials *set = creds_new(list, 2);
	const char *found;

	(void)state;
	assert_int_equal(choose(set, KSC_ROLE_SERVER, "theirs", NULL, 1000, &found), KSC_STATUS_OK);
	/* Not even root's, unless it is listed. */
	assert_int_equal(choose(set, KSC_ROLE_SERVER, "theirs", NULL, 0, &found),
			 KSC_STATUS_ACCESS_DENIED);
	assert_int_equal(choose(set, KSC_ROLE_SERVER, NULL, "second.test", 0, &found),
			 KSC_STATUS_OK);
	assert_string_equal(found, "mine");
	assert_int_equal(choose(set, KSC_ROLE_SERVER, NULL, "second.test", 7, &found),
			 KSC_STATUS_ACCESS_DENIED);
	assert_int_equal(ksc_credential_allow_gid(set->list[0], 100), 0);
	assert_int_equal(choose(set, KSC_ROLE_SERVER, "theirs", NULL, 0, &found), KSC_STATUS_OK);
	ksc_credentials_put(set);
}

static void alpn__bounds(void **state)
{
	struct ksc_credential *cred = ksc_credential_new("x", CLIENT);
	char name[KSC_MAX_ALPN_NAME + 2];
	int i;

	(void)state;
	assert_non_null(cred);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(ksc_alpn_add(&cred->alpn, &cred->alpn_len, ""), -EINVAL);
	assert_int_equal(ksc_alpn_add(&cred->alpn, &cred->alpn_len, name), -EINVAL);
	for (i = 0; i < KSC_MAX_ALPN_NAMES; i++)
		assert_int_equal(ksc_alpn_add(&cred->alpn, &cred->alpn_len, name + 1), 0);
	assert_int_equal(ksc_alpn_add(&cred->alpn, &cred->alpn_len, "b"), -EINVAL);
	assert_int_equal(cred->alpn_len, KSC_MAX_ALPN_NAMES * (1 + KSC_MAX_ALPN_NAME));
	ksc_credential_free(cred);
}

/* Sessions outlive the generation they were begun with. */
static void generations(void **state)
{
	static const struct cred_options opt = { .roles = CLIENT };
	struct ksc_engine_params params = {
		.credentials = creds_new(&opt, 1), .role = KSC_ROLE_CLIENT,
		.server_name = "server.test",
	};
	struct side *side = side_new(&params);

	(void)state;
	ksc_credentials_put(params.credentials);
	assert_int_equal(side_step(side, 0), KSC_STATUS_CONTINUE_NEEDED);
	assert_string_equal(ksc_engine_credential(side->engine)->name, "default");
	side_free(side);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(choose__by_server_name),
		cmocka_unit_test(choose__wildcards),
		cmocka_unit_test(choose__by_name),
		cmocka_unit_test(choose__by_owner),
		cmocka_unit_test(alpn__bounds),
		cmocka_unit_test(generations),
	};

	return cmocka_run_group_tests_name("credential", tests, NULL, NULL);
}
