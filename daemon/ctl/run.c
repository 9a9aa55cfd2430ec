// SPDX-License-Identifier: GPL-2.0-only
/* kschannelctl run: runs a program that has no TLS, with its connections protected. */
#include <argp.h>
#include <dlfcn.h>
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/asks.h"
#include "ctl/ctl.h"
#include "ctl/guard.h"
#include "ctl/program.h"
#include "ctl/run.h"
#include "ctl/scope.h"
#include "ctl/within.h"
#include "ctl/wrapped.h"
#include "preload/env.h"

#ifndef KSC_LIBDIR
#define KSC_LIBDIR "/usr/local/lib/kschannel"
#endif

/**
 * struct options - options of the command line
 * @way: how the program's sockets get the ULP
 * @quiet: do not print the way
 * @guard: block TCP sockets without the ULP
 * @no_guard: do not, even where it is the default
 * @client: protect outgoing connections
 * @server: protect incoming connections
 * @server_name: name of the server, for a client; NULL for the name that was looked up
 * @credential: name of a credential, or NULL
 * @alpn: protocols in order of preference, separated by commas, or NULL
 * @verify: name of a verification mode, or NULL
 * @command: the command and its arguments, NULL-terminated
 */
struct options {
	enum ctl_way way;
	bool quiet;
	bool guard;
	bool no_guard;
	bool client;
	bool server;
	const char *server_name;
	const char *credential;
	const char *alpn;
	const char *verify;
	char **command;
};

enum { OPT_CLIENT = 256, OPT_SERVER, OPT_VERIFY, OPT_WAY, OPT_GUARD, OPT_NO_GUARD };

static const struct argp_option run_options[] = {
	{ "way", OPT_WAY, "auto|preload|bpf", 0,
	  "How CMD's sockets are given to kschannel (default: the best available)", 0 },
	{ "quiet", 'q', NULL, 0, "Do not print the way", 0 },
	{ "guard", OPT_GUARD, NULL, 0,
	  "Block CMD's TCP sockets that were not given to kschannel", 0 },
	{ "no-guard", OPT_NO_GUARD, NULL, 0,
	  "Do not, where it is the default because the kernel lacks the hook for bpf", 0 },
	{ "client", OPT_CLIENT, NULL, 0, "Protect only connections that CMD opens", 0 },
	{ "server", OPT_SERVER, NULL, 0, "Protect only connections that CMD accepts", 0 },
	{ "server-name", 'n', "NAME", 0,
	  "Server name, which its certificate must have (default: the host name that "
	  "CMD "
	  "looked the address up by)",
	  0 },
	{ "credential", 'c', "NAME", 0, "Credential to use", 0 },
	{ "alpn", 'a', "PROTOCOL[,...]", 0, "Application protocols, in order of preference", 0 },
	{ "verify", OPT_VERIFY, "none|request|require", 0,
	  "How the peer's certificate is verified (default: as the credential says)", 0 },
	{ 0 },
};

static const char run_doc[] = "Run CMD with its TCP connections protected as the policy says, or, "
			      "with any option but --way, --quiet, --guard and --no-guard, as "
			      "these say. A connection that cannot be protected fails; it is "
			      "never plaintext.";

static bool alpn_valid(const char *alpn)
{
	uint8_t wire[KSC_MAX_ALPN];

	return ksc_alpn_to_wire(alpn, wire, sizeof(wire)) > 0;
}

static bool verify_valid(const char *verify)
{
	return ksc_verify_value(verify) >= 0;
}

/**
 * ctl_parse_way() - parse the argument of --way
 * @arg: the argument
 * @state: for error messages
 * Return: the way
 */
enum ctl_way ctl_parse_way(const char *arg, struct argp_state *state)
{
	static const char *const names[] = {
		[CTL_WAY_AUTO] = "auto",
		[CTL_WAY_PRELOAD] = "preload",
		[CTL_WAY_BPF] = "bpf",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(arg, names[i]))
			return (enum ctl_way)i;
	}
	argp_error(state, "the way is auto, preload or bpf, not %s", arg);
	return CTL_WAY_AUTO;
}

static error_t run_parse(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;

	switch (key) {
	case OPT_WAY:
		opt->way = ctl_parse_way(arg, state);
		return 0;
	case 'q':
		opt->quiet = true;
		return 0;
	case OPT_GUARD:
		opt->guard = true;
		return 0;
	case OPT_NO_GUARD:
		opt->no_guard = true;
		return 0;
	case OPT_CLIENT:
		opt->client = true;
		return 0;
	case OPT_SERVER:
		opt->server = true;
		return 0;
	case 'n':
	case 'c':
		if (!arg[0] || strlen(arg) > KSC_MAX_NAME)
			argp_error(state, "a name has 1 to %d bytes", KSC_MAX_NAME);
		if (key == 'n')
			opt->server_name = arg;
		else
			opt->credential = arg;
		return 0;
	case 'a':
		if (!alpn_valid(arg))
			argp_error(state, "not a list of protocols: %s", arg);
		opt->alpn = arg;
		return 0;
	case OPT_VERIFY:
		if (!verify_valid(arg))
			argp_error(state, "verification is none, request or require, not %s", arg);
		opt->verify = arg;
		return 0;
	case ARGP_KEY_ARG:
		opt->command = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "no command given");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* In a build tree, the library is in the directory of this program. */
static bool find_beside(char *path)
{
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - sizeof(KSC_PRELOAD_NAME));

	if (len <= 0)
		return false;
	path[len] = '\0';
	memcpy(strrchr(path, '/') + 1, KSC_PRELOAD_NAME, sizeof(KSC_PRELOAD_NAME));
	return !access(path, R_OK);
}

/* In the directory that was set at build time. */
static bool find_in_place(char *path)
{
	int len = snprintf(path, PATH_MAX, "%s/%s", KSC_LIBDIR, KSC_PRELOAD_NAME);

	return len < PATH_MAX && !access(path, R_OK);
}

/* Otherwise where the dynamic linker looks by default. */
static bool find_installed(char *path)
{
	void *handle = dlopen(KSC_PRELOAD_NAME, RTLD_LAZY | RTLD_LOCAL);
	struct link_map *map;
	int len;

	if (!handle || dlinfo(handle, RTLD_DI_LINKMAP, &map))
		return false;
	len = snprintf(path, PATH_MAX, "%s", map->l_name);
	dlclose(handle);
	return len > 0 && len < PATH_MAX;
}

/**
 * ctl_find_library() - find the library to preload; exits if it is missing or cannot be preloaded
 * @path: gets its path
 */
void ctl_find_library(char path[PATH_MAX])
{
	if (!find_beside(path) && !find_in_place(path) && !find_installed(path))
		errx(EXIT_CANNOT_RUN, "cannot find %s", KSC_PRELOAD_NAME);
	/* ld.so takes these as separators, and only warns if it then finds nothing */
	if (strpbrk(path, " :"))
		errx(EXIT_CANNOT_RUN, "a blank or colon in \"%s\" keeps it from being loaded",
		     path);
}

static void set_env(const char *name, const char *value)
{
	if (value ? setenv(name, value, 1) : unsetenv(name))
		err(EXIT_CANNOT_RUN, "cannot set %s", name);
}

/* Whether sockets need settings in addition to the ULP */
static bool has_settings(const struct options *opt)
{
	return opt->client != opt->server || opt->server_name || opt->credential || opt->alpn ||
	       opt->verify;
}

static bool by_policy(const struct options *opt)
{
	return !has_settings(opt) && !opt->client;
}

static void prepare_environment(const struct options *opt)
{
	const char *others = getenv("LD_PRELOAD");
	char library[PATH_MAX];
	char *preload;

	ctl_find_library(library);
	if (asprintf(&preload, "%s%s%s", library, others ? ":" : "", others ? others : "") < 0)
		errx(EXIT_CANNOT_RUN, "out of memory");
	set_env("LD_PRELOAD", preload);
	free(preload);
	set_env(KSC_ENV_ROLE, by_policy(opt)		   ? NULL
			      : opt->client == opt->server ? "both"
			      : opt->client		   ? "client"
							   : "server");
	set_env(KSC_ENV_SERVER_NAME, opt->server_name);
	set_env(KSC_ENV_CREDENTIAL, opt->credential);
	set_env(KSC_ENV_ALPN, opt->alpn);
	set_env(KSC_ENV_VERIFY, opt->verify);
}

static const char *cannot_bpf(const struct options *opt)
{
	return has_settings(opt) ? "settings cannot be given by a BPF program" : ctl_cannot_scope();
}

/* Returns the path of the program after env and the like; NULL if none is found. */
static const char *find_wrapped(const struct options *opt, struct ctl_wrapped *w,
				char path[PATH_MAX])
{
	char *const *command = ctl_behind(opt->command, w);

	if (command == opt->command || !*command ||
	    (w->moved && **command != '/' && strchr(*command, '/')))
		return NULL;
	return ctl_find_program(*command, path) ? NULL : path;
}

/* Exits if what the program runs cannot be protected. */
static void check_elsewhere(const char *path)
{
	if (ctl_runs_elsewhere(path))
		errx(EXIT_CANNOT_RUN, "%s: no way to protect it: %s", path,
		     ctl_runs_elsewhere(path));
}

/*
 * Chooses BPF, which no program can evade, unless there are settings. @wrapped is what the program
 * at @path runs, or NULL.
 */
static enum ctl_way choose(const struct options *opt, const char *path, const char *wrapped)
{
	const char *preload = ctl_cannot_preload(path), *bpf = cannot_bpf(opt);
	bool can;

	if (!preload && wrapped) {
		path = wrapped;
		preload = ctl_cannot_preload(path);
	}
	can = (!preload && opt->way != CTL_WAY_BPF) || (!bpf && opt->way != CTL_WAY_PRELOAD);
	if (!can) {
		if (preload && opt->way != CTL_WAY_BPF)
			warnx("%s: no way to protect it by preload: %s", path, preload);
		if (bpf && opt->way != CTL_WAY_PRELOAD)
			warnx("%s: no way to protect it by bpf: %s", path, bpf);
		exit(EXIT_CANNOT_RUN);
	}
	return bpf || opt->way == CTL_WAY_PRELOAD ? CTL_WAY_PRELOAD : CTL_WAY_BPF;
}

/* By default, not with --way, nor for one direction. Settings need the library. */
static bool wants_guard(const struct options *opt, enum ctl_way way)
{
	if (opt->guard || opt->no_guard)
		return opt->guard;
	return opt->way == CTL_WAY_AUTO && way == CTL_WAY_PRELOAD && opt->client == opt->server &&
	       (has_settings(opt) ? !ctl_cannot_guard() : ctl_guards_by_default());
}

static void say_way(const struct options *opt, enum ctl_way way)
{
	/* unless the policy decides, it is printed only with --way */
	if (!opt->quiet && (by_policy(opt) || opt->way != CTL_WAY_AUTO))
		warnx("protected %sby %s%s", by_policy(opt) ? "as the policy says, " : "",
		      way == CTL_WAY_BPF ? "bpf" : "preload", opt->guard ? ", and guarded" : "");
}

/* Printed even with --quiet: nothing else tells that it may be in plaintext. */
static void warn_of_session(char *const *command)
{
	struct ctl_wrapped w = { 0 };

	if (ctl_opens_session(command) && ctl_moves_sessions())
		warnx("%s: if it opens a session, systemd moves that out of the cgroup, and "
		      "nothing in it is protected", *ctl_behind(command, &w));
}

/**
 * ctl_run() - the command "run"
 * @argc: number of arguments
 * @argv: the arguments
 * Return: exit status, when CMD could not be run
 */
int ctl_run(int argc, char **argv)
{
	static const struct argp argp = {
		.options = run_options,
		.parser = run_parse,
		.args_doc = "CMD [ARG...]",
		.doc = run_doc,
	};
	char path[PATH_MAX], behind[PATH_MAX];
	struct ctl_wrapped w = { 0 };
	struct options opt = { 0 };
	const char *wrapped;
	enum ctl_way way;

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &opt);
	if (ctl_find_program(opt.command[0], path)) {
		warn("%s", opt.command[0]);
		return errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
	}
	check_elsewhere(path);
	wrapped = find_wrapped(&opt, &w, behind);
	if (wrapped)
		check_elsewhere(wrapped);
	if (opt.guard && ctl_cannot_guard())
		errx(EXIT_CANNOT_RUN, "%s: it can't be guarded: %s", path, ctl_cannot_guard());
	way = choose(&opt, path, wrapped);
	opt.guard = wants_guard(&opt, way);
	say_way(&opt, way);
	if (way == CTL_WAY_BPF || opt.guard)
		warn_of_session(opt.command);
	else if (w.cleared)
		warnx("%s: it takes the library out of the environment: what it runs is not "
		      "protected", path);
	/* with BPF, too: the BPF program does not know the names that are looked up */
	if (!ctl_cannot_preload(path))
		prepare_environment(&opt);
	if (way == CTL_WAY_BPF || opt.guard)
		return ctl_run_within(path, opt.command,
				      way != CTL_WAY_BPF ? 0 :
				      by_policy(&opt)    ? IPPROTO_KSCHANNEL_POLICY :
							   IPPROTO_KSCHANNEL,
				      opt.guard);
	execv(path, opt.command);
	warn("%s", path);
	return errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}
