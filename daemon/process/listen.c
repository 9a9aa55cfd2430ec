// SPDX-License-Identifier: GPL-2.0-only
/*
 * The socket that applications connect to. The service manager may own it and pass it on
 * (sd_listen_fds(3)): it then exists while the daemon restarts, and connecting applications wait.
 * Otherwise the daemon creates it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "process/listen.h"

/* The first descriptor that is passed. */
#define FIRST_FD	3
/* Pending connections; the kernel may allow fewer. */
#define BACKLOG		4096

static int option_of(int fd, int option)
{
	socklen_t len = sizeof(int);
	int value;

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) ? -1 : value;
}

static bool is_ours(int fd)
{
	return option_of(fd, SO_DOMAIN) == AF_UNIX && option_of(fd, SO_TYPE) == SOCK_SEQPACKET &&
	       option_of(fd, SO_ACCEPTCONN) == 1;
}

/* Names are separated by colons; without names, a single descriptor is ours. */
static bool is_named(const char *names, int at, int n)
{
	const size_t len = strlen(KSC_LISTEN_NAME);

	if (!names)
		return n == 1;
	for (; at && names; at--) {
		names = strchr(names, ':');
		names = names ? names + 1 : NULL;
	}
	return names && strcspn(names, ":") == len && !strncmp(names, KSC_LISTEN_NAME, len);
}

static int set_flags(int fd)
{
	const int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) ||
	       fcntl(fd, F_SETFD, FD_CLOEXEC) ? -errno : 0;
}

static int number(const char *name)
{
	const char *text = getenv(name);
	char *end;
	long n;

	errno = 0;
	n = text ? strtol(text, &end, 10) : 0;
	return text && *text && !*end && !errno && n > 0 && n <= 1 << 30 ? (int)n : 0;
}

/**
 * ksc_listen_given() - get the socket that the service manager passes
 *
 * Return: the socket; or a negative errno: -ENOENT without one, -EPROTOTYPE if it has another type
 */
int ksc_listen_given(void)
{
	const char *names = getenv("LISTEN_FDNAMES");
	const int n = number("LISTEN_FDS");
	int i, rc;

	if (number("LISTEN_PID") != getpid())
		return -ENOENT;
	for (i = 0; i < n; i++) {
		if (!is_named(names, i, n))
			continue;
		if (!is_ours(FIRST_FD + i))
			return -EPROTOTYPE;
		rc = set_flags(FIRST_FD + i);
		return rc ? rc : FIRST_FD + i;
	}
	return -ENOENT;
}

/* A socket without a listener is stale. */
static int clear(int fd, const struct sockaddr_un *addr)
{
	struct stat st;

	if (lstat(addr->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (!connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) || errno == EAGAIN)
		return -EADDRINUSE;
	return errno == ECONNREFUSED && !unlink(addr->sun_path) ? 0 : -errno;
}

static int make_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path)] = "";

	if (!slash || slash == path)
		return 0;
	memcpy(directory, path, (size_t)(slash - path));
	return mkdir(directory, 0755) && errno != EEXIST ? -errno : 0;
}

static int make_socket(const struct sockaddr_un *addr)
{
	const int probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = probe < 0 || fd < 0 ? -errno : clear(probe, addr);

	if (!rc && (bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) ||
		    listen(fd, BACKLOG)))
		rc = -errno;
	if (probe >= 0)
		close(probe);
	if (!rc)
		return fd;
	if (fd >= 0)
		close(fd);
	return rc;
}

/**
 * ksc_listen_make() - create the socket, and its directory if that is missing
 * @path: its path; any user may connect
 *
 * Return: the socket; or a negative errno: -EADDRINUSE if another process listens there
 */
int ksc_listen_make(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	mode_t mask;
	int rc;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path));
	mask = umask(022);
	rc = make_directory(path);
	umask(0111);
	if (!rc)
		rc = make_socket(&addr);
	umask(mask);
	return rc;
}
