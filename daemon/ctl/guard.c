// SPDX-License-Identifier: GPL-2.0
/*
 * kschannelctl guard: cgroups in which TCP sockets that are not ours neither connect, nor
 * listen, nor accept. Those that are, are the policy's business.
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

#include "ctl.h"
#include "guard.h"
#include "pins.h"
#include "scope.h"

#define HOOK "security_socket_listen"
#define PINNED_MAP CTL_PINS "/guarded"
#define PINNED_LINK CTL_PINS "/listen"

extern const char ctl_guard_object[], ctl_guard_object_end[];

/* What goes with a cgroup, and away with it */
static const struct {
	const char *name;
	const char *path;
	enum bpf_attach_type type;
} programs[] = {
	{ "ksc_connect4", CTL_PINS "/connect4", BPF_CGROUP_INET4_CONNECT },
	{ "ksc_connect6", CTL_PINS "/connect6", BPF_CGROUP_INET6_CONNECT },
};

/**
 * ctl_cannot_guard() - why no cgroup can be guarded on this machine, by this caller
 * Return: the reason, or NULL if one can
 */
const char *ctl_cannot_guard(void)
{
	const char *why = ctl_cannot_pin(HOOK);

	return why && !*why ? "the kernel has no " HOOK "()" : why;
}

/**
 * ctl_guards_by_default() - whether a guard stands in for what this kernel lacks
 *
 * Without the hook that gives programs our sockets, all depends on a library that they may
 * lose, or pass by.
 *
 * Return: true if there is no such hook, and one can guard
 */
bool ctl_guards_by_default(void)
{
	return ctl_cannot_scope() && !ctl_cannot_guard();
}

static int pin(struct bpf_object *object)
{
	static const struct ctl_pinned_link links[] = {
		{ "ksc_announce", CTL_PINS "/guard-announce" },
		{ "ksc_accept", CTL_PINS "/guard-accept" },
		{ "ksc_connect", CTL_PINS "/connect" },
		{ "ksc_listen", PINNED_LINK },
	};
	int error = 0;

	for (size_t i = 0; i < ARRAY_SIZE(programs) && !error; i++) {
		/* of one that did not get to its end */
		unlink(programs[i].path);
		error = bpf_program__pin(bpf_object__find_program_by_name(object,
									  programs[i].name),
					 programs[i].path);
	}
	return error ? error : ctl_pin_links(object, links, ARRAY_SIZE(links));
}

static int open_guarded(void)
{
	const struct ctl_pins pins = {
		.object = ctl_guard_object,
		.end = ctl_guard_object_end,
		.map = "ksc_guarded",
		.pinned_map = PINNED_MAP,
		.last = PINNED_LINK,
		.load = pin,
	};

	return ctl_pins_open(&pins);
}

/* 1 if it is attached to the cgroup itself, 0 if not, or a negative errno */
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

static int each_program(int cgroup, bool attach)
{
	int error = 0;

	for (size_t i = 0; i < ARRAY_SIZE(programs) && !error; i++) {
		int program = bpf_obj_get(programs[i].path);

		if (program < 0)
			return -errno;
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

/**
 * ctl_guard_add() - guard a cgroup, and those below it, from now on
 * @cgroup: its directory
 * Return: 0, also if it is guarded already, or a negative errno
 */
int ctl_guard_add(const char *cgroup)
{
	int map, dir, error;
	uint64_t id;

	error = ctl_cgroup_id(cgroup, &id);
	if (error)
		return error;
	dir = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	map = open_guarded();
	error = map < 0 ? map : each_program(dir, true);
	if (!error)
		error = ctl_pins_add(map, id, 1);
	if (map >= 0)
		close(map);
	close(dir);
	return error;
}

/**
 * ctl_guard_remove() - undo ctl_guard_add()
 * @cgroup: its directory
 * Return: 0, also if it is not guarded, or a negative errno
 */
int ctl_guard_remove(const char *cgroup)
{
	int map, dir, error;
	uint64_t id;

	error = ctl_cgroup_id(cgroup, &id);
	if (error)
		return error;
	map = bpf_obj_get(PINNED_MAP);
	if (map < 0)
		return errno == ENOENT ? 0 : -errno;
	dir = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	error = dir < 0 ? -errno : each_program(dir, false);
	if (!error && bpf_map_delete_elem(map, &id) && errno != ENOENT)
		error = -errno;
	if (dir >= 0)
		close(dir);
	close(map);
	return error;
}

/* ---- the command ---- */

/**
 * struct guard_options - what the command line says
 * @remove: undo it
 * @failure: the exit status then
 * @cgroup: directory, "" for that of the service that this is run for
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
		.doc = "Keep TCP sockets that nobody has given to kschannel from connecting and "
		       "listening in the cgroup CGROUP, as /system.slice/x.service, and those below "
		       "it; without CGROUP, in the one that this runs in.",
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
