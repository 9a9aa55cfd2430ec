// SPDX-License-Identifier: GPL-2.0
/* kschannelctl enable, disable, attach: services of systemd, with their connections protected. */
#include <argp.h>
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl.h"
#include "dropin.h"
#include "guard.h"
#include "program.h"
#include "run.h"
#include "scope.h"

#define DROP_IN "kschannel.conf"
#define SUFFIX ".service"
#define DEFAULT_DIRECTORY "/etc/systemd/system"
/* systemd's own limit */
#define MAX_UNIT 255
/* of what it shows of a unit, as much as is looked at */
#define MAX_PROPERTY 65536

/**
 * struct unit_options - what the command line says
 * @way: how to get hold of the service's sockets
 * @directory: where systemd looks for drop-ins
 * @reload: tell systemd
 * @guard: guard its cgroup, too
 * @unit: the service, with its suffix
 */
struct unit_options {
	enum ctl_way way;
	const char *directory;
	bool reload;
	bool guard;
	char unit[MAX_UNIT + 1];
};

enum { OPT_WAY = 256, OPT_GUARD, OPT_DIRECTORY, OPT_NO_RELOAD, OPT_CONDITION };

static const struct argp_option enable_options[] = {
	{ "way", OPT_WAY, "auto|preload|bpf", 0,
	  "How to get hold of the service's sockets (default: the best that there is)", 0 },
	{ "guard", OPT_GUARD, NULL, 0, "Keep it from TCP sockets that are had otherwise", 0 },
	{ "directory", OPT_DIRECTORY, "DIR", 0, "Where to write (default: " DEFAULT_DIRECTORY ")",
	  0 },
	{ "no-reload", OPT_NO_RELOAD, NULL, 0, "Do not tell systemd", 0 },
	{ 0 },
};

/* without --way and --guard */
static const struct argp_option *const disable_options = enable_options + 2;

extern char **environ;

static bool is_unit_name(const char *name)
{
	static const char others[] = ":-_.\\@";
	const char *p = name;

	while (*p && (isalnum((unsigned char)*p) || strchr(others, *p)))
		p++;
	return *name && *name != '.' && !*p;
}

static void parse_unit(struct unit_options *opt, const char *name, struct argp_state *state)
{
	size_t len = strlen(name), suffix = strlen(SUFFIX);
	bool has_suffix = len > suffix && !strcmp(name + len - suffix, SUFFIX);

	if (!is_unit_name(name) ||
	    snprintf(opt->unit, sizeof(opt->unit), "%s%s", name, has_suffix ? "" : SUFFIX) >=
		    (int)sizeof(opt->unit))
		argp_error(state, "\"%s\" is not the name of a service", name);
}

static error_t unit_parse(int key, char *arg, struct argp_state *state)
{
	struct unit_options *opt = state->input;

	switch (key) {
	case OPT_WAY:
		opt->way = ctl_parse_way(arg, state);
		return 0;
	case OPT_GUARD:
		opt->guard = true;
		return 0;
	case OPT_DIRECTORY:
		opt->directory = arg;
		return 0;
	case OPT_NO_RELOAD:
		opt->reload = false;
		return 0;
	case ARGP_KEY_ARG:
		if (opt->unit[0])
			argp_error(state, "one service at a time");
		parse_unit(opt, arg, state);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which service?");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void join(char path[PATH_MAX], const char *directory, const char *name, const char *suffix)
{
	if (snprintf(path, PATH_MAX, "%s/%s%s", directory, name, suffix) >= PATH_MAX)
		errx(EXIT_FAILURE, "%s: %s", directory, strerror(ENAMETOOLONG));
}

/* Runs systemctl; its first line of output, if that is wanted. Returns its status. */
static int systemctl(const char *const argv[], char *line, size_t size)
{
	posix_spawn_file_actions_t actions;
	int pipe_fds[2], status, error;
	FILE *output;
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
	output = fdopen(pipe_fds[0], "r");
	if (!output || !fgets(line, (int)size, output))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			err(EXIT_FAILURE, "waitpid");
	}
	if (output)
		fclose(output);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool reload(void)
{
	static const char *const argv[] = { "systemctl", "daemon-reload", NULL };
	char line[2];

	return !systemctl(argv, line, sizeof(line));
}

/* A template is nothing to ask about, but what it would be for an instance is. */
static void instance(char asked[MAX_UNIT + 1], const char *unit)
{
	static const char any[] = "@kschannel" SUFFIX;
	const char *at = strchr(unit, '@');

	if (!at || strcmp(at + 1, SUFFIX) ||
	    snprintf(asked, MAX_UNIT + 1, "%.*s%s", (int)(at - unit), unit, any) > MAX_UNIT)
		snprintf(asked, MAX_UNIT + 1, "%s", unit);
}

static bool ask(const char *unit, const char *property, char *line, size_t size)
{
	char asked[MAX_UNIT + 1];
	const char *const argv[] = { "systemctl", "show", "--property", property, "--value",
				     "--", asked, NULL };

	instance(asked, unit);
	return !systemctl(argv, line, size);
}

/* A slip of the pen must not look like protection. */
static bool is_loaded(const char *unit)
{
	char line[32];

	return ask(unit, "LoadState", line, sizeof(line)) && !strcmp(line, "loaded");
}

/*
 * The dynamic linker would say nothing where it does not preload. Returns why it will
 * not, NULL if it will; of several commands the first counts.
 */
static const char *cannot_preload_service(const char *unit, char path[PATH_MAX])
{
	static const char before[] = "{ path=";
	char line[PATH_MAX + sizeof(before)];
	size_t len;

	if (!ask(unit, "ExecStart", line, sizeof(line)) ||
	    strncmp(line, before, sizeof(before) - 1) != 0)
		return "systemd does not tell which program it runs";
	len = strcspn(line + sizeof(before) - 1, " ;");
	snprintf(path, PATH_MAX, "%.*s", (int)len, line + sizeof(before) - 1);
	return ctl_cannot_preload(path);
}

static void find_self(char self[PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", self, PATH_MAX - 1);

	if (len < 0)
		err(EXIT_FAILURE, "/proc/self/exe");
	self[len] = '\0';
}

static void write_drop_in(FILE *file, const struct unit_options *opt)
{
	static char environment[MAX_PROPERTY];
	char self[PATH_MAX], library[PATH_MAX], paths[2];
	struct ctl_drop_in in = {
		.self = self,
		.library = library,
		.environment = environment,
		.bpf = opt->way == CTL_WAY_BPF,
		.guard = opt->guard,
	};

	find_self(self);
	ctl_find_library(library);
	if (opt->reload) {
		ask(opt->unit, "Environment", environment, sizeof(environment));
		in.exec_paths = ask(opt->unit, "NoExecPaths", paths, sizeof(paths)) && *paths;
	}
	ctl_drop_in_write(file, &in);
}

/* The file is there with all that is in it, or not at all. */
static void create(const char *directory, const struct unit_options *opt)
{
	char path[PATH_MAX], temporary[PATH_MAX];
	FILE *file;
	int fd;

	join(path, directory, DROP_IN, "");
	join(temporary, directory, "." DROP_IN, ".XXXXXX");
	if (mkdir(directory, 0755) && errno != EEXIST)
		err(EXIT_FAILURE, "%s", directory);
	fd = mkostemp(temporary, O_CLOEXEC);
	file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file)
		err(EXIT_FAILURE, "%s", temporary);
	write_drop_in(file, opt);
	if (fflush(file) || ferror(file) || fchmod(fd, 0644) || fsync(fd) ||
	    rename(temporary, path)) {
		warn("%s", path);
		unlink(temporary);
		exit(EXIT_FAILURE);
	}
	fclose(file);
}

/* Returns whether there was one. */
static bool delete(const char *directory)
{
	char path[PATH_MAX];

	join(path, directory, DROP_IN, "");
	if (unlink(path)) {
		if (errno != ENOENT)
			err(EXIT_FAILURE, "%s", path);
		return false;
	}
	/* others may have theirs in it */
	if (rmdir(directory) && errno != ENOTEMPTY && errno != EEXIST)
		err(EXIT_FAILURE, "%s", directory);
	return true;
}

static struct unit_options parse(int argc, char **argv, const struct argp_option *options,
				 const char *doc)
{
	const struct argp argp = {
		.options = options,
		.parser = unit_parse,
		.args_doc = "UNIT",
		.doc = doc,
	};
	struct unit_options opt = { .directory = DEFAULT_DIRECTORY, .reload = true };

	argp_parse(&argp, argc, argv, 0, NULL, &opt);
	return opt;
}

static void check_service(const struct unit_options *opt)
{
	char path[PATH_MAX] = "";
	const char *why = NULL;

	if (!is_loaded(opt->unit))
		errx(EXIT_FAILURE, "there is no service %s", opt->unit);
	if (opt->way == CTL_WAY_PRELOAD)
		why = cannot_preload_service(opt->unit, path);
	if (why)
		errx(EXIT_FAILURE, "%s: no way to protect it by preload: %s: %s", opt->unit, path,
		     why);
}

/**
 * ctl_enable() - the command "enable"
 * @argc: number of arguments
 * @argv: the arguments
 * Return: exit status
 */
int ctl_enable(int argc, char **argv)
{
	struct unit_options opt = parse(argc, argv, enable_options,
					"Have a service's TCP connections protected as the policy "
					"says, from its next start on.");
	const char *cannot = ctl_cannot_scope();
	char directory[PATH_MAX];

	if (opt.way == CTL_WAY_BPF && cannot)
		errx(EXIT_FAILURE, "no way to protect it by bpf: %s", cannot);
	if (opt.guard && ctl_cannot_guard())
		errx(EXIT_FAILURE, "it can't be guarded: %s", ctl_cannot_guard());
	if (opt.way == CTL_WAY_AUTO)
		opt.way = cannot ? CTL_WAY_PRELOAD : CTL_WAY_BPF;
	if (opt.reload)
		check_service(&opt);
	join(directory, opt.directory, opt.unit, ".d");
	create(directory, &opt);
	if (opt.reload && !reload()) {
		warnx("systemd has not read %s/" DROP_IN, directory);
		return EXIT_FAILURE;
	}
	printf("%s is protected by %s from its next start on\n", opt.unit,
	       opt.way == CTL_WAY_BPF ? "bpf" : "preload");
	return EXIT_SUCCESS;
}

/**
 * ctl_disable() - the command "disable"
 * @argc: number of arguments
 * @argv: the arguments
 * Return: exit status
 */
int ctl_disable(int argc, char **argv)
{
	struct unit_options opt = parse(argc, argv, disable_options,
					"Undo \"enable\", from the service's next start on.");
	char directory[PATH_MAX];

	join(directory, opt.directory, opt.unit, ".d");
	if (!delete(directory)) {
		warnx("%s was not enabled", opt.unit);
		return EXIT_FAILURE;
	}
	if (opt.reload && !reload()) {
		warnx("systemd has not seen that %s is disabled", opt.unit);
		return EXIT_FAILURE;
	}
	printf("%s is not protected any more from its next start on\n", opt.unit);
	return EXIT_SUCCESS;
}

static const struct argp_option attach_options[] = {
	{ "condition", OPT_CONDITION, NULL, 0, CTL_CONDITION_DOC, 0 },
	{ 0 },
};

static error_t attach_parse(int key, char *arg, struct argp_state *state)
{
	int *failure = state->input;

	switch (key) {
	case OPT_CONDITION:
		*failure = CTL_CONDITION_FAILED;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "no argument is wanted: %s", arg);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/**
 * ctl_attach() - the command "attach"
 * @argc: number of arguments
 * @argv: the arguments
 * Return: exit status
 */
int ctl_attach(int argc, char **argv)
{
	static const struct argp argp = {
		.options = attach_options,
		.parser = attach_parse,
		.doc = "Have the TCP connections of the cgroup that this runs in protected as the "
		       "policy says, by a BPF program.",
	};
	const char *cannot = ctl_cannot_scope();
	int error, failure = EXIT_FAILURE;
	char cgroup[PATH_MAX];
	uint64_t id;

	argp_parse(&argp, argc, argv, 0, NULL, &failure);
	if (cannot)
		errx(failure, "%s", cannot);
	error = ctl_service_cgroup(cgroup);
	if (!error)
		error = ctl_scope_add(cgroup, IPPROTO_KSCHANNEL_POLICY, &id);
	if (error)
		errx(failure, "cannot attach the BPF program: %s", strerror(-error));
	return EXIT_SUCCESS;
}
