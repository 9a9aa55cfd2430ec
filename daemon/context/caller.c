// SPDX-License-Identifier: GPL-2.0-only
/*
 * The identity of a connected application. All of it is from the kernel, as of the time of the
 * connection: the process ID is never looked up, because it may have been reused. It is only
 * logged. With SO_PEERPIDFD the log could tell whether the process still exists, but not which one
 * it was, and each connection would need a second descriptor.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "context/caller.h"

/* Most processes have no more; up to 65536 are possible. */
#define FEW_GROUPS	64

/**
 * ksc_caller_find_groups() - get the supplementary groups
 * @caller: the caller
 * @fd: the same socket
 *
 * There can be many, so this is only called if they are needed.
 *
 * Return: 0 or a negative errno
 */
int ksc_caller_find_groups(struct ksc_caller *caller, int fd)
{
	gid_t few[FEW_GROUPS], *list = few;
	socklen_t len = sizeof(few);
	int rc = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, list, &len)) {
		if (errno != ERANGE)
			return -errno;
		/* len is the required size now, and a connected socket's groups do not change */
		list = malloc(len);
		if (!list)
			return -ENOMEM;
		if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, list, &len))
			rc = -errno;
	}
	if (!rc) {
		caller->who.groups = ksc_groups_new(list, len / sizeof(*list));
		if (!caller->who.groups)
			rc = -ENOMEM;
	}
	if (list != few)
		free(list);
	return rc;
}

/**
 * ksc_caller_find() - get the identity, except for the supplementary groups
 * @caller: filled in; ksc_caller_forget() frees it
 * @fd: an accepted AF_UNIX socket; it belongs to the network namespace of the application
 *
 * Return: 0 or a negative errno
 */
int ksc_caller_find(struct ksc_caller *caller, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	*caller = (struct ksc_caller) { .pid = 0 };
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -errno;
	caller->who.uid = cred.uid;
	caller->who.gid = cred.gid;
	caller->pid = cred.pid;
	len = sizeof(caller->who.netns);
	return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &caller->who.netns, &len) ? -errno : 0;
}

/**
 * ksc_caller_forget() - free the identity
 * @caller: the caller
 */
void ksc_caller_forget(struct ksc_caller *caller)
{
	ksc_groups_put(caller->who.groups);
	caller->who.groups = NULL;
}
