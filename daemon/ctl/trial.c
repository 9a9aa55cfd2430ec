// SPDX-License-Identifier: GPL-2.0-only
/* The command line of "policy test": a connection, which need not exist. */
#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "ctl/pins.h"
#include "ctl/scope.h"
#include "ctl/trial.h"

enum {
	OPTION_CONNECT = 256, OPTION_ACCEPT, OPTION_FROM, OPTION_UID, OPTION_GID, OPTION_CGROUP,
	OPTION_VIA
};

static const struct argp_option test_options[] = {
	{ "connect", OPTION_CONNECT, "ADDRESS:PORT", 0, "An outgoing connection to there", 0 },
	{ "accept", OPTION_ACCEPT, "ADDRESS:PORT", 0, "An incoming connection to there", 0 },
	{ "from", OPTION_FROM, "ADDRESS:PORT", 0, "The other end (default: 127.0.0.1:0, [::1]:0)",
	  0 },
	{ "via", OPTION_VIA, "ADDRESS:PORT", 0,
	  "The address that the program asks for, if BPF replaces it by that of --connect", 0 },
	{ "uid", OPTION_UID, "N", 0, "Owner of the socket; yourself by default", 0 },
	{ "gid", OPTION_GID, "N", 0, "Owner's group", 0 },
	{ "cgroup", OPTION_CGROUP, "PATH", 0, "The cgroup, such as /system.slice/x.service", 0 },
	{ "json", 'j', NULL, 0, "Print JSON", 0 },
	{ 0 },
};

/* "1.2.3.4:5" or "[::1]:5" */
static bool parse_address(const char *text, union ctl_address *addr)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN];
	unsigned long port;
	bool bracket;
	size_t len;
	char *end;

	if (!colon || colon == text || colon[1] < '0' || colon[1] > '9')
		return false;
	port = strtoul(colon + 1, &end, 10);
	if (*end || port > UINT16_MAX)
		return false;
	len = (size_t)(colon - text);
	bracket = text[0] == '[' && colon[-1] == ']';
	if (bracket) {
		text++;
		len -= 2;
	}
	if (len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	memset(addr, 0, sizeof(*addr));
	if (inet_pton(AF_INET, host, &addr->in.sin_addr) == 1) {
		addr->sa.sa_family = AF_INET;
		addr->in.sin_port = htons((uint16_t)port);
		return !bracket;
	}
	addr->sa.sa_family = AF_INET6;
	addr->in6.sin6_port = htons((uint16_t)port);
	return inet_pton(AF_INET6, host, &addr->in6.sin6_addr) == 1;
}

static uint32_t parse_number(const char *text, struct argp_state *state)
{
	uint64_t n;

	if (!ctl_parse_id(text, &n) || n > UINT32_MAX)
		argp_error(state, "\"%s\" is no number of an account or group", text);
	return (uint32_t)n;
}

/* The cgroup must exist: a misspelt name would match nothing. */
static void take_cgroup(struct ctl_flow *flow, const char *path, struct argp_state *state)
{
	char full[PATH_MAX], *real;
	uint64_t id;
	int error;

	ctl_parse_cgroup(path, full, state);
	error = ctl_cgroup_id(full, &id);
	real = error ? NULL : realpath(full, NULL);
	if (!real)
		argp_failure(state, EXIT_FAILURE, error ? -error : errno, "%s", full);
	else if (strncmp(real, CTL_CGROUPS, strlen(CTL_CGROUPS)) != 0)
		argp_error(state, "\"%s\" is not the path of a cgroup", path);
	else
		flow->cgroup = ctl_alloc(strdup(real[strlen(CTL_CGROUPS)] ?
						real + strlen(CTL_CGROUPS) : "/"));
	free(real);
}

static void parse_end(const char *arg, union ctl_address *addr, struct argp_state *state)
{
	if (!parse_address(arg, addr))
		argp_error(state, "\"%s\" is no ADDRESS:PORT", arg);
}

static void parse_direction(struct ctl_trial *trial, uint32_t direction, struct argp_state *state)
{
	if (trial->flow.direction)
		argp_error(state, "--connect and --accept exclude each other");
	trial->flow.direction = direction;
}

static error_t test_parse(int key, char *arg, struct argp_state *state)
{
	struct ctl_trial *trial = state->input;
	struct ctl_flow *flow = &trial->flow;

	switch (key) {
	case OPTION_CONNECT:
		parse_direction(trial, KSC_RULE_DIRECTION_CONNECT, state);
		parse_end(arg, &flow->peer, state);
		return 0;
	case OPTION_ACCEPT:
		parse_direction(trial, KSC_RULE_DIRECTION_ACCEPT, state);
		parse_end(arg, &flow->local, state);
		return 0;
	case OPTION_FROM:
		parse_end(arg, &trial->from, state);
		return 0;
	case OPTION_VIA:
		parse_end(arg, &flow->via, state);
		return 0;
	case OPTION_UID:
		flow->uid = parse_number(arg, state);
		return 0;
	case OPTION_GID:
		flow->gid = parse_number(arg, state);
		return 0;
	case OPTION_CGROUP:
		take_cgroup(flow, arg, state);
		return 0;
	case 'j':
		trial->json = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "too many arguments");
		return EINVAL;
	case ARGP_KEY_END:
		if (!flow->direction)
			argp_error(state, "--connect or --accept is missing");
		if (flow->via.sa.sa_family && flow->direction != KSC_RULE_DIRECTION_CONNECT)
			argp_error(state, "--via goes with --connect");
		if (flow->direction == KSC_RULE_DIRECTION_CONNECT)
			flow->local = trial->from;
		else
			flow->peer = trial->from;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The default of one end: a loopback address of the other's family. */
static void fill_in(union ctl_address *addr, const union ctl_address *other)
{
	if (addr->sa.sa_family != AF_UNSPEC)
		return;
	addr->sa.sa_family = other->sa.sa_family;
	if (addr->sa.sa_family == AF_INET)
		addr->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		addr->in6.sin6_addr = in6addr_loopback;
}

/**
 * ctl_trial_parse() - parse the command line of "policy test"
 * @argc: number of arguments
 * @argv: the arguments
 * @trial: filled in; exits on error
 */
void ctl_trial_parse(int argc, char **argv, struct ctl_trial *trial)
{
	static const struct argp argp = {
		.options = test_options,
		.parser = test_parse,
		.doc = "Ask the kernel which rule a connection would match.",
	};

	*trial = (struct ctl_trial) { .flow = { .uid = getuid(), .gid = getgid() } };
	argp_parse(&argp, argc, argv, 0, NULL, trial);
	fill_in(&trial->flow.local, &trial->flow.peer);
	fill_in(&trial->flow.peer, &trial->flow.local);
}
