// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reader is a process that keeps the privilege to read any file, and may ask any account
 * service; the daemon, which parses input of peers, does without both. An attacker who has taken
 * over the daemon could ask the reader for anything, so requests name nothing: the daemon requests
 * a load, and gets what the configuration names, which the reader reads itself.
 *
 * It is forked before the daemon has keys and threads. Account lookups run third-party modules,
 * which may crash, leak, or never return. So each load is a process of its own, and the next one is
 * not affected. Only that process reads files, including the configuration; it leaves watches
 * (watch.c), by which the reader notices that a file has changed. The reader reports that once, and
 * continues to watch when the next load is requested.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/util.h"
#include "config/subids.h"
#include "process/log.h"
#include "process/memory.h"
#include "process/sandbox.h"
#include "reload/hand.h"
#include "reload/handover.h"
#include "reload/intake.h"
#include "reload/reader.h"
#include "reload/watch.h"

/*
 * The minimum time between loads, and between reads of inotify events, so that endless requests or
 * changes of files do not use a whole CPU.
 */
#define PAUSE_MS	100
/* The daemon has timed out by then; nothing is watched while a load is in progress. */
#define LOAD_MS		(2 * KSC_INTAKE_MS)
/* Time limit for owners of subordinate IDs, possibly thousands, which are handed over last. */
#define OWNERS_MS	(KSC_INTAKE_MS / 3)
/* Requests that are read at once; more do not fit into the socket's buffer. */
#define ASKED_AT_ONCE	1024

/**
 * struct reader - the reader
 * @sock: socket to the daemon
 * @path: path of the configuration
 * @watch: watch for the files of the last load that has found them, or NULL
 * @number: number of the last load
 * @told: the daemon was told that a file has changed
 */
struct reader {
	int sock;
	const char *path;
	struct ksc_watch *watch;
	uint32_t number;
	bool told;
};

/* enum outcome - result of waiting for a load: it ended, another was requested, or it timed out */
enum outcome { ENDED, ASKED_AGAIN, LATE };

int ksc_reader_owners_ms = OWNERS_MS;

static void pause_for(long ms)
{
	const struct timespec time = { .tv_nsec = ms * 1000000 };

	nanosleep(&time, NULL);
}

static void tell(const struct reader *reader, uint32_t kind, int error)
{
	ksc_hand_word(reader->sock, reader->number, kind, error);
}

static void run_load(const struct reader *reader, struct ksc_watch *watch, int enough)
{
	tell(reader, KSC_HANDOVER_END,
	     ksc_hand_config(reader->sock, reader->number, reader->path, watch, enough));
}

static void __attribute__((noreturn))
run_child(const struct reader *reader, struct ksc_watch *watch, pid_t parent, int enough)
{
	int rc;

	ksc_memory_keep();
	rc = ksc_sandbox_load();
	if (rc) {
		ksc_log(KSC_LOG_ERROR, "event=load-sandbox-failed reason=\"%s\"", strerror(-rc));
		_exit(EXIT_FAILURE);
	}
	/* the last load's watch is not used here */
	ksc_watch_free(reader->watch);
	/* from now on the load is killed when the reader exits, unless it exited before */
	if (getppid() == parent)
		run_load(reader, watch, enough);
	_exit(EXIT_SUCCESS);
}

/*
 * Waits until the load has ended, or is no longer wanted because the daemon is gone or has
 * requested another. A byte from @ended means that there is @enough.
 */
static enum outcome await(int sock, int ended, bool *enough)
{
	struct pollfd p[] = {
		{ .fd = sock, .events = POLLIN }, { .fd = ended, .events = POLLIN },
	};
	int rc;
	char c;

	for (;;) {
		rc = poll(p, 2, *enough ? ksc_reader_owners_ms : LOAD_MS);
		if (rc < 0 && errno == EINTR)
			continue;
		if (!rc)
			return LATE;
		if (p[0].revents)
			return ASKED_AGAIN;
		if (read(ended, &c, 1) != 1)
			return ENDED;
		*enough = true;
	}
}

/* Waits for a load, and kills it unless it has ended. */
static enum outcome end_load(pid_t pid, int sock, int ended, int *status, bool *enough)
{
	const enum outcome outcome = await(sock, ended, enough);

	if (outcome != ENDED)
		kill(pid, SIGKILL);
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	if (outcome == LATE && *enough)
		ksc_log(KSC_LOG_WARNING, "event=owners-incomplete reason=\"" KSC_SUBUID_FILE
			": lookups timed out\"");
	else if (outcome == LATE)
		ksc_log(KSC_LOG_ERROR, "event=load-timed-out");
	else if (outcome == ENDED && WIFSIGNALED(*status))
		ksc_log(KSC_LOG_ERROR, "event=load-killed signal=%d",
			WTERMSIG(*status));
	return outcome;
}

/* Returns false if the load failed before everything except owners was handed over. */
static bool run_with(const struct reader *reader, struct ksc_watch *watch)
{
	const pid_t parent = getpid();
	enum outcome outcome = ENDED;
	int ends[2], status = -1;
	bool enough = false;
	pid_t pid;

	/* the other end is closed when the child exits, for any reason */
	if (pipe2(ends, O_CLOEXEC))
		return false;
	pid = fork();
	if (!pid)
		run_child(reader, watch, parent, ends[1]);
	close(ends[1]);
	if (pid < 0)
		ksc_log(KSC_LOG_ERROR, "event=load-failed reason=\"cannot start a process\"");
	else
		outcome = end_load(pid, reader->sock, ends[0], &status, &enough);
	close(ends[0]);
	if (outcome == ASKED_AGAIN || !status)
		return true;
	if (enough)
		tell(reader, KSC_HANDOVER_END, 0);
	return enough;
}

/* If the load does not find all files, those of the last load are still watched. */
static bool run_one(struct reader *reader)
{
	struct ksc_watch *watch = ksc_watch_new();
	bool done;

	if (!watch)
		ksc_log(KSC_LOG_WARNING, "event=watch-failed reason=\"%s\"", strerror(errno));
	done = run_with(reader, watch);
	reader->told = false;
	if (watch && ksc_watch_is_complete(watch)) {
		ksc_watch_free(reader->watch);
		reader->watch = watch;
	} else {
		ksc_watch_free(watch);
	}
	return done;
}

/* Waits for a request of the daemon, or a change of a file. Returns true for a request. */
static bool await_call(const struct reader *reader)
{
	struct pollfd p[] = {
		{ .fd = reader->sock, .events = POLLIN }, { .fd = -1, .events = POLLIN },
	};

	if (reader->watch && !reader->told)
		p[1].fd = ksc_watch_fd(reader->watch);
	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	return p[0].revents;
}

static void look_for_change(struct reader *reader)
{
	if (!ksc_watch_changed(reader->watch))
		return;
	reader->told = true;
	tell(reader, KSC_HANDOVER_CHANGED, 0);
}

/* Returns the last request: it replaces those before it. */
static uint32_t next_load(int sock)
{
	uint32_t number = 0, more;
	int flags = MSG_TRUNC, i;
	ssize_t len = 0;

	for (i = 0; i < ASKED_AT_ONCE; i++) {
		len = recv(sock, &more, sizeof(more), flags);
		if (len != sizeof(more))
			break;
		number = more;
		flags = MSG_TRUNC | MSG_DONTWAIT;
	}
	if (len == sizeof(more) || (len < 0 && (errno == EAGAIN || errno == EINTR)))
		return number;
	if (len > 0)
		ksc_log(KSC_LOG_ERROR,
			"event=reader-stopped reason=\"bad request from the daemon\"");
	_exit(len ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void answer(struct reader *reader)
{
	const uint32_t number = next_load(reader->sock);

	if (!number)
		return;
	reader->number = number;
	if (!run_one(reader))
		tell(reader, KSC_HANDOVER_END, -ECHILD);
}

/* Signals to the service or the terminal reach all processes; only the daemon handles them. */
static void ignore_signals(void)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2,
				       SIGALRM, SIGTSTP };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	/* the daemon can have inherited SIG_IGN */
	signal(SIGCHLD, SIG_DFL);
}

/* Closes inherited descriptors. Returns the socket, or -1. */
static int leave_files(int sock)
{
	int nothing;

	if (sock != STDERR_FILENO + 1 && dup2(sock, STDERR_FILENO + 1) < 0)
		return -1;
	nothing = open("/dev/null", O_RDWR);
	if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(nothing, STDOUT_FILENO) < 0)
		return -1;
	if (close_range(STDERR_FILENO + 2, ~0U, 0))
		return -1;
	ksc_log_open(STDERR_FILENO);
	return STDERR_FILENO + 1;
}

static void __attribute__((noreturn)) run(int sock, const char *path)
{
	struct reader reader = { .path = path };
	const struct rlimit none = { 0 };
	int rc;

	ignore_signals();
	/* if this fails, it fails in the daemon, too, which logs it */
	ksc_memory_keep();
	/* on 6.1, a process with the terminal can type commands for the shell that started it */
	setsid();
	prctl(PR_SET_NAME, "kschanneld-read");
	sock = leave_files(sock);
	rc = sock < 0 || setrlimit(RLIMIT_CORE, &none) ? -errno : ksc_sandbox_reader();
	if (rc) {
		ksc_log(KSC_LOG_ERROR, "event=reader-sandbox-failed reason=\"%s\"", strerror(-rc));
		_exit(EXIT_FAILURE);
	}
	reader.sock = sock;
	for (;;) {
		if (await_call(&reader))
			answer(&reader);
		else
			look_for_change(&reader);
		pause_for(PAUSE_MS);
	}
}

/**
 * ksc_reader_start() - start the reader
 * @path: the configuration; the reader opens it and what it names, nothing else
 * @pid: set to the process ID
 *
 * Context: before the process has threads.
 *
 * Return: a socket to the reader, which exits when it is closed; or a negative errno
 */
int ksc_reader_start(const char *path, pid_t *pid)
{
	int ends[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	*pid = fork();
	if (!*pid)
		run(ends[1], path);
	rc = *pid < 0 ? -errno : ends[0];
	close(ends[1]);
	if (rc < 0)
		close(ends[0]);
	return rc;
}
