// SPDX-License-Identifier: GPL-2.0-only
/* account.c: lookups of accounts, answered late, or not at all. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "config/account.h"
#include "config/config.h"
#include "config/handed.h"
#include "config/subids.h"
#include "process/log.h"
#include "reload/intake.h"
#include "reload/reader.h"

/*
 * Accounts "1" to "9" with these numbers; "late" takes its time, "down" is not known now.
 * A lookup of "stuck" never returns, and one of "broken" ends the process.
 */
struct passwd *__wrap_getpwnam(const char *name);
struct group *__wrap_getgrnam(const char *name);
struct group *__wrap_getgrgid(gid_t gid);

#define LATE_MS		1000
#define LONG_MS		20000

/* errno for an account that does not exist, and for a failed lookup */
static int nothing;
static int failure = ECONNREFUSED;

/* How often "gone" was looked up, in any process */
static unsigned int *gone;

static bool there(const char *name)
{
	if (gone && !strcmp(name, "gone"))
		++*gone;
	errno = nothing;
	if (!strcmp(name, "down"))
		errno = failure;
	if (!strcmp(name, "late"))
		usleep(1000 * LATE_MS);
	while (!strcmp(name, "stuck"))
		pause();
	if (!strcmp(name, "broken"))
		_exit(EXIT_FAILURE);
	return (name[0] >= '1' && name[0] <= '9' && !name[1]) || !strcmp(name, "late");
}

struct passwd *__wrap_getpwnam(const char *name)
{
	static struct passwd pw;

	pw.pw_uid = (uid_t)atoi(name);
	pw.pw_gid = 100;
	return there(name) ? &pw : NULL;
}

static struct group *group_of(const char *name, gid_t gid, char **members)
{
	static struct group gr;

	gr.gr_gid = gid;
	gr.gr_mem = members;
	return there(name) ? &gr : NULL;
}

struct group *__wrap_getgrnam(const char *name)
{
	return group_of(name, (gid_t)atoi(name), NULL);
}

/* 1 has some, one of which is no account; of 2, one is not known now; 3 is not known itself. */
struct group *__wrap_getgrgid(gid_t gid)
{
	static char *list[KSC_MAX_MEMBERS + 2];
	size_t i;

	memset(list, 0, sizeof(list));
	list[0] = "4";
	switch (gid) {
	case 1:
		list[1] = "gone";
		list[2] = "5";
		return group_of("1", gid, list);
	case 2:
		list[1] = "down";
		return group_of("1", gid, list);
	case 3:
		return group_of("down", gid, NULL);
	case 4:
		for (i = 1; i < KSC_MAX_MEMBERS + 1; i++)
			list[i] = "1";
		return group_of("1", gid, list);
	}
	return group_of("gone", gid, NULL);
}

static void accounts(void **state)
{
	/* not found, by the C library's manual */
	static const int errors[] = { 0, ENOENT, ESRCH, EBADF, EPERM, EINVAL };
	/* of services that are asked by a network, or have just gone, too */
	static const int failures[] = {
		EIO, ENOMEM, EMFILE, ETIMEDOUT, ECONNRESET, EPIPE, ENOTCONN, ECONNABORTED, ENETDOWN,
		ENETUNREACH, EHOSTDOWN, EHOSTUNREACH, ENOBUFS, EPROTO, ECONNREFUSED,
	};
	uid_t uid;
	gid_t gid;
	size_t i;

	(void)state;
	assert_int_equal(ksc_account_find("7", &uid, &gid), 0);
	assert_int_equal(uid, 7);
	assert_int_equal(gid, 100);
	assert_int_equal(ksc_group_find("8", &gid), 0);
	assert_int_equal(gid, 8);
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		nothing = errors[i];
		assert_int_equal(ksc_account_find("gone", &uid, &gid), -ENOENT);
		assert_int_equal(ksc_group_find("gone", &gid), -ENOENT);
	}
	nothing = 0;
	for (i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		failure = failures[i];
		assert_int_equal(ksc_account_find("down", &uid, &gid), -failures[i]);
		assert_int_equal(ksc_group_find("down", &gid), -failures[i]);
	}
}

static int members(gid_t gid, size_t *n)
{
	uid_t *uids;
	int rc = ksc_group_members(gid, &uids, n);

	if (!rc && gid == 1) {
		assert_int_equal(uids[0], 4);
		assert_int_equal(uids[1], 5);
	}
	free(uids);
	return rc;
}

static void groups(void **state)
{
	size_t n;

	(void)state;
	assert_int_equal(members(1, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(members(77, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(members(2, &n), -ECONNREFUSED);
	assert_int_equal(members(3, &n), -ECONNREFUSED);
	assert_int_equal(members(4, &n), -E2BIG);
}

/* A group's members decide about a key: if they can't be looked up, the load fails. */
static void keys(void **state)
{
	char path[] = "/tmp/ksc-account-XXXXXX", text[512] = "", conf[600];
	FILE *f, *out;
	int fd = mkstemp(path);

	(void)state;
	if (geteuid() || fchown(fd, 0, 2) || fchmod(fd, 0640))
		skip();
	f = fopen(KSC_TEST_CERTS "/server.key", "r");
	assert_non_null(f);
	while (fgets(conf, sizeof(conf), f))
		assert_int_equal(write(fd, conf, strlen(conf)), strlen(conf));
	fclose(f);
	close(fd);
	snprintf(conf, sizeof(conf), "%s.conf", path);
	f = fopen(conf, "w");
	assert_non_null(f);
	fprintf(f, "[credential s]\nrole = server\nkey = %s\ncert = %s\n",
		path, KSC_TEST_CERTS "/server.pem");
	fclose(f);
	out = fmemopen(text, sizeof(text) - 1, "w");
	assert_non_null(out);
	assert_null(ksc_config_load(conf, out));
	fclose(out);
	assert_non_null(strstr(text, ": who is in its groups: Connection refused\n"));
	unlink(conf);
	unlink(path);
}

static void write_users(const char *path, const char *users)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fprintf(f, "[credential c]\nrole = client\nusers = %s\n", users);
	assert_int_equal(fclose(f), 0);
}

/* A service that never answers, or kills the process that asks, fails one load only. */
static void one_load(void **state)
{
	char path[] = "/tmp/ksc-account-XXXXXX";
	struct ksc_handed *handed;
	struct ksc_intake *intake;
	int status, i;
	uid_t uid;
	gid_t gid;
	pid_t pid;

	(void)state;
	close(mkstemp(path));
	intake = ksc_intake_new(ksc_reader_start(path, &pid));
	assert_non_null(intake);
	for (i = 0; i < 2; i++) {
		write_users(path, "1, stuck");
		assert_int_equal(ksc_intake_load(intake, LATE_MS, &handed), -ETIMEDOUT);
		write_users(path, "1, 2, broken");
		assert_int_equal(ksc_intake_load(intake, LONG_MS, &handed), -ECHILD);
		write_users(path, "1, late");
		assert_int_equal(ksc_intake_load(intake, LONG_MS, &handed), 0);
		assert_int_equal(ksc_handed_account(handed, "late", &uid, &gid), 0);
		ksc_handed_free(handed);
	}
	/* with one that is stuck, the end is the end as well */
	write_users(path, "stuck");
	assert_int_equal(ksc_intake_load(intake, LATE_MS, &handed), -ETIMEDOUT);
	ksc_intake_free(intake);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	unlink(path);
}

/* Complaints about these settings of a credential, when the reader looks accounts up */
static char *said(const char *settings, int ms)
{
	static char text[1024];
	char path[] = "/tmp/ksc-account-XXXXXX";
	FILE *f = fdopen(mkstemp(path), "w"), *out;
	struct ksc_handed *handed = NULL;
	struct ksc_intake *intake;
	pid_t pid;
	int rc;

	assert_non_null(f);
	fprintf(f, "[credential c]\nrole = client\n%s\n", settings);
	fclose(f);
	intake = ksc_intake_new(ksc_reader_start(path, &pid));
	assert_non_null(intake);
	rc = ksc_intake_load(intake, ms, &handed);
	if (rc == -ETIMEDOUT) {
		/* it is there for the next load */
		assert_int_equal(ksc_intake_load(intake, LONG_MS, &handed), 0);
		ksc_handed_free(handed);
		strcpy(text, "late");
	} else {
		assert_int_equal(rc, 0);
		memset(text, 0, sizeof(text));
		out = fmemopen(text, sizeof(text) - 1, "w");
		assert_non_null(out);
		ksc_handed_use(handed);
		ksc_config_free(ksc_config_load(path, out));
		ksc_handed_free(handed);
		fclose(out);
	}
	ksc_intake_free(intake);
	assert_int_equal(waitpid(pid, &rc, 0), pid);
	assert_int_equal(rc, 0);
	unlink(path);
	return text;
}

static void told(void **state)
{
	(void)state;
	assert_string_equal(said("users = 1, 2\ngroups = 1", LONG_MS), "");
	assert_non_null(strstr(said("users = 1, gone", LONG_MS),
			       ":3: users: there is no account \"gone\"\n"));
	assert_non_null(strstr(said("users = 1, down", LONG_MS),
			       ":3: users: down: Connection refused\n"));
	assert_non_null(strstr(said("groups = 1, 2", LONG_MS),
			       ":3: groups: the members of 2: Connection refused\n"));
	assert_non_null(strstr(said("groups = 4", LONG_MS), ":3: groups: the members of 4: "));
	assert_non_null(strstr(said("[rule r]\naction = never\nuser = down", LONG_MS),
			       ":5: user: down: Connection refused\n"));
	assert_non_null(strstr(said("[rule r]\naction = never\ngroup = gone", LONG_MS),
			       ":5: group: \"gone\" is neither a name nor an ID"));
	assert_string_equal(said("users = late", LATE_MS / 10), "late");
	assert_string_equal(said("users = late", LONG_MS), "");
}

#define SUBUID_LINES	200

/* In mounts of this process, the file is ours: lines of an owner, and one of another. */
static bool put_subuid(const char *many, const char *one)
{
	char name[] = "/tmp/ksc-subuid-XXXXXX";
	FILE *f = fdopen(mkstemp(name), "w");
	bool done;
	int i;

	assert_non_null(f);
	for (i = 0; i < SUBUID_LINES; i++)
		fprintf(f, "%s:%d:10\n", many, 500000 + 10 * i);
	fprintf(f, "%s:600000:10\n", one);
	assert_int_equal(fclose(f), 0);
	done = !mount(name, KSC_SUBUID_FILE, NULL, MS_BIND, NULL);
	unlink(name);
	return done;
}

static void load_subids(struct ksc_handed *handed, struct ksc_subids *subids)
{
	ksc_log_set_level(KSC_LOG_ERROR);
	ksc_handed_use(handed);
	assert_int_equal(ksc_subids_load(subids, KSC_SUBUID_FILE), 0);
	ksc_handed_free(handed);
}

/* Users with subordinate IDs are looked up last, and once: on error, the load goes on. */
static void owners(void **state)
{
	static const char *const others[] = { "gone", "stuck", "broken" };
	char path[] = "/tmp/ksc-account-XXXXXX";
	struct ksc_handed *handed;
	struct ksc_intake *intake;
	struct ksc_subids subids;
	int status;
	size_t i;
	uid_t uid;
	gid_t gid;
	pid_t pid;

	(void)state;
	if (geteuid() || access(KSC_SUBUID_FILE, F_OK) || unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		skip();
	gone = mmap(NULL, sizeof(*gone), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(gone, MAP_FAILED);
	close(mkstemp(path));
	write_users(path, "1, late");
	ksc_reader_owners_ms = 500;
	intake = ksc_intake_new(ksc_reader_start(path, &pid));
	assert_non_null(intake);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		*gone = 0;
		assert_true(put_subuid("gone", others[i]));
		assert_int_equal(ksc_intake_load(intake, LONG_MS, &handed), 0);
		/* what the configuration names has all its time */
		assert_int_equal(ksc_handed_account(handed, "late", &uid, &gid), 0);
		assert_int_equal(ksc_handed_account(handed, others[i], &uid, &gid),
				 i ? -ESTALE : -ENOENT);
		load_subids(handed, &subids);
		assert_int_equal(subids.n, SUBUID_LINES + 1);
		/* IDs without a known owner are users of their own */
		assert_int_equal(ksc_subids_owner(&subids, 500019), 500010);
		assert_int_equal(ksc_subids_owner(&subids, 600009), 600000);
		ksc_subids_free(&subids);
		/* "broken" comes before it */
		assert_int_equal(*gone, i < 2);
		assert_int_equal(umount(KSC_SUBUID_FILE), 0);
	}
	ksc_intake_free(intake);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	unlink(path);
	munmap(gone, sizeof(*gone));
	gone = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accounts),
		cmocka_unit_test(groups),
		cmocka_unit_test(keys),
		cmocka_unit_test(told),
		cmocka_unit_test(one_load),
		cmocka_unit_test(owners),
	};

	return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
