// SPDX-License-Identifier: GPL-2.0-only
/* A cgroup of a test's own, and the memory that sockets are charged for in it. */
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "group.h"
#include "net.h"

/* The kernel brings its figures up to date every two seconds, and else when it is worth while */
#define FIGURES_MS 2500

static bool in_own;

/**
 * group_read() - find a figure in a file of lines
 * @path: the file
 * @what: what the line begins with, and the figure follows
 * @unit: what the figure counts
 * Return: the figure times @unit, or -1 if there is none
 */
int64_t group_read(const char *path, const char *what, int64_t unit)
{
	FILE *file = fopen(path, "re");
	size_t len = strlen(what);
	int64_t value = -1;
	char line[256];

	if (!file)
		return -1;
	while (value < 0 && fgets(line, sizeof(line), file))
		if (strncmp(line, what, len) == 0)
			value = strtoll(line + len, NULL, 10) * unit;
	fclose(file);
	return value;
}

/**
 * group_slabs() - the whole machine's kernel memory by kmalloc() and slab caches
 * Return: bytes
 */
int64_t group_slabs(void)
{
	return group_read("/proc/meminfo", "SUnreclaim:", 1024);
}

/**
 * group_move_to() - move this process to a group
 * @group: its cgroup.procs
 * Return: whether that succeeded
 */
bool group_move_to(const char *group)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	return t_write_file(group, pid);
}

/**
 * group_setup() - before a test: go to a group of one's own, if there can be one
 * @state: cmocka's
 * Return: 0
 */
int group_setup(void **state)
{
	t_setup(state);
	t_write_file(CGROUP "/cgroup.subtree_control", "+memory");
	in_own = mkdir(GROUP_OWN, 0755) == 0 && group_move_to(GROUP_OWN "/cgroup.procs") &&
		 group_charged() >= 0;
	return 0;
}

/**
 * group_leave() - after it: leave the group
 * @state: cmocka's
 * Return: 0
 */
int group_leave(void **state)
{
	(void)state;
	group_move_to(CGROUP "/command/cgroup.procs");
	rmdir(GROUP_OWN);
	/* processes can be in a group that is not the machine's first again */
	t_write_file(CGROUP "/cgroup.subtree_control", "-memory");
	return 0;
}

/**
 * group_is_own() - has the setup found a group that counts memory?
 * Return: whether it has
 */
bool group_is_own(void)
{
	return in_own;
}

/**
 * group_need() - leave the test out if there is none
 */
void group_need(void)
{
	if (!in_own) {
		print_message("there is no memory cgroup\n");
		skip();
	}
}

/**
 * group_charged() - get the bytes charged for the group's sockets
 * Return: bytes
 */
int64_t group_charged(void)
{
	return group_read(GROUP_OWN "/memory.stat", "sock ", 1);
}

/**
 * group_charged_all() - the same when the figure is up to date, and nothing goes on
 * Return: bytes
 */
int64_t group_charged_all(void)
{
	int64_t end = t_now_ms() + PATIENCE_S * INT64_C(1000);
	int64_t since = t_now_ms(), was = group_charged(), now;

	while (t_now_ms() - since < FIGURES_MS && t_now_ms() < end) {
		usleep(50000);
		now = group_charged();
		if (now != was)
			since = t_now_ms();
		was = now;
	}
	return was;
}

/**
 * group_known() - get the bytes that TCP itself accounts for a socket
 * @fd: the socket
 * Return: bytes in its queues, and those to its credit
 */
uint32_t group_known(int fd)
{
	uint32_t v[SK_MEMINFO_VARS];
	socklen_t len = sizeof(v);

	SYS(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, v, &len));
	return v[SK_MEMINFO_RMEM_ALLOC] + v[SK_MEMINFO_WMEM_QUEUED] + v[SK_MEMINFO_FWD_ALLOC];
}

/**
 * group_beside() - get the bytes charged for sockets outside TCP's queues
 * @fds: all sockets of the group
 * @n: number of sockets
 * Return: bytes
 */
int64_t group_beside(const int *fds, unsigned int n)
{
	int64_t sum = group_charged();

	for (unsigned int i = 0; i < n; i++)
		sum -= group_known(fds[i]);
	return sum;
}
