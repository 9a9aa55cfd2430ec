// SPDX-License-Identifier: GPL-2.0-only
/* reader.c, intake.c, handed.c, wants.c: files and accounts for a daemon that may not look. */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "handover.h"
#include "intake.h"
#include "reader.h"
#include "sandbox.h"
#include "side.h"

#define CERTS	KSC_TEST_CERTS
#define SERVER	"[credential server]\nrole = server\n"
#define CERT	"cert = " CERTS "/server.pem\nkey = " CERTS "/server.key\n"

/* Of what an answer takes, more than enough; of what does not come, not much. */
#define LONG_MS		20000
#define SHORT_MS	300

static char dir[32];
static char conf[64];
static char key[64];

/**
 * struct rig - a reader, and a daemon's end of it
 * @pid: the reader
 * @fd: leads to it
 * @intake: the daemon's end
 */
struct rig {
	pid_t pid;
	int fd;
	struct ksc_intake *intake;
};

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* As it is done by who renews: another file gets the name. */
static void replace_file(const char *path, const char *text)
{
	char name[80];

	snprintf(name, sizeof(name), "%s.new", path);
	write_file(name, text);
	assert_int_equal(rename(name, path), 0);
}

static void copy_file(const char *from, const char *to)
{
	struct ksc_file file;
	const char *why;
	FILE *f;

	assert_int_equal(ksc_file_read(&file, from, &why), 0);
	f = fopen(to, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(file.data.data, 1, file.data.size, f), file.data.size);
	assert_int_equal(fclose(f), 0);
	ksc_file_free(&file);
}

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/ksc-reader-XXXXXX");
	if (!mkdtemp(dir) || chmod(dir, 0755))
		return -1;
	snprintf(conf, sizeof(conf), "%s/conf", dir);
	snprintf(key, sizeof(key), "%s/key", dir);
	write_file(conf, SERVER CERT);
	return 0;
}

static int remove_dir(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void start(struct rig *rig)
{
	rig->fd = ksc_reader_start(conf, &rig->pid);
	assert_true(rig->fd >= 0);
	rig->intake = ksc_intake_new(rig->fd);
	assert_non_null(rig->intake);
}

static int end_of(pid_t pid)
{
	int status = -1, i;

	for (i = 0; i < 1000; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		usleep(10000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -1;
}

/* With the daemon, the reader ends. */
static void stop(struct rig *rig)
{
	ksc_intake_free(rig->intake);
	assert_int_equal(end_of(rig->pid), 0);
}

/* Complaints of the configuration, by way of the reader or, without one, directly. */
static char *complaints(struct ksc_intake *intake)
{
	static char text[4096];
	struct ksc_handed *handed = NULL;
	struct ksc_config *config;
	FILE *out;
	int rc = intake ? ksc_intake_load(intake, LONG_MS, &handed) : 0;

	if (rc)
		return strcpy(text, ksc_intake_fault(-rc));
	memset(text, 0, sizeof(text));
	out = fmemopen(text, sizeof(text) - 1, "w");
	if (!out)
		return "no memory";
	ksc_handed_use(handed);
	config = ksc_config_load(conf, out);
	ksc_handed_free(handed);
	fclose(out);
	if (!config == !*text)
		return "neither a configuration nor a complaint";
	ksc_config_free(config);
	return text;
}

/* ---- what it finds ---- */

/* There is no telling by which way it was read. */
static void same(struct ksc_intake *intake, const char *text)
{
	char *directly;

	replace_file(conf, text);
	directly = strdup(complaints(NULL));
	assert_string_equal(complaints(intake), directly);
	free(directly);
}

static void alike(void **state)
{
	static const char *const texts[] = {
		"", SERVER CERT, "[daemon]\nuser = root\n", "[daemon]\nuser = nobody-there\n",
		"[daemon]\nuser = 0\n", "[daemon]\nuser =\n",
		SERVER CERT "users = root, daemon,1\ngroups = root, 5, daemon, 4000000\n",
		SERVER CERT "users = root, nobody-there\ngroups = nothing-there\n",
		SERVER CERT "users = root,, daemon\n",
		SERVER "cert = /nonexistent\nkey = /etc\n", SERVER "cert = conf\nkey = /dev/null\n",
		SERVER "cert = " CERTS "/server.pem\nkey = " CERTS "/client.key\n",
		"[credential c]\nrole = client\ntrust = " CERTS "/ca.pem\n",
		"[credential c]\nrole = client\ntrust = system\n",
		"[credential c]\nrole = client\ntrust = " CERTS "/ca.pem\ncert = /tmp\n",
		"[rule a]\naction = require\nuser = root\ngroup = daemon\n",
		"[rule a]\naction = require\nuser = 5\ngroup = 1-100\n",
		"[rule a]\naction = require\nuser = nobody-there\ngroup = no-there\n",
		"[rule a]\naction = require\nuser = 1-x\n",
		SERVER CERT "groups = root\n[rule a]\naction = require\ngroup = root\n",
		"nonsense\n[daemon\n[x]\nuser = root\n", "user = root\n",
		"[credential]\ncert = /x\n",
		SERVER "cert = " CERTS "/server.pem\ncert = " CERTS "/second.pem\n",
	};
	char itself[256];
	struct rig rig;
	size_t i;

	(void)state;
	start(&rig);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		same(rig.intake, texts[i]);
	snprintf(itself, sizeof(itself), SERVER "cert = %s\nkey = %s\n", conf, conf);
	same(rig.intake, itself);
	assert_int_equal(unlink(conf), 0);
	assert_non_null(strstr(complaints(rig.intake), "No such file"));
	assert_int_equal(mkdir(conf, 0700), 0);
	assert_non_null(strstr(complaints(rig.intake), "this is a directory"));
	stop(&rig);
}

/* Whether somebody may use the credential as it was loaded. */
static bool serves(const struct ksc_config *config, uid_t uid)
{
	const struct ksc_choice choice = { .role = KSC_ROLE_SERVER, .name = "server",
					   .who = { .uid = uid, .gid = uid } };
	const struct ksc_credential *found;

	return ksc_credentials_choose(config->credentials, &choice, &found) == KSC_STATUS_OK;
}

static struct ksc_config *load(struct ksc_intake *intake)
{
	struct ksc_handed *handed;
	struct ksc_config *config;

	if (ksc_intake_load(intake, LONG_MS, &handed))
		return NULL;
	ksc_handed_use(handed);
	config = ksc_config_load(conf, stderr);
	ksc_handed_free(handed);
	return config;
}

#define REQUIRE(x)	do { if (!(x)) return __LINE__ % 250 + 1; } while (0)
#define FAILS(call, error)	REQUIRE((call) < 0 && errno == (error))

/* In a process without privileges, as a daemon that peers talk to is. */
static void confined(struct rig *rig, int (*test)(struct ksc_intake *intake),
		     int (*meanwhile)(void))
{
	const struct ksc_config config = { .has_user = true, .uid = 65534, .gid = 65534 };
	int go[2], ready[2], status;
	char c = 0;
	pid_t pid;

	assert_int_equal(pipe(go) | pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (ksc_sandbox_drop(&config) || ksc_sandbox_confine() || ksc_sandbox_seal() ||
		    write(ready[1], &c, 1) != 1 || read(go[0], &c, 1) != 1)
			_exit(254);
		_exit(test(rig->intake));
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	if (meanwhile)
		assert_int_equal(meanwhile(), 0);
	assert_int_equal(write(go[1], &c, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(ready[0]);
	close(go[0]);
	close(go[1]);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int load_key(struct ksc_intake *intake)
{
	struct ksc_config *config;
	char name[64];

	snprintf(name, sizeof(name), "%s/below/key", dir);
	FAILS(open(name, O_RDONLY), EACCES);
	config = load(intake);
	REQUIRE(config);
	/* as is so when root reads it */
	REQUIRE(serves(config, 0));
	REQUIRE(serves(config, 4711));
	REQUIRE(!serves(config, 4712));
	ksc_config_free(config);
	return 0;
}

/* The key is another one by then, of another owner, and in a directory that is new. */
static int renew_key(void)
{
	char text[256], below[48];

	snprintf(below, sizeof(below), "%s/below", dir);
	snprintf(key, sizeof(key), "%s/key", below);
	if (mkdir(below, 0700) || chown(below, 4711, 4711))
		return -1;
	copy_file(CERTS "/server.key", key);
	if (chown(key, 4711, 4711) || chmod(key, 0600))
		return -1;
	snprintf(text, sizeof(text), SERVER "cert = " CERTS "/server.pem\nkey = %s\n", key);
	replace_file(conf, text);
	return chmod(conf, 0600);
}

static void keys_of_others(void **state)
{
	struct rig rig;

	(void)state;
	if (geteuid())
		skip();
	start(&rig);
	confined(&rig, load_key, renew_key);
	stop(&rig);
}

/* ---- accounts ---- */

static int load_account(struct ksc_intake *intake)
{
	struct ksc_config *config = load(intake);

	REQUIRE(config);
	REQUIRE(serves(config, 47110));
	/* who is in the group */
	REQUIRE(serves(config, 47111));
	REQUIRE(!serves(config, 0));
	ksc_config_free(config);
	return 0;
}

/* The lists are replaced, as they are by useradd(8). */
static int add_account(void)
{
	char passwd[64], group[64];

	snprintf(passwd, sizeof(passwd), "%s/passwd", dir);
	snprintf(group, sizeof(group), "%s/group", dir);
	write_file(passwd, "root:x:0:0::/:/bin/sh\nkscnew:x:47110:47110::/:/bin/sh\n"
		   "kscmember:x:47111:47111::/:/bin/sh\n");
	write_file(group, "root:x:0:\nkscgroup:x:47112:kscmember,nobodythere\n");
	if (mount(passwd, "/etc/passwd", NULL, MS_BIND, NULL) ||
	    mount(group, "/etc/group", NULL, MS_BIND, NULL))
		return -1;
	replace_file(conf, SERVER CERT "users = kscnew\ngroups = kscgroup\n");
	return 0;
}

static void new_accounts_here(void)
{
	struct rig rig;

	start(&rig);
	assert_string_equal(complaints(rig.intake), "");
	confined(&rig, load_account, add_account);
	stop(&rig);
	umount("/etc/passwd");
	umount("/etc/group");
}

static void new_accounts(void **state)
{
	const int here = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

	(void)state;
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		close(here);
		skip();
	}
	new_accounts_here();
	assert_int_equal(setns(here, CLONE_NEWNS), 0);
	close(here);
}

/* ---- a daemon that somebody has taken over ---- */

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

/* Of all answers up to the end of that load; says how many were ends. */
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

/* Who asks without end is answered now and then, and the last time. */
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

/* The daemon has nothing to do with files that somebody writes to, or a server that hangs has. */
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

/* ---- a reader that does not answer ---- */

static void killed(void **state)
{
	struct ksc_handed *handed;
	struct rig rig;

	(void)state;
	start(&rig);
	assert_string_equal(complaints(rig.intake), "");
	kill(rig.pid, SIGKILL);
	end_of(rig.pid);
	assert_int_equal(ksc_intake_load(rig.intake, LONG_MS, &handed), -EPIPE);
	assert_int_equal(ksc_intake_fd(rig.intake), -1);
	assert_int_equal(ksc_intake_load(rig.intake, LONG_MS, &handed), -EPIPE);
	assert_non_null(strstr(complaints(rig.intake), "is gone"));
	ksc_intake_free(rig.intake);
}

/* What comes too late is not taken for what is asked for later. */
static void late(void **state)
{
	struct ksc_handed *handed;
	struct rig rig;

	(void)state;
	start(&rig);
	kill(rig.pid, SIGSTOP);
	assert_int_equal(ksc_intake_load(rig.intake, SHORT_MS, &handed), -ETIMEDOUT);
	replace_file(conf, "[credential x]\n");
	kill(rig.pid, SIGCONT);
	usleep(200000);
	replace_file(conf, SERVER CERT "users = nobody-there\n");
	assert_non_null(strstr(complaints(rig.intake), "there is no account"));
	stop(&rig);
}

/* The configuration is written to while it is read: what it names was not handed over. */
static void changed_meanwhile(void **state)
{
	struct ksc_handed *handed = ksc_handed_new();
	struct ksc_way way = { 0 };
	struct ksc_config *config;
	char text[1024] = "";
	FILE *out = fmemopen(text, sizeof(text) - 1, "w");
	int fd;

	(void)state;
	write_file(conf, SERVER CERT "users = root\ngroups = root, 5\n");
	fd = open(conf, O_RDONLY);
	assert_int_equal(ksc_handed_add_file(handed, conf, 0, fd, &way), 0);
	close(fd);
	ksc_handed_use(handed);
	config = ksc_config_load(conf, out);
	ksc_handed_free(handed);
	fclose(out);
	assert_null(config);
	assert_non_null(strstr(text, "/server.pem: the configuration has changed meanwhile"));
	assert_non_null(strstr(text, ":5: users: root: the configuration has changed"));
	assert_non_null(strstr(text, ":6: groups: root: "));
	assert_non_null(strstr(text, ":6: groups: the members of 5: "));
	/* afterwards, it is as it was without */
	assert_null(ksc_handed_used());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(alike, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(keys_of_others, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(new_accounts, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(garbage, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(flood, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(sent_files, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(only_named, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(copies, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(its_confinement, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(signals, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(killed, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(late, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(changed_meanwhile, make_dir, remove_dir),
	};

	return cmocka_run_group_tests_name("reader", tests, NULL, NULL);
}
