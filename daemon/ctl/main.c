// SPDX-License-Identifier: GPL-2.0-only
/* kschannelctl: shows protected sockets, and runs programs with protected connections. */
#include <argp.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"

#ifndef KSC_VERSION
#define KSC_VERSION "unknown"
#endif

const char *argp_program_version = "kschannelctl " KSC_VERSION;

static const char doc[] = "Show protected sockets, and run programs with protected sockets."
			  "\v"
			  "Commands:\n"
			  "  audit [--json]    what should be protected but is not\n"
			  "  guard [CGROUP]    block unprotected TCP sockets in a cgroup\n"
			  "  list [--json]     the protected sockets\n"
			  "  policy [--json]   the policy's rules\n"
			  "  policy test --connect|--accept ADDRESS:PORT [OPTION...]\n"
			  "                    the rule that a connection matches\n"
			  "  rekey [--request] ID...\n"
			  "                    new sending keys for connections\n"
			  "  stats [--json]    counters\n"
			  "  run [OPTION...] -- CMD [ARG...]\n"
			  "                    run CMD with its TCP connections protected\n"
			  "  enable UNIT       the same for a service of systemd\n"
			  "  disable UNIT|--all\n"
			  "                    undo enable\n"
			  "  units [--json]    units that are enabled\n"
			  "  attach            the same for this command's own cgroup\n"
			  "  preloaded [PID]   whether the library is preloaded\n"
			  "\n"
			  "\"kschannelctl COMMAND --help\" shows the options of a command.";

/**
 * struct command - a command
 * @name: its name
 * @run: runs it and returns the exit status
 */
struct command {
	const char *name;
	int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
	{ "audit", ctl_audit },
	{ "guard", ctl_guard },
	{ "list", ctl_list },
	{ "policy", ctl_policy },
	{ "rekey", ctl_rekey },
	{ "stats", ctl_stats },
	{ "run", ctl_run },
	{ "enable", ctl_enable },
	{ "disable", ctl_disable },
	{ "units", ctl_units },
	{ "attach", ctl_attach },
	{ "preloaded", ctl_preloaded },
};

/**
 * struct choice - the command that was selected
 * @command: the command
 * @index: its index in argv
 */
struct choice {
	const struct command *command;
	int index;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct choice *choice = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
			if (!strcmp(arg, commands[i].name))
				choice->command = &commands[i];
		}
		if (!choice->command)
			argp_error(state, "there is no command \"%s\"", arg);
		choice->index = state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp argp = { .parser = parse, .args_doc = "COMMAND", .doc = doc };
	struct choice choice = { 0 };
	char name[64];
	int ret;

	setlocale(LC_CTYPE, "");
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &choice);
	snprintf(name, sizeof(name), "%s %s", program_invocation_short_name, choice.command->name);
	argv[choice.index] = name;
	ret = choice.command->run(argc - choice.index, argv + choice.index);
	/* lost output must not look like success */
	if (fflush(stdout) || ferror(stdout))
		return EXIT_FAILURE;
	return ret;
}
