// SPDX-License-Identifier: GPL-2.0-only
/* listen.c, caller.c: where applications connect, and who they are. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "context/caller.h"
#include "process/listen.h"
#include "side.h"

static char dir[32];
static char path[64];

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/ksc-listen-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/run/sock", dir);
	return chmod(dir, 0755);
}

static int remove_dir(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command); /* NOLINT(cert-env33-c): our own names */
}

static int dial(int type)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, path, sizeof(path));
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	close(fd);
	return -errno;
}

/* ---- made ---- */

static void made(void **state)
{
	struct stat st;
	int fd, again;

	(void)state;
	umask(077);
	fd = ksc_listen_make(path);
	assert_int_equal(umask(022), 077);
	assert_true(fd >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0666);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	*strrchr(path, '/') = '\0';
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	path[strlen(path)] = '/';
	/* another daemon's is left alone; and what was left behind is no obstacle */
	assert_int_equal(ksc_listen_make(path), -EADDRINUSE);
	close(fd);
	assert_int_equal(dial(SOCK_SEQPACKET), -ECONNREFUSED);
	again = ksc_listen_make(path);
	assert_true(again >= 0);
	fd = dial(SOCK_SEQPACKET);
	assert_true(fd >= 0);
	close(fd);
	close(again);
	unlink(path);
}

static void not_made(void **state)
{
	char longer[200];
	int fd;

	(void)state;
	memset(longer, 'x', sizeof(longer));
	longer[0] = '/';
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(ksc_listen_make(longer), -ENAMETOOLONG);
	snprintf(longer, sizeof(longer), "%s/a/b/sock", dir);
	assert_int_equal(ksc_listen_make(longer), -ENOENT);
	/* what is no socket is not ours to remove */
	*strrchr(path, '/') = '\0';
	assert_int_equal(mkdir(path, 0755), 0);
	path[strlen(path)] = '/';
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(ksc_listen_make(path), -EEXIST);
	unlink(path);
}

/* ---- given ---- */

static void set(const char *name, const char *value)
{
	if (value)
		assert_int_equal(setenv(name, value, 1), 0);
	else
		assert_int_equal(unsetenv(name), 0);
}

/* In a child, whose descriptors from 3 on are free. */
static int given(const char *pid, const char *n, const char *names, int type, bool listens)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char own[16];
	int fd;

	for (fd = 3; fd < 10; fd++)
		close(fd);
	fd = socket(AF_UNIX, type, 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/manager", dir);
	unlink(addr.sun_path);
	if (fd != 3 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    (listens && listen(fd, 1)) || dup(fd) != 4)
		return -1000;
	snprintf(own, sizeof(own), "%d", (int)getpid());
	set("LISTEN_PID", pid ? pid : own);
	set("LISTEN_FDS", n);
	set("LISTEN_FDNAMES", names);
	fd = ksc_listen_given();
	if (fd >= 0 && (!(fcntl(fd, F_GETFL) & O_NONBLOCK) || !(fcntl(fd, F_GETFD) & FD_CLOEXEC)))
		return -1001;
	return fd;
}

static int in_child(const char *pid, const char *n, const char *names, int type, bool listens)
{
	const pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child) {
		const int rc = given(pid, n, names, type, listens);

		_exit(rc < 0 ? 100 - rc : rc);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define FAILS(error)	(100 + (error))

static void handed_over(void **state)
{
	(void)state;
	assert_int_equal(in_child(NULL, "1", "context", SOCK_SEQPACKET, true), 3);
	assert_int_equal(in_child(NULL, "2", "other:context", SOCK_SEQPACKET, true), 4);
	assert_int_equal(in_child(NULL, "2", "context:other", SOCK_SEQPACKET, true), 3);
	assert_int_equal(in_child(NULL, "1", NULL, SOCK_SEQPACKET, true), 3);
	/* there is none */
	assert_int_equal(in_child(NULL, "2", NULL, SOCK_SEQPACKET, true), FAILS(ENOENT));
	assert_int_equal(in_child(NULL, "1", "contexts", SOCK_SEQPACKET, true), FAILS(ENOENT));
	assert_int_equal(in_child(NULL, "1", "conte", SOCK_SEQPACKET, true), FAILS(ENOENT));
	assert_int_equal(in_child(NULL, "1", "", SOCK_SEQPACKET, true), FAILS(ENOENT));
	assert_int_equal(in_child(NULL, "2", "other", SOCK_SEQPACKET, true), FAILS(ENOENT));
	assert_int_equal(in_child("1", "1", "context", SOCK_SEQPACKET, true), FAILS(ENOENT));
	assert_int_equal(in_child("", "1", "context", SOCK_SEQPACKET, true), FAILS(ENOENT));
	assert_int_equal(in_child(NULL, "x", "context", SOCK_SEQPACKET, true), FAILS(ENOENT));
	assert_int_equal(in_child(NULL, "-1", "context", SOCK_SEQPACKET, true), FAILS(ENOENT));
	assert_int_equal(in_child(NULL, NULL, "context", SOCK_SEQPACKET, true), FAILS(ENOENT));
	/* or another */
	assert_int_equal(in_child(NULL, "1", "context", SOCK_STREAM, true), FAILS(EPROTOTYPE));
	assert_int_equal(in_child(NULL, "1", "context", SOCK_SEQPACKET, false),
			 FAILS(EPROTOTYPE));
	assert_int_equal(in_child(NULL, "7", "a:b:c:d:e:f:context", SOCK_SEQPACKET, true),
			 FAILS(EPROTOTYPE));
}

/* ---- the caller's identity ---- */

#define UID	47113
#define GROUPS	200

/* Connects as another user, in many groups, and perhaps from another network namespace. */
static void connect_as(bool elsewhere)
{
	gid_t groups[GROUPS];
	int i, fd;

	for (i = 0; i < GROUPS; i++)
		groups[i] = (gid_t)(90000 - i);
	if ((elsewhere && unshare(CLONE_NEWNET)) || setgroups(GROUPS, groups) || setgid(UID + 1) ||
	    setuid(UID))
		_exit(1);
	fd = dial(SOCK_SEQPACKET);
	_exit(fd < 0 || write(fd, "x", 1) != 1 ? 1 : 0);
}

static uint64_t find(int listener, bool elsewhere)
{
	struct ksc_caller caller;
	const pid_t child = fork();
	int fd, status;
	uint64_t netns;

	assert_true(child >= 0);
	if (!child)
		connect_as(elsewhere);
	assert_int_equal(fcntl(listener, F_SETFL, 0), 0);
	fd = accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	/* it may be gone by now */
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(ksc_caller_find(&caller, fd), 0);
	assert_null(caller.who.groups);
	assert_int_equal(ksc_caller_find_groups(&caller, fd), 0);
	assert_int_equal(caller.who.uid, UID);
	assert_int_equal(caller.who.gid, UID + 1);
	assert_int_equal(caller.pid, child);
	assert_int_equal(caller.who.groups->n, GROUPS);
	assert_true(ksc_groups_have(caller.who.groups, 90000));
	assert_true(ksc_groups_have(caller.who.groups, 90000 - GROUPS + 1));
	assert_false(ksc_groups_have(caller.who.groups, 90001));
	assert_false(ksc_groups_have(caller.who.groups, UID + 1));
	netns = caller.who.netns;
	ksc_caller_forget(&caller);
	close(fd);
	return netns;
}

static void caller(void **state)
{
	uint64_t own = 0;
	socklen_t len = sizeof(own);
	int fd;

	(void)state;
	if (geteuid())
		skip();
	fd = ksc_listen_make(path);
	assert_true(fd >= 0);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &own, &len), 0);
	assert_int_equal(find(fd, false), own);
	assert_int_not_equal(find(fd, true), own);
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(made, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(not_made, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(handed_over, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(caller, make_dir, remove_dir),
	};

	return cmocka_run_group_tests_name("listen", tests, NULL, NULL);
}
