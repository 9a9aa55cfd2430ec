// SPDX-License-Identifier: GPL-2.0-only
/* The suite's daemon: how tests stop, kill, suspend and restart it. */
#include <dirent.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon.h"
#include "net.h"

/**
 * daemon_do() - call the rig's script, or the suite's for its own configuration
 * @what: start, stop or kill; see there
 */
void daemon_do(const char *what)
{
	const char *const argv[] = { "ksc-daemon", what, NULL };
	int status;
	pid_t pid;

	assert_int_equal(posix_spawnp(&pid, argv[0], NULL, NULL, (char **)argv, environ), 0);
	SYS(waitpid(pid, &status, 0));
	assert_int_equal(status, 0);
}

/**
 * daemon_pid() - get the daemon's PID
 * Return: the PID
 */
pid_t daemon_pid(void)
{
	FILE *file = fopen("/run/kschanneld.pid", "r");
	char line[32];
	pid_t pid;

	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	pid = (pid_t)strtol(line, NULL, 10);
	assert_true(pid > 0);
	return pid;
}

/* Is there a thread that still runs? */
static bool runs(pid_t pid)
{
	char path[300], line[128];
	struct dirent *entry;
	bool found = false;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	assert_non_null(tasks);
	while ((entry = readdir(tasks))) {
		bool stopped = false;
		FILE *file;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/status", pid, entry->d_name);
		file = fopen(path, "r");
		/* one that has ended does not count */
		if (!file)
			continue;
		while (fgets(line, sizeof(line), file))
			stopped |= !strncmp(line, "State:\tT", 8);
		fclose(file);
		found |= !stopped;
	}
	closedir(tasks);
	return found;
}

/**
 * daemon_suspend() - stop it until it gets SIGCONT, or is killed
 * Return: its number
 *
 * All threads have stopped when this returns: the signal alone only asks them to.
 */
pid_t daemon_suspend(void)
{
	int64_t end = t_now_ms() + PATIENCE_S * 1000L;
	pid_t pid = daemon_pid();

	SYS(kill(pid, SIGSTOP));
	while (runs(pid)) {
		assert_true(t_now_ms() < end);
		usleep(1000);
	}
	return pid;
}

/**
 * daemon_descriptors() - count the daemon's open files
 * Return: the number
 */
unsigned int daemon_descriptors(void)
{
	unsigned int count = 0;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", daemon_pid());
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/**
 * daemon_await_descriptors() - wait until it has no more files open
 * @most: than this
 */
void daemon_await_descriptors(unsigned int most)
{
	int64_t end = t_now_ms() + PATIENCE_S * 1000L;
	unsigned int count;

	while ((count = daemon_descriptors()) > most) {
		if (t_now_ms() > end)
			fail_msg("the daemon has %u files open, not %u", count, most);
		usleep(10000);
	}
}
