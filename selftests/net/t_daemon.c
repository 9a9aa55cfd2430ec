// SPDX-License-Identifier: GPL-2.0-only
/* The daemon is absent, hangs, or dies. */
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/capability.h>

#include "lib/daemon.h"
#include "lib/net.h"
#include "lib/nl.h"
#include "lib/own.h"
#include "lib/peer.h"

static void start_daemon(void)
{
	daemon_do("start");
	assert_int_equal(tnl_counter(KSC_A_STATS_DAEMON), 1);
}

static int teardown(void **state)
{
	(void)state;
	/* the next test starts with a daemon, whatever became of this one */
	if (!tnl_counter(KSC_A_STATS_DAEMON))
		start_daemon();
	return 0;
}

static void test_absent(void **state)
{
	const struct t_opts client = { .server_name = "server.test", .timeout = 500 };
	const struct t_opts server = { .timeout = 500 };
	struct t_addr addr;
	int listener, fd, child;
	int64_t start;
	char c;

	(void)state;
	daemon_do("stop");
	assert_int_equal(tnl_counter(KSC_A_STATS_DAEMON), 0);
	listener = t_listen(AF_INET, &server, &addr);
	start = t_now_ms();
	fd = t_try_connect(&addr, &client);
	assert_int_equal(errno, EHOSTDOWN);
	t_expect_error(fd, KSC_STATUS_NO_DAEMON, EHOSTDOWN);
	assert_in_range(t_now_ms() - start, 0, 20000);
	close(fd);
	close(t_accept(listener));
	/* the server's side: nothing has to come from the client to tell */
	fd = t_connect(&addr, NULL);
	child = t_accept(listener);
	t_send(fd, "\x16\x03\x01\x00\x04\x01\x00\x00\x00", 9);
	FAILS(recv(child, &c, 1, 0), EHOSTDOWN);
	t_expect_error(child, KSC_STATUS_NO_DAEMON, EHOSTDOWN);
	close(fd);
	close(child);
	close(listener);
	tnl_await_counter(KSC_A_STATS_CONTEXTS, 0);
}

/* A handshake that begins without a daemon is done by the one that comes in time. */
static void test_comes_later(void **state)
{
	const struct t_opts client = { .server_name = "server.test", .nonblock = true };
	struct t_addr addr;
	int listener, fd, child;

	(void)state;
	daemon_do("stop");
	listener = t_listen(AF_INET, &t_server, &addr);
	fd = t_try_connect(&addr, &client);
	assert_int_equal(errno, EINPROGRESS);
	child = t_accept(listener);
	start_daemon();
	t_wait(fd, POLLOUT);
	assert_int_equal(t_so_error(fd), 0);
	t_nonblock(fd, false);
	t_exchange(fd, child);
	close(fd);
	close(child);
	close(listener);
}

/* Case 42: killed with an offer unanswered; the same token goes to the next daemon. */
static void case_42_killed_before_answering(void **state)
{
	const struct t_opts client = { .server_name = "server.test", .nonblock = true };
	struct t_addr addr;
	int listener, fd, child;

	(void)state;
	listener = t_listen(AF_INET, &t_server, &addr);
	daemon_suspend();
	fd = t_try_connect(&addr, &client);
	assert_int_equal(errno, EINPROGRESS);
	child = t_accept(listener);
	tnl_await_at_least(KSC_A_STATS_CONTEXTS, 2);
	daemon_do("kill");
	start_daemon();
	t_wait(fd, POLLOUT);
	assert_int_equal(t_so_error(fd), 0);
	t_nonblock(fd, false);
	t_exchange(fd, child);
	close(fd);
	close(child);
	close(listener);
}

/* The same for a server, whose ClientHello went to a daemon that died. */
static void test_server_killed_before_answering(void **state)
{
	const struct peer_conf conf = { .library = PEER_OPENSSL };
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener, fd;

	(void)state;
	listener = t_listen(AF_INET, &t_server, &addr);
	daemon_suspend();
	peer_connect(&peer, &conf, &addr, peer_greet);
	fd = t_accept(listener);
	tnl_await_at_least(KSC_A_STATS_CONTEXTS, 1);
	daemon_do("kill");
	start_daemon();
	t_expect(fd, "hello");
	close(fd);
	peer_join(&peer);
	close(listener);
}

/* Killed with a session that it alone knew: the handshake cannot go on, and must not hang. */
static void test_killed_in_between(void **state)
{
	const struct t_opts client = { .server_name = "server.test", .nonblock = true,
				       .timeout = 20000 };
	struct t_addr addr;
	int listener, fd, peer, error;
	char byte;

	(void)state;
	listener = t_listen(AF_INET, NULL, &addr);
	fd = t_try_connect(&addr, &client);
	assert_int_equal(errno, EINPROGRESS);
	peer = t_accept(listener);
	/* the ClientHello is out, so the daemon has answered the first step */
	t_recv(peer, &byte, 1);
	daemon_do("kill");
	start_daemon();
	/* the rest of the handshake, as far as the client is concerned */
	t_send(peer, "\x16\x03\x03\x00\x04\x02\x00\x00\x00", 9);
	t_wait(fd, POLLOUT);
	error = t_so_error(fd);
	assert_true(error == EHOSTDOWN || error == EPROTO || error == ETIMEDOUT);
	assert_true(t_error(fd).text[0]);
	close(fd);
	close(peer);
	close(listener);
	tnl_await_counter(KSC_A_STATS_CONTEXTS, 0);
}

/* Established connections need no daemon. */
static void test_killed_after(void **state)
{
	int fds[2];

	(void)state;
	t_pair(AF_INET, fds);
	t_exchange(fds[0], fds[1]);
	daemon_do("kill");
	assert_int_equal(tnl_counter(KSC_A_STATS_DAEMON), 0);
	for (int i = 0; i < 10; i++)
		t_exchange(fds[0], fds[1]);
	SYS(shutdown(fds[0], SHUT_WR));
	t_expect_eof(fds[1]);
	close(fds[0]);
	close(fds[1]);
}

/* SIGTERM lets pending handshakes finish. */
static void test_restart(void **state)
{
	int fds[2];

	(void)state;
	for (int i = 0; i < 3; i++) {
		t_pair(AF_INET, fds);
		daemon_do("stop");
		start_daemon();
		t_exchange(fds[0], fds[1]);
		close(fds[0]);
		close(fds[1]);
	}
}

static void test_second(void **state)
{
	int fds[2];

	(void)state;
	assert_int_not_equal(t_shell("timeout 20 kschanneld >/dev/null 2>&1"), 0);
	assert_int_equal(tnl_counter(KSC_A_STATS_DAEMON), 1);
	t_pair(AF_INET, fds);
	t_exchange(fds[0], fds[1]);
	close(fds[0]);
	close(fds[1]);
}

/* ---- where its memory gets ---- */

/* A number of a process' status; -1 if there is none, or the process has ended. */
static long status_of(pid_t pid, const char *name)
{
	char path[64], line[256];
	long n = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "r");
	if (!file)
		return -1;
	while (n < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			n = strtol(line + strlen(name) + 1, NULL, 10);
	fclose(file);
	return n;
}

/* All memory that it writes to, once it is written to. */
static void expect_locked(pid_t pid)
{
	char path[64], line[512], name[512] = "";
	unsigned int n = 0;
	bool writes = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (strchr("0123456789abcdef", line[0])) {
			writes = strstr(line, " rw");
			snprintf(name, sizeof(name), "%s", line);
		} else if (writes && !strncmp(line, "VmFlags:", 8)) {
			n++;
			if (!strstr(line, " lo"))
				fail_msg("%d: not locked: %s", pid, name);
		}
	}
	fclose(file);
	assert_true(n > 5);
	assert_true(status_of(pid, "VmLck") > 0);
}

/* Calls @test for a daemon and the processes that it has started; says how many. */
static unsigned int for_all(pid_t daemon, void (*test)(pid_t pid))
{
	unsigned int n = 1;
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	pid_t pid;

	assert_non_null(proc);
	test(daemon);
	while ((entry = readdir(proc))) {
		pid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (pid > 0 && status_of(pid, "PPid") == daemon) {
			test(pid);
			n++;
		}
	}
	closedir(proc);
	return n;
}

/* Keys are nowhere but in memory, whatever comes after the start. */
static void test_locked(void **state)
{
	struct own own = { .workers = 2, .user = "nobody" };
	struct stat st;
	char path[32];
	int fds[2];

	(void)state;
	own_namespace();
	own_start(&own, "");
	assert_int_equal(for_all(own.pid, expect_locked), 2);
	t_pair(AF_INET, fds);
	t_exchange(fds[0], fds[1]);
	assert_true(own_reload(&own, "[rule r]\naction = prefer\n"));
	assert_int_equal(for_all(own.pid, expect_locked), 2);
	assert_int_equal(own_logged(&own, "event=memory-not-locked"), 0);
	/* what is not to be dumped is root's */
	assert_true(status_of(own.pid, "Uid") > 0);
	snprintf(path, sizeof(path), "/proc/%d/maps", own.pid);
	SYS(stat(path, &st));
	assert_int_equal(st.st_uid, 0);
	close(fds[0]);
	close(fds[1]);
	own_end(&own);
}

static void expect_unlocked(pid_t pid)
{
	assert_int_equal(status_of(pid, "VmLck"), 0);
}

/* Capabilities are a thread's. */
static void *start_without_privilege(void *ptr)
{
	SYS(prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0));
	own_start(ptr, "");
	return NULL;
}

/* With a limit, it logs that, and does its work: its allocations do not fail. */
static void test_not_locked(void **state)
{
	struct rlimit before, limit = { 65536, 65536 };
	struct own own = { .workers = 2 };
	pthread_t thread;
	int fds[2];

	(void)state;
	own_namespace();
	SYS(getrlimit(RLIMIT_MEMLOCK, &before));
	SYS(setrlimit(RLIMIT_MEMLOCK, &limit));
	assert_int_equal(pthread_create(&thread, NULL, start_without_privilege, &own), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	SYS(setrlimit(RLIMIT_MEMLOCK, &before));
	assert_int_equal(own_logged(&own, "event=memory-not-locked"), 1);
	t_pair(AF_INET, fds);
	t_exchange(fds[0], fds[1]);
	assert_true(own_reload(&own, ""));
	assert_int_equal(for_all(own.pid, expect_unlocked), 2);
	close(fds[0]);
	close(fds[1]);
	own_end(&own);
}

/* ---- what takes a restart ---- */

static void test_takes_restart(void **state)
{
	struct own own = { .workers = 2, .user = "nobody" };
	const char *const user = "user: the change needs a restart";
	const char *const workers = "workers: 2 until the next start";
	long threads, uid;

	(void)state;
	own_namespace();
	own_start(&own, "");
	uid = status_of(own.pid, "Uid");
	threads = status_of(own.pid, "Threads");
	assert_true(uid > 0 && threads > 2);
	assert_true(own_reload(&own, ""));
	assert_int_equal(own_logged(&own, user) + own_logged(&own, workers), 0);
	own.user = "root";
	assert_true(own_reload(&own, ""));
	assert_int_equal(own_logged(&own, user), 1);
	assert_int_equal(own_logged(&own, workers), 0);
	/* told again as long as it is so */
	own.workers = 3;
	assert_true(own_reload(&own, ""));
	assert_int_equal(own_logged(&own, user), 2);
	assert_int_equal(own_logged(&own, workers), 1);
	own.user = NULL;
	own.workers = 2;
	assert_true(own_reload(&own, ""));
	assert_int_equal(own_logged(&own, user), 3);
	own.user = "nobody";
	assert_true(own_reload(&own, ""));
	assert_int_equal(own_logged(&own, user), 3);
	assert_int_equal(own_logged(&own, workers), 1);
	assert_int_equal(status_of(own.pid, "Uid"), uid);
	assert_int_equal(status_of(own.pid, "Threads"), threads);
	own_end(&own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_absent, teardown),
		cmocka_unit_test_teardown(test_comes_later, teardown),
		cmocka_unit_test_teardown(case_42_killed_before_answering, teardown),
		cmocka_unit_test_teardown(test_server_killed_before_answering, teardown),
		cmocka_unit_test_teardown(test_killed_in_between, teardown),
		cmocka_unit_test_teardown(test_killed_after, teardown),
		cmocka_unit_test_teardown(test_restart, teardown),
		cmocka_unit_test_teardown(test_second, teardown),
		/* these stay in namespaces of their own */
		cmocka_unit_test(test_locked),
		cmocka_unit_test(test_not_locked),
		cmocka_unit_test(test_takes_restart),
	};

	return T_RUN(tests);
}
