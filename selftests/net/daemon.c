// SPDX-License-Identifier: GPL-2.0
/* The daemon that the suite runs, as tests treat it. */
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

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
 * daemon_pid() - which process it is
 * Return: its number
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
