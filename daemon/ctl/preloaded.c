// SPDX-License-Identifier: GPL-2.0-only
/* kschannelctl preloaded: checks whether the library is loaded where a drop-in needs it. */
#include <argp.h>
#include <dlfcn.h>
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "preload/env.h"

/* How long a process may take to execute its program */
#define PATIENCE_MS 10000
#define PAUSE_MS 20

enum presence { PRESENT, ABSENT, NOT_YET, GONE };

static bool read_program(const char *pid, char program[PATH_MAX])
{
	char path[64];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%s/exe", pid);
	len = readlink(path, program, PATH_MAX - 1);
	program[len < 0 ? 0 : len] = '\0';
	return len >= 0;
}

static const char *last_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Whether it still runs what the service manager forked */
static bool is_managers(const char *program)
{
	char manager[PATH_MAX];

	return (read_program("1", manager) && !strcmp(program, manager)) ||
	       !strcmp(last_of(program), "systemd-executor");
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/*
 * The dynamic linker maps preloaded libraries before those that a program needs, and every
 * program needs the C library unless it is linked statically.
 */
static enum presence look(const char *pid, char program[PATH_MAX])
{
	enum presence found = NOT_YET;
	char path[64], *line = NULL;
	size_t size = 0;
	FILE *maps;

	if (!read_program(pid, program))
		return errno == ENOENT || errno == ESRCH ? GONE : NOT_YET;
	if (is_managers(program))
		return NOT_YET;
	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return errno == ENOENT || errno == ESRCH ? GONE : NOT_YET;
	while (found != PRESENT && getline(&line, &size, maps) > 0) {
		const char *name = last_of(line);

		if (begins(name, KSC_PRELOAD_NAME))
			found = PRESENT;
		else if (begins(name, "libc.so") || begins(name, "libc-") ||
			 begins(name, "ld-musl"))
			found = ABSENT;
	}
	free(line);
	fclose(maps);
	return found;
}

/* Polls, because no event tells when another process executes a program. */
static int await_in(const char *pid)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	enum presence found = NOT_YET;
	char program[PATH_MAX] = "";

	for (int ms = 0; ms < PATIENCE_MS; ms += PAUSE_MS) {
		found = look(pid, program);
		if (found != NOT_YET)
			break;
		nanosleep(&pause, NULL);
	}
	/* a process that has exited makes no connections */
	if (found == PRESENT || found == GONE)
		return EXIT_SUCCESS;
	warnx("process %s, %s: %s is not preloaded, and its connections would be in plaintext; "
	      "was its environment cleared?",
	      pid, *program ? program : "which cannot be looked into", KSC_PRELOAD_NAME);
	return EXIT_FAILURE;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	const char **pid = state->input;
	char *end;

	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	if (*pid)
		argp_error(state, "one process at a time");
	errno = 0;
	if (strtol(arg, &end, 10) <= 0 || *end || errno || *arg < '0' || *arg > '9')
		argp_error(state, "\"%s\" is no process ID", arg);
	*pid = arg;
	return 0;
}

/**
 * ctl_preloaded() - the command "preloaded"
 * @argc: number of arguments
 * @argv: the arguments
 * Return: exit status
 */
int ctl_preloaded(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = parse,
		.args_doc = "[PID]",
		.doc = "Check whether the library is preloaded into this command, or into a "
		       "process.",
	};
	const char *pid = NULL;

	argp_parse(&argp, argc, argv, 0, NULL, &pid);
	if (pid)
		return await_in(pid);
	if (!dlsym(RTLD_DEFAULT, KSC_PRELOAD_MARK))
		errx(EXIT_FAILURE, "%s is not preloaded", KSC_PRELOAD_NAME);
	return EXIT_SUCCESS;
}
