// SPDX-License-Identifier: GPL-2.0-only
/*
 * kschannelctl attach: drop-ins run it to give the ULP to the sockets of a unit's cgroup, and to
 * check that the sockets which systemd created for the unit have it.
 */
#include <argp.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "ctl/policy.h"
#include "ctl/scope.h"
#include "ctl/systemd.h"

/* The service manager */
#define MANAGER 1
#define MANAGERS_FILES "/proc/1/fd"

/* ---- listeners that systemd created ---- */

static int get_int(int fd, int option)
{
	socklen_t len = sizeof(int);
	int value;

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) ? -1 : value;
}

/* Returns the port of a TCP listener, 0 for other sockets. */
static uint16_t listens_at(int fd)
{
	union ctl_address addr = { 0 };
	socklen_t len = sizeof(addr);
	int family = get_int(fd, SO_DOMAIN);

	if ((family != AF_INET && family != AF_INET6) || get_int(fd, SO_TYPE) != SOCK_STREAM ||
	    get_int(fd, SO_ACCEPTCONN) != 1 || getsockname(fd, &addr.sa, &len))
		return 0;
	return ntohs(family == AF_INET ? addr.in.sin_port : addr.in6.sin6_port);
}

static bool is_ours(int fd)
{
	char name[16] = "";
	socklen_t len = sizeof(name) - 1;

	return !getsockopt(fd, IPPROTO_TCP, TCP_ULP, name, &len) && !strcmp(name, KSC_ULP_NAME);
}

static void look_at(int fd, const char *unit, const struct ctl_facts *facts, bool *seen)
{
	uint16_t port = listens_at(fd);

	for (size_t i = 0; i < facts->n_ports && port; i++) {
		if (facts->ports[i] != port)
			continue;
		if (!is_ours(fd))
			errx(EXIT_FAILURE, "%s: the listener at port %u is not protected; systemd "
			     "has made it outside of the unit's cgroup", unit, port);
		seen[i] = true;
	}
}

static void look_at_all(int manager, const char *unit, const struct ctl_facts *facts,
			bool *seen)
{
	DIR *files = opendir(MANAGERS_FILES);
	const struct dirent *entry;

	if (!files)
		err(EXIT_FAILURE, MANAGERS_FILES);
	while ((entry = readdir(files))) {
		int fd = -1;

		if (entry->d_name[0] != '.')
			fd = pidfd_getfd(manager, (int)strtol(entry->d_name, NULL, 10), 0);
		if (fd < 0)
			continue;
		look_at(fd, unit, facts, seen);
		close(fd);
	}
	closedir(files);
}

static int check_listeners(const char *unit)
{
	struct ctl_facts facts = ctl_systemd_facts(unit);
	bool *seen = ctl_alloc(calloc(facts.n_ports + 1, sizeof(*seen)));
	int manager = pidfd_open(MANAGER, 0), status = EXIT_SUCCESS;

	if (manager < 0)
		err(EXIT_FAILURE, "pidfd_open");
	look_at_all(manager, unit, &facts, seen);
	for (size_t i = 0; i < facts.n_ports; i++) {
		if (seen[i])
			continue;
		warnx("%s: there is no listener at port %u", unit, facts.ports[i]);
		status = EXIT_FAILURE;
	}
	close(manager);
	free(seen);
	ctl_facts_free(&facts);
	return status;
}

/* ---- the command ---- */

/**
 * struct attach_options - options of the command line
 * @failure: exit status of a failure
 * @listeners: check this unit's listeners instead, or NULL
 */
struct attach_options {
	int failure;
	const char *listeners;
};

enum { OPT_CONDITION = 256, OPT_LISTENERS };

static const struct argp_option attach_options[] = {
	{ "condition", OPT_CONDITION, NULL, 0, CTL_CONDITION_DOC, 0 },
	{ "listeners", OPT_LISTENERS, "UNIT", 0,
	  "Attach nothing, but fail if a TCP listener that systemd has made for UNIT is not "
	  "protected", 0 },
	{ 0 },
};

static error_t attach_parse(int key, char *arg, struct argp_state *state)
{
	struct attach_options *opt = state->input;

	switch (key) {
	case OPT_CONDITION:
		opt->failure = CTL_CONDITION_FAILED;
		return 0;
	case OPT_LISTENERS:
		opt->listeners = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument: %s", arg);
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
	struct attach_options opt = { .failure = EXIT_FAILURE };
	const char *cannot;
	char cgroup[PATH_MAX];
	uint64_t id;
	int error;

	argp_parse(&argp, argc, argv, 0, NULL, &opt);
	if (opt.listeners)
		return check_listeners(opt.listeners);
	cannot = ctl_cannot_scope();
	if (cannot)
		errx(opt.failure, "%s", cannot);
	error = ctl_service_cgroup(cgroup);
	if (!error)
		error = ctl_scope_add(cgroup, IPPROTO_KSCHANNEL_POLICY, &id);
	if (error)
		errx(opt.failure, "cannot attach the BPF program: %s", strerror(-error));
	return EXIT_SUCCESS;
}
