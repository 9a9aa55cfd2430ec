// SPDX-License-Identifier: GPL-2.0-only
/*
 * reader.c, sandbox.c: what the reader refuses to a daemon under an attacker's control, and
 * what it may not do itself.
 */
#include <cap-ng.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"
#include "config/read.h"
#include "process/sandbox.h"
#include "reading.h"
#include "reload/handover.h"

/* ---- a daemon that was taken over by an attacker ---- */

static void garbage(void **state)
{
	static const size_t sizes[] = { 1, 3, 5, 8, 4096, 100000 };
	static char junk[100000];
	struct rig rig;
	size_t i;

	(void)state;
	memset(junk, '/', sizeof(junk));
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct ksc_handed *handed;

		start(&rig);
		assert_int_equal(send(rig.fd, junk, sizes[i], 0), sizes[i]);
		assert_int_equal(end_of(rig.pid), W_EXITCODE(1, 0));
		assert_int_equal(ksc_intake_load(rig.intake, LONG_MS, &handed), -EPIPE);
		ksc_intake_free(rig.intake);
	}
	/* nothing at all is the end */
	start(&rig);
	assert_int_equal(send(rig.fd, junk, 0, 0), 0);
	assert_int_equal(end_of(rig.pid), 0);
	ksc_intake_free(rig.intake);
}

/* Reads all answers up to the end of that load; returns how many were ends. */
static unsigned int count_ends(int fd, uint32_t load)
{
	const struct timeval time = { .tv_sec = LONG_MS / 1000 };
	static char buf[KSC_HANDOVER_SIZE];
	struct ksc_handover head = { 0 };
	unsigned int n = 0;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)), 0);
	while (head.kind != KSC_HANDOVER_END || head.load != load) {
		assert_true(recv(fd, buf, sizeof(buf), 0) > 0);
		memcpy(&head, buf, sizeof(head));
		n += head.kind == KSC_HANDOVER_END;
	}
	return n;
}

/* Endless requests are answered now and then, and the last one is. */
static void flood(void **state)
{
	struct timespec from, to;
	unsigned int n;
	struct rig rig;
	uint32_t i;
	long ms;

	(void)state;
	start(&rig);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (i = 1; i <= 20000; i++)
		assert_int_equal(send(rig.fd, &i, sizeof(i), 0), sizeof(i));
	n = count_ends(rig.fd, 20000);
	/* it may have answered until then */
	clock_gettime(CLOCK_MONOTONIC, &to);
	ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
	assert_in_range(n, 1, ms / 100 + 4);
	assert_string_equal(complaints(rig.intake), "");
	stop(&rig);
}

/* Descriptors that are sent to it are not for it. */
static void sent_files(void **state)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, name[64], target[16];
	uint32_t number = 1;
	struct iovec part = { &number, sizeof(number) };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	struct rig rig;
	int i;

	(void)state;
	start(&rig);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &rig.fd, sizeof(int));
	assert_int_equal(sendmsg(rig.fd, &msg, 0), sizeof(number));
	assert_int_equal(count_ends(rig.fd, number), 1);
	for (i = 4; i < 10; i++) {
		snprintf(name, sizeof(name), "/proc/%d/fd/%d", rig.pid, i);
		memset(target, 0, sizeof(target));
		/* the log may be there once more */
		if (readlink(name, target, sizeof(target) - 1) > 0)
			assert_memory_not_equal(target, "socket", 6);
	}
	stop(&rig);
}

/* What is handed over next: its name, "" at the end, and the file in it, or -1 */
static const char *next_part(int sock, int *fd)
{
	static char buf[KSC_HANDOVER_SIZE];
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { buf, sizeof(buf) - 1 };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct ksc_handover head;
	struct cmsghdr *cmsg;

	assert_true(recvmsg(sock, &msg, 0) > 0);
	memcpy(&head, buf, sizeof(head));
	cmsg = CMSG_FIRSTHDR(&msg);
	*fd = -1;
	if (cmsg)
		memcpy(fd, CMSG_DATA(cmsg), sizeof(*fd));
	assert_int_equal(*fd >= 0, head.kind == KSC_KIND_FILE && !head.error);
	buf[sizeof(head) + head.name_len] = '\0';
	return head.kind == KSC_HANDOVER_END ? "" : buf + sizeof(head);
}

static void ask(struct rig *rig)
{
	const uint32_t number = 1;

	start(rig);
	assert_int_equal(send(rig->fd, &number, sizeof(number), 0), sizeof(number));
}

/* Nothing is handed over but what the configuration names, and nothing to write to. */
static void only_named(void **state)
{
	const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	const char *name;
	struct rig rig;
	int fd, n = 0;

	(void)state;
	ask(&rig);
	while (*(name = next_part(rig.fd, &fd))) {
		/* users' ranges, and whose they are */
		if (fd < 0)
			continue;
		n += strcmp(name, KSC_SUBUID_FILE) != 0;
		assert_true(!strcmp(name, KSC_SUBUID_FILE) ||
			    !strcmp(name, conf) || !strcmp(name, CERTS "/server.pem") ||
			    !strcmp(name, CERTS "/server.key"));
		assert_int_equal(write(fd, "x", 1), -1);
		assert_int_equal(ftruncate(fd, KSC_MAX_FILE + 1), -1);
		assert_int_equal(fcntl(fd, F_GET_SEALS) & seals, seals);
		close(fd);
	}
	assert_int_equal(n, 3);
	stop(&rig);
}

/* The daemon gets copies, not files that are written to or are on a file server that hangs. */
static void copies(void **state)
{
	static const int sizes[] = { 0, 1, 4096, 100000, KSC_MAX_FILE, KSC_MAX_FILE + 1 };
	struct ksc_file file = { 0 };
	const char *name;
	struct rig rig;
	char text[128];
	size_t i;
	int fd;

	(void)state;
	snprintf(text, sizeof(text), SERVER "key = %s\n", key);
	replace_file(conf, text);
	write_file(key, "this");
	ask(&rig);
	while (*(name = next_part(rig.fd, &fd))) {
		if (!strcmp(name, key)) {
			write_file(key, "another");
			assert_int_equal(ksc_file_take(&file, fd), 0);
			assert_string_equal((char *)file.data.data, "this");
			ksc_file_free(&file);
		}
		if (fd >= 0)
			close(fd);
	}
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct ksc_handed *handed;
		const int rc = sizes[i] > (int)KSC_MAX_FILE ? -EFBIG : 0;

		assert_int_equal(truncate(key, sizes[i]), 0);
		assert_int_equal(ksc_intake_load(rig.intake, LONG_MS, &handed), 0);
		memset(&file, 0, sizeof(file));
		assert_int_equal(ksc_handed_file(handed, key, &file), rc);
		if (!rc)
			assert_int_equal(file.data.size, sizes[i]);
		ksc_handed_free(handed);
	}
	stop(&rig);
}

/* ---- what the reader may do ---- */

static void *nothing(void *ptr)
{
	return ptr;
}

static int try_all(void)
{
	char *const args[] = { "/bin/true", NULL };
	pthread_t thread;
	char name[64];
	int fd;

	REQUIRE(!ksc_sandbox_reader());
	REQUIRE(!kill(getppid(), 0));
	REQUIRE(!ksc_sandbox_load());
	REQUIRE(capng_get_caps_process() == 0);
	REQUIRE(capng_have_capability(CAPNG_EFFECTIVE, CAP_DAC_READ_SEARCH));
	REQUIRE(!capng_have_capability(CAPNG_PERMITTED, CAP_DAC_OVERRIDE));
	REQUIRE(!capng_have_capability(CAPNG_PERMITTED, CAP_SYS_ADMIN));
	REQUIRE(capng_have_capabilities(CAPNG_SELECT_BOUNDS) == CAPNG_NONE);
	REQUIRE(!prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
	REQUIRE(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	snprintf(name, sizeof(name), "%s/new", dir);
	FAILS(open(name, O_CREAT | O_RDONLY, 0600), EPERM);
	FAILS(open(conf, O_WRONLY), EPERM);
	FAILS(open(conf, O_RDWR), EPERM);
	FAILS(open(conf, O_RDONLY | O_TRUNC), EPERM);
	FAILS(syscall(SYS_openat2, AT_FDCWD, conf, NULL, 0), ENOSYS);
	FAILS(unlink(conf), EPERM);
	FAILS(chmod(conf, 0666), EPERM);
	FAILS(mkdir(name, 0700), EPERM);
	FAILS(execv(args[0], args), EPERM);
	FAILS(kill(getppid(), 0), EPERM);
	FAILS(fork(), EPERM);
	FAILS(unshare(CLONE_NEWNS), EPERM);
	FAILS(setuid(0), EPERM);
	/* what it is there for, and what modules ask services by */
	REQUIRE(open(key, O_RDONLY) >= 0);
	REQUIRE(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
	REQUIRE(socket(AF_INET, SOCK_STREAM, 0) >= 0);
	REQUIRE(!pthread_create(&thread, NULL, nothing, NULL));
	REQUIRE(!pthread_join(thread, NULL));
	REQUIRE(getpwnam("root"));
	/* and watches files */
	fd = inotify_init1(IN_CLOEXEC);
	REQUIRE(fd >= 0);
	REQUIRE(inotify_add_watch(fd, dir, IN_CREATE) > 0);
	FAILS(fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID, O_RDONLY), EPERM);
	return 0;
}

static void its_confinement(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (geteuid())
		skip();
	copy_file(CERTS "/server.key", key);
	assert_int_equal(chown(key, 4711, 4711) | chmod(key, 0), 0);
	pid = fork();
	if (!pid)
		_exit(try_all());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Signals that come to all of a service leave it there for the daemon. */
static void signals(void **state)
{
	static const int sent[] = { SIGHUP, SIGTERM, SIGINT, SIGUSR1 };
	struct rig rig;
	size_t i;

	(void)state;
	start(&rig);
	assert_string_equal(complaints(rig.intake), "");
	for (i = 0; i < sizeof(sent) / sizeof(sent[0]); i++)
		assert_int_equal(kill(rig.pid, sent[i]), 0);
	assert_string_equal(complaints(rig.intake), "");
	/* a terminal has no part in it */
	assert_int_equal(getsid(rig.pid), rig.pid);
	stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(garbage, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(flood, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(sent_files, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(only_named, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(copies, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(its_confinement, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(signals, make_dir, remove_dir),
	};

	return cmocka_run_group_tests_name("reader_guard", tests, NULL, NULL);
}
