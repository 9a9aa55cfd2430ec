// SPDX-License-Identifier: GPL-2.0-only
/* Cgroups whose TCP sockets get the ULP, by a BPF program. */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/pins.h"
#include "ctl/scope.h"

#define HOOK "update_socket_protocol"

extern const char ctl_socket_object[], ctl_socket_object_end[];

/**
 * ctl_cannot_scope() - get the reason why the caller cannot use BPF on this machine
 * Return: the reason, or NULL if it can
 */
const char *ctl_cannot_scope(void)
{
	const char *why = ctl_cannot_pin(HOOK);

	return why && !*why ? "the kernel has no " HOOK "(), which Linux 6.6 came with" : why;
}

static int pin(struct bpf_object *object, const char *directory)
{
	static const struct ctl_pinned_link links[] = {
		{ "ksc_create", "create" },
		{ "ksc_announce", "announce" },
		{ "ksc_accept", "accept" },
		{ "ksc_connect", "scope-connect" },
		{ "ksc_listen", "scope-listen" },
		{ "ksc_socket", "socket" },
		{ "ksc_socket2", "socket2" },
		{ "ksc_socket3", "socket3" },
		{ "ksc_socket4", "socket4" },
	};

	return ctl_pin_links(object, directory, links, ARRAY_SIZE(links));
}

static const char *const first[] = { "create", "announce", "accept", "scope-connect",
				     "scope-listen", "socket", NULL };

static const struct ctl_pins scopes = {
	.name = "scope",
	.object = ctl_socket_object,
	.end = ctl_socket_object_end,
	.map = "ksc_scopes",
	.pinned_map = "scopes",
	.first = first,
	.load = pin,
};

/**
 * ctl_scope_add() - give the ULP to new TCP sockets of a cgroup
 * @cgroup: its directory
 * @protocol: IPPROTO_KSCHANNEL or IPPROTO_KSCHANNEL_POLICY
 * @id: gets the cgroup's ID
 * Return: 0 or a negative errno
 */
int ctl_scope_add(const char *cgroup, uint32_t protocol, uint64_t *id)
{
	return ctl_pins_add(&scopes, cgroup, protocol, id);
}

/**
 * ctl_scope_remove() - undo ctl_scope_add()
 * @id: the cgroup's ID
 */
void ctl_scope_remove(uint64_t id)
{
	ctl_pins_remove(&scopes, NULL, id);
}

/**
 * ctl_parse_cgroup() - find the directory of a cgroup
 * @arg: its path, such as /system.slice/x.service
 * @path: gets the directory
 * @state: for error messages
 */
void ctl_parse_cgroup(const char *arg, char path[PATH_MAX], struct argp_state *state)
{
	if (arg[0] != '/' || snprintf(path, PATH_MAX, CTL_CGROUPS "%s", arg) >= PATH_MAX)
		argp_error(state, "\"%s\" is not the path of a cgroup", arg);
}

/**
 * ctl_own_cgroup() - find the directory of this process's cgroup
 * @path: gets the directory
 * Return: 0 or a negative errno
 */
int ctl_own_cgroup(char path[PATH_MAX])
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX];
	int error = -ENOENT;

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, "0::", 3) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		error = snprintf(path, PATH_MAX, CTL_CGROUPS "%s", line + 3) < PATH_MAX ?
				0 :
				-ENAMETOOLONG;
	}
	fclose(file);
	return error;
}

/**
 * ctl_service_cgroup() - find the directory of the cgroup of the service that runs this command
 * @path: gets the directory
 * Return: 0 or a negative errno
 */
int ctl_service_cgroup(char path[PATH_MAX])
{
	/* if a unit's cgroup is delegated, systemd runs commands in one below it */
	static const char control[] = "/.control";
	const size_t tail = strlen(control);
	int error = ctl_own_cgroup(path);
	size_t len;

	if (error)
		return error;
	len = strlen(path);
	if (len > tail && !strcmp(path + len - tail, control))
		path[len - tail] = '\0';
	return 0;
}
