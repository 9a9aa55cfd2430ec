// SPDX-License-Identifier: GPL-2.0-only
/* credential.c: which credential is used, and by whom. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "config/account.h"
#include "config/find.h"
#include "config/way.h"
#include "engine/name.h"
#include "side.h"

#define SERVER	KSC_ROLE_BIT(KSC_ROLE_SERVER)
#define CLIENT	KSC_ROLE_BIT(KSC_ROLE_CLIENT)

static enum ksc_status choose(const struct ksc_credentials *set, enum ksc_role role,
			      const char *name, const char *server_name, uid_t uid,
			      const char **found)
{
	const struct ksc_choice choice = {
		.role = role, .name = name, .server_name = server_name,
		.who.uid = uid, .who.gid = 100,
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
	/* Not even root's, unless it is listed; nor does a rule make it theirs. */
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

/* ---- who can read the key ---- */

static char key_dir[32];
static char key_path[64];

static int make_key(void **state)
{
	struct ksc_file file;
	const char *why;
	int fd, rc;

	(void)state;
	strcpy(key_dir, "/tmp/ksc-key-XXXXXX");
	if (!mkdtemp(key_dir) || chmod(key_dir, 0755))
		return -1;
	snprintf(key_path, sizeof(key_path), "%s/key", key_dir);
	fd = open(key_path, O_CREAT | O_WRONLY, 0600);
	rc = ksc_file_read(&file, cert_path("server", "key"), &why);
	if (fd < 0 || rc || write(fd, file.data.data, file.data.size) != (ssize_t)file.data.size)
		return -1;
	close(fd);
	ksc_file_free(&file);
	return 0;
}

static int remove_key(void **state)
{
	(void)state;
	unlink(key_path);
	return rmdir(key_dir);
}

/* Whether a user may use a credential with the key as it is now, perhaps by a rule. */
static enum ksc_status serves_who(struct ksc_who who, bool granted)
{
	struct ksc_credential *cred = ksc_credential_new("s", SERVER);
	struct ksc_credentials *set = ksc_credentials_new();
	struct ksc_choice choice = {
		.role = KSC_ROLE_SERVER, .name = "s", .granted = granted, .who = who,
	};
	const struct ksc_credential *found;
	struct ksc_file cert, key;
	enum ksc_status status;
	const char *why;

	assert_non_null(cred);
	assert_non_null(set);
	assert_int_equal(ksc_file_read(&cert, cert_path("server", "pem"), &why), 0);
	assert_int_equal(ksc_file_read(&key, key_path, &why), 0);
	assert_int_equal(ksc_credential_add_cert(cred, &(struct ksc_cert_files) {
							 .cert = &cert, .key = &key,
						 }, ksc_group_members), 0);
	ksc_file_free(&cert);
	ksc_file_free(&key);
	assert_int_equal(ksc_credential_finish(cred), 0);
	assert_int_equal(ksc_credentials_add(set, cred), 0);
	status = ksc_credentials_choose(set, &choice, &found);
	/* By the name that a client asks for, it is the same. */
	choice.name = NULL;
	choice.server_name = "server.test";
	assert_int_equal(ksc_credentials_choose(set, &choice, &found), status);
	ksc_credentials_put(set);
	return status;
}

static enum ksc_status serves(uid_t uid, gid_t gid, bool granted)
{
	return serves_who((struct ksc_who) { .uid = uid, .gid = gid }, granted);
}

#define YES	KSC_STATUS_OK
#define NO	KSC_STATUS_ACCESS_DENIED

static void key__modes(void **state)
{
	static const struct {
		mode_t mode;
		enum ksc_status owner;
		enum ksc_status group;
		enum ksc_status other;
	} cases[] = {
		{ 0600, YES, NO, NO }, { 0640, YES, YES, NO }, { 0644, YES, YES, YES },
		{ 0200, NO, NO, NO }, { 0604, YES, NO, YES }, { 0044, NO, YES, YES },
		{ 0711, YES, NO, NO },
	};
	size_t i;

	(void)state;
	if (geteuid())
		skip();
	assert_int_equal(chown(key_path, 1000, 2000), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(chmod(key_path, cases[i].mode), 0);
		assert_int_equal(serves(1000, 2000, false), cases[i].owner);
		assert_int_equal(serves(1000, 3000, false), cases[i].owner);
		assert_int_equal(serves(1001, 2000, false), cases[i].group);
		assert_int_equal(serves(1001, 3000, false), cases[i].other);
		assert_int_equal(serves(0, 0, false), YES);
		/* What the policy names is the operator's choice. */
		assert_int_equal(serves(1001, 3000, true), YES);
	}
}

/* What root is of a container, which may be shut out of what others of its groups can read. */
static void key__elsewhere(void **state)
{
	const gid_t list[] = { 0, 2000 };
	struct ksc_groups *groups = ksc_groups_new(list, 2);
	const struct ksc_who root = { .groups = groups, .netns = 1, .elsewhere = true };
	const struct ksc_who user = { .uid = 1000, .netns = 1, .elsewhere = true };

	(void)state;
	if (geteuid())
		skip();
	assert_int_equal(chown(key_path, 0, 2000), 0);
	assert_int_equal(chmod(key_path, 0640), 0);
	assert_int_equal(serves(0, 0, false), YES);
	assert_int_equal(serves_who(root, false), NO);
	assert_int_equal(serves_who(root, true), YES);
	assert_int_equal(chmod(key_path, 0604), 0);
	assert_int_equal(serves_who(root, false), YES);
	/* a user has the same files there that it has here */
	assert_int_equal(chmod(key_path, 0600), 0);
	assert_int_equal(chown(key_path, 1000, 0), 0);
	assert_int_equal(serves_who(user, false), YES);
	assert_int_equal(serves_who(root, false), NO);
	ksc_groups_put(groups);
}

/* Of an application all groups are known. */
static void key__groups(void **state)
{
	static const gid_t list[] = { 4000, 2000, 3000 };
	struct ksc_groups *groups = ksc_groups_new(list, 3), *others = ksc_groups_new(list, 1);
	const struct ksc_who member = { .uid = 1001, .gid = 5000, .groups = groups };
	const struct ksc_who stranger = { .uid = 1001, .gid = 5000, .groups = others };

	(void)state;
	if (geteuid())
		skip();
	assert_int_equal(chown(key_path, 1000, 2000), 0);
	assert_int_equal(chmod(key_path, 0640), 0);
	assert_int_equal(serves_who(member, false), YES);
	assert_int_equal(serves_who(stranger, false), NO);
	/* it is shut out where the others are not */
	assert_int_equal(chmod(key_path, 0604), 0);
	assert_int_equal(serves_who(member, false), NO);
	assert_int_equal(serves_who(stranger, false), YES);
	ksc_groups_put(groups);
	ksc_groups_put(others);
}

static unsigned int sorted;

void __real_qsort(void *base, size_t n, size_t size, int (*cmp)(const void *a, const void *b));
void __wrap_qsort(void *base, size_t n, size_t size, int (*cmp)(const void *a, const void *b));

void __wrap_qsort(void *base, size_t n, size_t size, int (*cmp)(const void *a, const void *b))
{
	sorted++;
	__real_qsort(base, n, size, cmp);
}

/* The kernel has them in order, mostly, and each connection asks for them. */
static void order_of_groups(void **state)
{
	static const gid_t lists[][4] = {
		{ 1, 2, 2, 4000000000 }, { 2, 1, 2, 4000000000 }, { 1, 2, 4000000000, 2 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct ksc_groups *groups;

		sorted = 0;
		groups = ksc_groups_new(lists[i], 4);
		assert_int_equal(sorted, i != 0);
		assert_true(ksc_groups_have(groups, 1) && ksc_groups_have(groups, 2) &&
			    ksc_groups_have(groups, 4000000000));
		assert_false(ksc_groups_have(groups, 3));
		ksc_groups_put(groups);
	}
}

/* Of these one that is listed is enough, too. */
static void listed_groups(void **state)
{
	static const gid_t list[] = { 4000, 2000, 3000 };
	struct ksc_groups *groups = ksc_groups_new(list, 3);
	struct ksc_credentials *set = ksc_credentials_new();
	struct ksc_credential *cred = cred_new(&(struct cred_options) { .name = "s",
									.cert = "server" });
	struct ksc_choice choice = { .role = KSC_ROLE_SERVER, .name = "s",
				     .who = { .uid = 1001, .gid = 5000, .groups = groups } };
	const struct ksc_credential *found;

	(void)state;
	assert_int_equal(ksc_credential_allow_gid(cred, 3000), 0);
	assert_int_equal(ksc_credentials_add(set, cred), 0);
	assert_int_equal(ksc_credentials_choose(set, &choice, &found), YES);
	choice.who.groups = NULL;
	assert_int_equal(ksc_credentials_choose(set, &choice, &found), NO);
	choice.who.gid = 3000;
	assert_int_equal(ksc_credentials_choose(set, &choice, &found), YES);
	ksc_credentials_put(set);
	ksc_groups_put(groups);
}

/* A directory that they may not enter keeps them out as well. */
static void key__directories(void **state)
{
	(void)state;
	if (geteuid())
		skip();
	assert_int_equal(chmod(key_path, 0644), 0);
	assert_int_equal(chown(key_dir, 1000, 2000), 0);
	assert_int_equal(chmod(key_dir, 0710), 0);
	assert_int_equal(serves(1000, 1, false), YES);
	assert_int_equal(serves(1001, 2000, false), YES);
	assert_int_equal(serves(1001, 3000, false), NO);
	/* Reading the directory is not entering it. */
	assert_int_equal(chmod(key_dir, 0764), 0);
	assert_int_equal(serves(1001, 2000, false), NO);
}

/* As the daemon takes members of groups, which the kernel does not tell. */
static void key__members(void **state)
{
	const struct passwd *member = NULL;
	const struct group *gr;

	(void)state;
	if (geteuid())
		skip();
	setgrent();
	do {
		gr = getgrent();
		member = gr && gr->gr_mem[0] ? getpwnam(gr->gr_mem[0]) : NULL;
	} while (gr && (!member || !member->pw_uid || member->pw_gid == gr->gr_gid));
	endgrent();
	if (!gr || !member)
		return;
	assert_int_equal(chown(key_path, 0, gr->gr_gid), 0);
	assert_int_equal(chmod(key_path, 0640), 0);
	assert_int_equal(serves(member->pw_uid, member->pw_gid, false), YES);
	assert_int_equal(chmod(key_path, 0604), 0);
	assert_int_equal(serves(member->pw_uid, member->pw_gid, false), NO);
}

/* The group's bits of a file with an ACL are not the group's. */
static void key__acl(void **state)
{
	/* user::rw-, user:1002:---, group::---, mask::r--, other::r-- */
	static const uint8_t acl[] = {
		2, 0, 0, 0,
		1, 0, 6, 0, 255, 255, 255, 255,
		2, 0, 0, 0, 0xea, 3, 0, 0,
		4, 0, 0, 0, 255, 255, 255, 255,
		16, 0, 4, 0, 255, 255, 255, 255,
		32, 0, 4, 0, 255, 255, 255, 255,
	};

	(void)state;
	if (geteuid() || chown(key_path, 1000, 2000) ||
	    setxattr(key_path, KSC_FILE_ACL, acl, sizeof(acl), 0))
		skip();
	assert_int_equal(serves(0, 0, false), YES);
	assert_int_equal(serves(1000, 1, false), YES);
	assert_int_equal(serves(1001, 2000, false), NO);
	assert_int_equal(serves(1002, 3000, false), NO);
	assert_int_equal(serves(1003, 3000, false), NO);
}

/* Without a key there is no secret. */
static void key__none(void **state)
{
	static const struct cred_options list[] = { { .name = "c", .roles = CLIENT } };
	struct ksc_credentials *set = creds_new(list, 1);
	const char *found;

	(void)state;
	assert_int_equal(choose(set, KSC_ROLE_CLIENT, "c", NULL, 1000, &found), KSC_STATUS_OK);
	assert_int_equal(choose(set, KSC_ROLE_CLIENT, NULL, NULL, 1000, &found), KSC_STATUS_OK);
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
		cmocka_unit_test_setup_teardown(key__modes, make_key, remove_key),
		cmocka_unit_test_setup_teardown(key__elsewhere, make_key, remove_key),
		cmocka_unit_test_setup_teardown(key__groups, make_key, remove_key),
		cmocka_unit_test(listed_groups),
		cmocka_unit_test_setup_teardown(key__directories, make_key, remove_key),
		cmocka_unit_test_setup_teardown(key__members, make_key, remove_key),
		cmocka_unit_test_setup_teardown(key__acl, make_key, remove_key),
		cmocka_unit_test(key__none),
		cmocka_unit_test(order_of_groups),
		cmocka_unit_test(alpn__bounds),
		cmocka_unit_test(generations),
	};

	return cmocka_run_group_tests_name("credential", tests, NULL, NULL);
}
