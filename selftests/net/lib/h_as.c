// SPDX-License-Identifier: GPL-2.0-only
/*
 * h_as UID [-n] COMMAND [ARG...]: run a command as another user; with -n as root of a user
 * and a network namespace that this user creates.
 */
#include <err.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		err(126, "%s", path);
	close(fd);
}

static void become_root(unsigned int id)
{
	char map[32];

	/* or else our files in /proc would be root's still */
	if (prctl(PR_SET_DUMPABLE, 1))
		err(126, "prctl");
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		err(126, "unshare");
	snprintf(map, sizeof(map), "0 %u 1", id);
	put("/proc/self/uid_map", map);
	put("/proc/self/setgroups", "deny");
	put("/proc/self/gid_map", map);
}

int main(int argc, char **argv)
{
	int own = argc > 2 && !strcmp(argv[2], "-n");
	unsigned int id;

	if (argc < 3 + own)
		errx(126, "usage: h_as UID [-n] COMMAND [ARG...]");
	id = (unsigned int)strtoul(argv[1], NULL, 10);
	if (setgroups(0, NULL) || setgid(id) || setuid(id))
		err(126, "%s", argv[1]);
	if (own)
		become_root(id);
	execvp(argv[2 + own], argv + 2 + own);
	err(127, "%s", argv[2 + own]);
}
