// SPDX-License-Identifier: GPL-2.0-only
/* Queries systemd by systemctl. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "ctl/systemd.h"

extern char **environ;

/* Runs systemctl, and returns its exit status; the caller frees @output. */
static int systemctl(const char *const argv[], char **output)
{
	posix_spawn_file_actions_t actions;
	int pipe_fds[2], status, error;
	size_t size = 0;
	FILE *file;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC))
		err(EXIT_FAILURE, "pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
	error = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipe_fds[1]);
	if (error)
		errx(EXIT_FAILURE, "%s: %s", argv[0], strerror(error));
	file = ctl_alloc(fdopen(pipe_fds[0], "r"));
	*output = NULL;
	if (getdelim(output, &size, '\0', file) < 0) {
		free(*output);
		*output = ctl_alloc(strdup(""));
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			err(EXIT_FAILURE, "waitpid");
	}
	fclose(file);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/**
 * ctl_systemd_reload() - make systemd reload its units
 * Return: whether that succeeded
 */
bool ctl_systemd_reload(void)
{
	static const char *const argv[] = { "systemctl", "daemon-reload", NULL };
	char *output;
	int status = systemctl(argv, &output);

	free(output);
	return !status;
}

/* Whether a process is in a cgroup (version 2) or below it. */
static bool is_populated(const char *cgroup)
{
	char path[PATH_MAX], line[64];
	bool populated = false;
	FILE *file;

	if (!cgroup || !*cgroup ||
	    snprintf(path, sizeof(path), CTL_CGROUPS "%s/cgroup.events", cgroup) >=
		    (int)sizeof(path))
		return false;
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		populated |= !strcmp(line, "populated 1\n");
	if (file)
		fclose(file);
	return populated;
}

/**
 * ctl_systemd_facts() - get a unit's properties from systemd; exits on error
 * @unit: its name; for a template, the properties are those of an instance
 * Return: the properties; the caller frees them by ctl_facts_free()
 */
struct ctl_facts ctl_systemd_facts(const char *unit)
{
	char instance[CTL_UNIT_SIZE];
	const char *const argv[] = {
		"systemctl", "show",
		"--property=LoadState,ActiveState,SubState,ControlGroup,UnitFileState,Type,ExecStart,"
		"TriggeredBy,ConsistsOf,Accept,Listen,Environment,NoExecPaths,PAMName", "--",
		instance, NULL
	};
	struct ctl_facts facts = { 0 };
	char *output;

	/* systemd has no properties of a template itself */
	ctl_instance(unit, instance);
	if (systemctl(argv, &output))
		errx(EXIT_FAILURE, "systemd does not describe %s", unit);
	ctl_facts_parse(output, &facts);
	free(output);
	facts.has_tasks = is_populated(facts.cgroup);
	return facts;
}
