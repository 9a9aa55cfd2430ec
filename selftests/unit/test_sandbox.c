// SPDX-License-Identifier: GPL-2.0-only
/* sandbox.c, landlock.c: what a daemon that is confined can still do. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/landlock.h>
#include <linux/openat2.h>

#include "sandbox.h"
#include "side.h"

#define CERTS	KSC_TEST_CERTS

static char dir[32];
static char conf[64];

static void write_conf(const char *text)
{
	FILE *f = fopen(conf, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/ksc-sandbox-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(conf, sizeof(conf), "%s/conf", dir);
	write_conf("[credential server]\nrole = server\ncert = " CERTS "/server.pem\n"
		   "key = " CERTS "/server.key\nusers = root, daemon\ngroups = root\n");
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(conf);
	return rmdir(dir);
}

/* In a child, which gives back the line that failed, more or less; it may not exit() any more. */
static int confined(int (*test)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		struct ksc_config *config = ksc_config_load(conf, stderr);

		if (!config || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		    ksc_sandbox_confine(config) || ksc_sandbox_seal())
			_exit(254);
		_exit(test());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define REQUIRE(x)		do { if (!(x)) return __LINE__ % 250 + 1; } while (0)
#define FAILS(call, error)	REQUIRE((call) < 0 && errno == (error))

static int tried;

static void *write_later(void *ptr)
{
	const int *fds = ptr;
	char c;

	/* what only a thread's beginning takes is done */
	if (write(fds[3], "", 1) != 1)
		return NULL;
	tried = read(fds[0], &c, 1) == 1 && open(conf, O_WRONLY) < 0 ? errno : -1;
	return NULL;
}

/* A thread that is there before is sealed with the others, and no other comes. */
static int seal_thread(void)
{
	pthread_t thread, other;
	int fds[4];
	char c;

	if (pipe(fds) || pipe(fds + 2) || pthread_create(&thread, NULL, write_later, fds) ||
	    read(fds[2], &c, 1) != 1)
		return 1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || ksc_sandbox_seal())
		return 2;
	if (write(fds[1], "", 1) != 1 || pthread_join(thread, NULL))
		return 3;
	if (tried != EPERM)
		return 4;
	return pthread_create(&other, NULL, write_later, fds) == EPERM ? 0 : 5;
}

static void threads(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (!pid)
		_exit(seal_thread());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int write_files(void)
{
	static const int flags[] = { O_WRONLY, O_RDWR, O_WRONLY | O_CREAT, O_RDONLY | O_CREAT,
				     O_RDONLY | O_TRUNC, O_RDWR | O_TMPFILE, O_WRONLY | O_APPEND };
	const struct open_how how = { .flags = O_RDONLY };
	char name[64];
	size_t i;

	snprintf(name, sizeof(name), "%s/new", dir);
	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		FAILS(openat(AT_FDCWD, flags[i] & O_TMPFILE ? dir : conf, flags[i], 0600), EPERM);
		FAILS(openat(AT_FDCWD, name, flags[i], 0600), EPERM);
#ifdef SYS_open
		FAILS(syscall(SYS_open, name, flags[i], 0600), EPERM);
#endif
	}
	FAILS(syscall(SYS_openat2, AT_FDCWD, conf, &how, sizeof(how)), EPERM);
	FAILS(mkdir(name, 0700), EPERM);
	FAILS(unlink(conf), EPERM);
	FAILS(rename(conf, name), EPERM);
	return 0;
}

static void no_writing(void **state)
{
	struct stat st;
	char name[64];

	(void)state;
	assert_int_equal(confined(write_files), 0);
	snprintf(name, sizeof(name), "%s/new", dir);
	assert_int_equal(stat(name, &st), -1);
	assert_int_equal(stat(conf, &st), 0);
	assert_true(st.st_size > 0);
}

static int read_files(void)
{
	FAILS(open("/etc/shadow", O_RDONLY), EACCES);
	FAILS(open("/root", O_RDONLY | O_DIRECTORY), EACCES);
	FAILS(open("/etc", O_RDONLY | O_DIRECTORY), EACCES);
	FAILS(open("/proc/self/mem", O_RDONLY), EACCES);
	REQUIRE(open(conf, O_RDONLY) >= 0);
	REQUIRE(open(CERTS "/client.key", O_RDONLY) >= 0);
	REQUIRE(open("/etc/passwd", O_RDONLY) >= 0);
	return 0;
}

static void no_reading(void **state)
{
	(void)state;
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 0)
		skip();
	assert_int_equal(confined(read_files), 0);
}

/* Complaints of the configuration as it is now, or "" */
static const char *reload(void)
{
	static char text[1024];
	FILE *out = fmemopen(text, sizeof(text), "w");
	struct ksc_config *config;

	if (!out)
		return "no memory";
	memset(text, 0, sizeof(text));
	config = ksc_config_load(conf, out);
	fclose(out);
	ksc_config_free(config);
	return text;
}

/* Everything that a configuration may name; who is root is known, whoever says so. */
static int load_again(void)
{
	REQUIRE(!*reload());
	return 0;
}

static void loading(void **state)
{
	(void)state;
	assert_int_equal(confined(load_again), 0);
}

/* What was not named at the start is not read, and the complaint says why. */
static int load_other(void)
{
	const char *text = reload();

	REQUIRE(strstr(text, ":3: cert: /etc/hostname: Permission denied; only directories"));
	return 0;
}

static int load_replaced(void)
{
	REQUIRE(!*reload());
	return 0;
}

/* Another process puts files there, since this one can't. */
static void with_conf(const char *text, int (*test)(void))
{
	int go[2], ready[2], status;
	char c = 0;
	pid_t pid;

	assert_int_equal(pipe(go) | pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct ksc_config *config = ksc_config_load(conf, stderr);

		if (!config || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		    ksc_sandbox_confine(config) || ksc_sandbox_seal() ||
		    write(ready[1], &c, 1) != 1 || read(go[0], &c, 1) != 1)
			_exit(254);
		_exit(test());
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	unlink(conf);
	write_conf(text);
	assert_int_equal(write(go[1], &c, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(ready[0]);
	close(go[0]);
	close(go[1]);
	assert_int_equal(status, 0);
}

static void other_files(void **state)
{
	(void)state;
	with_conf("[credential server]\nrole = server\ncert = " CERTS "/second.pem\n"
		  "key = " CERTS "/second.key\ngroups = root\n", load_replaced);
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 0)
		skip();
	with_conf("[credential server]\nrole = server\ncert = /etc/hostname\n"
		  "key = " CERTS "/server.key\n", load_other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_writing, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(threads, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(no_reading, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(loading, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(other_files, make_dir, remove_dir),
	};

	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
