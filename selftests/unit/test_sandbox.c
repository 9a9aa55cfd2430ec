// SPDX-License-Identifier: GPL-2.0-only
/* sandbox.c, landlock.c, memory.c: what a confined daemon can still do. */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/landlock.h>
#include <linux/openat2.h>

#include "config/authorities.h"
#include "context/caller.h"
#include "context/connection.h"
#include "context/result.h"
#include "process/listen.h"
#include "process/memory.h"
#include "process/sandbox.h"
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
	write_conf("[credential c]\nrole = client\ntrust = system\n");
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(conf);
	return rmdir(dir);
}

/* In a child, which returns the line that failed, more or less; exit() is forbidden by then. */
static int confined(int (*test)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || ksc_sandbox_confine() ||
		    ksc_sandbox_seal())
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

static void in_child(int (*test)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		_exit(test());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void threads(void **state)
{
	(void)state;
	in_child(seal_thread);
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
	/* whether others do is the reader's affair */
	FAILS(inotify_init1(0), EPERM);
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
	FAILS(open("/etc/passwd", O_RDONLY), EACCES);
	/* what the configuration names comes from the reader, itself too */
	FAILS(open(conf, O_RDONLY), EACCES);
	FAILS(open(CERTS "/server.key", O_RDONLY), EACCES);
	return 0;
}

static void no_reading(void **state)
{
	(void)state;
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 0)
		skip();
	assert_int_equal(confined(read_files), 0);
}

/* With a limit nothing is locked, since memory that is asked for later would run out. */
static int keep_memory(void)
{
	const struct rlimit little = { 65536, 65536 };
	const size_t size = 1 << 20;
	struct rlimit limit;

	REQUIRE(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1);
	capng_clear(CAPNG_SELECT_BOTH);
	REQUIRE(!capng_apply(CAPNG_SELECT_CAPS));
	REQUIRE(!setrlimit(RLIMIT_MEMLOCK, &little));
	REQUIRE(ksc_memory_keep() == -EPERM);
	REQUIRE(!prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
	REQUIRE(!getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur == little.rlim_cur);
	REQUIRE(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
		MAP_FAILED);
	return 0;
}

static int drop(void)
{
	REQUIRE(!ksc_sandbox_drop(true, 65534, 65534));
	REQUIRE(getuid() == 65534);
	/* another user's is dumpable again where that is not seen to */
	REQUIRE(!prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
	return 0;
}

static void undumpable(void **state)
{
	(void)state;
	in_child(keep_memory);
	if (!geteuid())
		in_child(drop);
}

static int system_authorities;

/* What GnuTLS reads is there as before. */
static int load_system(void)
{
	int rc;
	struct ksc_trust *trust = ksc_trust_system(&rc);

	REQUIRE(trust && rc == system_authorities);
	return 0;
}

static void the_system(void **state)
{
	struct ksc_trust *trust = ksc_trust_system(&system_authorities);

	(void)state;
	assert_non_null(trust);
	ksc_trust_put(trust);
	assert_int_equal(confined(load_system), 0);
}

static int listener;
static int application;
static bool closed;

static void on_closed(struct ksc_connection *conn)
{
	(void)conn;
	closed = true;
}

/* What it takes to have applications over the context socket is left. */
static int serve(void)
{
	struct ksc_connection conn = { .charged = 0 };
	struct ev_loop *loop = ev_default_loop(0);
	struct ksc_caller caller;
	char control[CMSG_SPACE(sizeof(int))];
	char buf[16];
	struct iovec part = { buf, sizeof(buf) };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	static const struct ksc_connection_ops ops = { .closed = on_closed };
	int fd;

	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	REQUIRE(fd >= 0);
	REQUIRE(!ksc_caller_find(&caller, fd) && !ksc_caller_find_groups(&caller, fd));
	REQUIRE(caller.who.uid == getuid() && caller.who.netns);
	ksc_caller_forget(&caller);
	ksc_connection_open(&conn, loop, NULL, fd, &ops);
	REQUIRE(ksc_connection_receive(&conn, buf, sizeof(buf)) == 5);
	ksc_connection_send(&conn, ksc_result_error(1, NULL, EDQUOT, ""), listener);
	REQUIRE(!conn.bad && !ksc_connection_waits(&conn));
	REQUIRE(recvmsg(application, &msg, MSG_DONTWAIT) > 0 && CMSG_FIRSTHDR(&msg));
	/* as where descriptors are not refused */
	conn.guarded = false;
	ksc_connection_close(&conn);
	REQUIRE(closed);
	return 0;
}

static void applications(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	(void)state;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/sock", dir);
	listener = ksc_listen_make(addr.sun_path);
	application = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_true(listener >= 0 && application >= 0);
	assert_int_equal(connect(application, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(send(application, "hello", 5, 0), 5);
	assert_int_equal(confined(serve), 0);
	close(application);
	close(listener);
	unlink(addr.sun_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_writing, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(threads, make_dir, remove_dir),
		cmocka_unit_test(undumpable),
		cmocka_unit_test_setup_teardown(no_reading, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(the_system, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(applications, make_dir, remove_dir),
	};

	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
