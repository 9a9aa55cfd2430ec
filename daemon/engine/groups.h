/* SPDX-License-Identifier: GPL-2.0-only */
/* groups.c: the user who makes a request, and its groups. */
#ifndef KSC_GROUPS_H
#define KSC_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * struct ksc_groups - a list of groups
 * @refs: references, all held by one thread
 * @n: number of groups
 * @list: the groups, ascending
 */
struct ksc_groups {
	unsigned int refs;
	size_t n;
	gid_t list[];
};

/**
 * struct ksc_who - who makes a request: a socket's owner, or an application
 * @uid: the user
 * @gid: its primary group
 * @groups: its supplementary groups, which the kernel reports for applications only; or NULL
 * @netns: cookie of the network namespace that an application has connected from; 0 for a
 *	socket, which is in the daemon's
 * @elsewhere: @netns is not the daemon's namespace
 */
struct ksc_who {
	uid_t uid;
	gid_t gid;
	struct ksc_groups *groups;
	uint64_t netns;
	bool elsewhere;
};

struct ksc_groups *ksc_groups_new(const gid_t *list, size_t n);
struct ksc_groups *ksc_groups_get(struct ksc_groups *groups);
void ksc_groups_put(struct ksc_groups *groups);
bool ksc_groups_have(const struct ksc_groups *groups, gid_t gid);

#endif
