// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs a program in a cgroup of its own, whose TCP sockets get the ULP, or must have it.
 *
 * This process stays its parent, to remove the cgroup afterwards. If the program leaves processes
 * running, the cgroup and the protection stay.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "ctl/guard.h"
#include "ctl/scope.h"
#include "ctl/within.h"

/* These would kill only this process, except if they come from the terminal. */
static const int forwarded[] = { SIGHUP, SIGTERM, SIGUSR1, SIGUSR2 };

static pid_t child;

static void forward(int signal)
{
	int saved = errno;

	kill(child, signal);
	errno = saved;
}

static int enter(const char *cgroup)
{
	char path[PATH_MAX];
	int fd, error = 0;

	if (snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, "0", 1) != 1)
		error = -errno;
	close(fd);
	return error;
}

static _Noreturn void become(const char *cgroup, const char *path, char **command,
			     const sigset_t *mask)
{
	int error = enter(cgroup);

	if (error) {
		warnx("%s: %s", cgroup, strerror(-error));
		_exit(EXIT_CANNOT_RUN);
	}
	sigprocmask(SIG_SETMASK, mask, NULL);
	execv(path, command);
	warn("%s", path);
	_exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN);
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			err(EXIT_CANNOT_RUN, "waitpid");
	}
	/* as in shells */
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_in(const char *cgroup, const char *path, char **command)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction action = { .sa_handler = forward, .sa_flags = SA_RESTART };
	sigset_t all, mask;

	/* blocked until there is a child to forward to */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &mask);
	child = fork();
	if (child < 0) {
		warn("fork");
		sigprocmask(SIG_SETMASK, &mask, NULL);
		return EXIT_CANNOT_RUN;
	}
	if (!child)
		become(cgroup, path, command, &mask);
	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
		sigaction(forwarded[i], &action, NULL);
	sigaction(SIGINT, &ignore, NULL);
	sigaction(SIGQUIT, &ignore, NULL);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return wait_for(child);
}

static int prepare(const char *cgroup, uint32_t protocol, bool guard, uint64_t *id)
{
	int error = guard ? ctl_guard_add(cgroup) : 0;

	return error || !protocol ? error : ctl_scope_add(cgroup, protocol, id);
}

/**
 * ctl_run_within() - run a program in a cgroup of its own
 * @path: the program
 * @command: the command and its arguments, NULL-terminated
 * @protocol: protocol that its TCP sockets get: IPPROTO_KSCHANNEL, IPPROTO_KSCHANNEL_POLICY, or 0
 *	for none
 * @guard: block all other TCP sockets
 * Return: exit status
 */
int ctl_run_within(const char *path, char **command, uint32_t protocol, bool guard)
{
	char own[PATH_MAX], cgroup[PATH_MAX];
	int error = ctl_own_cgroup(own), status;
	uint64_t id = 0;

	if (!error && snprintf(cgroup, sizeof(cgroup), "%s/kschannel-run.%d", own, getpid()) >=
			      (int)sizeof(cgroup))
		error = -ENAMETOOLONG;
	if (error) {
		warnx("cannot find this process's cgroup: %s", strerror(-error));
		return EXIT_CANNOT_RUN;
	}
	if (mkdir(cgroup, 0755)) {
		warn("%s", cgroup);
		return EXIT_CANNOT_RUN;
	}
	error = prepare(cgroup, protocol, guard, &id);
	if (error) {
		warnx("cannot load the BPF program: %s", strerror(-error));
		status = EXIT_CANNOT_RUN;
	} else {
		status = run_in(cgroup, path, command);
	}
	if (rmdir(cgroup)) {
		if (errno != EBUSY)
			warn("%s", cgroup);
	} else if (id) {
		ctl_scope_remove(id);
	}
	return status;
}
