// SPDX-License-Identifier: GPL-2.0-only
/*
 * kschannelctl enable, disable: protects the connections of systemd's services, and of the sockets
 * that systemd creates for them.
 */
#include <argp.h>
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/asks.h"
#include "ctl/ctl.h"
#include "ctl/dropin.h"
#include "ctl/enabled.h"
#include "ctl/facts.h"
#include "ctl/guard.h"
#include "ctl/program.h"
#include "ctl/run.h"
#include "ctl/scope.h"
#include "ctl/systemd.h"

#define SERVICE ".service"
#define SOCKET ".socket"

/**
 * struct unit_options - options of the command line
 * @way: how the service's sockets get the ULP
 * @directory: where systemd looks for drop-ins
 * @reload: have systemd reload its units
 * @guard: guard its cgroup, too
 * @no_guard: do not, even where it is the default
 * @all: every unit that is enabled
 * @passing: what the service runs exits before it is started
 * @unit: the service or socket, with its suffix
 */
struct unit_options {
	enum ctl_way way;
	const char *directory;
	bool reload;
	bool guard;
	bool no_guard;
	bool all;
	bool passing;
	char unit[CTL_UNIT_SIZE];
};

enum { OPT_WAY = 256, OPT_GUARD, OPT_NO_GUARD, OPT_DIRECTORY, OPT_NO_RELOAD, OPT_ALL };

static const struct argp_option enable_options[] = {
	{ "way", OPT_WAY, "auto|preload|bpf", 0,
	  "How the service's sockets are given to kschannel (default: the best available)", 0 },
	{ "guard", OPT_GUARD, NULL, 0, "Block TCP sockets that were not given to kschannel", 0 },
	{ "no-guard", OPT_NO_GUARD, NULL, 0,
	  "Do not, where it is the default because the kernel lacks the hook for bpf", 0 },
	{ "directory", OPT_DIRECTORY, "DIR", 0, "Where to write (default: " CTL_UNIT_DIRECTORY ")",
	  0 },
	{ "no-reload", OPT_NO_RELOAD, NULL, 0, "Do not tell systemd", 0 },
	{ 0 },
};

static const struct argp_option disable_options[] = {
	{ "all", OPT_ALL, NULL, 0, "Every unit that is enabled", 0 },
	{ "directory", OPT_DIRECTORY, "DIR", 0,
	  "Where they were written (default: " CTL_UNIT_DIRECTORY ")", 0 },
	{ "no-reload", OPT_NO_RELOAD, NULL, 0, "Do not tell systemd", 0 },
	{ 0 },
};

static bool is_unit_name(const char *name)
{
	static const char others[] = ":-_.\\@";
	const char *p = name;

	while (*p && (isalnum((unsigned char)*p) || strchr(others, *p)))
		p++;
	return *name && *name != '.' && !*p;
}

/* Names of other units; as the name of a service, it would be a mistake. */
static bool is_other_unit(const char *name)
{
	static const char *const suffixes[] = { ".automount", ".device", ".mount", ".path",
						".scope", ".slice", ".swap", ".target", ".timer" };

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		if (ctl_has_suffix(name, suffixes[i]))
			return true;
	}
	return false;
}

static void parse_unit(struct unit_options *opt, const char *name, struct argp_state *state)
{
	bool whole = ctl_has_suffix(name, SERVICE) || ctl_has_suffix(name, SOCKET);

	if (!is_unit_name(name) ||
	    snprintf(opt->unit, sizeof(opt->unit), "%s%s", name, whole ? "" : SERVICE) >=
		    (int)sizeof(opt->unit))
		argp_error(state, "\"%s\" is not the name of a service", name);
	if (is_other_unit(name))
		argp_error(state, "\"%s\" is neither a service nor a socket", name);
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
	case OPT_NO_GUARD:
		opt->no_guard = true;
		return 0;
	case OPT_DIRECTORY:
		opt->directory = arg;
		return 0;
	case OPT_NO_RELOAD:
		opt->reload = false;
		return 0;
	case OPT_ALL:
		opt->all = true;
		return 0;
	case ARGP_KEY_ARG:
		if (opt->unit[0])
			argp_error(state, "one service at a time");
		parse_unit(opt, arg, state);
		return 0;
	case ARGP_KEY_END:
		if (!opt->all && !opt->unit[0])
			argp_error(state, "no service given");
		if (opt->all && opt->unit[0])
			argp_error(state, "a service and --all exclude each other");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void join(char path[PATH_MAX], const char *directory, const char *name, const char *suffix)
{
	if (snprintf(path, PATH_MAX, "%s/%s%s", directory, name, suffix) >= PATH_MAX)
		errx(EXIT_FAILURE, "%s: %s", directory, strerror(ENAMETOOLONG));
}

/* ---- checks ---- */

static bool exists(const char *unit)
{
	struct ctl_facts facts = ctl_systemd_facts(unit);
	bool loaded = !strcmp(facts.load, "loaded");

	ctl_facts_free(&facts);
	return loaded;
}

/* A typo must not look like protection. */
static _Noreturn void refuse_absent(const char *unit)
{
	const char *kind = strrchr(unit, '.') + 1, *at = strchr(unit, '@');
	char template[CTL_UNIT_SIZE];
	int len = at ? (int)(at - unit) : (int)(kind - 1 - unit);

	if (snprintf(template, sizeof(template), "%.*s@.%s", len, unit, kind) >=
	    (int)sizeof(template))
		template[0] = '\0';
	if (ctl_is_template(unit))
		errx(EXIT_FAILURE, "there is no template %s", unit);
	if (at)
		errx(EXIT_FAILURE, "there is no %s %s, nor a template %s for it", kind, unit,
		     template);
	if (*template && exists(template))
		errx(EXIT_FAILURE, "there is no %s %s, but a template %s, which can be enabled, "
		     "and so can its instances", kind, unit, template);
	errx(EXIT_FAILURE, "there is no %s %s", kind, unit);
}

static void check_load(const char *unit, const struct ctl_facts *facts)
{
	if (!strcmp(facts->load, "not-found"))
		refuse_absent(unit);
	if (!strcmp(facts->load, "masked"))
		errx(EXIT_FAILURE, "%s is masked, and can't be started", unit);
	if (strcmp(facts->load, "loaded") != 0)
		errx(EXIT_FAILURE, "systemd cannot load %s: %s", unit, facts->load);
}

/* What the unit has other programs run is not protected. */
static void check_asks(const char *unit, const char *path, const char *command)
{
	char who[CTL_WORD_SIZE];

	switch (ctl_command_asks(path, command, who)) {
	case CTL_ASKS_ALL:
		errx(EXIT_FAILURE, "%s: no way to protect it: %s: by %s %s", unit, path, who,
		     ctl_why_elsewhere(who));
	case CTL_ASKS_TOO:
		warnx("%s: %s: what it has run by %s is not protected: %s", unit, path, who,
		      ctl_why_elsewhere(who));
		break;
	case CTL_ASKS_LATER:
		warnx("%s: %s: what it runs for others is in cgroups elsewhere, and not protected",
		      unit, who);
		break;
	case CTL_ASKS_NOTHING:
		break;
	}
}

/* Services without a program start and stop other services. */
static void check_starts(const char *unit, const struct ctl_facts *facts)
{
	if (ctl_starts_nothing(facts))
		errx(EXIT_FAILURE, "%s: it runs no program that could have connections%s%s", unit,
		     facts->parts && *facts->parts ? "; these are started with it, and can be "
						     "enabled: " : "",
		     facts->parts ? facts->parts : "");
	for (size_t i = 0; i < facts->n_programs; i++)
		check_asks(unit, facts->programs[i], facts->commands[i]);
}

/* Where it does not preload, the dynamic linker would not say so. */
static void check_preload(const char *unit, const struct ctl_facts *facts)
{
	for (size_t i = 0; i < facts->n_programs; i++) {
		const char *why = ctl_cannot_preload(facts->programs[i]);

		if (why)
			errx(EXIT_FAILURE, "%s: no way to protect it by preload: %s: %s", unit,
			     facts->programs[i], why);
	}
}

/* In a session, the preloaded library stays, but not the cgroup's BPF program and guard. */
static void check_session(const struct unit_options *opt, const struct ctl_facts *facts)
{
	if (facts->session && (opt->way == CTL_WAY_BPF || opt->guard) && ctl_moves_sessions())
		warnx("%s: it has PAMName=: if that opens a session, systemd moves the service out "
		      "of its cgroup, and it is not protected", opt->unit);
}

static bool is_enabled(const char *directory, const char *unit)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/%s.d/" CTL_DROP_IN, directory, unit) <
		       (int)sizeof(path) &&
	       !access(path, F_OK);
}

/*
 * A listener that systemd creates for a service is not created in the service's cgroup. A library
 * handles the connections that the service accepts from it, but not those that systemd accepted.
 */
static void check_socket(const struct unit_options *opt, const char *socket, bool guessed)
{
	struct ctl_facts facts = ctl_systemd_facts(socket);
	bool accept = facts.accept, concerned = facts.n_ports && facts.in_use;

	ctl_facts_free(&facts);
	/* with Accept=yes, a socket starts an instance per connection, otherwise one service */
	if (guessed && accept != !!strchr(opt->unit, '@'))
		return;
	if (!concerned || is_enabled(opt->directory, socket) ||
	    (!accept && opt->way == CTL_WAY_PRELOAD))
		return;
	errx(EXIT_FAILURE, "%s: systemd %s for it by %s, which has to be enabled before", opt->unit,
	     accept ? "accepts connections" : "listens", socket);
}

static void check_sockets(const struct unit_options *opt, const struct ctl_facts *facts)
{
	const char *list = facts->triggers;
	char socket[CTL_UNIT_SIZE];

	while (ctl_next_unit(&list, SOCKET, socket))
		check_socket(opt, socket, false);
	/* while there are no instances, systemd does not list it as a trigger */
	ctl_own_socket(opt->unit, socket);
	if (*socket)
		check_socket(opt, socket, true);
}

static void check_unit(struct unit_options *opt)
{
	struct ctl_facts facts = ctl_systemd_facts(opt->unit);

	check_load(opt->unit, &facts);
	if (ctl_has_suffix(opt->unit, SOCKET)) {
		if (!facts.n_ports)
			errx(EXIT_FAILURE, "%s: it listens at no TCP port", opt->unit);
	} else {
		check_starts(opt->unit, &facts);
		if (opt->way == CTL_WAY_PRELOAD)
			check_preload(opt->unit, &facts);
		check_session(opt, &facts);
		check_sockets(opt, &facts);
		opt->passing = ctl_is_passing(&facts);
	}
	ctl_facts_free(&facts);
}

/* ---- drop-ins ---- */

static void find_self(char self[PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", self, PATH_MAX - 1);

	if (len < 0)
		err(EXIT_FAILURE, "/proc/self/exe");
	self[len] = '\0';
}

/* Only a build tree has both in one directory. */
static bool is_where_built(const char *self, const char *library)
{
	const size_t len = (size_t)(strrchr(self, '/') + 1 - self);

	return !strncmp(self, library, len) && !strchr(library + len, '/');
}

static void write_drop_in(FILE *file, const struct unit_options *opt)
{
	struct ctl_facts facts = { 0 };
	char self[PATH_MAX], library[PATH_MAX];
	struct ctl_drop_in in = {
		.self = self,
		.library = library,
		.environment = "",
		.socket = ctl_has_suffix(opt->unit, SOCKET),
		.bpf = opt->way == CTL_WAY_BPF,
		.guard = opt->guard,
	};

	find_self(self);
	ctl_find_library(library);
	if (is_where_built(self, library))
		warnx("%s is not installed: the unit fails once it is gone", self);
	if (opt->reload) {
		facts = ctl_systemd_facts(opt->unit);
		if (facts.environment)
			in.environment = facts.environment;
		in.exec_paths = facts.exec_paths;
	}
	ctl_drop_in_write(file, &in);
	ctl_facts_free(&facts);
}

/* Creates the file with all of its contents, or not at all. */
static void create(const char *directory, const struct unit_options *opt)
{
	char path[PATH_MAX], temporary[PATH_MAX];
	FILE *file;
	int fd;

	join(path, directory, CTL_DROP_IN, "");
	join(temporary, directory, "." CTL_DROP_IN, ".XXXXXX");
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

/* Returns 1, 0 if it did not exist, or -1 after an error message. */
static int delete(const struct unit_options *opt, const char *unit)
{
	char directory[PATH_MAX], path[PATH_MAX];

	join(directory, opt->directory, unit, ".d");
	join(path, directory, CTL_DROP_IN, "");
	if (unlink(path)) {
		if (errno == ENOENT)
			return 0;
		warn("%s", path);
		return -1;
	}
	/* there may be other drop-ins */
	if (rmdir(directory) && errno != ENOTEMPTY && errno != EEXIST) {
		warn("%s", directory);
		return -1;
	}
	return 1;
}

static struct unit_options parse(int argc, char **argv, const struct argp_option *options,
				 const char *args, const char *doc)
{
	const struct argp argp = {
		.options = options,
		.parser = unit_parse,
		.args_doc = args,
		.doc = doc,
	};
	struct unit_options opt = { .directory = CTL_UNIT_DIRECTORY, .reload = true };

	argp_parse(&argp, argc, argv, 0, NULL, &opt);
	return opt;
}

/**
 * ctl_enable() - the command "enable"
 * @argc: number of arguments
 * @argv: the arguments
 * Return: exit status
 */
int ctl_enable(int argc, char **argv)
{
	struct unit_options opt = parse(argc, argv, enable_options, "UNIT",
					"Protect the TCP connections of a service, or of a socket "
					"that systemd creates for one, as the policy says, from "
					"its next start on.");
	bool is_socket = ctl_has_suffix(opt.unit, SOCKET);
	const char *cannot = ctl_cannot_scope();
	char directory[PATH_MAX];

	if (is_socket && (opt.way == CTL_WAY_PRELOAD || opt.guard))
		errx(EXIT_FAILURE, "%s: what systemd itself makes is protected by bpf, and not "
		     "guarded", opt.unit);
	if ((opt.way == CTL_WAY_BPF || is_socket) && cannot)
		errx(EXIT_FAILURE, "no way to protect it by bpf: %s", cannot);
	if (opt.guard && ctl_cannot_guard())
		errx(EXIT_FAILURE, "it can't be guarded: %s", ctl_cannot_guard());
	if (opt.way == CTL_WAY_AUTO) {
		opt.way = cannot ? CTL_WAY_PRELOAD : CTL_WAY_BPF;
		opt.guard |= !opt.no_guard && ctl_guards_by_default();
	}
	if (opt.reload)
		check_unit(&opt);
	join(directory, opt.directory, opt.unit, ".d");
	create(directory, &opt);
	if (opt.reload && !ctl_systemd_reload()) {
		warnx("systemd has not read %s/" CTL_DROP_IN, directory);
		return EXIT_FAILURE;
	}
	printf("%s%s is protected by %s%s from its next start on%s\n", opt.unit,
	       opt.passing ? ": what it runs itself" : "",
	       opt.way == CTL_WAY_BPF ? "bpf" : "preload", opt.guard ? ", and guarded," : "",
	       opt.passing ? ", but ends with that; what others run for it is not protected" : "");
	return EXIT_SUCCESS;
}

static bool disable(const struct unit_options *opt, const char *unit)
{
	int rc = delete(opt, unit);

	if (!rc)
		warnx("%s was not enabled", unit);
	if (rc <= 0)
		return false;
	printf("%s is no longer protected from its next start on\n", unit);
	return true;
}

static bool disable_all(const struct unit_options *opt)
{
	struct ctl_enabled *units;
	size_t n = ctl_enabled_units(opt->directory, &units);
	bool done = true;

	for (size_t i = 0; i < n; i++)
		done &= disable(opt, units[i].unit);
	if (!n)
		puts("no unit is enabled");
	free(units);
	return done;
}

/**
 * ctl_disable() - the command "disable"
 * @argc: number of arguments
 * @argv: the arguments
 * Return: exit status
 */
int ctl_disable(int argc, char **argv)
{
	struct unit_options opt = parse(argc, argv, disable_options, "UNIT\n--all",
					"Undo \"enable\", from the service's next start on.");
	bool done = opt.all ? disable_all(&opt) : disable(&opt, opt.unit);

	if ((done || opt.all) && opt.reload && !ctl_systemd_reload()) {
		warnx("systemd has not reloaded its units");
		return EXIT_FAILURE;
	}
	return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
