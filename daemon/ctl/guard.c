// SPDX-License-Identifier: GPL-2.0-only
/*
 * kschannelctl guard: cgroups in which TCP sockets without the ULP cannot connect, listen or
 * accept. For sockets with the ULP, the policy decides.
 */
#include <argp.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "ctl/ctl.h"
#include "ctl/guard.h"
#include "ctl/pins.h"
#include "ctl/scope.h"

#define HOOK "security_socket_listen"

extern const char ctl_guard_object[], ctl_guard_object_end[];

/* Attached to a guarded cgroup, and removed with it */
static const struct {
	const char *program;
	const char *name;
	enum bpf_attach_type type;
} programs[] = {
	{ "ksc_connect4", "connect4", BPF_CGROUP_INET4_CONNECT },
	{ "ksc_connect6", "connect6", BPF_CGROUP_INET6_CONNECT },
};

/**
 * ctl_cannot_guard() - get the reason why the caller cannot guard cgroups on this machine
 * Return: the reason, or NULL if it can
 */
const char *ctl_cannot_guard(void)
{
	const char *why = ctl_cannot_pin(HOOK);

	return why && !*why ? "the kernel has no " HOOK "()" : why;
}

/**
 * ctl_guards_by_default() - check whether a guard makes up for what this kernel lacks
 *
 * Without the hook that gives the ULP to a program's sockets, protection depends on a library that
 * the program can lose or bypass.
 *
 * Return: true if the kernel lacks the hook, and cgroups can be guarded
 */
bool ctl_guards_by_default(void)
{
	return ctl_cannot_scope() && !ctl_cannot_guard();
}

static int pin_program(struct bpf_object *object, const char *directory, const char *program,
		       const char *name)
{
	char path[CTL_PIN_SIZE];
	int error = ctl_pin_path(directory, name, path);

	if (error)
		return error;
	/* left by an interrupted load */
	unlink(path);
	return bpf_program__pin(bpf_object__find_program_by_name(object, program), path);
}

static int pin(struct bpf_object *object, const char *directory)
{
	static const struct ctl_pinned_link links[] = {
		{ "ksc_announce", "guard-announce" },
		{ "ksc_accept", "guard-accept" },
		{ "ksc_connect", "connect" },
		{ "ksc_listen", "listen" },
	};
	int error = 0;

	for (size_t i = 0; i < ARRAY_SIZE(programs) && !error; i++)
		error = pin_program(object, directory, programs[i].program, programs[i].name);
	return error ? error : ctl_pin_links(object, directory, links, ARRAY_SIZE(links));
}

/* Returns 1 if it is attached to the cgroup itself, 0 if not, or a negative errno. */
static int is_attached(int program, int cgroup, enum bpf_attach_type type)
{
	struct bpf_prog_info info = { 0 };
	uint32_t ids[64], n = ARRAY_SIZE(ids), size = sizeof(info);

	if (bpf_obj_get_info_by_fd(program, &info, &size) ||
	    bpf_prog_query(cgroup, type, 0, NULL, ids, &n))
		return -errno;
	while (n--)
		if (ids[n] == info.id)
			return 1;
	return 0;
}

static int attach_programs(int cgroup, const char *directory, bool attach)
{
	int error = 0;

	for (size_t i = 0; i < ARRAY_SIZE(programs) && !error; i++) {
		int program = ctl_pinned(directory, programs[i].name);

		if (program < 0)
			return program;
		error = is_attached(program, cgroup, programs[i].type);
		if (error >= 0 && error != attach)
			error = (attach ? bpf_prog_attach(program, cgroup, programs[i].type,
							  BPF_F_ALLOW_MULTI) :
					  bpf_prog_detach2(program, cgroup, programs[i].type)) ?
					-errno : 0;
		else if (error > 0)
			error = 0;
		close(program);
	}
	return error;
}

static const char *const first[] = { "connect4", "connect6", "guard-announce", "guard-accept",
				     "connect", "listen", NULL };

static const struct ctl_pins guards = {
	.name = "guard",
	.object = ctl_guard_object,
	.end = ctl_guard_object_end,
	.map = "ksc_guarded",
	.pinned_map = "guarded",
	.first = first,
	.load = pin,
	.attach = attach_programs,
};

/**
 * ctl_guard_add() - guard a cgroup and those below it
 * @cgroup: its directory
 * Return: 0, also if it is guarded already, or a negative errno
 */
int ctl_guard_add(const char *cgroup)
{
	uint64_t id;

	return ctl_pins_add(&guards, cgroup, 1, &id);
}

/**
 * ctl_guard_remove() - undo ctl_guard_add()
 * @cgroup: its directory
 * Return: 0, also if it is not guarded, or a negative errno
 */
int ctl_guard_remove(const char *cgroup)
{
	uint64_t id;
	int error = ctl_cgroup_id(cgroup, &id);

	return error ? error : ctl_pins_remove(&guards, cgroup, id);
}

/* ---- the command ---- */

/**
 * struct guard_options - options of the command line
 * @remove: remove the guard
 * @failure: exit status of a failure
 * @cgroup: its directory, "" for the cgroup of the calling service
 */
struct guard_options {
	bool remove;
	int failure;
	char cgroup[PATH_MAX];
};

enum { OPT_CONDITION = 256 };

static const struct argp_option guard_options[] = {
	{ "remove", 'r', NULL, 0, "Let them connect and listen again", 0 },
	{ "condition", OPT_CONDITION, NULL, 0, CTL_CONDITION_DOC, 0 },
	{ 0 },
};

static error_t guard_parse(int key, char *arg, struct argp_state *state)
{
	struct guard_options *opt = state->input;

	switch (key) {
	case 'r':
		opt->remove = true;
		return 0;
	case OPT_CONDITION:
		opt->failure = CTL_CONDITION_FAILED;
		return 0;
	case ARGP_KEY_ARG:
		if (opt->cgroup[0])
			argp_error(state, "one cgroup at a time");
		ctl_parse_cgroup(arg, opt->cgroup, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/**
 * ctl_guard() - the command "guard"
 * @argc: number of arguments
 * @argv: the arguments
 * Return: exit status
 */
int ctl_guard(int argc, char **argv)
{
	static const struct argp argp = {
		.options = guard_options,
		.parser = guard_parse,
		.args_doc = "[CGROUP]",
		.doc = "Keep TCP sockets that were not given to kschannel from connecting and "
		       "listening in the cgroup CGROUP, such as /system.slice/x.service, and those "
		       "below it; without CGROUP, in the one that this command runs in.",
	};
	struct guard_options opt = { .failure = EXIT_FAILURE };
	const char *cannot;
	int error = 0;

	argp_parse(&argp, argc, argv, 0, NULL, &opt);
	cannot = ctl_cannot_guard();
	if (cannot)
		errx(opt.failure, "%s", cannot);
	if (!opt.cgroup[0])
		error = ctl_service_cgroup(opt.cgroup);
	if (!error)
		error = opt.remove ? ctl_guard_remove(opt.cgroup) : ctl_guard_add(opt.cgroup);
	if (error)
		errx(opt.failure, "%s: %s", opt.cgroup, strerror(-error));
	return EXIT_SUCCESS;
}
