// SPDX-License-Identifier: GPL-2.0-only
/*
 * The application at the other end of a connection. Everything is the kernel's word, of the
 * moment that it connected: a process number is looked up nowhere, since it may be another's
 * by then. That is so in the log, too. With SO_PEERPIDFD one could tell there whether it still is
 * the same's, but not whose it was, and each connection would take a second descriptor for that.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "context/caller.h"

/* What most processes have at most; there may be 65536. */
#define FEW_GROUPS	64

/**
 * ksc_caller_find_groups() - find out which groups it is in beside its own
 * @caller: who is there
 * @fd: the same socket
 *
 * They may be many, so that it has to be known first whether there is use for them.
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
		/* it has said how many bytes there are, and they are as it has connected */
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
 * ksc_caller_find() - find out who is there, but for its groups
 * @caller: set, to be forgotten if this succeeds
 * @fd: an accepted AF_UNIX socket; it is of the network namespace that was connected from
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
 * ksc_caller_forget() - have no use for it any more
 * @caller: who was there
 */
void ksc_caller_forget(struct ksc_caller *caller)
{
	ksc_groups_put(caller->who.groups);
	caller->who.groups = NULL;
}
