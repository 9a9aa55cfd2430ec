// SPDX-License-Identifier: GPL-2.0-only
/*
 * h_container [--share DIRECTORY] CGROUP CMD ARG...: runs CMD as a container's first process: in
 * the cgroup, and with namespaces of its own for cgroups, mounts, processes and the network.
 * Of what is in /run it has the directory, if one is named. Ends with it.
 */
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CGROUPS "/sys/fs/cgroup"

static void enter_cgroup(const char *cgroup)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), CGROUPS "%s/cgroup.procs", cgroup);
	file = fopen(path, "w");
	if (!file || fputs("0", file) < 0 || fclose(file))
		err(1, "%s", path);
}

/* What shows processes and cgroups shows the container's own from now on. */
static void mount_own(const char *shared)
{
	char via[32];
	int fd = -1;

	if (shared)
		fd = open(shared, O_PATH | O_CLOEXEC | O_DIRECTORY);
	if (shared && fd < 0)
		err(1, "%s", shared);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("proc", "/proc", "proc", 0, NULL) || umount2(CGROUPS, MNT_DETACH) ||
	    mount("cgroup2", CGROUPS, "cgroup2", 0, NULL) ||
	    mount("tmpfs", "/run", "tmpfs", 0, NULL) || mount("tmpfs", "/tmp", "tmpfs", 0, NULL))
		err(1, "mount");
	if (!shared)
		return;
	snprintf(via, sizeof(via), "/proc/self/fd/%d", fd);
	if (mkdir(shared, 0755) || mount(via, shared, NULL, MS_BIND, NULL))
		err(1, "%s", shared);
	close(fd);
}

int main(int argc, char **argv)
{
	const char *shared = NULL;
	int status;
	pid_t pid;

	if (argc > 2 && !strcmp(argv[1], "--share")) {
		shared = argv[2];
		argc -= 2;
		argv += 2;
	}
	if (argc < 3)
		errx(2, "wrong usage");
	enter_cgroup(argv[1]);
	if (unshare(CLONE_NEWCGROUP | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET))
		err(1, "unshare");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		mount_own(shared);
		execvp(argv[2], argv + 2);
		err(127, "%s", argv[2]);
	}
	if (waitpid(pid, &status, 0) < 0)
		err(1, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
